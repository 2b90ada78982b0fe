from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from orders.models import Order, Status
from orders.scope import Scope
from tests.depot import Depot, sign_in

SITES, STATES = st.sampled_from([None, 1, 2]), st.sampled_from(["OH", "KY", "MN"])


@given(SITES, st.frozensets(STATES), st.booleans(), SITES, STATES)
def test_an_order_is_theirs_if_neither_its_warehouse_nor_its_state_is_another_s(
    site: int | None, states: frozenset[str], unplaced: bool, order_site: int | None, order_state: str
) -> None:
    order = Order(site_id=order_site, state=order_state)
    here = site is None or order_site == site or (unplaced and order_site is None)
    assert Scope(site, states, unplaced).covers(order) == (here and (not states or order_state in states))


def test_a_query_is_narrowed_to_just_what_is_theirs(depot: Depot) -> None:
    sites = [None, depot.site("OH").id, depot.site("MN").id]
    for site in sites:
        for zip, state in (("43215", "OH"), ("42223", "KY")):
            depot.request(zip=zip, state=state).site_id = site
    depot.session.commit()
    every = depot.session.scalars(select(Order)).all()
    for site in sites:
        for states in (frozenset[str](), frozenset({"OH"}), frozenset({"KY", "MN"})):
            for unplaced in (False, True):
                scope = Scope(site, states, unplaced)
                found = set(depot.session.scalars(scope.narrowed(select(Order))))
                assert found == {order for order in every if scope.covers(order)}, scope


def test_lists_and_counts_leave_other_states_out(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(quantity=20)
    mine, theirs = depot.allocated(), depot.allocated(zip="42223", state="KY")
    assert mine.site_id == theirs.site_id
    held = [depot.request(zip=zip, state=state) for zip, state in (("43215", "OH"), ("42223", "KY"))]
    for order in held:
        order.status = Status.HELD
    pages = ("/desk", "/desk?status=allocated", "/review")
    numbers = {order.number for order in (mine, theirs, *held)}

    def shown() -> set[str]:
        return {number for page in pages for number in numbers if number in client.get(page).text}

    sign_in(client, "manager")
    assert shown() == numbers, "the control: who looks after every state sees all"
    everywhere = client.get("/manage").text, client.get("/planning/demand").text
    depot.user("manager").state_codes = ["OH"]
    assert shown() == {mine.number, held[0].number}
    overview, demand = client.get("/manage").text, client.get("/planning/demand").text
    assert "<td>KY</td>" in everywhere[1] and "<td>KY</td>" not in demand and "<td>OH</td>" in demand
    assert "Kentucky" in everywhere[0] and "Kentucky" not in overview and "Ohio" in overview

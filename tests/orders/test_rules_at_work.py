"""What rules ask for reaches the shelf, the packer and the day: money, warehouses, papers, enclosures, midnight."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock, jobs
from geo import credentials, publish, ruletext
from geo.models import County, DecisionTable, Zip
from geo.rules import Facts
from inventory import stock
from inventory.models import Balance
from orders import authority, tables, triage
from orders.models import Order, Status
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.staff import post

NALOXONE = "naloxone-nasal"


@pytest.fixture
def packer(client: FlaskClient, depot: Depot) -> FlaskClient:
    sign_in(client, "packer")
    return client


def rules(depot: Depot, *found: dict[str, object]) -> None:
    put_in_force(depot.session, ruletext.new("Rules at work", "2", found))
    depot.session.commit()


def paper(depot: Depot, kind: str, *, expires_on: date | None = None, sites: tuple[str, ...] = ()) -> None:
    credentials.record(
        depot.session,
        kind=kind,
        title="A paper",
        number="1",
        issuer="Nobody",
        sites=list(sites),
        places=[],
        items=[],
        valid_from=date(2020, 1, 1),
        expires_on=expires_on,
        note="",
        by="admin",
        at=clock.now(),
    )
    depot.session.commit()


def settled(depot: Depot, **request: object) -> Order:
    order = depot.request({NALOXONE: 1}, **request)  # type: ignore[arg-type]
    depot.settle()
    return order


def packed(packer: FlaskClient, order: Order) -> None:
    post(packer, f"/desk/orders/{order.number}/scan", scan="LOT1")
    post(packer, f"/desk/orders/{order.number}/scan", scan="")


def test_stock_of_money_that_a_rule_bars_is_neither_promised_nor_counted(depot: Depot) -> None:
    rules(depot, rule("US", NALOXONE, "allow"), rule("NY", NALOXONE, "allow", not_funds=["federal"]))
    depot.shelve(lot="PAID")
    depot.fund().kind = "federal"
    depot.session.commit()
    assert settled(depot, zip="10001", state="NY").status == Status.WAITING
    assert settled(depot).status == Status.ALLOCATED
    shelf = (depot.site("OH").id, depot.item(NALOXONE).id)
    assert set(stock.usable(depot.session, clock.today())[shelf]) == {frozenset()}
    jobs.compile_rules(depot.session, depot.settings)
    [states] = stock.usable(depot.session, clock.today())[shelf]
    assert "NY" not in states and {"OH", "MN"} <= states
    rules(depot, rule("US", NALOXONE, "allow", not_funds=["federal"]))
    jobs.compile_rules(depot.session, depot.settings)
    assert shelf not in stock.usable(depot.session, clock.today())


def test_a_warehouse_sends_only_what_its_own_state_allows(depot: Depot) -> None:
    rules(depot, rule("US", NALOXONE, "allow"), rule("OH", NALOXONE, "deny", ends="origin"))
    depot.shelve(lot="HERE", site="OH")
    assert settled(depot).status == Status.WAITING
    depot.shelve(lot="THERE", site="MN")
    order = settled(depot)
    assert order.status == Status.ALLOCATED and order.site is not None and order.site.code == "MN"


def test_an_affiliate_sends_under_its_own_paper_and_only_from_its_own_warehouse(depot: Depot) -> None:
    rules(depot, rule("US", NALOXONE, "allow", credentials=[["standing-order"]]))
    depot.shelve(lot="OHIO", site="OH")
    depot.shelve(lot="MINN", site="MN")
    assert settled(depot).status == Status.HELD
    paper(depot, "standing-order", sites=("MN",))
    order = settled(depot)
    assert order.status == Status.ALLOCATED and order.site is not None and order.site.code == "MN"


def test_a_paper_that_ends_stops_the_box_on_that_day(depot: Depot, packer: FlaskClient) -> None:
    rules(depot, rule("US", NALOXONE, "allow", credentials=[["program:OH"]]))
    ends = clock.today() + timedelta(days=3)
    paper(depot, "program:OH", expires_on=ends, sites=("OH",))
    depot.shelve()
    before, late = settled(depot), settled(depot)
    assert (before.status, late.status) == (Status.ALLOCATED, Status.ALLOCATED)
    with clock.at(datetime.combine(ends, datetime.min.time(), UTC) - timedelta(hours=10)):
        sign_in(packer, "packer")  # days later
        packed(packer, before)
    with clock.at(datetime.combine(ends, datetime.min.time(), UTC) + timedelta(hours=12)):
        sign_in(packer, "packer")  # days later
        packed(packer, late)
    depot.session.expire_all()
    assert before.status == Status.PACKED
    assert late.status == Status.HELD and "naloxone-nasal (US-naloxone-nasal)" in late.note


def test_an_order_keeps_the_ruleset_and_the_decision_of_the_day_it_was_packed(
    depot: Depot, packer: FlaskClient
) -> None:
    depot.shelve()
    order = settled(depot)
    first = order.ruleset_id
    rules(depot, rule("US", NALOXONE, "allow", enclosures=["The blue card"]))
    packed(packer, order)
    depot.session.expire_all()
    assert order.status == Status.PACKED
    assert order.ruleset_id == publish.in_force(depot.session, clock.today()).id != first
    assert order.decision is not None and order.decision[NALOXONE]["effect"] == "allow"
    assert "The blue card" in packer.get(f"/desk/orders/{order.number}").text


def test_the_table_follows_rules_papers_and_catalog_and_says_what_the_rules_say(depot: Depot) -> None:
    rules(depot, rule("US", NALOXONE, "allow", credentials=[["program:OH"]]))
    today, place = clock.today(), tables.places.find(depot.session, "43215")

    def said() -> tuple[bool, str]:
        decider = tables.looked_up(depot.session, today)
        decision = decider.decide(place, NALOXONE, "OH", Facts(), today)
        by_rules = authority.laws(depot.session)(today).decide(place, NALOXONE, "OH", Facts(), today)
        assert decision == by_rules
        return isinstance(decider, tables.ByTable), str(decision.effect)

    assert said() == (False, "deny")
    jobs.compile_rules(depot.session, depot.settings)
    assert said() == (True, "deny")
    paper(depot, "program:OH")
    jobs.compile_rules(depot.session, depot.settings)
    assert said() == (True, "allow")
    made = depot.session.scalars(select(DecisionTable.made_at)).all()
    with clock.at(clock.now() + timedelta(seconds=5)):
        jobs.compile_rules(depot.session, depot.settings)
    assert depot.session.scalars(select(DecisionTable.made_at)).all() == made
    depot.session.scalars(select(DecisionTable)).first().content = b"of another version"  # type: ignore[union-attr]
    depot.session.scalars(select(DecisionTable)).first().made_at = clock.now()  # type: ignore[union-attr]
    depot.session.commit()
    assert said() == (False, "allow")
    rules(depot, rule("US", NALOXONE, "deny"))
    assert said() == (False, "deny")


def test_an_item_newer_than_the_table_is_decided_by_the_rules(client: FlaskClient, depot: Depot) -> None:
    jobs.compile_rules(depot.session, depot.settings)
    depot.item("wound-care-kit").code = "new-kit"
    depot.session.commit()
    rules(depot, rule("US", "new-kit", "allow"))
    depot.shelve("new-kit")
    jobs.compile_rules(depot.session, depot.settings)
    depot.item("new-kit").code = "newer-kit"
    depot.session.commit()
    page = client.post("/answer", data={"item": ["newer-kit"], "zip": "43215"}).text
    assert "You can ask for this" in page and "A person checks first" in page


def test_a_rule_ends_at_midnight_where_the_parcel_goes(client: FlaskClient, depot: Depot) -> None:
    depot.session.get_one(Zip, "10001").zone = "America/New_York"
    depot.session.get_one(Zip, "55401").zone = "Pacific/Honolulu"  # a made-up Minneapolis
    rules(depot, rule("US", NALOXONE, "allow", valid_to=date(2026, 12, 31)))
    depot.shelve()

    def yes(zip_code: str, moment: datetime) -> bool:
        with clock.at(moment):
            return "Yes, we" in client.post("/answer", data={"item": [NALOXONE], "zip": zip_code}).text

    midnight = datetime(2027, 1, 1, 5, tzinfo=UTC)  # in New York
    for compiled in (False, True):
        if compiled:
            jobs.compile_rules(depot.session, depot.settings)
        assert yes("10001", midnight - timedelta(seconds=1)) and not yes("10001", midnight)
        assert yes("55401", midnight) and not yes("55401", midnight + timedelta(hours=5))


def test_what_ended_after_packing_gets_no_label_and_is_not_shipped(depot: Depot, packer: FlaskClient) -> None:
    rules(depot, rule("US", NALOXONE, "allow", credentials=[["program:OH"]]))
    ends = clock.today() + timedelta(days=3)
    paper(depot, "program:OH", expires_on=ends)
    depot.shelve()
    unlabelled, labelled = settled(depot), settled(depot)
    for order in (unlabelled, labelled):
        packed(packer, order)
    assert post(packer, f"/desk/orders/{labelled.number}/label").status_code == 200
    with clock.at(datetime.combine(ends, datetime.min.time(), UTC) + timedelta(hours=12)):
        sign_in(packer, "packer")  # days later
        assert post(packer, f"/desk/orders/{unlabelled.number}/label").status_code == 409
        assert post(packer, f"/desk/orders/{labelled.number}/ship").status_code == 409
    depot.session.expire_all()
    assert (unlabelled.status, labelled.status) == (Status.HELD, Status.HELD)
    assert depot.session.scalars(select(Balance.reserved)).one() == 0


def test_a_box_needs_the_yes_of_its_own_warehouse(depot: Depot, packer: FlaskClient) -> None:
    rules(depot, rule("US", NALOXONE, "allow"))
    depot.shelve()
    order = settled(depot)
    rules(depot, rule("US", NALOXONE, "allow"), rule("OH", NALOXONE, "deny", ends="origin"))
    packed(packer, order)
    depot.session.expire_all()
    assert order.status == Status.HELD and "OH-naloxone-nasal" in order.note


def test_a_release_covers_the_doubts_it_saw_and_no_later_ones(depot: Depot, packer: FlaskClient) -> None:
    rules(depot, rule("US", NALOXONE, "review"))
    depot.shelve()
    order = settled(depot)
    assert order.status == Status.HELD
    triage.release(depot.session, order, reason="asked counsel", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED
    rules(depot, rule("US", NALOXONE, "allow", conditions=["a new one"]))
    packed(packer, order)
    depot.session.expire_all()
    assert order.status == Status.HELD


def test_a_limit_holds_for_all_the_lines_together(client: FlaskClient, depot: Depot) -> None:
    both = rule("US", NALOXONE, "allow", items=[NALOXONE, "wound-care-kit"], most_per_order=3)
    rules(depot, both)
    depot.shelve()
    depot.shelve("wound-care-kit", lot="W")
    form = {"item": [NALOXONE, "wound-care-kit"], "zip": "43215", f"many-{NALOXONE}": "2"}
    assert "Yes, we can send this" in client.post("/answer", data=form).text
    assert "more than we can mail at a time" in client.post("/answer", data={**form, "many-wound-care-kit": "2"}).text
    order = depot.request({NALOXONE: 2, "wound-care-kit": 2})
    depot.settle()
    assert order.status == Status.HELD and "too-many-together" in order.note


def test_stock_of_money_barred_since_stays_and_the_order_goes_to_a_person(depot: Depot, packer: FlaskClient) -> None:
    depot.fund().kind = "federal"
    depot.shelve()
    order = settled(depot)
    rules(depot, rule("US", NALOXONE, "allow", not_funds=["federal"]))
    packed(packer, order)
    depot.session.expire_all()
    assert order.status == Status.HELD and "money" in order.note


def test_an_order_keeps_no_county_in_clear(depot: Depot) -> None:
    depot.session.add(County(fips="36061", name="Aster", state="NY"))
    depot.session.get_one(Zip, "10001").counties = ["36061"]
    depot.session.flush()
    local = rule("county:36061", NALOXONE, "allow", key="NY-aster", scope="county", conditions=["a card"])
    rules(depot, rule("US", NALOXONE, "allow"), local)
    depot.shelve()
    order = settled(depot, zip="10001", state="NY")
    assert order.status == Status.HELD
    triage.release(depot.session, order, reason="has a card", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED
    kept = f"{order.note} {order.decision} {order.released_for}".lower()
    assert "local-rule" in kept and "aster" not in kept and "36061" not in kept

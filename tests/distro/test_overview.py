from datetime import timedelta
from math import inf
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text

from distro import clock
from distro.db import db
from distro.overview import Cell, in_words, state_rows
from geo import places, ruletext
from inventory import alerts, demand, shelves, stock
from orders import queries, replacement, scope
from tests.depot import Depot, put_in_force, rule, sign_in


def cell(**values: int | float) -> Cell:
    defaults = {"senders": 1, "available": 100, "asked": 10, "daily": 2.0, "reorder_days": 21}
    return Cell(state="OH", item_id=1, **{**defaults, **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "level", "days", "words"),
    [
        ({}, "ok", 50, "50 days"),
        ({"available": 42}, "ok", 21, "21 days"),
        ({"available": 41}, "low", 20.5, "20 days"),
        ({"available": 2}, "low", 1, "1 day"),
        ({"available": 2_000}, "ok", 1_000, "over 2 years"),
        ({"available": 0}, "out", 0, "out of stock"),
        ({"available": 0, "daily": 0.0}, "out", inf, "out of stock"),
        ({"daily": 0.0}, "ok", inf, "no requests"),
        ({"senders": 0, "available": 0, "daily": 0.0}, "none", inf, "not sent here"),
    ],
)
def test_a_cell_says_how_long_it_lasts(values: dict[str, float], level: str, days: float, words: str) -> None:
    found = cell(**values)
    assert (found.level, found.days, in_words(found)) == (level, days, words)


def rows_of(depot: Depot) -> dict[str, dict[str, Cell]]:
    session, today = depot.session, clock.today()
    items = shelves.items(session)
    rows = state_rows(
        places.states(session),
        items,
        shelves.own_sites(session),
        stock.cover(session, today),
        demand.by_state(session, today),
    )
    names = {item.id: item.code for item in items}
    return {row.state.code: {names[cell.item_id]: cell for cell in row.cells} for row in rows}


def test_a_state_draws_on_every_warehouse_that_may_send_there(depot: Depot) -> None:
    depot.shelve(site="OH", quantity=10)
    depot.shelve(site="MN", quantity=30, lot="LOT2")
    depot.shelve("syringe-kit", site="MN", quantity=7, lot="LOT3")
    depot.shelve(site="MN", quantity=500, lot="SHORT", days=20)
    depot.site("MN").ships_to = ["MN", "NY"]
    for state, site, units in (("OH", "OH", 97), ("NY", "OH", 3), ("MN", "MN", 5)):
        demand.count(
            depot.session,
            item_id=depot.item("naloxone-nasal").id,
            site_id=depot.site(site).id,
            state=state,
            day=clock.today(),
            quantity=units,
        )
    found = rows_of(depot)
    assert [found[state]["naloxone-nasal"].available for state in ("OH", "MN", "NY")] == [10, 40, 40]
    assert [found[state]["naloxone-nasal"].asked for state in ("OH", "MN", "NY", "TN")] == [97, 5, 3, 0]
    assert found["NY"]["naloxone-nasal"].daily == pytest.approx(found["OH"]["naloxone-nasal"].daily * 1.05)
    assert found["OH"]["syringe-kit"].level == "none" and found["NY"]["syringe-kit"].available == 7


def test_the_state_that_runs_out_first_stands_on_top(depot: Depot) -> None:
    depot.shelve(quantity=5, site="OH")
    depot.shelve(quantity=500, site="MN", lot="LOT2")
    depot.site("OH").ships_to, depot.site("MN").ships_to = ["OH"], ["MN"]
    for state in ("OH", "MN"):
        demand.count(
            depot.session,
            item_id=depot.item("naloxone-nasal").id,
            site_id=depot.site(state).id,
            state=state,
            day=clock.today(),
            quantity=50,
        )
    assert list(rows_of(depot))[:2] == ["OH", "MN"]


def test_the_first_page_shows_alerts_states_and_steps(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(quantity=2)
    depot.allocated({"naloxone-nasal": 2})
    alerts.check(depot.session, at=clock.now())
    sign_in(client, "manager")
    page = client.get("/manage").text
    assert "Order about" in page and "out of stock" in page
    assert "Ohio" in page and "Tennessee" not in page and "Show 3 quiet states" in page
    assert 'href="/desk?status=allocated"' in page
    assert "Tennessee" in client.get("/manage?all=1").text


def test_rules_that_end_soon_stand_on_the_first_page(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    assert "Rules that end soon" not in client.get("/manage").text
    last = clock.today() + timedelta(days=3)
    rules = [rule("OH", "naloxone-nasal", "allow", key=f"OH-{n}", valid_to=last + timedelta(days=n)) for n in range(7)]
    put_in_force(depot.session, ruletext.new("Ending", "2", rules))
    depot.session.commit()
    page = client.get("/manage").text
    assert "3 days left</span> <code>OH-0</code>" in page and "OH-5" not in page and "2 more. <a" in page


def test_one_item_alone(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    page = client.get("/manage?item=syringe-kit").text
    assert "E Syringe kit</th>" in page and "A Naloxone nasal</th>" not in page
    assert client.get("/manage?item=nothing").status_code == 404


def test_every_number_opens_rows_with_the_same_sum(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(quantity=10)
    depot.shelve(quantity=9, lot="SHORT", days=20)
    depot.shelve(quantity=30, lot="LOT2", site="MN")
    depot.shelve(quantity=4, lot="HELD").held = True
    sign_in(client, "manager")
    available = rows_of(depot)["NY"]["naloxone-nasal"].available
    rows = client.get("/stock/export.csv?item=naloxone-nasal&state=NY&show=usable").text.splitlines()[1:]
    assert available == 40 == sum(int(row.rsplit(",", 1)[1]) for row in rows)


def test_packers_see_no_overview(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert client.get("/manage").status_code == 403


def test_demand_falls_out_of_the_window(depot: Depot) -> None:
    demand.count(
        depot.session,
        item_id=depot.item("naloxone-nasal").id,
        site_id=depot.site("OH").id,
        state="OH",
        day=clock.today() - timedelta(weeks=20),
        quantity=5,
    )
    assert rows_of(depot)["OH"]["naloxone-nasal"].asked == 0


def test_a_state_has_only_what_funds_allow_it(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(quantity=10)
    depot.shelve(quantity=500, lot="FEDERAL", fund="FED")  # naloxone for Ohio alone
    found = rows_of(depot)
    assert [found[state]["naloxone-nasal"].available for state in ("OH", "NY")] == [510, 10]
    sign_in(client, "manager")
    for state, units in (("OH", 510), ("NY", 10)):
        rows = client.get(f"/stock/export.csv?item=naloxone-nasal&state={state}&show=usable").text.splitlines()[1:]
        assert units == sum(int(row.rsplit(",", 1)[1]) for row in rows)


def test_past_orders_cost_the_first_page_nothing(depot: Depot) -> None:
    """What came by which way, and what never came, are found by an index."""
    session, today = depot.session, clock.today()
    ran: list[tuple[str, Any]] = []
    listen = (db.engine, "before_cursor_execute", lambda *given: ran.append(given[2:4]))
    event.listen(*listen)
    try:
        queries.by_door(session, today)
        replacement.lost_by_month(session, scope.EVERYTHING, since=today)
    finally:
        event.remove(*listen)
    asked = [(statement, given) for statement, given in ran if "FROM orders" in statement]
    if db.engine.dialect.name == "postgresql":
        session.execute(text("SET LOCAL enable_seqscan = off"))
    explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    for (statement, given), index in zip(asked, ("ix_orders_received_on", "ix_orders_lost_on"), strict=True):
        plan = str(session.connection().exec_driver_sql(f"{explain} {statement}", given).all())
        assert index in plan, plan

"""Reorder alerts open once, mail once, and close by themselves."""

from datetime import UTC, datetime, timedelta
from itertools import combinations
from math import inf
from threading import Barrier, Thread

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from distro import clock, jobs
from distro.db import db
from distro.outbox import Message
from inventory import alerts, demand, stock
from inventory.models import Alert, Fund
from inventory.reorder import ANYWHERE, Cover, Supply
from tests.depot import Depot

MN, OH = frozenset({"MN"}), frozenset({"OH"})


def ask_for(depot: Depot, units: int, site: str = "OH") -> None:
    """Twelve weeks in which `units` a week were asked for."""
    for week in range(12):
        demand.count(
            depot.session,
            item_id=depot.item("naloxone-nasal").id,
            site_id=depot.site(site).id,
            state=site,
            day=clock.today() - timedelta(weeks=week + 1),
            quantity=units,
        )


def test_cover_is_stock_over_demand() -> None:
    cover = Cover(supply={ANYWHERE: 30}, daily={"OH": 1.5, "NY": 0.5}, lead_time_days=14, safety_days=7)
    assert (cover.available, cover.days, cover.reorder_days, cover.is_low, cover.clears) == (30, 15, 21, True, False)
    assert cover.suggested == 2 * (21 + 60) - 30
    assert not Cover({}, {}, 14, 7).is_low  # nobody asks for it
    enough = Cover({ANYWHERE: 42}, {"OH": 2}, 14, 7)
    assert not enough.is_low and not enough.clears  # but not by the margin


@pytest.mark.parametrize(
    ("supply", "daily", "available", "days", "suggested"),
    [
        ({MN: 500}, {"OH": 2}, 0, 0, 162),  # no state that asks may get any
        ({MN: 500}, {}, 500, inf, 0),  # nobody asks
        ({OH: 500}, {"OH": 2}, 500, 250, 0),
        ({OH: 500}, {"OH": 0.75, "NY": 0.25}, 500, 0, 21),  # New York waits, and needs 0.25 a day for 81 days
        ({OH: 500, ANYWHERE: 10}, {"OH": 0.75, "NY": 0.25}, 510, 40, 11),
        ({OH: 500, ANYWHERE: 500}, {"OH": 1, "NY": 1}, 1_000, 500, 0),
        ({OH: 10, frozenset({"NY"}): 90, ANYWHERE: 10}, {"OH": 1, "NY": 1}, 110, 20, 61),
        ({frozenset({"OH", "NY"}): 30}, {"OH": 1, "NY": 1}, 30, 15, 132),
    ],
)
def test_a_limited_unit_counts_for_its_states_alone(
    supply: Supply, daily: dict[str, float], available: int, days: float, suggested: int
) -> None:
    cover = Cover(supply, daily, lead_time_days=14, safety_days=7)
    assert (cover.available, cover.days, cover.suggested) == (available, days, suggested)


STATES = st.sampled_from(["OH", "NY", "MN", "KY"])


@given(
    supply=st.dictionaries(st.frozensets(STATES), st.integers(0, 60), max_size=5),
    asked=st.dictionaries(STATES, st.integers(1, 5), min_size=1),
)
def test_cover_ends_with_the_worst_group_of_states(supply: dict[frozenset[str], int], asked: dict[str, int]) -> None:
    cover = Cover(supply, asked, 14, 7)
    groups = [frozenset(group) for size in range(1, 5) for group in combinations(asked, size)]
    gaps = [(cover.units_for(group), sum(asked[state] for state in group)) for group in groups]
    assert cover.days == min(units / daily for units, daily in gaps)
    assert cover.suggested == max(0, *(daily * 81 - units for units, daily in gaps))


def test_an_alert_opens_once_and_says_what_to_do(depot: Depot) -> None:
    depot.shelve(quantity=10)
    ask_for(depot, 14)
    opened = alerts.check(depot.session, at=clock.now())
    assert [(alert.site.code, alert.item.code) for alert in opened] == [("OH", "naloxone-nasal")]
    assert alerts.check(depot.session, at=clock.now()) == []
    assert "10 boxes left" in alerts.sentence(opened[0]) and "Order about" in alerts.sentence(opened[0])
    mails = depot.session.scalars(select(Message)).all()
    assert [mail.to for mail in mails] == ["manager@example.org"]


def test_it_closes_when_stock_is_enough_and_may_open_again(depot: Depot) -> None:
    lot = depot.shelve(quantity=10)
    ask_for(depot, 14)
    alerts.check(depot.session, at=clock.now())
    depot.shelve(quantity=500, lot="MORE")
    alerts.check(depot.session, at=clock.now())
    assert alerts.open_alerts(depot.session) == []
    lot.held = True
    depot.session.flush()
    ask_for(depot, 400)
    assert len(alerts.check(depot.session, at=clock.now())) == 1
    assert len(depot.session.scalars(select(Alert)).all()) == 2


def test_stock_that_is_held_or_too_old_to_send_does_not_count(depot: Depot) -> None:
    depot.shelve(quantity=500, days=30)
    depot.shelve(quantity=500, lot="HELD").held = True
    ask_for(depot, 14)
    assert [alert.available for alert in alerts.check(depot.session, at=clock.now())] == [0]


def test_an_allocation_that_empties_the_shelf_opens_one_at_once(depot: Depot) -> None:
    depot.shelve(quantity=48)
    ask_for(depot, 14)
    assert alerts.check(depot.session, at=clock.now()) == []
    for _ in range(3):
        depot.request({"naloxone-nasal": 3})
    depot.settle()
    assert [alert.available for alert in alerts.open_alerts(depot.session)] == [39]


def test_the_clock_s_job_checks_everything_once_a_slot(depot: Depot) -> None:
    depot.shelve(quantity=10)
    ask_for(depot, 14)
    depot.session.commit()
    jobs.check_stock(depot.session, depot.settings)
    jobs.check_stock(depot.session, depot.settings)
    assert len(depot.session.scalars(select(Alert)).all()) == 1


def nasal_cover(depot: Depot, site: str = "OH") -> Cover:
    return stock.cover(depot.session, clock.today())[depot.site(site).id, depot.item("naloxone-nasal").id]


@pytest.mark.parametrize(
    ("limits", "left"),
    [({"states": ["MN"]}, 0), ({"item_codes": ["wound-care-kit"]}, 0), ({"states": ["OH"]}, 500)],
)
def test_stock_whose_fund_may_not_serve_those_who_ask_is_no_cover(
    depot: Depot, limits: dict[str, list[str]], left: int
) -> None:
    depot.session.add(Fund(**{"code": "LIMITED", "name": "Limited", "item_codes": [], "states": [], **limits}))
    depot.session.flush()
    depot.shelve(quantity=500, fund="LIMITED")
    ask_for(depot, 14)
    opened = alerts.check(depot.session, at=clock.now())
    assert nasal_cover(depot).available == left
    assert [alert.available for alert in opened] == ([] if left else [0])


def test_an_alert_says_so_if_a_fund_keeps_stock_from_some(depot: Depot) -> None:
    depot.shelve(quantity=500, fund="FED")  # for Ohio alone
    ask_for(depot, 14)
    demand.count(
        depot.session,
        item_id=depot.item("naloxone-nasal").id,
        site_id=depot.site("OH").id,
        state="NY",
        day=clock.today(),
        quantity=1,
    )
    [alert] = alerts.check(depot.session, at=clock.now())
    assert (alert.available, alert.cover_days, alert.suggested) == (500, 0, 1)
    assert "funds keep some of it" in alerts.sentence(alert)


@pytest.mark.parametrize("first_day", [datetime(2026, 11, 16, 12, tzinfo=UTC), datetime(2026, 11, 19, 12, tzinfo=UTC)])
def test_at_launch_demand_is_not_thinned_by_weeks_before_there_was_any(depot: Depot, first_day: datetime) -> None:
    for day in range(7):
        demand.count(
            depot.session,
            item_id=depot.item("naloxone-nasal").id,
            site_id=depot.site("OH").id,
            state="OH",
            day=first_day.date() + timedelta(days=day),
            quantity=10,
        )
    today = first_day.date() + timedelta(days=6)
    found = demand.daily(depot.session, today)[depot.site("OH").id, depot.item("naloxone-nasal").id]
    assert found["OH"] == pytest.approx(70 / (7 + first_day.weekday()))


def test_one_day_after_launch_counts_as_a_week_and_an_old_site_as_the_whole_window(depot: Depot) -> None:
    item, monday = depot.item("naloxone-nasal").id, demand.monday(clock.today())
    for site, weeks in (("OH", 0), ("MN", 40), ("MN", 1)):
        demand.count(
            depot.session,
            item_id=item,
            site_id=depot.site(site).id,
            state=site,
            day=monday - timedelta(weeks=weeks),
            quantity=14,
        )
    found = demand.daily(depot.session, monday)
    assert found[depot.site("OH").id, item] == {"OH": 2}
    assert found[depot.site("MN").id, item] == {"MN": 14 / (12 * 7 + 1)}


def test_two_processes_open_one_alert_and_write_one_mail(app: Flask, depot: Depot) -> None:
    ask_for(depot, 14)
    depot.session.commit()
    start, opened = Barrier(4, timeout=30), []

    def check() -> None:
        with app.app_context():
            start.wait()
            opened.append(len(alerts.check(db.session(), at=clock.now())))
            db.session.commit()

    threads = [Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(opened) == [0, 0, 0, 1]
    assert len(depot.session.scalars(select(Alert)).all()) == len(depot.session.scalars(select(Message)).all()) == 1


def test_an_alert_someone_else_has_just_opened_is_left_to_them(depot: Depot) -> None:
    pair = (depot.site("OH").id, depot.item("naloxone-nasal").id)
    low = Cover({}, {"OH": 1}, 14, 7)
    assert alerts._open(depot.session, pair, low, clock.now()) is not None
    assert alerts._open(depot.session, pair, low, clock.now()) is None


def test_many_funds_with_limits_of_their_own_cost_no_time() -> None:
    supply = {frozenset({f"S{number}"}): 10 for number in range(40)}
    cover = Cover(supply, {f"S{number}": 1.0 for number in range(40)}, lead_time_days=14, safety_days=7)
    assert cover.days == 10 and cover.is_low

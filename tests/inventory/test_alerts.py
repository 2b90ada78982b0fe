"""Reorder alerts open once, mail once, and close by themselves."""

from datetime import timedelta

from sqlalchemy import select

from distro import clock, jobs
from distro.outbox import Message
from inventory import alerts, demand
from inventory.models import Alert
from inventory.reorder import Cover
from tests.depot import Depot


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
    cover = Cover(available=30, daily_demand=2, lead_time_days=14, safety_days=7)
    assert (cover.days, cover.reorder_days, cover.is_low, cover.clears) == (15, 21, True, False)
    assert cover.suggested == 2 * (21 + 60) - 30
    assert not Cover(0, 0, 14, 7).is_low  # nobody asks for it
    assert not Cover(42, 2, 14, 7).is_low and not Cover(42, 2, 14, 7).clears  # enough, but not by the margin


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

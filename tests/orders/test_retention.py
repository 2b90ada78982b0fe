"""Addresses die on their day, and their week's key with the last of them."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import make_url, select

from distro import clock, jobs, keyring
from distro.db import db, forget_freed_pages
from orders import intake, retention, spool, workflow
from orders.models import Order, Status
from tests.depot import Depot


def shipped(depot: Depot) -> Order:
    depot.shelve()
    order = depot.allocated()
    workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=clock.today())
    workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())
    workflow.note_label(depot.session, order, by="packer", at=clock.now())
    return order


def test_a_shipped_order_s_address_lives_thirty_days(depot: Depot) -> None:
    order = shipped(depot)
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    assert retention.erase_date(order) == clock.today() + timedelta(days=30)
    assert retention.erase_due(depot.session, clock.today() + timedelta(days=29)) == 0
    assert retention.erase_due(depot.session, clock.today() + timedelta(days=30)) == 1
    depot.session.refresh(order)
    assert order.sealed is None and order.status == Status.SHIPPED


def test_a_cancelled_one_s_lives_seven(depot: Depot) -> None:
    order = depot.request()
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    assert retention.erase_due(depot.session, clock.today() + timedelta(days=6)) == 0
    assert retention.erase_due(depot.session, clock.today() + timedelta(days=7)) == 1


def test_an_open_order_s_address_is_never_erased_by_the_clock(depot: Depot) -> None:
    depot.request()
    assert retention.erase_due(depot.session, clock.today() + timedelta(days=999)) == 0


def test_on_request_it_goes_at_once_and_the_order_stops(depot: Depot) -> None:
    lot = depot.shelve()
    order = depot.allocated()
    retention.erase(depot.session, order, at=clock.now())
    assert (order.status, order.sealed) == (Status.CANCELLED, None)
    assert depot.balance(lot).reserved == 0


def test_between_label_and_post_it_cannot_be_erased(depot: Depot) -> None:
    order = shipped(depot)
    with pytest.raises(workflow.AlreadyMoved):
        retention.erase(depot.session, order, at=clock.now())
    assert order.sealed is not None


def test_a_week_s_key_dies_with_its_last_address(depot: Depot) -> None:
    gone, kept = depot.request(), depot.request()
    box = gone.sealed
    retention.erase(depot.session, gone, at=clock.now())
    depot.session.commit()
    with clock.at(clock.now() + timedelta(weeks=3)):
        jobs.keep_house(depot.session, depot.settings)
        assert kept.epoch in keyring.private_weeks(depot.settings.keyring)
        retention.erase(depot.session, depot.session.get_one(Order, kept.id), at=clock.now())
        depot.session.commit()
    with clock.at(clock.now() + timedelta(weeks=3, hours=2)):
        jobs.keep_house(depot.session, depot.settings)
    assert kept.epoch not in keyring.private_weeks(depot.settings.keyring)
    assert box is not None
    with pytest.raises(keyring.KeyGone):  # an old backup of the row opens no more
        keyring.open_box(depot.settings.keyring, gone.epoch, gone.uid, box)
    assert depot.session.scalars(select(Order.sealed)).all() == [None, None]


def test_a_key_that_a_spooled_request_needs_stays(depot: Depot) -> None:
    past = clock.now() - timedelta(weeks=4)
    spool_one(depot, past)
    jobs.keep_house(depot.session, depot.settings)
    jobs.drain_spool(depot.session, depot.settings)
    depot.settle()
    order = depot.session.scalars(select(Order)).one()
    assert order.epoch == clock.week_of(past.date()) and order.status == Status.WAITING


def test_a_spool_file_that_cannot_be_read_keeps_the_keys_of_six_weeks(depot: Depot) -> None:
    keyring.make_keys(depot.settings.keyring, depot.settings.public_keys, clock.today() - timedelta(weeks=9), weeks=9)
    depot.settings.spool.mkdir()
    broken = depot.settings.spool / "broken.json"
    broken.write_text('{"uid": ')
    assert destroyable(depot) == weeks_ago(9, 8, 7)
    broken.unlink()
    assert destroyable(depot) == weeks_ago(9, 8, 7, 6, 5, 4, 3, 2)


def test_an_erased_address_leaves_the_files_of_the_database(depot: Depot) -> None:
    order = depot.request()
    box = bytes(order.sealed or b"")
    retention.erase(depot.session, order, at=clock.now())
    depot.session.commit()
    assert forget_freed_pages(db.engine)
    if db.engine.dialect.name == "sqlite":
        assert not any(box[100:900] in path.read_bytes() for path in files(depot))


def test_housekeeping_cleans_the_files_too(depot: Depot) -> None:
    order = depot.request()
    box = bytes(order.sealed or b"")
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    depot.session.commit()
    with clock.at(clock.now() + timedelta(days=8)):
        jobs.keep_house(depot.session, depot.settings)
    if db.engine.dialect.name == "sqlite":
        assert not any(box[100:900] in path.read_bytes() for path in files(depot))


def spool_one(depot: Depot, at: datetime) -> None:
    """Robin Example asked at that time, and the database was away."""
    keyring.make_keys(depot.settings.keyring, depot.settings.public_keys, at.date(), weeks=0)
    request = intake.seal_request(
        depot.settings,
        nonce=secrets.token_bytes(16),
        wanted={"naloxone-nasal": 1},
        person=intake.Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215"),
        ruleset_id=None,
        decision=None,
        now=at,
    )
    spool.keep(depot.settings.spool, request)


def destroyable(depot: Depot) -> list[str]:
    settings = depot.settings
    return retention.keys_to_destroy(depot.session, settings.keyring, settings.spool, clock.today())


def weeks_ago(*weeks: int) -> list[str]:
    return [clock.week_of(clock.today() - timedelta(weeks=ago)) for ago in weeks]


def files(depot: Depot) -> list[Path]:
    """The database and its log."""
    path = make_url(depot.settings.database_url).database or ""
    return [Path(path + end) for end in ("", "-wal") if Path(path + end).exists()]

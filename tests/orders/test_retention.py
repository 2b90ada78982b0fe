"""Addresses die on their day, and their week's key with the last of them."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from distro import clock, jobs, keyring
from orders import retention, workflow
from orders.models import Order, Status
from tests.depot import Depot


def shipped(depot: Depot) -> Order:
    depot.shelve()
    order = depot.allocated()
    workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=clock.today())
    workflow.pack(depot.session, order, packer=depot.user("packer"), barred="", at=clock.now())
    workflow.note_label(depot.session, order, by="packer", at=clock.now())
    return order


def test_a_shipped_order_s_address_lives_thirty_days(depot: Depot) -> None:
    order = shipped(depot)
    workflow.ship(depot.session, order, by="packer", at=clock.now())
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

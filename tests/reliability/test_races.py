"""Two at once: whoever comes second waits, sees what the first did, and is refused or goes on from there."""

from collections.abc import Callable
from threading import Event, Thread

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.auth import User
from distro.db import db
from distro.errors import Refusal
from inventory import ledger
from inventory.models import Balance
from orders import queries, retention, workflow
from orders.models import Allocation, Order, Status
from tests.depot import Depot

Step = Callable[[Session, Order], object]


def picked(depot: Depot) -> Order:
    """An order whose two units are in the box."""
    order = depot.allocated({"naloxone-nasal": 2})
    for _ in range(2):
        workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=clock.today())
    depot.session.commit()
    return order


def packed(depot: Depot) -> Order:
    order = picked(depot)
    workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())
    depot.session.commit()
    return order


def second_during_first(app: Flask, depot: Depot, order: Order, first: Step, second: Step) -> list[str]:
    """Take the second step while the first is done and not committed; gives back who was refused."""
    order_id, done, refused = order.id, Event(), []
    depot.session.commit()

    def take(name: str, step: Step, before: Callable[[], object], after: Callable[[], object]) -> None:
        with app.app_context():
            session = db.session()
            before()
            try:
                step(session, session.get_one(Order, order_id))
                after()
                session.commit()
            except Refusal:
                session.rollback()
                refused.append(name)
            finally:
                done.set()
                db.session.remove()

    def let_the_second_begin() -> None:
        done.set()
        Event().wait(0.4)

    threads = [
        Thread(target=take, args=("first", first, lambda: None, let_the_second_begin)),
        Thread(target=take, args=("second", second, lambda: done.wait(10), lambda: None)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    depot.session.expire_all()
    assert not list(ledger.differences(depot.session)) and queries.promises_astray(depot.session) == []
    return refused


def label(session: Session, order: Order) -> None:
    workflow.note_label(session, order, at=clock.now())


def cancel(session: Session, order: Order) -> None:
    workflow.cancel(session, order, by="participant", at=clock.now())


def erase(session: Session, order: Order) -> None:
    retention.erase(session, order, at=clock.now())


def unclaim(session: Session, order: Order) -> None:
    workflow.unclaim(session, order)


def pick(session: Session, order: Order) -> None:
    packer = session.scalars(select(User).where(User.username == "packer")).one()
    workflow.pick(session, order, "LOT1", packer=packer, today=clock.today())


@pytest.mark.parametrize("stop", [cancel, erase])
def test_nobody_cancels_while_the_label_is_printed(app: Flask, depot: Depot, stop: Step) -> None:
    depot.shelve()
    order = packed(depot)
    assert second_during_first(app, depot, order, label, stop) == ["second"]
    assert order.status == Status.PACKED and order.sealed is not None


@pytest.mark.parametrize("stop", [cancel, erase])
def test_no_label_is_printed_while_it_is_cancelled(app: Flask, depot: Depot, stop: Step) -> None:
    depot.shelve()
    order = packed(depot)
    assert second_during_first(app, depot, order, stop, label) == ["second"]
    assert order.status == Status.CANCELLED


def test_a_scan_during_put_back_is_refused_or_starts_anew(app: Flask, depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated({"naloxone-nasal": 2})
    workflow.claim(depot.session, order, depot.user("packer"))
    refused = second_during_first(app, depot, order, unclaim, pick)
    in_the_box = depot.session.scalar(select(func.sum(Allocation.picked)))
    assert (order.status, in_the_box) == ((Status.ALLOCATED, 0) if refused else (Status.PICKING, 1))


def test_put_back_after_a_scan_takes_it_back(app: Flask, depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated({"naloxone-nasal": 2})
    workflow.claim(depot.session, order, depot.user("packer"))
    assert second_during_first(app, depot, order, pick, unclaim) == []
    assert depot.session.scalar(select(func.sum(Allocation.picked))) == 0


def test_three_schedulers_promise_each_unit_once(app: Flask, depot: Depot) -> None:
    depot.shelve(quantity=15)
    for _ in range(30):
        depot.request()
    depot.session.commit()

    def schedule() -> None:
        for _ in range(3):
            for job in (jobs.check_requests, jobs.retry_waiting):
                jobs.run_once(app, depot.settings, job)

    threads = [Thread(target=schedule) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    depot.settle()
    assert queries.count_by_status(depot.session) == {Status.ALLOCATED: 15, Status.WAITING: 15}
    assert depot.session.scalar(select(func.sum(Balance.reserved))) == 15
    assert depot.session.scalar(select(func.sum(Allocation.quantity))) == 15
    assert queries.promises_astray(depot.session) == []


def test_promises_that_no_order_holds_are_named(depot: Depot) -> None:
    """The check that the tests above lean on finds what it should."""
    lot = depot.shelve(lot="ASTRAY", quantity=10)
    ledger.reserve(depot.session, lot, depot.bin("OH"), 3, ledger.Document("TEST-1", "packer", clock.now()))
    assert queries.promises_astray(depot.session) == ["lot ASTRAY in A-01: 3 promised, but orders hold 0"]


def test_an_order_in_someone_s_hands_does_not_stop_the_others(app: Flask, depot: Depot) -> None:
    """PostgreSQL gives up on the locked row and triage goes on. SQLite has one lock, so there all of them wait."""
    depot.shelve()
    held, free = depot.request(), depot.request()
    free_id, postgresql = free.id, depot.session.get_bind().dialect.name == "postgresql"
    workflow.lock(depot.session, held, Status.RECEIVED)
    triage = Thread(target=jobs.run_once, args=(app, depot.settings, jobs.check_requests))
    triage.start()
    triage.join()
    depot.session.commit()
    expected = Status.ALLOCATED if postgresql else Status.RECEIVED
    assert depot.session.get_one(Order, free_id, populate_existing=True).status == expected
    depot.settle()
    assert queries.count_by_status(depot.session) == {Status.ALLOCATED: 2}


def test_two_orders_that_share_items_in_opposite_order_are_both_settled(app: Flask, depot: Depot) -> None:
    for item in ("naloxone-nasal", "wound-care-kit"):
        depot.shelve(item, quantity=100)
    for _ in range(10):
        depot.request({"naloxone-nasal": 1, "wound-care-kit": 1})
        depot.request({"wound-care-kit": 1, "naloxone-nasal": 1})
    depot.session.commit()
    threads = [Thread(target=jobs.run_once, args=(app, depot.settings, jobs.check_requests)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    depot.settle()
    assert queries.count_by_status(depot.session) == {Status.ALLOCATED: 20}
    assert queries.promises_astray(depot.session) == []

"""When it ships: in words, from the queue as it is, at the cost of the queue alone."""

from datetime import timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from distro import clock
from distro.db import Base
from orders import shipping_estimate
from orders.models import Order, Status
from orders.shipping_estimate import CANNOT_SAY, SOME_IS_OUT, Days, Queue, estimate, in_words, queue
from tests.depot import Depot

COUNTS = st.dictionaries(st.sampled_from(Status), st.integers(0, 500))
WEEKS = st.lists(st.integers(0, 500), min_size=4, max_size=4)


@pytest.mark.parametrize(
    ("ahead", "shipped", "days"),
    [
        ({}, (70, 70, 70, 70), Days(1, 2)),
        ({Status.RECEIVED: 30}, (70, 70, 70, 70), Days(4, 5)),
        ({Status.RECEIVED: 20, Status.PACKED: 10}, (70, 35, 70, 70), Days(4, 7)),
        ({Status.RECEIVED: 30, Status.HELD: 10, Status.WAITING: 99}, (70, 70, 0, 70), Days(4, 5)),
        ({Status.RECEIVED: 700}, (70, 70, 70, 70), Days(71, 72)),
        ({}, (2, 1, 0, 1), None),  # too few to tell
        ({}, (0, 0, 0, 0), None),
    ],
)
def test_it_goes_by_what_is_ahead_and_by_the_pace(
    ahead: dict[Status, int], shipped: tuple[int, ...], days: Days
) -> None:
    assert estimate(Queue(ahead, shipped)) == days


@given(ahead=COUNTS, shipped=WEEKS, more=st.integers(1, 100))
def test_more_ahead_is_never_sooner_and_a_range_is_a_range(
    ahead: dict[Status, int], shipped: list[int], more: int
) -> None:
    before = estimate(Queue(ahead, shipped))
    after = estimate(Queue({**ahead, Status.RECEIVED: ahead.get(Status.RECEIVED, 0) + more}, shipped))
    assert (before is None) is (after is None) is (sum(shipped) < shipping_estimate.FEWEST)
    if before and after:
        assert 1 <= before.least < before.most and before.least <= after.least and before.most <= after.most


@pytest.mark.parametrize(
    ("days", "all_there", "words"),
    [
        (Days(2, 4), True, "It ships in about 2 to 4 days."),
        (Days(9, 13), True, "It ships in about 1 to 2 weeks."),
        (Days(14, 22), True, "It ships in about 2 to 4 weeks."),
        (Days(14, 15), True, "It ships in about 2 to 3 weeks."),
        (Days(50, 90), True, str(CANNOT_SAY)),
        (None, True, str(CANNOT_SAY)),
        (Days(2, 4), False, str(SOME_IS_OUT)),
    ],
)
def test_it_is_said_in_plain_words(app: Flask, days: Days | None, all_there: bool, words: str) -> None:
    with app.test_request_context("/"):
        assert str(in_words(days, all_there=all_there)) == words


def test_it_follows_the_queue_and_not_the_past(depot: Depot) -> None:
    today = clock.today()

    def told(state: str = "OH") -> Queue:
        return queue(depot.session, state=state, today=today)

    site, other = depot.site("OH"), depot.site("MN")
    for day in range(20):
        _add(depot, Status.SHIPPED, site_id=site.id, closed_on=today - timedelta(days=day))
    assert told() == Queue({}, (7, 7, 6, 0))
    waiting = _add(depot, Status.RECEIVED)
    assert estimate(told()) == Days(2, 3)
    for _ in range(20):
        _add(depot, Status.ALLOCATED, site_id=site.id)
        _add(depot, Status.ALLOCATED, site_id=other.id)  # another warehouse's
    assert told().ahead == {Status.RECEIVED: 1, Status.ALLOCATED: 20} and estimate(told()) == Days(22, 26)
    waiting.status, waiting.closed_on = Status.CANCELLED, today
    depot.session.flush()
    assert told().ahead == {Status.ALLOCATED: 20}
    now = told()
    for day in (28, 29, 400):  # long ago: it does not matter any more
        _add(depot, Status.SHIPPED, site_id=site.id, closed_on=today - timedelta(days=day))
    assert told() == now
    assert told("KY").ahead == {Status.ALLOCATED: 40}  # nothing went there lately: the queue of all


def test_it_reads_no_past_orders() -> None:
    """Each statement goes by the index on the day an order closed, as SQLite plans it without having counted rows."""
    engine, sent = create_engine("sqlite://"), list[tuple[str, object]]()
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        event.listen(engine, "before_cursor_execute", lambda _c, _k, text, values, *_: sent.append((text, values)))
        queue(session, state="OH", today=clock.today())
        statements, connection = sent[:], session.connection()
        plans = [connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values).all() for text, values in statements]
    assert len(plans) == 2
    assert all(any("ix_orders_closed_on" in row.detail for row in plan) for plan in plans), plans
    engine.dispose()


def _add(depot: Depot, status: Status, **values: object) -> Order:
    order = depot.request()
    order.status = status
    for name, value in values.items():
        setattr(order, name, value)
    depot.session.flush()
    return order

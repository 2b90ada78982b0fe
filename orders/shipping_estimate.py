"""When a request that comes in now may be mailed: from how many are ahead of it, and how many left in the last weeks.

A guess in words, never a promise. What is read is bounded by the open requests and by the last `WEEKS`, so it costs
the same however many were sent before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orders.models import Order, Status

WEEKS = 4
FEWEST = 5  # parcels in those weeks; of fewer nothing can be told
BEFORE = frozenset({Status.RECEIVED, Status.ALLOCATED, Status.PICKING, Status.PACKED})  # these go first
PERHAPS = frozenset({Status.HELD})  # these may, once a person has looked; what waits for stock is let pass
HANDLING = 1  # days that even an empty queue takes
DAYS_MOST, WEEKS_MOST = 10, 8  # from then on we say weeks, and then nothing

CANNOT_SAY = _l("We cannot say yet when it ships. Look again in a few days.")
AS_BEFORE = _l(
    "It ships when all of it is here. We cannot say the day: what you asked for before is locked up. If we do not send "
    "one of the things any more, a person looks first."
)
SOME_IS_OUT = _l("We cannot say yet: some of it is out. It goes out by itself when more comes in.")


@dataclass(frozen=True)
class Queue:
    """Open requests by step, and how many parcels left in each of the last weeks, the latest first."""

    ahead: Mapping[Status, int]
    shipped: Sequence[int]


@dataclass(frozen=True)
class Days:
    """From so many days on, until so many."""

    least: int
    most: int


def queue(session: Session, *, state: str, today: date) -> Queue:
    """What stands before a request to a state: the queue of the warehouse that sends there most, or of all of them.

    Requests that no warehouse has yet count too, for they came first.
    """
    since = today - timedelta(weeks=WEEKS)
    left = session.execute(
        select(Order.closed_on, Order.site_id, Order.status, Order.state, func.count())
        .where(Order.closed_on > since, Order.closed_on <= today)  # by its index alone: no other column narrows it
        .group_by(Order.closed_on, Order.site_id, Order.status, Order.state)
    ).all()
    sent = [
        ((today - day).days // 7, site, to, many)
        for day, site, step, to, many in left
        if step == Status.SHIPPED and site is not None and day is not None
    ]
    there: dict[int, int] = {}
    for _week, site, to, many in sent:
        there[site] = there.get(site, 0) + many * (to == state)
    nearest = max(there, key=lambda site: (there[site], -site)) if any(there.values()) else None
    shipped = [0] * WEEKS
    for week, site, _to, many in sent:
        if nearest in (None, site):
            shipped[week] += many
    waiting = select(Order.status, Order.site_id, func.count()).where(Order.closed_on.is_(None))
    ahead: dict[Status, int] = {}
    for step, at, many in session.execute(waiting.group_by(Order.status, Order.site_id)):
        if at is None or nearest in (None, at):
            ahead[step] = ahead.get(step, 0) + many
    return Queue(ahead, tuple(shipped))


def estimate(queue: Queue) -> Days | None:
    """In how many days the newest request of a queue is mailed, at the pace of the best and of the slowest week.

    Weeks in which nothing left are counted in neither: the program may have been closed. None if too little left to
    tell.
    """
    weeks = [many for many in queue.shipped if many]
    if sum(weeks) < FEWEST:
        return None
    sure = sum(many for step, many in queue.ahead.items() if step in BEFORE)
    perhaps = sum(many for step, many in queue.ahead.items() if step in PERHAPS)
    least = HANDLING + sure * 7 // max(weeks)
    most = HANDLING + -(-(sure + perhaps) * 7 // min(weeks))
    return Days(least, max(most, least + 1))


def in_words(days: Days | None, *, all_there: bool = True) -> LazyString:
    """The sentence for it; `all_there` is False if some of what was asked for is on no shelf."""
    if not all_there:
        return SOME_IS_OUT
    if days is None or days.most > WEEKS_MOST * 7:
        return CANNOT_SAY
    if days.most <= DAYS_MOST:
        return _l("It ships in about %(least)s to %(most)s days.", least=days.least, most=days.most)
    least, most = max(1, days.least // 7), -(-days.most // 7)
    return _l("It ships in about %(least)s to %(most)s weeks.", least=least, most=max(most, least + 1))

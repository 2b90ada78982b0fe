"""Counting without knowing who: the public side leaves a Tally, the scheduler adds it to its Count within seconds.

A form counts once. For a request its stored form sees to that; for a reversal the tally's number stays for some hours,
blank, until no page that could send it again is valid any more.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from distro.db import insert
from orders.intake import LINK
from orders.models import Count, Link, Tally

REVERSAL = "reversal"
NO_STATE = "--"  # whoever told a reversal would rather not say
AT_ONCE = 1_000
FORGET_EVERY = 12 * 60 * 60  # seconds between sweeps; a form lives half as long
COUNTED, OLDER = "counted", "older"  # kinds of blank ones: since the last sweep, and before it
_BLANK = {"key": "", "month": date(1970, 1, 1), "number": 0}
_STATE = re.compile(r"[A-Z]{2}|--")


def add_reversal(session: Session, uid: UUID, *, state: str, month: date, number: int) -> None:
    """Leave one to count; the same form twice is one. `month` is its first day."""
    values = {"uid": uid, "kind": REVERSAL, "key": state, "month": month, "number": number}
    session.execute(insert(session, Tally).values(values).on_conflict_do_nothing())


def fold(session: Session, limit: int = AT_ONCE) -> int:
    """Add up what was left, oldest first, and give how many; in the caller's transaction, so nothing counts twice.

    Of two at once one takes a row out and the other passes it over. What names no link or state of ours is dropped.
    """
    oldest = select(Tally.id).where(Tally.kind.in_((LINK, REVERSAL))).order_by(Tally.id).limit(limit)
    taken = (
        delete(Tally)
        .where(Tally.id.in_(oldest.with_for_update(skip_locked=True).scalar_subquery()))
        .returning(Tally.uid, Tally.kind, Tally.key, Tally.month, Tally.number)
        .execution_options(synchronize_session=False)
    )
    rows = session.execute(taken).all()
    links = set(session.scalars(select(Link.code))) if any(row.kind == LINK for row in rows) else set()
    found: Counter[tuple[str, str, date]] = Counter()
    for row in rows:
        if row.key in links if row.kind == LINK else _STATE.fullmatch(row.key):
            found[row.kind, row.key, row.month] += row.number
    for (kind, key, month), number in sorted(found.items()):  # in one order, so that two at once never lock each other
        add = insert(session, Count).values(kind=kind, key=key, month=month, number=number)
        more = {"number": Count.number + add.excluded.number}
        session.execute(add.on_conflict_do_update(index_elements=["kind", "key", "month"], set_=more))
    blank = [{"uid": row.uid, "kind": COUNTED, **_BLANK} for row in rows if row.kind == REVERSAL]
    if blank:
        session.execute(insert(session, Tally).values(blank).on_conflict_do_nothing())
    return len(rows)


def sweep(session: Session) -> None:
    """Forget the blank ones of the sweep before the last. Call it each `FORGET_EVERY` seconds at most."""
    session.execute(delete(Tally).where(Tally.kind == OLDER).execution_options(synchronize_session=False))
    aged = update(Tally).where(Tally.kind == COUNTED).values(kind=OLDER)
    session.execute(aged.execution_options(synchronize_session=False))


def reversals(session: Session) -> Mapping[date, Mapping[str, int]]:
    """People who came back, by month, the latest first, and in it by state."""
    query = select(Count.month, Count.key, Count.number).where(Count.kind == REVERSAL)
    found: dict[date, dict[str, int]] = {}
    for month, state, number in session.execute(query.order_by(Count.month.desc(), Count.key)):
        found.setdefault(month, {})[state] = number
    return found

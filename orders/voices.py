"""What people tell the program without a name, a code or an order: that someone came back, and what is on their mind.

Of a reversal only state, month and number are counted. The words are sealed by themselves and name neither: nothing
joins them to a count, nor one of both to a request. `orders.identity.view_remark` opens them, for a person.
"""

from collections.abc import Sequence
from datetime import date, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, defer

from distro.config import Settings
from distro.db import insert
from orders import tallies, words
from orders.models import Remark

REVERSAL, FEEDBACK = tallies.REVERSAL, "feedback"
KEPT = timedelta(days=21)  # the key of its week is gone by then
TEXT_MOST = 1_000
PEOPLE_MOST = 9
UNREAD_MOST = 5_000  # words that nobody has read yet; beyond it no others are taken
LISTED_MOST = 200
MONTHS = 13  # this one and the twelve before it


def tell_reversal(
    session: Session, settings: Settings, *, nonce: bytes, state: str, month: date, people: int, text: str, today: date
) -> None:
    """Count people who came back, and keep the words if there are any. `nonce` is that of the form: it counts once.

    `state` is two letters, or `tallies.NO_STATE`. Raises Unavailable if words cannot be sealed.
    """
    uid = words.uid_of(settings.secret_key, "reversal count", nonce)
    tallies.add_reversal(session, uid, state=state, month=month, number=people)
    if text:
        say(session, settings, REVERSAL, nonce=nonce, text=text, today=today)


def say(session: Session, settings: Settings, kind: str, *, nonce: bytes, text: str, today: date) -> None:
    """Keep a few words, sealed; the same form twice is once. Raises Unavailable if they cannot be sealed."""
    uid = words.uid_of(settings.secret_key, f"remark {kind}", nonce)
    said = words.seal(settings, uid, {"text": text}, today)
    values = {"uid": uid, "kind": kind, "epoch": said.epoch, "sealed": said.box, "written_on": today}
    session.execute(insert(session, Remark).values(values).on_conflict_do_nothing())


def months(today: date) -> list[date]:
    """The months that can be told about, by their first days, this one first."""
    numbers = (today.year * 12 + today.month - 1 - back for back in range(MONTHS))
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]


def listed(session: Session) -> Sequence[Remark]:
    """The newest `LISTED_MOST` of what is kept, those nobody has read before all others: by week, kind and age.

    No box is loaded.
    """
    newest = select(Remark).options(defer(Remark.sealed)).order_by(Remark.read_on.is_not(None), Remark.id.desc())
    found = session.scalars(newest.limit(LISTED_MOST)).all()
    return sorted(found, key=lambda one: (one.read_on is not None, monday_of(one.written_on), one.kind, one.id))


def unread(session: Session) -> int:
    """How many nobody has read."""
    return session.scalar(select(func.count(Remark.id)).where(Remark.read_on.is_(None))) or 0


def kept(session: Session) -> int:
    """How many there are."""
    return session.scalar(select(func.count(Remark.id))) or 0


def is_full(session: Session) -> bool:
    """Whether no more words are taken until somebody has read some: a flood must not bury what people say."""
    some = select(Remark.id).where(Remark.read_on.is_(None)).limit(UNREAD_MOST).subquery()
    return session.scalar(select(func.count()).select_from(some)) == UNREAD_MOST


def monday_of(day: date) -> date:
    """The first day of its week: nobody needs to know the day."""
    return day - timedelta(days=day.weekday())


def document_of(remark: Remark) -> str:
    """How the record names one; its number in the table may be given again."""
    return f"REMARK-{remark.uid.hex[:8]}"


def forget(session: Session, remark_id: int) -> bool:
    """Delete one; False if it was gone."""
    gone = delete(Remark).where(Remark.id == remark_id).returning(Remark.id)
    return session.scalar(gone.execution_options(synchronize_session=False)) is not None


def forget_old(session: Session, today: date) -> int:
    """Delete those that are older than we said, read or not; how many."""
    gone = delete(Remark).where(Remark.written_on < today - KEPT).returning(Remark.id)
    return len(session.scalars(gone.execution_options(synchronize_session=False)).all())

"""Claims on scheduled work: of two schedulers, only one does a job for a time slot.

The claim is written in the transaction of the job's effect, so a job that fails leaves its slot free.
"""

from datetime import datetime, timedelta

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.db import Base, insert

DAY = timedelta(days=1)
LEAP = timedelta(hours=25)


class Slot(Base):
    """The last slot of a job that was done."""

    __tablename__ = "slots"

    job: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


def claim(session: Session, job: str, slot: datetime) -> bool:
    """Take `slot` (the instant it begins) of a job; False if it, or a later one, was taken before.

    One that is more than a day later than `slot` was not taken but left by a wrong clock, or a wrong hand: the job
    would rest until then.
    """
    new = insert(session, Slot).values(job=job, at=slot)
    taken = session.execute(
        new.on_conflict_do_update(
            index_elements=["job"], set_={"at": new.excluded.at}, where=(Slot.at < slot) | (Slot.at > slot + DAY)
        ).returning(Slot.job)
    ).first()
    return taken is not None


def last(session: Session, job: str) -> datetime | None:
    """The last slot of a job that was done; None if it never ran."""
    return session.scalar(select(Slot.at).where(Slot.job == job))


def slot_of(now: datetime, every_seconds: int) -> datetime:
    """The beginning of the slot `now` lies in."""
    second = int(now.timestamp())
    return datetime.fromtimestamp(second - second % every_seconds, tz=now.tzinfo)


def is_steady(session: Session, at: datetime) -> bool:
    """Whether the clock of those who call this at least daily has been steady for a day; call it in every run.

    After a leap of more than `LEAP`, or a time without any run, it has not: then nothing may be destroyed or closed for
    being old.
    """
    before, since = last(session, "clock seen"), last(session, "clock steady since")
    if before is None or since is None or abs(at - before) > LEAP:
        since = at
        _put(session, "clock steady since", at)
    _put(session, "clock seen", at)
    return at - since >= DAY


def _put(session: Session, job: str, at: datetime) -> None:
    session.execute(
        insert(session, Slot).values(job=job, at=at).on_conflict_do_update(index_elements=["job"], set_={"at": at})
    )

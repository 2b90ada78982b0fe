"""Claims on scheduled work: of two schedulers, only one does a job for a time slot.

The claim is written in the transaction of the job's effect, so a job that fails leaves its slot free.
"""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.db import Base, insert


class Slot(Base):
    """The last slot of a job that was done."""

    __tablename__ = "slots"

    job: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime]


def claim(session: Session, job: str, slot: datetime) -> bool:
    """Take `slot` (the instant it begins) of a job; False if it, or a later one, was taken before."""
    new = insert(session, Slot).values(job=job, at=slot)
    taken = session.execute(
        new.on_conflict_do_update(
            index_elements=["job"], set_={"at": new.excluded.at}, where=Slot.at < new.excluded.at
        ).returning(Slot.job)
    ).first()
    return taken is not None


def last(session: Session, job: str) -> datetime | None:
    """The last slot of a job that was done; None if it never ran."""
    row = session.get(Slot, job)
    return row.at if row else None


def slot_of(now: datetime, every_seconds: int) -> datetime:
    """The beginning of the slot `now` lies in."""
    second = int(now.timestamp())
    return datetime.fromtimestamp(second - second % every_seconds, tz=now.tzinfo)

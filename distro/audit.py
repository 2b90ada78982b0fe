"""The record of who saw or changed what: append-only rows, each chained to the one before by its hash.

An entry names staff, an action and a document such as `ORD-7K3M9QXA`; never a participant. Whoever owns the database
can rewrite the whole chain or cut its end: only an `Anchor` that left the host shows that.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Index, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.db import Base, insert
from distro.slots import Slot

_AT_ONCE = 1_000  # entries read from the database at a time


class AuditEntry(Base):
    """One line of the record."""

    __tablename__ = "audit_entries"
    __table_args__ = (
        Index("ix_audit_entries_actor_at", "actor", "at"),
        Index("ix_audit_entries_action_at", "action", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(400))
    hash: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True)
class Anchor:
    """Where the record ended at an instant: so many entries, the last with this id and hash."""

    at: datetime
    entries: int
    last: int
    hash: str


@dataclass(frozen=True)
class Report:
    """What a look at the whole record found.

    `broken` is the id of the first entry that does not follow from the one before. `cut` are anchors whose last entry
    is gone, `changed` those which another entry stands in the place of. `newer` entries came after the last anchor
    that holds: a cut among them could not be seen.
    """

    entries: int
    broken: int | None
    cut: tuple[Anchor, ...] = ()
    changed: tuple[Anchor, ...] = ()
    newer: int = 0

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.broken is None and not self.cut and not self.changed


class _Line(Protocol):
    """What is hashed of an entry."""

    at: Any
    actor: Any
    action: Any
    subject: Any
    reason: Any


def record(session: Session, *, actor: str, action: str, subject: str, reason: str = "", at: datetime) -> None:
    """Append one entry in the caller's transaction. `actor` is a staff username, or `system`.

    It locks the end of the record until the commit, so it comes last, after the locks on orders and stock.
    """
    lock(session)
    before = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)) or ""
    entry = AuditEntry(at=at.replace(microsecond=0), actor=actor, action=action, subject=subject, reason=reason[:400])
    entry.hash = chained(before, entry)
    session.add(entry)
    session.flush()


def lock(session: Session) -> None:
    """Hold the end of the record until the commit: nobody appends meanwhile, so what is counted stays true.

    It is the lock of a row that only staff may write: an advisory lock could be held by whoever may connect. On SQLite
    every transaction that writes is alone anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        row = insert(session, Slot).values(job="audit record", at=func.now())
        session.execute(row.on_conflict_do_update(index_elements=["job"], set_={"at": Slot.at}))


def head(session: Session, *, at: datetime) -> Anchor | None:
    """Where the record ends now; None while it is empty."""
    lock(session)
    last = session.execute(select(AuditEntry.id, AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)).first()
    if last is None:
        return None
    return Anchor(at.replace(microsecond=0), session.scalar(select(func.count(AuditEntry.id))) or 0, last.id, last.hash)


def verify(session: Session, anchors: Sequence[Anchor] = ()) -> Report:
    """Read the whole record once, in little memory, and hold it against the anchors that left the host."""
    marks: dict[int, list[Anchor]] = {}
    for anchor in anchors:
        marks.setdefault(anchor.entries, []).append(anchor)
    table = AuditEntry.__table__.c
    query = select(table.id, table.at, table.actor, table.action, table.subject, table.reason, table.hash)
    before, entries, broken, held = "", 0, None, 0
    changed: list[Anchor] = []
    for entry in session.execute(query.order_by(table.id).execution_options(yield_per=_AT_ONCE)):
        entries += 1
        if broken is None and entry.hash != chained(before, entry):
            broken = entry.id
        before = entry.hash
        for anchor in marks.get(entries, ()):
            if anchor.hash == entry.hash:
                held = entries
            else:
                changed.append(anchor)
    cut = tuple(anchor for anchor in anchors if anchor.entries > entries)
    return Report(entries, broken, cut, tuple(changed), entries - held)


def count(session: Session, *, action: str, subject: str) -> int:
    """How often `action` was done to `subject`."""
    query = select(func.count()).where(AuditEntry.action == action, AuditEntry.subject == subject)
    return session.scalar(query) or 0


def subjects(session: Session, *, action: str) -> set[str]:
    """What `action` was done to."""
    return set(session.scalars(select(AuditEntry.subject).where(AuditEntry.action == action).distinct()))


def chained(before: str, entry: _Line) -> str:
    """The hash of an entry that follows one with the hash `before` ("" for the first), 64 hexadecimal digits."""
    line = [before, entry.at.isoformat(), entry.actor, entry.action, entry.subject, entry.reason]
    return hashlib.sha256(json.dumps(line, ensure_ascii=True).encode()).hexdigest()

"""The record of who saw or changed what: append-only rows, each chained to the one before by its hash.

An entry names staff, an action and a document such as `ORD-7K3M9QXA`; never a participant.
"""

import hashlib
import json
from datetime import datetime

from sqlalchemy import String, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.db import Base

_CHAIN_LOCK = 7_301_942  # any fixed number: the PostgreSQL advisory lock that makes appends wait in line


class AuditEntry(Base):
    """One line of the record."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40), index=True)
    subject: Mapped[str] = mapped_column(String(64), index=True)
    reason: Mapped[str] = mapped_column(String(400))
    hash: Mapped[str] = mapped_column(String(64))


def record(session: Session, *, actor: str, action: str, subject: str, reason: str = "", at: datetime) -> None:
    """Append one entry in the caller's transaction. `actor` is a staff username, or `system`.

    It locks the end of the record until the commit, so it comes last, after the locks on orders and stock.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
    before = session.scalar(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1)) or ""
    entry = AuditEntry(at=at.replace(microsecond=0), actor=actor, action=action, subject=subject, reason=reason[:400])
    entry.hash = _chained(before, entry)
    session.add(entry)
    session.flush()


def broken_at(session: Session) -> int | None:
    """The id of the first entry that does not follow from the one before it; None if the chain holds."""
    before = ""
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.id)).yield_per(1_000):
        if entry.hash != _chained(before, entry):
            return entry.id
        before = entry.hash
    return None


def count(session: Session, *, action: str, subject: str) -> int:
    """How often `action` was done to `subject`."""
    query = select(func.count()).where(AuditEntry.action == action, AuditEntry.subject == subject)
    return session.scalar(query) or 0


def _chained(before: str, entry: AuditEntry) -> str:
    line = [before, entry.at.isoformat(), entry.actor, entry.action, entry.subject, entry.reason]
    return hashlib.sha256(json.dumps(line, ensure_ascii=True).encode()).hexdigest()

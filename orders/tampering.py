"""A row or box that is not what we wrote for its order: on record, and the admins are told."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit, slots
from distro.accounts import admins
from distro.audit import AuditEntry
from distro.keys.sealing import SealBroken
from orders.models import Order

log = logging.getLogger(__name__)
TAMPERED = "seal broken"  # this and the next: actions in the audit record; their subject is the order
RELEASE = "release"
LETTER = "a letter"  # the reason, where it is a letter and not the order
DAY = timedelta(days=1)


def tell(session: Session, order: Order, *, at: datetime) -> None:
    """Write down that an order's row or box was changed by somebody else than us, once a day for each order; the admins
    get at most one mail a day. Nothing of it was opened. The caller commits, also if it refuses its step."""
    if _is_told(session, order, at):
        return
    log.error("%s: its row or its box is not what intake or triage wrote", order.document)
    if slots.claim(session, "tampering", slots.slot_of(at, int(DAY.total_seconds()))):
        body = (
            f"The sealed address of {order.document}, or what the database says of that order, is not what we wrote: "
            "somebody or something changed, swapped or replaced it. It was not opened. It is held, or if it was packed "
            "already, it stays there: no label is made and it does not leave. Perhaps it is not the only one.\n\n"
            "Look who can write to the database, compare with a backup, and see the audit record (`seal broken`). "
            "docs/keys.md has the steps. Do not send it before you know.\n"
        )
        admins.tell(session, subject="A sealed address was tampered with", body=body, at=at)
    audit.record(
        session, actor="system", action=TAMPERED, subject=order.document, reason=f"it is {order.status}", at=at
    )


def tell_of_letter(session: Session, order: Order, *, at: datetime) -> None:
    """The same of a letter under this order that is not what the scheduler took for it. It was not opened."""
    if _is_told(session, order, at, letter=True):
        return
    log.error("%s: a letter of it is not what came with its code", order.document)
    if slots.claim(session, "tampered letter", slots.slot_of(at, int(DAY.total_seconds()))):
        body = (
            f"A letter under {order.document} did not come with its code: somebody or something moved, changed or "
            "wrote it in the database. It was not opened. Perhaps it is not the only one.\n\n"
            "Look who can write to the database, and see the audit record (`seal broken`). docs/keys.md has the "
            "steps, under Tampering.\n"
        )
        admins.tell(session, subject="A letter was tampered with", body=body, at=at)
    audit.record(session, actor="system", action=TAMPERED, subject=order.document, reason=LETTER, at=at)


@contextmanager
def told(session: Session) -> Iterator[None]:
    """A step that finds an order tampered with is refused, but what the record and the admins were told is kept."""
    try:
        yield
    except SealBroken:
        session.commit()
        raise


def require_release(session: Session, order: Order) -> None:
    """Raises SealBroken if the row says that a person released it, and the record does not: anyone who may add rows
    could write that."""
    if (order.released or order.released_for) and not audit.count(session, action=RELEASE, subject=order.document):
        raise SealBroken


def _is_told(session: Session, order: Order, at: datetime, *, letter: bool = False) -> bool:
    """Whether the record has a line of the last day; a line from the future, after a wrong clock, keeps none away."""
    query = select(AuditEntry.id).where(AuditEntry.action == TAMPERED, AuditEntry.subject == order.document)
    query = query.where(AuditEntry.reason == LETTER if letter else AuditEntry.reason != LETTER)
    return session.scalar(query.where(AuditEntry.at > at - DAY, AuditEntry.at <= at).limit(1)) is not None

"""What someone with a claim code wants done: cancel, or erase. The public side writes it down, the scheduler does it.

So the machine that visitors reach needs no right to change an order, its stock or the audit record.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from distro import audit, clock, slots
from distro.accounts import admins
from distro.db import insert
from orders import codes, retention, workflow
from orders.models import FINAL, Instruction, Order, Parcel, Status

CANCEL, ERASE = "cancel", "erase"


def may(order: Order, kind: str) -> bool:
    """Whether it is early enough: until the label is printed, and an erasure again once the parcel has left."""
    if order.status in FINAL:
        return kind == ERASE
    return order.parcel is None or order.parcel.labelled_on is None


def ask(session: Session, order: Order, kind: str, token: bytes, *, at: datetime) -> None:
    """Write down what is wanted; the same one twice is one. `token` is `codes.change_token` of the code typed."""
    values = {"order_id": order.id, "kind": kind, "token": token, "asked_at": at}
    session.execute(insert(session, Instruction).values(values).on_conflict_do_nothing())


def asked(session: Session, order: Order) -> str | None:
    """What is wanted of an order and not done yet; erasing counts more. None: nothing."""
    kinds = session.scalars(select(Instruction.kind).where(Instruction.order_id == order.id)).all()
    return max(kinds, default=None)


def waiting(session: Session, limit: int = 200) -> Sequence[int]:
    """Ids of what can be done now, oldest first. To erase waits while a label is printed, until the parcel has left."""
    labelled = exists().where(Parcel.order_id == Instruction.order_id, Parcel.labelled_on.is_not(None))
    leaving = (Instruction.kind == ERASE) & (Order.status == Status.PACKED) & labelled
    query = select(Instruction.id).join(Instruction.order).where(~leaving)
    return session.scalars(query.order_by(Instruction.id).limit(limit)).all()


def carry_out(session: Session, instruction_id: int, *, at: datetime) -> tuple[str, str] | None:
    """Do one, once, and forget it; gives the order's number and what was done. None: nothing.

    Too late to cancel: the order stays as it is, and its status says how far it is. Raises AlreadyMoved if it is too
    late to erase yet: the caller rolls back, and it stays to be done. A token that does not fit the order was never
    typed by whoever knows its code: nothing happens, the audit record says so, and the admins are told once a day.
    """
    told = session.execute(
        delete(Instruction)
        .where(Instruction.id == instruction_id)
        .returning(Instruction.order_id, Instruction.kind, Instruction.token)
        .execution_options(synchronize_session=False)
    ).first()
    if told is None:  # another scheduler was quicker
        return None
    order = session.get_one(Order, told.order_id, populate_existing=True)
    if not _fits(order, told.token) or told.kind not in (CANCEL, ERASE):
        _tell_forged(session, order, at)
        return None
    if told.kind == ERASE:
        retention.erase(session, order, at=at)
        return order.number, ERASE
    try:
        with session.begin_nested():
            if order.status != Status.CANCELLED:
                workflow.cancel(session, order, by="participant", at=at)
    except workflow.AlreadyMoved:
        return None
    return order.number, CANCEL


def _tell_forged(session: Session, order: Order, at: datetime) -> None:
    """A line in the record for each, and one mail a day."""
    audit.record(session, actor="system", action="forged instruction", subject=order.document, reason="dropped", at=at)
    if slots.claim(session, "forged instruction", slots.slot_of(at, clock.DAY)):
        body = (
            f"The database was told to cancel or erase {order.document} by somebody who does not know its code. "
            "Nothing was done. Perhaps it is not the only one.\n\n"
            "Look who can write to the database, and see the audit record (`forged instruction`). docs/keys.md has the "
            "steps, under Tampering.\n"
        )
        admins.tell(session, subject="A forged instruction was dropped", body=body, at=at)


def _fits(order: Order, token: bytes) -> bool:
    """Orders from before version 0003 kept no tag; their code was checked where it was typed."""
    return order.change_tag is None or hmac.compare_digest(codes.change_tag(token), order.change_tag)

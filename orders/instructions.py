"""What someone with a claim code wants done. The public side writes it down, `orders.following` does it.

So the machine that visitors reach needs no right to change an order, its stock or the audit record.
"""

import hmac
from datetime import UTC, datetime

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.db import insert
from distro.errors import Refusal
from orders import codes, words
from orders.models import FINAL, Instruction, Order, Status
from orders.words import Words

CANCEL, ERASE = "cancel", "erase"
CORRECT = "correct"  # with an address
LOST = "lost"  # it never came
MESSAGE = "message"  # with a text


class BeingErased(Refusal):
    """They asked us to erase the address, which is about to happen; until then nobody may use it for more."""

    sentence = _l(
        "You asked us to erase your address. We are doing that now, so we cannot use it for anything else. You can "
        "make a new request at any time."
    )


def may(order: Order, kind: str) -> bool:
    """Whether it is early enough: until the label is printed, and an erasure again once the parcel has left.

    A message can be written at any time; that a parcel never came is said once it has left.
    """
    if kind == MESSAGE:
        return True
    if kind == LOST:
        return order.status == Status.SHIPPED and order.lost_on is None
    if order.status in FINAL:
        return kind == ERASE
    return order.parcel is None or order.parcel.labelled_on is None


def ask(
    session: Session,
    order: Order,
    kind: str,
    token: bytes,
    *,
    at: datetime,
    said: Words | None = None,
    secret: str = "",
) -> None:
    """Write down what is wanted; the same one twice is one. `token` is `codes.change_token` of the code typed.

    `said` goes with it, proven under `secret` for this order, kind and instant.
    """
    values: dict[str, object] = {"order_id": order.id, "kind": kind, "token": token, "asked_at": at}
    if said is not None:
        proof = words.proof_of(secret, purpose(order, kind, at), said)
        values |= {"uid": said.uid, "epoch": said.epoch, "sealed": said.box, "proof": proof}
    session.execute(insert(session, Instruction).values(values).on_conflict_do_nothing())


def purpose(order: Order, kind: str, asked_at: datetime) -> str:
    """What the words of an instruction are for, and when they were said: so that an old row counts for nothing new."""
    return f"{order.number} {kind} {asked_at.astimezone(UTC).isoformat()}"


def require_kept(session: Session, order: Order) -> None:
    """Raises BeingErased once its erasure is asked for."""
    if ERASE in asked(session, order):
        raise BeingErased


def fits(order: Order, token: bytes) -> bool:
    """Whether whoever wrote this down knew the code. For the scheduler alone: the public side may not read the tag.

    Orders from before version 0003 kept no tag; their code was checked where it was typed.
    """
    return order.change_tag is None or hmac.compare_digest(codes.change_tag(token), order.change_tag)


def is_to_be_erased(session: Session, order: Order) -> bool:
    """Whether someone who knows the code wants an order erased, and it is not done yet. For the scheduler alone."""
    query = select(Instruction.token).where(Instruction.order_id == order.id, Instruction.kind == ERASE)
    return any(fits(order, token) for token in session.scalars(query))


def asked(session: Session, order: Order) -> set[str]:
    """What is wanted of an order and not done yet."""
    return set(session.scalars(select(Instruction.kind).where(Instruction.order_id == order.id)))

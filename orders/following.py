"""Doing what someone with a claim code wants done: cancel, erase, correct the address. In the scheduler alone."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import case, delete, exists, select
from sqlalchemy.orm import Session

from distro import audit, clock, slots
from distro.accounts import admins
from distro.config import Settings
from distro.keys.keyring import KeyGone
from distro.keys.sealing import SealBroken
from orders import (
    again,
    correction,
    identity,
    instructions,
    letters,
    replacement,
    retention,
    tampering,
    words,
    workflow,
)
from orders.identity import Keys
from orders.instructions import CANCEL, CORRECT, ERASE, LOST, MESSAGE
from orders.intake import PersonUnreadable
from orders.models import FINAL, Instruction, Order, Parcel, Status
from orders.schemas import AddressSchema
from orders.words import Words

log = logging.getLogger(__name__)
Done = Iterator[tuple[str, str]]  # what a backup must not bring back: the order's number, and cancel or erase
FIRST = (ERASE, CANCEL, MESSAGE)  # what needs no key: nothing that waits for one stands before it
AT_ONCE = 200


@dataclass(frozen=True)
class Asked:
    """What was said with an instruction, and when our public side took it."""

    said: Words | None
    at: datetime


def waiting(session: Session, without: Collection[int] = ()) -> Sequence[int]:
    """Ids of the next that can be done now, but for those tried already; to erase first, then to cancel, then by age.

    To erase waits while a label is printed, until the parcel has left.
    """
    labelled = exists().where(Parcel.order_id == Instruction.order_id, Parcel.labelled_on.is_not(None))
    leaving = (Instruction.kind == ERASE) & (Order.status == Status.PACKED) & labelled
    query = select(Instruction.id).join(Instruction.order).where(~leaving, Instruction.id.not_in(without))
    rank = case({kind: place for place, kind in enumerate(FIRST)}, value=Instruction.kind, else_=len(FIRST))
    return session.scalars(query.order_by(rank, Instruction.id).limit(AT_ONCE)).all()


def carry_out(session: Session, instruction_id: int, settings: Settings, *, at: datetime) -> list[tuple[str, str]]:
    """Do one, once, and forget it; gives what was cancelled or erased, as order numbers with the kind.

    Where another order has taken the place of the one it names, it is meant for that one, whose code it is now.
    Too late to cancel, or to correct: the order stays as it is, and its status says how far it is. Raises AlreadyMoved
    if it is too late to erase yet, and Unavailable or SecretWrong where nothing can be sealed or opened just now: the
    caller rolls back, and it stays to be done. A token that does not fit the order was never typed by whoever knows its
    code: nothing happens, the audit record says so, and the admins are told once a day. So they are of a row or box
    that is not ours; what is not readable is dropped.
    """
    told = session.execute(
        delete(Instruction)
        .where(Instruction.id == instruction_id)
        .returning(*(getattr(Instruction, name) for name in _TOLD))
        .execution_options(synchronize_session=False)
    ).first()
    if told is None:  # another scheduler was quicker
        return []
    named = session.get_one(Order, told.order_id, populate_existing=True)
    order = _meant(session, named)
    asked = Asked(Words(told.uid, told.epoch, told.sealed) if told.sealed is not None else None, told.asked_at)
    ours = told.kind in _DOING and _is_ours(named, told.kind, asked, told.proof, settings)
    if not (ours and instructions.fits(order, told.token)):
        _tell_forged(session, named, at)
        return []
    if order.erased_on is not None or (told.kind == LOST and order is not named):  # said before, and done
        return []
    try:
        with session.begin_nested():
            return list(_DOING[told.kind](session, order, asked, settings, at))
    except correction.CorrectedSince:
        _tell_forged(session, named, at)
    except workflow.AlreadyMoved:
        if told.kind == ERASE:
            raise
    except SealBroken:
        tampering.tell(session, order, at=at)
    except (KeyGone, PersonUnreadable) as problem:
        log.error("%s: %s was not done: %s", order.document, told.kind, type(problem).__name__)
    return []


def _meant(session: Session, order: Order) -> Order:
    """The order that the code of this one means now; its row is held until the commit."""
    seen = {order.id}
    workflow.lock(session, order, *Status)
    while order.resent_as_id is not None and order.resent_as_id not in seen:
        seen.add(order.resent_as_id)
        order = session.get_one(Order, order.resent_as_id, populate_existing=True)
        workflow.lock(session, order, *Status)
    return order


def _cancel(session: Session, order: Order, asked: Asked, settings: Settings, at: datetime) -> Done:
    if order.status != Status.CANCELLED:
        workflow.cancel(session, order, by="participant", at=at)
    yield order.number, CANCEL


def _erase(session: Session, order: Order, asked: Asked, settings: Settings, at: datetime) -> Done:
    numbers = [order.number, *retention.numbers_before(session, [order.id])]
    retention.erase(session, order, at=at)
    yield from ((number, ERASE) for number in numbers)


def _correct(session: Session, order: Order, asked: Asked, settings: Settings, at: datetime) -> Done:
    """Only before the label is printed, and never what the schema would not let through."""
    workflow.lock(session, order, *(set(Status) - FINAL))
    again.fill(session, order, settings, at=at)  # of one who asked again nothing is known before
    if order.parcel is not None:
        session.refresh(order.parcel)  # a label may have been printed while we waited for the row
    if asked.said is not None and instructions.may(order, CORRECT):
        address = _address(identity.open_words(Keys.of(settings), asked.said))
        told = {"reason": "with their code", "by": correction.PARTICIPANT}
        correction.correct(session, order, settings, address, **told, typed_at=asked.at, at=at)
    yield from ()


def _lost(session: Session, order: Order, asked: Asked, settings: Settings, at: datetime) -> Done:
    if not instructions.is_to_be_erased(session, order):  # an address does not outlive that wish
        replacement.send_again(session, order, settings, at=at)
    yield from ()


def _message(session: Session, order: Order, asked: Asked, settings: Settings, at: datetime) -> Done:
    if asked.said is not None and not letters.keep(session, order, asked.said, settings.secret_key, at=at):
        log.warning("%s: a message was dropped: it came twice", order.document)
    yield from ()


def _address(said: Mapping[str, Any]) -> dict[str, str]:
    """The address as our own page sealed it. Raises PersonUnreadable."""
    try:
        address: dict[str, str] = AddressSchema().load(said)
    except ValidationError:
        raise PersonUnreadable from None
    return address


_TOLD = ("order_id", "kind", "token", "asked_at", "uid", "epoch", "sealed", "proof")
_DOING: dict[str, Callable[[Session, Order, Asked, Settings, datetime], Done]] = {
    CANCEL: _cancel,
    ERASE: _erase,
    CORRECT: _correct,
    LOST: _lost,
    MESSAGE: _message,
}


def _is_ours(order: Order, kind: str, asked: Asked, proof: bytes | None, settings: Settings) -> bool:
    """Whether our own public side took the words, if there are any, for the order that they name."""
    if asked.said is None:
        return kind not in (CORRECT, MESSAGE)
    return words.is_proven(settings.secrets, instructions.purpose(order, kind, asked.at), asked.said, proof)


def _tell_forged(session: Session, order: Order, at: datetime) -> None:
    """A line in the record for each, and one mail a day."""
    audit.record(session, actor="system", action="forged instruction", subject=order.document, reason="dropped", at=at)
    if slots.claim(session, "forged instruction", slots.slot_of(at, clock.DAY)):
        body = (
            f"The database was told to change, cancel or erase {order.document} by somebody who does not know its "
            "code, or with a row from before. Nothing was done. Perhaps it is not the only one.\n\n"
            "Look who can write to the database, and see the audit record (`forged instruction`). docs/keys.md has the "
            "steps, under Tampering.\n"
        )
        admins.tell(session, subject="A forged instruction was dropped", body=body, at=at)

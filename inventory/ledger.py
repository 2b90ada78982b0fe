"""The only writer of Movement and Balance: every change of stock is a ledger line and a balance, together.

The balance row moves by one conditional UPDATE, which is also the lock: no row back means the stock is not
there (any more), and nothing was written. Callers that touch several rows take them in order of lot and bin.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from distro.db import insert
from distro.errors import InvalidInput, Refusal
from inventory.models import Balance, Bin, Lot, Movement, MovementKind


class NotEnough(Refusal):
    """Fewer units stand there than the change needs."""

    sentence = (
        "There are not %(quantity)s units of lot %(lot)s in bin %(bin)s to do that. Count the shelf and try again."
    )


@dataclass(frozen=True)
class Document:
    """What a change belongs to: `name` such as ORD-7K3M9QXA, who did it (a staff username), when, and why."""

    name: str
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class Difference:
    """A balance that is not the sum of its ledger lines."""

    lot_id: int
    bin_id: int
    ledger: tuple[int, int]  # on hand, reserved
    balance: tuple[int, int]


def receive(session: Session, lot: Lot, bin: Bin, quantity: int, document: Document) -> None:
    """Goods come in: `quantity` units of `lot` are put into `bin`. Raises InvalidInput unless it is positive."""
    _require_positive(quantity)
    session.execute(
        insert(session, Balance)
        .values(lot_id=lot.id, site_id=bin.site_id, bin_id=bin.id, on_hand=0, reserved=0)
        .on_conflict_do_nothing()
    )
    _change(session, lot, bin, MovementKind.RECEIVE, quantity, 0, Balance.on_hand >= 0, document)


def reserve(session: Session, lot: Lot, bin: Bin, quantity: int, document: Document) -> None:
    """Promise units to an order. Raises NotEnough if they are not available."""
    _require_positive(quantity)
    fits = Balance.on_hand - Balance.reserved >= quantity
    _change(session, lot, bin, MovementKind.RESERVE, 0, quantity, fits, document)


def release(session: Session, lot: Lot, bin: Bin, quantity: int, document: Document) -> None:
    """Give promised units back to the shelf. Raises NotEnough if so many are not promised."""
    _require_positive(quantity)
    _change(session, lot, bin, MovementKind.RELEASE, 0, -quantity, Balance.reserved >= quantity, document)


def ship(session: Session, lot: Lot, bin: Bin, quantity: int, document: Document) -> None:
    """Promised units leave. Raises NotEnough if so many are not promised."""
    _require_positive(quantity)
    _change(session, lot, bin, MovementKind.SHIP, -quantity, -quantity, Balance.reserved >= quantity, document)


def adjust(session: Session, lot: Lot, bin: Bin, quantity: int, document: Document) -> None:
    """Correct a balance by `quantity` (signed): counted, damaged, expired. The document says why.

    Raises InvalidInput without a reason, NotEnough if it would take promised units.
    """
    if quantity == 0:
        raise InvalidInput(field="quantity", problem="Type how many units to add or take away, such as -2.")
    if not document.reason.strip():
        raise InvalidInput(field="reason", problem="Say why the stock changes, such as “box damaged”.")
    fits = Balance.on_hand + quantity >= Balance.reserved
    _change(session, lot, bin, MovementKind.ADJUST, quantity, 0, fits, document)


def differences(session: Session) -> Iterator[Difference]:
    """Every lot and bin whose balance is not the sum of its ledger, and those with only one of the two."""
    sums = (
        select(
            Movement.lot_id,
            Movement.bin_id,
            func.sum(Movement.on_hand).label("on_hand"),
            func.sum(Movement.reserved).label("reserved"),
        )
        .group_by(Movement.lot_id, Movement.bin_id)
        .order_by(Movement.lot_id, Movement.bin_id)
    )
    ledger = {(lot, bin): (int(on_hand), int(reserved)) for lot, bin, on_hand, reserved in session.execute(sums)}
    balances = {
        (lot, bin): (on_hand, reserved)
        for lot, bin, on_hand, reserved in session.execute(
            select(Balance.lot_id, Balance.bin_id, Balance.on_hand, Balance.reserved)
        )
    }
    for key in sorted(ledger.keys() | balances.keys()):
        should, stands = ledger.get(key, (0, 0)), balances.get(key, (0, 0))
        if should != stands:
            yield Difference(*key, ledger=should, balance=stands)


def _change(
    session: Session,
    lot: Lot,
    bin: Bin,
    kind: MovementKind,
    on_hand: int,
    reserved: int,
    fits: ColumnElement[bool],
    document: Document,
) -> None:
    moved = session.execute(
        update(Balance)
        .where(Balance.lot_id == lot.id, Balance.bin_id == bin.id, fits)
        .values(on_hand=Balance.on_hand + on_hand, reserved=Balance.reserved + reserved)
        .returning(Balance.id)
        .execution_options(synchronize_session=False)
    ).first()
    if moved is None:
        raise NotEnough(quantity=max(abs(on_hand), abs(reserved)), lot=lot.number, bin=bin.code)
    session.add(
        Movement(
            at=document.at,
            kind=kind,
            lot_id=lot.id,
            site_id=bin.site_id,
            bin_id=bin.id,
            on_hand=on_hand,
            reserved=reserved,
            document=document.name,
            reason=document.reason,
            by=document.by,
        )
    )
    session.flush()


def _require_positive(quantity: int) -> None:
    if quantity <= 0:
        raise InvalidInput(field="quantity", problem="The quantity must be 1 or more.")

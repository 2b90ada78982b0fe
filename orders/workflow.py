"""The life of an order after triage: allocate, claim, pick, pack, label, ship; or wait, hold, cancel.

Every step moves the status by one conditional UPDATE, so two people who press at once cannot both win.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from distro import audit
from distro.auth import User
from distro.errors import Refusal
from inventory import gs1, ledger
from inventory.ledger import Document
from inventory.models import Bin, Lot
from orders.allocation import Plan
from orders.models import MOVES, RESERVING, Allocation, Order, Parcel, Status


class AlreadyMoved(Refusal):
    """Someone or something changed the order first, or this step is not next."""

    sentence = "Order %(number)s is now “%(status)s”, so this step does not fit. Open it again from the queue."


class TakenBySomeone(Refusal):
    """Another packer works on it."""

    sentence = "Order %(number)s is being packed by %(packer)s. Take the next one from the queue."


class WrongLot(Refusal):
    """What was scanned is not what this order needs."""

    sentence = "Wrong lot: %(scanned)s is not on this order. Look for %(expected)s."


class LotExpired(Refusal):
    """The lot must not leave any more."""

    sentence = "Lot %(lot)s expired on %(expired)s. Do not send it. Press “Not on the shelf” to get another lot."


class LotHeld(Refusal):
    """The lot was put on hold after it was allocated."""

    sentence = "Lot %(lot)s is on hold. Do not send it. Press “Not on the shelf” to get another lot."


class AlreadyPicked(Refusal):
    """All units of this lot are in the box."""

    sentence = "All %(quantity)s of lot %(lot)s are already picked. Do not add more."


class NotAllPicked(Refusal):
    """Units are missing in the box."""

    sentence = "%(missing)s units are not picked yet. Scan them before you pack."


class NoLongerAllowed(Refusal):
    """The rules changed since triage."""

    sentence = "The rules no longer let us send this: %(why)s It is back with a person to decide. Unpack it."


class NotLabelled(Refusal):
    """No label was printed."""

    sentence = "Print the label of order %(number)s first."


class AddressErased(Refusal):
    """The address of this order has been erased."""

    status = 410
    sentence = "The address of order %(number)s has been erased."


def move(session: Session, order: Order, to: Status, **values: object) -> None:
    """Move an order to its next status, if it is still where we think. Raises AlreadyMoved if not."""
    status = Status(order.status)
    moved = to in MOVES[status] and session.scalar(
        update(Order)
        .where(Order.id == order.id, Order.status == status)
        .values(status=to, **values)
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    )
    session.refresh(order)
    if not moved:
        raise AlreadyMoved(number=order.number, status=order.status)


def hold(session: Session, order: Order, *, note: str, at: datetime) -> None:
    """Leave the order to a person; `note` says why, and names no one. Promised stock goes back."""
    _put_back(session, order, by="system", at=at)
    move(session, order, Status.HELD, note=note[:200], packer_id=None)


def wait(session: Session, order: Order, *, site_id: int) -> None:
    """Stock is short: the order waits, and is tried again when there is more."""
    if order.status != Status.WAITING:
        move(session, order, Status.WAITING, site_id=site_id, packer_id=None)


def allocate(session: Session, order: Order, plan: Plan, *, at: datetime) -> None:
    """Promise the planned lots to the order. Raises ledger.NotEnough if the shelf changed meanwhile."""
    lines = {line.item_id: line for line in order.lines}
    for pick in plan.picks:
        lot, bin = session.get_one(Lot, pick.shelf.lot_id), session.get_one(Bin, pick.shelf.bin_id)
        ledger.reserve(session, lot, bin, pick.quantity, Document(order.document, "system", at))
        line = lines[pick.shelf.item_id]
        order.allocations.append(Allocation(line_id=line.id, lot=lot, bin=bin, quantity=pick.quantity))
    move(session, order, Status.ALLOCATED, site_id=plan.site_id, note="")


def claim(session: Session, order: Order, packer: User) -> None:
    """Start picking: the order is this packer's until packed or put back. Raises TakenBySomeone."""
    if order.status == Status.ALLOCATED:
        with suppress(AlreadyMoved):  # a colleague was quicker; the next lines say who
            move(session, order, Status.PICKING, packer_id=packer.id)
    if order.packer_id != packer.id and order.packer is not None:
        raise TakenBySomeone(number=order.number, packer=order.packer.username)
    if order.status != Status.PICKING:
        raise AlreadyMoved(number=order.number, status=order.status)


def unclaim(session: Session, order: Order) -> None:
    """Put a started order back in the queue; what was picked goes back to the shelf."""
    move(session, order, Status.ALLOCATED, packer_id=None)
    for allocation in order.allocations:
        allocation.picked = 0


def pick(session: Session, order: Order, scanned: str, *, packer: User, today: date) -> Allocation:
    """One unit of the lot scanned goes into the box; gives back what was picked.

    `scanned` is a lot number, or a GS1 code that holds one. Raises WrongLot, LotExpired, LotHeld or AlreadyPicked.
    """
    claim(session, order, packer)
    allocation = _allocation_for(order, scanned)
    if allocation.lot.expires_on <= today:
        raise LotExpired(lot=allocation.lot.number, expired=f"{allocation.lot.expires_on:%b %-d, %Y}")
    if allocation.lot.held:
        raise LotHeld(lot=allocation.lot.number)
    taken = session.scalar(
        update(Allocation)
        .where(Allocation.id == allocation.id, Allocation.picked < Allocation.quantity)
        .values(picked=Allocation.picked + 1)
        .returning(Allocation.picked)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise AlreadyPicked(quantity=allocation.quantity, lot=allocation.lot.number)
    session.refresh(allocation)
    return allocation


def pack(session: Session, order: Order, *, packer: User, barred: str, at: datetime) -> None:
    """Close the box. `barred` says why today's rules forbid it, empty if they do not.

    Raises NotAllPicked, TakenBySomeone or AlreadyMoved. If it is barred, the order goes back to a person:
    the caller commits that and raises NoLongerAllowed.
    """
    claim(session, order, packer)
    if barred:
        hold(session, order, note=barred, at=at)
        return
    missing = sum(allocation.quantity - allocation.picked for allocation in order.allocations)
    if missing:
        raise NotAllPicked(missing=missing)
    move(session, order, Status.PACKED)
    session.add(Parcel(order_id=order.id, packed_on=at.date()))
    session.flush()
    session.expire(order, ["parcel"])


def note_label(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """Record that the address is about to be opened for a label. Commit this before opening it."""
    if order.status != Status.PACKED or order.parcel is None:
        raise AlreadyMoved(number=order.number, status=order.status)
    if order.sealed is None:
        raise AddressErased(number=order.number)
    again = order.parcel.labelled_on is not None
    audit.record(
        session,
        actor=by,
        action="open address",
        subject=order.document,
        reason="label printed again" if again else "label",
        at=at,
    )
    order.parcel.labelled_on = at.date()


def take_label_back(order: Order) -> None:
    """No label came out, since the address could not be opened: the order is not ready to ship."""
    if order.parcel is not None:
        order.parcel.labelled_on = None


def ship(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """The parcel leaves: promised units go off the shelf for good. Raises NotLabelled or AlreadyMoved."""
    if order.status == Status.PACKED and (order.parcel is None or order.parcel.labelled_on is None):
        raise NotLabelled(number=order.number)
    move(session, order, Status.SHIPPED, closed_on=at.date())
    for allocation in _in_lock_order(order):
        document = Document(order.document, by, at)
        ledger.ship(session, allocation.lot, allocation.bin, allocation.quantity, document)
    if order.parcel is not None:
        order.parcel.shipped_on = at.date()


def cancel(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """Stop an order that has no label yet. Raises AlreadyMoved if it is labelled or gone."""
    if order.parcel is not None and order.parcel.labelled_on is not None:
        raise AlreadyMoved(number=order.number, status=order.status)
    _put_back(session, order, by=by, at=at)
    move(session, order, Status.CANCELLED, closed_on=at.date(), packer_id=None)


def report_missing(session: Session, allocation: Allocation, *, found: int, by: str, at: datetime) -> None:
    """Fewer units than promised stand on the shelf, or they must not leave: correct the stock and plan again.

    `found` is how many good units are there. The order waits, and triage finds other lots within seconds.
    """
    order, lot, bin = allocation.order, allocation.lot, allocation.bin
    lost = allocation.quantity - max(0, found)
    _put_back(session, order, by=by, at=at)
    move(session, order, Status.WAITING, packer_id=None)
    if lost > 0:
        reason = f"not on the shelf while packing {order.document}"
        ledger.adjust(session, lot, bin, -lost, Document(order.document, by, at, reason))


def _put_back(session: Session, order: Order, *, by: str, at: datetime) -> None:
    if order.status not in RESERVING:
        return
    for allocation in _in_lock_order(order):
        ledger.release(session, allocation.lot, allocation.bin, allocation.quantity, Document(order.document, by, at))
    order.allocations.clear()
    if order.parcel is not None:
        session.delete(order.parcel)
    session.flush()


def _in_lock_order(order: Order) -> Sequence[Allocation]:
    return sorted(order.allocations, key=lambda allocation: (allocation.lot_id, allocation.bin_id))


def _allocation_for(order: Order, scanned: str) -> Allocation:
    number = gs1.lot_number(scanned)
    fitting = [allocation for allocation in order.allocations if allocation.lot.number == number]
    if not fitting:
        missing = [a.lot.number for a in order.allocations if a.picked < a.quantity]
        raise WrongLot(scanned=number[:20], expected=" or ".join(missing) or "nothing more: all is picked")
    return next((allocation for allocation in fitting if allocation.picked < allocation.quantity), fitting[0])

"""The life of an order after triage: allocate, claim, pick, pack, label, ship; or wait, hold, cancel.

Every step moves the status by one conditional UPDATE, so two people who press at once cannot both win.

Length: an order's whole life stands here in one piece, each step beside the sentences that refuse it.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from distro import audit
from distro.auth import User
from distro.errors import Refusal
from inventory import gs1, ledger
from inventory.ledger import Document
from inventory.models import Bin, Lot
from orders import telling
from orders.allocation import Plan
from orders.models import MOVES, RESERVING, Allocation, Notice, Order, Parcel, Status
from orders.signals import is_group
from orders.telling import News

NEWS = {  # what a person is told of when their order comes to a step; that it is cancelled, they know
    Status.WAITING: telling.heard(News.WAITING),
    Status.SHIPPED: telling.heard(News.SHIPPED),
    Status.DECLINED: telling.heard(News.DECLINED),
    Status.CANCELLED: telling.stopped(),
}


class AlreadyMoved(Refusal):
    """Someone or something changed the order first, or this step is not next."""

    sentence = "Order %(number)s is now “%(status)s”, so this step does not fit. Open it again from the queue."


class TakenBySomeone(Refusal):
    """Another packer works on it."""

    sentence = "Order %(number)s is being packed by %(packer)s. Take the next one from the queue."


class WrongLot(Refusal):
    """What was scanned is not what this order needs."""

    sentence = "Wrong lot: %(scanned)s is not on this order. Look for %(expected)s."


class SeveralFit(Refusal):
    """Two items of the order have the same lot number, and the scan does not say which it was."""

    sentence = "Two items here have lot number %(lot)s. Press “Pick” beside the one you took."


class ExpiryDiffers(Refusal):
    """The date on the box is not the date of the lot."""

    sentence = "The box says it expires %(box)s, but lot %(lot)s expires %(known)s. Do not send it. Ask a manager."


class LotTooOld(Refusal):
    """The lot has expired, or would have too little life left when it arrives."""

    sentence = (
        "Lot %(lot)s expires on %(expired)s, too soon to send it now. Do not send it. "
        "Press “Not on the shelf” or “Unpack” to get another lot."
    )


class LotHeld(Refusal):
    """The lot was put on hold after it was allocated."""

    sentence = "Lot %(lot)s is on hold. Do not send it. Press “Not on the shelf” or “Unpack” to get another lot."


class BoxMayBeGone(LotHeld):
    """The same when the label is on the box: nobody but a person knows where it is."""

    sentence = (
        "Lot %(lot)s is on hold. Is the box still here? Do not send it: press “Unpack”. "
        "If it has left already, a manager marks it shipped."
    )


class AlreadyPicked(Refusal):
    """All units of this lot are in the box."""

    sentence = "All %(quantity)s of lot %(lot)s are already picked. Do not add more."


class AlreadyCounted(Refusal):
    """The same scan came twice, by a double click or from an old page."""

    sentence = "That scan was already counted: %(picked)s of %(quantity)s picked. Look at the list, then scan again."


class WrongParcel(Refusal):
    """At the shipping step another order's number was scanned."""

    sentence = "This is order %(number)s, but %(scanned)s was scanned. Check which label is on the box."


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
    """Move an order to its next status, if it is still where we think. Raises AlreadyMoved if not.

    The order's row is locked from here to the commit, so steps lock it first and the stock it holds second.
    """
    status = Status(order.status)
    if to in NEWS:
        values = {"news": NEWS[to], **values}
    moved = to in MOVES[status] and _set(session, order, (status,), status=to, **values)
    session.refresh(order)
    if not moved:
        raise AlreadyMoved(number=order.number, status=order.status)


def lock(session: Session, order: Order, *statuses: Status) -> None:
    """Hold an order's row until the commit, for a step that leaves its status. Raises AlreadyMoved elsewhere."""
    locked = _set(session, order, statuses, uid=order.uid)
    session.refresh(order)
    if not locked:
        raise AlreadyMoved(number=order.number, status=order.status)


def hold(session: Session, order: Order, *, note: str, at: datetime) -> None:
    """Leave the order to a person; `note` says why, and names no one. Promised stock goes back."""
    _stop(session, order, Status.HELD, by="system", at=at, note=note[:200])


def wait(session: Session, order: Order, *, site_id: int) -> None:
    """Stock is short: the order waits, and is tried again when there is more."""
    if order.status != Status.WAITING:
        move(session, order, Status.WAITING, site_id=site_id)


def allocate(session: Session, order: Order, plan: Plan, *, at: datetime) -> None:
    """Promise the planned lots to the order. Raises ledger.NotEnough if the shelf changed meanwhile."""
    move(session, order, Status.ALLOCATED, site_id=plan.site_id, note="")
    lines = {line.item_id: line for line in order.lines}
    for pick in plan.picks:
        lot, bin = session.get_one(Lot, pick.shelf.lot_id), session.get_one(Bin, pick.shelf.bin_id)
        ledger.reserve(session, lot, bin, pick.quantity, _document(order, "system", at))
        line = lines[pick.shelf.item_id]
        order.allocations.append(Allocation(line_id=line.id, lot=lot, bin=bin, quantity=pick.quantity))
    session.flush()


def claim(session: Session, order: Order, packer: User) -> None:
    """Start picking: the order is this packer's until packed or put back. Raises TakenBySomeone."""
    if order.status == Status.ALLOCATED:
        with suppress(AlreadyMoved):  # a colleague was quicker; the next lines say who
            move(session, order, Status.PICKING, packer_id=packer.id)
    if order.packer_id != packer.id and order.packer is not None:
        raise TakenBySomeone(number=order.number, packer=order.packer.username)
    lock(session, order, Status.PICKING)


def unclaim(session: Session, order: Order) -> None:
    """Put a started order back in the queue; what was picked goes back to the shelf."""
    move(session, order, Status.ALLOCATED, packer_id=None)
    session.execute(update(Allocation).where(Allocation.order_id == order.id).values(picked=0))
    session.expire(order, ["allocations"])


def pick(session: Session, order: Order, scanned: str, *, packer: User, today: date) -> Allocation:
    """One unit of the lot scanned goes into the box; gives back what was picked.

    `scanned` is a lot number, or a GS1 code that holds one. Raises WrongLot, SeveralFit, ExpiryDiffers, and as `take`.
    """
    claim(session, order, packer)
    return take(session, _allocation_for(order, scanned), packer=packer, today=today)


def take(session: Session, allocation: Allocation, *, packer: User, today: date) -> Allocation:
    """One unit goes into the box, or a whole case of a group's: see `units_a_scan`.

    Raises LotTooOld, LotHeld or AlreadyPicked.
    """
    claim(session, allocation.order, packer)
    _require_sendable(allocation, today)
    units = units_a_scan(allocation)
    taken = session.scalar(
        update(Allocation)
        .where(Allocation.id == allocation.id, Allocation.picked + units <= Allocation.quantity)
        .values(picked=Allocation.picked + units)
        .returning(Allocation.picked)
        .execution_options(synchronize_session=False)
    )
    if taken is None:
        raise AlreadyPicked(quantity=allocation.quantity, lot=allocation.lot.number)
    session.refresh(allocation)
    return allocation


def units_a_scan(allocation: Allocation) -> int:
    """How many units one scan counts: those of a case, for a group, while a whole case of that lot is missing."""
    per_case, left = allocation.lot.item.case_units or 1, allocation.quantity - allocation.picked
    return per_case if left >= per_case and is_group(allocation.order) else 1


def pack(session: Session, order: Order, *, packer: User, today: date) -> None:
    """Close the box, once today's rules were asked again; `today` is the site's day.

    Raises NotAllPicked, LotTooOld, LotHeld, TakenBySomeone or AlreadyMoved.
    """
    claim(session, order, packer)
    missing = sum(allocation.quantity - allocation.picked for allocation in order.allocations)
    if missing:
        raise NotAllPicked(missing=missing)
    for allocation in order.allocations:
        _require_sendable(allocation, today)
    move(session, order, Status.PACKED)
    session.add(Parcel(order_id=order.id, packed_on=today))
    session.flush()
    session.expire(order, ["parcel"])


def require_free(order: Order, refusal: type[LotHeld] = LotHeld) -> None:
    """Refuse an order that has some of a lot on hold."""
    held = next((allocation.lot for allocation in order.allocations if allocation.lot.held), None)
    if held is not None:
        raise refusal(lot=held.number)


def note_label(session: Session, order: Order, *, at: datetime) -> bool:
    """Note that a label is about to be made; True if there was one before. `identity.view` opens the address for it.

    Raises AddressErased, LotHeld, or AlreadyMoved unless the order is packed.
    """
    lock(session, order, Status.PACKED)
    require_free(order)
    if order.sealed is None or order.parcel is None:
        raise AddressErased(number=order.number)
    again = order.parcel.labelled_on is not None
    order.parcel.labelled_on = at.date()
    return again


def require_label(session: Session, order: Order) -> Parcel:
    """Hold a packed order's row until it ships; gives its parcel. Raises NotLabelled, or AlreadyMoved elsewhere."""
    lock(session, order, Status.PACKED)
    if order.parcel is None or order.parcel.labelled_on is None:
        raise NotLabelled(number=order.number)
    return order.parcel


def ship(session: Session, order: Order, *, by: str, at: datetime, today: date, gone: str = "") -> None:
    """The parcel leaves: promised units go off the shelf for good. `today` is the site's day.

    `gone` is why a manager says that a box left though it should not have: then no lot is asked for any more. Raises
    NotLabelled, LotTooOld, BoxMayBeGone or AlreadyMoved.
    """
    parcel = require_label(session, order)
    if gone:
        audit.record(session, actor=by, action="ship held", subject=order.document, reason=gone[:200], at=at)
    else:
        require_free(order, BoxMayBeGone)
        for allocation in order.allocations:
            _require_sendable(allocation, today)
    move(session, order, Status.SHIPPED, closed_on=today)
    for allocation in _in_lock_order(order):
        document = _document(order, by, at)
        ledger.ship(session, allocation.lot, allocation.bin, allocation.quantity, document)
    parcel.shipped_on = today


def cancel(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """Stop an order that has no label yet. Raises AlreadyMoved if it is labelled or gone."""
    lock(session, order, *MOVES)
    _require_no_label(session, order)
    _stop(session, order, Status.CANCELLED, by=by, at=at, closed_on=at.date())


def report_missing(session: Session, allocation: Allocation, *, found: int, by: str, at: datetime, today: date) -> None:
    """Fewer units than promised stand on the shelf, or they must not leave: correct the stock and plan again.

    `found` is how many units are there. The order waits, and triage finds other lots within seconds. A lot that is
    held or too old is there, so its stock is not corrected. Raises AlreadyMoved once the order is packed.
    """
    order, lot, bin = allocation.order, allocation.lot, allocation.bin
    lock(session, order, Status.ALLOCATED, Status.PICKING)
    lost = 0 if lot.held or today > lot.send_until else allocation.quantity - max(0, found)
    _stop(session, order, Status.WAITING, by=by, at=at)
    if lost > 0:
        reason = f"not on the shelf while packing {order.document}"
        ledger.adjust(session, lot, bin, -lost, _document(order, by, at, reason))


def unpack(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """Open a packed box again: everything goes back to the shelf, its label is torn up, and it is planned anew."""
    lock(session, order, Status.PACKED)
    _stop(session, order, Status.WAITING, by=by, at=at)
    audit.record(session, actor=by, action="unpack", subject=order.document, at=at)


def take_back(session: Session, order: Order, *, by: str, at: datetime) -> None:
    """The same wherever an order stands before its label is printed, for lots that must not leave.

    Raises AlreadyMoved elsewhere: a box with a label may be at the post office, so a person looks for it.
    """
    lock(session, order, *RESERVING)
    _require_no_label(session, order)
    packed = order.status == Status.PACKED
    _stop(session, order, Status.WAITING, by=by, at=at)
    if packed:
        audit.record(session, actor=by, action="unpack", subject=order.document, reason="a lot was recalled", at=at)


def _set(session: Session, order: Order, statuses: Sequence[Status], **values: object) -> bool:
    found = session.scalar(
        update(Order)
        .where(Order.id == order.id, Order.status.in_(statuses))
        .values(**values)
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    )
    return found is not None


def _stop(session: Session, order: Order, to: Status, *, by: str, at: datetime, **values: object) -> None:
    """Take an order out of the queue: status first, which locks it, then its stock and its box."""
    held_stock = order.status in RESERVING
    move(session, order, to, packer_id=None, **values)
    if held_stock:
        for allocation in _in_lock_order(order):
            document = _document(order, by, at)
            ledger.release(session, allocation.lot, allocation.bin, allocation.quantity, document)
        order.allocations.clear()
        if order.parcel is not None:
            session.delete(order.parcel)
            session.execute(delete(Notice).where(Notice.order_id == order.id))  # of what did not leave after all
        session.flush()
        session.expire(order, ["parcel"])


def _document(order: Order, by: str, at: datetime, reason: str = "") -> Document:
    """For the stock ledger, which keeps it for good: the hour is enough. The second would be that of the request."""
    return Document(order.document, by, at.replace(minute=0, second=0, microsecond=0), reason)


def _require_sendable(allocation: Allocation, today: date) -> None:
    lot = allocation.lot
    if lot.held:
        raise LotHeld(lot=lot.number)
    if today > lot.send_until:
        raise LotTooOld(lot=lot.number, expired=f"{lot.expires_on:%b %-d, %Y}")


def _require_no_label(session: Session, order: Order) -> None:
    if order.parcel is not None:
        session.refresh(order.parcel)  # a label may have been printed while we waited for the row
        if order.parcel.labelled_on is not None:
            raise AlreadyMoved(number=order.number, status=order.status)


def _in_lock_order(order: Order) -> Sequence[Allocation]:
    return sorted(order.allocations, key=lambda allocation: (allocation.lot_id, allocation.bin_id))


def _allocation_for(order: Order, scanned: str) -> Allocation:
    scan = gs1.parse(scanned)
    if not scan.lot:
        raise gs1.ScanUnreadable
    fitting = [
        allocation
        for allocation in order.allocations
        if allocation.lot.number.upper() == scan.lot.upper()
        and scan.gtin in (None, allocation.lot.item.gtin or scan.gtin)
    ]
    if not fitting:
        missing = [a.lot.number for a in order.allocations if a.picked < a.quantity]
        raise WrongLot(scanned=scan.lot[:20], expected=" or ".join(missing) or "nothing more: all is picked")
    if len({allocation.lot_id for allocation in fitting}) > 1:
        raise SeveralFit(lot=scan.lot[:20])
    known = fitting[0].lot.expires_on
    if scan.expires_on is not None and scan.expires_on != known:
        raise ExpiryDiffers(box=f"{scan.expires_on:%b %-d, %Y}", lot=scan.lot, known=f"{known:%b %-d, %Y}")
    return next((allocation for allocation in fitting if allocation.picked < allocation.quantity), fitting[0])

"""When an address dies. Published rule: 30 days after shipping, 7 after cancel or decline, at once on request.

An order that no one has settled in `OPEN_MOST` is declined, so that it comes under the rule too.

Every copy of it in every backup dies with its week's key, `WEEKS_IN_BACKUPS` later at most: see `shredding`.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, delete, null, select, update
from sqlalchemy.orm import Session

from distro import audit, outbox
from orders import workflow
from orders.models import FINAL, TOO_OLD, Household, Letter, Order, Reply, Status

KEEP_AFTER_SHIPPING = timedelta(days=30)
KEEP_AFTER_STOPPING = timedelta(days=7)
KEYS_LIVE = timedelta(weeks=2)  # how long a week's key stays after its week: a backup younger than that loses nothing
# The week an address was sealed in may have just begun when it is erased, and its key dies at `shredding.LATEST`.
WEEKS_IN_BACKUPS = 2 + KEYS_LIVE.days // 7
OPEN_MOST = timedelta(days=90)  # from the day it came in until it is promised stock
LONGEST = timedelta(days=150)  # from the day it came in until the address of a closed one goes, whatever else it says
KEEP_MAIL = timedelta(days=30)  # the text of a mail that never left


def erase_date(order: Order) -> date | None:
    """The day the address goes; None while the order is open."""
    if order.closed_on is None:
        return None
    keep = KEEP_AFTER_SHIPPING if order.status == Status.SHIPPED else KEEP_AFTER_STOPPING
    return min(order.closed_on + keep, order.received_on + LONGEST)


def erase(session: Session, order: Order, *, at: datetime) -> None:
    """Erase the address now, as its owner asked; an order without a label is cancelled first.

    Raises workflow.AlreadyMoved between label and shipping, when the parcel still needs it.
    """
    if order.status not in FINAL:
        workflow.cancel(session, order, by="participant", at=at)
    _forget(session, Order.id == order.id, at.date())
    session.expire(order)
    audit.record(session, actor="system", action="erase", subject=order.document, reason="asked for", at=at)


def forget(session: Session, order: Order, today: date) -> None:
    """Erase the address of an order that another has taken the place of, and now holds it."""
    session.flush()
    _forget(session, Order.id == order.id, today)
    session.expire(order)


def decline_old(session: Session, *, at: datetime) -> int:
    """Decline what was open for longer than `OPEN_MOST`, each with a line in the record; gives back how many."""
    old = select(Order).where(
        Order.status.in_([Status.RECEIVED, Status.HELD, Status.WAITING]), Order.received_on < at.date() - OPEN_MOST
    )
    declined = 0
    for order in session.scalars(old.order_by(Order.id)).all():
        with suppress(workflow.AlreadyMoved):  # somebody settles it just now
            workflow.move(session, order, Status.DECLINED, closed_on=at.date(), note="", why_not=TOO_OLD)
            reason = f"open for more than {OPEN_MOST.days} days"
            audit.record(session, actor="system", action="decline", subject=order.document, reason=reason, at=at)
            declined += 1
    return declined


def erase_due(session: Session, *, at: datetime) -> list[str]:
    """Erase every address past its date, with one line in the audit record.

    Gives the numbers of the orders, and of those in whose place they went, for the file of what is forgotten.
    """
    today = at.date()
    shipped = (Order.status == Status.SHIPPED) & (Order.closed_on <= today - KEEP_AFTER_SHIPPING)
    stopped = Order.status.in_([Status.CANCELLED, Status.DECLINED]) & (Order.closed_on <= today - KEEP_AFTER_STOPPING)
    late = Order.status.in_(FINAL) & (Order.received_on <= today - LONGEST)
    erased = _forget(session, shipped | stopped | late, today)
    if erased:
        reason = f"{len(erased)} past their date"
        audit.record(session, actor="system", action="erase", subject="addresses", reason=reason, at=at)
    return [*erased.values(), *numbers_before(session, list(erased))]


def numbers_before(session: Session, order_ids: Sequence[int]) -> list[str]:
    """The numbers of the orders in whose place these go. In an older backup those still hold the address."""
    found: dict[int, str] = {}
    for few in (order_ids[start : start + 500] for start in range(0, len(order_ids), 500)):
        last = list(few)
        while last:
            rows = session.execute(select(Order.id, Order.number).where(Order.resent_as_id.in_(last))).all()
            last = [row.id for row in rows if row.id not in found]
            found |= {row.id: row.number for row in rows}
    return list(found.values())


def _forget(session: Session, which: ColumnElement[bool], today: date) -> dict[int, str]:
    """Empty all that came from a person or says why they were looked at. What, which state and which days stay.

    Gives the numbers of the orders by their ids.
    """
    erased = session.execute(
        update(Order)
        .where(Order.erased_on.is_(None), which)
        .values(
            sealed=None,
            proof=None,
            erased_on=today,
            decision=null(),
            released_for=[],
            flags=[],
            note="",
            why_not="",
            news="",
        )
        .returning(Order.id, Order.number, Order.uid)
        .execution_options(synchronize_session=False)
    ).all()
    forget_homes(session, [row.id for row in erased])
    _forget_letters(session, [row.id for row in erased])
    for few in (erased[start : start + 500] for start in range(0, len(erased), 500)):
        outbox.take_back(session, [row.uid for row in few])
    return {row.id: row.number for row in erased}


def forget_homes(session: Session, order_ids: Sequence[int]) -> None:
    """Drop the household tags of these orders, whose address is erased or another one now."""
    for few in (order_ids[start : start + 500] for start in range(0, len(order_ids), 500)):
        session.execute(delete(Household).where(Household.order_id.in_(few)))


def _forget_letters(session: Session, order_ids: Sequence[int]) -> None:
    """Drop the letters and replies of these orders, which nobody can be reached about any more."""
    for few in (order_ids[start : start + 500] for start in range(0, len(order_ids), 500)):
        for table in (Letter, Reply):
            session.execute(delete(table).where(table.order_id.in_(few)))

"""When an address dies. Published rule: 30 days after shipping, 7 after cancel or decline, at once on request."""

from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from distro import audit, keyring
from distro.clock import week_of
from orders import spool, workflow
from orders.models import FINAL, Order, Status

KEEP_AFTER_SHIPPING = timedelta(days=30)
KEEP_AFTER_STOPPING = timedelta(days=7)
TIME_TO_MEND = timedelta(weeks=6)  # for a person to mend a spool file that cannot be read
DESTROY_KEY = "destroy key"  # the action in the audit record; its subject is the week


def erase_date(order: Order) -> date | None:
    """The day the address goes; None while the order is open."""
    if order.closed_on is None:
        return None
    return order.closed_on + (KEEP_AFTER_SHIPPING if order.status == Status.SHIPPED else KEEP_AFTER_STOPPING)


def erase(session: Session, order: Order, *, at: datetime) -> None:
    """Erase the address now, as its owner asked; an order without a label is cancelled first.

    Raises workflow.AlreadyMoved between label and shipping, when the parcel still needs it.
    """
    if order.status not in FINAL:
        workflow.cancel(session, order, by="participant", at=at)
    order.sealed = None
    audit.record(session, actor="system", action="erase", subject=order.document, reason="asked for", at=at)


def erase_due(session: Session, today: date) -> int:
    """Erase every address past its date; gives back how many."""
    shipped = (Order.status == Status.SHIPPED) & (Order.closed_on <= today - KEEP_AFTER_SHIPPING)
    stopped = Order.status.in_([Status.CANCELLED, Status.DECLINED]) & (Order.closed_on <= today - KEEP_AFTER_STOPPING)
    erased = session.scalars(
        update(Order)
        .where(Order.sealed.is_not(None), shipped | stopped)
        .values(sealed=None)
        .returning(Order.id)
        .execution_options(synchronize_session=False)
    ).all()
    return len(erased)


def keys_to_destroy(session: Session, directory: Path, spooled: Path, today: date) -> list[str]:
    """Past weeks whose last address is erased: their keys can go, and every copy of a box with them.

    `spooled` is the spool's folder: what lies there needs its key too. While a file there cannot be read, the keys
    of the last six weeks stay, since it may need any of them.
    """
    waiting = spool.epochs(spooled)  # before the database: a file stored meanwhile is then seen there
    in_use = set(session.scalars(select(Order.epoch).where(Order.sealed.is_not(None)).group_by(Order.epoch)))
    newest = week_of(today - (TIME_TO_MEND if waiting is None else timedelta(weeks=1)))  # last week's may be on the way
    needed = in_use | (waiting or set())
    return [epoch for epoch in keyring.private_weeks(directory) if epoch < newest and epoch not in needed]


def destroy_keys(session: Session, directory: Path, spooled: Path, *, at: datetime) -> list[str]:
    """Destroy the keys no address needs any more, with a line in the audit record for each; gives back their weeks."""
    unneeded = keys_to_destroy(session, directory, spooled, at.date())
    destroyed = [epoch for epoch in unneeded if keyring.destroy(directory, epoch)]
    for epoch in destroyed:
        audit.record(session, actor="system", action=DESTROY_KEY, subject=epoch, reason="no address needs it", at=at)
    return destroyed

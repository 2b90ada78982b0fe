"""After `SECRET_KEY` was changed: rows proven under the secret before it are proven under the present one.

docs/keys.md says when this is needed, and in which order.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.audit import AuditEntry
from orders import queries
from orders.identity import Keys, is_proven, prove
from orders.models import Order
from orders.retention import erase_date

AT_ONCE = 500  # rows in one transaction
REPROVE = "prove rows anew"  # the action in the audit record
SUBJECT = "orders"


@dataclass
class Reproven:
    """What became of some rows: how many are proven anew, and the numbers of those that fit neither secret."""

    moved: int = 0
    neither: list[str] = field(default_factory=list)
    last_id: int = 0
    more: bool = False


def reprove(session: Session, keys: Keys, *, after: int = 0, by: str, at: datetime) -> Reproven:
    """Prove the next rows, of orders with an id above `after`, under the present secret. No box is opened.

    A row that fits neither secret was changed behind our back, and stays as it is: triage and packing find it too.
    """
    query = queries.boxes(after, AT_ONCE).with_for_update(of=Order)
    orders, done = session.scalars(query).all(), Reproven()
    for order in orders:
        done.last_id, before = order.id, order.proof
        if not is_proven(order, keys, order.sealed or b""):
            done.neither.append(order.number)
            continue
        prove(order, keys)
        done.moved += order.proof != before
    session.flush()
    if done.moved:
        reason = f"{done.moved} under the present SECRET_KEY"
        audit.record(session, actor=by, action=REPROVE, subject=SUBJECT, reason=reason, at=at)
    done.more = len(orders) == AT_ONCE
    return done


def still_needed(session: Session) -> str:
    """Until when codes under the old secret may be typed, in a sentence: until their orders are erased."""
    query = select(func.max(AuditEntry.at)).where(AuditEntry.action == REPROVE, AuditEntry.subject == SUBJECT)
    changed: datetime | None = session.scalar(query)
    before = Order.received_on <= changed.date() if changed else Order.id.is_(None)
    left = [erase_date(order) for order in session.scalars(select(Order).where(Order.erased_on.is_(None), before))]
    if changed is None or not left:
        return "SECRET_KEY_OLD may be removed: no code from before has an order any more."
    closed: list[date] = [day for day in left if day is not None]
    dates = f"{len(closed)} are closed and erased by {max(closed)}; " if closed else ""
    return (
        f"Keep SECRET_KEY_OLD: {len(left)} orders of {changed:%Y-%m-%d} and before can be asked for by their code. "
        f"{dates}{len(left) - len(closed)} are open. Run this again then."
    )

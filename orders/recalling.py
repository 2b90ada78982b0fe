"""What a recalled lot means for orders: what has not left gets other lots, and who has some of it sees a notice.

A notice joins an order to a recall and says nothing of anybody, so it outlives the address. See
docs/decisions/0012-recalls-after-erasure.md.

A box whose label is printed may have left already, and nobody but a person knows. So it counts as sent: it stays as it
is and gets its notice. Who finds it unpacks it, which takes the notice back; if it is gone, a manager marks it shipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select, update
from sqlalchemy.orm import Session

from distro.db import insert
from inventory.models import Balance, Recall
from orders import telling, workflow
from orders.models import RESERVING, Allocation, Notice, Order, Parcel, Status
from orders.scope import EVERYTHING, Scope
from orders.telling import News

LATE = timedelta(days=2)  # a parcel may be shipped in the instant of the recall; it is looked for that long

_HAS_NOTICE: ColumnElement[bool] = (
    select(Notice.order_id).where(Notice.order_id == Allocation.order_id, Notice.recall_id == Recall.id).exists()
)
_LABELLED: ColumnElement[bool] = and_(
    Order.status == Status.PACKED,
    select(Parcel.id).where(Parcel.order_id == Order.id, Parcel.labelled_on.is_not(None)).exists(),
)
_SENT: ColumnElement[bool] = or_(Order.status == Status.SHIPPED, _LABELLED)


@dataclass(frozen=True)
class Touched:
    """How many orders to a state have some of a lot."""

    state: str
    unsent: int  # those that are labelled too
    sent: int
    with_address: int  # of those sent


def warn(session: Session, recalls: Sequence[Recall]) -> int:
    """Give every order that was sent or labelled with some of these lots its notice, once; gives back how many are new.

    Who left a way to be reached, and whose address is still there, is told besides; where another parcel went in place
    of one that never came, the later order has the address. Two statements for any number.
    """
    ids = [recall.id for recall in recalls]
    told = (
        select(Allocation.order_id)
        .join(Recall, Recall.lot_id == Allocation.lot_id)
        .where(Recall.id.in_(ids), ~_HAS_NOTICE)
    )
    theirs = select(Order.id, Order.resent_as_id).where(_SENT, Order.id.in_(told)).cte("theirs", recursive=True)
    theirs = theirs.union(select(Order.id, Order.resent_as_id).join(theirs, Order.id == theirs.c.resent_as_id))
    session.execute(
        update(Order)
        .where(Order.erased_on.is_(None), Order.id.in_(select(theirs.c.id)))
        .values(news=telling.heard(News.RECALL))
        .execution_options(synchronize_session=False)
    )
    new = (
        select(Allocation.order_id, Recall.id)
        .distinct()
        .join(Recall, Recall.lot_id == Allocation.lot_id)
        .join(Allocation.order)
        .where(Recall.id.in_(ids), _SENT, ~_HAS_NOTICE)
    )
    statement = insert(session, Notice).from_select(["order_id", "recall_id"], new)
    made = session.execute(statement.on_conflict_do_nothing().execution_options(preserve_rowcount=True))
    return int(made.rowcount)  # type: ignore[attr-defined]


def to_take_back(session: Session, most: int = 500) -> Sequence[int]:
    """Ids of orders without a label that hold some of a recalled lot, oldest first."""
    if not _any_promised(session):
        return []
    query = (
        select(Allocation.order_id)
        .distinct()
        .join(Recall, Recall.lot_id == Allocation.lot_id)
        .join(Allocation.order)
        .where(Order.status.in_(RESERVING), not_(_LABELLED))
    )
    return session.scalars(query.order_by(Allocation.order_id).limit(most)).all()


def in_doubt(session: Session, scope: Scope = EVERYTHING, lot_ids: Sequence[int] | None = None) -> Sequence[Order]:
    """Labelled orders of a scope with some of a recalled lot, or of these alone: a person looks where the box is."""
    if not _any_promised(session):
        return []
    theirs = select(Allocation.order_id).join(Recall, Recall.lot_id == Allocation.lot_id)
    if lot_ids is not None:
        theirs = theirs.where(Recall.lot_id.in_(lot_ids))
    query = select(Order).where(Order.id.in_(theirs), _LABELLED).order_by(Order.id)
    return session.scalars(scope.narrowed(query)).all()


def of_order(session: Session, order: Order) -> Sequence[Recall]:
    """The recalls of what is in an order."""
    lots = select(Allocation.lot_id).where(Allocation.order_id == order.id)
    return session.scalars(select(Recall).where(Recall.lot_id.in_(lots))).all()


def take_back(session: Session, order_id: int, *, at: datetime) -> None:
    """Take the lots out of one order without a label, packed or not: it waits, and triage finds others within seconds.

    Raises AlreadyMoved if it has left, stopped or got its label meanwhile.
    """
    order = session.get_one(Order, order_id, populate_existing=True)
    workflow.take_back(session, order, by="system", at=at)


def late(session: Session, at: datetime) -> Sequence[Recall]:
    """Recalls so young that a parcel may have been on its way out when they were made."""
    return session.scalars(select(Recall).where(Recall.made_on >= (at - LATE).date())).all()


def touched(session: Session, lot_ids: Sequence[int], scope: Scope = EVERYTHING) -> list[Touched]:
    """How many orders of a scope have some of these lots, by state."""
    sent = Order.status == Status.SHIPPED
    query = (
        select(
            Order.state,
            func.sum(case((sent, 0), else_=1)),
            func.sum(case((sent, 1), else_=0)),
            func.sum(case((sent & Order.erased_on.is_(None), 1), else_=0)),
        )
        .where(Order.id.in_(select(Allocation.order_id).where(Allocation.lot_id.in_(lot_ids))))
        .group_by(Order.state)
        .order_by(Order.state)
    )
    return [Touched(state, int(a), int(b), int(c)) for state, a, b, c in session.execute(scope.narrowed(query))]


def numbers(session: Session, lot_ids: Sequence[int], scope: Scope = EVERYTHING) -> list[tuple[str, str, str, str]]:
    """Number, status, state and day closed (or empty) of these orders, for a list to work through."""
    query = (
        select(Order.number, Order.status, Order.state, Order.closed_on)
        .where(Order.id.in_(select(Allocation.order_id).where(Allocation.lot_id.in_(lot_ids))))
        .order_by(Order.state, Order.number)
    )
    found = session.execute(scope.narrowed(query))
    return [(number, str(status), state, day.isoformat() if day else "") for number, status, state, day in found]


def _any_promised(session: Session) -> bool:
    """Whether some of a recalled lot is promised; almost always not, as the shelves say without a look at any order."""
    promised = select(Recall.id).join(Balance, Balance.lot_id == Recall.lot_id).where(Balance.reserved > 0)
    return session.scalar(promised.limit(1)) is not None

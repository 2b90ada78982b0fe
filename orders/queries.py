"""Reads that more than one page or command needs."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, load_only, selectinload, undefer_group

from distro.clock import week_of
from distro.errors import NotFound
from inventory.models import Balance, Item, KitComponent
from orders import codes
from orders.models import RESERVING, Allocation, Door, Line, Order, Reply, Status
from orders.scope import EVERYTHING, Scope

LISTED = 200  # orders on a page
_TOLD = load_only(  # the public role may read no other column of an order
    *(Order.id, Order.code_tag, Order.erased_on),
    *(Order.status, Order.why_not, Order.state, Order.received_on, Order.closed_on),
    *(Order.number, Order.lost_on),
    raiseload=True,
)
TO_PACK = (Status.ALLOCATED, Status.PICKING, Status.PACKED)


def by_code(session: Session, secrets: tuple[str, ...], typed: str) -> Order:
    """The order a claim code stands for. Raises CodeUnknown, one answer for every wrong code."""
    tags = codes.code_tags(secrets, typed)
    order = session.scalar(select(Order).where(Order.code_tag.in_(tags)))
    if order is None:
        raise codes.CodeUnknown
    return order


def told_of(session: Session, tags: Sequence[bytes]) -> Order | None:
    """The order with one of these code tags, with what its status page tells and no more; None also once it is erased.

    One statement, the same for every code.
    """
    query = select(Order).where(Order.code_tag.in_(tags), Order.erased_on.is_(None))
    return session.scalar(query.options(_TOLD))


def is_resent(session: Session, order: Order) -> bool:
    """Whether this order goes in place of one that never came."""
    return session.scalar(select(Order.id).where(Order.resent_as_id == order.id)) is not None


def replies(session: Session, order: Order) -> Sequence[Reply]:
    """What the program wrote to whoever has the code of an order, oldest first; each sealed."""
    return session.scalars(select(Reply).where(Reply.order_id == order.id).order_by(Reply.id)).all()


def state_of_form(session: Session, secret: str, nonce: bytes) -> str:
    """The state of the order that a form became; nothing if it was not stored. The public side may read no more."""
    tag = codes.nonce_tag(secret, nonce)
    return session.scalar(select(Order.state).where(Order.nonce_tag == tag)) or ""


def by_form(session: Session, secret: str, nonce: bytes) -> Order:
    """The order that a form became. Raises NoResultFound if it was not stored."""
    return session.scalars(select(Order).where(Order.nonce_tag == codes.nonce_tag(secret, nonce))).one()


def boxes(after: int, most: int) -> Select[Order]:
    """The next `most` orders with an id above `after` that still hold a box, whole and read anew, by id."""
    return (
        select(Order)
        .where(Order.sealed.is_not(None), Order.id > after)
        .order_by(Order.id)
        .limit(most)
        .options(undefer_group("box"), selectinload(Order.lines).joinedload(Line.item))
        .execution_options(populate_existing=True)
    )


def by_number(session: Session, number: str, scope: Scope = EVERYTHING) -> Order:
    """The order with this number, as staff type or scan it. Raises NotFound, also for one outside the scope."""
    wanted = number.strip().upper().removeprefix("ORD-")
    order = session.scalar(select(Order).where(Order.number == wanted))
    if order is None or not scope.covers(order):
        raise NotFound(what="order", name=wanted[:12])
    return order


def queue(session: Session, scope: Scope, *, statuses: Sequence[Status] = TO_PACK) -> Sequence[Order]:
    """The oldest orders of a scope at these steps, oldest first."""
    query = (
        select(Order)
        .where(Order.status.in_(statuses))
        .order_by(Order.id)
        .limit(LISTED)
        .options(selectinload(Order.lines).selectinload(Line.item), selectinload(Order.packer))
    )
    return session.scalars(scope.narrowed(query)).all()


def count_by_status(session: Session, scope: Scope = EVERYTHING) -> dict[Status, int]:
    """How many open orders of a scope stand at each step."""
    query = select(Order.status, func.count().label("orders")).where(Order.closed_on.is_(None)).group_by(Order.status)
    found = session.execute(scope.narrowed(query))
    return {row.status: row.orders for row in found}


def by_door(session: Session, since: date, scope: Scope = EVERYTHING) -> dict[Door, int]:
    """How many requests of a scope came by each way from a day on, in the order of `Door`."""
    query = select(Order.door, func.count().label("orders")).where(Order.received_on >= since).group_by(Order.door)
    found = {row.door: row.orders for row in session.execute(scope.narrowed(query))}
    return {door: found[door] for door in Door if door in found}


def promises_astray(session: Session) -> list[str]:
    """Balances whose promised units are not those of the orders being packed, named by lot and bin."""
    promised = (
        select(Allocation.lot_id, Allocation.bin_id, func.sum(Allocation.quantity).label("units"))
        .join(Allocation.order)
        .where(Order.status.in_(RESERVING))
        .group_by(Allocation.lot_id, Allocation.bin_id)
    )
    wanted = {(row.lot_id, row.bin_id): int(row.units) for row in session.execute(promised)}
    balances = session.scalars(select(Balance).options(joinedload(Balance.lot), joinedload(Balance.bin)))
    return [
        f"lot {balance.lot.number} in {balance.bin.code}: {balance.reserved} promised, but orders hold {units}"
        for balance in balances
        if (units := wanted.get((balance.lot_id, balance.bin_id), 0)) != balance.reserved
    ]


def rows(session: Session, *, limit: int = 100) -> list[dict[str, Any]]:
    """Orders, newest first, as scripts read them: nothing personal."""
    query = (
        select(Order).order_by(Order.id.desc()).limit(limit).options(selectinload(Order.lines).selectinload(Line.item))
    )
    return [
        {
            "number": order.number,
            "status": order.status,
            "state": order.state,
            "items": {line.item.code: line.quantity for line in order.lines},
            "week": week_of(order.received_on),
        }
        for order in session.scalars(query)
    ]


def codes_in(session: Session, order: Order) -> set[str]:
    """What a box holds, for what goes in with it: codes of its items, of their families, and of the parts of kits."""
    items = [line.item for line in order.lines]
    parts = select(Item.code).join(KitComponent, KitComponent.component_id == Item.id)
    inside = session.scalars(parts.where(KitComponent.kit_id.in_([item.id for item in items])))
    return {*(item.code for item in items), *(item.family for item in items if item.family), *inside}

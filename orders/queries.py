"""Reads that more than one page or command needs."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from distro.clock import week_of
from distro.errors import NotFound
from orders import codes
from orders.models import Line, Order, Status


def by_code(session: Session, secret: str, typed: str) -> Order:
    """The order a claim code stands for. Raises CodeUnknown, one answer for every wrong code."""
    tag = codes.code_tag(secret, codes.clean_code(typed))
    order = session.scalar(select(Order).where(Order.code_tag == tag))
    if order is None:
        raise codes.CodeUnknown
    return order


def by_number(session: Session, number: str) -> Order:
    """The order with this number, as staff type or scan it. Raises NotFound."""
    wanted = number.strip().upper().removeprefix("ORD-")
    order = session.scalar(select(Order).where(Order.number == wanted))
    if order is None:
        raise NotFound(what="order", name=wanted[:12])
    return order


def queue(session: Session, *, site_id: int | None, limit: int = 200) -> Sequence[Order]:
    """What the packers of a site have to do, oldest first; `site_id` None means every site."""
    query = (
        select(Order)
        .where(Order.status.in_([Status.ALLOCATED, Status.PICKING, Status.PACKED]))
        .order_by(Order.received_on, Order.id)
        .limit(limit)
        .options(selectinload(Order.lines).selectinload(Line.item), selectinload(Order.packer))
    )
    return session.scalars(query if site_id is None else query.where(Order.site_id == site_id)).all()


def count_by_status(session: Session) -> dict[Status, int]:
    """How many open orders stand at each step."""
    query = select(Order.status, func.count().label("orders")).where(Order.closed_on.is_(None)).group_by(Order.status)
    return {row.status: row.orders for row in session.execute(query)}


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

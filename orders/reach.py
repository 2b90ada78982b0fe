"""Which warehouses send what where, by the catalog alone: what each stocks, and the states it ships to."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from inventory.models import Item, Site

Reach = Callable[..., tuple[str, ...]]  # item code, one or more states -> codes of the warehouses that send it there


def reach(session: Session) -> Reach:
    """Ready to ask, for any item and states (any of them will do); the warehouses in the order they were set up."""
    sites = session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id)).all()
    ids = {code: item_id for item_id, code in session.execute(select(Item.id, Item.code))}

    def sends(item: str, *states: str) -> tuple[str, ...]:
        wanted = {ids[item]} if item in ids else None
        return tuple(site.code for site in sites if wanted and any(site.may_send(wanted, state) for state in states))

    return sends

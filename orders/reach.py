"""Which warehouses send what where, by the catalog alone: what each stocks, and the states it ships to."""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from inventory.models import Item, Site

Reach = Callable[[str, str], tuple[str, ...]]  # item code, state -> codes of the warehouses that send it there


def reach(session: Session) -> Reach:
    """Ready to ask, for any item and state; the warehouses in the order they were set up."""
    sites = session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id)).all()
    ids = {code: item_id for item_id, code in session.execute(select(Item.id, Item.code))}

    def sends(item: str, state: str) -> tuple[str, ...]:
        return tuple(site.code for site in sites if item in ids and site.may_send({ids[item]}, state))

    return sends

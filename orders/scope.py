"""Whose orders a member of staff sees: those at their warehouse that go to their states. Others are not there."""

from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Select, or_
from sqlalchemy.orm import Session

from distro.auth import User
from inventory.shelves import own_site, own_states
from orders.models import Order

Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Scope:
    """`site_id` None means every warehouse, no `states` every state. `unplaced`: also orders with no warehouse yet."""

    site_id: int | None = None
    states: frozenset[str] = frozenset()
    unplaced: bool = False

    def covers(self, order: Order) -> bool:
        """Whether an order is theirs."""
        here = self.site_id in (None, order.site_id) or (self.unplaced and order.site_id is None)
        return here and (not self.states or order.state in self.states)

    def narrowed(self, query: Query) -> Query:
        """A query over orders without those that are not theirs."""
        if self.site_id is not None:
            here = Order.site_id == self.site_id
            query = query.where(or_(here, Order.site_id.is_(None)) if self.unplaced else here)
        return query.where(Order.state.in_(self.states)) if self.states else query


EVERYTHING = Scope()


def of(session: Session, user: User, *, unplaced: bool = False) -> Scope:
    """What a member of staff looks after; `unplaced` for pages that decide before a warehouse is chosen.

    Raises NotFound if their warehouse is gone.
    """
    site = own_site(session, user)
    return Scope(site.id if site else None, own_states(user), unplaced)

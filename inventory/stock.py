"""Reads of stock: what stands where, and how long it will last."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, contains_eager

from inventory import demand
from inventory.models import Balance, Item, Lot, Site, SiteItem
from inventory.reorder import Cover


def balances(
    session: Session, *, site_id: int | None = None, item_id: int | None = None, lot_id: int | None = None
) -> Sequence[Balance]:
    """Balance rows with something on hand or promised, first expiring first."""
    query = (
        select(Balance)
        .join(Balance.lot)
        .join(Lot.item)
        .join(Balance.site)
        .join(Balance.bin)
        .where((Balance.on_hand > 0) | (Balance.reserved > 0))
        .order_by(Item.position, Site.code, Lot.expires_on, Balance.id)
        .options(
            contains_eager(Balance.lot).contains_eager(Lot.item),
            contains_eager(Balance.site),
            contains_eager(Balance.bin),
        )
    )
    for column, value in ((Balance.site_id, site_id), (Lot.item_id, item_id), (Balance.lot_id, lot_id)):
        if value is not None:
            query = query.where(column == value)
    return session.scalars(query).all()


def rows(session: Session) -> list[dict[str, Any]]:
    """Stock by item, site and lot, as scripts read it."""
    return [
        {
            "item": balance.lot.item.code,
            "site": balance.site.code,
            "bin": balance.bin.code,
            "lot": balance.lot.number,
            "on_hand": balance.on_hand,
            "reserved": balance.reserved,
            "available": balance.available,
            "expires": balance.lot.expires_on.isoformat(),
        }
        for balance in balances(session)
    ]


def usable(session: Session, today: date) -> dict[tuple[int, int], int]:
    """Available units by (site id, item id): not promised, not held, with enough life left to send today."""
    query = (
        select(Balance.site_id, Lot, Balance.on_hand - Balance.reserved)
        .join(Balance.lot)
        .join(Lot.item)
        .where(Lot.held.is_(False), Balance.on_hand > Balance.reserved)
        .options(contains_eager(Lot.item))
    )
    sums: dict[tuple[int, int], int] = defaultdict(int)
    for site, lot, units in session.execute(query):
        if today <= lot.send_until:
            sums[site, lot.item_id] += units
    return sums


def cover(session: Session, today: date, site_ids: set[int] | None = None) -> dict[tuple[int, int], Cover]:
    """How long each item lasts at each site that sends it, by (site id, item id)."""
    available, daily = usable(session, today), demand.daily_by_site(session, today)
    return {
        (stocked.site_id, stocked.item_id): Cover(
            available=available.get((stocked.site_id, stocked.item_id), 0),
            daily_demand=daily.get((stocked.site_id, stocked.item_id), 0.0),
            lead_time_days=stocked.lead_time_days,
            safety_days=stocked.safety_days,
        )
        for stocked in session.scalars(select(SiteItem))
        if site_ids is None or stocked.site_id in site_ids
    }


def on_hand_by_state(session: Session) -> dict[tuple[str, int], int]:
    """Units standing on the shelves of a state's own sites, by (state, item id)."""
    query = (
        select(Site.state, Lot.item_id, func.sum(Balance.on_hand - Balance.reserved))
        .join(Balance, Balance.site_id == Site.id)
        .join(Lot, Balance.lot_id == Lot.id)
        .group_by(Site.state, Lot.item_id)
    )
    return {(state, item): int(units) for state, item, units in session.execute(query)}

"""Reads of stock: what stands where, and how long it will last."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
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


def usable(session: Session, today: date) -> dict[tuple[int, int], dict[frozenset[str], int]]:
    """What can be sent today by (site id, item id), then by the states its fund may serve (none named: anywhere).

    Not promised, not held, with enough life left, and of a fund that may pay for the item.
    """
    query = (
        select(Balance.site_id, Lot, Balance.on_hand - Balance.reserved)
        .join(Balance.lot)
        .join(Lot.item)
        .join(Lot.fund)
        .where(Lot.held.is_(False), Balance.on_hand > Balance.reserved)
        .options(contains_eager(Lot.item), contains_eager(Lot.fund))
    )
    sums: dict[tuple[int, int], dict[frozenset[str], int]] = defaultdict(lambda: defaultdict(int))
    for site, lot, units in session.execute(query):
        states = lot.fund.serves(lot.item.code)
        if today <= lot.send_until and states is not None:
            sums[site, lot.item_id][states] += units
    return sums


def cover(session: Session, today: date, site_ids: set[int] | None = None) -> dict[tuple[int, int], Cover]:
    """How long each item lasts at each site that sends it, by (site id, item id)."""
    units, daily = usable(session, today), demand.daily(session, today)
    return {
        (stocked.site_id, stocked.item_id): Cover(
            supply=units.get((stocked.site_id, stocked.item_id), {}),
            daily=daily.get((stocked.site_id, stocked.item_id), {}),
            lead_time_days=stocked.lead_time_days,
            safety_days=stocked.safety_days,
        )
        for stocked in session.scalars(select(SiteItem))
        if site_ids is None or stocked.site_id in site_ids
    }

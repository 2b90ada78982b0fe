"""Where an order may come from: the warehouses that send all of it there, and what stands free on their shelves."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from geo import places
from geo.places import Place
from geo.rules import Effect
from inventory.models import Balance, Fund, Item, Lot, Site
from orders.allocation import Shelf
from orders.eligibility import Judgement
from orders.models import Order


def authorised_sites(session: Session, order: Order, place: Place, judgement: Judgement) -> list[Site]:
    """Sites that send all of the order's items to its state and may do so, nearest first.

    Where a person has released the order, what the rules leave to a person is no hindrance.
    """
    effects = (Effect.ALLOW, Effect.REVIEW, Effect.ASK) if order.released else (Effect.ALLOW,)
    may, item_ids = judgement.sites(*effects), {line.item_id for line in order.lines}
    sites = session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id)).all()
    fit = {site.code: site for site in sites if site.code in may and site.may_send(item_ids, order.state)}
    points = [(site.code, site.latitude, site.longitude) for site in fit.values()]
    return [fit[code] for code in places.nearest(place, points)]


def barred_funds(order: Order, judgement: Judgement) -> dict[int, frozenset[str]]:
    """Item id -> the kinds of money that may not have bought what goes there."""
    barred: dict[int, frozenset[str]] = {}
    for line in order.lines:
        found = [decisions[line.item.code] for decisions in judgement.by_site.values() if line.item.code in decisions]
        barred[line.item_id] = frozenset(kind for decision in found for kind in decision.not_funds)
    return barred


def shelves(
    session: Session, item_ids: Mapping[int, int], barred: Mapping[int, frozenset[str]] | None = None
) -> Sequence[Shelf]:
    """The free stock of these items, everywhere, of funds that may buy them; held lots are left out.

    `barred` has the kinds of money that may not have bought an item, by item id.
    """
    query = (
        select(Balance, Lot, Fund, Item)
        .join(Lot, Balance.lot_id == Lot.id)
        .join(Fund, Lot.fund_id == Fund.id)
        .join(Item, Lot.item_id == Item.id)
        .where(Lot.item_id.in_(item_ids), Lot.held.is_(False), Balance.on_hand > Balance.reserved)
        .execution_options(populate_existing=True)
    )
    return [
        Shelf(
            balance_id=balance.id,
            lot_id=lot.id,
            bin_id=balance.bin_id,
            site_id=balance.site_id,
            item_id=lot.item_id,
            available=balance.available,
            expires_on=lot.expires_on,
            send_until=lot.send_until,
            fund_states=states,
        )
        for balance, lot, fund, item in session.execute(query)
        if (states := fund.serves(item.code)) is not None and fund.kind not in (barred or {}).get(item.id, ())
    ]

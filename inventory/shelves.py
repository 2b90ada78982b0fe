"""The stock list: which rows a filter shows, what each row says, and the same rows as CSV."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from distro import spreadsheet
from distro.auth import User
from distro.errors import NotFound
from inventory import gs1, stock
from inventory.models import Balance, Bin, Fund, Item, Lot, Site

COLUMNS = ("item", "site", "bin", "lot", "fund", "expires", "life", "on_hand", "reserved", "available")


@dataclass(frozen=True)
class Filter:
    """What the stock list shows. `sites` None means all; `usable` leaves only what can be sent today, to `state`
    if one is named."""

    item: Item | None
    sites: tuple[Site, ...] | None
    lot: str
    usable: bool
    state: str | None = None

    def shows(self, balance: Balance, today: date) -> bool:
        """Whether a row belongs on the list."""
        return (
            (self.sites is None or balance.site_id in {site.id for site in self.sites})
            and (not self.lot or balance.lot.number == self.lot)
            and (not self.usable or self._can_be_sent(balance, today))
        )

    def _can_be_sent(self, balance: Balance, today: date) -> bool:
        lot = balance.lot
        states = lot.fund.serves(lot.item.code)
        fund_allows = states is not None and (not states or not self.state or self.state in states)
        return balance.available > 0 and life(lot, today) == "good" and fund_allows


def own_site(session: Session, user: User) -> Site | None:
    """The one warehouse a member of staff works at; None if they work at all. Raises NotFound if it is gone."""
    if user.site_code is None:
        return None
    site = session.scalar(select(Site).where(Site.code == user.site_code))
    if site is None:
        raise NotFound(what="warehouse", name=user.site_code)
    return site


def own_states(user: User) -> frozenset[str]:
    """The states a member of staff looks after, by where orders go and rules hold; empty means all."""
    return frozenset(user.state_codes or ())


def life(lot: Lot, today: date) -> str:
    """How a lot stands: `held`, `expired`, `short life` (too little left to be sent), or `good`."""
    if lot.held:
        return "held"
    if lot.expires_on <= today:
        return "expired"
    return "good" if today <= lot.send_until else "short life"


def senders(sites: Iterable[Site], state: str, item_id: int | None) -> list[Site]:
    """The warehouses that may send an item (None: anything) to a state."""
    return [site for site in sites if site.may_send(set() if item_id is None else {item_id}, state)]


def read_filter(session: Session, asked: Mapping[str, str], own: Site | None) -> Filter:
    """The filter in an address: item, site, state (warehouses that send there), lot (typed or scanned), show=usable.

    `own` limits it to one warehouse. Raises NotFound for an item or warehouse we do not have.
    """
    item = next((item for item in items(session) if item.code == asked.get("item")), None)
    if asked.get("item") and item is None:
        raise NotFound(what="item", name=asked["item"][:40])
    chosen = None if own is None else [own]
    if asked.get("site"):
        chosen = [site for site in own_sites(session, own) if site.code == asked["site"]]
        if not chosen:
            raise NotFound(what="warehouse", name=asked["site"][:16])
    elif asked.get("state"):
        chosen = senders(own_sites(session, own), asked["state"], item.id if item else None)
    scanned = asked.get("lot", "").strip()
    lot = gs1.lot_number(scanned) if scanned else ""
    usable, state = asked.get("show") == "usable", asked.get("state") or None
    return Filter(item, None if chosen is None else tuple(chosen), lot, usable, state)


def rows(session: Session, wanted: Filter, today: date) -> list[dict[str, Any]]:
    """The rows of the list, in the order of item, site and expiry."""
    return [
        {
            "item": balance.lot.item.name,
            "letter": balance.lot.item.letter,
            "site": balance.site.code,
            "bin": balance.bin.code,
            "lot": balance.lot.number,
            "lot_id": balance.lot_id,
            "fund": balance.lot.fund.code,
            "expires": balance.lot.expires_on,
            "life": life(balance.lot, today),
            "on_hand": balance.on_hand,
            "reserved": balance.reserved,
            "available": balance.available,
        }
        for balance in stock.balances(session, item_id=wanted.item.id if wanted.item else None)
        if wanted.shows(balance, today)
    ]


def as_csv(found: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV with a heading."""
    return spreadsheet.as_csv(COLUMNS, ([row[name] for name in COLUMNS] for row in found))


def items(session: Session) -> Sequence[Item]:
    """Every item in its order."""
    return session.scalars(select(Item).order_by(Item.position, Item.id)).all()


def funds(session: Session) -> Sequence[Fund]:
    """Every fund by name."""
    return session.scalars(select(Fund).order_by(Fund.name)).all()


def own_sites(session: Session, own: Site | None = None) -> Sequence[Site]:
    """The warehouses, or the one that is someone's own, with what each may send."""
    query = select(Site).order_by(Site.code).options(selectinload(Site.stocked))
    return session.scalars(query if own is None else query.where(Site.id == own.id)).all()


def bins(session: Session, own: Site | None = None) -> Sequence[Bin]:
    """The bins by warehouse and code."""
    query = select(Bin).join(Bin.site).order_by(Site.code, Bin.code)
    return session.scalars(query if own is None else query.where(Bin.site_id == own.id)).all()

"""What decides for our catalog: rules, papers, products and warehouses put together, as of a day.

Triage and packing ask the rules themselves; the public pages look the answer up (see `orders.tables`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo import credentials, decision, publish
from geo.decision import Decision
from geo.models import Ruleset
from geo.places import Place
from geo.rules import Facts, Law, Origin, Product
from inventory.models import Item, KitComponent, Site


class Decider(Protocol):
    """Says whether units of an item may go from a site (None: whichever) to a place on a day there."""

    @property
    def ruleset_id(self) -> int:
        """The ruleset it decides by."""

    def decide(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.decide`."""

    def strictest(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.strictest`."""


@dataclass(frozen=True)
class ByRules:
    """Decides by the rules themselves."""

    law: Law
    products: Mapping[str, Product]
    origins: Mapping[str, Origin]

    @property
    def ruleset_id(self) -> int:
        """The ruleset it decides by."""
        return self.law.book.id

    def decide(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.decide`."""
        product, origin = self._what(item, site)
        return decision.decide(self.law, place, product, origin, facts, on, units)

    def strictest(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.strictest`."""
        product, origin = self._what(item, site)
        return decision.strictest(self.law, place, product, origin, facts, on, units)

    def _what(self, item: str, site: str | None) -> tuple[Product, Origin | None]:
        return self.products.get(item) or Product(item), self.origins[site] if site else None


Laws = Callable[[date], ByRules]  # the decider of a day


def products(session: Session) -> dict[str, Product]:
    """Every item of the catalog as rules see it, by code; kits with their components."""
    items = {item.id: item for item in session.scalars(select(Item).order_by(Item.id))}
    inner: dict[int, list[tuple[int, int]]] = {}
    for kit_id, component_id, quantity in session.execute(
        select(KitComponent.kit_id, KitComponent.component_id, KitComponent.quantity).order_by(KitComponent.id)
    ):
        inner.setdefault(kit_id, []).append((component_id, quantity))

    def product(item: Item) -> Product:
        parts = tuple((product(items[part]), quantity) for part, quantity in inner.get(item.id, ()))
        return Product(item.code, item.kind, item.form, tuple(item.analytes), parts, item.family)

    return {item.code: product(item) for item in items.values()}


def origins(session: Session) -> dict[str, Origin]:
    """Every warehouse as rules see it, by code."""
    sites = session.scalars(select(Site).order_by(Site.id))
    return {site.code: Origin(site.code, site.state, site.county, site.operator) for site in sites}


def law(session: Session, on: date) -> Law:
    """The rules in force on a day, with every paper held. Raises publish.NoRules."""
    return Law(publish.book(session, on), credentials.held(session))


def law_of(session: Session, ruleset: Ruleset) -> Law:
    """The rules of any ruleset, a draft too, with every paper held."""
    return Law(publish.book_of(ruleset), credentials.held(session))


def by_rules(session: Session, law: Law) -> ByRules:
    """A decider by these rules, for our catalog as it is now."""
    return ByRules(law, products(session), origins(session))


def laws(session: Session) -> Laws:
    """The decider of each day, read once a day while the caller works."""

    @lru_cache(maxsize=8)
    def on(day: date) -> ByRules:
        return by_rules(session, law(session, day))

    return on

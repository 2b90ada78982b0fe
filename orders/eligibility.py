"""What can be sent to a place: what the rules say, and whether any warehouse sends it there at all.

Asked at intake, at triage and again on the day of packing.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from geo.places import Place
from geo.rules import Decision, Effect, Facts, Reason, RuleBook, decide
from inventory import stock
from inventory.models import Item, Site

_NO_WAREHOUSE = Decision(
    Effect.DENY,
    None,
    None,
    (
        Reason(
            "no-warehouse",
            Effect.DENY,
            "None of our warehouses can mail this there yet. A program near you may have it.",
            "Ninguno de nuestros almacenes puede enviar esto allí todavía. Un programa cerca de usted puede tenerlo.",
        ),
    ),
)


@dataclass(frozen=True)
class Judgement:
    """One decision for each item, and the ruleset they come from."""

    ruleset_id: int
    by_item: Mapping[str, Decision]

    def items(self, *effects: Effect) -> list[str]:
        """Codes of the items with one of these effects."""
        return [code for code, decision in self.by_item.items() if decision.effect in effects]

    def record(self) -> dict[str, Any]:
        """What an order keeps of it: item code -> effect and the rules that decided."""
        return {
            code: {"effect": str(decision.effect), "rules": [reason.rule_key for reason in decision.reasons]}
            for code, decision in self.by_item.items()
        }


def judge(
    book: RuleBook,
    place: Place,
    codes: Iterable[str],
    facts: Facts,
    on: date,
    *,
    served: frozenset[str],
    decide: Callable[[RuleBook, Place, str, Facts, date], Decision] = decide,
) -> Judgement:
    """Decide each item for a place on a day. `served` are the items that some warehouse sends there.

    `decide` may be `geo.rules.strictest`, where nobody is left to ask.
    """
    decisions = {code: decide(book, place, code, facts, on) for code in codes}
    for code, decision in decisions.items():
        if decision.effect is not Effect.DENY and code not in served:
            decisions[code] = _NO_WAREHOUSE
    return Judgement(book.id, decisions)


def on_shelf(session: Session, place: Place, facts: Facts, today: date) -> frozenset[str]:
    """Codes of the items of which something stands free today in a warehouse that sends to the place."""
    states = place.states if facts.state is None else (facts.state,)
    codes = {item.id: item.code for item in session.scalars(select(Item))}
    sites = {site.id: site for site in session.scalars(select(Site).options(selectinload(Site.stocked)))}
    return frozenset(
        codes[item_id]
        for (site_id, item_id), supply in stock.usable(session, today).items()
        for state in states
        if sites[site_id].may_send({item_id}, state) and any(not limit or state in limit for limit in supply)
    )


def served(session: Session, place: Place, facts: Facts) -> frozenset[str]:
    """Codes of the items that some warehouse sends to the place, or to any state it may lie in if none is named."""
    states = place.states if facts.state is None else (facts.state,)
    sites = session.scalars(select(Site).options(selectinload(Site.stocked))).all()
    codes = {item.id: item.code for item in session.scalars(select(Item))}
    return frozenset(
        codes[stocked.item_id]
        for site in sites
        for stocked in site.stocked
        if any(site.may_send({stocked.item_id}, state) for state in states)
    )

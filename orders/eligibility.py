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


def _ours(key: str, sentence: str, sentence_es: str) -> Decision:
    return Decision(Effect.DENY, None, None, (Reason(key, Effect.DENY, sentence, sentence_es),))


_NO_WAREHOUSE = _ours(
    "no-warehouse",
    "None of our warehouses can mail this there yet. A program near you may have it.",
    "Ninguno de nuestros almacenes puede enviar esto allí todavía. Un programa cerca de usted puede tenerlo.",
)
_NOT_TOGETHER = _ours(
    "not-together",
    "We cannot mail this together with the rest. You can ask for it alone, in a second request.",
    "No podemos enviar esto junto con lo demás. Puede pedirlo solo, en otro pedido.",
)


@dataclass(frozen=True)
class Served:
    """Codes of the items that one warehouse sends to a place together, and of those that only another one sends."""

    together: frozenset[str]
    apart: frozenset[str]


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
    served: Served,
    decide: Callable[[RuleBook, Place, str, Facts, date], Decision] = decide,
) -> Judgement:
    """Decide each item for a place on a day. `served` says which items some warehouse sends there.

    `decide` may be `geo.rules.strictest`, where nobody is left to ask.
    """
    decisions = {code: decide(book, place, code, facts, on) for code in codes}
    for code, decision in decisions.items():
        if decision.effect is not Effect.DENY and code not in served.together:
            decisions[code] = _NOT_TOGETHER if code in served.apart else _NO_WAREHOUSE
    return Judgement(book.id, decisions)


def served(session: Session, place: Place, facts: Facts, codes: Iterable[str]) -> Served:
    """Which of the items some warehouse sends to the place, or to any state it may lie in if none is named.

    A parcel leaves from one warehouse, so the one that sends the most of them counts.
    """
    wanted, states = set(codes), place.states if facts.state is None else (facts.state,)
    items = {item.id: item.code for item in session.scalars(select(Item).where(Item.code.in_(wanted)))}
    sites = session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id))
    sets = [
        frozenset(code for item_id, code in items.items() if any(site.may_send({item_id}, state) for state in states))
        for site in sites
    ]
    together = max([frozenset[str](), *sets], key=len)
    return Served(together, frozenset[str]().union(*sets) - together)


def at_once(session: Session, place: Place, facts: Facts, wanted: Mapping[str, int], today: date) -> frozenset[str]:
    """The most items that one warehouse has free today in the units wanted, and may send to the place."""
    states = place.states if facts.state is None else (facts.state,)
    codes = {item.id: item.code for item in session.scalars(select(Item).where(Item.code.in_(wanted)))}
    sites = {site.id: site for site in session.scalars(select(Site).options(selectinload(Site.stocked)))}
    ready: dict[int, set[str]] = {site_id: set() for site_id in sites}
    for (site_id, item_id), supply in stock.usable(session, today).items():
        code = codes.get(item_id)
        for state in states if code else ():
            units = sum(units for limit, units in supply.items() if not limit or state in limit)
            if code and units >= wanted[code] and sites[site_id].may_send({item_id}, state):
                ready[site_id].add(code)
    most: set[str] = max([set(), *ready.values()], key=len)
    return frozenset(most)

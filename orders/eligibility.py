"""What can be sent to a place: what the law says for each warehouse and item, and which warehouse sends the most.

Asked at intake, at triage and again on the day of packing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo.decision import Decision, Reason
from geo.places import Place
from geo.rules import STRICTNESS, Effect, Facts
from inventory import stock
from inventory.models import Item, Site
from orders.authority import Decider
from orders.reach import reach

STATE_LETTERS = 2  # of the codes that orders keep in clear; counties and ZIP codes are sealed
LOCAL_RULE = "local-rule"  # what an order keeps of a rule for a place within a state
DOUBT_MOST = 120  # letters
_STATEMENT = re.compile(r"[A-Z]{2}-[a-z0-9-]{1,57}\.[0-9a-f]{8}")  # see geo.rules.BookRule.statement

Free = Mapping[tuple[str, str], Mapping[frozenset[str], int]]


def _ours(key: str, sentence: str, sentence_es: str) -> Decision:
    return Decision(Effect.DENY, reasons=(Reason(key, Effect.DENY, sentence, sentence_es),))


NO_WAREHOUSE = _ours(
    "no-warehouse",
    "None of our warehouses can mail this there yet. A program near you may have it.",
    "Ninguno de nuestros almacenes puede enviar esto allí todavía. Un programa cerca de usted puede tenerlo.",
)
_NOT_TOGETHER = _ours(
    "not-together",
    "We cannot mail this together with the rest. You can ask for it alone, in a second request.",
    "No podemos enviar esto junto con lo demás. Puede pedirlo solo, en otro pedido.",
)
_TOO_MANY = _ours(
    "too-many-together",
    "Together with the rest, this is more than we can mail at a time. Please ask for fewer.",
    "Junto con lo demás, esto es más de lo que podemos enviar a la vez. Pida menos, por favor.",
)
NO_RULES = frozenset(each.reasons[0].rule_key for each in (NO_WAREHOUSE, _NOT_TOGETHER))  # our own doing, not the law's


@dataclass(frozen=True)
class Judgement:
    """One decision for each item, and the ruleset they come from.

    `by_site` has each warehouse's own decisions, for the items it sends there.
    """

    ruleset_id: int
    by_item: Mapping[str, Decision]
    by_site: Mapping[str, Mapping[str, Decision]] = field(default_factory=dict)

    def items(self, *effects: Effect) -> list[str]:
        """Codes of the items with one of these effects."""
        return [code for code, decision in self.by_item.items() if decision.effect in effects]

    def sites(self, *effects: Effect) -> list[str]:
        """Codes of the warehouses whose decision has one of these effects for every item."""
        return [
            site
            for site, found in self.by_site.items()
            if found.keys() >= self.by_item.keys() and all(found[code].effect in effects for code in self.by_item)
        ]

    def record(self) -> dict[str, Any]:
        """What an order keeps of it: item code -> effect, the rules that decided, and what goes with it."""
        return {code: _recorded(decision, self.ruleset_id) for code, decision in self.by_item.items()}


def needed(judgement: Judgement | None, agreed: Sequence[str], trained: Sequence[str]) -> dict[str, Any]:
    """Of what somebody agreed to and learnt, all that these decisions ask for, as fields of `Person`.

    Without a judgement, all that a rule may ask for: triage decides.
    """
    if judgement is None:
        return {"agreed": tuple(key for key in agreed if _STATEMENT.fullmatch(key)), "trained": tuple(trained)}
    found = judgement.by_item.values()
    keys = {one.key for decision in found for one in decision.statements}
    learnt = {one for decision in found for one in decision.trainings}
    return {
        "agreed": tuple(key for key in agreed if key in keys),
        "trained": tuple(one for one in trained if one in learnt),
    }


def shown_key(reason: Reason) -> str:
    """The key of a rule as an order may keep it in clear: of a place within a state only that there is such a rule."""
    return reason.rule_key if len(reason.place) <= STATE_LETTERS else LOCAL_RULE


def doubts(decision: Decision, ruleset_id: int) -> list[str]:
    """The rules that leave it to a person or ask for more, each with why, as an order may keep them.

    Why may name a rule, so of a local one only its ruleset is kept: in another ruleset it is another doubt.
    """
    unsure = [reason for reason in decision.reasons if reason.effect in (Effect.REVIEW, Effect.ASK)]
    return list(dict.fromkeys(_doubt(reason, ruleset_id) for reason in unsure))


def _doubt(reason: Reason, ruleset_id: int) -> str:
    key = shown_key(reason)
    return f"{key} of ruleset {ruleset_id}" if key == LOCAL_RULE else f"{key}: {reason.why}"[:DOUBT_MOST]


def _recorded(decision: Decision, ruleset_id: int) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "effect": str(decision.effect),
        "rules": list(dict.fromkeys(shown_key(reason) for reason in decision.reasons)),
    }
    if unsure := doubts(decision, ruleset_id):
        kept["doubts"] = unsure
    if decision.enclosures:
        kept["enclosures"] = list(decision.enclosures)
    if decision.not_funds:
        kept["not_funds"] = list(decision.not_funds)
    return kept


def judge(
    decider: Decider,
    place: Place,
    wanted: Mapping[str, int],
    facts: Facts,
    on: date,
    *,
    senders: Mapping[str, Sequence[str]],
    strictly: bool = False,
) -> Judgement:
    """Decide units of each item for a place on its own calendar day.

    `senders` lists, for each item, the warehouses that send it there at all. A parcel leaves from one, so the one
    that may send the most of the items counts. `strictly` is for where nobody is left to ask.
    """
    ask = decider.strictest if strictly else decider.decide
    sites = dict.fromkeys(site for code in wanted for site in senders[code])
    by_site = {
        site: {
            code: ask(place, code, site, facts, on, units) for code, units in wanted.items() if site in senders[code]
        }
        for site in sites
    }
    best = max(by_site, key=lambda site: _worth(by_site[site]), default=None)
    chosen = by_site[best] if best is not None else {}
    by_item = {}
    for code, units in wanted.items():
        found = [decisions[code] for decisions in by_site.values() if code in decisions]
        if code in chosen and chosen[code].effect is not Effect.DENY:
            by_item[code] = chosen[code]
        elif any(decision.effect is not Effect.DENY for decision in found):
            by_item[code] = _NOT_TOGETHER
        else:
            there = ask(place, code, None, facts, on, units)  # a no of the law is told before one of ours
            by_item[code] = there if there.effect is Effect.DENY else found[0] if found else NO_WAREHOUSE
    return Judgement(decider.ruleset_id, _within_caps(by_item, wanted), by_site)


def _within_caps(by_item: Mapping[str, Decision], wanted: Mapping[str, int]) -> dict[str, Decision]:
    """The decisions, but no to every item of a rule that limits them together and finds too many in the whole order."""
    asked: dict[str, int] = {}
    for code, decision in by_item.items():
        for cap in decision.caps:
            asked[cap.key] = asked.get(cap.key, 0) + wanted[code] * cap.per
    return {
        code: _TOO_MANY
        if decision.effect is not Effect.DENY and any(asked[cap.key] > cap.most for cap in decision.caps)
        else decision
        for code, decision in by_item.items()
    }


def _worth(decisions: Mapping[str, Decision]) -> tuple[int, int]:
    """Warehouses by how many of the items they may send, then by how few of these are in doubt."""
    possible = [decision for decision in decisions.values() if decision.effect is not Effect.DENY]
    return len(possible), -sum(STRICTNESS[decision.effect] for decision in possible)


def senders(session: Session, place: Place, facts: Facts, codes: Mapping[str, int]) -> dict[str, Any]:
    """Codes of the warehouses that send each item to the place, or to any state it may lie in if none is named."""
    states, sends = place.states if facts.state is None else (facts.state,), reach(session)
    return {code: sends(code, *states) for code in codes}


def free_now(session: Session, today: date) -> Free:
    """What stands free on the shelves, by the codes of warehouse and item: see `inventory.stock.usable`."""
    sites = {site.id: site.code for site in session.execute(select(Site.id, Site.code))}
    items = {item.id: item.code for item in session.execute(select(Item.id, Item.code))}
    return {(sites[site], items[item]): supply for (site, item), supply in stock.usable(session, today).items()}


def at_once(place: Place, facts: Facts, wanted: Mapping[str, int], judgement: Judgement, free: Free) -> frozenset[str]:
    """The most items that one warehouse may send to the place and has free now in the units wanted."""
    states = place.states if facts.state is None else (facts.state,)
    ready: dict[str, set[str]] = {}
    for (site, code), supply in free.items():
        decision = judgement.by_site.get(site, {}).get(code)
        if code not in wanted or decision is None or decision.effect is Effect.DENY:
            continue
        for state in states:
            if sum(units for limit, units in supply.items() if not limit or state in limit) >= wanted[code]:
                ready.setdefault(site, set()).add(code)
    most: set[str] = max([set(), *ready.values()], key=len)
    return frozenset(most)

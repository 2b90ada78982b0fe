"""What the rules say to a whole request: asked at intake, at triage and again on the day of packing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from geo.places import Place
from geo.rules import Decision, Effect, Facts, RuleBook, decide


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


def judge(book: RuleBook, place: Place, codes: Iterable[str], facts: Facts, on: date) -> Judgement:
    """Decide each item for a place on a day."""
    return Judgement(book.id, {code: decide(book, place, code, facts, on) for code in codes})

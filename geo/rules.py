"""May this be sent there? Pure: no database, no clock.

How rules combine, in the words the tests use:

1. The rules of the nation (place `US`) and of the state apply together, and the strictest wins:
   deny, then ask, then review, then allow.
2. A rule counts from `valid_from` to `valid_to`, both days included; one without dates always counts.
3. Nothing is sent on silence. If no rule counts, or only rules of scope `federal` do (they follow state law and can
   only tighten), a person decides: review.
4. A rule allows only what it says: a `credential` that we do not hold turns it into deny, a `min_age` not reached
   too, and a `min_age` of someone whose age we do not know into ask; `conditions` mean review until the credential
   `conditions:KEY` says that they are met.
5. A rule in doubt never allows: low confidence means review, and so does a missing reviewer, unless the ruleset is
   published for a demo (`allow_unreviewed`). Doubt never softens a deny.
6. A place in several states is decided for each. If they agree, that is the answer; if not, ask which. Where nobody
   can answer, `strictest` takes the strictest of them and treats an unknown age as too young.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from geo.places import Place, in_state

NATION = "US"
FEDERAL = "federal"  # the scope of rules that only tighten


class Effect(StrEnum):
    """What may happen with an item at a place. A rule itself holds allow, deny or review."""

    ALLOW = "allow"
    REVIEW = "review"  # a person decides
    ASK = "ask"  # one more answer is needed first
    DENY = "deny"


Ask = Literal["state", "age"]
_STRICTNESS = {Effect.ALLOW: 0, Effect.REVIEW: 1, Effect.ASK: 2, Effect.DENY: 3}

# Said where the effect is not what the rule's own sentence says, because of an age, a credential or a doubt.
_SENTENCES = {
    Effect.ALLOW: ("We can mail this to you.", "Podemos enviarle esto por correo."),
    Effect.REVIEW: (
        "You can ask for this now. A person will check the rules before we mail it.",
        "Puede pedir esto ahora. Una persona revisará las reglas antes del envío.",
    ),
    Effect.ASK: (
        "In this state, this is for people {age} or older.",
        "En este estado, esto es para personas de {age} años o más.",
    ),
    Effect.DENY: (
        "In this state, we can mail this only to people {age} or older. A program near you may be able to help.",
        "En este estado, solo podemos enviar esto a personas de {age} años o más. "
        "Un programa cerca de usted quizás pueda ayudar.",
    ),
}
_SILENCE = (
    "We have no rule for this place yet. You can ask now, and a person will check before we mail anything.",
    "Todavía no tenemos una regla para este lugar. Puede pedirlo ahora, y una persona lo revisará antes del envío.",
)


@dataclass(frozen=True, slots=True)
class BookRule:
    """One rule of a ruleset, as the decision needs it. The fields mean what `geo.models.Rule` says."""

    key: str
    place: str
    items: tuple[str, ...]
    effect: Effect
    scope: str = "statewide"
    min_age: int | None = None
    conditions: tuple[str, ...] = ()
    credential: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    citation: str = ""
    source: str = ""
    source_date: str = ""
    confidence: str = "high"
    reviewed: bool = False
    sentence: str = ""
    sentence_es: str = ""

    def counts_on(self, day: date) -> bool:
        """Whether the rule is in force that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A ruleset ready to decide with: its rules by (place, item)."""

    id: int
    name: str
    allow_unreviewed: bool
    rules: Mapping[tuple[str, str], tuple[BookRule, ...]]

    @classmethod
    def of(
        cls, rules: Iterable[BookRule], *, id: int = 0, name: str = "", allow_unreviewed: bool = False
    ) -> "RuleBook":
        """A book of these rules."""
        index: dict[tuple[str, str], tuple[BookRule, ...]] = {}
        for rule in rules:
            for item in rule.items:
                index[rule.place, item] = (*index.get((rule.place, item), ()), rule)
        return cls(id=id, name=name, allow_unreviewed=allow_unreviewed, rules=MappingProxyType(index))


@dataclass(frozen=True, slots=True)
class Facts:
    """What we know beyond the place. None is unknown; `age` is in years; credentials are those the program holds."""

    state: str | None = None
    county: str | None = None
    age: int | None = None
    credentials: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule's part in a decision, with the text it rests on."""

    rule_key: str
    effect: Effect
    sentence: str
    sentence_es: str
    citation: str = ""
    source: str = ""
    source_date: str = ""
    confidence: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one item at one place, strictest reason first. `ask` names the missing answer."""

    effect: Effect
    ask: Ask | None
    min_age: int | None
    reasons: tuple[Reason, ...]


def decide(book: RuleBook, place: Place, item: str, facts: Facts, on: date) -> Decision:
    """May `item` be sent to `place` on that day? Raises StateElsewhere if the place cannot lie in `facts.state`."""
    if facts.state is not None:
        return _decide_in(book, in_state(place, facts.state), item, facts, on)
    decisions = [_decide_in(book, state, item, facts, on) for state in place.states]
    if len(decisions) == 1:
        return decisions[0]
    agree = len({decision.effect for decision in decisions}) == 1
    return _joined(decisions, decisions[0].effect if agree else Effect.ASK, None if agree else "state")


def strictest(book: RuleBook, place: Place, item: str, facts: Facts, on: date) -> Decision:
    """The same where nobody can be asked: the strictest of the candidate states; an unknown age is too young."""
    states = place.states if facts.state is None else (in_state(place, facts.state),)
    decisions = [_decide_in(book, state, item, facts, on) for state in states]
    effect = max((decision.effect for decision in decisions), key=_STRICTNESS.__getitem__)
    return _joined(decisions, Effect.DENY if effect is Effect.ASK else effect, None)


def _joined(decisions: list[Decision], effect: Effect, ask: Ask | None) -> Decision:
    """One decision out of several states', with every reason once, the strictest first."""
    reasons = dict.fromkeys(reason for decision in decisions for reason in decision.reasons)
    ages = [decision.min_age for decision in decisions if decision.min_age is not None]
    asks = [decision.ask for decision in decisions if decision.ask]
    return Decision(
        effect=effect,
        ask=ask or (asks[0] if effect is Effect.ASK else None),
        min_age=max(ages, default=None),
        reasons=tuple(sorted(reasons, key=lambda reason: -_STRICTNESS[reason.effect])),
    )


def _decide_in(book: RuleBook, state: str, item: str, facts: Facts, on: date) -> Decision:
    """The answer for one state."""
    rules = (*book.rules.get((state, item), ()), *book.rules.get((NATION, item), ()))
    counted = [rule for rule in rules if rule.counts_on(on)]
    reasons = [_reason(rule, _effect(rule, facts, book.allow_unreviewed)) for rule in counted]
    if all(rule.scope == FEDERAL for rule in counted):
        reasons.append(Reason(f"{state}-no-rule", Effect.REVIEW, *_SILENCE))
    reasons.sort(key=lambda reason: -_STRICTNESS[reason.effect])
    effect = reasons[0].effect
    return Decision(
        effect=effect,
        ask="age" if effect is Effect.ASK else None,
        min_age=max((rule.min_age for rule in counted if rule.min_age is not None), default=None),
        reasons=tuple(reasons),
    )


def _effect(rule: BookRule, facts: Facts, allow_unreviewed: bool) -> Effect:
    """What one rule says for these facts: points 4 and 5 above."""
    if rule.effect is Effect.DENY or (rule.credential and rule.credential not in facts.credentials):
        return Effect.DENY
    if rule.min_age is not None:
        if facts.age is None:
            return Effect.ASK
        if facts.age < rule.min_age:
            return Effect.DENY
    in_doubt = rule.confidence == "low" or not (rule.reviewed or allow_unreviewed)
    unmet = bool(rule.conditions) and f"conditions:{rule.key}" not in facts.credentials
    return Effect.REVIEW if in_doubt or unmet or rule.effect is Effect.REVIEW else Effect.ALLOW


def _reason(rule: BookRule, effect: Effect) -> Reason:
    """The rule's own sentence where it says what happens, else the general one."""
    sentence, sentence_es = rule.sentence, rule.sentence_es
    if effect is not _said(rule):
        general = _SENTENCES[effect]
        sentence, sentence_es = (text.format(age=rule.min_age) for text in general)
    return Reason(
        rule_key=rule.key,
        effect=effect,
        sentence=sentence,
        sentence_es=sentence_es,
        citation=rule.citation,
        source=rule.source,
        source_date=rule.source_date,
        confidence=rule.confidence,
    )


def _said(rule: BookRule) -> Effect:
    """The effect a rule's sentence is written for: no credential held, old enough, reviewed."""
    if rule.effect is Effect.DENY or rule.credential:
        return Effect.DENY
    if rule.effect is Effect.REVIEW or rule.conditions or rule.confidence == "low":
        return Effect.REVIEW
    return Effect.ALLOW

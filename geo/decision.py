"""May this be sent there? Pure. What it must mean stands at the top of `geo.rules`.

`geo.standing` says what the rules say at each spot where a ZIP code may lie; here that comes to one answer for one
person.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from geo import places
from geo.places import Place
from geo.rules import MAIL, STRICTNESS, BookRule, Effect, End, Facts, Law, Origin, Product
from geo.sentences import SILENCE, sentences
from geo.standing import Candidate, Finding, Standing, candidates, spots


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
    why: str = ""
    end: str = ""
    place: str = ""


class Cap(NamedTuple):
    """The most units of what a rule names in one order, and how many of them one unit of the product has."""

    key: str
    per: int
    most: int


class Statement(NamedTuple):
    """What a person has to agree to; `key` is what their agreement is kept as."""

    key: str
    text: str
    text_es: str


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer for one item at one place, strictest reason first.

    `asks` names the missing answers: state, county, age, statement. `most` is the most units one order may have, `caps`
    the same by rule, since one rule may limit several items together; `enclosures` is what goes into the box,
    `not_funds` the kinds of money that may not have bought the stock, `trainings` what rules want learnt first, which
    can be offered: done, it needs no person any more.
    """

    effect: Effect
    asks: tuple[str, ...] = ()
    min_age: int | None = None
    reasons: tuple[Reason, ...] = ()
    most: int | None = None
    caps: tuple[Cap, ...] = ()
    statements: tuple[Statement, ...] = ()
    enclosures: tuple[str, ...] = ()
    not_funds: tuple[str, ...] = ()
    trainings: tuple[str, ...] = ()


def decide(
    law: Law, place: Place, product: Product, origin: Origin | None, facts: Facts, on: date, units: int = 1
) -> Decision:
    """May `units` of a product be sent from a warehouse to a place on that day (the destination's)?

    Without `origin` only the destination is asked. Raises StateElsewhere if the place cannot lie in `facts.state`.
    """
    if facts.state is not None:
        places.in_state(place, facts.state)
    return conclude(candidates(law, spots(law, place), product, origin, on), facts, units)


def strictest(
    law: Law, place: Place, product: Product, origin: Origin | None, facts: Facts, on: date, units: int = 1
) -> Decision:
    """The same where nobody can be asked: the strictest of all spots; an unknown age or statement is a no."""
    if facts.state is not None:
        places.in_state(place, facts.state)
    return conclude_strictly(candidates(law, spots(law, place), product, origin, on), facts, units)


def conclude(found: Sequence[Candidate], facts: Facts, units: int = 1) -> Decision:
    """One answer for a person out of the spots where their place may lie (point 9)."""
    by_state: dict[str, list[Candidate]] = {}
    for candidate in found:
        if facts.state in (None, candidate[0].state):
            by_state.setdefault(candidate[0].state, []).append(candidate)
    decisions = [_of_state(here, facts, units) for here in by_state.values()]
    if len(decisions) == 1:
        return decisions[0]
    if len({decision.effect for decision in decisions}) == 1 and not any("county" in d.asks for d in decisions):
        return _joined(decisions)
    return _joined(decisions, ask="state")


def conclude_strictly(found: Sequence[Candidate], facts: Facts, units: int = 1) -> Decision:
    """The strictest answer over all the spots that fit what is known; ask becomes deny."""
    here = [candidate for candidate in found if facts.state in (None, candidate[0].state)]
    told = {spot.state for spot, _ in here if facts.county and spot.county == facts.county}
    here = [(spot, each) for spot, each in here if spot.state not in told or spot.county == facts.county]
    return _joined([settle(each, facts, units) for _, each in here], strictly=True)


def _of_state(here: Sequence[Candidate], facts: Facts, units: int) -> Decision:
    by_county: dict[str | None, list[Decision]] = {}
    for spot, each in here:
        by_county.setdefault(spot.county, []).append(settle(each, facts, units))
    known = [
        decisions for county, decisions in by_county.items() if facts.county is not None and county == facts.county
    ]
    if known or facts.county is not None:
        return _joined([decision for decisions in known or by_county.values() for decision in decisions])
    answers = [_joined(decisions) for decisions in by_county.values()]
    agree = len({answer.effect for answer in answers}) == 1
    return _joined(answers, ask="" if agree else "county")


def settle(found: Standing, facts: Facts, units: int = 1) -> Decision:
    """What a standing comes to for one person."""
    pers = _units_of(found)
    settled = [(f, *_personal(f, facts, units * pers.get(f.rule, 1))) for f in found]
    effect = max((own for _, own, _ in settled), key=STRICTNESS.__getitem__)
    reasons = [_reason(f, own, cause, pers.get(f.rule, 1)) for f, own, cause in settled]
    rules = [finding.rule for finding in found if finding.rule is not None and finding.end is End.DESTINATION]
    caps = tuple(Cap(rule.key, pers[rule], rule.most_per_order) for rule in dict.fromkeys(rules) if rule.most_per_order)
    asks = {question for f, own, _ in settled if own is Effect.ASK for question in _open(f, facts)}
    return Decision(
        effect=effect,
        asks=tuple(sorted(asks)) if effect is Effect.ASK else (),
        min_age=max((rule.min_age for rule in rules if rule.min_age is not None and _asks_age(rule)), default=None),
        reasons=_ordered(reasons),
        most=min((cap.most // cap.per for cap in caps), default=None),
        caps=caps,
        statements=tuple(Statement(r.statement, r.attest, r.attest_es) for r in dict.fromkeys(rules) if r.attest),
        enclosures=tuple(dict.fromkeys(text for rule in rules for text in rule.enclosures)),
        not_funds=tuple(sorted({kind for f in found if f.rule for kind in f.rule.not_funds})),
        trainings=tuple(dict.fromkeys(rule.training for rule in rules if rule.training)),
    )


def _units_of(found: Standing) -> dict[BookRule | None, int]:
    """How many units each rule finds in one product: of its parts, if it names any, else of the whole."""
    inner: dict[BookRule | None, int] = {}
    for finding in found:
        if finding.end is End.DESTINATION:
            inner[finding.rule] = inner.get(finding.rule, 0) + (finding.per if finding.part else 0)
    return {rule: units or 1 for rule, units in inner.items()}


def _asks_age(rule: BookRule) -> bool:
    return not rule.age_channels or MAIL in rule.age_channels


def _personal(finding: Finding, facts: Facts, wanted: int) -> tuple[Effect, str]:
    """The effect for this person, who wants so many units of what the rule names, and the cause sentences go by."""
    rule, effect = finding.rule, finding.effect
    if rule is None or effect is Effect.DENY or finding.end is End.ORIGIN:
        return effect, "rule" if rule else "silence"
    if rule.most_per_order is not None and wanted > rule.most_per_order:
        return Effect.DENY, "most"
    if rule.most_per_period is not None and wanted > rule.most_per_period[0]:
        return Effect.DENY, "period"
    if rule.min_age is not None and _asks_age(rule):
        if facts.age is None:
            return Effect.ASK, "age"
        if facts.age < rule.min_age:
            return Effect.DENY, "age"
    if rule.attest and rule.statement not in facts.attested:
        return Effect.ASK, "statement"
    if rule.most_per_period is not None and facts.sent is not None:
        gets = facts.sent.get(rule.key)
        if gets is None or gets > rule.most_per_period[0]:
            return Effect.REVIEW, "sent" if gets is None else "period"
    if rule.training and rule.training not in facts.trained:
        return Effect.REVIEW, "training"
    return effect, "rule"


def _open(finding: Finding, facts: Facts) -> set[str]:
    """Every question that a rule which asks has for this person."""
    rule, asks = finding.rule, set()
    if rule is not None and rule.min_age is not None and _asks_age(rule) and facts.age is None:
        asks.add("age")
    if rule is not None and rule.attest and rule.statement not in facts.attested:
        asks.add("statement")
    return asks


def depends_on_person(finding: Finding) -> bool:
    """Whether `_personal` may say something else for somebody else, or for more units."""
    rule = finding.rule
    return (
        rule is not None
        and finding.effect is not Effect.DENY
        and finding.end is not End.ORIGIN
        and bool(
            rule.most_per_order is not None
            or (rule.min_age is not None and _asks_age(rule))
            or rule.attest
            or rule.most_per_period is not None
            or rule.training
        )
    )


def _reason(finding: Finding, effect: Effect, cause: str, per: int) -> Reason:
    rule = finding.rule
    if rule is None:
        return Reason("no-rule", effect, *SILENCE, why=finding.why, end=finding.end)
    sentence, sentence_es = sentences(rule, effect, cause, finding.end, per)
    return Reason(
        rule_key=rule.key,
        effect=effect,
        sentence=sentence,
        sentence_es=sentence_es,
        citation=rule.citation,
        source=rule.source,
        source_date=rule.source_date,
        confidence=rule.confidence,
        why=finding.why or ("" if cause == "rule" else cause),
        end=finding.end,
        place=rule.place,
    )


def _ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(dict.fromkeys(reasons), key=lambda reason: -STRICTNESS[reason.effect]))


def _joined(decisions: Sequence[Decision], *, ask: str = "", strictly: bool = False) -> Decision:
    """One decision out of several, with every reason once: the strictest, or `ask` which of them it is."""
    if len(decisions) == 1 and not strictly:
        return decisions[0]
    top = max((decision.effect for decision in decisions), key=STRICTNESS.__getitem__)
    effect = Effect.ASK if ask else Effect.DENY if strictly and top is Effect.ASK else top
    asks = {one for decision in decisions for one in decision.asks} if effect is Effect.ASK else set()
    return Decision(
        effect=effect,
        asks=(ask,) if ask else tuple(sorted(asks)),
        min_age=max((d.min_age for d in decisions if d.min_age is not None), default=None),
        reasons=_ordered(reason for decision in decisions for reason in decision.reasons),
        most=min((d.most for d in decisions if d.most is not None), default=None),
        caps=tuple(dict.fromkeys(cap for decision in decisions for cap in decision.caps)),
        statements=tuple(dict.fromkeys(one for decision in decisions for one in decision.statements)),
        enclosures=tuple(dict.fromkeys(one for decision in decisions for one in decision.enclosures)),
        not_funds=tuple(sorted({one for decision in decisions for one in decision.not_funds})),
        trainings=tuple(dict.fromkeys(one for decision in decisions for one in decision.trainings)),
    )

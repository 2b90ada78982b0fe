"""Why the answer is what it is: every rule that concerns a product at a place, and what became of it. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

from geo.decision import Decision, decide, settle
from geo.places import Place
from geo.rules import (
    LEVELS,
    MILITARY,
    NATION,
    STRICTNESS,
    Area,
    Aspect,
    BookRule,
    Effect,
    End,
    Entry,
    Facts,
    Law,
    Origin,
    Product,
    level_of,
)
from geo.standing import Finding, Spot, counting, origin_codes, spots, standing


class Role(StrEnum):
    """What became of a rule, most telling first."""

    DECIDES = "decides"
    TIGHTENS = "tightens"  # an overlay that takes nothing away here
    COUNTS = "counts too"
    LESS_SPECIFIC = "less specific"
    ONLY_ORIGIN = "only origin"
    ONLY_DESTINATION = "only destination"
    NOT_YET = "not yet in force"
    NO_LONGER = "no longer in force"


COUNTING = frozenset({Role.DECIDES, Role.TIGHTENS, Role.COUNTS})


@dataclass(frozen=True, slots=True)
class Step:
    """One rule's place in the chain.

    `where` is its place in words, `part` the component or substance it is about (empty: the whole product), `effect`
    what it comes to for this person, or says by itself where it does not count; `why` tells staff. `at` names the
    spots it is true of where that is not all of them.
    """

    rule: BookRule
    where: str
    end: End
    part: str
    role: Role
    effect: Effect
    why: str
    at: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision with its chain of rules, those that decide first.

    `spots` says in words where the place may lie, empty if that is all one to the rules; `silent` what no rule speaks
    of, so that a person decides.
    """

    decision: Decision
    chain: tuple[Step, ...]
    spots: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


def explain(
    law: Law,
    place: Place,
    product: Product,
    origin: Origin | None,
    facts: Facts,
    on: date,
    units: int = 1,
    *,
    names: Mapping[str, str] | None = None,
) -> Explanation:
    """The decision, as `geo.decision.decide`, and every rule that could concern the product at any spot of the place.

    `names` gives place codes their names: OH -> Ohio, county:39049 -> Franklin, OH. Raises StateElsewhere.
    """
    names = names or {}
    decision = decide(law, place, product, origin, facts, on, units)
    here = _fitting(spots(law, place), facts)
    words = {spot: spot_words(spot, place, law.book.areas, names) for spot in here}
    found: dict[Step, list[str]] = {}
    for spot in here:
        for step in _steps(law, spot, product, origin, facts, on, units, names):
            found.setdefault(step, []).append(words[spot])
    every = tuple(dict.fromkeys(words.values()))
    steps = [step if len(at) == len(here) else replace(step, at=tuple(at)) for step, at in found.items()]
    kinds = {f"area:{area.code}": area.kind for area in law.book.areas}
    silent = [f.why for spot in here for f in standing(law, spot.codes, product, origin, on) if f.rule is None]
    return Explanation(
        decision=decision,
        chain=tuple(sorted(steps, key=lambda step: _rank(step, kinds))),
        spots=every if len(every) > 1 else (),
        silent=tuple(dict.fromkeys(silent)),
    )


def best(
    law: Law,
    place: Place,
    product: Product,
    origins: Iterable[Origin],
    facts: Facts,
    on: date,
    units: int = 1,
) -> tuple[Origin | None, Decision]:
    """The warehouse with the least strict answer, the first of them in the caller's order, and that answer.

    Without any warehouse the destination's answer stands alone.
    """
    some: list[Origin | None] = [*origins] or [None]
    answers = [(origin, decide(law, place, product, origin, facts, on, units)) for origin in some]
    return min(answers, key=lambda answer: STRICTNESS[answer[1].effect])


def place_words(code: str, areas: Iterable[Area] = (), names: Mapping[str, str] | None = None) -> str:
    """The place of a rule in words: `county Franklin, OH`; its code stands in where `names` has no name."""
    names = names or {}
    if code == NATION:
        return "the nation"
    if code == MILITARY:
        return "military ZIP codes"
    area = next((area for area in areas if code == f"area:{area.code}"), None)
    if area is not None:
        return f"{area.kind} {area.name or area.code}"
    sort, _, rest = code.partition(":")
    word = {"county": "county", "zip": "ZIP code", "area": "area"}.get(sort, "state")
    return f"{word} {names.get(code, rest or code)}"


def spot_words(spot: Spot, place: Place, areas: Iterable[Area], names: Mapping[str, str]) -> str:
    """One spot where a place may lie: `county Franklin, OH`, or `state Ohio`, with the areas that lie on its way."""
    where = place_words(f"county:{spot.county}" if spot.county else spot.state, (), names)
    perhaps = [area for area in areas if place.zip in area.partly and spot.county not in area.counties]
    inside = [f"in {area.name or area.code}" for area in perhaps if f"area:{area.code}" in spot.codes]
    outside = [f"outside {area.name or area.code}" for area in perhaps if f"area:{area.code}" not in spot.codes]
    return ", ".join([where, *inside, *outside])


def _fitting(found: Sequence[Spot], facts: Facts) -> list[Spot]:
    """The spots that what we know of the person leaves, as `geo.decision` does."""
    here = [spot for spot in found if facts.state in (None, spot.state)]
    if facts.county is None:
        return here
    return [spot for spot in here if spot.county in (None, facts.county)] or here


def _steps(
    law: Law,
    spot: Spot,
    product: Product,
    origin: Origin | None,
    facts: Facts,
    on: date,
    units: int,
    names: Mapping[str, str],
) -> Iterator[Step]:
    findings = standing(law, spot.codes, product, origin, on)
    settled = {_key(f): (f, settle((f,), facts, units)) for f in findings if f.rule is not None}
    top = settle(findings, facts, units).effect
    ends = [(End.DESTINATION, spot.codes)]
    ends += [(End.ORIGIN, origin_codes(law, origin))] if origin is not None else []
    for end, codes in ends:
        for aspect in product.aspects():
            overruling = [e.rule.key for e in counting(law.book, codes, aspect, on, end) if e.level is not None]
            for entry in _concerning(law, codes, aspect):
                where = place_words(entry.rule.place, law.book.areas, names)
                known = settled.get((entry.rule.key, end, aspect.part))
                if known is None:
                    yield _left_out(entry, where, end, aspect, on, overruling)
                else:
                    yield _counted(entry, where, *known, top)


def _key(finding: Finding) -> tuple[str, End, str]:
    return finding.rule.key if finding.rule else "", finding.end, finding.part


def _concerning(law: Law, codes: frozenset[str], aspect: Aspect) -> Iterable[Entry]:
    """Every rule of the book for these places and this product or part, whether it counts or not."""
    index = law.book.index
    return dict.fromkeys(
        entry for code in sorted(codes) for selector in aspect.selectors for entry in index.get((code, selector), ())
    )


def _left_out(entry: Entry, where: str, end: End, aspect: Aspect, on: date, overruling: Sequence[str]) -> Step:
    rule, role, why = entry.rule, Role.LESS_SPECIFIC, f"overruled by {', '.join(overruling)}"
    if rule.valid_from is not None and on < rule.valid_from:
        role, why = Role.NOT_YET, f"from {rule.valid_from}"
    elif rule.valid_to is not None and rule.valid_to < on:
        role, why = Role.NO_LONGER, f"since {rule.valid_to + timedelta(days=1)}"
    elif not rule.binds(end):
        role = Role.ONLY_ORIGIN if rule.ends == End.ORIGIN else Role.ONLY_DESTINATION
        why = f"says nothing about the {end.value}"
    return Step(rule, where, end, aspect.part, role, Effect(rule.effect), why)


def _counted(entry: Entry, where: str, finding: Finding, alone: Decision, top: Effect) -> Step:
    effect, rule = alone.effect, entry.rule
    why = _words(rule, effect, alone.reasons[0].why)
    if entry.level is None and effect is Effect.ALLOW:
        return Step(rule, where, finding.end, finding.part, Role.TIGHTENS, effect, "takes nothing away here")
    role = Role.DECIDES if effect is top else Role.COUNTS
    return Step(rule, where, finding.end, finding.part, role, effect, why or "the rule says yes")


def _words(rule: BookRule, effect: Effect, cause: str) -> str:
    """What made a rule come to its effect, for staff; `cause` is a finding's own words or a cause of `geo.decision`."""
    units, days = rule.most_per_period or (0, 0)
    asked = effect is Effect.ASK
    said = {
        "age": f"from {rule.min_age} years on{'; the age is not known' if asked else ''}",
        "statement": "they have not agreed to its statement",
        "most": f"at most {rule.most_per_order} in one order",
        "period": f"at most {units} in {days} days",
        "sent": f"at most {units} in {days} days; what the household got before cannot be counted",
        "training": f"the training {rule.training} is not recorded",
    }
    return said.get(cause, cause)


def _rank(step: Step, kinds: Mapping[str, str]) -> tuple[int, int, int, str, str, str]:
    """Those that decide first; then the stricter, the more specific, and at the destination first."""
    level = level_of(step.rule, kinds)
    return (
        list(Role).index(step.role),
        -STRICTNESS[step.effect],
        -(len(LEVELS) if level is None else level),
        step.end.value,
        step.part,
        step.rule.key,
    )

"""Which rules count at a spot, and what they say before anything is known of the person. Pure; see `geo.rules`."""

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, combinations

from geo.models import ZipKind
from geo.places import Place, state_of
from geo.rules import (
    MAIL,
    MILITARY,
    NATION,
    UNCLEAR,
    Aspect,
    BookRule,
    Effect,
    End,
    Entry,
    Law,
    Origin,
    Product,
    RuleBook,
)

OTHER = "other"  # a county that nothing names


@dataclass(frozen=True, slots=True)
class Spot:
    """One place where a ZIP code may lie, and the codes of all named places that hold it."""

    state: str
    county: str | None
    codes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says at a spot before the person is known; `rule` is None where no rule says anything.

    `why` tells staff what made it so. `part` names the component or substance it is about, `per` how many of that are
    in one product.
    """

    rule: BookRule | None
    effect: Effect
    why: str
    end: End = End.DESTINATION
    part: str = ""
    per: int = 1


Standing = tuple[Finding, ...]


Candidate = tuple[Spot, Standing]


def candidates(
    law: Law, at: Iterable[Spot], product: Product, origin: Origin | None, on: date
) -> tuple[Candidate, ...]:
    """Each spot with what the rules say there."""
    return tuple((spot, standing(law, spot.codes, product, origin, on)) for spot in at)


def spots(law: Law, place: Place) -> tuple[Spot, ...]:
    """Every spot where a place may lie, each with the codes that rules or papers name.

    Counties that no rule tells apart become one spot with county None; so two ZIP codes with equal spots have equal
    answers.
    """
    found: dict[Spot, None] = {}
    for state, county in _candidates(law, place):
        codes = {NATION, state, f"zip:{place.zip}"} | ({f"county:{county}"} if county else set())
        codes |= {MILITARY} if place.kind == ZipKind.MILITARY else set()
        sure = {f"area:{a.code}" for a in law.book.areas if place.zip in a.inside or county in a.counties}
        maybe = {f"area:{a.code}" for a in law.book.areas if place.zip in a.partly} - sure
        for some in _subsets(sorted(maybe & law.named)):
            found[Spot(state, county, frozenset((codes | sure | set(some)) & law.named))] = None
    return tuple(merged(found))


def named_alone(law: Law) -> set[str]:
    """The ZIP codes that a rule, a paper or an area names; others are alike if `likeness` says so."""
    found = {code.removeprefix("zip:") for code in law.named if code.startswith("zip:")}
    return found.union(*(area.inside | area.partly for area in law.book.areas))


def likeness(place: Place, alone: Collection[str]) -> Hashable:
    """Equal for places with equal spots; `alone` has the ZIP codes that something names."""
    return place.states, place.counties, place.kind == ZipKind.MILITARY, place.zip if place.zip in alone else ""


def _candidates(law: Law, place: Place) -> Iterator[tuple[str, str | None]]:
    """Each (state, county) it may lie in; with no county known, each of the state that is named, or any other."""
    for state, county in place.candidates:
        named = _counties_named(law, state) if county is None else []
        yield state, OTHER if named else county
        yield from ((state, fips) for fips in named)


def _counties_named(law: Law, state: str) -> list[str]:
    direct = {code.removeprefix("county:") for code in law.named if code.startswith("county:")}
    within = {fips for area in law.book.areas if f"area:{area.code}" in law.named for fips in area.counties}
    return sorted(fips for fips in direct | within if state_of(fips) == state)


def _subsets(codes: Sequence[str]) -> Iterator[tuple[str, ...]]:
    return chain.from_iterable(combinations(codes, size) for size in range(len(codes) + 1))


def merged(found: Iterable[Spot]) -> Iterator[Spot]:
    """The same spots, with the counties of a state as one, of no name, where no code tells them apart."""
    by_state: dict[str, dict[str | None, list[frozenset[str]]]] = {}
    for spot in found:
        by_state.setdefault(spot.state, {}).setdefault(spot.county, []).append(spot.codes)
    for state, counties in by_state.items():
        first = next(iter(counties.values()))
        if all(codes == first for codes in counties.values()):
            counties = {None: first}
        for county, all_codes in counties.items():
            yield from (Spot(state, county, codes) for codes in all_codes)


def standing(law: Law, codes: frozenset[str], product: Product, origin: Origin | None, on: date) -> Standing:
    """What every rule that counts says, at the destination with these codes and at the origin."""
    found = _at_end(law, codes, product, origin, on, End.DESTINATION)
    if origin is not None:
        found += _at_end(law, origin_codes(law, origin), product, origin, on, End.ORIGIN)
    return tuple(dict.fromkeys(found))


def origin_codes(law: Law, origin: Origin | None) -> frozenset[str]:
    """The codes of the places that hold a warehouse; none without one."""
    if origin is None:
        return frozenset()
    own = {NATION, origin.state, f"county:{origin.county}"}
    return frozenset(own | {f"area:{area.code}" for area in law.book.areas if origin.county in area.counties})


def _at_end(
    law: Law, codes: frozenset[str], product: Product, origin: Origin | None, on: date, end: End
) -> list[Finding]:
    """The findings for the whole and each part; a silent one is covered by a rule for what it is in (point 3)."""
    aspects = list(product.aspects())
    found: list[Finding] = []
    covered: list[bool] = []  # by a rule for the aspect itself or what it is in, one for each depth down to this
    for aspect, depth_after in zip(aspects, [*(later.depth for later in aspects[1:]), 0], strict=True):
        counted = counting(law.book, codes, aspect, on, end)
        found += [_finding(law, rule, codes, product, origin, on, end, aspect) for _, rule in counted]
        spoken = any(level is not None for level, _ in counted)
        covered[aspect.depth :] = [spoken or any(covered[: aspect.depth])]
        if not covered[-1] and depth_after <= aspect.depth:  # nothing in it that could speak for it
            what = f"about {aspect.part} here" if aspect.part else "here"
            found.append(Finding(None, Effect.REVIEW, f"no rule says anything {what}", end, aspect.part))
    return found


def counting(book: RuleBook, codes: frozenset[str], aspect: Aspect, on: date, end: End) -> list[Entry]:
    """The rules that count: every overlay, and of the others those of the most specific place (points 1, 2 and 4)."""
    found = dict.fromkeys(
        entry
        for code in sorted(codes)
        for selector in aspect.selectors
        for entry in book.index.get((code, selector), ())
        if entry.rule.counts_on(on) and entry.rule.binds(end)
    )
    top = max((entry.level for entry in found if entry.level is not None), default=None)
    decisive = [entry for entry in found if entry.level == top and top is not None]
    return decisive + [entry for entry in found if entry.level is None]  # what decides speaks before what tightens


def _finding(
    law: Law,
    rule: BookRule,
    codes: frozenset[str],
    product: Product,
    origin: Origin | None,
    on: date,
    end: End,
    aspect: Aspect,
) -> Finding:
    names = {*product.names, *aspect.selectors}

    def held(kind: str) -> bool:
        return any(paper.kind == kind and paper.covers(origin, codes, names, on) for paper in law.held)

    effect, why = Effect(rule.effect), ""
    missing = [sorted(kind for kind in kinds if not held(kind)) for kinds in rule.credentials]
    operator = origin.operator if origin else "unasked"
    if effect is Effect.DENY:
        why = "the rule says no"
    elif end is End.DESTINATION and rule.in_person:
        effect, why = Effect.DENY, f"someone must be there ({', '.join(rule.in_person)}), so not by mail"
    elif rule.channels and MAIL not in rule.channels:
        effect, why = Effect.DENY, f"only by {' or '.join(rule.channels)}, not by mail"
    elif rule.origins and origin is not None and origin.code not in rule.origins:
        effect, why = Effect.DENY, f"only from {' or '.join(rule.origins)}"
    elif rule.operators and origin is not None and operator and operator not in rule.operators:
        effect, why = Effect.DENY, f"only for {' or '.join(rule.operators)}; {origin.code} is {operator}"
    elif rule.credentials and all(missing):
        effect, why = Effect.DENY, "not held: " + "; or ".join(" and ".join(kinds) for kinds in missing)
    elif rule.operators and not operator:
        effect, why = Effect.REVIEW, f"only for {' or '.join(rule.operators)}; what runs the warehouse is not recorded"
    elif effect is Effect.REVIEW:
        why = "the rule leaves it to a person"
    elif rule.confidence == "low":
        effect, why = Effect.REVIEW, "low confidence"
    elif rule.legal_status == UNCLEAR:
        effect, why = Effect.REVIEW, "the law is unclear"
    elif rule.reviewed_by is None and not law.book.allow_unreviewed:
        effect, why = Effect.REVIEW, "not reviewed"
    elif rule.conditions and not held(f"conditions:{rule.key}"):
        effect, why = Effect.REVIEW, f"conditions to check; conditions:{rule.key} is not held"
    return Finding(rule, effect, why, end, aspect.part, aspect.per)

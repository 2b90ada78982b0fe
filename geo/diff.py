"""What a draft would change: its rules and areas in words, and the answers in numbers and on a map. Pure."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from typing import Any

from geo.alike import Ask, At, Groups, asker, grouped
from geo.places import Place
from geo.rules import STRICTNESS, BookRule, Effect, End, Law, Origin, Product
from geo.standing import origin_codes

SAMPLES = 5  # ZIP codes named beside a count
LONGEST = 200  # letters of a value in a sentence
EFFECT_WORDS = {
    Effect.ALLOW: "can be mailed",
    Effect.REVIEW: "checked by a person",
    Effect.ASK: "needs one more answer",
    Effect.DENY: "cannot be mailed",
}
_NOT_TOLD = frozenset({"shape"})  # too long for a sentence; the ZIP codes found in it say the same


class Change(StrEnum):
    """What became of a rule or an area."""

    ADDED = "added"
    DROPPED = "dropped"
    CHANGED = "changed"


@dataclass(frozen=True)
class RuleChange:
    """One rule or area that a draft adds, drops or changes.

    `key` is the rule's key or the area's code, `entry` the row as it will be (as it was, if dropped), `fields` each
    changed field with its value before and after.
    """

    key: str
    change: Change
    entry: Mapping[str, Any]
    fields: Mapping[str, tuple[Any, Any]]

    @property
    def sentences(self) -> tuple[str, ...]:
        """In words, such as `valid_to: none -> 2027-06-30`."""
        if self.change is not Change.CHANGED:
            told = ("place", "items", "effect", "kind", "name", "valid_from", "valid_to")
            here = [f"{name}: {words(self.entry[name])}" for name in told if self.entry.get(name)]
            return (f"{self.change} ({'; '.join(here)})",)
        return tuple(_said(name, *values) for name, values in self.fields.items())


def rule_changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[RuleChange]:
    """The rules added, dropped and changed between two rulesets' rows, in the order of the file; the rest left out."""
    return list(_changes(old, new, "key"))


def area_changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[RuleChange]:
    """The same for the areas, by their code."""
    return list(_changes(old, new, "code"))


def _changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]], key: str) -> Iterator[RuleChange]:
    before, after = ({row[key]: row for row in rows} for rows in (old, new))
    for name, row in after.items():
        was = before.get(name)
        if was is None:
            yield RuleChange(name, Change.ADDED, row, {})
        elif was != row:
            fields = {f: (was.get(f), row.get(f)) for f in {**was, **row} if was.get(f) != row.get(f)}
            yield RuleChange(name, Change.CHANGED, row, fields)
    for name, row in before.items():
        if name not in after:
            yield RuleChange(name, Change.DROPPED, row, {})


def _said(name: str, before: Any, after: Any) -> str:
    if name in _NOT_TOLD:
        return f"{name}: changed"
    if name in ("inside", "partly", "zips", "counties"):
        was, now = set(before or ()), set(after or ())
        moved = [f"{word} {words(sorted(some))}" for word, some in (("plus", now - was), ("less", was - now)) if some]
        return f"{name}: {len(was)} -> {len(now)} ({'; '.join(moved)})"
    if name == "most_per_period":
        before, after = (f"{each[0]} in {each[1]} days" if each else None for each in (before, after))
    return f"{name}: {words(before)} -> {words(after)}"


def words(value: Any) -> str:
    """A value of a rule in words: `none`, `a, b`, or `a and b; or c` for alternatives of credentials."""
    if value in (None, "", [], ()):
        return "none"
    if isinstance(value, list | tuple):
        nested = any(isinstance(one, list | tuple) for one in value)
        text = "; or ".join(" and ".join(one) for one in value) if nested else ", ".join(map(str, value))
    else:
        text = str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """ZIP codes of one postal state whose answer for an item changes alike, nothing being known of the person.

    `before` is None where nothing was in force. `counties` are the FIPS codes where the answer changes (none named
    where nothing was in force), `samples` the first few ZIP codes.
    """

    item: str
    state: str
    before: Effect | None
    after: Effect
    zips: int
    counties: tuple[str, ...]
    samples: tuple[str, ...]


def sentence(change: AnswerChange, names: Mapping[str, str] | None = None) -> str:
    """In plain words. `names` by item code, state code, and `county:FIPS` as `Franklin, OH`; codes stand in."""
    names = names or {}
    some = f"{change.zips:,} ZIP code{'s' * (change.zips != 1)} in {names.get(change.state, change.state)}"
    item, after = names.get(change.item, change.item), EFFECT_WORDS[change.after]
    if change.before is None:
        return f"{item}: {some} {'gets its' if change.zips == 1 else 'get their'} first answer: {after}."
    go = "goes" if change.zips == 1 else "go"
    return f"{item}: {some}{_counties_said(change, names)} {go} from {EFFECT_WORDS[change.before]} to {after}."


def _counties_said(change: AnswerChange, names: Mapping[str, str]) -> str:
    if not change.counties:
        return ""
    if len(change.counties) > 3:
        return f" ({len(change.counties)} counties)"
    called = [names.get(f"county:{fips}", fips) for fips in change.counties]
    if len(called) == 1:
        return f" ({called[0]})"
    here = [name.removesuffix(f", {change.state}") for name in called]
    return f" (counties {', '.join(here[:-1])} and {here[-1]})"


def by_state(changes: Iterable[AnswerChange]) -> dict[str, AnswerChange]:
    """The most important change of each state, for a map: a tighter answer before a looser, then the most ZIP codes."""
    found: dict[str, AnswerChange] = {}
    for change in sorted(changes, key=_importance):
        found.setdefault(change.state, change)
    return found


def by_county(changes: Iterable[AnswerChange]) -> dict[str, AnswerChange]:
    """The same for each county, by FIPS code."""
    found: dict[str, AnswerChange] = {}
    for change in sorted(changes, key=_importance):
        for fips in change.counties:
            found.setdefault(fips, change)
    return found


def _importance(change: AnswerChange) -> tuple[bool, int, int, str]:
    step = STRICTNESS[change.after] - (STRICTNESS[change.before] if change.before is not None else 0)
    return step <= 0, -abs(step), -change.zips, change.item


def answer_changes(
    old: Law | None,
    new: Law,
    places: Iterable[Place],
    products: Iterable[Product],
    origins: Sequence[Origin],
    on: date,
    *,
    sent_from: Mapping[str, Collection[str]] | None = None,
) -> list[AnswerChange]:
    """Whose answers change, for each item, from one law to the next on a day; None: nothing is in force yet.

    The answer of a place is that of the warehouse with the least strict one. `sent_from` has the codes of the
    warehouses that send an item at all; without it all of them do, and without any the destination alone decides.
    """
    groups = grouped(old or new, new, places)
    touched = None if old is None else _touched(old, new)
    found: list[AnswerChange] = []
    for product in products:
        senders = [o for o in origins if sent_from is None or o.code in sent_from.get(product.code, ())]
        where = None if old is None or touched is None else _where(touched, product, senders, (old, new))
        if where is None or where:
            found += _of_product(old, new, groups, product, senders, on, where)
    return sorted(found, key=lambda change: (change.item, change.state, _importance(change)))


_SAYS_NOTHING = {  # fields that no answer depends on
    **dict.fromkeys(("legal_status", "attest_es", "citation", "source", "source_url", "source_date"), ""),
    **dict.fromkeys(("sentence", "sentence_es", "note"), ""),
    **dict.fromkeys(("recorded", "enclosures", "not_funds"), ()),
    "reviewed_on": None,
}


def _touched(old: Law, new: Law) -> list[BookRule]:
    """Every rule, as it was and as it will be, that may answer otherwise: it, its area or a paper it wants changed."""

    def bare(rule: BookRule) -> BookRule:
        reviewed = None if rule.reviewed_by is None else "someone"
        return replace(rule, **_SAYS_NOTHING, attest=rule.attest and "a statement", reviewed_by=reviewed)  # type: ignore[arg-type]

    before, after = ({bare(rule): rule for rule in law.book.rules} for law in (old, new))
    changed = [rules[one] for rules in (before, after) for one in before.keys() ^ after.keys() if one in rules]
    areas = {f"area:{area.code}" for area in set(old.book.areas) ^ set(new.book.areas)}
    papers = set(old.held) ^ set(new.held)
    papers |= {paper for paper in (*old.held, *new.held) if not areas.isdisjoint(paper.places)}
    kinds = {paper.kind for paper in papers}
    demo = old.book.allow_unreviewed != new.book.allow_unreviewed

    def moved(rule: BookRule) -> bool:
        wanted = {kind for some in rule.credentials for kind in some} | {f"conditions:{rule.key}"}
        return rule.place in areas or not kinds.isdisjoint(wanted) or (demo and rule.reviewed_by is None)

    return changed + [rule for law in (old, new) for rule in law.book.rules if moved(rule)]


def _where(
    touched: Iterable[BookRule], product: Product, origins: Sequence[Origin], laws: Iterable[Law]
) -> set[str] | None:
    """The codes of the places where these rules may change a product's answer; None: anywhere, by a warehouse."""
    selectors = {selector for aspect in product.aspects() for selector in aspect.selectors}
    about = [rule for rule in touched if not selectors.isdisjoint(rule.items)]
    home = {code for law in laws for origin in origins for code in origin_codes(law, origin)}
    if any(rule.binds(End.ORIGIN) and rule.place in home for rule in about):
        return None
    return {rule.place for rule in about if rule.binds(End.DESTINATION)}


def _of_product(
    old: Law | None,
    new: Law,
    groups: Groups,
    product: Product,
    origins: Sequence[Origin],
    on: date,
    where: set[str] | None,
) -> list[AnswerChange]:
    ask_new = asker(new, product, origins, on)
    ask_old = asker(old, product, origins, on) if old is not None else None
    found: dict[tuple[str, Effect | None, Effect], tuple[list[str], set[str]]] = {}
    for (was, now), members in groups.items():
        if where is not None and all(where.isdisjoint(spot.codes) for spot in (*was, *now)):
            continue
        before, after = ask_old(was) if ask_old else None, ask_new(now)
        if before is after:
            continue
        moved = _moved(was, now, ask_old, ask_new) if ask_old else None
        for place, zips in members:
            some, counties = found.setdefault((place.states[0], before, after), ([], set()))
            some += zips
            counties.update(fips for state, fips in place.candidates if fips and moved and moved(state, fips))
    return [
        AnswerChange(product.code, *key, len(some), tuple(sorted(counties)), tuple(sorted(some)[:SAMPLES]))
        for key, (some, counties) in found.items()
    ]


def _moved(was: At, now: At, ask_old: Ask, ask_new: Ask) -> Callable[[str, str], bool]:
    """Whether the answer itself changes in a county of a state, not only the question which county it is."""

    @cache
    def moved(state: str, county: str | None) -> bool:
        within = [tuple(s for s in at if s.state == state and s.county in (None, county)) for at in (was, now)]
        return ask_old(within[0]) is not ask_new(within[1])

    told_apart = {spot.county for spot in (*was, *now)}
    return lambda state, county: moved(state, county if county in told_apart else None)

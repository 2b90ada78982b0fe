"""Rules x products x warehouses x papers -> one table over every ZIP code and day, for `geo.table` to look up.

ZIP codes whose spots are equal share a profile. For a profile, product and warehouse the answer can change only on the
first day of a rule or paper that could matter there, or on the day after its last; on each of those days the
interpreter (`geo.standing`) is asked, and days that say the same become one. What was asked once is not asked again.
`geo.recompile` takes over from an older table what no change can reach.
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain

from geo.places import Place
from geo.recompile import Earlier, Profile, Said, kinds_asked, made_from, plain, selectors_of
from geo.rules import BookRule, Held, Law, Origin, Product
from geo.standing import Finding, Spot, Standing, likeness, merged, named_alone, origin_codes, spots, standing
from geo.table import Table
from geo.tablefile import EFFECTS, ENDS, MAGIC, NO_PROFILE, ZIPS, Parts, Ragged, kept

Timeline = list[tuple[date, Standing]]  # from which day on; the first is date.min


def compile_table(
    law: Law,
    places: Iterable[Place],
    products: Sequence[Product],
    origins: Sequence[Origin],
    *,
    before: Table | None = None,
) -> Table:
    """The table of a law. `before` is an older table to take unchanged cells from; the result is equal without it.

    Rule keys, product codes and warehouse codes occur once each.
    """
    profiles, zips = grouped(law, places)
    earlier = Earlier(before, law, products, origins) if before else None
    numbers = Numbers(law.book.rules)
    keys, grid = array("H"), array("I")
    for product in products:
        compiler = _Compiler(law, product, numbers, earlier)
        own = [compiler.key(profile) for profile in profiles]
        firsts = dict(zip(reversed(own), reversed(profiles), strict=True))  # a profile for each different key
        different = {key: number for number, key in enumerate(dict.fromkeys(own))}
        keys.extend(different[key] for key in own)
        grid.extend(numbers.row([compiler.cell(firsts[key], key, at) for key in different]) for at in (None, *origins))
    parts = Parts(
        products=tuple(product.code for product in products),
        origins=(None, *(origin.code for origin in origins)),
        profiles=len(profiles),
        zips=zips,
        keys=keys,
        grid=grid,
        rows=numbers.rows,
        cells=numbers.cells,
        values=numbers.values,
        standings=numbers.standings,
        findings=numbers.findings,
        texts=tuple(numbers.texts),
        rules=tuple(kept(rule) for rule in law.book.rules),
        made_from=made_from(law, products, origins, profiles),
    )
    return Table(parts)


def digest_of(
    ruleset: str, law: Law, products: Sequence[Product], origins: Sequence[Origin], *, places: str = ""
) -> str:
    """SHA-256 in hex of all that goes into a table, and of the form it is kept in: another one, and it is stale.

    `ruleset` is the digest of the ruleset's text, `places` what `geo.places.version` says.
    """
    told = [MAGIC.decode(), ruleset, places, law.book.allow_unreviewed, law.book.areas, law.held, products, origins]
    return hashlib.sha256(json.dumps(plain(told)).encode()).hexdigest()


def grouped(law: Law, places: Iterable[Place]) -> tuple[list[Profile], "array[int]"]:
    """The different profiles, and the number of its profile for each ZIP code."""
    alone = named_alone(law)
    zips = array("H", [NO_PROFILE]) * ZIPS
    known: dict[object, int] = {}
    profiles: dict[Profile, int] = {}
    for place in places:
        key = likeness(place, alone)
        if key not in known:
            known[key] = profiles.setdefault(spots(law, place), len(profiles))
        zips[int(place.zip)] = known[key]
    return list(profiles), zips


@dataclass(frozen=True, slots=True)
class Matters:
    """What could matter for one product: the rules that name it or a part of it by place, and papers they ask for."""

    rules: Mapping[str, list[BookRule]]
    papers: tuple[Held, ...]
    codes: frozenset[str]

    @classmethod
    def of(cls, law: Law, product: Product) -> "Matters":
        """Out of a whole law."""
        selectors = selectors_of(product)
        rules: dict[str, list[BookRule]] = {}
        for (place, selector), entries in law.book.index.items():
            if selector in selectors:
                rules.setdefault(place, []).extend(entry.rule for entry in entries)
        kinds = {kind for rule in chain(*rules.values()) for kind in kinds_asked(rule)}
        papers = tuple(paper for paper in law.held if paper.kind in kinds)
        return cls(rules, papers, frozenset(rules).union(*(paper.places for paper in papers)))

    def days(self, codes: Iterable[str]) -> list[date]:
        """The days on which something may change at places with these codes; date.min first."""
        rules = [rule for code in codes for rule in self.rules.get(code, ())]
        kinds = {kind for rule in rules for kind in kinds_asked(rule)}
        turns = chain(*map(turns_of_rule, rules), *(turns_of_paper(each) for each in self.papers if each.kind in kinds))
        return sorted({date.min, *turns})


def turns_of_rule(rule: BookRule) -> tuple[date, ...]:
    """The first day on which it counts, and the first on which it does not any more."""
    first = () if rule.valid_from is None else (rule.valid_from,)
    return first if rule.valid_to in (None, date.max) else (*first, rule.valid_to + timedelta(days=1))


def turns_of_paper(paper: Held) -> tuple[date, ...]:
    """The first day on which it holds, and the first on which it does not any more."""
    return (paper.valid_from,) if paper.expires_on is None else (paper.valid_from, paper.expires_on)


class _Compiler:
    """The cells of one product."""

    def __init__(self, law: Law, product: Product, numbers: "Numbers", earlier: Earlier | None) -> None:
        self.law, self.product, self.numbers, self.earlier = law, product, numbers, earlier
        self.matters = Matters.of(law, product)
        self.timelines: dict[tuple[frozenset[str], Origin | None], Timeline] = {}

    def key(self, profile: Profile) -> Profile:
        """A profile without the codes that cannot matter for this product."""
        return tuple(merged(Spot(spot.state, spot.county, spot.codes & self.matters.codes) for spot in profile))

    def cell(self, profile: Profile, key: Profile, origin: Origin | None) -> int:
        """The number of the cell of a profile."""
        said = self.earlier.said(profile, self.product, origin) if self.earlier else None
        return self.numbers.cell(said or self.said(key, origin))

    def said(self, key: Profile, origin: Origin | None) -> list[tuple[date, Said]]:
        """What the rules say at each spot, from each day on which it changes anywhere."""
        lines = [self.timeline(spot.codes, origin) for spot in key]
        return [
            (day, [(spot.state, spot.county, _on(line, day)) for spot, line in zip(key, lines, strict=True)])
            for day in sorted({day for line in lines for day, _ in line})
        ]

    def timeline(self, codes: frozenset[str], origin: Origin | None) -> Timeline:
        """What the interpreter says with these codes, from each day on which it changes."""
        if (codes, origin) not in self.timelines:
            found: Timeline = []
            for day in self.matters.days(codes | origin_codes(self.law, origin)):
                now = standing(self.law, codes, self.product, origin, day)
                if not found or found[-1][1] != now:
                    found.append((day, now))
            self.timelines[codes, origin] = found
        return self.timelines[codes, origin]


def alike(counties: Sequence[list[int]]) -> bool:
    """Whether the same is said in every one of the counties, so that nobody need tell them apart."""
    return all(each == counties[0] for each in counties)


def _on(line: Timeline, day: date) -> Standing:
    return next(found for start, found in reversed(line) if start <= day)


class Numbers:
    """Everything that a table says, each once, by number in the order of its first use."""

    def __init__(self, rules: Sequence[BookRule]) -> None:
        self.rows, self.cells, self.values, self.standings, self.findings = (Ragged() for _ in range(5))
        self.texts: dict[str, int] = {"": 0}
        self._rules = {rule.key: number for number, rule in enumerate(rules, 1)}
        self._known: dict[int, dict[tuple[int, ...], int]] = {}
        self._standings: dict[int, tuple[Standing, int]] = {}  # by id(); each is held, so that ids stay its own

    def row(self, cells: Sequence[int]) -> int:
        """The number of a row."""
        return self._number(self.rows, cells)

    def cell(self, said: Sequence[tuple[date, Said]]) -> int:
        """The number of a cell; days that say the same become one."""
        found: list[int] = []
        for day, here in said:
            value = self._value(here)
            if not found or found[-1] != value:
                found += (day.toordinal(), value)
        return self._number(self.cells, found)

    def _value(self, said: Said) -> int:
        """Counties of a state where the same is said become one without a name; conclusions stay as they were."""
        by_state: dict[str, dict[str | None, dict[int, None]]] = {}
        for state, county, each in said:
            by_state.setdefault(state, {}).setdefault(county, {})[self._standing(each)] = None
        flat: list[int] = []
        for state, counties in by_state.items():
            ways = [list(each) for each in counties.values()]
            for county, numbers in zip([None] if alike(ways) else counties, ways, strict=False):
                for number in numbers:
                    flat += (self._text(state), self._text(county or ""), number)
        return self._number(self.values, flat)

    def _standing(self, found: Standing) -> int:
        if id(found) not in self._standings:
            number = self._number(self.standings, [self._finding(finding) for finding in found])
            self._standings[id(found)] = found, number
        return self._standings[id(found)][1]

    def _finding(self, found: Finding) -> int:
        rule = self._rules[found.rule.key] if found.rule else 0
        effect, end = EFFECTS.index(found.effect), ENDS.index(found.end)
        return self._number(
            self.findings, [rule, effect, self._text(found.why), end, self._text(found.part), found.per]
        )

    def _text(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def _number(self, of: Ragged, numbers: Sequence[int]) -> int:
        known = self._known.setdefault(id(of), {})
        key = tuple(numbers)
        if key not in known:
            known[key] = len(of)
            of.append(key)
        return known[key]

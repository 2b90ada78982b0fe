"""Rules, products, warehouses and papers, as far as a decision needs them. Plain values: no database, no clock.

Length: the whole meaning of a rule stands on this one page, beside the values it speaks of.

How rules combine, in the words the tests use. `geo.decision` does it; this page is what it must mean.

1. Place. A rule names one place: the nation (`US`), a state (`OH`), a county (`county:39049`), a ZIP code
   (`zip:43215`), or a named area of its ruleset (`area:CODE`). **The most specific place wins**, whole: nation, state,
   district, county, municipality, then ZIP code or region. Of several rules there, the strictest holds: deny, then
   ask, then review, then allow.
2. Overlays only tighten: rules of scope `federal`, of tribal land, federal enclaves and restrictions (areas of that
   kind), and of `military` (every military ZIP code). They count beside the rules of point 1, and the strictest holds.
3. Items. A rule names items by code, or by `class:`, `form:` (otc, rx), `component:` (only as part of a kit) or
   `analyte:` (what a strip finds). What it says of a code it says of each kind of that family. A kit passes only if
   every part passes, and a strip only if everything that it finds does; a part about which nothing is said is covered
   by a rule for the whole.
4. A rule counts from `valid_from` to `valid_to`, both days included, on the calendar of the destination.
5. Nothing is sent on silence. If no rule counts, or overlays alone do, a person decides: review.
6. A rule allows only what it says. It turns into deny where a `credentials` alternative is not held in full (a paper
   for some items holds for these and for the kits that it names or that they are part of), where it needs someone to
   be there (`in_person`), does not name the mail among its `channels`, our warehouse among its `origins` or our kind
   of organization among its `operators` (unknown: review); where the person is younger than `min_age` (unknown: ask)
   or more is asked for at once than `most_per_order` or `most_per_period`. What the household gets in the period, this
   order included, goes to a person where it is over `most_per_period` or cannot be counted: review, never deny, since
   a household is not a person; while nobody has looked, as on the public pages, it does not count. A statement to
   agree to (`attest`) is asked for. Training not done and `conditions` without the credential `conditions:KEY` go to
   a person: review. `recorded` facts bind the site and decide nothing.
7. A rule in doubt never allows: low confidence or unclear law (`legal_status`) means review, and so does a missing
   reviewer, unless the ruleset was published for a demo. Doubt never softens a deny.
8. Both ends. A parcel needs a yes at its destination and at its warehouse; there, what concerns the person (age,
   statement, training, quantity, presence) and the box (enclosures) does not count. `ends` limits a rule to one end.
9. A place that may lie in several counties or states is decided for each. If they agree, that is the answer; if not,
   ask which; where its county is not known, each county that is named may be it. A ZIP partly in an area counts as in
   it and as not in it, and the stricter holds. Where nobody can
   answer, `strictest` takes the strictest of all and treats an unknown age or statement as no.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

NATION = "US"
MILITARY = "military"
FEDERAL = "federal"  # the scope of rules that only tighten
UNCLEAR = "unclear"  # the legal status that never allows
MAIL = "mail"  # the one channel by which Distro sends
LEVELS = {"nation": 0, "state": 1, "district": 2, "county": 3, "municipality": 4, "region": 5}
OVERLAY_AREAS = frozenset({"tribal", "enclave", "restriction"})
AREA_KINDS = ("district", "municipality", "region", *sorted(OVERLAY_AREAS))


class Effect(StrEnum):
    """What may happen with an item at a place. A rule itself holds allow, deny or review."""

    ALLOW = "allow"
    REVIEW = "review"  # a person decides
    ASK = "ask"  # one more answer is needed first
    DENY = "deny"


STRICTNESS = {Effect.ALLOW: 0, Effect.REVIEW: 1, Effect.ASK: 2, Effect.DENY: 3}


class End(StrEnum):
    """Which end of a parcel's way a rule binds."""

    BOTH = "both"
    DESTINATION = "destination"
    ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class BookRule:
    """One rule of a ruleset; `geo.rulefile.RuleSchema` says what each field may hold, the page above what it does."""

    key: str
    place: str
    items: tuple[str, ...]
    effect: Effect
    legal_status: str = ""
    scope: str = "statewide"
    ends: End = End.BOTH
    min_age: int | None = None
    age_channels: tuple[str, ...] = ()  # the routes on which the age counts; empty: all
    attest: str = ""
    attest_es: str = ""
    training: str = ""
    credentials: tuple[tuple[str, ...], ...] = ()  # alternatives; of one of them we hold every kind
    conditions: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    most_per_order: int | None = None  # units of what the rule names: of a component, not of its kit
    most_per_period: tuple[int, int] | None = None  # units, days
    enclosures: tuple[str, ...] = ()  # what goes into the box with it
    in_person: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    not_funds: tuple[str, ...] = ()  # kinds of money that may not have bought it
    valid_from: date | None = None
    valid_to: date | None = None
    citation: str = ""
    source: str = ""
    source_url: str = ""
    source_date: str = ""
    confidence: str = "high"
    reviewed_by: str | None = None
    reviewed_on: date | None = None
    sentence: str = ""
    sentence_es: str = ""
    note: str = ""

    @classmethod
    def of(cls, rule: Mapping[str, Any]) -> "BookRule":
        """From a checked rule of a file, or from the row a ruleset keeps of it (days as text)."""
        return cls(**{name: _frozen(name, value) for name, value in rule.items()})

    @property
    def statement(self) -> str:
        """What an agreement to its statement is kept as: it does not stand for another text. Empty without one."""
        return f"{self.key}.{hashlib.sha256(self.attest.encode()).hexdigest()[:8]}" if self.attest else ""

    def counts_on(self, day: date) -> bool:
        """Whether the rule is in force that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)

    def binds(self, end: End) -> bool:
        """Whether it counts at that end of the way."""
        return self.ends in (End.BOTH, end)


_DAYS = frozenset({"valid_from", "valid_to", "reviewed_on"})


def _frozen(name: str, value: Any) -> Any:
    if name in _DAYS and isinstance(value, str):
        return date.fromisoformat(value)
    if name == "effect":
        return Effect(value)
    if name == "ends":
        return End(value)
    if isinstance(value, list):
        return tuple(tuple(one) if isinstance(one, list) else one for one in value)
    return value


@dataclass(frozen=True, slots=True)
class Area:
    """A named area: its ZIP codes (surely, perhaps), and whole counties by FIPS code."""

    code: str
    kind: str
    name: str = ""
    inside: frozenset[str] = frozenset()
    partly: frozenset[str] = frozenset()
    counties: frozenset[str] = frozenset()


class Entry(NamedTuple):
    """A rule at its level; None for an overlay."""

    level: int | None
    rule: BookRule


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A ruleset ready to decide with: its rules by (place, item selector), and its areas."""

    id: int
    name: str
    version: str
    allow_unreviewed: bool
    rules: tuple[BookRule, ...]
    areas: tuple[Area, ...]
    index: Mapping[tuple[str, str], tuple[Entry, ...]]

    @classmethod
    def of(
        cls,
        rules: Iterable[BookRule],
        areas: Iterable[Area] = (),
        *,
        id: int = 0,
        name: str = "",
        version: str = "",
        allow_unreviewed: bool = False,
    ) -> "RuleBook":
        """A book of these rules."""
        rules, areas = tuple(rules), tuple(areas)
        kinds = {f"area:{area.code}": area.kind for area in areas}
        index: dict[tuple[str, str], tuple[Entry, ...]] = {}
        for rule in rules:
            entry = Entry(level_of(rule, kinds), rule)
            for item in rule.items:
                index[rule.place, item] = (*index.get((rule.place, item), ()), entry)
        return cls(id, name, version, allow_unreviewed, rules, areas, index)

    def rule(self, key: str) -> BookRule | None:
        """The rule of that key."""
        return next((rule for rule in self.rules if rule.key == key), None)


def level_of(rule: BookRule, area_kinds: Mapping[str, str]) -> int | None:
    """How specific a rule's place is, by LEVELS; None if the rule is an overlay. `area_kinds` is by place code."""
    kind = kind_of(rule.place, area_kinds)
    return None if rule.scope == FEDERAL or kind in OVERLAY_AREAS or kind == MILITARY else LEVELS[kind]


def kind_of(place: str, area_kinds: Mapping[str, str]) -> str:
    """What sort of place a code names: nation, state, county, region (a ZIP code), military, or an area's own kind."""
    if place in area_kinds:
        return area_kinds[place]
    if place in (NATION, MILITARY):
        return "nation" if place == NATION else MILITARY
    return {"county": "county", "zip": "region"}.get(place.partition(":")[0], "state")


class Aspect(NamedTuple):
    """A product or a part of it: its name, the units of it in one product, and the selectors that mean it.

    `depth` is 0 for the product, 1 for its parts, 2 for theirs.
    """

    part: str
    per: int
    selectors: tuple[str, ...]
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Product:
    """An item as rules see it. `parts` are the components of a kit with how many go into one.

    `family` is what the kinds of one thing share, such as syringes by gauge: what is said of an item with that code is
    said of each of them.
    """

    code: str
    kind: str = ""
    form: str = ""
    analytes: tuple[str, ...] = ()
    parts: tuple[tuple["Product", int], ...] = ()
    family: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The selectors that mean the whole product."""
        named = [self.code]
        named += [self.family] if self.family not in ("", self.code) else []
        named += [f"class:{self.kind}"] if self.kind else []
        named += [f"form:{self.form}"] if self.form else []
        return tuple(named)

    def aspects(self) -> Iterator[Aspect]:
        """The whole first, then each part that is decided by itself, and its parts right behind it."""
        yield Aspect("", 1, self.names)
        yield from self._inner(1, 1)

    def _inner(self, per: int, depth: int) -> Iterator[Aspect]:
        for analyte in self.analytes:
            yield Aspect(analyte, per, (f"analyte:{analyte}",), depth)
        for component, count in self.parts:
            yield Aspect(component.code, per * count, (*component.names, f"component:{component.code}"), depth)
            yield from component._inner(per * count, depth + 1)


@dataclass(frozen=True, slots=True)
class Origin:
    """A warehouse: its code, where it stands, and what sort of organization runs it (empty: not recorded)."""

    code: str
    state: str
    county: str | None = None
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A paper we hold; empty sets mean any. It holds from `valid_from` until the day before `expires_on`."""

    kind: str
    sites: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    valid_from: date = date.min
    expires_on: date | None = None

    def covers(self, origin: Origin | None, codes: frozenset[str], names: Collection[str], on: date) -> bool:
        """Whether it holds that day for this warehouse (None: whichever), any of these places, any of these names."""
        return (
            self.valid_from <= on
            and (self.expires_on is None or on < self.expires_on)
            and (not self.sites or origin is None or origin.code in self.sites)
            and (not self.places or not self.places.isdisjoint(codes))
            and (not self.items or not self.items.isdisjoint(names))
        )


@dataclass(frozen=True, slots=True)
class Law:
    """What decides: the rules and the papers held. `named` holds every place code that either of them names."""

    book: RuleBook
    held: tuple[Held, ...] = ()
    named: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        papers = frozenset(code for held in self.held for code in held.places)
        object.__setattr__(self, "named", papers | {place for place, _ in self.book.index})


@dataclass(frozen=True, slots=True)
class Facts:
    """What we know of the person and their place. None is unknown; a county of "" means they do not know it.

    `age` is in years, `attested` the statements they agreed to (`BookRule.statement`), `trained` the trainings done,
    `sent` what their household gets within each rule's period, this order included: units of what the rule names, by
    its key. A rule that is missing there could not be counted; None means that nobody has looked.
    """

    state: str | None = None
    county: str | None = None
    age: int | None = None
    attested: frozenset[str] = frozenset()
    trained: frozenset[str] = frozenset()
    sent: Mapping[str, int] | None = None

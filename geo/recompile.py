"""Which cells of an older table still hold.

A cell holds if its profile, product and warehouse are what they were, and no rule that changed, and no rule that asks
for a kind of paper of which any changed, names both a place of it and the product or a part of it.
"""

import json
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from geo.rules import Area, BookRule, Held, Law, Origin, Product, RuleBook
from geo.standing import Spot, Standing, origin_codes
from geo.table import Table
from geo.tablefile import kept, packed_json, unpacked_json

Profile = tuple[Spot, ...]
Said = list[tuple[str, str | None, Standing]]  # state, county, and what the rules say there


def plain(value: Any) -> Any:
    """A value of `geo.rules` as JSON holds it, the same for equal values."""
    if is_dataclass(value):
        return [plain(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.isoformat() if isinstance(value, date) else value


def made_from(
    law: Law, products: Sequence[Product], origins: Sequence[Origin], profiles: Sequence[tuple[Spot, ...]]
) -> bytes:
    """What the next compilation has to know of this one, beside the rules."""
    return packed_json(
        {
            "allow_unreviewed": law.book.allow_unreviewed,
            "areas": {area.code: area.kind for area in law.book.areas},
            "held": plain(law.held),
            "products": {product.code: plain(product) for product in products},
            "origins": {origin.code: _end(law, origin) for origin in origins},
            "profiles": [plain(profile) for profile in profiles],
        }
    )


def _end(law: Law, origin: Origin) -> list[Any]:
    return [plain(origin), sorted(origin_codes(law, origin))]


class Earlier:
    """An older table, as far as it still holds."""

    def __init__(self, table: Table, law: Law, products: Sequence[Product], origins: Sequence[Origin]) -> None:
        was = unpacked_json(table.parts.made_from)
        self._table = table
        self._profiles = {_profile(profile): number for number, profile in enumerate(was["profiles"])}
        self._own: dict[str | None, frozenset[str]] = {None: frozenset()}
        self._own |= {
            origin.code: origin_codes(law, origin)
            for origin in origins
            if was["origins"].get(origin.code) == _end(law, origin)
        }
        self._touched: dict[str, frozenset[str]] = {}
        if was["allow_unreviewed"] == law.book.allow_unreviewed:
            areas = [Area(code, kind) for code, kind in was["areas"].items()]
            touched = touched_by(RuleBook.of(table.parts.rules, areas), was["held"], law)
            self._touched = {
                product.code: frozenset(place for place, selector in touched if selector in selectors_of(product))
                for product in products
                if was["products"].get(product.code) == plain(product)
            }
        self._standings: dict[int, Standing] = {}

    def said(self, profile: Profile, product: Product, origin: Origin | None) -> list[tuple[date, Said]] | None:
        """What the cell says from each day on which it changes; None if it may not hold any more."""
        number, code = self._profiles.get(profile), origin.code if origin else None
        touched, own = self._touched.get(product.code), self._own.get(code)
        if number is None or touched is None or own is None or not touched.isdisjoint(own):
            return None
        if any(not touched.isdisjoint(spot.codes) for spot in profile):
            return None
        parts = self._table.parts
        cell = parts.cells[parts.cell(number, product.code, code)]
        return [(date.fromordinal(cell[n]), self._value(cell[n + 1])) for n in range(0, len(cell), 2)]

    def _value(self, number: int) -> Said:
        return [(state, county, self._standing(each)) for state, county, each in self._table.parts.value(number)]

    def _standing(self, number: int) -> Standing:
        if number not in self._standings:
            self._standings[number] = self._table.parts.standing(number)
        return self._standings[number]


def touched_by(before: RuleBook, papers: Sequence[Any], law: Law) -> set[tuple[str, str]]:
    """The (place, selector) of every rule that changed, and of every rule that asks for papers that did."""
    old, new = before.index, RuleBook.of(map(kept, law.book.rules), law.book.areas).index
    changed = {key for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
    kinds = changed_kinds(papers, law.held)
    asking = {key for key, entries in new.items() if any(not kinds.isdisjoint(kinds_asked(e.rule)) for e in entries)}
    return changed | asking


def changed_kinds(before: Sequence[Any], now: Sequence[Held]) -> set[str]:
    """The kinds of the papers that came, went or changed; `before` as `plain` gives them."""
    old, new = ({json.dumps(paper): paper[0] for paper in papers} for papers in (before, plain(now)))
    return {kind for paper, kind in (old | new).items() if paper not in old or paper not in new}


def selectors_of(product: Product) -> frozenset[str]:
    """Every selector that means a product or a part of it."""
    return frozenset(selector for aspect in product.aspects() for selector in aspect.selectors)


def kinds_asked(rule: BookRule) -> set[str]:
    """The kinds of paper that could change what a rule says."""
    return {kind for kinds in rule.credentials for kind in kinds} | {f"conditions:{rule.key}"}


def _profile(rows: Sequence[Any]) -> Profile:
    return tuple(Spot(state, county, frozenset(codes)) for state, county, codes in rows)

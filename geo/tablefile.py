"""What a compiled table is made of, and how it is stored: packed arrays and JSON, compressed. No pickle, no numpy.

Everything is said once and numbered. ZIP codes with equal places share a profile, profiles that no rule for a product
tells apart share a key of that product, and a row lists a cell for each key, for one product and warehouse. A cell
lists values with their first day; a value lists (state, county, standing); a standing lists findings; a finding names
its rule.
"""

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

from distro.errors import Refusal
from geo.rules import UNCLEAR, BookRule, Effect, End
from geo.standing import Finding, Standing

ZIPS = 100_000  # five digits
NO_PROFILE = 65_535
EFFECTS, ENDS = tuple(Effect), tuple(End)  # as findings number them
MAGIC = b"DISTRO-TABLE-1\n"
_LEVEL = 6  # zlib: 9 takes three times as long for 3 % less


class TableUnreadable(Refusal):
    """The bytes are no compiled table, or one of another release."""

    status = 503
    sentence = "The compiled rules were made by another release. Compile them anew."


class Ragged:
    """Lists of whole numbers (each below 2^32), one after another in one array."""

    __slots__ = ("ends", "flat")

    def __init__(self, flat: Iterable[int] = (), ends: Iterable[int] = ()) -> None:
        self.flat, self.ends = array("I", flat), array("I", ends)

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, number: int) -> "array[int]":
        return self.flat[self.ends[number - 1] if number else 0 : self.ends[number]]

    def append(self, numbers: Iterable[int]) -> None:
        """One more list."""
        self.flat.extend(numbers)
        self.ends.append(len(self.flat))


@dataclass(frozen=True, slots=True)
class Parts:
    """A compiled table, taken apart.

    `zips` gives the profile of each of the 100,000 numbers; `keys` a key for each profile, product after product;
    `grid` the row for each product and origin, products slowest. Numbers in the lists: rows (cell for each key); cells
    (first day as ordinal, value); values (state, county, standing: texts, "" for no county); findings (rule + 1,
    effect, why, end, part: texts, per). `made_from` is JSON, compressed, for `geo.recompile` alone.
    """

    products: tuple[str, ...]
    origins: tuple[str | None, ...]
    profiles: int
    zips: "array[int]"
    keys: "array[int]"
    grid: "array[int]"
    rows: Ragged
    cells: Ragged
    values: Ragged
    standings: Ragged
    findings: Ragged
    texts: tuple[str, ...]
    rules: tuple[BookRule, ...]
    made_from: bytes

    def cell(self, profile: int, product: str, origin: str | None) -> int:
        """The number of a cell. Raises ValueError if the product or origin is not there."""
        at = self.products.index(product)
        row = self.grid[at * len(self.origins) + self.origins.index(origin)]
        return self.rows[row][self.keys[at * self.profiles + profile]]

    def value(self, number: int) -> Iterator[tuple[str, str | None, int]]:
        """The (state, county, number of a standing) that a value lists."""
        listed = iter(self.values[number])
        for state, county, standing in zip(listed, listed, listed, strict=True):
            yield self.texts[state], self.texts[county] or None, standing

    def standing(self, number: int) -> Standing:
        """What the rules say, with the rules as `kept` leaves them."""
        return tuple(self._finding(*self.findings[one]) for one in self.standings[number])

    def _finding(self, rule: int, effect: int, why: int, end: int, part: int, per: int) -> Finding:
        named = self.rules[rule - 1] if rule else None
        return Finding(named, EFFECTS[effect], self.texts[why], ENDS[end], self.texts[part], per)


def to_bytes(parts: Parts) -> bytes:
    """One block of bytes, the same for equal tables."""
    arrays = list(_arrays(parts))
    head = {
        "products": parts.products,
        "origins": parts.origins,
        "profiles": parts.profiles,
        "texts": parts.texts,
        "rules": [rule_row(rule) for rule in parts.rules],
        "sizes": [len(one) for one in arrays],
        "made_from": len(parts.made_from),
    }
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    body = b"".join(_little(one) for one in arrays)
    return MAGIC + zlib.compress(len(text).to_bytes(4, "little") + text + body, _LEVEL) + parts.made_from


def from_bytes(content: bytes) -> Parts:
    """The same table. Raises TableUnreadable."""
    if not content.startswith(MAGIC):
        raise TableUnreadable
    unpacker = zlib.decompressobj()
    try:
        raw = memoryview(unpacker.decompress(content[len(MAGIC) :]))
        end = 4 + int.from_bytes(raw[:4], "little")
        head = json.loads(bytes(raw[4:end]))
        zips, keys, grid, *lists = _unpacked(raw[end:], head["sizes"])
        pairs = zip(lists[::2], lists[1::2], strict=True)
        rows, cells, values, standings, findings = (_ragged(*pair) for pair in pairs)
    except (zlib.error, ValueError, KeyError) as problem:
        raise TableUnreadable from problem
    if len(unpacker.unused_data) != head["made_from"]:
        raise TableUnreadable
    return Parts(
        products=tuple(head["products"]),
        origins=tuple(head["origins"]),
        profiles=head["profiles"],
        zips=zips,
        keys=keys,
        grid=grid,
        rows=rows,
        cells=cells,
        values=values,
        standings=standings,
        findings=findings,
        texts=tuple(head["texts"]),
        rules=tuple(BookRule.of(row) for row in head["rules"]),
        made_from=unpacker.unused_data,
    )


def kept(rule: BookRule) -> BookRule:
    """A rule without what no answer shows: notes, links, and who reviewed it."""
    reviewed = "yes" if rule.reviewed_by is not None else None
    unclear = UNCLEAR if rule.legal_status == UNCLEAR else ""
    return replace(
        rule, reviewed_by=reviewed, reviewed_on=None, legal_status=unclear, recorded=(), source_url="", note=""
    )


_DEFAULTS = {one.name: one.default for one in fields(BookRule)}


def rule_row(rule: BookRule) -> dict[str, Any]:
    """What a rule says apart from the defaults, ready for JSON; `BookRule.of` reads it."""
    said = ((name, getattr(rule, name), default) for name, default in _DEFAULTS.items())
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value, default in said
        if value != default
    }


def packed_json(value: object) -> bytes:
    """JSON, compressed."""
    return zlib.compress(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), _LEVEL)


def unpacked_json(content: bytes) -> Any:
    """What `packed_json` packed."""
    return json.loads(zlib.decompress(content))


def _arrays(parts: Parts) -> "Iterator[array[int]]":
    yield from (parts.zips, parts.keys, parts.grid)
    for ragged in (parts.rows, parts.cells, parts.values, parts.standings, parts.findings):
        yield from (ragged.flat, ragged.ends)


def _ragged(flat: "array[int]", ends: "array[int]") -> Ragged:
    found = Ragged()
    found.flat, found.ends = flat, ends
    return found


def _little(numbers: "array[int]") -> bytes:
    if sys.byteorder == "big":
        numbers = array(numbers.typecode, numbers)
        numbers.byteswap()
    return numbers.tobytes()


def _unpacked(raw: memoryview, sizes: Sequence[int]) -> "Iterator[array[int]]":
    at = 0
    for number, size in enumerate(sizes):
        numbers = array("I" if number > 1 else "H")
        length = size * numbers.itemsize
        numbers.frombytes(raw[at : at + length])
        if sys.byteorder == "big":
            numbers.byteswap()
        if len(numbers) != size:
            raise ValueError("cut short")
        yield numbers
        at += length

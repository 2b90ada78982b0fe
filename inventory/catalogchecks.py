"""What must hold between the entries of a catalog file, and between them and what is already there.

The checks read the file as it was written, so that these faults are named along with those of the format.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Known:
    """What was loaded before, so that a file need not say all of it again."""

    items: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)  # code -> letter, GTIN
    kits: Mapping[str, Iterable[str]] = field(default_factory=dict)  # kit code -> part codes
    kinds: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # code -> family, variant


def clashes(raw: dict[str, Any], known: Known) -> list[str]:
    """A sentence for each fault, in the order of the file."""
    codes = (one.get("code") for _, one in _entries(raw, "items"))
    items = {*known.items, *(code for code in codes if isinstance(code, str))}
    return [
        f"{said}."
        for said in (
            *_used_twice(raw, "items", ("code", "letter", "gtin")),
            *_taken(raw, known),
            *_same_kind(raw, known),
            *_kit_faults(raw, known, items),
            *_used_twice(raw, "sites", ("code",)),
            *_site_faults(raw, items),
            *_used_twice(raw, "funds", ("code",)),
            *_fund_faults(raw, items),
        )
    ]


def entry(raw: dict[str, Any], section: str, place: Any) -> str:
    """How a sentence names an entry: `sites[1] "MN"`, `kits "syringe-kit"`."""
    if section == "kits" or not isinstance(place, int):
        return f'{section} "{place}"'
    one = raw[section][place]
    code = one.get("code") if isinstance(one, dict) else None
    return f'{section}[{place}] "{code}"' if isinstance(code, str) else f"{section}[{place}]"


def _entries(raw: dict[str, Any], section: str) -> list[tuple[int, dict[str, Any]]]:
    return [(place, one) for place, one in enumerate(_list(raw.get(section))) if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _table(value: Any) -> dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _used_twice(raw: dict[str, Any], section: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        first: dict[str, int] = {}
        for place, one in _entries(raw, section):
            value = one.get(name)
            if isinstance(value, str) and first.setdefault(value, place) != place:
                yield f'{entry(raw, section, place)}: "{name}" {value} is that of {section}[{first[value]}] too'


def _taken(raw: dict[str, Any], known: Known) -> Iterator[str]:
    """Letters and GTINs that another item has had until now: to swap them in one go would leave slips ambiguous."""
    for name, which in (("letter", 0), ("gtin", 1)):
        owners = {values[which]: code for code, values in known.items.items() if values[which]}
        for place, one in _entries(raw, "items"):
            value, code = one.get(name), one.get("code")
            owner = owners.get(value) if isinstance(value, str) else None
            if owner not in (None, code):
                yield f'{entry(raw, "items", place)}: "{name}" {value} is that of {owner}, which is here already'


def _same_kind(raw: dict[str, Any], known: Known) -> Iterator[str]:
    """Two kinds of one thing with one name: nobody could tell which they choose."""
    told = [(place, [one.get(name) for name in ("code", "family", "variant")]) for place, one in _entries(raw, "items")]
    kinds = {place: tuple(map(str, texts)) for place, texts in told if all(isinstance(t, str) and t for t in texts)}
    listed = {code for code, _family, _variant in kinds.values()}
    first = {kind: code for code, kind in known.kinds.items() if code not in listed and kind[0]}
    for place, (code, family, variant) in kinds.items():
        other = first.setdefault((family, variant), code)
        if other != code:
            yield f'{entry(raw, "items", place)}: "variant" {variant} is that of {other} too'


def _kit_faults(raw: dict[str, Any], known: Known, items: set[str]) -> Iterator[str]:
    kits = {kit: _table(parts) for kit, parts in _table(raw.get("kits")).items()}
    for kit, parts in kits.items():
        if kit not in items:
            yield f"{entry(raw, 'kits', kit)}: is not an item"
        for part in parts:
            if part not in items:
                yield f'{entry(raw, "kits", kit)}: "{part}" is not an item'
        if _holds(kit, {**known.kits, **kits}):
            yield f"{entry(raw, 'kits', kit)}: contains itself"


def _holds(kit: Any, kits: Mapping[Any, Iterable[Any]]) -> bool:
    """Whether a kit is among its own parts, or among theirs."""
    seen: set[Any] = set()
    todo = list(kits[kit])
    while todo:
        part = todo.pop()
        if part not in seen:
            seen.add(part)
            todo.extend(kits.get(part, ()))
    return kit in seen


def _site_faults(raw: dict[str, Any], items: set[str]) -> Iterator[str]:
    for place, one in _entries(raw, "sites"):
        bins = _list(one.get("bins"))
        for number, bin in enumerate(bins):
            if isinstance(bin, str) and bin in bins[:number]:
                yield f'{entry(raw, "sites", place)}: "bins"[{number}] {bin} stands there twice'
        for item in _table(one.get("stocks")):
            if item not in items:
                yield f'{entry(raw, "sites", place)}: "stocks" "{item}" is not an item'


def _fund_faults(raw: dict[str, Any], items: set[str]) -> Iterator[str]:
    for place, one in _entries(raw, "funds"):
        for number, item in enumerate(_list(one.get("item_codes"))):
            if isinstance(item, str) and item not in items:
                yield f'{entry(raw, "funds", place)}: "item_codes"[{number}] {item} is not an item'

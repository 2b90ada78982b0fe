"""What the first page offers: each thing once, with the kinds of it that we keep, what is in a kit, and how much."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.languages import pick
from inventory import stock
from inventory.models import Item, KitComponent, SiteItem


@dataclass(frozen=True)
class Kind:
    """One of several kinds of a thing: its item's code, and whether some of it stands on any shelf now."""

    code: str
    name: str
    here: bool


@dataclass(frozen=True)
class Choice:
    """A thing to ask for, in the reader's language. Its fields on the page go by `code`, that of its first kind.

    `kinds` is empty where there is only one, `parts` where it is no kit; `kind` and `units` are what was chosen so far.
    """

    code: str
    family: str
    sort: str
    name: str
    detail: str
    most: int
    chosen: bool
    kind: str
    units: str
    kinds: tuple[Kind, ...] = ()
    other: bool = False  # the closest kind may go if this one is out
    parts: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class Limit:
    """How much of a thing one address may get in so many days before a person looks at the request first."""

    name: str
    units: int
    days: int


def choices(
    session: Session, items: Sequence[Item], wanted: Mapping[str, str], today: date, *, takes: Collection[str] = ()
) -> list[Choice]:
    """Every thing of `items` (what can be asked for, in order). `wanted` is what was chosen, units by item code;
    `takes` the families of which the closest kind may go."""
    together: dict[str, list[Item]] = {}
    for item in items:
        together.setdefault(item.family or item.code, []).append(item)
    several = [item for kinds in together.values() if len(kinds) > 1 for item in kinds]
    kept, here = _kept(session, several), _here(session, several, today)
    parts = _parts(session, items)
    other, found = several_kinds(items, wanted, takes), []
    for kinds in together.values():
        offered = [item for item in kinds if item.id in kept or item.code in wanted] or kinds
        one = _choice(kinds[0], offered if len(kinds) > 1 else kinds, wanted, here, parts)
        found.append(replace(one, other=one.family in other))
    return found


def several_kinds(items: Iterable[Item], wanted: Collection[str], takes: Collection[str]) -> dict[str, list[Item]]:
    """The kinds of each family of `takes` of which something is wanted, if it has several: so of no other does it count
    what someone said of the closest kind."""
    found: dict[str, list[Item]] = {}
    for item in items:
        if item.family and item.family in takes:
            found.setdefault(item.family, []).append(item)
    return {
        family: kinds
        for family, kinds in found.items()
        if len(kinds) > 1 and any(item.code in wanted for item in kinds)
    }


def more_than_one_kind(items: Iterable[Item], wanted: Collection[str]) -> list[Item]:
    """Of the first family of which several kinds are wanted, these; a page offers each thing in one."""
    found: dict[str, list[Item]] = {}
    for item in items:
        if item.family and item.code in wanted:
            found.setdefault(item.family, []).append(item)
    return next((kinds for kinds in found.values() if len(kinds) > 1), [])


def title(item: Item) -> str:
    """What a thing is called, whichever kind of it is meant: its name without that of the kind behind it."""
    name, kind = pick(item.name, item.name_es), pick(item.variant, item.variant_es)
    return name.removesuffix(kind).rstrip(" ,:–-(") or name


def named(items: Iterable[Item], codes: Collection[str]) -> list[str]:
    """What the things with these codes are called, each once: by their kind only where just some of its kinds count."""
    items = list(items)
    some = {item.family for item in items if item.family and item.code not in codes}
    said = (item for item in items if item.code in codes)
    return list(dict.fromkeys(pick(it.name, it.name_es) if it.family in some else title(it) for it in said))


def limits(items: Iterable[Item]) -> list[Limit]:
    """The published limits, each thing once: docs/limits.md."""
    found: dict[str, Limit] = {}
    for item in items:
        if item.household_limit:
            limit = Limit(title(item), item.household_limit["units"], item.household_limit["days"])
            found.setdefault(item.family or item.code, limit)
    return list(found.values())


def _choice(
    first: Item,
    kinds: Sequence[Item],
    wanted: Mapping[str, str],
    here: Collection[int],
    parts: Mapping[int, tuple[tuple[int, str], ...]],
) -> Choice:
    picked = next((item for item in kinds if item.code in wanted), None)
    shown = picked or next((item for item in kinds if item.id in here), kinds[0])
    several = len(kinds) > 1
    return Choice(
        code=first.code,
        family=first.family,
        sort=first.kind,
        name=title(first) if several else pick(shown.name, shown.name_es),
        detail=pick(shown.detail, shown.detail_es),
        most=min(item.most_per_request for item in kinds),
        chosen=picked is not None,
        kind=shown.code,
        units=wanted.get(shown.code, "1"),
        kinds=tuple(Kind(item.code, pick(item.variant, item.variant_es), item.id in here) for item in kinds)
        if several
        else (),
        parts=parts.get(shown.id, ()),
    )


def _kept(session: Session, items: Sequence[Item]) -> frozenset[int]:
    """Ids of those that some warehouse sends."""
    ids = [item.id for item in items]
    return frozenset(session.scalars(select(SiteItem.item_id).where(SiteItem.item_id.in_(ids)))) if ids else frozenset()


def _here(session: Session, items: Sequence[Item], today: date) -> frozenset[int]:
    """Ids of those of which something stands on a shelf and can be sent."""
    return frozenset(item_id for _site, item_id in stock.usable(session, today)) if items else frozenset()


def _parts(session: Session, items: Sequence[Item]) -> dict[int, tuple[tuple[int, str], ...]]:
    """Kit -> how many of what it holds."""
    query = select(KitComponent).where(KitComponent.kit_id.in_([item.id for item in items])).order_by(KitComponent.id)
    found: dict[int, list[tuple[int, str]]] = {}
    for part in session.scalars(query):
        found.setdefault(part.kit_id, []).append((part.quantity, title(part.component)))
    return {kit: tuple(inside) for kit, inside in found.items()}

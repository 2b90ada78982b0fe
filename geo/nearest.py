"""Which help is nearest to a place. Pure, but for the list that comes with the software."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import inf
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from distro.languages import pick
from geo import referralfile
from geo.places import Place, kilometres, state_of
from geo.referralfile import NATION

STARTER = Path(__file__).parent / "data" / "referrals.yaml"
ALWAYS = ("never-use-alone",)  # shown first everywhere: someone may be about to use alone
URGENT = (*ALWAYS, "lifeline-988")  # never folded away
KEPT = ("lifeline-988", "poison-help")  # in their place, but crowded out by no number of nearer ones


@dataclass(frozen=True, slots=True)
class Help:
    """A program or helpline as a page shows it."""

    code: str
    kind: str
    name: str
    name_es: str
    detail: str
    detail_es: str
    phone: str
    phone_es: str
    url: str
    areas: tuple[str, ...]
    latitude: float | None
    longitude: float | None
    checked_on: date

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self:
        """From the fields of an entry; those a page does not show are left aside."""
        shown = {name: facts[name] for name in cls.__slots__}
        return cls(**{**shown, "areas": tuple(facts["areas"])})

    @property
    def urgent(self) -> bool:
        """Whether it stands open where the others are folded away."""
        return self.code in URGENT

    @property
    def called(self) -> str:
        """Its name in the reader's language."""
        return pick(self.name, self.name_es)

    @property
    def about(self) -> str:
        """What it does, in the reader's language; may be empty."""
        return pick(self.detail, self.detail_es)

    @property
    def number(self) -> str:
        """The number to call in the reader's language; empty where there is none."""
        return pick(self.phone, self.phone_es or self.phone)

    @property
    def site(self) -> str:
        """Its web address in short, such as `nasen.org`; empty where there is none."""
        return (urlsplit(self.url).hostname or "").removeprefix("www.")


def arrange(
    entries: Iterable[Help], place: Place | None = None, *, state: str | None = None, limit: int = 6
) -> list[Help]:
    """Those of `entries` that serve the place, nearest first. Pure; see `geo.referrals.nearest_help`.

    Of the `limit`, the lines of ALWAYS and of KEPT have theirs before any other.
    """
    here = areas_of(place, state)
    counties = {area for area in here if ":" in area}
    states = here - counties
    always: list[Help] = []
    tiers: tuple[list[Help], ...] = ([], [], [])  # of its counties, its states, the nation
    for entry in entries:
        reach = [not counties.isdisjoint(entry.areas), not states.isdisjoint(entry.areas), NATION in entry.areas]
        if entry.code in ALWAYS:
            always.append(entry)
        elif any(reach):
            tiers[reach.index(True)].append(entry)
    for near in tiers[:2]:
        near.sort(key=lambda entry: _distance(entry, place))
    ranked = [entry for tier in tiers for entry in tier]
    others = [entry.code for entry in ranked if entry.code not in KEPT]
    shown = {*KEPT, *others[: max(0, limit - len(always) - (len(ranked) - len(others)))]}
    return [*always, *[entry for entry in ranked if entry.code in shown]]


def areas_of(place: Place | None, state: str | None) -> set[str]:
    """The states and counties of a place, as entries name them; of `state` alone where one is named."""
    states = {state} if state else set(place.states if place else ())
    fips = place.counties if place else ()
    return states | {f"county:{one}" for one in fips if not state or state_of(one) == state}


@lru_cache(maxsize=1)
def shipped() -> tuple[Help, ...]:
    """The list that comes with the software; needs no database."""
    entries = referralfile.read(STARTER.read_text(encoding="utf-8"), today=date.max)
    return tuple(Help.of(entry) for entry in entries)


def _distance(entry: Help, place: Place | None) -> float:
    """Kilometres from a place; infinite where one of the two has no point."""
    if place is None or place.latitude is None or place.longitude is None:
        return inf
    if entry.latitude is None or entry.longitude is None:
        return inf
    return kilometres(place.latitude, place.longitude, entry.latitude, entry.longitude)

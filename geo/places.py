"""ZIP code -> place: the states and counties it may lie in. Lookups on the tables that `geo.load` fills."""

import csv
import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import Text, cast, select
from sqlalchemy.orm import Session

from distro.errors import Refusal
from distro.languages import pick
from geo.models import County, State, Zip, ZipKind

EARTH_RADIUS_KM = 6_371.0088  # mean radius, IUGG

_STATES = Path(__file__).parent / "data" / "states.csv"
_ZIP = re.compile(r"\s*(\d{5})(?:[-\s]?\d{4})?\s*", re.ASCII)


class ZipMalformed(Refusal):
    """What was typed is not a ZIP code."""

    status = 422
    sentence = _l("A ZIP code has 5 digits, like 43215. Please check what you typed.")


class ZipUnknown(Refusal):
    """Five digits, but no ZIP code in use."""

    status = 422
    sentence = _l("We could not find the ZIP code %(zip)s. Please check the number.")


class CountyElsewhere(Refusal):
    """The ZIP code does not lie in the county that was named."""

    status = 422
    sentence = _l("The ZIP code %(zip)s is not in the county you chose. Please check both.")


class StateElsewhere(Refusal):
    """The ZIP code does not lie in the state that was named."""

    status = 422
    sentence = _l("The ZIP code %(zip)s is not in the state you chose. Please check both.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ZIP code may lie. The postal state stands first; points are degrees, None where nobody gives one.

    `zone` is its IANA time zone: a rule begins and ends at midnight there. `names` are what else people write as its
    city; `all_places` leaves them out.
    """

    zip: str
    kind: ZipKind
    city: str
    states: tuple[str, ...]
    counties: tuple[str, ...]
    latitude: float | None = None
    longitude: float | None = None
    zone: str = "UTC"
    names: tuple[str, ...] = field(default=(), compare=False)

    @property
    def candidates(self) -> tuple[tuple[str, str | None], ...]:
        """Each (state, county FIPS) it may lie in; the county is None in a state of which no county is known."""
        found: list[tuple[str, str | None]] = []
        for state in self.states:
            here = [county for county in self.counties if state_of(county) == state]
            found += [(state, county) for county in here] or [(state, None)]
        return tuple(found)


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state as pickers and maps need it. `outline` is an SVG path, empty where none is drawn."""

    code: str
    name: str
    name_es: str
    kind: str
    outline: str = ""
    label_x: float | None = None
    label_y: float | None = None


def find(session: Session, zip_text: str) -> Place:
    """The place of a ZIP code as typed: `43215`, ` 43215-1234 `. One lookup by primary key.

    Raises ZipMalformed if it is not five digits (with or without four more), ZipUnknown if it is not in use.
    """
    match = _ZIP.fullmatch(zip_text[:40])
    if not match:
        raise ZipMalformed
    row = session.get(Zip, match[1])
    if row is None:
        raise ZipUnknown(zip=match[1])
    return _place(row, tuple(row.names))


def whole(session: Session, state: str) -> Place:
    """A state as a place of which no more is known: no ZIP code, no county, no point."""
    row = session.get(State, state)
    kind = ZipKind.MILITARY if row is not None and row.kind == "military" else ZipKind.STANDARD
    return Place(zip="", kind=kind, city="", states=(state,), counties=())


def _place(row: Any, names: tuple[str, ...] = ()) -> Place:
    return Place(
        zip=row.zip,
        kind=ZipKind(row.kind),
        city=row.city,
        states=tuple(row.states),
        counties=tuple(row.counties),
        latitude=row.latitude,
        longitude=row.longitude,
        zone=row.zone,
        names=names,
    )


@lru_cache(maxsize=4_096)
def state_of(county: str) -> str | None:
    """The postal state of a county FIPS code: its first two digits name it. None if they name none."""
    return _state_codes().get(county[:2])


@lru_cache(maxsize=1)
def _state_codes() -> dict[str, str]:
    with _STATES.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["fips"]: row["code"] for row in rows if row["fips"]}


def in_state(place: Place, state: str) -> str:
    """`state`, if the place may lie in it. Raises StateElsewhere if not."""
    if state not in place.states:
        raise StateElsewhere(zip=place.zip)
    return state


def states(session: Session) -> list[StateRow]:
    """Every postal state by English name: states, DC and territories first, then the military ones."""
    rows = session.scalars(select(State).order_by(State.kind == "military", State.name))
    return [StateRow(r.code, r.name, r.name_es, r.kind, r.outline, r.label_x, r.label_y) for r in rows]


def names(session: Session) -> list[tuple[str, str]]:
    """Name and code of every state, by name in the reader's language; accents do not count."""
    named = [(pick(row.name, row.name_es), row.code) for row in states(session)]
    return sorted(named, key=lambda pair: (_bare(pair[0]), pair[1]))


def _bare(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign)).casefold()


def state_name(session: Session, code: str) -> str:
    """The name of a state in the reader's language, or its code if it is not known here."""
    row = session.get(State, code)
    return pick(row.name, row.name_es) if row else code


def counties(session: Session, place: Place, state: str | None = None) -> list[tuple[str, str]]:
    """The counties a place may lie in, of one state if named, as (FIPS code, `Apache, AZ`), by state and name."""
    names = county_names(
        session, states={code for code in map(state_of, place.counties) if code and state in (None, code)}
    )
    return [(fips, name) for fips, name in names.items() if fips in place.counties]


def county_names(session: Session, *, states: Collection[str] | None = None) -> dict[str, str]:
    """What people call the counties (of some states), by FIPS code, in the order of states and names: one query.

    `Apache, AZ`; `Fairfax County, VA` and `Fairfax (city), VA`. Where two still share a name, because the places were
    loaded by an older version, their number follows: `Fairfax, VA (51600)`.
    """
    query = select(County.fips, County.name, County.state).order_by(County.state, County.name, County.fips)
    rows = session.execute(query if states is None else query.where(County.state.in_(states))).all()
    times = Counter((name, state) for _, name, state in rows)
    return {fips: f"{name}, {state}" + (f" ({fips})" if times[name, state] > 1 else "") for fips, name, state in rows}


def cities_around(session: Session, place: Place) -> list[str]:
    """Every name of a city at the ZIP codes around a place: those with the same first three digits."""
    first, last = f"{place.zip[:3]}00", f"{place.zip[:3]}99"
    rows = session.execute(select(Zip.city, Zip.names).where(Zip.zip.between(first, last)))
    return list(dict.fromkeys(name for city, names in rows for name in (city, *names)))


def kilometres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance between two points in degrees (haversine formula on a sphere)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_lat, half_lon = (phi2 - phi1) / 2, math.radians(lon2 - lon1) / 2
    h = math.sin(half_lat) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lon) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


def nearest(place: Place, points: Sequence[tuple[str, float, float]]) -> list[str]:
    """The names in `points` (name, latitude, longitude), nearest to the place first.

    A place without a point (most military ZIPs) leaves the order as it was given.
    """
    lat, lon = place.latitude, place.longitude
    if lat is None or lon is None:
        return [name for name, _, _ in points]
    return [name for name, _, _ in sorted(points, key=lambda point: kilometres(lat, lon, point[1], point[2]))]


def show(session: Session, zips: Sequence[str]) -> list[dict[str, object]]:
    """Rows for the command line: zip, kind, states, counties (FIPS codes). Raises as `find` does."""
    found = [find(session, zip_text) for zip_text in zips]
    return [{"zip": p.zip, "kind": str(p.kind), "states": list(p.states), "counties": list(p.counties)} for p in found]


@dataclass(frozen=True, slots=True)
class CountyRow:
    """A county as the map of its state needs it. `outline` is an SVG path, empty where none is drawn."""

    fips: str
    name: str
    outline: str = ""


def counties_of(session: Session, state: str) -> list[CountyRow]:
    """The counties of a postal state by name; none for FM, MH, PW and the military ones."""
    rows = session.execute(
        select(County.fips, County.name, County.outline).where(County.state == state).order_by(County.name, County.fips)
    )
    return [CountyRow(*row) for row in rows]


def all_places(session: Session) -> list[Place]:
    """Every ZIP code in use, in ZIP order, by one query; half a second for all of them."""
    columns = (Zip.zip, Zip.kind, Zip.city, Zip.latitude, Zip.longitude, Zip.zone, Zip.states, Zip.counties)
    return [_place(row) for row in session.execute(select(*columns).order_by(Zip.zip))]


def version(session: Session) -> str:
    """A name for the ZIP codes as they stand: how many, and SHA-256 of what decides (kind, zone, states, counties)."""
    digest, count = hashlib.sha256(), 0
    columns = (Zip.zip, Zip.kind, Zip.zone, cast(Zip.states, Text), cast(Zip.counties, Text))
    for row in session.execute(select(*columns).order_by(Zip.zip)):
        digest.update("|".join(row).encode())
        count += 1
    return f"{count}-{digest.hexdigest()}"

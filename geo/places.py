"""ZIP code -> place: the states and counties it may lie in. Lookups on the tables that `geo.load` fills."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.errors import Refusal
from geo.models import County, State, Zip, ZipKind

EARTH_RADIUS_KM = 6_371.0088  # mean radius, IUGG

_ZIP = re.compile(r"\s*(\d{5})(?:[-\s]?\d{4})?\s*", re.ASCII)


class ZipMalformed(Refusal):
    """What was typed is not a ZIP code."""

    status = 422
    sentence = _l("A ZIP code has 5 digits, like 43215. Please check what you typed.")


class ZipUnknown(Refusal):
    """Five digits, but no ZIP code in use."""

    status = 422
    sentence = _l("We could not find the ZIP code %(zip)s. Please check the number.")


class StateElsewhere(Refusal):
    """The ZIP code does not lie in the state that was named."""

    status = 422
    sentence = _l("The ZIP code %(zip)s is not in the state you chose. Please check both.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ZIP code may lie. The postal state stands first; points are degrees, None where nobody gives one."""

    zip: str
    kind: ZipKind
    city: str
    states: tuple[str, ...]
    counties: tuple[str, ...]
    latitude: float | None = None
    longitude: float | None = None


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
    return Place(
        zip=row.zip,
        kind=ZipKind(row.kind),
        city=row.city,
        states=tuple(row.states),
        counties=tuple(row.counties),
        latitude=row.latitude,
        longitude=row.longitude,
    )


def in_state(place: Place, state: str) -> str:
    """`state`, if the place may lie in it. Raises StateElsewhere if not."""
    if state not in place.states:
        raise StateElsewhere(zip=place.zip)
    return state


def states(session: Session) -> list[StateRow]:
    """Every postal state by English name: states, DC and territories first, then the military ones."""
    rows = session.scalars(select(State).order_by(State.kind == "military", State.name))
    return [StateRow(r.code, r.name, r.name_es, r.kind, r.outline, r.label_x, r.label_y) for r in rows]


def state_name(session: Session, code: str, *, spanish: bool = False) -> str:
    """The name of a state, or its code if it is not known here."""
    row = session.get(State, code)
    if row is None:
        return code
    return row.name_es if spanish else row.name


def county_names(session: Session, place: Place) -> list[str]:
    """The counties a place may lie in, as `Apache, AZ`, by state and name."""
    rows = session.scalars(select(County).where(County.fips.in_(place.counties)).order_by(County.state, County.name))
    return [f"{county.name}, {county.state}" for county in rows]


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

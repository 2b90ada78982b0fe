"""Builds the tables of states, counties and ZIP codes from installed packages. Run at set-up, never by a request.

Sources: `zipcodes` (ZIP, kind, city, state, county *name*, point) and the Census county polygons of 2016 in
`plotly-geo`. Neither knows that a ZIP may cross a line, so each ZIP gets the *set* of places it may lie in:

- its postal state, and the county named there, by name (a few ZIPs name a county over the line: then that state too);
- the county its point lies in, and each county nearer than a share of the ZIP's own radius;
- the crossings the Census Bureau found when it drew ZIP areas (`data/crossings.csv`), which a point cannot show.

No package holds ZIP areas; `geo.radii` says how a ZIP's radius stands for one. What `geo.crosswalk` imported takes the
place of these guesses, and is applied anew after each load.

Calibration, against the 79 state crossings in that file: a reach of 0.2 radii finds 10 of them and
marks 276 ZIPs, 0.3 finds 16 and marks 459, 0.4 finds 31 and marks 744, 0.6 finds 42 and marks 1,092. ZIPs mostly stop
at a state line, so distance is a weak sign: the reach is 0.4, where it gains most for each ZIP marked, and the
crossings file holds what distance cannot show. 791 of 41,749 ZIPs (1.9 %) then lie in several states. For counties a
reach of 0.6 gives several to 27 % of the standard ZIPs; HUD's count is 28 %.

Vintage: Connecticut has its eight counties (planning regions 091xx came in 2022), Alaska the Valdez-Cordova area 02261
(now 02063 and 02066). FM, MH, PW and military ZIPs have no polygon: their state alone.
"""

import csv
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import geopandas as gpd
import numpy as np
import shapely
import zipcodes
from sqlalchemy import delete, insert
from sqlalchemy.orm import Session

from geo import crosswalk
from geo.census import EQUAL_AREA, NAD83, read_counties
from geo.models import County, DecisionTable, State, Zip, ZipKind
from geo.outlines import county_paths, outlines
from geo.radii import radii_of

DATA = Path(__file__).parent / "data"
STATE_REACH = 0.4  # radii within which a ZIP may reach into another state
COUNTY_REACH = 0.6  # the same for a county of a state it may lie in

_KINDS = {
    "STANDARD": ZipKind.STANDARD,
    "PO BOX": ZipKind.PO_BOX,
    "UNIQUE": ZipKind.UNIQUE,
    "MILITARY": ZipKind.MILITARY,
}
_COUNTY_WORDS = re.compile(
    r" (county|parish|borough|census area|municipality|city and borough|municipio|island|district)$"
    r"|^(city and borough|municipality) of "
)
_CITY_LSAD = "25"  # Census: an independent city, which may share its name with a county


@dataclass(frozen=True)
class Counts:
    """What one load wrote; the several are our guess, before any imported list sharpened it."""

    states: int
    counties: int
    zips: int
    several_states: int
    several_counties: int
    from_list: int  # ZIPs whose counties an imported list gives

    def __str__(self) -> str:
        listed = f" {self.from_list:,} have their counties from an imported list." if self.from_list else ""
        return (
            f"{self.states} states, {self.counties:,} counties, {self.zips:,} ZIP codes; "
            f"{self.several_states} may lie in several states, {self.several_counties:,} in several counties.{listed}"
        )


@dataclass
class _Entry:
    """One ZIP on its way into the table."""

    zip: str
    kind: ZipKind
    city: str
    latitude: float | None
    longitude: float | None
    zone: str
    states: list[str]
    names: list[str]
    radius: float | None = None
    counties: list[str] = field(default_factory=list)
    named_elsewhere: set[str] = field(default_factory=set)  # counties of other states with the name given

    def row(self) -> dict[str, object]:
        return {column.name: getattr(self, column.name) for column in Zip.__table__.columns}

    def add(self, state: str, county: str | None) -> None:
        if state not in self.states:
            self.states.append(state)
        if county and county not in self.counties:
            self.counties.append(county)


def load_places(session: Session) -> Counts:
    """Write the three tables anew from the installed packages. Run twice, it leaves the same rows. 5 to 10 s."""
    states = _read_csv("states.csv")
    counties = read_counties({row["fips"]: row["code"] for row in states if row["fips"]})
    entries = _entries(counties)
    drawn = outlines()
    for row in states:
        outline = drawn.get(row["code"])
        session.merge(
            State(
                **{**row, "fips": row["fips"] or None},
                outline=outline.path if outline else "",
                label_x=outline.x if outline else None,
                label_y=outline.y if outline else None,
            )
        )
    session.flush()
    session.execute(delete(DecisionTable))  # made of the old ones; the scheduler makes it anew
    session.execute(delete(Zip))
    session.execute(delete(County))
    paths = county_paths(counties)
    session.execute(
        insert(County),
        [
            {"fips": c.GEOID, "name": name, "state": c.state, "outline": paths.get(c.GEOID, "")}
            for c, name in zip(counties.itertuples(), told_apart(counties), strict=True)
        ],
    )
    session.execute(insert(Zip), [entry.row() for entry in entries])
    return Counts(
        states=len(states),
        counties=len(counties),
        zips=len(entries),
        several_states=sum(len(entry.states) > 1 for entry in entries),
        several_counties=sum(len(entry.counties) > 1 for entry in entries),
        from_list=crosswalk.apply(session),
    )


def _read_csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def _entries(counties: gpd.GeoDataFrame) -> list[_Entry]:
    """Every active ZIP with its candidates, in ZIP order."""
    by_name = _county_names(counties)
    entries = []
    for record in zipcodes.list_all():  # type: ignore[no-untyped-call]
        if record["active"]:
            entry = _entry(record)
            _add_named_county(entry, record["county"], by_name)
            entries.append(entry)
    entries.sort(key=lambda entry: entry.zip)
    _mend_zones(entries)
    _add_by_distance([entry for entry in entries if entry.latitude is not None], counties)
    for entry in entries:
        entry.counties.sort()
        entry.states[1:] = sorted(entry.states[1:])
    return entries


def _entry(record: dict[str, str]) -> _Entry:
    code = record["zip_code"]
    military = _military_state(code)
    state = military or record["state"]
    latitude, longitude = float(record["lat"] or 0), float(record["long"] or 0)
    # 0, 0 stands for unknown, and the point of Majuro (MH) has the wrong sign
    known = (latitude, longitude) != (0, 0) and not military and state not in ("FM", "MH", "PW")
    return _Entry(
        zip=code,
        kind=ZipKind.MILITARY if military else _KINDS[record["zip_code_type"]],
        city=city_of(record),
        latitude=latitude if known else None,
        longitude=longitude if known else None,
        zone="" if military else record["timezone"],
        states=[state],
        names=names_of(record),
    )


def city_of(record: Mapping[str, Any]) -> str:
    """The city of a record of `zipcodes`, with APO, FPO and DPO as the post writes them."""
    city: str = record["city"]
    return city.upper() if city in ("Apo", "Fpo", "Dpo") else city


def names_of(record: Mapping[str, Any]) -> list[str]:
    """The other names of its city, in a record of `zipcodes`: those the post takes, and those it only knows."""
    return sorted({*record["acceptable_cities"], *record["unacceptable_cities"]})


def _military_state(code: str) -> str | None:
    """By prefix: 340 Americas, 090-099 Europe, 962-966 Pacific. Six diplomatic ZIPs are listed under New Jersey."""
    if code.startswith("340"):
        return "AA"
    if "090" <= code[:3] <= "099":
        return "AE"
    return "AP" if "962" <= code[:3] <= "966" else None


def told_apart(counties: gpd.GeoDataFrame) -> list[str]:
    """What people call each county; where a city of its own shares the name, `Fairfax County` and `Fairfax (city)`."""
    times = Counter(zip(counties.state, counties.NAME, strict=True))
    return [
        row.NAME if times[row.state, row.NAME] == 1 else row.NAME + (" (city)" if row.LSAD == _CITY_LSAD else " County")
        for row in counties.itertuples()
    ]


def _county_names(counties: gpd.GeoDataFrame) -> dict[str, list[tuple[str, str]]]:
    """Plain county name -> (state, FIPS) in every state that has one."""
    names: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in counties.itertuples():
        names[_plain(row.NAME) + ("city" if row.LSAD == _CITY_LSAD else "")].append((row.state, row.GEOID))
        if row.LSAD == _CITY_LSAD and row.NAME.endswith("City"):  # Carson City's kind: the word is in the name
            names[_plain(row.NAME)].append((row.state, row.GEOID))
    return names


@lru_cache(maxsize=8_192)  # there are 2,000 names for 42,000 ZIPs
def _plain(name: str) -> str:
    """`St. Mary's Parish` -> `stmarys`: no accents, no marks, no word for the kind of county."""
    letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z]", "", _COUNTY_WORDS.sub("", letters))


def _add_named_county(entry: _Entry, name: str, by_name: dict[str, list[tuple[str, str]]]) -> None:
    """The county of that name in the ZIP's own state; if there is none, the point says which one elsewhere."""
    named = by_name.get(_plain(name), [])
    own = [fips for state, fips in named if state == entry.states[0]]
    entry.counties += own[:1]
    entry.named_elsewhere = set() if own else {fips for _, fips in named}


def _mend_zones(entries: list[_Entry]) -> None:
    """Where a ZIP has no zone (military ones) or none there is ("Napakiak"), its state's commonest; else UTC."""
    known = available_timezones()
    common: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        common[entry.states[0]][entry.zone] += entry.zone in known
    for entry in entries:
        if entry.zone not in known:
            zone, times = common[entry.states[0]].most_common(1)[0]
            entry.zone = zone if times else "UTC"


def _add_by_distance(entries: list[_Entry], counties: gpd.GeoDataFrame) -> None:
    """Add what the points show, and the crossings of the Census Bureau."""
    points = gpd.points_from_xy([e.longitude for e in entries], [e.latitude for e in entries], crs=NAD83)
    xy = shapely.get_coordinates(np.asarray(points.to_crs(EQUAL_AREA)))
    standard = np.array([entry.kind == ZipKind.STANDARD for entry in entries])
    spots, radii = shapely.points(xy), radii_of(xy, standard, [entry.states[0] for entry in entries])
    for entry, radius in zip(entries, radii.tolist(), strict=True):
        entry.radius = round(radius)
    shapes, states, fips = np.asarray(counties.geometry), counties.state.to_list(), counties.GEOID.to_list()
    who, which = shapely.STRtree(shapes).query(spots, predicate="dwithin", distance=radii)
    near: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for index, county, share in zip(who, which, shapely.distance(spots[who], shapes[which]) / radii[who], strict=True):
        near[index].append((share, county))
    crossings = _crossings()
    for index, entry in enumerate(entries):
        found = sorted(near[index])
        if not any(states[county] == entry.states[0] for _, county in found):
            continue  # the point lies outside its own state and far from it: not to be trusted
        named = {states[county] for _, county in found if fips[county] in entry.named_elsewhere}
        crossed = crossings.get(entry.zip, set()) | named
        may = {states[county] for share, county in found if share <= STATE_REACH} | crossed | {entry.states[0]}
        for share, county in found:
            if states[county] in may and (share <= COUNTY_REACH or states[county] in crossed):
                entry.add(states[county], fips[county])
        for state in sorted(crossed - set(entry.states)):
            entry.add(state, _nearest_county(spots[index], state, counties))


def _crossings() -> dict[str, set[str]]:
    """ZIP -> every state its Census area touches."""
    return {row["zip"]: set(row["states"].split()) for row in _read_csv("crossings.csv")}


def _nearest_county(spot: shapely.Point, state: str, counties: gpd.GeoDataFrame) -> str:
    own = counties[counties.state == state]
    return str(own.GEOID.iloc[int(np.argmin(shapely.distance(spot, np.asarray(own.geometry))))])

"""Loads every place twice: about 20 s, so one test asks all that needs it."""

import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import available_timezones

import geopandas as gpd
from shapely.geometry import mapping
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo import areas, places
from geo.census import NAD83, read_states
from geo.crosswalk import import_crosswalk
from geo.load import Counts, load_places, told_apart
from geo.maps import state_map
from geo.models import County, State, Zip, ZipKind

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
KNOWN = {
    "42223": {"KY", "TN"},  # Fort Campbell
    "86514": {"AZ", "NM", "UT"},  # Four Corners
    "97910": {"OR", "ID"},
    "38079": {"TN", "KY"},
    "71749": {"AR", "LA"},
    "59221": {"MT", "ND"},
    "83342": {"ID", "UT"},
    "81137": {"CO", "NM"},
    "89439": {"NV", "CA"},
    "89061": {"NV", "CA"},
    "97635": {"OR", "CA"},
    "58439": {"ND", "SD"},  # its county by name is over the line
    "10001": {"NY"},
    "46202": {"IN"},
    "43215": {"OH"},
    "20001": {"DC"},
    "00901": {"PR"},
    "00801": {"VI"},
    "96910": {"GU"},
    "96799": {"AS"},
    "96950": {"MP"},
    "96941": {"FM"},
    "96960": {"MH"},
    "96940": {"PW"},
    "34002": {"AA"},
    "09003": {"AE"},
    "09905": {"AE"},  # listed under New Jersey
    "96201": {"AP"},
}
COUNTIES = {
    "43215": ("39049",),
    "46202": ("18097",),
    "21201": ("24510",),  # Baltimore city, not Baltimore County
    "63101": ("29510",),  # St. Louis city
    "23220": ("51760",),  # Richmond city
    "06103": ("09003",),  # Connecticut by its old counties
    "99574": ("02261",),  # Alaska's Valdez-Cordova, since divided
    "09003": (),
    "96960": (),
}
ZONES = {
    "96813": "Pacific/Honolulu",
    "86514": "America/Denver",  # Arizona, but Navajo Nation time
    "86001": "America/Phoenix",
    "47710": "America/Chicago",  # Evansville, Indiana
    "99546": "America/Adak",
    "99634": "America/Anchorage",  # listed with the town's name for a zone
    "09905": "UTC",
    "96941": "Pacific/Chuuk",
}
LIST = """ZIP,COUNTY,RES_RATIO,BUS_RATIO,OTH_RATIO,TOT_RATIO
43215,39049,0.9,0.9,0.9,0.9
43215,39041,0.1,0.1,0.1,0.1
42223,47125,1,1,1,1
"""


def test_a_city_that_shares_its_name_with_a_county_says_so() -> None:
    rows = [("VA", "Fairfax", "06"), ("VA", "Fairfax", "25"), ("OH", "Fairfax", "06"), ("NV", "Carson City", "25")]
    counties = gpd.GeoDataFrame(rows, columns=["state", "NAME", "LSAD"])
    assert told_apart(counties) == ["Fairfax County", "Fairfax (city)", "Fairfax", "Carson City"]


def test_every_place_is_loaded_and_loading_again_changes_nothing(session: Session) -> None:
    counts = load_places(session)
    session.commit()
    _check_counts(session, counts)
    for zip_code, states in KNOWN.items():
        assert set(places.find(session, zip_code).states) == states, zip_code
    for zip_code, counties in COUNTIES.items():
        assert places.find(session, zip_code).counties == counties, zip_code
    for zip_code, zone in ZONES.items():
        assert places.find(session, zip_code).zone == zone, zip_code
    assert places.find(session, "09012").city == "APO" and "Hollywood" in places.find(session, "90028").names
    _check_every_row(session)
    _check_county_outlines(session)
    _check_ohio_by_its_outline(session)
    import_crosswalk(session, LIST, source="made up", on=AT.date(), by="maria", at=AT)
    session.commit()
    before = _rows(session)
    assert load_places(session) == replace(counts, from_list=2)
    session.commit()
    assert _rows(session) == before
    assert places.find(session, "43215").counties == ("39041", "39049")
    assert places.find(session, "42223").candidates == (("KY", None), ("TN", "47125"))


def _check_counts(session: Session, counts: Counts) -> None:
    assert (counts.states, counts.counties) == (62, 3_233)
    assert 41_000 < counts.zips < 43_000
    assert 300 < counts.several_states < 900
    assert counts.several_counties < counts.zips * 0.35
    assert session.scalar(select(func.count()).select_from(Zip)) == counts.zips


def _check_every_row(session: Session) -> None:
    states = {state.code: state for state in places.states(session)}
    assert Counter(state.kind for state in states.values()) == {
        "state": 50,
        "district": 1,
        "territory": 5,
        "freely_associated": 3,
        "military": 3,
    }
    assert states["NM"].name_es == "Nuevo México"
    assert "Doña Ana" in set(session.scalars(select(County.name)))
    assert not [name for name in places.county_names(session).values() if name.endswith(")")]  # each is the only one
    drawn = [state for state in states.values() if state.outline]
    assert len(drawn) == 52
    assert sum(len(state.outline) for state in drawn) < 30_000
    zones = available_timezones()
    state_of = dict(tuple(row) for row in session.execute(select(County.fips, County.state)))
    for row in session.scalars(select(Zip)):
        assert row.states and set(row.states) <= set(states), row.zip
        assert {state_of[fips] for fips in row.counties} <= set(row.states), row.zip
        assert (row.kind == ZipKind.MILITARY) == (row.states[0] in ("AA", "AE", "AP")), row.zip
        assert (row.latitude is None) == (row.longitude is None) == (row.radius is None)
        assert row.radius is None or 500 <= row.radius <= 40_000
        assert row.zone in zones, row.zip


def _check_county_outlines(session: Session) -> None:
    """Each is drawn but those of the small islands, in one MB, and each state's lie where its own outline does."""
    counties = session.scalars(select(County)).all()
    missing = Counter(county.state for county in counties if not county.outline)
    assert missing == {"AS": 5, "GU": 1, "MP": 4, "VI": 3}
    assert sum(len(county.outline) for county in counties) < 1_000_000
    for state in places.states(session):
        rows = places.counties_of(session, state.code)
        drawn = state_map(state, rows, {}, label="Counties")
        assert bool(drawn) == bool(state.outline)
        if drawn:
            left, top, width, height = map(float, re.findall(r'viewBox="(.*?)"', drawn)[0].split())
            assert state.label_x is not None and left < state.label_x < left + width
            assert state.label_y is not None and top < state.label_y < top + height


def _check_ohio_by_its_outline(session: Session) -> None:
    """A whole state as an area: its ZIPs are in it, and others are at most partly."""
    drawn = read_states(NAD83)
    shape = mapping(drawn.geometry[drawn.STUSPS == "OH"].iloc[0].simplify(0.01))
    area = {"code": "ohio", "zips": ["45202"], "counties": ["39049"], "shape": shape}
    [ohio] = areas.locate(session, [area])
    rows = session.execute(select(Zip.zip, Zip.states, Zip.latitude)).all()
    only = {code for code, states, latitude in rows if states == ["OH"] and latitude is not None}
    inside, partly = set(ohio["inside"]), set(ohio["partly"])
    assert len(only & (inside | partly)) >= 0.99 * len(only) > 1_000
    assert len(only & inside) > 0.75 * len(only)
    assert inside <= {code for code, states, _ in rows if "OH" in states}
    assert not inside & partly
    pointless = {code for code, states, latitude in rows if latitude is None and "OH" in states}
    assert pointless and pointless <= partly
    assert ohio["outline"].startswith("M") and ohio["repaired"] == ""


def _rows(session: Session) -> list[tuple[object, ...]]:
    tables = (State, County, Zip)
    return [
        tuple(row)
        for table in tables
        for row in session.execute(select(*table.__table__.columns).order_by(*table.__table__.primary_key))
    ]

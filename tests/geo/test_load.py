"""Loads every place once: about 10 s, so one test asks all."""

from collections import Counter

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo import places
from geo.load import Counts, load_places
from geo.models import County, State, Zip, ZipKind

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


def test_every_place_is_loaded_and_loading_again_changes_nothing(session: Session) -> None:
    counts = load_places(session)
    session.commit()
    _check_counts(session, counts)
    for zip_code, states in KNOWN.items():
        assert set(places.find(session, zip_code).states) == states, zip_code
    for zip_code, counties in COUNTIES.items():
        assert places.find(session, zip_code).counties == counties, zip_code
    _check_every_row(session)
    before = _rows(session)
    assert load_places(session) == counts
    session.commit()
    assert _rows(session) == before


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
    drawn = [state for state in states.values() if state.outline]
    assert len(drawn) == 52
    assert sum(len(state.outline) for state in drawn) < 30_000
    state_of = dict(tuple(row) for row in session.execute(select(County.fips, County.state)))
    for row in session.scalars(select(Zip)):
        assert row.states and set(row.states) <= set(states), row.zip
        assert {state_of[fips] for fips in row.counties} <= set(row.states), row.zip
        assert (row.kind == ZipKind.MILITARY) == (row.states[0] in ("AA", "AE", "AP")), row.zip
        assert (row.latitude is None) == (row.longitude is None)


def _rows(session: Session) -> list[tuple[object, ...]]:
    tables = (State, County, Zip)
    return [
        tuple(row)
        for table in tables
        for row in session.execute(select(*table.__table__.columns).order_by(*table.__table__.primary_key))
    ]

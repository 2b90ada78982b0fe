import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from distro.languages import speaking
from geo import places
from geo.models import County, State, StateKind, Zip, ZipKind
from geo.places import Place, StateElsewhere, ZipMalformed, ZipUnknown
from tests.geo.samples import COLUMBUS, FOUR_CORNERS, add_places

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 180)


@pytest.mark.parametrize("typed", ["43215", " 43215-1234 ", "43215 1234", "432151234", "\t43215\n"])
def test_a_zip_is_found_however_it_is_typed(session: Session, typed: str) -> None:
    add_places(session)
    assert places.find(session, typed) == COLUMBUS


@pytest.mark.parametrize("typed", ["", "4321", "432156", "Columbus", "43215-12", "٤٣٢١٥", "📬📬📬📬📬", "4" * 10_000])
def test_what_is_no_zip_is_said_kindly(session: Session, typed: str) -> None:
    with pytest.raises(ZipMalformed, match="5 digits, like 43215"):
        places.find(session, typed)


def test_a_zip_not_in_use_is_named(session: Session) -> None:
    add_places(session)
    with pytest.raises(ZipUnknown, match="could not find the ZIP code 00000"):
        places.find(session, "00000")


def test_the_towns_around_are_those_of_the_same_three_digits(session: Session) -> None:
    add_places(session)
    near = {"zip": "43299", "kind": ZipKind.STANDARD, "city": "Bexley", "states": ["OH"], "counties": []}
    session.add_all([Zip(**near, names=["East Columbus"]), Zip(**{**near, "zip": "43300", "city": "Elsewhere"})])
    session.flush()
    assert set(places.cities_around(session, COLUMBUS)) == {COLUMBUS.city, "Bexley", "East Columbus"}


def test_a_state_must_be_one_the_zip_may_lie_in() -> None:
    assert places.in_state(FOUR_CORNERS, "UT") == "UT"
    with pytest.raises(StateElsewhere):
        places.in_state(FOUR_CORNERS, "OH")


def test_states_come_by_name_and_in_two_languages(session: Session) -> None:
    add_places(session)
    assert [state.code for state in places.states(session)] == ["AZ", "NM", "OH", "UT"]
    assert places.state_name(session, "OH") == "Ohio"
    assert places.state_name(session, "ZZ") == "ZZ"


def test_counties_have_names(session: Session) -> None:
    add_places(session)
    assert places.counties(session, COLUMBUS) == [("39049", "Franklin, OH")]
    assert places.counties(session, FOUR_CORNERS, "NM") == []
    assert places.county_names(session) == {"39049": "Franklin, OH"}


def test_no_two_counties_are_called_the_same(session: Session) -> None:
    named = {"51059": ("Fairfax County", "VA"), "51600": ("Fairfax (city)", "VA"), "18019": ("Clark", "IN")}
    named |= {"24005": ("Baltimore", "MD"), "24510": ("Baltimore", "MD")}  # loaded by an older version
    for code in ("IN", "MD", "VA"):
        session.add(State(code=code, name=code, name_es=code, kind="state", outline=""))
    session.flush()
    session.add_all(County(fips=fips, name=name, state=state) for fips, (name, state) in named.items())
    session.flush()
    fairfax = Place("22030", ZipKind.STANDARD, "Fairfax", ("VA",), ("51059", "51600"))
    assert places.counties(session, fairfax) == [("51600", "Fairfax (city), VA"), ("51059", "Fairfax County, VA")]
    names = places.county_names(session, states=["IN", "MD"])
    assert list(names.values()) == ["Clark, IN", "Baltimore, MD (24005)", "Baltimore, MD (24510)"]


def test_show_gives_plain_rows(session: Session) -> None:
    add_places(session)
    assert places.show(session, ["86514", "09003"]) == [
        {"zip": "86514", "kind": "standard", "states": ["AZ", "NM", "UT"], "counties": ["04001"]},
        {"zip": "09003", "kind": "military", "states": ["AE"], "counties": []},
    ]


def test_new_york_to_los_angeles() -> None:
    assert places.kilometres(40.7128, -74.0060, 34.0522, -118.2437) == pytest.approx(3_936, abs=5)


@given(latitudes, longitudes, latitudes, longitudes)
def test_distance_is_symmetric_and_at_most_half_way_round(a: float, b: float, c: float, d: float) -> None:
    there, back = places.kilometres(a, b, c, d), places.kilometres(c, d, a, b)
    assert there == pytest.approx(back, abs=1e-3)
    assert 0 <= there <= 20_016


def test_the_nearest_site_comes_first_and_order_stays_without_a_point(session: Session) -> None:
    add_places(session)
    sites = [("West", 34.0, -118.0), ("East", 40.0, -83.0)]
    assert places.nearest(COLUMBUS, sites) == ["East", "West"]
    assert places.nearest(places.find(session, "09003"), sites) == ["West", "East"]


def test_states_stand_by_their_letters_in_the_readers_language(app: Flask, session: Session) -> None:
    rows = (("MI", "Michigan", "Míchigan"), ("MO", "Missouri", "Misuri"), ("MT", "Montana", "Montana"))
    session.add_all(State(code=a, name=b, name_es=c, kind=StateKind.STATE) for a, b, c in rows)
    session.flush()
    assert [code for _name, code in places.names(session)] == ["MI", "MO", "MT"]
    with app.app_context(), speaking("es"):
        named = places.names(session)
        assert [code for _name, code in named] == ["MI", "MO", "MT"] and named[0][0] == "Míchigan"
        assert [code for _name, code in sorted(named)] != ["MI", "MO", "MT"], "the control: by bytes"


def test_all_places_are_what_is_found_one_by_one_and_have_a_version(session: Session) -> None:
    add_places(session)
    everywhere = places.all_places(session)
    assert everywhere == [places.find(session, code) for code in ("09003", "43215", "86514")]
    before = places.version(session)
    session.get_one(Zip, "43215").counties = ["39041"]
    session.flush()
    assert before != places.version(session)
    assert before.startswith("3-")

"""What looks odd in an address, and what must not: a false alarm costs everybody a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.models import ZipKind
from geo.places import Place
from orders import citynames
from orders.addresscheck import FIELDS, KINDS, SENTENCES, street_line, warnings
from orders.schemas import tidy

COLUMBUS = Place("43215", ZipKind.STANDARD, "Columbus", ("OH",), (), names=("Fort Hayes",))
CAMPBELL = Place("42223", ZipKind.STANDARD, "Fort Campbell", ("KY", "TN"), ())
SAN_JUAN = Place("00926", ZipKind.STANDARD, "San Juan", ("PR",), (), names=("Rio Piedras", "Cupey"))
BOXES = Place("43216", ZipKind.PO_BOX, "Columbus", ("OH",), ())
ARMY = Place("09012", ZipKind.MILITARY, "APO", ("AE",), ())
NEAR = ("Bexley", "Grandview Heights")


def doubts(place: Place = COLUMBUS, **changes: str) -> list[str]:
    typed = {"name": "Robin Example", "line1": "1 Sample St", "city": place.city, "state": place.states[0]}
    return [doubt.key for doubt in warnings({**typed, "zip": place.zip, **changes}, place, lambda: NEAR)]


@pytest.mark.parametrize(
    "line1",
    [
        "12 Oak St",
        "12 oak st apt 4b",
        "12-34 31st Ave",
        "W204N11912 Goldendale Rd",
        "N6W23001 Bluemound Rd",
        "12 1/2 Oak St",
        "One Main St",
        "RR 2 Box 15",
        "HC 1 Box 4",
        "PO Box 77",
        "p.o. box 77",
        "Apartado 12",
        "GENERAL DELIVERY",
        "gen del",
        "12 Tower Rd",
        "1 Box Elder Ct",
        "450 Oakwood Towers Apt 3",
        "12 Highway 20",
        "100 Broadway # 4",
        "12 Oak St 4B",
        "Lot 5 Shady Acres",
        "123 Rue Ste Marie",
        "12 Unit Dr",
        "1200 Avenue of the Stars",
        "Bldg 12 Post Rd",
        "3 ½ Elm",
    ],
)
def test_an_address_as_people_write_it_is_not_doubted(line1: str) -> None:
    assert doubts(line1=line1) == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"line1": "Oak St"}, "no-number"),
        ({"line1": "Oak St", "line2": "Apt 4"}, "no-number"),
        ({"line1": "Highway 20"}, "no-number"),
        ({"line1": "5th Avenue"}, "no-number"),
        ({"line1": "12 Oak St Apt"}, "unit-missing"),
        ({"line1": "12 Oak St #"}, "unit-missing"),
        ({"line2": "unit"}, "unit-missing"),
        ({"line2": "Apt #"}, "unit-missing"),
        ({"line1": "12 Oakwood Apartments"}, "many-homes"),
        ({"line2": "Oakwood Towers"}, "many-homes"),
        ({"line1": "12 Oak St Trailer Park"}, "many-homes"),
        ({"line1": "12 Oak St Apt 4", "line2": "Apt 4"}, "unit-twice"),
        ({"line1": "12 Oak St #4", "line2": "5"}, "unit-twice"),
        ({"line1": "Apt 4", "line2": "12 Oak St"}, "unit-first"),
        ({"line1": "12 Oak St, Columbus OH 43215"}, "whole-address"),
        ({"line1": "PO Box"}, "box-missing"),
        ({"line1": "PO Box number"}, "box-missing"),
        ({"kind": "box", "line1": "", "box": "PO Box"}, "box-missing"),
        ({"kind": "box", "line1": "", "box": "12 Oak St"}, "box-is-street"),
        ({"kind": "box", "line1": "12 Oak St"}, "box-is-street"),
        ({"kind": "box", "box": "12"}, "street-unused"),
        ({"kind": "home", "box": "12"}, "box-unused"),
        ({"kind": "general"}, "street-unused"),
        ({"kind": "general", "line1": "", "line2": "Apt 4"}, "unit-here"),
        ({"line1": "General Delivery", "line2": "Apt 4"}, "unit-here"),
        ({"city": "Colunbus"}, "city-unknown"),
        ({"city": "12 Oak St"}, "city-number"),
        ({"city": "43215"}, "city-number"),
        ({"state": "NY"}, "zip-state"),
        ({"city": "APO"}, "military-state"),
        ({"kind": "military"}, "military-state"),
        ({"state": "AE"}, "military-city"),
        ({"kind": "other"}, "care-of-missing"),
        ({"kind": "home", "care_of": "Jordan Sample"}, "care-of-unused"),
        ({"name": "R."}, "name-short"),
        ({"name": "614-555-0123"}, "name-reach"),
        ({"name": "robin@example.org"}, "name-reach"),
        ({"name": "12 Oak St"}, "name-street"),
    ],
)
def test_a_likely_mistake_is_doubted(changes: dict[str, str], key: str) -> None:
    assert key in doubts(**changes)


@pytest.mark.parametrize(
    "city", ["columbus", "COLUMBUS", "Columbus, OH", "Ft. Hayes", "bexley", "Grandview Hts", "City of Columbus"]
)
def test_a_town_near_and_another_way_to_write_it_are_not_doubted(city: str) -> None:
    assert doubts(city=city) == []


@pytest.mark.parametrize(
    ("typed", "name"),
    [("St. Paul", "Saint Paul"), ("Mt Vernon", "Mount Vernon"), ("SAN JOSÉ", "San Jose"), ("La Grange", "Lagrange")],
)
def test_names_of_towns_are_alike(typed: str, name: str) -> None:
    assert citynames.same(typed, [name]) and not citynames.same(f"{typed}x", [name])


def test_puerto_rico_is_asked_for_an_urbanization_only_where_a_street_seems_to_need_one() -> None:
    assert doubts(SAN_JUAN, line1="B12 Calle 3") == ["urbanization"]
    assert doubts(SAN_JUAN, line1="150 Calle A") == ["urbanization"]
    for changes in (
        {"line1": "150 Calle A", "urbanization": "Las Gladiolas"},
        {"line1": "Urb Las Gladiolas", "line2": "150 Calle A"},
        {"line1": "150 Calle Luna"},
        {"line1": "Carr 2 Km 4.5 Bo Cupey"},
        {"kind": "box", "line1": "", "box": "12"},
        {"line1": "Calle Luna #12", "city": "Río Piedras"},
        {"line1": "Cond Las Torres", "line2": "Apt 3B"},
    ):
        assert [key for key in doubts(SAN_JUAN, **changes) if key != "no-number"] == [], changes


def test_a_military_address_and_a_zip_in_two_states_are_taken_as_they_are() -> None:
    assert doubts(ARMY, line1="PSC 3 Box 1234", kind="military") == []
    assert doubts(ARMY, line1="Unit 2050 Box 4190", kind="military") == []
    assert doubts(ARMY, line1="PSC 3 Box 1234", state="NY") == ["military-state"]
    assert doubts(CAMPBELL, state="TN") == [] == doubts(CAMPBELL, state="KY", city="Ft Campbell")


def test_a_street_at_a_zip_of_boxes_is_doubted_and_a_box_is_not() -> None:
    assert doubts(BOXES) == ["zip-boxes"]
    assert doubts(BOXES, kind="box", line1="", box="12") == [] == doubts(BOXES, line1="PO Box 12")


@pytest.mark.parametrize(
    ("kind", "line1", "box", "made"),
    [
        ("general", "", "", "GENERAL DELIVERY"),
        ("box", "", "123", "PO BOX 123"),
        ("box", "", "# 12-A", "PO BOX 12-A"),
        ("box", "", "box 12", "PO BOX 12"),
        ("box", "", "P.O. Box 12", "P.O. Box 12"),
        ("box", "PO Box 5", "", "PO Box 5"),
        ("home", "", "123", "PO BOX 123"),
        ("home", "1 Oak St", "123", "1 Oak St"),
        ("", "1 Oak St", "", "1 Oak St"),
    ],
)
def test_the_line_of_the_street_is_made_from_what_was_typed(kind: str, line1: str, box: str, made: str) -> None:
    assert street_line(kind, line1, box) == made


@given(
    st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=60).map(tidy)),
    st.sampled_from(("", *KINDS)),
    st.sampled_from((COLUMBUS, CAMPBELL, SAN_JUAN, BOXES, ARMY)),
)
def test_whatever_was_typed_is_answered_with_sentences_that_exist(
    typed: dict[str, str], kind: str, place: Place
) -> None:
    found = warnings({**typed, "kind": kind}, place, lambda: NEAR)
    assert found == warnings({**typed, "kind": kind}, place, lambda: NEAR)
    assert len(found) == len(set(found)) and all(doubt.key in SENTENCES for doubt in found)
    assert {doubt.field for doubt in found} <= set(FIELDS) and all(set(doubt.about) <= set(FIELDS) for doubt in found)

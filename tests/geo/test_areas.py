"""Areas on a handful of ZIPs; the whole country's are in test_load."""

import io
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from geo import areas, shapes
from geo.areas import AreaWrong, read_shape
from geo.models import County, State, Zip, ZipKind
from geo.overlay import overlay
from geo.shapes import (
    CrossesDateLine,
    NotAPolygon,
    NotGeoJson,
    ShapeEmpty,
    ShapeTooLarge,
    ShapeWrong,
    Swapped,
    TooManyPoints,
    WrongProjection,
)

LON, LAT = -83.0, 39.96  # Columbus
KM_LAT, KM_LON = 111.04, 111.32 * math.cos(math.radians(LAT))  # of a degree there


def square(lon: float, lat: float, half: float) -> dict[str, Any]:
    """Half a side in degrees."""
    west, south, east, north = lon - half, lat - half, lon + half, lat + half
    return {
        "type": "Polygon",
        "coordinates": [[[west, south], [east, south], [east, north], [west, north], [west, south]]],
    }


COLUMBUS = square(LON, LAT, 0.1)
BOW_TIE = {
    "type": "Polygon",
    "coordinates": [[[-83.1, 39.9], [-82.9, 40.0], [-82.9, 39.9], [-83.1, 40.0], [-83.1, 39.9]]],
}


def area(shape: object = None, **fields: object) -> dict[str, Any]:
    return {"code": "here", "name": "Here", "kind": "district", "zips": [], "counties": [], "shape": shape, **fields}


def add_zips(session: Session) -> None:
    session.add(State(code="OH", name="Ohio", name_es="Ohio", fips="39", kind="state"))
    session.flush()
    session.add(County(fips="39049", name="Franklin", state="OH"))
    rows = {
        "43215": (39.967, -83.004, 1_750.0),
        "43240": (40.05, -83.0, 3_000.0),  # its disc crosses the northern edge
        "45202": (39.108, -84.502, 1_000.0),  # Cincinnati
        "43299": (None, None, None),
        "43201": (39.99, -83.0, None),
    }
    for code, (lat, lon, radius) in rows.items():
        place = {"zip": code, "kind": ZipKind.STANDARD, "city": "Example", "states": ["OH"], "counties": ["39049"]}
        session.add(Zip(latitude=lat, longitude=lon, radius=radius, **place))
    session.flush()


def test_a_shape_is_laid_over_the_zips(session: Session) -> None:
    add_zips(session)
    listed, drawn = areas.locate(
        session, [area(zips=["45202"], counties=["39049"]), area(COLUMBUS, code="city", zips=["45202"])]
    )
    assert (listed["inside"], listed["partly"], listed["outline"], listed["shape"]) == (["45202"], [], "", None)
    assert drawn["inside"] == ["43215", "45202"]
    assert drawn["partly"] == ["43201", "43240", "43299"]
    assert drawn["outline"].startswith("M") and drawn["name"] == "Here"
    assert (listed["repaired"], drawn["repaired"]) == ("", "")


def test_an_area_names_only_what_there_is(session: Session) -> None:
    add_zips(session)
    for fields, problem in (
        ({"zips": ["43215", "00000"]}, "There are no such ZIP codes: 00000"),
        ({"counties": ["39999"]}, "There are no such counties: 39999"),
        ({"shape": square(2.3, 48.8, 0.1)}, "outside the United States"),
        ({"shape": square(-79.4, 43.75, 0.05)}, "outside the United States"),  # Toronto: only the overlay can tell
    ):
        with pytest.raises(AreaWrong, match=f"Area “here”: .*{problem}"):
            areas.locate(session, [area(**fields)])  # type: ignore[arg-type]


def test_a_shape_that_crosses_itself_is_mended_and_that_is_said() -> None:
    points = [["east", -82.91, 39.95, 500], ["middle", -83.0, 39.97, 500], ["west", -83.09, 39.95, 500]]
    found = overlay({"bow": BOW_TIE, "square": COLUMBUS}, points)
    assert "self-intersection near longitude -83" in found["bow"]["repaired"]
    assert set(found["bow"]["inside"] + found["bow"]["partly"]) == {"east", "west"} | (
        {"middle"} & set(found["bow"]["partly"])
    )
    assert found["square"]["repaired"] == ""
    assert found["square"]["inside"] == ["east", "middle", "west"]


def test_every_part_of_the_country_is_measured() -> None:
    places = {"99546": (-176.6, 51.9), "96813": (-157.86, 21.31), "00901": (-66.1, 18.46), "96910": (144.75, 13.47)}
    places |= {"00802": (-64.93, 18.34), "96799": (-170.7, -14.3), "10001": (-74.0, 40.75)}
    points = [[code, lon, lat, 1_000] for code, (lon, lat) in places.items()]
    found = overlay({code: square(lon, lat, 0.1) for code, (lon, lat) in places.items()}, points)
    for code in places:
        assert (found[code]["inside"], found[code]["partly"]) == ([code], []), code
        assert bool(found[code]["outline"]) == (code not in ("96910", "00802", "96799"))
    assert overlay({"chuuk": square(151.8, 7.4, 0.2)}, points)["chuuk"]["states"] == ["FM"]


@settings(max_examples=30, deadline=None)
@given(
    st.floats(2, 30),
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50), st.floats(0.5, 40)), min_size=20, max_size=60),
)
def test_a_disc_is_inside_partly_or_outside_as_its_distance_from_a_square_says(
    half: float, discs: list[tuple[float, float, float]]
) -> None:
    ring = [
        [LON + x * half / KM_LON, LAT + y * half / KM_LAT] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))
    ]
    points = [[str(i), LON + x / KM_LON, LAT + y / KM_LAT, r * 1_000] for i, (x, y, r) in enumerate(discs)]
    found = overlay({"square": {"type": "Polygon", "coordinates": [ring]}}, points)["square"]
    for index, (x, y, r) in enumerate(discs):
        dx, dy = abs(x) - half, abs(y) - half
        edge = math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0)  # km to the edge, negative within
        if abs(abs(edge) - r) > 0.5 + 0.02 * (abs(edge) + half):  # else the bend of the earth decides
            expected = "inside" if edge < -r else "partly" if edge < r else "outside"
            actual = (
                "inside" if str(index) in found["inside"] else "partly" if str(index) in found["partly"] else "outside"
            )
            assert actual == expected


def test_features_and_collections_become_one_plain_shape() -> None:
    east = square(-82.5, LAT, 0.1)
    feature = {"type": "Feature", "properties": {"name": "x"}, "geometry": COLUMBUS}
    both = {"type": "FeatureCollection", "features": [feature, {"type": "Feature", "geometry": east}]}
    plain = read_shape(json.dumps(both))
    assert plain["type"] == "MultiPolygon" and len(plain["coordinates"]) == 2
    assert read_shape(json.dumps(feature).encode()) == read_shape(json.dumps(COLUMBUS))
    assert shapes.check_shape(plain) == plain
    open_ring = {"type": "Polygon", "coordinates": [COLUMBUS["coordinates"][0][:-1]]}
    assert read_shape(json.dumps(open_ring)) == read_shape(json.dumps(COLUMBUS))


def moved(change: Any) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[change(x, y) for x, y in COLUMBUS["coordinates"][0]]]}


@pytest.mark.parametrize(
    ("text", "refusal", "words"),
    [
        (json.dumps(moved(lambda x, y: [x * 1e5, y * 1e5])), WrongProjection, "metres, not degrees.*EPSG:4326"),
        (json.dumps(moved(lambda x, y: [y, x])), Swapped, "longitude first"),
        (json.dumps(moved(lambda x, y: [y, x - 39])), Swapped, "longitude first"),  # 122 W is no latitude
        (json.dumps(moved(lambda x, y: [x - 102.5, y + 12])), CrossesDateLine, "180th meridian"),
        (json.dumps({"type": "Polygon", "coordinates": [[[179, 51], [-179, 51], [-179, 52]]]}), CrossesDateLine, "Cut"),
        (
            json.dumps({**COLUMBUS, "crs": {"properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}}),
            WrongProjection,
            "3857",
        ),
        (json.dumps({**COLUMBUS, "crs": 5}), WrongProjection, "unknown"),
        (json.dumps({"type": "Point", "coordinates": [1, 2]}), NotAPolygon, "“Point”"),
        (json.dumps({"type": "Feature", "geometry": None}), NotAPolygon, "nothing"),
        (json.dumps({"type": "FeatureCollection", "features": []}), ShapeEmpty, "no area"),
        (json.dumps({"type": "Polygon", "coordinates": []}), ShapeEmpty, "no area"),
        (json.dumps({"type": "Polygon", "coordinates": [[[1, 2], [1, 2], [1, 2]]]}), ShapeEmpty, "no area"),
        ('{"type": "Polygon", "coordinates": [[[NaN, 1], [2, 2], [3, 3]]]}', NotGeoJson, "plain numbers"),
        ('{"type": "Polygon", "coordinates": [[[1e999, 1], [2, 2], [3, 3]]]}', NotGeoJson, "plain numbers"),
        ("POLYGON((1 2))", NotGeoJson, "line 1 is not JSON"),
        ("[" * 200_000, NotGeoJson, "map program"),
        ("[1, 2]", NotGeoJson, "GeoJSON"),
        ("", NotGeoJson, "GeoJSON"),
        (json.dumps({"type": "Polygon", "coordinates": [[[-83, 40]] * 50_001]}), TooManyPoints, "50,000"),
        (json.dumps({"type": "MultiPolygon", "coordinates": [[[[-83, 40]] * 9_000]] * 6}), TooManyPoints, "50,000"),
        (" " * 2_000_001, ShapeTooLarge, "2 MB"),
    ],
)
def test_what_is_no_usable_shape_is_refused_by_name(text: str, refusal: type[ShapeWrong], words: str) -> None:
    with pytest.raises(refusal, match=words):
        read_shape(text)


def test_a_huge_upload_is_hardly_read() -> None:
    class Huge(io.RawIOBase):
        taken = 0

        def read(self, size: int = -1) -> bytes:
            assert 0 < size < 3_000_000
            self.taken += size
            return b"x" * size

    upload = Huge()
    with pytest.raises(ShapeTooLarge):
        read_shape(upload)
    assert upload.taken < 3_000_000  # of 200 MB


def test_degrees_of_either_datum_may_be_named() -> None:
    for name in ("urn:ogc:def:crs:OGC:1.3:CRS84", "urn:ogc:def:crs:EPSG::4326", "EPSG:4269"):
        assert read_shape(json.dumps({**COLUMBUS, "crs": {"type": "name", "properties": {"name": name}}}))


numbers = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.just(10**400), st.floats(-90, 45), st.text(max_size=2)
)
json_values = st.recursive(numbers, lambda inner: st.lists(inner, max_size=4), max_leaves=30)
geojson = st.fixed_dictionaries(
    {"type": st.sampled_from(["Polygon", "MultiPolygon", "Feature", "FeatureCollection", "Point", 7])},
    optional={
        "coordinates": json_values,
        "features": st.lists(json_values),
        "geometry": json_values,
        "crs": json_values,
    },
)


@given(st.one_of(geojson, json_values))
def test_anything_parsed_gives_a_plain_shape_or_a_refusal(value: object) -> None:
    try:
        plain = shapes.check_shape(value)
    except ShapeWrong as refusal:
        assert str(refusal)
    else:
        assert set(plain) == {"type", "coordinates"}

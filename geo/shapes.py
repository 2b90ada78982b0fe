"""Reads the outline of an area as people upload it: GeoJSON in degrees (RFC 7946), inside the United States.

All checks here are cheap and bounded, fit for a web process; what needs geometry is done by `geo.overlay`, apart.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import IO, Any

from distro.errors import Refusal
from geo.plane import BOXES, Box

LARGEST = 2_000_000  # bytes of text
MOST_POINTS = 50_000
DECIMALS = 6  # of a degree: 11 cm

Ring = list[list[float]]  # [longitude, latitude] in degrees, closed
_DEGREES = re.compile(r"(CRS84|EPSG:[\d.]*:?(4326|4269))", re.IGNORECASE)  # NAD83 (4269) is within 2 m of WGS 84


class ShapeWrong(Refusal):
    """The outline of an area cannot be used."""

    status = 422
    sentence = "The shape cannot be used."


class ShapeTooLarge(ShapeWrong):
    """More text than an outline needs."""

    sentence = "The shape is larger than 2 MB. Simplify the outline to fewer points and try again."


class NotGeoJson(ShapeWrong):
    """Not JSON, or not of GeoJSON's form."""

    sentence = "This is not GeoJSON: %(problem)s. Export the outline as GeoJSON and try again."


class NotAPolygon(ShapeWrong):
    """A point or a line bounds no area."""

    sentence = "The shape must be a Polygon or MultiPolygon, but holds “%(found)s”. Export the outline as an area."


class TooManyPoints(ShapeWrong):
    """More points than a map shows."""

    sentence = "The shape has more than 50,000 points. Simplify the outline and try again."


class WrongProjection(ShapeWrong):
    """Not longitude and latitude."""

    sentence = "%(problem)s Export it again in WGS 84 (EPSG:4326), as longitude and latitude."


class Swapped(ShapeWrong):
    """Latitude stands first."""

    sentence = "Latitude and longitude are swapped: GeoJSON wants longitude first, like [-83.0, 40.0]. Swap them."


class CrossesDateLine(ShapeWrong):
    """RFC 7946, 3.1.9: such a shape is cut in two."""

    sentence = "The shape crosses the 180th meridian. Cut it there into two polygons, from -180 to 180 degrees."


class OutsideUnitedStates(ShapeWrong):
    """Nothing is mailed there."""

    sentence = "The shape lies outside the United States. Check that it is the right file."


class ShapeEmpty(ShapeWrong):
    """No area, as drawn or once mended."""

    sentence = "The shape encloses no area. Draw an outline of at least three points."


def read_shape(source: str | bytes | IO[bytes]) -> dict[str, Any]:
    """A plain Polygon or MultiPolygon (`type` and `coordinates`, degrees to 6 decimals) from GeoJSON text or a file.

    Takes a geometry, a Feature or a FeatureCollection of polygons, which become one shape. Never reads more than 2 MB
    of a file. Rings left open are closed. Raises the refusals above, each a ShapeWrong.
    """
    return check_shape(_parsed(_text(source)))


def check_shape(value: object) -> dict[str, Any]:
    """The same from GeoJSON that is parsed already, such as a mapping in a ruleset file."""
    polygons = list(_polygons(value))
    _check_degrees([point for polygon in polygons for ring in polygon for point in ring])
    plain = [kept for polygon in polygons if (kept := _plain(polygon))]
    if not plain:
        raise ShapeEmpty
    _check_country([_bounds(polygon[0]) for polygon in plain])
    if len(plain) == 1:
        return {"type": "Polygon", "coordinates": plain[0]}
    return {"type": "MultiPolygon", "coordinates": plain}


def _text(source: str | bytes | IO[bytes]) -> str:
    content = source if isinstance(source, (str, bytes)) else source.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ShapeTooLarge
    try:
        return content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotGeoJson(problem="it is not UTF-8 text") from None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotGeoJson(problem=f"line {error.lineno} is not JSON") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; lists nested without end
        raise NotGeoJson(problem="it is no JSON that a map program writes") from None


def _polygons(value: object) -> Iterator[list[Ring]]:
    """The coordinates of every polygon, as given."""
    if not isinstance(value, Mapping):
        raise NotGeoJson(problem="it is no object with a type")
    _check_crs(value.get("crs"))
    count = 0
    for member in _list(value.get("features")) if value.get("type") == "FeatureCollection" else [value]:
        if not isinstance(member, Mapping):
            raise NotGeoJson(problem="a feature is no object")
        geometry = member.get("geometry") if member.get("type") == "Feature" else member
        kind = geometry.get("type") if isinstance(geometry, Mapping) else None
        if not isinstance(geometry, Mapping) or kind not in ("Polygon", "MultiPolygon"):
            raise NotAPolygon(found=str(kind or "nothing")[:40])
        coordinates = _list(geometry.get("coordinates"))
        for rings in coordinates if kind == "MultiPolygon" else [coordinates]:
            polygon = []
            for ring in _list(rings):
                polygon.append([_position(point) for point in _list(ring)])
                count += len(polygon[-1])
                if count > MOST_POINTS:
                    raise TooManyPoints
            yield polygon
    if not count:
        raise ShapeEmpty


def _list(value: object) -> Sequence[Any]:
    """A list of something; an empty one is no ring, polygon or collection."""
    if not isinstance(value, (list, tuple)):
        raise NotGeoJson(problem="its coordinates or features are no list")
    if not value:
        raise ShapeEmpty
    if len(value) > MOST_POINTS:
        raise TooManyPoints
    return value


def _position(value: object) -> list[float]:
    """Longitude and latitude; a height is left out."""
    if isinstance(value, (list, tuple)) and len(value) >= 2 and all(_is_number(part) for part in value[:2]):
        return [float(value[0]), float(value[1])]
    raise NotGeoJson(problem="a point is not two plain numbers")


def _is_number(value: object) -> bool:
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 1e15
    return isinstance(value, float) and math.isfinite(value)


def _check_crs(crs: object) -> None:
    """GeoJSON before 2016 could name a projection; now there is one, CRS84. Raises WrongProjection for another."""
    if crs is None:
        return
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    name = str(properties.get("name"))[:60] if isinstance(properties, Mapping) else ""
    if not _DEGREES.search(name):
        raise WrongProjection(problem=f"The file says that its projection is “{name or 'unknown'}”.")


def _check_degrees(points: list[list[float]]) -> None:
    widest, tallest = max(abs(x) for x, _ in points), max(abs(y) for _, y in points)
    if widest <= 180 and tallest <= 90:
        return
    if widest <= 90 and tallest <= 180:
        raise Swapped
    if widest <= 360 and tallest <= 90:
        raise CrossesDateLine
    raise WrongProjection(problem="These look like metres, not degrees.")


def _plain(polygon: list[Ring]) -> list[Ring]:
    """Rounded and closed; without rings of fewer than three points, empty if that is the outer one."""
    rings = [[[round(x, DECIMALS), round(y, DECIMALS)] for x, y in ring] for ring in polygon]
    closed = [ring if ring[0] == ring[-1] else [*ring, ring[0]] for ring in rings]
    if any(abs(here[0] - there[0]) > 180 for ring in closed for here, there in pairwise(ring)):
        raise CrossesDateLine
    sound = [len({(x, y) for x, y in ring}) >= 3 for ring in closed]
    return [ring for ring, is_sound in zip(closed, sound, strict=True) if is_sound] if sound[0] else []


def _check_country(bounds: list[Box]) -> None:
    """A first look by boxes; `geo.overlay` takes the true one. Raises Swapped or OutsideUnitedStates."""
    if _touches(bounds):
        return
    if _touches((south, west, north, east) for west, south, east, north in bounds):
        raise Swapped
    raise OutsideUnitedStates


def _touches(bounds: Iterable[Box]) -> bool:
    return any(w <= b[2] and e >= b[0] and s <= b[3] and n >= b[1] for w, s, e, n in bounds for b in BOXES)


def _bounds(ring: Ring) -> Box:
    xs, ys = [x for x, _ in ring], [y for _, y in ring]
    return min(xs), min(ys), max(xs), max(ys)

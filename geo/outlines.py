"""State outlines as SVG paths, drawn once at load time.

The states are simplified together, so that neighbours keep one common edge, and drawn in an equal-area projection;
Alaska, Hawaii and Puerto Rico, each in its own, are set in below the Southwest. The plane is WIDTH x HEIGHT.
"""

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.census import EQUAL_AREA, read_states

WIDTH, HEIGHT = 960, 600
TOLERANCE = 6_000.0  # metres: about 20 KB for all, and DC and Rhode Island survive
SMALLEST_PART = 12.0  # square units of the plane; smaller islands go, the largest part of a state always stays
SMALLEST_INSET_ISLAND = 1e8  # square metres

Transform = tuple[float, float, float]  # units per metre, then the shift to the right and down


@dataclass(frozen=True)
class Outline:
    """A state's path on the plane, and the point where its label stands."""

    path: str
    x: float
    y: float


@dataclass(frozen=True)
class _Inset:
    """Where one far state is drawn: its projection, and left, top, width, height of its box on the plane."""

    crs: str
    left: float
    top: float
    width: float
    height: float


_INSETS = {
    "AK": _Inset("EPSG:3338", 5, 470, 190, 130),
    "HI": _Inset("ESRI:102007", 215, 520, 110, 75),
    "PR": _Inset("EPSG:32161", 860, 560, 90, 35),
}
_NOT_DRAWN = frozenset({"GU", "VI", "AS", "MP"})  # a speck at this scale; the table beside the map holds them


def outlines() -> dict[str, Outline]:
    """An outline for each of the 50 states, DC and PR, by postal code."""
    frame = read_states()
    frame = frame[~frame.STUSPS.isin(_NOT_DRAWN)]
    shapes = gpd.GeoSeries(shapely.coverage_simplify(np.asarray(frame.geometry), TOLERANCE), crs=EQUAL_AREA)
    shapes.index = frame.STUSPS
    main = shapes.drop(list(_INSETS))
    drawn = _place(main, _Inset("", 5, 5, WIDTH - 10, HEIGHT - 10))
    for code, inset in _INSETS.items():
        parts = shapes.loc[[code]].to_crs(inset.crs).explode()
        large = parts[parts.area >= SMALLEST_INSET_ISLAND]  # else Kure, 2,000 km off, shrinks Hawaii to a dot
        drawn |= _place(large.groupby(level=0).agg(shapely.multipolygons), inset)
    return drawn


def _place(shapes: gpd.GeoSeries, box: _Inset) -> dict[str, Outline]:
    """Scale the shapes together to fit the box, keeping their proportions; y points down."""
    left, bottom, right, top = shapes.total_bounds
    scale = min(box.width / (right - left), box.height / (top - bottom))

    def onto_plane(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(
            [box.left + (points[:, 0] - left) * scale, box.top + (top - points[:, 1]) * scale],
        )

    return {code: _outline(shapely.transform(shape, onto_plane)) for code, shape in shapes.items()}


def _outline(shape: shapely.Geometry) -> Outline:
    parts = sorted(shapely.get_parts(shape), key=shapely.area, reverse=True)
    kept = [part for index, part in enumerate(parts) if index == 0 or part.area >= SMALLEST_PART]
    label = shapely.maximum_inscribed_circle(parts[0]).coords[0]
    path = "".join(_ring(ring) for part in kept for ring in (part.exterior, *part.interiors))
    return Outline(path=path, x=round(label[0], 1), y=round(label[1], 1))


def _ring(ring: shapely.LinearRing) -> str:
    """A closed ring, each point relative to the one before, in halves of a unit."""
    tenths = np.round(shapely.get_coordinates(ring) * 2).astype(int) * 5
    tenths = tenths[:-1][np.any(np.diff(tenths, axis=0) != 0, axis=1)]
    if len(tenths) < 3:
        return ""
    steps = np.diff(tenths, axis=0)
    moves = "".join(f"{_number(dx)}{_joined(dy)}" if dx < 0 else f" {_number(dx)}{_joined(dy)}" for dx, dy in steps)
    return f"M{_number(tenths[0][0])} {_number(tenths[0][1])}l{moves.lstrip()}z"


def _number(tenths: int) -> str:
    return f"{tenths / 10:g}"


def _joined(tenths: int) -> str:
    """A minus sign parts two numbers by itself."""
    return _number(tenths) if tenths < 0 else f" {_number(tenths)}"

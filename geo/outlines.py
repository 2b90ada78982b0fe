"""Outlines of states and counties as SVG paths on the plane of `geo.plane`, drawn once at load time.

The shapes of one map are simplified together, so that neighbours keep one common edge. The counties are drawn finer:
the map of one state enlarges them, Rhode Island's eighty times.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from shapely.affinity import affine_transform

from geo.census import EQUAL_AREA, read_states
from geo.plane import MAINLAND, Inset, region_of

NOT_DRAWN = frozenset({"GU", "VI", "AS", "MP"})  # a speck at this scale; the table beside the map holds them


@dataclass(frozen=True)
class Detail:
    """How fine a map is drawn. Islands below the smallest go, but the largest part of a shape always stays."""

    tolerance: float  # metres
    smallest: float  # square units of the plane
    grain: int  # steps a unit, to which points are rounded


STATES = Detail(tolerance=6_000, smallest=12, grain=2)  # about 20 KB for all, and DC and Rhode Island survive
COUNTIES = Detail(tolerance=1_000, smallest=0.08, grain=100)  # about 1 MB for all; 0.08 units are 2 km² mostly


@dataclass(frozen=True)
class Outline:
    """A state's path on the plane, and the point where its label stands."""

    path: str
    x: float
    y: float


def outlines() -> dict[str, Outline]:
    """An outline for each of the 50 states, DC and PR, by postal code."""
    frame = read_states()
    drawn = {}
    for code, parts in _draw(frame.STUSPS, frame.STUSPS, frame.geometry, STATES).items():
        label = shapely.maximum_inscribed_circle(parts[0]).coords[0]
        drawn[code] = Outline(path=path_of(parts, STATES.grain), x=round(label[0], 1), y=round(label[1], 1))
    return drawn


def county_paths(counties: gpd.GeoDataFrame) -> dict[str, str]:
    """The path of every county of those states by FIPS code. `counties` as `geo.census.read_counties` gives them."""
    drawn = _draw(counties.GEOID, counties.state, counties.geometry, COUNTIES)
    return {fips: path_of(parts, COUNTIES.grain) for fips, parts in drawn.items()}


def path_of(parts: Iterable[shapely.Polygon], grain: int) -> str:
    """The SVG path of polygons that lie on the plane already."""
    return "".join(_ring(ring, grain) for part in parts for ring in (part.exterior, *part.interiors))


def _draw(
    keys: gpd.GeoSeries, states: gpd.GeoSeries, shapes: gpd.GeoSeries, detail: Detail
) -> dict[str, list[shapely.Polygon]]:
    """The parts of each shape on the plane, the largest first. `shapes` are in the equal-area plane of `geo.census`."""
    simple = gpd.GeoSeries(shapely.coverage_simplify(np.asarray(shapes), detail.tolerance), crs=EQUAL_AREA)
    drawn: dict[str, list[shapely.Polygon]] = {}
    for state in sorted(set(states) - NOT_DRAWN):
        region = region_of(state)
        assert region.inset
        own = np.asarray(states == state)
        placed = simple[own] if region is MAINLAND else simple[own].to_crs(region.crs)
        for key, shape in zip(keys[own], placed, strict=True):
            drawn[key] = _placed(shape, region.inset, detail.smallest)
    return drawn


def _placed(shape: shapely.Geometry, inset: Inset, smallest: float) -> list[shapely.Polygon]:
    """The parts worth drawing, on the plane. Far islands go too: Kure, 2,000 km off, would shrink Hawaii to a dot."""
    inside = shapely.box(*inset.extent)
    parts = sorted(shapely.get_parts(shape), key=shapely.area, reverse=True)
    return [
        affine_transform(part, inset.affine)
        for index, part in enumerate(parts)
        if index == 0 or (part.area * inset.scale**2 >= smallest and part.intersects(inside))
    ]


def _ring(ring: shapely.LinearRing, grain: int) -> str:
    """A closed ring, each point relative to the one before; nothing where rounding leaves no area."""
    steps = np.round(shapely.get_coordinates(ring) * grain).astype(int)
    steps = steps[:-1][np.any(np.diff(steps, axis=0) != 0, axis=1)]
    if len(steps) < 3:
        return ""
    (x, y), moves = steps[0], np.diff(steps, axis=0)
    line = "".join(_joined(dx, grain) + _joined(dy, grain) for dx, dy in moves.tolist())
    return f"M{_number(int(x), grain)}{_joined(int(y), grain)}l{line.lstrip()}z"


def _number(steps: int, grain: int) -> str:
    """Short: `-.5` for -0.5, as SVG allows."""
    text = f"{steps / grain:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _joined(steps: int, grain: int) -> str:
    """A minus sign parts two numbers by itself."""
    return _number(steps, grain) if steps < 0 else f" {_number(steps, grain)}"

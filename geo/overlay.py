"""Lays shapes over ZIP codes, states and the map. Its own process: `python -m geo.overlay`, JSON in, JSON out.

Apart, so that a hostile polygon can at most end this process, and so that no web process imports geopandas.
`geo.areas` starts it, and says what the answers mean.
"""

import json
import re
import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import affine_transform
from shapely.geometry import shape as shape_of

from geo.census import NAD83, read_states
from geo.outlines import path_of
from geo.plane import ABROAD, REGIONS, Region

MEMORY = 3 * 1024**3  # bytes of address space; a usual run takes 1 GB, most of it never touched
STEP = 0.05  # degrees: an edge is straight in degrees, so it gets points enough to bend in the plane
MOST_STEPS = 200_000
DRAWN_WITHIN = 300.0  # metres an outline on the map may be off
GRAIN = 100  # steps a unit of the map, as the counties have
_WHERE = re.compile(r"(.*)\[(\S+) (\S+)\]")


@dataclass(frozen=True)
class Points:
    """The ZIPs of one region, in metres of its projection."""

    zips: NDArray[np.str_]
    spots: NDArray[Any]  # shapely points
    radii: NDArray[np.float64]


def main() -> None:
    """Answer the question on standard input: {"shapes": {code: geometry}, "points": [[zip, lon, lat, radius]]}."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    question = json.load(sys.stdin)
    json.dump(overlay(question["shapes"], question["points"]), sys.stdout)


def overlay(shapes: dict[str, dict[str, Any]], points: list[list[Any]]) -> dict[str, dict[str, Any]]:
    """For each shape: `inside` and `partly` (ZIPs), `states` it touches, `outline` (SVG path), `repaired` (a sentence).

    If it cannot be used, `problem` alone: `empty` or `outside`.
    """
    land = read_states(NAD83)
    where = {region: _points(points, region) for region in REGIONS}
    return {code: _answer(geometry, land, where) for code, geometry in shapes.items()}


def _points(points: list[list[Any]], region: Region) -> Points:
    own = [p for p in points if any(w <= p[1] <= e and s <= p[2] <= n for w, s, e, n in region.boxes)]
    spots = gpd.GeoSeries.from_xy([p[1] for p in own], [p[2] for p in own], crs=NAD83).to_crs(region.crs)
    return Points(np.array([p[0] for p in own]), np.asarray(spots), np.array([p[3] for p in own], dtype=float))


def _answer(geometry: dict[str, Any], land: gpd.GeoDataFrame, where: dict[Region, Points]) -> dict[str, Any]:
    shape, repaired = _sound(geometry)
    if shape.is_empty:
        return {"problem": "empty"}
    shapely.prepare(shape)
    states = [*land.STUSPS[shapely.intersects(shape, np.asarray(land.geometry))]]
    states += [state for state, box in ABROAD.items() if shape.intersects(shapely.box(*box))]
    if not states:
        return {"problem": "outside"}
    inside: set[str] = set()
    partly: set[str] = set()
    outline = ""
    for region, points in where.items():
        part = _projected(shape, region)
        if not part.is_empty:
            sure, may = _discs(part, points)
            inside |= sure
            partly |= may
            outline += _drawn(part, region)
    return {
        "inside": sorted(inside),
        "partly": sorted(partly),
        "states": sorted(states),
        "outline": outline,
        "repaired": repaired,
    }


def _sound(geometry: dict[str, Any]) -> tuple[shapely.Geometry, str]:
    """The shape without crossings, and what had to be mended; overlapping polygons of one shape simply join."""
    parts = shapely.get_parts(shape_of(geometry))
    broken = parts[~shapely.is_valid(parts)]
    mended = shapely.make_valid(parts, method="structure", keep_collapsed=False)
    whole = shapely.union_all(_areas(mended))
    if not len(broken):
        return whole, ""
    match = _WHERE.fullmatch(shapely.is_valid_reason(broken[0]))
    fault = f"{match[1].lower()} near longitude {match[2]}, latitude {match[3]}" if match else "unclear"
    return whole, f"The outline was not sound ({fault}) and was mended. Check it on the map before you use it."


def _areas(shapes: Iterable[shapely.Geometry]) -> NDArray[Any]:
    """The polygons among the parts of shapes: mending and cutting leave points and lines over."""
    parts = shapely.get_parts(shapely.get_parts(np.asarray(shapes, dtype=object)))
    areas: NDArray[Any] = parts[shapely.area(parts) > 0]
    return areas


def _projected(shape: shapely.Geometry, region: Region) -> shapely.Geometry:
    """What of the shape lies in a region, in metres of its projection."""
    cut = shapely.union_all(_areas([shape.intersection(shapely.box(*box)) for box in region.boxes]))
    if cut.is_empty:
        return cut
    bent = shapely.segmentize(cut, max(STEP, cut.length / MOST_STEPS))
    placed = gpd.GeoSeries([bent], crs=NAD83).to_crs(region.crs).iloc[0]
    return shapely.union_all(_areas([shapely.make_valid(placed)]))


def _discs(part: shapely.Geometry, points: Points) -> tuple[set[str], set[str]]:
    """The ZIPs whose disc lies within the part, and those whose disc only meets it."""
    edge = part.boundary
    shapely.prepare([part, edge])
    meets = shapely.dwithin(part, points.spots, points.radii)
    within = shapely.contains(part, points.spots) & ~shapely.dwithin(edge, points.spots, points.radii)
    return set(points.zips[within].tolist()), set(points.zips[meets & ~within].tolist())


def _drawn(part: shapely.Geometry, region: Region) -> str:
    if region.inset is None:
        return ""
    placed = affine_transform(part.simplify(DRAWN_WITHIN), region.inset.affine)
    return path_of(shapely.get_parts(placed), GRAIN)


if __name__ == "__main__":
    main()

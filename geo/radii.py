"""A radius for each ZIP code, which stands for the area that no package holds.

It is that of a circle as large as the ZIP's Voronoi cell among the points of all standard ZIPs, cut at the state's edge
(equal-area projection; held between 0.5 and 40 km); other kinds take the nearest standard ZIP's.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.census import read_states

SMALLEST, LARGEST = 500.0, 40_000.0  # metres: a city block's post office, the desert
SIMPLE_ENOUGH = 1_000.0  # metres a state's edge may be off when areas are taken


def radii_of(xy: NDArray[np.float64], standard: NDArray[np.bool_], states: Sequence[str]) -> NDArray[np.float64]:
    """The radius of each ZIP in metres: points (n x 2, equal-area plane), which are standard, postal states."""
    frame = read_states()
    land = dict(zip(frame.STUSPS, frame.geometry.simplify(SIMPLE_ENOUGH), strict=True))
    sites, first, cell_of = np.unique(xy[standard].round(), axis=0, return_index=True, return_inverse=True)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(sites), ordered=True))
    of_site = np.asarray(states)[standard][first]
    of_cell = np.sqrt(shapely.area(shapely.intersection(cells, [land[state] for state in of_site])) / np.pi)
    radii = of_cell[shapely.STRtree(shapely.points(sites)).nearest(shapely.points(xy))]
    radii[standard] = of_cell[cell_of]
    clipped: NDArray[np.float64] = np.clip(radii, SMALLEST, LARGEST)
    return clipped

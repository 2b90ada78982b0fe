"""The Census polygons of 2016 (500k, public domain) inside the plotly-geo package: states and counties.

Only this module, `geo.load`, `geo.radii`, `geo.outlines` and `geo.overlay` touch geopandas; a web process imports none
of them.
"""

from importlib.util import find_spec
from pathlib import Path

import geopandas as gpd

NAD83 = 4269  # the shapefiles carry no CRS; this is theirs
EQUAL_AREA = 5070  # NAD83 / Conus Albers, metres


def read_states(crs: int = EQUAL_AREA) -> gpd.GeoDataFrame:
    """50 states, DC, PR, GU, VI, AS and MP in the equal-area plane, or in `crs`: STATEFP, STUSPS, NAME, geometry."""
    return _read("cb_2016_us_state_500k.shp", crs)


def read_counties(state_of: dict[str, str]) -> gpd.GeoDataFrame:
    """The counties in the equal-area plane by FIPS code: GEOID, NAME, LSAD, geometry, and `state`, the postal code.

    `state_of` maps a two-digit state FIPS code to its postal code.
    """
    frame = _read("cb_2016_us_county_500k.shp", EQUAL_AREA)
    frame["state"] = frame.STATEFP.map(state_of)
    return frame.sort_values("GEOID", ignore_index=True)


def _read(name: str, crs: int) -> gpd.GeoDataFrame:
    """The package's own readers are not called: they want plotly. Without `encoding` Doña Ana is garbled."""
    spec = find_spec("_plotly_geo")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("plotly-geo is not installed", name="_plotly_geo")
    path = Path(spec.submodule_search_locations[0], "package_data", name)
    return gpd.read_file(path, encoding="utf-8").set_crs(NAD83, allow_override=True).to_crs(crs)

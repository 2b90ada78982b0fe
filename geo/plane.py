"""The plane that every map is drawn on, and the parts of the country with the projection of each. Numbers only.

The lower 48 fill the plane; Alaska, Hawaii and Puerto Rico are set in below the Southwest, each at its own scale.
The other islands are a speck at that scale and are not drawn; their projections serve for measuring alone.
"""

from dataclasses import dataclass

WIDTH, HEIGHT = 960, 600  # of the plane; y points down

Box = tuple[float, float, float, float]  # west, south, east, north


@dataclass(frozen=True, slots=True)
class Inset:
    """What part of a projection is drawn (metres), and into which box of the plane: left, top, width, height."""

    extent: Box
    left: float
    top: float
    width: float
    height: float

    @property
    def scale(self) -> float:
        """Units of the plane a metre; the extent keeps its proportions."""
        west, south, east, north = self.extent
        return min(self.width / (east - west), self.height / (north - south))

    @property
    def affine(self) -> tuple[float, float, float, float, float, float]:
        """Metres to units, as `shapely.affinity.affine_transform` takes it: a, b, d, e, then the shifts."""
        scale, (west, _, _, north) = self.scale, self.extent
        return scale, 0, 0, -scale, self.left - west * scale, self.top + north * scale


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the country. Its boxes, in degrees, hold all its ZIP points and none of another region's.

    The projection keeps areas, or nearly so over so small a part. An inset's extent is that of the state outlines.
    """

    crs: str
    boxes: tuple[Box, ...]
    inset: Inset | None = None


MAINLAND = Region(
    "EPSG:5070",
    ((-125.5, 24, -66.5, 50),),
    Inset((-2_356_114, 269_701, 2_256_474, 3_172_568), 5, 5, WIDTH - 10, HEIGHT - 10),
)
_FAR = {
    "AK": Region(
        "EPSG:3338",
        ((-180, 51, -129.5, 72), (172, 51, 180, 54)),  # the last Aleutians lie beyond the 180th meridian
        Inset((-2_167_640, 416_573, 1_492_641, 2_368_223), 5, 470, 190, 130),
    ),
    "HI": Region(
        "ESRI:102007", ((-179, 18, -154, 29),), Inset((-336_159, 657_079, 230_341, 1_021_621), 215, 520, 110, 75)
    ),
    "PR": Region(
        "EPSG:32161", ((-68.5, 17.5, -65.15, 18.8),), Inset((111_508, 208_767, 322_611, 274_769), 860, 560, 90, 35)
    ),
    "VI": Region("EPSG:32161", ((-65.15, 17.5, -64.4, 18.6),)),
    "GU": Region("EPSG:32655", ((144, 13, 147, 21),)),
    "AS": Region("EPSG:32702", ((-171.5, -15, -168, -10.5),)),
}
REGIONS = (MAINLAND, *_FAR.values())
# The freely associated states, whose ZIPs have no points here and whose land no file of ours draws
ABROAD: dict[str, Box] = {"FM": (137, 0.5, 163.5, 10.5), "MH": (160, 4, 173, 15), "PW": (131, 2.5, 135, 8.5)}
BOXES: tuple[Box, ...] = (*(box for region in REGIONS for box in region.boxes), *ABROAD.values())


def region_of(state: str) -> Region:
    """The region in which a postal state lies. The Northern Marianas go with Guam."""
    return _FAR.get("GU" if state == "MP" else state, MAINLAND)

"""Made-up addresses, each written as different people write it, and neighbours that are not the same home.

It shares no table with `orders.homewords`: a word missing there is found here.
"""

from collections.abc import Iterator
from random import Random

from orders.intake import Person

NAMES = [
    "Oak",
    "Maple",
    "Saint Clair",
    "Martin Luther King",
    "O'Brien",
    "Cedar Creek",
    "Fifth",
    "21st",
    "Peña",
    "Lake Shore",
    "Main",
    "Old Mill",
]
SUFFIXES = [
    ("Street", "St", "St.", "STREET", "Str"),
    ("Avenue", "Ave", "Av.", "AVE"),
    ("Road", "Rd", "Rd.", "road"),
    ("Boulevard", "Blvd", "Blvd."),
    ("Drive", "Dr", "Dr."),
    ("Lane", "Ln", "Ln."),
    ("Court", "Ct", "Ct."),
    ("Parkway", "Pkwy", "Pky"),
    ("Place", "Pl", "PL."),
    ("Terrace", "Ter", "Terr."),
    ("Circle", "Cir", "Circ"),
    ("Trail", "Trl", "TRAIL"),
    ("Highway", "Hwy", "Hiway"),
    ("Square", "Sq", "Sq."),
    ("Crossing", "Xing", "crossing"),
]
DIRECTIONS = [
    ("North", "N", "N."),
    ("South", "S", "S."),
    ("East", "E", "E."),
    ("West", "W", "W."),
    ("Northwest", "NW", "N.W."),
]
UNITS = [
    "Apt {}",
    "Apt{}",
    "{} ",
    "Apartment {}",
    "apt. {}",
    "#{}",
    "# {}",
    "Unit {}",
    "Apt #{}",
    "No. {}",
    "APT. NO. {}",
    "Suite {}",
]
WORDS = {
    "Fifth": ("5th", "5"),
    "21st": ("21",),
    "Saint Clair": ("St Clair", "St. Clair"),
    "O'Brien": ("OBrien", "O’Brien"),
}
WORDS |= {"Peña": ("Pena",), "Cedar Creek": ("Cedar Crk",), "Lake Shore": ("Lk Shore",)}
SLIPS = 0.03  # how often someone leaves out Street or Road, or mistypes
ZIPS = ("43215", "55401", "10001")


def lives(
    line1: str, line2: str = "", zip: str = "43215", city: str = "Sampleton", name: str = "Robin Example"
) -> Person:
    """Someone at an address."""
    return Person(name=name, line1=line1, line2=line2, city=city, state="OH", zip=zip)


def street(random: Random) -> tuple[Person, Person, Person]:
    """A street address, the same once more in other words, and a neighbour."""
    number, name, zip = random.randrange(1, 3_000), random.choice(NAMES), random.choice(ZIPS)
    suffix, way = random.choice(SUFFIXES), random.choice([("",), *DIRECTIONS])
    unit = random.choice(["", "", *(f"{n}{letter}" for n in (1, 4, 12, 203) for letter in ("", "A", "B"))])
    whole = f"{number} {random.choice(way)} {name} {random.choice(suffix)}"
    other = f"{number} {random.choice(way)} {random.choice((name, *WORDS.get(name, ())))} {random.choice(suffix)}"
    if random.random() < SLIPS:  # nobody can know what was meant
        other = random.choice([other.rpartition(" ")[0], other.replace("a", "e", 1), other.replace("r", "", 1)])
    one, two = _written(random, whole, unit, zip), _written(random, other, unit, zip)
    return one, two, _neighbour(random, number, way[0], name, suffix[0], unit, zip)


def _written(random: Random, whole: str, unit: str, zip: str) -> Person:
    said = random.choice(UNITS).format(unit) if unit else ""
    if said and "-" not in said and unit[-1] in "AB" and random.random() < 0.3:
        said = said.replace(unit, f"{unit[:-1]}{random.choice('- ')}{unit[-1]}")
    whole = random.choice([str, str.upper, str.lower, lambda text: text.replace(" ", "  ")])(whole)
    if said and random.random() < 0.4:
        line1, line2 = f"{whole}{random.choice([' ', ', '])}{said}", ""
    else:
        line1, line2 = whole, unit if said and random.random() < 0.2 else said
    if random.random() < 0.1:
        line1, line2 = (f"c/o Jordan Sample, {line1}", line2) if line2 else ("c/o Jordan Sample", line1)
    return lives(line1, line2, zip)


def _neighbour(random: Random, number: int, way: str, name: str, suffix: str, unit: str, zip: str) -> Person:
    """The house next door, another flat, the building without a flat, another suffix, direction, or town."""
    others = [
        (number + 2, way, name, suffix, unit, zip),
        (number, way, name, suffix, f"{unit or 1}5", zip),
        (number, "South" if way != "South" else "North", name, suffix, unit, zip),
        (number, way, name, "Way", unit, zip),
        (number, way, f"{name} Hill", suffix, unit, zip),
        (number, way, name, suffix, unit, "42223"),
    ]
    others += [(number, way, name, suffix, "", zip)] if unit else []
    number, way, name, suffix, unit, zip = random.choice(others)
    return _written(random, f"{number} {way} {name} {suffix}", unit, zip)


def boxed(random: Random) -> tuple[Person, Person, Person]:
    """A PO box, a rural or military one, or an urbanization in Puerto Rico; the same again; another."""
    n, m = random.randrange(1, 900), random.randrange(1, 90)
    ways: list[tuple[tuple[str, ...], str]] = [
        (
            (
                "PO Box {n}",
                "P.O. Box {n}",
                "p o box {n}",
                "POB {n}",
                "Post Office Box {n}",
                "PO BOX #{n}",
                "Apartado {n}",
            ),
            "",
        ),
        (("RR {m} Box {n}", "R.R. {m}, Box {n}", "Rural Route {m} Box {n}", "RR #{m} Box {n}", "RFD {m} Box {n}"), ""),
        (("HC {m} Box {n}", "H.C. {m} Box {n}", "Highway Contract {m} Box {n}"), ""),
        (("PSC {m} Box {n}", "psc {m}, box {n}"), ""),
        (("{n} County Road {m}", "{n} Co Rd {m}", "{n} CR {m}", "{n} Cnty Rd {m}"), ""),
        (("{n} US Highway {m}", "{n} US Hwy {m}", "{n} US-{m}", "{n} U.S. Hwy {m}"), ""),
        (("{n} Calle Luna", "{n} CALLE LUNA", "Calle Luna {n}", "Calle Luna #{n}"), "Urb"),
    ]
    said, urb = random.choice(ways)

    def write(n: int, m: int) -> Person:
        line = random.choice(said).format(n=n, m=m)
        town = random.choice(["Urb Las Flores", "URB. LAS FLORES", "Urbanización Las Flores"]) if urb else ""
        return lives(line, town) if random.random() < 0.5 or not town else lives(town, line)

    return (
        write(n, m),
        write(n, m),
        write(n + 1, m) if random.random() < 0.5 or "{m}" not in said[0] else write(n, m + 1),
    )


def pairs(random: Random, count: int) -> Iterator[tuple[Person, Person, Person]]:
    """So many homes: one writing, another one, and a neighbour."""
    for number in range(count):
        yield street(random) if number % 4 else boxed(random)

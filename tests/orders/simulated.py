"""Made-up people who ask for a package through the real pages, about half of them with one mistake in their address.

They live at real ZIP codes, since what looks odd depends on those; names, streets and numbers are invented. Everything
follows from a seed. `ask_all` gives the figures that a test and `make measure` show.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from geo.models import Zip, ZipKind
from tests.orders.forms import fields
from tests.orders.mistakes import MISTAKES, cased, street

WAYS = ["Apt {}", "apt {}", "APT. {}", "Apartment {}", "#{}", "# {}", "Unit {}", "Apt #{}", "Ste {}", "{}", "No. {}"]
ELSE = [
    "2nd floor",
    "Upstairs",
    "Rear",
    "Bsmt",
    "Bldg C Apt 102",
    "The Oaks Apartments, Unit 4",
    "Hope House",
    "PMB 12",
]
ELSE += ["Fl 2", "Apt B", "Lower", "Trlr 5", "Lot 12", "Building 4 room 12", "Apt. 2-R", "apt 3 front", "Casita", "1/2"]
FIRST = ["Robin", "José", "Ana María", "D'Andre", "Nguyễn", "Zoë", "mx", "Łukasz", "ALEX", "Bo"]
LAST = ["Example", "Muñoz Example", "O’Sample", "Sample-Quill", "example", "de la Muestra", "SAMPLE III"]
AREAS_OF_PR = ["Las Gladiolas", "Urb. Los Ejemplos", "villa muestra", "Ext Jardines de Ejemplo"]


@dataclass
class Someone:
    """What one person types, by field; the mistake planted in it, if any."""

    typed: dict[str, str]
    sort: str
    began: str  # the ZIP code of the first page
    mistake: str = ""


@dataclass
class Figures:
    """What became of everyone."""

    right: int = 0
    pressed_twice: int = 0
    blocked: list[dict[str, str]] = field(default_factory=list)
    planted: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    lost: list[dict[str, str]] = field(default_factory=list)
    coded: int = 0  # how many went on to the page with the code

    @property
    def share_noticed(self) -> float:
        return self.noticed.total() / max(1, self.planted.total())

    @property
    def share_twice(self) -> float:
        return self.pressed_twice / max(1, self.right)

    def __str__(self) -> str:
        return (
            f"{self.right} right addresses: {len(self.blocked)} blocked, {self.share_twice:.1%} asked to press twice; "
            f"{self.planted.total()} mistakes: {self.share_noticed:.1%} noticed; {len(self.lost)} lost something typed"
        )


def people(random: Random, count: int, zips: list[Zip]) -> Iterator[Someone]:
    """So many people, every second one with a mistake."""
    by_zip = {place.zip: place for place in zips}
    sorts = [makers for makers, times in _SORTS for _ in range(times)]
    planted: Counter[str] = Counter()
    for number in range(count):
        make = random.choice(sorts)
        someone = make(random, zips)
        if number % 2:
            place = by_zip[someone.began]
            fitting = [name for name, (fits, _) in MISTAKES.items() if someone.sort in fits]
            someone.mistake = min(fitting, key=lambda name: (planted[name], random.random()))
            planted[someone.mistake] += 1
            MISTAKES[someone.mistake][1](random, someone.typed, place, by_zip)
        yield someone


def _one(random: Random, zips: list[Zip], *kinds: ZipKind, state: str = "", several: bool = False) -> Zip:
    fits = [
        place
        for place in zips
        if place.kind in kinds and (state in ("", place.states[0])) and (len(place.states) > 1 or not several)
    ]
    return random.choice([place for place in fits if state or place.states[0] not in ("PR", "VI")])


def _base(random: Random, place: Zip, sort: str, **typed: str) -> Someone:
    name = f"{random.choice(FIRST)} {random.choice(LAST)}"
    city = place.city
    way = random.random()
    if way < 0.1 and place.names:
        city = random.choice(place.names)
    elif way < 0.2:
        city = city.replace("Saint ", "St. ").replace("Fort ", "Ft ").replace("North ", "N ").replace("Mount ", "Mt. ")
    city = cased(random, city)
    zip_code = random.choice([place.zip, place.zip, f"{place.zip}-1234", f" {place.zip} "])
    base = {"kind": "home", "name": name, "city": city, "state": random.choice(place.states), "zip": zip_code.strip()}
    return Someone({**base, **typed}, sort, place.zip)


def _house(random: Random, zips: list[Zip]) -> Someone:
    return _base(random, _one(random, zips, ZipKind.STANDARD), "house", line1=street(random))


def _flat(random: Random, zips: list[Zip]) -> Someone:
    if random.random() < 0.2:
        return _base(random, _one(random, zips, ZipKind.STANDARD), "flat", line1="7 Oak St", line2=random.choice(ELSE))
    unit = random.choice(WAYS).format(f"{random.randrange(1, 400)}{random.choice(['', '', 'A', 'b', '-C'])}")
    line = street(random)
    lines = {"line1": line, "line2": unit}
    if random.random() < 0.4 and not unit[0].isdigit():
        lines = {"line1": f"{line}{random.choice([' ', ', '])}{unit}"}
    if random.random() < 0.2:
        lines = {"line1": line, "line2": f"Oak Towers {unit}" if unit[0] != "#" else unit}
    return _base(random, _one(random, zips, ZipKind.STANDARD), "flat", **lines)


def _box(random: Random, zips: list[Zip]) -> Someone:
    place, number = _one(random, zips, ZipKind.STANDARD, ZipKind.PO_BOX), random.randrange(1, 9000)
    said = random.choice(["{}", "PO Box {}", "P.O. Box {}", "box {}", "#{}"]).format(number)
    if random.random() < 0.25:
        return _base(random, place, "box", line1=f"P.O. Box {number}")
    return _base(random, place, "box", kind="box", line1="", box=said)


def _general(random: Random, zips: list[Zip]) -> Someone:
    place = _one(random, zips, ZipKind.STANDARD)
    if random.random() < 0.3:
        return _base(random, place, "general", line1=random.choice(["General Delivery", "GENERAL DELIVERY", "gen del"]))
    return _base(random, place, "general", kind="general", line1="")


def _guest(random: Random, zips: list[Zip]) -> Someone:
    someone = random.choice([_house, _flat])(random, zips)
    return Someone(
        {**someone.typed, "kind": "other", "care_of": f"Jordan {random.choice(LAST)}"}, someone.sort, someone.began
    )


def _island(random: Random, zips: list[Zip]) -> Someone:
    place, number = _one(random, zips, ZipKind.STANDARD, state="PR"), random.randrange(1, 300)
    area = random.choice(AREAS_OF_PR)
    lines: dict[str, str] = random.choice(
        [
            {"line1": f"{number} Calle A", "urbanization": area},
            {"line1": f"B{number} Calle {number % 30}", "urbanization": area},
            {"line1": f"Urb Las Muestras, C-{number} Calle 5"},
            {"line1": f"{number} Calle Luna", "line2": "Apto 3"},
            {"line1": f"Cond. El Ejemplo, Apt {number}"},
            {"line1": f"Carr {number} Km 4.5"},
            {"line1": f"HC 1 Box {number}"},
        ]
    )
    someone = _base(random, place, "island", **lines)
    someone.typed["city"] = random.choice([place.city, place.city.replace("on", "ón"), place.city.upper()])
    return someone


def _soldier(random: Random, zips: list[Zip]) -> Someone:
    place, number = _one(random, zips, ZipKind.MILITARY), random.randrange(1, 9000)
    line = random.choice(["PSC 3 Box {}", "Unit 2050 Box {}", "CMR 4 Box {}", "psc 12 box {}"]).format(number)
    return _base(random, place, "soldier", kind="military", line1=line)


def _rural(random: Random, zips: list[Zip]) -> Someone:
    n, m = random.randrange(1, 9000), random.randrange(1, 90)
    said = random.choice(
        ["RR {m} Box {n}", "HC {m} Box {n}", "{n} County Road {m}", "{n} US Highway {m}", "{n} FM {m}"]
    )
    return _base(random, _one(random, zips, ZipKind.STANDARD), "rural", line1=said.format(n=n, m=m))


def _at_a_line(random: Random, zips: list[Zip]) -> Someone:
    return _base(random, _one(random, zips, ZipKind.STANDARD, several=True), "house", line1=street(random))


def _odd(random: Random, zips: list[Zip]) -> Someone:
    """Right, and yet odd: these may be asked once."""
    place = _one(random, zips, ZipKind.STANDARD)
    farm, letter = {"line1": "Green Acres Farm"}, {"line1": "1 Oak St", "name": "R."}
    tower, village = {"line1": "3 Oak Tower"}, {"line1": "1 Oak St", "city": "Sampleton Corners"}
    odd = random.choice([farm, letter, tower, village, {"kind": "other", "line1": "1 Oak St"}])
    return _base(random, place, "odd", **odd)


_SORTS: list[tuple[Callable[[Random, list[Zip]], Someone], int]] = [
    (_house, 26),
    (_flat, 27),
    (_box, 10),
    (_general, 7),
    (_guest, 6),
    (_island, 8),
    (_soldier, 6),
    (_rural, 5),
    (_at_a_line, 3),
    (_odd, 2),
]


def ask_all(client: FlaskClient, everyone: Iterator[Someone], *, to_code: int = 0) -> Figures:
    """Everyone asks, in turn in English and Spanish; each `to_code`-th right one as far as the code."""
    figures = Figures()
    need = {prefix: fields(client.get(f"{prefix}/").text) for prefix in ("", "/es")}
    for form in need.values():
        form.setlist("item", ["naloxone-nasal"])
        form.poplist("zip")
    for number, someone in enumerate(everyone):
        prefix = ("", "/es")[number // 2 % 2]
        _ask(client, prefix, need[prefix], someone, figures, to_code)
    return figures


def _ask(
    client: FlaskClient, prefix: str, need: MultiDict[str, str], someone: Someone, figures: Figures, to_code: int
) -> None:
    start = MultiDict([*need.items(multi=True), ("zip", someone.began)])
    page = client.post(f"{prefix}/where", data=start).text
    form = fields(page)
    offered = f'id="kind-{someone.typed["kind"]}"' in page and f'<option value="{someone.typed["state"]}"' in page
    assert offered, "they chose what the page does not offer"
    for name, text in someone.typed.items():
        form[name] = text
    if someone.mistake:
        figures.planted[someone.mistake] += 1
    else:
        figures.right += 1
    answer = client.post(f"{prefix}/contact", data=form)
    if "problems" in answer.text:
        if _lost(answer, someone):
            figures.lost.append(someone.typed)
        if someone.mistake:
            figures.noticed[someone.mistake] += 1
        else:
            figures.pressed_twice += 1
        if "doubts" in answer.text:
            answer = client.post(f"{prefix}/contact", data=fields(answer.text))
    if 'id="contact"' not in answer.text:
        if not someone.mistake or "doubts" in answer.text:
            figures.blocked.append(someone.typed)
        return
    answer = client.post(f"{prefix}/check", data=fields(answer.text))
    if 'class="summary"' not in answer.text or _lost(answer, someone):
        figures.lost.append(someone.typed)
    if to_code and not someone.mistake and figures.right % to_code == 0:
        figures.coded += "claim-code" in client.post(f"{prefix}/done", data=fields(answer.text)).text


def _lost(answer: TestResponse, someone: Someone) -> bool:
    """Whether a page no longer holds something that was typed."""
    held = fields(answer.text)
    return any(text and held.get(name) != text for name, text in someone.typed.items())

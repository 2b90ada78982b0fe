"""Mistakes that people make in an address, each planted into what someone typed, and streets to make them in."""

from collections.abc import Callable, Mapping
from random import Random

from geo.models import Zip
from tests.orders.addresses import DIRECTIONS, NAMES, SUFFIXES

STREETS = [
    "12 Broadway",
    "4021 Route 9W",
    "77 State Route 32 N",
    "5 Ave B",
    "1600 Avenue of the Stars",
    "1-12 E 7th St",
]
STREETS += [
    "N7W23001 Bluemound Rd",
    "12 1/2 Elm",
    "One Park Plaza",
    "100 Tower Rd",
    "12 Box Elder Ct",
    "18 S 3rd",
    "9 El Camino",
]
STREETS += [
    "2200 N Hwy 89 #4",
    "301 W Martin Luther King Jr Blvd",
    "3rd house, 12 Mill Rd",
    "12B Oak Aly",
    "1 Apache Trl",
]


def street(random: Random) -> str:
    """A street and number, as somebody writes it."""
    number = random.choice([random.randrange(1, 9999), f"{random.randrange(10, 99)}-{random.randrange(10, 99)}"])
    way = random.choice(["", "", random.choice(random.choice(DIRECTIONS)) + " "])
    line = f"{number} {way}{random.choice(NAMES)} {random.choice(random.choice(SUFFIXES))}"
    if random.random() < 0.15:
        line = random.choice(STREETS)
    return cased(random, line)


def cased(random: Random, text: str) -> str:
    """In the letters that somebody types it in."""
    return random.choice([text, text, text.lower(), text.upper()])


Plant = Callable[[Random, dict[str, str], Zip, Mapping[str, Zip]], None]


def _other_state(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["state"] = random.choice([code for code in ("NY", "OH", "TX", "CA", "WA", "VI") if code not in place.states])


def _misspelt(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    at = random.randrange(1, len(place.city) - 1)
    while not (place.city[at].isalpha() and place.city[at + 1].isalpha() and place.city[at] != place.city[at + 1]):
        at = random.randrange(0, len(place.city) - 1)
    one, two = place.city[at], place.city[at + 1]
    swapped, left_out = place.city[:at] + two + one + place.city[at + 2 :], place.city[:at] + place.city[at + 1 :]
    typed["city"] = random.choice([swapped, left_out, f"{place.city}{random.choice('eqx')}"])


def _unit_without_number(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    line = street(random)
    typed["line1"], typed["line2"] = random.choice([(f"{line} Apt", ""), (line, "Apt"), (f"{line} #", "")])


def _building_without_unit(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["line1"], typed["line2"] = street(random), random.choice(["Oak Towers", "Sample Apartments", "Elm Apts"])


def _unit_twice(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["line1"], typed["line2"] = f"{street(random)} Apt 4", random.choice(["Apt 4", "4", "Unit 5"])


def _no_number(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["line1"] = f"{random.choice(['Oak', 'Maple', '21st', 'Fifth', 'Cedar Creek'])} {random.choice(SUFFIXES)[0]}"


def _swapped(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    other = random.choice(["city", "name"])
    typed["line1"] = street(random)
    typed["line1"], typed[other] = typed[other], typed["line1"]


def _wrong_digit(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    wrong = [
        zip_code
        for at in range(5)
        for digit in "0123456789"
        if (zip_code := place.zip[:at] + digit + place.zip[at + 1 :]) != place.zip
        and (zip_code not in every or typed["state"] not in every[zip_code].states)
    ]
    typed["zip"] = random.choice([one for one in wrong if one in every] or wrong)


def _box_without_number(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    if typed["kind"] == "box":
        typed["box"] = random.choice(["", "PO Box", "box"])
    else:
        typed["line1"] = random.choice(["PO Box", "P.O. Box #"])


def _box_with_street(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed.update(kind="box", line1="", box="12 Oak St")


def _civilian(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["state"] = random.choice(["NY", "CA", "VA"])


def _flat_at_post_office(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["line2"] = random.choice(["Apt 4", "12 Oak St"])


def _reach_as_name(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["name"] = random.choice(["614-555-0123", "robin@example.org"])


def _short_zip(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["zip"] = random.choice([place.zip[:4], place.city, f"{place.zip}1", "12 Oak St"])


def _all_in_one(random: Random, typed: dict[str, str], place: Zip, every: Mapping[str, Zip]) -> None:
    typed["line1"] = f"{street(random)}, {place.city} {place.states[0]} {place.zip}"


_STREETS = ("house", "flat", "odd")
_ALL = (*_STREETS, "box", "general", "island", "soldier", "rural")
MISTAKES: dict[str, tuple[tuple[str, ...], Plant]] = {
    "another state": (_ALL, _other_state),
    "city misspelt": (tuple(sort for sort in _ALL if sort != "soldier"), _misspelt),
    "wrong digit of the ZIP code, in another state": (_ALL, _wrong_digit),
    "ZIP code cut or something else": (_ALL, _short_zip),
    "apartment without its number": (_STREETS, _unit_without_number),
    "building without an apartment": (_STREETS, _building_without_unit),
    "apartment in both lines": (_STREETS, _unit_twice),
    "street without a number": (_STREETS, _no_number),
    "two fields swapped": (_STREETS, _swapped),
    "all in one line": (_STREETS, _all_in_one),
    "phone or e-mail as the name": (_ALL, _reach_as_name),
    "PO box without a number": (("box",), _box_without_number),
    "street as a PO box": (("box",), _box_with_street),
    "apartment at the post office": (("general",), _flat_at_post_office),
    "military mail with a civilian state": (("soldier",), _civilian),
}

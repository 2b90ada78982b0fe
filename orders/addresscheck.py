"""What looks odd in an address: kind warnings that never stop anyone. Pure: an address and its place in, doubts out.

A person knows their address better than we do. So each doubt is shown once, beside its field, and then the address is
taken as it was typed. It is quiet wherever an unusual address may be right: a false alarm costs trust and a page.
Sources: USPS Publication 28 (units, boxes, routes, military, Puerto Rico) and Domestic Mail Manual 602.1.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from geo.models import ZipKind
from geo.places import Place
from orders import citynames, homewords

GENERAL_DELIVERY = "GENERAL DELIVERY"
KINDS = ("home", "other", "general", "box", "military")
MILITARY_STATES = frozenset({"AA", "AE", "AP"})
MILITARY_CITIES = frozenset({"APO", "FPO", "DPO"})
_ISLANDS = frozenset({"AS", "GU", "MP", "VI", "PR", "FM", "MH", "PW"})  # their lists call whole islands PO boxes

SENTENCES: dict[str, LazyString] = {
    "zip-state": _l(
        "As far as we know, this ZIP code is not in that state. Please check both. If they are right, go on."
    ),
    "zip-boxes": _l("As far as we know, this ZIP code is for PO boxes only. Please check it."),
    "city-unknown": _l("We do not know this town at this ZIP code. Please check the spelling and the ZIP code."),
    "city-number": _l("There is a number in the city. Does it belong in another line?"),
    "no-number": _l("There is no house number. Please add it, if there is one."),
    "unit-missing": _l("Please add the number or letter of the apartment or unit."),
    "many-homes": _l("This may be a building with many homes. Please add the apartment or unit, if there is one."),
    "unit-twice": _l("There is an apartment or unit in two lines. Please keep one of them."),
    "unit-first": _l("This line is for the street and number. The apartment goes in the next line."),
    "unit-here": _l("An apartment is not needed with this kind of address. Please take it out, or go on."),
    "whole-address": _l("Please write only the street and number here. City, state and ZIP code go below."),
    "box-missing": _l("Please add the number of the PO box."),
    "box-is-street": _l("You chose a PO box, but this looks like a street. Please check it."),
    "box-unused": _l("You also wrote a PO box. We use the street only."),
    "street-unused": _l("You also wrote a street. We do not use it for this kind of address."),
    "military-state": _l("APO, FPO and DPO mail goes with AA, AE or AP as the state. Please check it."),
    "military-city": _l("With this state, the city is APO, FPO or DPO. Please check it."),
    "urbanization": _l("In Puerto Rico many streets need the urbanization. Please add it, if there is one."),
    "care-of-missing": _l("Whose address is it? A package may go back if no name on the door is on it."),
    "care-of-unused": _l("You wrote whose address it is, but chose another kind of address. We print both names."),
    "name-short": _l("This name is only one letter. Will the mail carrier know that it is for you?"),
    "name-reach": _l("This looks like a phone number or an e-mail address. It would be printed on the package."),
    "name-street": _l("This looks like a street. This line is for the name on the package."),
}


class Doubt(NamedTuple):
    """A field, the key of a sentence in SENTENCES, and the fields it is about: if one changes, it is a new doubt."""

    field: str
    key: str
    about: tuple[str, ...]


FIELDS = ("kind", "name", "care_of", "box", "line1", "line2", "urbanization", "city", "state", "zip")
ELSEWHERE = Doubt("state", "zip-state", ("zip", "state"))

_UNIT_WORD = "(?:APT|APARTMENT|APTMT|APPT|UNIT|STE|SUITE|RM|ROOM|LOT|TRLR|SPC|APTO|APARTAMENTO|UNIDAD)"
_VALUE = r"(?:[A-Z]?\d[A-Z\d]*(?:-[A-Z\d]+)?|[A-Z]{1,2})"
_UNIT = re.compile(rf"(?:\b{_UNIT_WORD}\b[ #:-]*(?:NO )?|# ?){_VALUE}(?= |$)|\b{_UNIT_WORD}\d+[A-Z]?\b")
_UNIT_ONLY = re.compile(rf"(?:{_UNIT.pattern})[ ,]*")
_DANGLING = re.compile(rf"(?:\b{_UNIT_WORD}|#)[ #:?-]*(?:NO|NUM)?[ #?-]*$")
_BARE_VALUE = re.compile(rf"#? ?{_VALUE}")
_TRAILING = re.compile(r"^\d\S* .*[A-Z]{2,} #?(?:\d+[A-Z]?|[A-Z]-?\d+|[A-Z])$")  # 12 OAK ST 4B
_PART_ONLY = re.compile(rf"(?:{_UNIT_WORD}|BLDG|BUILDING|FLOOR|EDIFICIO|PISO|#)[ #:?-]*")
_BOX = re.compile(r"\b(?:P ?O ?B(?:OX)?|POST OFFICE BOX|APARTADO(?: POSTAL)?|APDO)\b|^BOX (?=#|\d)")
_GENERAL = re.compile(r"^(?:GEN(?:ERAL)? DEL(?:IVERY)?|ENTREGA GENERAL|LISTA DE CORREOS)\b")
_ROUTE = re.compile(
    r"^(?:RR|R R|RURAL (?:ROUTE|RTE)|RFD|HC|H C|HIGHWAY CONTRACT|STAR R(?:OU)?TE|PSC|CMR|UNIT \d+ BOX|BOX)\b.*\d"
    r"|\bBOX #? ?\d"
)
_STREET = re.compile(r"^\d[\w/-]* +(?:[NSEW]{1,2} )?[A-Z\d]{2,}")
_ORDINAL = re.compile(r"\d+(?:ST|ND|RD|TH)")
_BY_NUMBER = (  # what stands before the number of a road, which is not that of a house
    *("HIGHWAY", "HWY", "ROUTE", "RTE", "RT", "ROAD", "RD", "COUNTY", "CR", "SR", "US", "I", "FM", "LOOP"),
    *("CALLE", "CARR", "CARRETERA", "AVENIDA", "AVE"),
)
_BUILDINGS = re.compile(
    r"\b(?:TOWERS?|APARTMENTS|APTS|SUITES|CONDOS?|CONDOMINIUMS?|LOFTS|RESIDENCES|DORM(?:ITORY)?|HIGH ?RISE|MHP"
    r"|(?:MOBILE HOME|TRAILER|RV) (?:PARK|COURT|VILLAGE)|EDIFICIO|CONDOMINIO|COND|TORRES?|RESIDENCIAL)\b(?: ([A-Z]+))?"
)
_PUERTO_RICO_STREET = re.compile(r"\bCALLE (?:\d+|[A-Z])(?= |$)|^[A-Z]{1,2} ?-? ?\d+[A-Z]? (?=CALLE)")
_PUERTO_RICO_AREA = re.compile(
    r"\b(?:URB|URBANIZACION|EXT|REPTO|REPARTO|VILLAS?|JARD|JARDINES|MANS|MANSIONES|ALTS|ALTURAS|ESTANCIAS|EST|BDA"
    r"|BARRIADA|PARC|PARCELAS|COND|CONDOMINIO|EDIF|EDIFICIO|RES|RESIDENCIAL|BO|BARRIO|SECT|SECTOR|COM|COMUNIDAD"
    r"|CARR|CARRETERA|KM|QTAS|QUINTAS|HACIENDA|HDA|VALLE|LOMAS|COLINAS|PASEO|PUEBLO)\b"
)
_PUERTO_RICO_HOMES = re.compile(r"^(?:COND|CONDOMINIO|EDIF|EDIFICIO|RES|RESIDENCIAL)\b.*\d")  # its name is its number
_UNIT_SIGNS = (
    "APT",
    "APARTMENT",
    "APTMT",
    "APPT",
    "UNIT",
    "STE",
    "SUITE",
    "RM",
    "ROOM",
    "APTO",
    "APARTAMENTO",
    "UNIDAD",
)
_COUNTED = ("ONE", "TWO", "THREE", "FOUR", "FIVE", "SIX", "SEVEN", "EIGHT", "NINE", "TEN", "UNO", "DOS", "TRES")


def street_line(kind: str, line1: str, box: str) -> str:
    """The line of the street as it is printed: GENERAL DELIVERY is made, and a box number gets its `PO BOX`."""
    if kind == "general":
        return line1 if _GENERAL.search(_flat(line1)) else GENERAL_DELIVERY
    if not box or (kind != "box" and line1):
        return line1
    flat = _flat(box)
    bare = re.fullmatch(r"(?:BOX ?)?#? ?([A-Z\d-]+)", flat)
    return f"PO BOX {bare[1]}" if bare and bare[1] not in ("POBOX", "BOX", "POB") else box


def is_general(line1: str) -> bool:
    """Whether it is to be picked up at a post office."""
    return bool(_GENERAL.search(_flat(line1)))


def warnings(typed: Mapping[str, str], place: Place, around: Callable[[], Collection[str]] = tuple) -> list[Doubt]:
    """What looks odd in an address, in the order of its fields; at most one doubt of each sort.

    `typed` is what was typed, by field (`orders.draft.FIELDS`), tidied; missing fields are empty. `place` is that of
    its ZIP code. `around` gives the names of cities near, and is asked only where the place does not know the city.
    """
    address = {name: typed.get(name, "") for name in FIELDS}
    kind = address["kind"]
    doubts = [*_of_name(address), *_of_street(address, kind), *_of_unit(address, kind)]
    return doubts + _of_place(address, place, around)


def _of_name(address: Mapping[str, str]) -> list[Doubt]:
    name, kind = address["name"], address["kind"]
    doubts = []
    if "@" in name or sum(sign.isdigit() for sign in name) >= 7:
        doubts.append(Doubt("name", "name-reach", ("name",)))
    elif len([sign for sign in name if sign.isalnum()]) == 1:
        doubts.append(Doubt("name", "name-short", ("name",)))
    elif re.match(r"\d+ [A-Z]{2}", _flat(name)) or _BOX.search(_flat(name)):
        doubts.append(Doubt("name", "name-street", ("name",)))
    if kind == "other" and not address["care_of"]:
        doubts.append(Doubt("care_of", "care-of-missing", ("care_of", "kind")))
    if kind not in ("", "other") and address["care_of"]:
        doubts.append(Doubt("care_of", "care-of-unused", ("care_of", "kind")))
    return doubts


def _of_street(address: Mapping[str, str], kind: str) -> list[Doubt]:
    """Of the line of the street or box."""
    line1, line2, box = (_flat(address[name]) for name in ("line1", "line2", "box"))
    if kind == "general":
        return _unused(line1 and not _GENERAL.search(line1))
    if kind == "box" and box:
        return _of_box("box", box) + _unused(line1)
    if _GENERAL.search(line1):
        return []
    if not line1 and box:
        return _of_box("box", box)
    doubts = [Doubt("box", "box-unused", ("box", "kind"))] if box else []
    if _BOX.search(line1) or kind == "box":
        return doubts + _of_box("line1", line1)
    if _ROUTE.search(line1) or not line1:
        return doubts
    if re.search(rf".\b{re.escape(address['zip'][:5] or '-')}\b", line1):
        doubts.append(Doubt("line1", "whole-address", ("line1",)))
    if _UNIT_ONLY.fullmatch(line1):
        doubts.append(Doubt("line1", "unit-first", ("line1",)))
    elif not (_has_number(line1) or _STREET.search(line2) or _BOX.search(line2) or _ROUTE.search(line2)):
        doubts.append(Doubt("line1", "no-number", ("line1",)))
    return doubts


def _unused(line1: object) -> list[Doubt]:
    return [Doubt("line1", "street-unused", ("line1", "kind"))] if line1 else []


def _of_box(field: str, text: str) -> list[Doubt]:
    """Of a line that is, or should be, a PO box."""
    rest = _BOX.sub(" ", text).strip(" #")
    if _STREET.search(text) and not _BOX.search(text):
        return [Doubt(field, "box-is-street", (field,))]
    if not re.search(r"\d", rest) and not re.fullmatch(r"[A-Z]{1,2}", rest):
        return [Doubt(field, "box-missing", (field,))]
    return []


def _of_unit(address: Mapping[str, str], kind: str) -> list[Doubt]:
    line1, line2 = _flat(address["line1"]), _flat(address["line2"])
    about = ("line1", "line2")
    if kind in ("box", "general") or _GENERAL.search(line1):
        return [Doubt("line2", "unit-here", (*about, "kind"))] if line2 and not _BOX.search(line2) else []
    if _BOX.search(line1) or _ROUTE.search(line1):
        return []
    if _DANGLING.search(line1) and not re.search(r"\d|\b[A-Z]{1,2}\b", line2):
        return [Doubt("line2", "unit-missing", about)]
    if _PART_ONLY.fullmatch(line2):
        return [Doubt("line2", "unit-missing", about)]
    inside = _UNIT.search(line1)
    if inside and not _UNIT_ONLY.fullmatch(line1) and (_UNIT.search(line2) or _BARE_VALUE.fullmatch(line2)):
        return [Doubt("line2", "unit-twice", about)]
    if _many_homes(f"{line1} , {line2}") and not _has_unit(line1, line2):
        return [Doubt("line2", "many-homes", about)]
    return []


def _many_homes(text: str) -> bool:
    return any(
        not re.search(r"\b(?:CALLE|AVE|AVENIDA) $", text[: found.start()])
        and homewords.MEANT.get(found[1] or "", found[1] or "") not in homewords.STREETS  # not 12 Tower Rd
        for found in _BUILDINGS.finditer(text)
    )


def _has_unit(line1: str, line2: str) -> bool:
    *_, before, last = ["", "", *line1.split()]
    trailing = _TRAILING.search(line1) and before not in _BY_NUMBER and last not in homewords.DIRECTIONS
    said = _UNIT.search(line1) or re.search(r"\d|\b[A-Z]\b", line2) or "PISO" in line2
    return bool(said or (trailing and _BUILDINGS.search(line1)))


def _has_number(line1: str) -> bool:
    """Whether one of its numbers may be that of a house, not of a road or an apartment."""
    words = re.findall(r"[A-Z\d/-]*[A-Z\d]|#", line1)
    if words and (words[0] in _COUNTED or _PUERTO_RICO_HOMES.search(line1)):
        return True
    spanish = "CALLE" in words
    for before, word in zip(["", *words], words, strict=False):
        road = before in _BY_NUMBER or (before == "#" and not spanish) or before in _UNIT_SIGNS
        if re.search(r"\d", word) and not (_ORDINAL.fullmatch(word) or road or re.match(r"(?:APT|UNIT|STE)\d", word)):
            return True
    return False


def _of_place(address: Mapping[str, str], place: Place, around: Callable[[], Collection[str]]) -> list[Doubt]:
    """Of urbanization, city, state and ZIP code."""
    city, state, kind = citynames.plain(address["city"]), address["state"], address["kind"]
    doubts = []
    line = _flat(f"{address['line1']} {address['line2']}")
    plain_street = kind not in ("box", "general") and not (_BOX.search(line) or _ROUTE.search(line))
    open_street = plain_street and _PUERTO_RICO_STREET.search(line) and not _PUERTO_RICO_AREA.search(line)
    if state == "PR" and open_street and not address["urbanization"]:
        doubts.append(Doubt("urbanization", "urbanization", ("line1", "line2", "state")))
    military = city in MILITARY_CITIES
    if state in MILITARY_STATES and not military:
        doubts.append(Doubt("city", "military-city", ("city", "state")))
    elif re.search(r"\d", city) and not citynames.same(city, (place.city, *place.names)):
        doubts.append(Doubt("city", "city-number", ("city",)))
    elif not military and state in place.states and not _is_known(city, place, around):
        doubts.append(Doubt("city", "city-unknown", ("city", "zip")))
    if (military or kind == "military") and state not in MILITARY_STATES:
        doubts.append(Doubt("state", "military-state", ("city", "state", "kind")))
    elif state not in place.states:
        doubts.append(ELSEWHERE)
    elif place.kind is ZipKind.PO_BOX and state not in _ISLANDS and plain_street and _STREET.search(line):
        doubts.append(Doubt("zip", "zip-boxes", ("line1", "zip")))
    return doubts


def _is_known(city: str, place: Place, around: Callable[[], Collection[str]]) -> bool:
    if citynames.same(city, (place.city, *place.names), place.states):
        return True
    return citynames.same(city, around(), place.states)


def _flat(text: str) -> str:
    """Capital letters without accents and full stops; commas become spaces. `#`, hyphens and slashes stay."""
    kept = re.sub(r"[^A-Z\d#/?:-]+", " ", citynames.capitals(text))
    return " ".join(kept.split())

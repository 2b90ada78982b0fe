"""One home, however its address is written: what household tags are made of. Pure, and never shown or stored.

It is lenient on purpose: `Apt 4`, `#4` and `Unit 4` are one home, but an address without its apartment is not the home
of anyone in the building, so that nobody waits for what a neighbour asked for. Abbreviations as in USPS Publication 28.
"""

import re
import unicodedata

from orders import homewords as words
from orders.intake import Person

_WITHIN = "|".join((*words.WITHIN, *(word for word, short in words.MEANT.items() if short in words.WITHIN)))
_PART = rf"(?:\b(?:{_WITHIN})|#)[ .#]*(?:\d|(?<=[ .#])[A-Z]\b)"  # `Apt B`, behind the name of who takes the mail
_CARE_OF = re.compile(
    r"(?:\bC\s?/\s?O\b|\b(?:IN )?CARE OF\b|\bATTN\b|\bA/C DE\b)"
    rf"(?:(?!{_PART})[^\n,\d])*(?:,|(?=\d)|(?={_PART})|$)"
)
_INITIALS = re.compile(r"\b([A-Z])\.(?=[A-Z]\b)")
_INNER_HYPHEN = re.compile(r"(?<=\d)[-\u2013](?=[A-Z]\b)")  # 4-B
_HOUSE_HYPHEN = re.compile(r"^(\d+)[-\u2013](?=\d+ +[^\s,])")  # of 12-34 31st Ave, at its beginning
_UNIT_HYPHEN = re.compile(r"(?<=\d)[-\u2013](?=\d)")  # of Apt 5-1, which is not Apt 51
_NOWHERE = re.compile(r"\b(?:GEN(?:ERAL)? DEL(?:IVERY)?|ENTREGA GENERAL|LISTA DE CORREOS)\b")
_ROUTE = re.compile(r"\b(?:RT|RTE|RD) (\w+) BOX\b")
_ORDINAL = re.compile(r"0*(\d+)(?:ST|ND|RD|TH)")
_UNIT_WORD = rf"(?:{'|'.join(words.UNITS)})"
_UNIT = re.compile(
    rf"(?:(?<= )|^){_UNIT_WORD}(?: {_UNIT_WORD})* (?:(\d+)(?: ([A-Z]))?|([A-Z])(?: (\d+))?|(\w*\d\w*))(?= |$)"
)
_BOX = re.compile(r"\bBOX \w*\d")
_APART = {  # what people write before the street or behind it
    "BLDG": re.compile(r"\bBLDG (\w+)"),
    "FL": re.compile(r"\bFL (\d+)\b|\b(\d+) FL\b"),
    "URB": re.compile(r"\bURB ((?:(?!CALLE |AVE )[A-Z]+(?: |$))+)"),
}
_SIGN = re.compile(r"(?<= )(?:#|NO) (?=\d)")
_NUMBER_LAST = re.compile(r"(CALLE [A-Z ]+|CALLE \d+) (\d+[A-Z]?)")
_BARE_UNIT = re.compile(r"[A-Z]?\d{1,4}[A-Z]?|\d{1,4}X\d{1,4}|\d{1,4} [A-Z]|[A-Z] \d{1,4}|[A-Z]")


def home_of(person: Person) -> str | None:
    """The same text for the same home, and another for any other; None where many collect their mail: General Delivery.

    The ZIP code stands for city and state. Nobody's name is in it.
    """
    first, second = _plain(person.line1), _plain(person.line2)
    if _NOWHERE.search(f"{first} {second}"):
        return None
    city = _plain(person.city)
    if second in (city, f"{city} {person.state}", f"{city} {person.state} {person.zip}"):
        second = ""
    if not first or _UNIT.match(first):
        first, second = second, first
    if _BARE_UNIT.fullmatch(second):
        second = f"APT {second}"
    text, parts = _taken_apart(f"{first} {second}".strip())
    if area := _plain(person.urbanization).removeprefix("URB ").strip():
        parts.add(f"URB {area}")
    return " | ".join([text, *sorted(parts), person.zip]) if text else None


def _plain(typed: str) -> str:
    """Capital letters and digits in single spaces, `#` and halves kept; nothing of who it is in care of."""
    flat = unicodedata.normalize("NFKD", typed.replace("½", " 1/2")).upper()
    flat = "".join(sign for sign in flat if not unicodedata.combining(sign))
    flat = _INITIALS.sub(r"\1", _CARE_OF.sub(" ", flat))
    flat = flat.translate({ord(sign): "" for sign in "’'‘`"}).strip()
    flat = _UNIT_HYPHEN.sub("X", _HOUSE_HYPHEN.sub(r"\1", _INNER_HYPHEN.sub("", flat)))
    tokens = re.findall(r"\d+/\d+|[A-Z\d]+|#", flat)
    text = " ".join(words.MEANT.get(token, token) for token in tokens)
    for pattern, meant in words.PHRASES:
        text = pattern.sub(meant, text)
    return " ".join(_number(token) for token in text.split())


def _number(token: str) -> str:
    if found := _ORDINAL.fullmatch(token):
        return found[1]
    return token.lstrip("0") or "0" if token[0].isdigit() else token


def _taken_apart(text: str) -> tuple[str, set[str]]:
    """The street and number, and the parts that people write before or behind them."""
    text = _ROUTE.sub(r"RR \1 BOX", text)
    if "CALLE" in text and not text[:1].isdigit():
        text = _SIGN.sub("", text)  # of a house, not of an apartment
    parts: set[str] = set()
    if not _BOX.search(text):
        if found := _UNIT.search(text):
            parts.add("UNIT " + _groups(found).lstrip("0"))
            text = _without(text, found)
        elif unit := _trailing_unit(text.split()):
            parts.add(f"UNIT {unit}")
            text = text[: -len(unit)].strip()
    for name, pattern in _APART.items():
        if found := pattern.search(text):
            parts.add(f"{name} {_groups(found)}")
            text = _without(text, found)
    if found := _NUMBER_LAST.fullmatch(text):
        text = f"{found[2]} {found[1]}"
    return text, parts


def _groups(found: re.Match[str]) -> str:
    return "".join(group for group in found.groups() if group).strip()


def _without(text: str, found: re.Match[str]) -> str:
    return " ".join(f"{text[: found.start()]} {text[found.end() :]}".split())


def _trailing_unit(tokens: list[str]) -> str:
    """The apartment of `12 Oak St 4B`; empty for `12 Highway 20` or `12 Oak St N`."""
    *street, last = tokens or [""]
    plain = len(street) > 2 and street[0][:1].isdigit() and street[-1] in words.STREETS - words.NUMBERED
    like = re.fullmatch(r"[A-Z]?\d{1,4}[A-Z]?|\d{1,4}X\d{1,4}|[A-Z]", last) and last not in words.DIRECTIONS
    named = plain and street[-2] not in words.DIRECTIONS | words.NUMBERED
    return last if plain and like and named else ""

"""What a scanner sends: a plain lot number, or a GS1 element string with product, lot and expiry.

Source: GS1 General Specifications, application identifiers 01 (14 digits), 10 and 21 (up to 20 characters,
ended by FNC1, which scanners send as ASCII 29), 17 (YYMMDD; day 00 means the last day of the month).
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date

from distro.errors import Refusal

GS = "\x1d"
_SYMBOLOGY = re.compile(r"^\](?:d2|C1|Q3|e0)")
_BRACKETS = re.compile(r"\((\d{2})\)([^(]*)")
_FIXED = {"01": 14, "17": 6, "11": 6}
_VARIABLE = {"10", "21"}


class ScanUnreadable(Refusal):
    """The scan looks like GS1 but cannot be taken apart for sure."""

    status = 422
    sentence = "This barcode could not be read for sure. Scan it again, or type the lot number."


@dataclass(frozen=True)
class Scan:
    """What a barcode holds; None where it says nothing."""

    gtin: str | None = None
    lot: str | None = None
    expires_on: date | None = None
    serial: str | None = None


def parse(scanned: str) -> Scan:
    """Read a scan. Text that is not GS1 is a lot number. Raises ScanUnreadable instead of guessing."""
    text = scanned.strip(" \t\r\n")
    if text.startswith("("):
        return _scan(dict(_BRACKETS.findall(text)))
    marked = _SYMBOLOGY.match(text)
    body = _SYMBOLOGY.sub("", text)
    if marked or GS in body or re.match(r"01\d{14}(10|11|17|21)", body):
        return _scan(_elements(body))
    return Scan(lot=text)


def lot_number(scanned: str) -> str:
    """The lot number in a scan. Raises ScanUnreadable if it holds none."""
    lot = parse(scanned).lot
    if not lot:
        raise ScanUnreadable
    return lot


def is_scannable(number: str) -> bool:
    """Whether a plain barcode of this lot number reads as just that, and one with GS1 brackets names all of it."""
    try:
        return number.isprintable() and "(" not in number and parse(number) == Scan(lot=number or None)
    except ScanUnreadable:
        return False


def check_digit_ok(gtin: str) -> bool:
    """Whether the last digit of a GTIN follows from the others (weights 3 and 1 from the right)."""
    digits = [int(digit) for digit in gtin]
    return sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits))) % 10 == 0


def _elements(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    rest = body.lstrip(GS)
    while rest:
        key, rest = rest[:2], rest[2:]
        if key in _FIXED:
            found[key], rest = rest[: _FIXED[key]], rest[_FIXED[key] :].lstrip(GS)
        elif key in _VARIABLE:
            value, _, rest = rest.partition(GS)
            found[key] = value
        else:
            raise ScanUnreadable
    return found


def _scan(elements: dict[str, str]) -> Scan:
    gtin, lot = elements.get("01"), elements.get("10")
    if gtin is not None and not (len(gtin) == 14 and gtin.isdigit() and check_digit_ok(gtin)):
        raise ScanUnreadable
    if lot is not None and not 1 <= len(lot) <= 20:
        raise ScanUnreadable
    return Scan(gtin, lot, _expiry(elements["17"]) if "17" in elements else None, elements.get("21"))


def _expiry(text: str) -> date:
    if len(text) != 6 or not text.isdigit():
        raise ScanUnreadable
    year, month, day = 2000 + int(text[:2]), int(text[2:4]), int(text[4:])
    try:
        return date(year, month, day or calendar.monthrange(year, month)[1])
    except (ValueError, calendar.IllegalMonthError):
        raise ScanUnreadable from None

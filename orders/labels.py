"""What goes on paper: the 4x6 inch label and slip of a parcel, and the pick sheet. Values in, PDF bytes out.

Label and slip name no item and no program: letters stand for items. The same values give the same bytes.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from typing import Any

from flask_babel import gettext
from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.pagesizes import letter
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from distro.languages import SOURCE, speaking
from orders.addresscheck import is_general
from orders.intake import Person
from orders.models import Allocation

PLAIN, BOLD = "Vera", "VeraBd"  # Bitstream Vera, which comes with reportlab and has the Latin letters
INCH = 72.0  # points
LABEL_SIZE = (4 * INCH, 6 * INCH)
MARGIN = 0.25 * INCH
NO_NAME = "RECIPIENT"
UNTRACKED = "FIRST-CLASS MAIL"  # the marking of mail without tracking; it says so to who posts it, and nothing else
_AREAS = ("URB", "URBANIZACION", "EXT", "REPTO", "REPARTO", "VILLA", "VILLAS", "JARD", "MANS", "ALTS", "BDA", "COND")


@dataclass(frozen=True)
class Pick:
    """One line of a pick sheet: take `quantity` units of a lot from a bin."""

    bin: str
    lot: str
    expires_on: date
    letter: str
    name: str
    quantity: int


def line_of(pick: Allocation) -> Pick:
    """The line of one allocation."""
    item = pick.lot.item
    asked = next((line.asked_item for line in pick.order.lines if line.id == pick.line_id), None)
    name = f"{item.name} (instead of {asked.letter})" if asked else item.name
    return Pick(pick.bin.code, pick.lot.number, pick.lot.expires_on, item.letter, name, pick.quantity)


@dataclass(frozen=True)
class Section:
    """One order on a pick sheet."""

    number: str
    picks: tuple[Pick, ...]


def label_and_slip(
    person: Person, *, number: str, return_lines: Sequence[str], contents: Sequence[tuple[str, int]]
) -> bytes:
    """One print job for a parcel: the label, then the slip. `contents` are (item letter, units)."""
    canvas, buffer = _document(LABEL_SIZE, "Label")
    _draw_label(canvas, person, number, return_lines)
    canvas.showPage()
    _draw_slip(canvas, number, contents, person.language)
    canvas.save()
    return buffer.getvalue()


def label(person: Person, *, number: str, return_lines: Sequence[str]) -> bytes:
    """A 4x6 inch label: neutral return address, the recipient in postal style, the order number as Code 128."""
    canvas, buffer = _document(LABEL_SIZE, "Label")
    _draw_label(canvas, person, number, return_lines)
    canvas.save()
    return buffer.getvalue()


def slip(*, number: str, contents: Sequence[tuple[str, int]], language: str) -> bytes:
    """A 4x6 inch slip for inside the box: item letters and units, in the person's language."""
    canvas, buffer = _document(LABEL_SIZE, "Slip")
    _draw_slip(canvas, number, contents, language)
    canvas.save()
    return buffer.getvalue()


def pick_sheet(title: str, sections: Sequence[Section]) -> bytes:
    """A letter-size list for the shelves: each order's lots sorted by bin, with an empty column to confirm."""
    canvas, buffer = _document(letter, "Pick sheet")
    top, bottom = letter[1] - 0.6 * INCH, 0.6 * INCH
    y = _sheet_head(canvas, title, top)
    for section in sections:
        room = 0.7 * INCH + 0.28 * INCH * len(section.picks)
        if y - min(room, top - bottom - INCH) < bottom:
            canvas.showPage()
            y = _sheet_head(canvas, title, top)
        y = _section_head(canvas, section, y)
        for pick in sorted(section.picks, key=lambda pick: (pick.bin, pick.expires_on, pick.lot)):
            if y < bottom:
                canvas.showPage()
                y = _section_head(canvas, section, _sheet_head(canvas, title, top))
            y = _pick_row(canvas, pick, y)
        y -= 0.25 * INCH
    canvas.save()
    return buffer.getvalue()


def address_lines(person: Person) -> list[str]:
    """Name and address as the Postal Service asks for them (Publication 28): capitals, no commas or full stops,
    a group or whose address it is below the name, an urbanization above the street, city, state and two spaces before
    the ZIP code on the last line, with -9999 behind it for General Delivery (Domestic Mail Manual 508.6).
    """
    zip_code = f"{person.zip}-9999" if is_general(person.line1) else person.zip
    last = f"{_postal(person.city)} {person.state}  {zip_code}"
    who = [_postal(person.name) or NO_NAME, _postal(person.organisation), care_of(person)]
    return [line for line in (*who, *street_lines(person), last) if line]


def care_of(person: Person) -> str:
    """The line that says whose address it is; empty if nobody's."""
    name = _postal(person.care_of)
    return name if not name or name.startswith(("C/O ", "CARE OF ")) else f"C/O {name}"


def street_lines(person: Person) -> list[str]:
    """Urbanization, street and unit, as they stand above the city; those there are."""
    area = _postal(person.urbanization)
    if area and area.split()[0] not in _AREAS:
        area = f"URB {area}"
    return [line for line in (area, _postal(person.line1), _postal(person.line2)) if line]


def printable(text: str) -> str:
    """The text in letters our font has: an accent it lacks is left off, then what is left over is dropped."""
    glyphs = _glyphs()
    kept = []
    for character in unicodedata.normalize("NFC", text):
        if ord(character) in glyphs:
            kept.append(character)
        else:
            plain = unicodedata.normalize("NFKD", character)
            kept.extend(part for part in plain if ord(part) in glyphs and not unicodedata.combining(part))
    return " ".join("".join(kept).split())


def _postal(text: str) -> str:
    return printable(text.upper().replace(",", " ").replace(".", " "))


@lru_cache(maxsize=1)
def _glyphs() -> frozenset[int]:
    fonts = [TTFont(name, f"{name}.ttf") for name in (PLAIN, BOLD)]
    for font in fonts:
        pdfmetrics.registerFont(font)
    common = set.intersection(*(set(font.face.charToGlyph) for font in fonts))
    return frozenset(code for code in common if not unicodedata.category(chr(code)).startswith("C"))


def _document(size: tuple[float, float], title: str) -> tuple[Any, BytesIO]:
    _glyphs()  # registers the fonts
    buffer = BytesIO()
    canvas = Canvas(buffer, pagesize=size, invariant=1)
    canvas.setTitle(title)
    return canvas, buffer


def _draw_label(canvas: Any, person: Person, number: str, return_lines: Sequence[str]) -> None:
    width, height = LABEL_SIZE
    y = height - MARGIN - 9
    for line in return_lines:
        y = _fitted(canvas, printable(line), MARGIN, y, width / 2, font=PLAIN, size=9)
    if person.untracked:
        canvas.setFont(BOLD, 11)
        canvas.drawRightString(width - MARGIN, height - 1.4 * INCH, UNTRACKED)
    canvas.setLineWidth(1)
    canvas.line(MARGIN, height - 1.5 * INCH, width - MARGIN, height - 1.5 * INCH)
    y = height - 2.1 * INCH
    for place, line in enumerate(address_lines(person)):
        y = _fitted(canvas, line, 0.4 * INCH, y, width - 0.65 * INCH, font=PLAIN if place else BOLD, size=14)
    canvas.line(MARGIN, 1.75 * INCH, width - MARGIN, 1.75 * INCH)
    _draw_code(canvas, number, 0.8 * INCH)


def _draw_slip(canvas: Any, number: str, contents: Sequence[tuple[str, int]], language: str) -> None:
    width, height = LABEL_SIZE
    title, line, footer = _slip_words(number, language)
    canvas.setFont(BOLD, 16)
    canvas.drawString(MARGIN, height - 0.55 * INCH, title)
    canvas.setFont(PLAIN, 11)
    canvas.drawString(MARGIN, height - 0.8 * INCH, line)
    canvas.line(MARGIN, height - 0.95 * INCH, width - MARGIN, height - 0.95 * INCH)
    rows = max(1, -(-len(contents) // 2))
    step = min(0.36 * INCH, 2.8 * INCH / rows)
    canvas.setFont(BOLD, min(18, step * 0.7))
    for place, (sign, units) in enumerate(contents):
        column, row = divmod(place, rows)
        canvas.drawString(MARGIN + column * 1.75 * INCH, height - 1.35 * INCH - row * step, f"{sign} × {units}")
    _fitted(canvas, footer, MARGIN, 1.5 * INCH, width - 2 * MARGIN, font=PLAIN, size=9)
    _draw_code(canvas, number, 0.65 * INCH)


def _slip_words(number: str, language: str) -> tuple[str, str, str]:
    """Title, order and last line of a slip; in English, if our font has not the letters of the language."""
    with speaking(language):
        words = (
            gettext("Packing slip"),
            gettext("Order %(number)s", number=number),
            gettext("Your code shows what we know about it."),
        )
    if all(printable(text) == " ".join(unicodedata.normalize("NFC", text).split()) for text in words):
        return words
    return _slip_words(number, SOURCE)


def _draw_code(canvas: Any, number: str, y: float) -> None:
    code = Code128(number, barHeight=0.6 * INCH, barWidth=1.6, quiet=1)
    code.drawOn(canvas, (LABEL_SIZE[0] - code.width) / 2, y)
    canvas.setFont(BOLD, 13)
    canvas.drawCentredString(LABEL_SIZE[0] / 2, y - 0.25 * INCH, number)


def _fitted(canvas: Any, text: str, x: float, y: float, width: float, *, font: str, size: float) -> float:
    """Write a line, smaller or broken if it is too long; gives back where the next one stands."""
    while size > 8 and pdfmetrics.stringWidth(text, font, size) > width:
        size -= 0.5
    canvas.setFont(font, size)
    for part in simpleSplit(text, font, size, width):
        while part:
            fits = len(part)
            while fits > 1 and pdfmetrics.stringWidth(part[:fits], font, size) > width:
                fits -= 1
            canvas.drawString(x, y, part[:fits])
            part, y = part[fits:], y - size * 1.35
    return y


COLUMNS = (0.6, 1.5, 3.1, 4.3, 6.6, 7.2)  # inches from the left: bin, lot, expires, item, take, confirmed


def _sheet_head(canvas: Any, title: str, y: float) -> float:
    canvas.setFont(BOLD, 13)
    canvas.drawString(COLUMNS[0] * INCH, y, printable(title))
    canvas.setFont(PLAIN, 8)
    canvas.drawRightString(letter[0] - 0.6 * INCH, y, str(canvas.getPageNumber()))
    return y - 0.35 * INCH


def _section_head(canvas: Any, section: Section, y: float) -> float:
    code = Code128(section.number, barHeight=0.22 * INCH, barWidth=0.9, quiet=1)
    code.drawOn(canvas, letter[0] - 0.6 * INCH - code.width, y - 3)
    canvas.setFont(BOLD, 11)
    canvas.drawString(COLUMNS[0] * INCH, y, section.number)
    y -= 0.24 * INCH
    canvas.setFont(BOLD, 8)
    for place, word in zip(COLUMNS, ("Bin", "Lot", "Expires", "Item", "Take", "Confirmed"), strict=True):
        canvas.drawString(place * INCH, y, word)
    canvas.line(COLUMNS[0] * INCH, y - 3, letter[0] - 0.6 * INCH, y - 3)
    return y - 0.24 * INCH


def _pick_row(canvas: Any, pick: Pick, y: float) -> float:
    texts = (pick.bin, pick.lot, f"{pick.expires_on:%b %-d, %Y}", f"{pick.letter}  {pick.name}", str(pick.quantity))
    rooms = (0.85, 1.55, 1.15, 2.25, 0.5)
    for place, text, room in zip(COLUMNS, texts, rooms, strict=False):
        _cut(canvas, printable(text), place * INCH, y, room * INCH, BOLD if place == COLUMNS[0] else PLAIN)
    canvas.rect(COLUMNS[-1] * INCH, y - 4, 0.6 * INCH, 0.2 * INCH)
    return y - 0.28 * INCH


def _cut(canvas: Any, text: str, x: float, y: float, width: float, font: str) -> None:
    size = 9.0
    while size > 5 and pdfmetrics.stringWidth(text, font, size) > width:
        size -= 0.5
    canvas.setFont(font, size)
    canvas.drawString(x, y, text)

"""The cards on paper: a letter sheet that folds twice to 4¼ x 5½ inches and fits any parcel. Values in, PDF bytes out.

It goes inside the box, so it says what the products are; it names no person, no order and no program. The same values
give the same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

from flask_babel import gettext
from reportlab.lib.pagesizes import letter
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.platypus import BaseDocTemplate, Frame, KeepTogether, PageBreak, PageTemplate, Paragraph

from distro.languages import SOURCE, speaking
from orders.cards import Card, Source
from orders.labels import BOLD, INCH, PLAIN, printable

SIZES = (10.0, 9.5, 9.0)  # points, the largest that fits; below the last one, it takes another side
SMALL = 7.0  # points of the sources and of the numbers that point to them
EDGE = 0.28 * INCH  # around each quarter, so that no letter lies in a fold
_NOTE = f'<super size="{SMALL:g}" rise="3">{{}}</super>'
_NO_PADDING = {"leftPadding": 0, "rightPadding": 0, "topPadding": 0, "bottomPadding": 0}


@dataclass(frozen=True)
class Phone:
    """A helpline as paper shows it."""

    name: str
    number: str


def sheet(
    cards: Sequence[Card], languages: Sequence[str], phones: Mapping[str, Sequence[Phone]], *, pages: int = 1
) -> bytes:
    """The cards in each language, which starts on a page of its own: printed on both sides, two pages make one sheet.

    A language takes `pages`, or more where letters of 9 points need more. One whose letters our font lacks is left
    for English.
    """
    printable("")  # registers the fonts, which would undo the next line
    pdfmetrics.registerFontFamily(PLAIN, normal=PLAIN, bold=BOLD, italic=PLAIN, boldItalic=BOLD)
    story: list[Any] = []
    sources = list(dict.fromkeys(source for card in cards for source in card.sources))
    for language in dict.fromkeys(_printable_in(one, cards) for one in languages):
        with speaking(language):
            told = [_card(card, sources) for card in cards]
            numbers = [f"<b>{_text(one.name)}</b> {one.number}" for one in phones.get(language, ())]
            heads = _Heads(gettext("Call for help"), gettext("Sources"), tuple(map(_dated, sources)))
        size = _fitting(told, numbers, heads, pages)
        story += [PageBreak()] if story else []
        story += _story(told, numbers, heads, size)
    return _build(story)[0]


@dataclass(frozen=True)
class _Told:
    """A card in one language, ready to set."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Heads:
    help: str
    sources: str
    dates: tuple[str, ...]


def _card(card: Card, sources: Sequence[Source]) -> _Told:
    """Each line with the number of its source on this paper."""
    lines = []
    for place, line in enumerate(card.lines, 1):
        mark = f"{place}." if card.steps and not line.aside else "•"
        note = _NOTE.format(sources.index(line.source) + 1)
        lines.append(f"{mark} {_text(str(line.text))}{note}")
    return _Told(_text(f"911 · {card.title}" if card.call else str(card.title)), tuple(lines))  # a line would not fit


def _dated(source: Source) -> str:
    day = source.day.isoformat()
    return _text(f"{source.name}, " + (gettext("read %(day)s", day=day) if source.is_read else day))


def _fitting(told: Sequence[_Told], numbers: Sequence[str], heads: _Heads, pages: int) -> float:
    """The largest size at which it takes no more pages than asked for, or than the smallest size takes anyway."""
    takes = {size: _build(_story(told, numbers, heads, size))[1] for size in SIZES}
    return next(size for size in SIZES if takes[size] <= max(pages, takes[SIZES[-1]]))


def _story(told: Sequence[_Told], numbers: Sequence[str], heads: _Heads, size: float) -> list[Any]:
    plain = ParagraphStyle("plain", fontName=PLAIN, fontSize=size, leading=size * 1.2, spaceAfter=size * 0.2)
    head = ParagraphStyle(
        "head", parent=plain, fontName=BOLD, fontSize=size * 1.15, leading=size * 1.5, spaceBefore=size * 0.6
    )
    line = ParagraphStyle("line", parent=plain, leftIndent=size * 1.3, firstLineIndent=-size * 1.3)
    small = ParagraphStyle("small", parent=plain, fontSize=SMALL, leading=SMALL * 1.2, spaceAfter=0)
    blocks = [[Paragraph(one.title, head), *(Paragraph(text, line) for text in one.lines)] for one in told]
    if numbers:
        blocks.insert(2, [Paragraph(heads.help, head), *(Paragraph(text, plain) for text in ("<b>911</b>", *numbers))])
    blocks.append(
        [
            Paragraph(
                f"<b>{heads.sources}</b> {' '.join(f'<b>{at}</b> {one}.' for at, one in enumerate(heads.dates, 1))}",
                small,
            )
        ]
    )
    return [KeepTogether(block) for block in blocks]


def _build(story: Sequence[Any]) -> tuple[bytes, int]:
    """The bytes, and how many pages they are."""
    width, height = letter[0] / 2, letter[1] / 2
    quarters = [(0, height), (width, height), (0, 0), (width, 0)]  # as they are read once it lies open
    frames = [Frame(x + EDGE, y + EDGE, width - 2 * EDGE, height - 2 * EDGE, **_NO_PADDING) for x, y in quarters]
    buffer = BytesIO()
    document = BaseDocTemplate(
        buffer, pagesize=letter, pageTemplates=[PageTemplate(frames=frames)], invariant=1, title="Cards", author=""
    )
    document.build(list(story))
    return buffer.getvalue(), document.page


def _printable_in(language: str, cards: Sequence[Card]) -> str:
    with speaking(language):
        told = [str(card.title) for card in cards] + [str(line.text) for card in cards for line in card.lines]
    return language if all(printable(text) == " ".join(text.split()) for text in told) else SOURCE


def _text(text: str) -> str:
    return escape(printable(text))

"""Made-up languages that show what a page forgot: text that is not translated, room that is too small, left for right.

Each text stands in ⟦brackets⟧, so what stands outside them was never translated.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from distro import languages
from tests.depot import EFFECTS, ITEMS, STATES

ROOT = Path(__file__).parents[1]
LONG, MIRRORED = "de", "ar"  # real codes, since a language without one has no direction and no names of months
SPANISH = languages.OURS / "es" / "LC_MESSAGES" / "messages.po"
HOLE = re.compile(r"(%\(\w+\)[a-z]|%%)")
ACCENTS = str.maketrans("aeiouyncszlrtdgAEIOUYNCSZ", "áéíóúýñçšžľŕťďğÁÉÍÓÚÝÑÇŠŽ")
TO_ARABIC = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ابثدعفجهيژكلمنوپقرستوڤشخيز")


def marked(text: str) -> str:
    """The text as it is, in brackets: as a skeleton that a translator began."""
    return f"⟦{text}⟧"


def longer(text: str) -> str:
    """At least 35 % longer, with accents; the words grow too, as they do in German."""
    told = marked(_outside_holes(text, lambda part: re.sub("([aeiou])", r"\1\1", part).translate(ACCENTS)))
    while len(told) < 1.35 * len(text):
        told = told[:-1] + " öö⟧"
    return told


def mirrored(text: str) -> str:
    """In Arabic letters, so that it runs from right to left. It says nothing."""
    return marked(_outside_holes(text, lambda part: part.lower().translate(TO_ARABIC)))


def make(folder: Path, code: str, change: Callable[[str], str]) -> None:
    """A compiled catalog of every text of ours and of the depot, changed."""
    catalog = Catalog(locale=code)
    for text in {*our_texts(), *data_texts(), *depot_texts()}:
        catalog.add(text, change(text), flags=["python-format"] if HOLE.search(text) else [])
    path = folder / code / "LC_MESSAGES" / "messages.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, catalog)


def our_texts() -> set[str]:
    """The English of every text that the catalogs must have."""
    with SPANISH.open("rb") as file:
        return {str(message.id) for message in read_po(file) if message.id}


@cache
def data_texts() -> set[str]:
    """What translate.cfg finds besides: names and sentences that stand in two languages."""
    with (ROOT / "translate.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    chosen = [(pattern, method) for pattern, method in methods if method.startswith("distro.pairs")]
    return {str(found[2]) for found in extract_from_dir(ROOT, chosen, options, directory_filter=is_ours)}


def is_ours(folder: object) -> bool:
    """Whether pybabel should look into a folder of ours."""
    return not any(part.startswith(".") or part in ("tests", "docs") for part in Path(str(folder)).parts[-1:])


def untranslated(texts: Iterable[str]) -> list[str]:
    """Of the texts of a page, those with words outside brackets."""
    return [text for text in texts if re.search(r"[^\W\d_]{2,}", _outside_brackets(text))]


def _outside_brackets(text: str) -> str:
    depth, outside = 0, ""
    for sign in text:
        depth += (sign == "⟦") - (sign == "⟧")
        outside += sign if depth == 0 else ""
    return outside


def _outside_holes(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if HOLE.fullmatch(part) else change(part) for part in HOLE.split(text))


def depot_texts() -> set[str]:
    """Names and reasons in the depot of the tests, which stand in no file."""
    names = {code.replace("-", " ").capitalize() for code in ITEMS}
    reasons = {f"About {item} in {place}." for item, places in EFFECTS.items() for place in places}
    return names | reasons | set(STATES.values())

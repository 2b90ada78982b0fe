"""The response cards: every line has its source and day, stands in both languages, and uses none of the never-words."""

import base64
import re
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from orders import cards, labels, reading_pages
from tests.depot import Depot, sign_in

NEVER = [
    line
    for line in Path("geo/data/never-words.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
NEVER_WORDS = re.compile(rf"\b(?:{'|'.join(NEVER)})\b", re.IGNORECASE)
LONGEST = 26  # words in a sentence
ITEMS = {
    one["code"] for one in yaml.safe_load(Path("distro/data/demo-catalog.yaml").read_text(encoding="utf-8"))["items"]
}


def text_of(pdf: bytes) -> list[str]:
    """The letters of each page, in the order they were set and without blanks."""
    done = subprocess.run(["pdftotext", "-raw", "-", "-"], input=pdf, capture_output=True, check=True)
    return [_squeezed(page) for page in done.stdout.decode().split("\f")[:-1]]


def faults(told: dict[str, Any]) -> list[str]:
    """What is amiss with a file of cards."""
    found = []
    for text in _texts(told):
        found += [f"never: {text}"] if NEVER_WORDS.search(text) else []
        found += [f"long: {one}" for one in re.split(r"[.?!:] ", text) if len(one.split()) > LONGEST]
    for one in _dicts(told):
        missing = {key.removesuffix("_es") for key in one if key.endswith("_es")} ^ {
            key for key in ("text", "title", "why") if key in one
        }
        found += [f"one language: {one}"] if missing or any(one[key] == "" for key in one) else []
    sources = told["sources"]
    for key, one in sources.items():
        dated = "date" in one or "read" in one
        found += [] if dated and one["url"].startswith("http") and one["name"] else [f"no day, name or address: {key}"]
    named = {one["source"] for one in _dicts(told) if "source" in one}
    return found + [f"source {key}" for key in named ^ set(sources)]


def test_every_line_has_a_dated_source_and_stands_in_both_languages() -> None:
    assert faults(_told()) == []
    for card in cards.deck().cards.values():
        assert card.lines and all(line.source in card.sources for line in card.lines), card.name


@pytest.mark.parametrize(
    ("put", "says"),
    [
        ({"text": "Keep it clean."}, "never"),
        ({"text_es": "Manténgalo limpio."}, "never"),
        ({"text_es": ""}, "one language"),
        ({"source": "my-aunt"}, "source my-aunt"),
        ({"text": " ".join(["word"] * 30)}, "long"),
    ],
)
def test_the_check_finds_what_is_planted(put: dict[str, str], says: str) -> None:
    told = _told()
    told["cards"][0]["lines"][0].update(put)
    assert any(fault.startswith(says) for fault in faults(told))


def test_each_item_of_the_catalog_that_needs_one_has_a_card() -> None:
    on_cards = {code for card in cards.deck().cards.values() for code in card.items}
    assert on_cards <= ITEMS, "a card for what nobody sends"
    assert {"naloxone-nasal", "naloxone-im", "fentanyl-strips", "xylazine-strips", "syringe-kit"} <= on_cards


def test_each_question_has_one_right_answer_and_every_answer_teaches() -> None:
    for training in cards.deck().trainings.values():
        assert len(training.cards) == 4 and len(training.questions) == 5  # as the answer page says
        for question in training.questions:
            assert sum(choice.right for choice in question.choices) == 1
            assert all(choice.why.english and choice.why.spanish for choice in question.choices)


def test_a_card_shows_its_lines_and_where_each_is_from(client: FlaskClient) -> None:
    index = client.get("/cards").text
    for card in cards.deck().cards.values():
        assert f'href="/cards/{card.name}"' in index
        page = client.get(f"/cards/{card.name}").text
        assert page.count("<sup>[") == len(card.lines) and "<title>Your request</title>" in page
        for source in card.sources:
            assert source.url.replace("&", "&amp;") in page and str(source.day.year) in page
        assert 'href="tel:800-484-3731"' in page and 'href="tel:988"' in page and 'href="tel:1-800-662-4357"' in page
    assert 'href="tel:911"' in client.get("/cards/respond").text
    spanish = client.get("/es/cards/respond").text
    assert "Llame al 911." in spanish and "Give one dose" not in spanish
    assert client.get("/cards/nothing").status_code == 404


def test_how_to_store_it_is_no_step_and_911_comes_first(client: FlaskClient) -> None:
    page = client.get("/cards/spray").text
    steps = page[page.index("<ol") : page.index("</ol>")]
    assert "Store it below" in page and "Store it below" not in steps and "Press the plunger" in steps
    for name in ("signs", "respond", "spray", "vial", "calm"):
        page = client.get(f"/cards/{name}").text
        assert page.index('href="tel:911"') < page.index('class="card"'), name
    [first, *_] = text_of(client.get("/cards.pdf").data)
    assert first.startswith(_squeezed("911 · How to tell it is an overdose"))
    assert _squeezed("• Store it below") in "".join(text_of(client.get("/cards.pdf").data))


def test_the_cards_for_an_order_go_with_what_is_in_it() -> None:
    assert [card.name for card in cards.for_items({"wound-care-kit"})] == ["signs", "respond", "skin", "safer", "after"]
    assert "spray" in [card.name for card in cards.for_items({"naloxone-nasal"})]


AFTER_A_DOSE = (  # what each card that gives naloxone says about the time after it, word for word
    ("Not breathing normally after 2 to 3 minutes? Give one more dose.", "¿No respira con normalidad después de 2 a 3"),
    ("The aim is that they breathe, not that they wake up.", "Lo que importa es que respire, no que despierte."),
    ("Keep giving breaths while you wait, until they breathe normally or help comes.", "Siga dando respiraciones mien"),
)
WAKING = re.compile(
    r"(not awake|not? (still )?wake up|aún no despierta|no despierta en)\b.*(dose|spray|dosis|aerosol)", re.I
)


def test_every_card_has_one_rule_for_the_next_dose() -> None:
    deck = cards.deck()
    for name in ("respond", "spray", "vial", "calm"):
        lines = [line.text for line in deck.cards[name].lines]
        for english, spanish in AFTER_A_DOSE:
            assert sum(line.english == english and line.spanish.startswith(spanish) for line in lines) == 1, name
        assert any("911" in line.english and "911" in line.spanish for line in lines), name
    for text in _texts(_told()):
        assert not WAKING.search(text), f"a dose because they sleep: {text}"
    assert WAKING.search("Not awake after 2 to 3 minutes? Use a new spray.")
    asked = deck.trainings[cards.BASICS].questions[1]
    assert "do not breathe normally" in asked.text.english and "no respira con normalidad" in asked.text.spanish


@pytest.mark.parametrize("name", ["paper", "paper-2"])
def test_a_strip_without_its_control_line_has_no_answer(name: str) -> None:
    lines = [line.text for line in cards.deck().cards[name].lines]
    found, two, none = lines[-4:-1]
    assert found.english.startswith("Only the ") and "control" in found.english and "was found" in found.english
    assert "control" in found.spanish and "se halló" in found.spanish
    assert two.english.startswith("2 lines, even if one is faint") and "tenue" in two.spanish and "no se" in two.spanish
    assert none.english.startswith("No line, or only the ") and none.english.endswith("Use a new strip.")
    assert none.spanish.startswith("Ninguna línea, o solo la ") and none.spanish.endswith("Use una tira nueva.")
    assert not any(line.english.startswith("1 line") for line in lines), "which one?"
    assert "do what it says" in lines[0].english


def test_the_water_for_fentanyl_strips_is_what_its_source_says() -> None:
    """Lockwood and others 2021: false at 1 mg of meth, MDMA or diphenhydramine in a mL, or more; use 50 mL."""
    lines = {line.text.english: line for line in cards.deck().cards["paper"].lines}
    more = next(line for text, line in lines.items() if "50 mL" in text)
    assert all(drug in more.text.english for drug in ("meth", "MDMA", "heroin")) and more.source.key == "dilution"
    assert 10 / 50 < 1 < 10 / 5, "10 mg in a teaspoon, as CDC has it for meth, would be too much"
    assert not any("teaspoon" in text and "meth" in text for text in lines)
    assert any("diphenhydramine" in text and "too little water" in text for text in lines)


def test_spanish_has_the_words_of_the_catalog() -> None:
    spanish = " ".join(text for text in _texts(_told())).lower()
    for word in ("espray", "cazoleta", "agua fresca"):
        assert word not in spanish
    assert "aerosol nasal" in spanish and "tapitas o cucharitas (cookers)" in spanish


def sizes_of(pdf: bytes) -> set[float]:
    """How large each piece of text in a PDF is set, in points."""
    streams = re.findall(rb"/ASCII85Decode [^>]*>>\s+stream\s+(.*?)~>", pdf, re.DOTALL)  # the fonts are set otherwise
    pages = [zlib.decompress(base64.a85decode(one)) for one in streams]
    return {float(size) for page in pages for size in re.findall(rb"/F\d\S* ([\d.]+) Tf", page)}


def test_paper_holds_every_word_and_no_letter_is_too_small(app: Flask, depot: Depot) -> None:
    codes = {code for card in cards.deck().cards.values() for code in card.items}
    with app.test_request_context("/"):
        paper = reading_pages.insert_for(codes, ["en", "es"])
        assert paper == reading_pages.insert_for(codes, ["en", "es"])
    pages = text_of(paper)
    start = next(at for at, page in enumerate(pages) if _squeezed("Cómo reconocer una sobredosis") in page)
    assert 2 <= start <= 3 and len(pages) <= 6, "all cards at once are more than any parcel has"
    sides = ["".join(pages[:start]), "".join(pages[start:])]
    sizes = sizes_of(paper)
    assert sizes and min(sizes) >= 7 and len([size for size in sizes if size < 9]) == 1, sizes
    for card in cards.deck().cards.values():
        for line in card.lines:
            assert _squeezed(line.text.english) in sides[0], line
            assert _squeezed(line.text.spanish) in sides[1], line
    for side in sides:
        assert "800-484-3731" in side and "2023-08-08" in side
    assert "Robin" not in "".join(sides)


def test_cards_can_be_saved_as_one_file(client: FlaskClient) -> None:
    answer = client.get("/es/cards.pdf")
    assert answer.mimetype == "application/pdf" and answer.headers["Content-Disposition"].endswith('"cards.pdf"')
    assert _squeezed("Llame al 911. Ponga el altavoz.") in "".join(text_of(answer.data))


def test_a_language_our_font_cannot_write_has_english() -> None:
    assert labels.printable("ñ") == "ñ" and labels.printable("ي") == ""


def test_the_packer_prints_it_and_no_address_is_opened(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    depot.shelve()
    order = depot.allocated()
    page = client.get(f"/desk/orders/{order.number}").text
    assert f"/desk/orders/{order.number}/insert?language=both" in page
    both = text_of(client.get(f"/desk/orders/{order.number}/insert").data)
    assert len(both) == 2 and _squeezed("How to use the nasal spray") in both[0]
    assert _squeezed("Cómo usar el aerosol nasal") in both[1] and _squeezed("test strips") not in both[0]
    assert len(text_of(client.get(f"/desk/orders/{order.number}/insert?language=es").data)) == 1
    assert "print.pdf" in client.get(f"/desk/orders/{order.number}/insert").headers["Content-Disposition"]


def _told() -> dict[str, Any]:
    told: dict[str, Any] = yaml.safe_load(cards.SHIPPED.read_text(encoding="utf-8"))
    return told


def _dicts(told: object) -> list[dict[str, object]]:
    if isinstance(told, list):
        return [found for one in told for found in _dicts(one)]
    if isinstance(told, dict):
        return [told, *(found for one in told.values() for found in _dicts(one))]
    return []


def _texts(told: object) -> list[str]:
    keys = ("text", "text_es", "title", "title_es", "why", "why_es")
    return [str(one[key]) for one in _dicts(told) for key in keys if key in one]


def _squeezed(text: str) -> str:
    return "".join(text.split())

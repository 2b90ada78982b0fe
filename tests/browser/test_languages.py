"""The participants' pages in two languages that nobody speaks: one long, one from right to left. On a small phone."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page

from distro.config import Settings
from tests import pseudo
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.tour import PAGES
from tests.depot import Depot

TOO_WIDE = """[document.documentElement.scrollWidth - innerWidth]
    .filter(more => more > 0).map(more => `the page is ${more} pixels wider than the window`)"""
# Six pixels more than its room is the margin of a button that looks like a link.
CUT_OFF = """[...document.querySelectorAll('body *')]
    .filter(one => !one.closest('.unseen, .skip, option') && getComputedStyle(one).display != 'inline')
    .filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 6)
    .map(one => `${one.scrollWidth} in ${one.clientWidth} pixels: ${one.outerHTML.slice(0, 120)}`)"""
ARROWS = "[...document.querySelectorAll('.back')].map(one => getComputedStyle(one, ':before').content)"
TEXTS = """() => {
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT), found = []
    while (walk.nextNode()) {
        const inside = walk.currentNode.parentElement
        if (inside.closest('.language, #claim-code, bdi, [translate=no], script, a[href^=http]')) continue
        found.push(walk.currentNode.data)
    }
    return found
}"""


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    for code, change in ((pseudo.LONG, pseudo.longer), (pseudo.MIRRORED, pseudo.mirrored)):
        pseudo.make(tmp_path / "translations", code, change)
    return replace(settings, translations=tmp_path / "translations")


def test_every_page_has_room_for_long_words(depot: Depot, open_page: OpenPage, live_server: str) -> None:
    phone = open_page(viewport=PHONE)
    wrong = {}
    for name, go in PAGES.items():
        go(phone, live_server, f"/{pseudo.LONG}")
        wrong[name] = problems(phone)
        if _way_out(phone)["right"] < PHONE["width"] - 20:
            wrong[name].append("the way out is not at the end of its line")
    assert {name: found for name, found in wrong.items() if found} == {}


def test_every_page_runs_from_right_to_left(depot: Depot, open_page: OpenPage, live_server: str) -> None:
    phone = open_page(viewport=PHONE)
    wrong = {}
    for name, go in PAGES.items():
        go(phone, live_server, f"/{pseudo.MIRRORED}")
        wrong[name] = problems(phone)
        if phone.evaluate("getComputedStyle(document.body).direction") != "rtl":
            wrong[name].append("it runs from left to right")
        if _way_out(phone)["left"] > 20:
            wrong[name].append("the way out is not at the end of its line")
        if phone.evaluate(ARROWS) not in ([], ['"→"']):
            wrong[name].append("the arrow back points forward")
    assert {name: found for name, found in wrong.items() if found} == {}


def test_a_text_that_nobody_translated_or_that_has_no_room_is_noticed(depot: Depot, open_page: OpenPage) -> None:
    phone = open_page(f"/{pseudo.LONG}/", viewport=PHONE)
    assert problems(phone) == []
    phone.evaluate("document.querySelector('h1').textContent = 'Free supplies'")
    assert problems(phone) == ["not translated: Free supplies"]
    phone.evaluate("document.querySelector('h1').textContent = '⟦' + 'unbroken'.repeat(9) + '⟧'")
    assert problems(phone) == []  # it is broken after all
    phone.evaluate("document.querySelector('h1').style.overflowWrap = 'normal'")
    assert "wider than the window" in problems(phone)[0]
    assert any("h1" in problem for problem in problems(phone)[1:])


def problems(page: Page) -> list[str]:
    """What is wrong with a page in one of the made-up languages."""
    bare = pseudo.untranslated([page.title(), *page.evaluate(TEXTS)])
    return [*page.evaluate(TOO_WIDE), *page.evaluate(CUT_OFF), *(f"not translated: {text}" for text in bare)]


def _way_out(page: Page) -> dict[str, float]:
    box: dict[str, float] = page.locator(".leave").evaluate("one => one.getBoundingClientRect().toJSON()")
    return box

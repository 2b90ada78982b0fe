"""Leaving: one tap, or Shift three times, and the page is gone at once; going back shows nothing that was typed.

The weather is a page of this very server here, so that nothing is asked of another host.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from playwright.sync_api import Error, Page, expect

from distro.config import Settings
from tests.browser.conftest import PHONE, OpenPage
from tests.browser.test_request import TARGETS
from tests.browser.tour import PAGES
from tests.depot import Depot

WEATHER = "/livez"
NAME, STREET = "Robin Example", "1 Sample St"
# How long after the tap nothing of the page stands there any more, and what was on it then. The way out is held up.
BLANK = """() => new Promise(done => {
    const before = performance.now()
    document.getElementById('leave').click()
    requestAnimationFrame(() => done([performance.now() - before, document.body.innerText + document.title]))
})"""
SHOWN = """[...document.querySelectorAll('input:not([type=hidden])')]
    .filter(one => one.checked || !['checkbox', 'radio'].includes(one.type)).map(one => one.value).join()
    + document.body.innerText"""
IN_SIGHT = """() => {
    const link = document.getElementById('leave'), box = link.getBoundingClientRect()
    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)
    return [link.contains(top), box.width, box.height, box.top >= 0 && box.bottom <= innerHeight]
}"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, leave_url=WEATHER)


def typed(page: Page) -> None:
    """As far as the page with the address, and the address typed into it."""
    page.locator("label[for=item-naloxone-nasal]").click()
    page.fill("[autocomplete=postal-code]", "43215")
    page.locator("#request .go").click()
    page.locator("main form:not(#request) button.go").last.click()
    page.fill("#name", NAME)
    page.fill("#line1", STREET)


def looks_back(page: Page, steps: int = 4) -> list[str]:
    """What each page behind this one shows, its fields too. One that a form led to is not asked for again."""
    seen = []
    for _ in range(steps):
        with suppress(Error):  # Chromium says that it would have to send the form again
            page.go_back(wait_until="load", timeout=2_000)
        page.wait_for_timeout(300)
        seen.append(page.evaluate(SHOWN))
    return seen


@pytest.mark.parametrize("script", [True, False])
def test_leaving_is_instant_and_back_shows_nothing_typed(depot: Depot, open_page: OpenPage, script: bool) -> None:
    page = open_page("/", viewport=PHONE, script=script)
    typed(page)
    before = page.evaluate("history.length") if script else 0
    page.locator("#leave").click()
    page.wait_for_url(f"**{WEATHER}")
    if script:
        assert page.evaluate("history.length") == before, "the page left a place in the history"
    shown = looks_back(page)
    # Without a script, Chromium may put the ZIP code back, and no more, where it is not asked by https.
    for secret in (NAME, STREET, "naloxone-nasal", *(["43215"] if script else [])):
        assert not any(secret in text for text in shown), (secret, shown)


def test_the_look_back_would_find_what_is_there(depot: Depot, open_page: OpenPage) -> None:
    page = open_page("/", viewport=PHONE)
    typed(page)
    page.evaluate("history.pushState({}, '', '#x')")
    assert any(NAME in text for text in looks_back(page, 1))


def test_the_page_is_blank_within_a_tenth_of_a_second(depot: Depot, open_page: OpenPage) -> None:
    page = open_page("/", viewport=PHONE)
    typed(page)
    page.route("**/leave", lambda route: None)  # it never answers
    milliseconds, left = page.evaluate(BLANK)
    assert milliseconds <= 100 and left == ""


def test_shift_three_times_leaves_and_says_so(depot: Depot, open_page: OpenPage) -> None:
    page = open_page("/safety")
    status = page.locator("[role=status].unseen")
    for _ in range(2):
        page.keyboard.press("Shift+A")  # a capital letter is no call for help
    expect(status).to_have_text("")
    page.keyboard.press("Shift")
    expect(status).to_have_text("Press Shift 2 more times to leave.")
    page.keyboard.press("Shift")
    expect(status).to_have_text("Press Shift 1 more time to leave.")
    page.wait_for_timeout(5_200)
    expect(status).to_have_text("")  # too slow: it begins anew
    for _ in range(3):
        page.keyboard.press("Shift")
    page.wait_for_url(f"**{WEATHER}")
    others: list[Callable[[], None]] = [
        lambda: page.locator("h1").click(),
        lambda: page.keyboard.press("a"),
        lambda: page.locator("h1").click(modifiers=["Shift"]),  # as one marks text
        lambda: page.keyboard.press("Shift+Tab"),
    ]
    for between in others:
        page.goto("/safety")
        for _ in range(2):
            page.keyboard.press("Shift")
        expect(status).to_have_text("Press Shift 1 more time to leave.")
        between()
        expect(status).to_have_text("")  # it was no call for help
        page.keyboard.press("Shift")
        expect(status).to_have_text("Press Shift 2 more times to leave.")
    page.goto("/safety")
    for _ in range(3):
        page.keyboard.down("Shift")
        page.locator("h1").click()
        page.keyboard.up("Shift")
    expect(status).to_have_text("")
    assert page.url.endswith("/safety")
    page.goto("/cards")
    assert page.evaluate(TARGETS) == []  # every link there can be hit with a thumb
    spanish = open_page("/es/safety")
    spanish.keyboard.press("Shift")
    expect(spanish.locator("[role=status].unseen")).to_have_text("Presione Shift (Mayús) 2 veces más para salir.")


def test_the_way_out_is_in_sight_on_every_page_wherever_it_is_scrolled_to(
    depot: Depot, open_page: OpenPage, live_server: str
) -> None:
    page = open_page(viewport=PHONE)
    wrong = {}
    for name, go in PAGES.items():
        go(page, live_server, "/es")
        for part in (0, 0.5, 1):
            page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {part})")
            on_top, width, height, inside = page.evaluate(IN_SIGHT)
            if not (on_top and inside and width >= 43.5 and height >= 43.5):
                wrong[f"{name} at {part}"] = (on_top, width, height, inside)
    assert wrong == {}

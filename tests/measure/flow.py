"""Screens, inputs, time, leaving, and what an error costs (P1, P2, P3, P16, P18, P19)."""

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page

from distro import clock, jobs
from distro.db import db
from orders.models import Order, Status
from tests.bench import Row
from tests.browser import tour
from tests.browser.test_leave import SHOWN
from tests.measure import PREFIXES, World, measure

OURS = {"item", "zip", "name", "line1", "city", "state"}  # what a parcel needs; all else may be left out
# Seconds: typing on a phone at 36.2 words of 5 letters a minute (Palin and others, MobileHCI 2019); pointing and
# thinking of the keystroke-level model (Card, Moran and Newell, 1980); a glance takes in a line before each act.
LETTER, POINT, THINK = 60 / (36.2 * 5), 1.1, 1.35
WORD = 60 / 238  # silent reading in English (Brysbaert 2019)
TYPED = "main input:not([type=hidden]):not([type=checkbox]):not([type=radio]), main select"
LABELS = "main :is(h1, legend, label, .lead, dt, dd, .hint)"
ROUND_TRIP = 0.5  # seconds a next page takes on slow 3G: P9 measures it


@measure
def screens_and_inputs(world: World) -> Iterator[Row]:
    page = world.page(script=False)
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if request.is_navigation_request() else None)
    needed, shown = set[str](), set[str]()
    tour.start(page, world.url, "")
    for step in (None, lambda: tour.choose(page, "43215", "naloxone-nasal"), *([lambda: _next(page)] * 4)):
        if step is not None:
            step()
        if page.locator("#name").count():
            page.fill("#name", "Robin Example")
            page.fill("#line1", "1 Sample St")
        needed |= set(page.eval_on_selector_all("main [required]", "all => all.map(one => one.name)"))
        shown |= set(
            page.eval_on_selector_all(TYPED, "all => all.filter(one => one.offsetParent).map(one => one.name)")
        )
    assert page.locator("#claim-code").count(), page.url
    required = len(needed | {"item"}) + 1  # the ZIP code stands on two pages
    yield Row("P1", "required inputs of a first request", "<= 7", str(required), required <= 7)
    yield Row("P1", "inputs it shows by default", "<= 10", str(len(shown) + 2), len(shown) + 2 <= 10)
    yield Row("P2", "screens from the first page to the code", "<= 6", str(len(opened)), len(opened) <= 6)
    extra = needed - OURS
    yield Row("P18", "compulsory questions beyond what, name and address", "0", str(len(extra)), not extra)


@measure
def asking_again(world: World) -> Iterator[Row]:
    code = _shipped(world)
    page = world.page(script=False)
    opened: list[str] = []
    page.on("request", lambda request: opened.append(request.url) if request.is_navigation_request() else None)
    page.goto("/status")
    inputs = page.locator("main [required]").count()
    page.fill("#code", code)
    page.locator("[formaction$=again]").click()
    inputs += page.locator("main [required]").count()
    seconds = len(code) * LETTER + 3 * (POINT + THINK) + _words(page) * WORD + 3 * ROUND_TRIP
    page.locator("main .go").last.click()
    made = page.locator("#claim-code").count() == 1
    screens = len(opened) if made else 99
    yield Row("P2", "screens to order again", "<= 3", str(screens), screens <= 3)
    yield Row("P2", "required inputs to order again", "1", str(inputs), inputs == 1)
    yield Row("P3", "seconds to order again, by a model", "<= 40", f"{seconds:.0f}", seconds <= 40)


@measure
def time_to_ask(world: World) -> Iterator[Row]:
    """Not people: what a model of typing, pointing and reading says. docs/measure.md has the protocol for people."""
    for language, prefix in PREFIXES.items():
        page = world.page()
        tour.start(page, world.url, prefix)
        total = _words(page) * WORD + 2 * (POINT + THINK) + len("43215") * LETTER
        tour.choose(page, "43215", "naloxone-nasal")
        total += _screen(page, taps=1)
        _next(page)
        total += _screen(page, taps=3) + len("Robin Example1 Sample St") * LETTER
        page.fill("#name", "Robin Example")
        page.fill("#line1", "1 Sample St")
        for _contact_and_check in range(2):
            _next(page)
            total += _screen(page, taps=1)
        _next(page)
        assert page.locator("#claim-code").count()  # what is read from here on takes as long as one likes
        yield Row("P3", f"seconds for a first request, by a model, {language}", "<= 120", f"{total:.0f}", total <= 120)


@measure
def what_an_error_costs(world: World) -> Iterator[Row]:
    page = world.page(script=False)
    kept, asked, extra = 0, 0, 0
    tour.start(page, world.url, "")
    tour.choose(page, "4321", "naloxone-nasal", "wound-care-kit")
    asked += 2
    kept += page.locator("#item-naloxone-nasal").is_checked() + (page.input_value("#zip") == "4321")
    page.fill("#zip", "43215")
    page.locator("#request .go").click()
    extra += page.locator(".problems").count()
    _next(page)
    typed = {"name": "Robin Example", "line1": "1 Sample St", "line2": "Apt 2", "city": ""}
    for name, text in typed.items():
        page.fill(f"#{name}", text)
    page.locator("#request .go").click()
    assert page.locator(".problems").count(), "the city was missing"
    asked += 3
    kept += sum(page.input_value(f"#{name}") == text for name, text in typed.items() if text)
    page.fill("#city", "Sampleton")
    page.locator("#request .go").click()
    extra += page.locator(".problems").count()
    page.locator("label[for=contact-email]").click()
    page.fill("#email", "robin.example")
    page.locator("#request .go").click()
    asked += 1
    kept += page.input_value("#email") == "robin.example"
    page.fill("#email", "robin@example.org")
    page.locator("#request .go").click()
    extra += page.locator(".problems").count()
    yield Row("P19", "typed fields kept through errors", "100%", f"{kept} of {asked}", kept == asked)
    yield Row("P19", "extra pages after an error is mended", "<= 1 each", str(extra), extra == 0)


@measure
def leaving(world: World) -> Iterator[Row]:
    page = world.page()
    page.route(re.compile(r"^https://"), lambda route: route.fulfill(body="weather", content_type="text/html"))
    tour.contact(page, world.url, "")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    box = page.locator(".leave").bounding_box() or {"width": 0, "height": 0, "y": -1}
    yield Row(
        "P16",
        "the way out at the end of a long page, in pixels",
        ">= 44 x 44, in sight",
        f"{box['width']:.0f} x {box['height']:.0f}",
        box["width"] >= 44 and box["height"] >= 44 and 0 <= box["y"] < 640,
    )
    blank = page.evaluate(
        """() => new Promise(done => {
            const began = performance.now();
            new MutationObserver(() => {
                if (!document.body || !document.body.innerText.trim()) done(performance.now() - began);
            }).observe(document.documentElement, {childList: true, subtree: true, attributes: true});
            document.querySelector('.leave').addEventListener('click', event => event.preventDefault());
            document.querySelector('.leave').click();
            setTimeout(() => done(1e9), 3000);
        })"""
    )
    page.wait_for_timeout(500)
    yield Row("P16", "milliseconds until the page is blank, with script", "<= 100", f"{blank:.0f}", blank <= 100)
    plain = world.page(script=False)
    tour.contact(plain, world.url, "")
    asked: list[str] = []
    plain.on("request", lambda request: asked.append(request.url) if request.is_navigation_request() else None)
    with suppress(Error):  # the weather is another host, which nothing here may reach
        plain.locator(".leave").click()
    away = len(asked) > 1 and asked[0].endswith("/leave") and urlsplit(asked[1]).scheme == "https"
    yield Row("P16", "taps to leave without script", "1", "1" if away else str(asked), away)
    for script in (True, False):
        visitor = world.page(script=script)
        tour.where(visitor, world.url, "")
        visitor.fill("#name", "Robin Example")
        visitor.fill("#line1", "1 Sample St")
        with suppress(Error):
            visitor.locator(".leave").click()
        visitor.wait_for_timeout(500)
        shown = 0
        for _ in range(3):
            with suppress(Error):  # Chromium would have to send the form again, and asks first
                visitor.go_back(wait_until="load", timeout=2_000)
            visitor.wait_for_load_state("load")
            visitor.wait_for_timeout(500)
            shown += any(secret in visitor.evaluate(SHOWN) for secret in ("Robin", "Sample St"))
        what = f"pages that show what was typed when going back, {'with' if script else 'without'} script"
        yield Row("P16", what, "0", str(shown), shown == 0)


def _shipped(world: World) -> str:
    """The code of a request that was sent."""
    page = world.page(script=False)
    tour.done(page, world.url, "")
    code = page.locator("#claim-code").inner_text()
    jobs.run_once(world.app, world.settings, jobs.check_requests)
    with world.app.app_context():
        order = db.session.query(Order).order_by(Order.id.desc()).first()
        assert order is not None
        order.status, order.closed_on = Status.SHIPPED, clock.today()
        db.session.commit()
    return code


def _screen(page: Page, *, taps: int) -> float:
    """Seconds that a screen takes by the model, apart from typing."""
    return ROUND_TRIP + _words(page) * WORD + taps * (POINT + THINK)


def _next(page: Page) -> None:
    """The button that goes on."""
    page.locator("main button.go").last.click()


def _words(page: Page) -> int:
    """Words on the screen before the button, without what is closed and the options of a select."""
    text = page.evaluate(
        "labels => [...document.querySelectorAll(labels)].filter(one => one.offsetParent)"
        ".map(one => one.innerText).join(' ')",
        LABELS,
    )
    return len(str(text).split())

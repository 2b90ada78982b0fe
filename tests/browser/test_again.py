"""Asking again, as six in ten people do: three screens and one thing to type, on a small phone."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from distro import clock
from orders.models import Order, Status
from tests.browser.conftest import PHONE, OpenPage, axe, fits
from tests.browser.test_request import TARGETS
from tests.depot import Depot

NONCE = b"0123456789abcdef"
SCREENS, INPUTS = 3, 1  # P2


@pytest.mark.parametrize(("prefix", "script"), [("", False), ("/es", True)])
def test_to_ask_again_takes_three_screens_and_one_input(
    depot: Depot, open_page: OpenPage, prefix: str, script: bool
) -> None:
    old = depot.request({"naloxone-nasal": 2}, nonce=NONCE)
    old.status, old.closed_on = Status.SHIPPED, clock.today()
    depot.session.commit()
    page = open_page(f"{prefix}/status", viewport=PHONE, script=script)
    screens = [page.url]
    page.on("request", lambda request: screens.append(request.url) if request.is_navigation_request() else None)
    inputs = _typed_into(page)
    _look(page, script)
    page.fill("#code", depot.code_of(NONCE).upper())
    page.locator("[formaction$=again]").click()
    inputs += _typed_into(page)
    _look(page, script)
    expect(page.locator("#things-same")).to_be_checked()
    expect(page.locator(".things")).to_be_hidden()
    page.locator("label[for=things-other]").click()
    expect(page.locator(".things")).to_be_visible()
    _look(page, script)
    page.locator("label[for=things-same]").click()
    page.locator("#request .go").click()
    code = page.locator("#claim-code").inner_text()
    _look(page, script)
    assert len(code.split()) == 5 and code != depot.code_of(NONCE)
    assert (len(screens), inputs) == (SCREENS, INPUTS)
    depot.settle()
    new = depot.session.scalars(select(Order).order_by(Order.id.desc()).limit(1)).one()
    assert {line.item.code: line.quantity for line in new.lines} == {"naloxone-nasal": 2}
    page.goto(f"{prefix}/status")
    page.fill("#code", code)
    page.locator("[formaction$=again]").click()  # control: this one is still open
    expect(page.locator("#request")).to_have_count(0)
    _look(page, script)


def _typed_into(page: Page) -> int:
    """How many things have to be typed or chosen on a page before its button works."""
    return page.locator("main [required]").count()


def _look(page: Page, script: bool) -> None:
    fits(page)
    if script:
        axe(page)
    assert page.evaluate(TARGETS) == []

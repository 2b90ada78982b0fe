"""The small proof of work: solved while the page is read, by our own script, and not needed."""

from dataclasses import replace
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from distro import clock
from distro.config import Settings
from orders import effort
from orders.models import Order
from tests.browser.conftest import PHONE, OpenPage, axe, fits
from tests.browser.test_request import ask_to_check
from tests.depot import Depot
from tests.orders.forms import solve

BITS = 14


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, effort_bits=BITS)


def checking(open_page: OpenPage, *, script: bool) -> Page:
    """The page that shows it all, of a request begun a minute ago."""
    with clock.at(clock.now() - timedelta(minutes=1)):
        page = open_page(viewport=PHONE, script=script)
    ask_to_check(page)
    return page


def sent(depot: Depot, page: Page) -> list[str]:
    page.locator("#request .go").click()
    expect(page.locator("#claim-code")).to_be_visible()
    depot.session.commit()
    return depot.session.scalars(select(Order)).one().flags


def test_our_script_solves_it_under_the_content_policy(depot: Depot, open_page: OpenPage) -> None:
    page = checking(open_page, script=True)
    expect(page.locator("#effort")).not_to_have_value("")
    form, answer = page.locator("[name=form]").input_value(), page.locator("#effort").input_value()
    assert effort.is_solved(form, answer, BITS) and answer == solve(form, BITS)  # the first that fits
    axe(page)
    fits(page)
    assert page.locator("p:has(#more)").bounding_box()["width"] <= 1  # type: ignore[index]
    assert sent(depot, page) == []


def test_without_a_script_the_request_is_taken_and_a_person_looks(depot: Depot, open_page: OpenPage) -> None:
    assert sent(depot, checking(open_page, script=False)) == ["no-effort"]

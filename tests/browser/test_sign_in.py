"""Signing in as a person does: the first time with a phone's camera, then with its codes."""

import re
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from distro.accounts.passwords import add_user
from distro.auth import Role
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.depot import PASSWORD, Depot, code_now


def look(page: Page) -> None:
    axe(page)
    fits(page)


def type_password(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def type_code(page: Page, code: str) -> None:
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on").click()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_the_first_time_one_scans_the_picture(depot: Depot, open_page: OpenPage, viewport: ViewportSize) -> None:
    add_user(depot.session, username="newcomer", role=Role.PACKER, password=PASSWORD)
    depot.session.commit()
    page = open_page("/desk", viewport=viewport)
    look(page)
    type_password(page, "newcomer")
    expect(page.locator("h1")).to_have_text("Set up your second factor")
    look(page)
    picture = page.locator("svg.qr").screenshot()
    scanned = zxingcpp.read_barcodes(Image.open(BytesIO(picture)))
    assert len(scanned) == 1
    secret = parse_qs(urlsplit(scanned[0].text).query)["secret"][0]
    assert page.locator("#secret").inner_text().replace(" ", "") == secret
    type_code(page, "000000" if code_now(secret) != "000000" else "111111")
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    expect(page.get_by_label("Code")).to_be_focused()
    look(page)
    type_code(page, code_now(secret))
    expect(page.locator("#recovery-codes li")).to_have_count(10)
    look(page)
    page.get_by_role("link", name="go on").click()
    expect(page).to_have_url(re.compile("/desk$"))
    page.goto("/sign-in/enrol")
    expect(page).to_have_url(re.compile("/desk$"))  # neither secret nor codes are shown again


def test_without_script_two_pages_and_a_mistake_on_each(depot: Depot, open_page: OpenPage) -> None:
    page = open_page("/desk", viewport=PHONE, script=False)
    type_password(page, "packer", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("do not fit")
    type_password(page, "packer")
    type_code(page, "12345")
    expect(page.get_by_role("alert")).to_contain_text("does not fit")
    type_code(page, code_now())
    expect(page).to_have_url(re.compile("/desk$"))
    assert [(cookie["name"], cookie["httpOnly"], cookie["sameSite"]) for cookie in page.context.cookies()] == [
        ("staff", True, "Strict")
    ]
    assert page.context.storage_state()["origins"] == []


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_the_page_for_the_code_is_accessible_and_fits(
    depot: Depot, open_page: OpenPage, viewport: ViewportSize
) -> None:
    page = open_page("/sign-in", viewport=viewport)
    type_password(page, "packer")
    expect(page.get_by_label("Code")).to_be_focused()
    expect(page.get_by_label("Code")).to_have_attribute("autocomplete", "one-time-code")
    look(page)
    type_code(page, "x")
    look(page)

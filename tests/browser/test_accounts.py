"""Joining the staff by a link, looking after accounts, and signing in by a provider, in a browser."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from distro.config import Settings
from tests.applications import own_application
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.browser.test_rules import signed_in
from tests.depot import PASSWORD, Depot, code_now
from tests.distro.oidc_provider import CLIENT_ID, CLIENT_SECRET, LocalProvider, running

NEW_PASSWORD = "quiet lantern over seven rivers"


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    with running(LocalProvider()) as provider:
        yield provider


@pytest.fixture
def app(settings: Settings, provider: LocalProvider) -> Flask:
    """The application, set up for that provider."""
    known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    return own_application(replace(settings, **known))


def look(page: Page) -> None:
    axe(page)
    fits(page)


def next_code(depot: Depot, username: str) -> None:
    """As if the next thirty seconds had begun: a code counts once."""
    depot.session.expire_all()
    depot.user(username).totp_last = None
    depot.session.commit()


def test_invited_on_a_desk_and_joined_on_a_phone(depot: Depot, open_page: OpenPage) -> None:
    admin = signed_in(open_page("/sign-in", viewport=DESKTOP), "admin")
    admin.get_by_role("link", name="Staff").click()
    look(admin)
    admin.get_by_role("link", name="Invite someone").click()
    look(admin)
    admin.get_by_label("Username").fill("newcomer")
    admin.get_by_label("Role").select_option("packer")
    admin.get_by_label("Warehouse").select_option("OH")
    admin.get_by_label("States").fill("oh")
    admin.get_by_role("button", name="Make the link").click()
    look(admin)
    link = admin.get_by_label("The link").input_value()

    phone = open_page("/sign-in", viewport=PHONE)
    phone.goto(link)
    look(phone)
    secret = (phone.locator("#secret").text_content() or "").replace(" ", "")
    phone.get_by_label("Password").fill(NEW_PASSWORD)
    phone.get_by_label("The same again").fill(NEW_PASSWORD)
    phone.get_by_label("Code").fill("000000")
    phone.get_by_role("button", name="Finish").click()
    look(phone)
    phone.get_by_label("Password").fill(NEW_PASSWORD)
    phone.get_by_label("The same again").fill(NEW_PASSWORD)
    phone.get_by_label("Code").fill(code_now(secret))
    phone.get_by_role("button", name="Finish").click()
    expect(phone.locator("#recovery-codes li")).to_have_count(10)
    look(phone)
    assert phone.goto(link) is not None
    expect(phone.get_by_text("This link does not work")).to_be_visible()
    look(phone)

    for viewport in (DESKTOP, PHONE):
        admin.set_viewport_size(viewport)
        admin.goto("/users")
        look(admin)
        admin.get_by_role("link", name="newcomer").click()
        look(admin)
        admin.get_by_text("Password, phone or link lost").click()
        look(admin)


def test_one_s_own_account_on_a_phone(depot: Depot, open_page: OpenPage) -> None:
    page = signed_in(open_page("/sign-in", viewport=PHONE), "packer")
    page.get_by_role("link", name="packer", exact=True).click()
    for summary in page.locator("summary").all():
        summary.click()
    look(page)
    next_code(depot, "packer")
    form = page.locator("form[action='/account/password']")
    form.get_by_label("New password").fill(NEW_PASSWORD)
    form.get_by_label("The same again").fill(NEW_PASSWORD)
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_label("Code").fill(code_now())
    form.get_by_role("button").click()
    expect(page.get_by_text("Your password is changed")).to_be_visible()
    look(page)


@pytest.mark.parametrize("script", [True, False])
def test_there_and_back_from_another_site(
    depot: Depot, open_page: OpenPage, live_server: str, provider: LocalProvider, script: bool
) -> None:
    """Ours is `localhost` here, the provider 127.0.0.1: two sites, so our cookie does not come back along."""
    ours, provider.asks = live_server.replace("127.0.0.1", "localhost"), True
    page = open_page("/livez", viewport=PHONE, script=script)

    def go_on(link: str) -> None:
        page.get_by_role("link", name=link).click()
        with page.expect_request("**/sign-in/provider/back?*") as asked:
            page.get_by_role("link", name="Yes, it is me").click()
        assert "cookie" not in asked.value.all_headers(), "the control: without it there is nothing to test"
        if not script:
            page.get_by_role("button", name="Go on").click()

    page.goto(f"{ours}/sign-in")
    page.get_by_label("Username").fill("packer")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(code_now())
    page.get_by_role("button", name="Go on").click()
    page.goto(f"{ours}/account")
    next_code(depot, "packer")
    page.locator("summary", has_text="Link 127.0.0.1").click()
    form = page.locator("form[action='/account/provider']")
    form.get_by_label("Present password").fill(PASSWORD)
    form.get_by_label("Code").fill(code_now())
    form.get_by_role("button").click()
    page.get_by_role("link", name="Go on to").wait_for()
    if script:
        look(page)
    go_on("Go on to")
    expect(page.get_by_text("Linked.")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    if script:
        look(page)
    go_on("Sign in by")
    page.wait_for_url(f"{ours}/desk")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()

"""The main job on the real thing: `make demo`, one request from the first page to the post, and what it leaves."""

import json
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from orders import signals
from tests.browser import demo as demos
from tests.browser.conftest import DESKTOP, PHONE, axe, fits
from tests.browser.demo import Demo
from tests.commands import run_program
from tests.conftest import Databases


@pytest.fixture(scope="module")
def demo(
    tmp_path_factory: pytest.TempPathFactory, databases: Databases, request: pytest.FixtureRequest
) -> Iterator[Demo]:
    """One demo for all tests here, on the engine under test."""
    url = databases.empty() if request.config.getoption("--database") == "postgresql" else ""
    with demos.running(tmp_path_factory.mktemp("demo") / "instance", url) as demo:
        yield demo
    if url:
        databases.take_back(url)


@pytest.fixture
def phone(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = browser.new_context(base_url=demo.url, viewport=PHONE, java_script_enabled=False)
    yield context.new_page()
    assert context.cookies() == []
    context.close()


@pytest.fixture
def desk(browser: Browser, demo: Demo) -> Iterator[Page]:
    context = browser.new_context(base_url=demo.url, viewport=DESKTOP)
    yield context.new_page()
    context.close()


def ask(page: Page, start: str, words: dict[str, str]) -> str:
    """Ask for naloxone in Columbus; gives back the claim code."""
    page.goto(start)
    page.locator("input[name=item][value=naloxone-nasal]").check()
    page.get_by_label(words["zip"]).fill("43215")
    page.get_by_role("button", name=words["see"]).click()
    page.get_by_role("button", name=words["on"]).click()
    for field, typed in (("name", "Robin Example"), ("address-line1", "1 Sample St"), ("address-level2", "Columbus")):
        page.locator(f"[autocomplete={field}]").fill(typed)
    page.get_by_role("button", name=words["on"]).click()
    page.get_by_role("button", name=words["on"]).click()
    page.wait_for_timeout(signals.QUICKEST / timedelta(milliseconds=1))  # a program would be quicker than a person
    page.get_by_role("button", name=words["send"]).click()
    return page.locator("#claim-code").inner_text()


ENGLISH = {"zip": "ZIP code", "see": "See what we can send", "on": "Go on", "send": "Send my request"}


def newest(demo: Demo) -> dict[str, str]:
    rows: list[dict[str, str]] = json.loads(demo.distro("orders", "list", "--json").stdout)
    return rows[0]


def test_from_the_first_page_to_the_post(demo: Demo, phone: Page, desk: Page) -> None:
    code = ask(phone, "/", ENGLISH)
    demo.sign_in(desk, "packer-oh")
    number = newest(demo)["number"]
    row = desk.get_by_role("row").filter(has_text=number)
    for _ in range(20):  # triage takes a second or two
        if row.count():
            break
        desk.wait_for_timeout(500)
        desk.reload()
    axe(desk)
    desk.get_by_role("textbox").first.fill(number)
    desk.keyboard.press("Enter")
    lot = desk.locator("table.picks td.font-monospace").first.inner_text()
    for scanned, told in (("NOT-A-LOT", "Wrong lot"), (lot, "All is picked"), ("", "is packed")):
        expect(desk.locator("input[name=scan]").first).to_be_focused()
        desk.keyboard.type(scanned)
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("alert").or_(desk.get_by_role("status")).first).to_contain_text(told)
    axe(desk)
    assert "Robin Example" not in desk.content() and "1 Sample St" not in desk.content()
    with desk.expect_popup() as popup:  # the label opens beside the page
        desk.get_by_role("button", name="Print label").click()
    popup.value.close()
    desk.reload()
    desk.keyboard.type(number)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert").or_(desk.get_by_role("status")).first).to_contain_text("is shipped")
    assert newest(demo)["status"] == "shipped"
    assert run_program(("stock", "verify"), demo.environment).returncode == 0

    phone.goto("/status")
    phone.locator("input[name=code]").fill(code)
    phone.get_by_role("button").first.click()
    expect(phone.get_by_text("It is in the mail.")).to_be_visible()


def test_stock_that_runs_low_is_on_the_first_page_and_in_the_mail(demo: Demo, desk: Page) -> None:
    demo.sign_in(desk, "manager")
    expect(desk.get_by_text("Naloxone nasal spray at Columbus").first).to_be_visible()
    assert desk.locator("svg.us-map path, svg.us-map .map-state").count() > 50
    axe(desk)
    desk.goto("/mailbox")
    for _ in range(20):
        if desk.get_by_text("Reorder Naloxone nasal spray at Columbus").count():
            break
        desk.wait_for_timeout(500)
        desk.reload()
    expect(desk.get_by_text("Reorder Naloxone nasal spray at Columbus").first).to_be_visible()


@pytest.mark.parametrize(
    ("username", "pages"),
    [
        ("packer-mn", ["/desk", "/stock", "/stock/receive"]),
        ("manager", ["/manage", "/planning", "/review", "/rules", "/rules?item=syringe-kit", "/mailbox", "/stock"]),
    ],
)
def test_every_staff_page_is_accessible_and_fits_a_phone(
    demo: Demo, browser: Browser, username: str, pages: list[str]
) -> None:
    for viewport in (PHONE, DESKTOP):
        context = browser.new_context(base_url=demo.url, viewport=viewport)
        page = context.new_page()
        demo.sign_in(page, username)
        for path in pages:
            answer = page.goto(path)
            assert answer is not None and answer.status == 200, path
            axe(page)
            fits(page)
        context.close()


def test_the_accounts_file_is_private_and_its_passwords_are_new_each_time(demo: Demo) -> None:
    path = demo.instance / "demo-accounts.json"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    accounts = json.loads(path.read_text())
    assert {account["role"] for account in accounts} == {"packer", "manager", "reviewer", "admin"}
    assert all(set(account) == {"role", "username", "password", "totp_secret", "site"} for account in accounts)
    assert len({account["password"] for account in accounts}) == len(accounts)


def test_scripts_find_what_the_contract_promises(demo: Demo) -> None:
    def rows(*command: str) -> list[dict[str, object]]:
        told = demo.distro(*command, "--json")
        assert told.returncode == 0, told.stderr
        found: list[dict[str, object]] = json.loads(told.stdout)
        return found

    places = {row["zip"]: row for row in rows("places", "show", "43215", "42223", "86514", "09001")}
    assert places["43215"]["states"] == ["OH"] and "39049" in str(places["43215"]["counties"])
    assert set(places["42223"]["states"]) == {"KY", "TN"}  # type: ignore[call-overload]
    assert set(places["86514"]["states"]) == {"AZ", "NM", "UT"}  # type: ignore[call-overload]
    assert (places["09001"]["kind"], places["09001"]["states"]) == ("military", ["AE"])
    rules = rows("rules", "list")
    assert len(rules) >= 295 and all(rule["citation"] and rule["source"] for rule in rules)
    told = demo.distro("rules", "explain", "--zip", "43215", "--item", "naloxone-nasal", "--on", "2026-12-01", "--json")
    explained = json.loads(told.stdout)
    assert explained["effect"] == "allow" and explained["ruleset"] == "Demo ruleset, not reviewed by a lawyer"
    for row in rows("stock", "show"):
        assert {"item", "site", "lot", "on_hand", "reserved", "available", "expires"} <= set(row)
    for row in rows("orders", "list"):
        assert set(row) == {"number", "status", "state", "items", "week"}
    assert demo.distro("places", "show", "00000").returncode == 1


def test_everything_lies_under_the_instance(demo: Demo) -> None:
    names = {path.name for path in Path(demo.instance).iterdir()}
    assert {"keyring", "public-keys.json", "mailbox", "secret.key", "demo-accounts.json"} <= names

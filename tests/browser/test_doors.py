"""Other doors: a group asks in cases and a manager decides; a manager keys a request for somebody on the phone."""

import os
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import select

from orders.identity import open_person
from orders.models import Door, Order, Status
from tests.browser import tour
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.browser.test_rules import signed_in
from tests.depot import Depot

PICTURES = os.environ.get("PICTURES", "")  # a folder, to look at the pages by eye


def look(page: Page, name: str, *, staff: bool = True) -> None:
    """The page as it stands, on both screens."""
    for size, screen in ((PHONE, "phone"), (DESKTOP, "desk")):
        page.set_viewport_size(size)
        if staff:
            axe(page)
            fits(page)
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{screen}.png", full_page=True)


def only(depot: Depot) -> Order:
    depot.session.expire_all()
    return depot.session.scalars(select(Order)).one()


def test_a_group_asks_and_a_manager_approves_one_case_less(depot: Depot, open_page: OpenPage, live_server: str) -> None:
    depot.shelve(quantity=30)
    depot.session.commit()
    group = open_page("/", viewport=PHONE, script=False)
    group.get_by_role("link", name="For programs and groups").click()
    look(group, "groups", staff=False)
    group.locator("label[for=item-naloxone-nasal]").click()
    group.select_option("[name=many-naloxone-nasal]", "2")
    group.fill("#zip", "43215")
    group.locator("#request .go").click()
    expect(group.locator("main")).to_contain_text("2 × case of 12 = 24")
    look(group, "groups-answer", staff=False)
    group.locator("main form:not(#request) button.go").click()
    group.fill("#organisation", "Sample Outreach")
    group.fill("#plan", "We visit about 80 people a week.\nWe hand it out from a van.")
    group.fill("#phone", "614-555-0123")
    group.fill("#name", "Robin Example")
    group.fill("#line1", "1 Sample St")
    look(group, "groups-where", staff=False)
    group.locator("#request .go").click()
    look(group, "groups-check", staff=False)
    group.locator("#request .go").click()
    code = group.locator("#claim-code").inner_text()
    look(group, "groups-done", staff=False)

    depot.settle()
    assert only(depot).status == Status.HELD
    depot.session.commit()
    page = signed_in(open_page("/sign-in"), "manager")
    page.goto("/review")
    expect(page.get_by_text("We visit about")).to_have_count(0)
    look(page, "held-group")
    page.get_by_role("button", name="Read the plan").click()
    expect(page.locator("#plan")).to_contain_text("We hand it out from a van.")
    expect(page.locator("main")).not_to_contain_text("Sample St")
    page.get_by_label("Cases of Naloxone nasal, of 2 asked").fill("1")
    page.get_by_label("Reason", exact=True).select_option(label="We send what we can now")
    look(page, "held-plan")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".alert-success")).to_contain_text("is approved")
    depot.settle()
    order = only(depot)
    assert (order.status, order.lines[0].quantity) == (Status.ALLOCATED, 12)
    number = order.number
    depot.session.commit()
    page.goto(f"/desk/orders/{number}")
    expect(page.locator("main")).to_contain_text("1 case = 12")
    look(page, "desk-group")
    page.locator("#scan").fill("LOT1")
    page.keyboard.press("Enter")
    expect(page.locator(".alert-success")).to_contain_text("All is picked")
    group.goto(f"{live_server}/status")
    group.fill("#code", code)
    group.locator("main .go").click()
    expect(group.locator("h1")).to_contain_text("We have your request")


def test_a_request_is_keyed_with_the_keyboard_alone(depot: Depot, open_page: OpenPage) -> None:
    page = signed_in(open_page("/sign-in"), "manager")
    page.get_by_role("link", name="Phone & paper").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests/new")
    look(page, "keyed-new")
    page.locator("#door-phone").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Esp")
    page.locator("#item-naloxone-nasal").focus()
    page.keyboard.press("Space")
    page.locator("#zip").focus()
    page.keyboard.type("43215")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("1 × Naloxone nasal: yes")
    look(page, "keyed-answer")
    page.get_by_role("button", name="Go on").focus()
    page.keyboard.press("Enter")
    page.locator("#name").focus()
    page.keyboard.type("Robin Example")
    page.keyboard.press("Enter")
    expect(page.locator("[role=alert]")).to_contain_text("Please write the street and number")
    look(page, "keyed-wrong")
    page.locator("#line1").focus()
    page.keyboard.type("1 Sample St")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("1 Sample St")
    look(page, "keyed-check")
    page.get_by_role("button", name="Send it for them").press("Enter")
    expect(page.locator("#read-out")).to_contain_text("Su código es")
    expect(page.locator("main")).not_to_contain_text("Robin")
    look(page, "keyed-done")
    page.emulate_media(media="print")
    expect(page.locator(".reply-card")).to_be_visible()
    expect(page.get_by_role("link", name="Phone & paper")).to_be_hidden()
    expect(page.locator("#read-out")).to_be_hidden()
    order = only(depot)
    assert order.door == Door.PHONE and open_person(order, depot.keys).language == "es"


def test_the_tour_has_the_pages_of_groups() -> None:
    assert {"groups", "groups, where", "groups, done"} <= tour.PAGES.keys()

"""With a code, from the participant's phone to the staff's desk and back: another address, a lost parcel, erased."""

import os
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page, expect
from sqlalchemy import select, update

from distro import clock, jobs
from orders import identity, resend, triage
from orders.models import Door, Order, Parcel, Status
from tests.browser.conftest import PHONE, OpenPage, axe, fits
from tests.browser.test_request import ask
from tests.browser.test_rules import signed_in
from tests.depot import Depot

PICTURES = os.environ.get("PICTURES", "")  # a folder, to look at the pages by eye


def seen(page: Page, name: str) -> None:
    axe(page)
    fits(page)
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def asks(depot: Depot, phone: Page) -> tuple[str, Status, str]:
    """One request on a phone; its number, how far it is, and its code. It is to be packed, or waits for stock."""
    code = ask(phone)
    order = depot.session.scalars(select(Order)).one()
    depot.settle()
    if order.status == Status.HELD:  # a browser that is driven types faster than people
        triage.release(depot.session, order, reason="a test", by="manager", at=clock.now())
        depot.session.commit()
        depot.settle()
    number, step = order.number, order.status
    depot.session.commit()
    return number, step, code


def status(phone: Page, code: str) -> None:
    phone.goto("/status")
    phone.fill("#code", code)
    phone.locator("main .go").click()


def follow(depot: Depot) -> None:
    """The scheduler's next second."""
    depot.session.commit()
    jobs.follow_instructions(depot.session, depot.settings)
    depot.settle()
    depot.session.commit()


def packed_and_sent(desk: Page, number: str) -> None:
    """By scanner, as a packer does, to the post."""
    for scanned, told in (("LOT1", "1 of 2"), ("LOT1", "All is picked"), ("", "is packed")):
        desk.goto(f"/desk/orders/{number}")
        desk.locator("input[name=scan]").first.fill(scanned)
        desk.keyboard.press("Enter")
        expect(desk.get_by_role("alert").or_(desk.get_by_role("status")).first).to_contain_text(told)
    with desk.expect_popup() as popup:
        desk.get_by_role("button", name="Print label").click()
    popup.value.close()
    desk.reload()
    desk.locator("input[name=scan]").first.fill(number)
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("alert").or_(desk.get_by_role("status")).first).to_contain_text("is shipped")


def test_another_address_goes_on_the_label(depot: Depot, open_page: OpenPage) -> None:
    depot.shelve()
    depot.session.commit()
    phone = open_page(viewport=PHONE)
    number, _step, code = asks(depot, phone)
    status(phone, code)
    seen(phone, "status")
    phone.get_by_role("button", name="Correct the address").click()
    seen(phone, "correct")
    phone.get_by_role("button", name="Use this address").click()
    expect(phone.get_by_role("alert")).to_be_visible()
    seen(phone, "correct-empty")
    phone.fill("[autocomplete=name]", "Robin Example")
    phone.fill("[autocomplete=address-line1]", "22 Mended Ave")
    phone.fill("[autocomplete=address-level2]", "Sampleton")
    phone.select_option("[autocomplete=address-level1]", "OH")
    phone.fill("[autocomplete=postal-code]", "43215")
    phone.get_by_role("button", name="Use this address").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("changing the address")
    seen(phone, "corrected")
    follow(depot)
    desk = signed_in(open_page("/sign-in"), "manager")
    desk.goto(f"/address/{number}")
    desk.get_by_label("The address is unclear").check()
    desk.get_by_role("button", name="Only look").click()
    expect(desk.locator("#shown")).to_contain_text("22 Mended Ave")
    expect(desk.locator("#shown")).not_to_contain_text("Sample St")
    phone.get_by_role("button", name="Look again").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("getting it ready")


def test_a_lost_parcel_goes_again(depot: Depot, open_page: OpenPage) -> None:
    depot.shelve()
    depot.session.commit()
    phone = open_page(viewport=PHONE)
    number, _step, code = asks(depot, phone)
    desk = signed_in(open_page("/sign-in"), "packer")
    packed_and_sent(desk, number)
    status(phone, code)
    expect(phone.get_by_text("you can tell us here")).to_be_visible()
    seen(phone, "mailed")
    days = resend.NOT_BEFORE + timedelta(days=1)  # nobody waits so long: the parcel left earlier
    depot.session.execute(update(Order).values(closed_on=clock.today() - days))
    depot.session.execute(update(Parcel).values(shipped_on=clock.today() - days))
    depot.session.commit()
    phone.get_by_role("button", name="Look again").click()
    seen(phone, "mailed-long-ago")
    phone.get_by_role("button", name="It never came").click()
    seen(phone, "lost")
    phone.get_by_role("button", name="It did not come").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("Thank you for telling us")
    follow(depot)
    phone.get_by_role("button", name="Look again").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("getting another one ready")
    seen(phone, "again")
    second = depot.session.scalars(select(Order.number).where(Order.door == Door.RESEND)).one()
    depot.session.commit()
    packed_and_sent(desk, second)
    phone.get_by_role("button", name="Look again").click()
    expect(phone.get_by_role("heading", level=1)).to_contain_text("It is in the mail")


def test_letters_both_ways_and_an_erasure_that_takes_everything(depot: Depot, open_page: OpenPage) -> None:
    phone = open_page(viewport=PHONE)
    number, step, code = asks(depot, phone)
    assert step == Status.WAITING  # nothing is on the shelf
    status(phone, code)
    seen(phone, "waiting")
    phone.get_by_role("button", name="Write to us").click()
    phone.get_by_label("Your message").fill("The buzzer is broken.\nPlease call up.")
    seen(phone, "message")
    phone.get_by_role("button", name="Send it").click()
    seen(phone, "message-sent")
    follow(depot)
    desk = signed_in(open_page("/sign-in"), "manager")
    desk.goto("/manage")
    desk.get_by_role("link", name="Letters").first.click()
    seen(desk, "letters")
    desk.get_by_role("link", name=number).click()
    seen(desk, "letter-closed")
    desk.get_by_role("button", name="Read it").click()
    expect(desk.get_by_text("The buzzer is broken.")).to_be_visible()
    seen(desk, "letter-open")
    desk.get_by_label("Your message").fill("Thank you. We wrote it on the list.")
    desk.get_by_role("button", name="Send").click()
    expect(desk.get_by_role("status")).to_contain_text("Sent")
    seen(desk, "letter-answered")
    phone.get_by_role("button", name="Back to my request").click()
    expect(phone.get_by_text("Thank you. We wrote it on the list.")).to_be_visible()
    seen(phone, "answered")
    phone.get_by_role("button", name="Erase my address").click()
    seen(phone, "erase")
    phone.get_by_role("button", name="Yes, erase it").click()
    seen(phone, "erased")
    follow(depot)
    phone.get_by_role("button", name="Look again").click()
    expect(phone.get_by_role("alert")).to_contain_text("no request with that code")
    desk.goto(f"/letters/{number}")
    expect(desk.get_by_text("Nobody can be reached any more.")).to_be_visible()
    desk.goto(f"/address/{number}")
    expect(desk.get_by_text("has been erased")).to_be_visible()
    assert identity.views_since(depot.session, "manager", clock.now() - identity.HOUR) == 1

"""An admin corrects an address, makes a carrier file and reads who saw what, on a phone and at a desk."""

import csv
import os
import re
from datetime import timedelta
from io import StringIO
from pathlib import Path

from playwright.sync_api import Page, expect

from distro import audit, clock
from geo import ruletext
from orders import workflow
from orders.carrier import COLUMNS
from orders.identity import FAILED, REFUSED, VIEW
from orders.models import Order, Status
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.browser.test_rules import signed_in
from tests.depot import Depot, put_in_force, rule

PICTURES = os.environ.get("PICTURES", "")  # a folder, to look at the pages by eye


def look(page: Page, name: str) -> None:
    """The page as it stands, on both screens."""
    for size, screen in ((PHONE, "phone"), (DESKTOP, "desk")):
        page.set_viewport_size(size)
        axe(page)
        fits(page)
        if PICTURES:
            page.screenshot(path=Path(PICTURES) / f"{name}-{screen}.png", full_page=True)


def packed(depot: Depot, line1: str) -> Order:
    order = depot.allocated(line1=line1)
    packer = depot.user("packer")
    workflow.take(depot.session, order.allocations[0], packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def test_an_address_is_corrected_with_a_reason(depot: Depot, open_page: OpenPage) -> None:
    depot.shelve()
    order = depot.request(zip="55401", state="OH", email="robin@example.org")
    depot.settle()
    assert order.status == Status.HELD
    depot.session.commit()
    page = signed_in(open_page("/sign-in"), "admin")
    page.goto("/review")
    look(page, "held")
    page.get_by_role("link", name="Look at the address").click()
    page.get_by_label("The address is unclear").check()
    look(page, "address-ask")
    page.get_by_role("button", name="Correct the address").click()
    expect(page.get_by_label("Name")).to_have_value("Robin Example")
    expect(page.get_by_text("robin@example.org")).to_be_visible()
    look(page, "address-shown")
    page.get_by_label("City or town").fill("Mended Town")
    page.get_by_label("ZIP code").fill("4321")
    page.get_by_role("button", name="Save the address").click()
    expect(page.get_by_text("A ZIP code has 5 digits")).to_be_visible()
    expect(page.get_by_label("City or town")).to_have_value("Mended Town")
    look(page, "address-wrong")
    page.get_by_label("ZIP code").fill("43215")
    page.get_by_role("button", name="Save the address").click()
    expect(page.get_by_text("It is decided anew within seconds")).to_be_visible()
    assert "Mended Town" not in page.content()
    look(page, "address-done")
    depot.session.expire_all()
    assert order.status == Status.RECEIVED


def test_a_carrier_file_is_saved(depot: Depot, open_page: OpenPage) -> None:
    depot.shelve(quantity=10)
    orders = [packed(depot, f"{number} Sample St") for number in (1, 2)]
    first, second = (order.number for order in orders)
    depot.session.commit()
    page = signed_in(open_page("/sign-in"), "admin")
    page.goto("/desk")
    look(page, "queue")
    page.get_by_role("link", name="Carrier file (CSV)").click()
    look(page, "carrier")
    page.get_by_label(second).uncheck()
    with page.expect_popup() as popup, page.context.expect_event("download") as download:
        page.get_by_role("button", name="Make the file").click()
    assert popup.value
    [row] = csv.DictReader(StringIO(Path(download.value.path()).read_text()))
    assert tuple(row) == COLUMNS and (row["line1"], row["reference"]) == ("1 Sample St", first)
    assert download.value.suggested_filename.startswith("parcels-20")
    expect(page.get_by_label(first)).to_have_count(0)  # the page has gone on
    put_in_force(depot.session, ruletext.new("Other rules", "2", [rule("US", "naloxone-nasal", "deny")]))
    depot.session.commit()
    with page.expect_popup() as popup:
        page.get_by_role("button", name="Make the file").click()
    expect(popup.value.get_by_text("No file was made and no address opened")).to_be_visible()
    look(popup.value, "carrier-left-out")


def test_the_month_tells_who_saw_what(depot: Depot, open_page: OpenPage) -> None:
    order = depot.request()
    for minute, (actor, action, reason) in enumerate(
        [
            ("packer", VIEW, "label"),
            ("packer", VIEW, "label again"),
            ("packer", FAILED, "label again: KeyGone"),
            ("manager", VIEW, "edit: The address is unclear"),
            ("other-packer", VIEW, "carrier file"),
            ("other-packer", REFUSED, "carrier file: 40 more would pass 120 in the last hour"),
            ("system", "reseal", "nothing of this page"),
        ]
    ):
        at = clock.now() + timedelta(seconds=minute)
        audit.record(depot.session, actor=actor, action=action, subject=order.document, reason=reason, at=at)
    depot.session.commit()
    page = signed_in(open_page("/sign-in"), "admin")
    page.get_by_role("link", name="Record").click()
    look(page, "record")
    page.get_by_label("Person", exact=True).select_option("packer")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("row", name=re.compile("packer.*label"))).to_have_count(3)
    look(page, "record-packer")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(StringIO(Path(download.value.path()).read_text())))
    assert [row[1] for row in rows[1:]] == ["packer"] * 3

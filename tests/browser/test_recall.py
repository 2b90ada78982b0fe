"""A recall reaches a person after their address was erased: from the manager's page to the phone with the code."""

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.browser.test_rules import signed_in
from tests.browser.test_with_the_code import asks, follow, packed_and_sent, seen, status
from tests.depot import Depot


def test_a_recall_reaches_a_person_after_erasure(depot: Depot, open_page: OpenPage) -> None:
    lot_id = depot.shelve(quantity=20).id
    depot.session.commit()
    phone = open_page("/", viewport=PHONE)
    number, step, code = asks(depot, phone)
    assert step == "allocated"
    packed_and_sent(signed_in(open_page("/sign-in", viewport=DESKTOP), "packer"), number)
    status(phone, code)
    phone.locator("[formaction$=erase]").click()
    phone.locator("button.go[name=yes]").click()
    follow(depot)
    status(phone, code)
    expect(phone.locator(".problems")).to_contain_text("code")  # as a wrong one

    desk = signed_in(open_page("/sign-in", viewport=DESKTOP), "manager")
    desk.goto(f"/stock/lots/{lot_id}")
    axe(desk)
    desk.get_by_role("link", name="Recall this lot").click()
    seen(desk, "recall-desk")
    desk.get_by_label("In English").fill("Please do not use the nasal spray with lot number LOT1.")
    desk.get_by_role("button", name="Recall this lot").click()
    expect(desk.get_by_role("status")).to_contain_text("1 package")
    seen(desk, "recall-desk-done")
    with desk.expect_download() as saved:
        desk.get_by_role("link", name="Export their order numbers").click()
    assert number in saved.value.path().read_text()

    status(phone, code)
    expect(phone.locator("h1")).to_have_text("Safety notice")
    expect(phone.locator("main")).to_contain_text("Please do not use the nasal spray")
    assert "Sampleton" not in phone.content() and phone.locator("[formaction$=erase]").count() == 0
    seen(phone, "recalled")
    phone.locator("[lang=es].language").click()
    expect(phone.locator("h1")).to_have_text("Aviso de seguridad")
    expect(phone.locator("main")).to_contain_text("Por favor no use")
    seen(phone, "recalled-es")
    phone.locator(".problems a").click()
    assert phone.url.endswith("/es/") and phone.context.cookies() == []
    fits(phone)

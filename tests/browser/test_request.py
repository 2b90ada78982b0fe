"""The whole request as a person makes it: on a small phone, in both languages, with and without script."""

import pytest
from playwright.sync_api import Page, expect

from distro import jobs
from tests.browser.conftest import PHONE, OpenPage, axe, fits
from tests.browser.tour import PAGES
from tests.depot import Depot

TARGETS = """[...document.querySelectorAll('a, button, select, summary, input:not([type=hidden])')]
    .map(found => [found, found.matches('[type=radio], [type=checkbox]') ? found.labels[0] : found])
    .map(([found, target]) => [found.outerHTML.slice(0, 80), target.getBoundingClientRect()])
    .filter(([, box]) => box.width > 1 && (box.height < 43.5 || box.width < 43.5))
    .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""


def ask(page: Page) -> str:
    """From the first page to the claim code, which is given back."""
    page.locator("label[for=item-naloxone-nasal]").click()
    page.select_option("[name=many-naloxone-nasal]", "2")
    page.fill("[autocomplete=postal-code]", "43215")
    page.locator("#request .go").click()
    page.locator("main form:not(#request) button.go").click()
    page.fill("[autocomplete=name]", "Robin Example")
    page.fill("[autocomplete=address-line1]", "1 Sample St")
    page.fill("[autocomplete=address-line2]", "Apt 2")
    expect(page.locator("[autocomplete=address-level2]")).to_have_value("Sampleton")
    expect(page.locator("[autocomplete=address-level1]")).to_have_value("OH")
    page.locator("#request .go").click()
    page.locator("#request .go").click()
    expect(page.locator("main")).to_contain_text("Apt 2")
    page.locator("#request .go").click()
    return page.locator("#claim-code").inner_text()


@pytest.mark.parametrize(("start", "words"), [("/", "We have your request"), ("/es/", "Recibimos su pedido")])
def test_without_script_a_request_goes_from_start_to_status_and_erasure(
    depot: Depot, open_page: OpenPage, start: str, words: str
) -> None:
    page = open_page(start, viewport=PHONE, script=False)
    code = ask(page)
    expect(page.locator("h1")).to_contain_text(words)
    assert page.context.cookies() == [] and page.url.endswith("/done")
    page.goto(f"{start}status")
    page.fill("#code", code.lower())
    page.locator("main .go").click()
    expect(page.locator("h1")).to_contain_text(words)
    page.locator("[formaction$=erase]").click()
    page.locator("button.go[name=yes]").click()
    page.locator("main .go").click()  # look again: it is under way
    expect(page.locator("[formaction$=erase]")).to_have_count(0)
    jobs.follow_instructions(depot.session, depot.settings)
    page.goto(f"{start}status")
    page.fill("#code", code)
    page.locator("main .go").click()
    expect(page.locator(".problems")).to_be_visible()


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_every_page_is_accessible_and_fits_a_small_phone(
    depot: Depot, open_page: OpenPage, live_server: str, prefix: str
) -> None:
    page = open_page(viewport=PHONE)
    wrong = set()
    for name, go in PAGES.items():
        go(page, live_server, prefix)
        _look(page)
        if page.locator(".problems").count():
            wrong.add(name)
    assert len(wrong) >= 5


def test_where_nothing_can_be_sent_the_page_says_who_else_helps(depot: Depot, phone: Page) -> None:
    phone.locator("label[for=item-smoking-kit]").click()
    phone.fill("#zip", "43215")
    phone.locator("#request .go").click()
    expect(phone.locator("h1")).to_have_text("We cannot mail this there")
    expect(phone.locator(".help a").first).to_be_visible()
    _look(phone)


def test_change_goes_there_and_straight_back_with_everything_kept(depot: Depot, phone: Page) -> None:
    ask_to_check(phone)
    phone.locator(".change").nth(1).click()
    expect(phone.locator("#name")).to_have_value("Robin Example")
    phone.fill("#line1", "2 Sample St")
    phone.locator("#request .go").click()
    expect(phone.locator("main")).to_contain_text("2 Sample St")
    phone.locator(".change[formaction$=contact]").click()
    phone.locator("label[for=contact-phone]").click()
    phone.fill("[autocomplete=tel]", "614-555-0123")
    phone.locator("#request .go").click()
    expect(phone.locator("main")).to_contain_text("614-555-0123")
    phone.locator(".change").nth(0).click()
    phone.locator("label[for=item-wound-care-kit]").click()
    phone.locator("#request .go").click()
    phone.locator("main form:not(#request) button.go").click()
    expect(phone.locator("main")).to_contain_text("Wound care kit")
    expect(phone.locator("main")).to_contain_text("2 Sample St")


def test_the_language_changes_on_any_page_and_keeps_what_was_typed(depot: Depot, plain_phone: Page) -> None:
    ask_to_check(plain_phone)
    plain_phone.locator(".language").click()
    expect(plain_phone.locator("html")).to_have_attribute("lang", "es")
    expect(plain_phone.locator("main")).to_contain_text("Robin Example")
    plain_phone.locator(".back").click()
    plain_phone.locator(".back").click()
    plain_phone.fill("#line1", "3 Sample St")
    plain_phone.locator(".language").click()
    expect(plain_phone.locator("#line1")).to_have_value("3 Sample St")
    expect(plain_phone.locator("html")).to_have_attribute("lang", "en")


def test_the_way_out_stays_in_sight_at_the_end_of_a_page(depot: Depot, phone: Page) -> None:
    phone.locator("footer").scroll_into_view_if_needed()
    expect(phone.locator(".leave")).to_be_in_viewport(ratio=1)
    assert phone.locator(".leave").bounding_box()["height"] >= 44  # type: ignore[index]


def test_at_most_six_screens_and_seven_inputs_are_needed(depot: Depot, plain_phone: Page) -> None:
    screens = []
    plain_phone.on("request", lambda request: screens.append(request.url) if request.is_navigation_request() else None)
    ask_to_check(plain_phone)
    plain_phone.locator("#request .go").click()
    assert len(screens) + 1 == 6
    plain_phone.goto("/")
    needed = plain_phone.locator("#request [required]").count()
    plain_phone.locator("label[for=item-naloxone-nasal]").click()
    plain_phone.fill("#zip", "43215")
    plain_phone.locator("#request .go").click()
    plain_phone.locator("main form:not(#request) button.go").click()
    asked_again = plain_phone.locator("#zip").count()
    needed += plain_phone.locator("#request [required]").count() - asked_again + 1  # and at least one thing
    assert needed <= 7


def ask_to_check(page: Page) -> None:
    """Fill everything in, up to the page that shows it all."""
    page.locator("label[for=item-naloxone-nasal]").click()
    page.fill("#zip", "43215")
    page.locator("#request .go").click()
    page.locator("main form:not(#request) button.go").click()
    page.fill("#name", "Robin Example")
    page.fill("#line1", "1 Sample St")
    page.locator("#request .go").click()
    page.locator("#request .go").click()


def _look(page: Page) -> None:
    """What holds on every page, and on one that shows what is wrong."""
    axe(page)
    fits(page)
    assert page.evaluate(TARGETS) == []
    expect(page.locator(".leave")).to_be_in_viewport()
    assert page.evaluate("document.querySelector('header').offsetHeight") < 80, "one line, since it stays on top"
    if page.locator(".problems").count():
        expect(page.locator(".problems")).to_be_focused()
        asks = page.locator(".doubts").count()  # that nothing is wrong, but may be
        assert page.title().startswith(("Please check:", "Por favor, revise:") if asks else "Error:")
        for link in page.locator(".problems a").all():
            assert page.locator(link.get_attribute("href") or "nothing").count() == 1

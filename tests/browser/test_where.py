"""The page that asks where a package goes shows what fits the kind of address, by style alone."""

from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from geo.models import State, StateKind
from tests.browser import tour
from tests.browser.conftest import PHONE, OpenPage
from tests.depot import Depot

SHOWN = """[...document.querySelectorAll('#request input:not([type=hidden]):not([type=radio]), #request select')]
    .filter(one => one.checkVisibility({contentVisibilityAuto: true}) && one.getClientRects().length)
    .map(one => one.name)"""
HOME = ["name", "line1", "line2", "city", "state", "zip"]


def test_only_what_fits_the_kind_of_address_is_shown_and_nothing_typed_is_lost(
    depot: Depot, session: Session, open_page: OpenPage, live_server: str
) -> None:
    session.add(State(code="PR", name="Puerto Rico", name_es="Puerto Rico", kind=StateKind.TERRITORY))
    session.commit()
    page = open_page(viewport=PHONE, script=False)
    tour.where(page, live_server, "")
    assert shown(page) == HOME  # six fields and one choice
    page.fill("#line1", "1 Sample St")
    for kind, fields in (
        ("other", ["name", "care_of", *HOME[1:]]),
        ("general", ["name", *HOME[3:]]),
        ("box", ["name", "box", *HOME[3:]]),
        ("military", HOME),
        ("home", HOME),
    ):
        page.locator(f"label[for=kind-{kind}]").click()
        assert shown(page) == fields, kind
    page.select_option("#state", "PR")
    assert shown(page) == [*HOME[:3], "urbanization", *HOME[3:]]
    page.select_option("#state", "OH")
    page.locator("label[for=kind-box]").click()
    page.fill("#name", "Robin Example")
    page.fill("#box", "PO Box")
    page.press("#box", "Enter")  # goes on, and does not change the language
    expect(page.locator(".doubts li")).to_have_count(2)  # no number, and the street is not used: it shows again
    assert shown(page) == ["name", "box", "line1", *HOME[3:]]
    expect(page.locator("#line1")).to_have_value("1 Sample St")
    page.locator("#request .go").click()
    expect(page.locator("#contact")).to_be_visible()
    expect(page.locator("#says")).to_be_hidden()
    page.locator("label[for=contact-email]").click()
    expect(page.locator("#says")).to_be_visible()


def shown(page: Page) -> list[str]:
    """The fields one sees, but for those in a closed part of the page."""
    found: list[str] = page.evaluate(SHOWN)
    return [name for name in found if name != "untracked"]

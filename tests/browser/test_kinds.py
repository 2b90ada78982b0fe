"""Kinds of one thing on the first page: what the style sheet alone shows and hides, on a narrow phone."""

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, OpenPage
from tests.depot import Depot
from tests.orders.test_substitution import with_kinds


def test_kinds_show_once_their_thing_is_chosen_and_fit_a_narrow_phone(depot: Depot, open_page: OpenPage) -> None:
    with_kinds(depot)
    page = open_page(viewport=PHONE, script=False)
    kind, tick = page.locator("#kind-syringe-kit"), page.locator("#substitutes-syringe-kit")
    expect(kind).to_be_hidden()
    expect(tick).to_be_hidden()
    page.locator("label[for=item-syringe-kit]").click()
    expect(kind).to_be_visible()
    expect(tick).to_be_visible()
    box, label = kind.bounding_box(), page.locator("label[for=substitutes-syringe-kit]").bounding_box()
    assert box and label and box["height"] >= 44 and label["height"] >= 44
    page.locator("label[for=substitutes-syringe-kit]").click()
    expect(tick).to_be_checked()
    right = [card.bounding_box() for card in page.locator(".things > li").all()]
    assert all(edge and edge["x"] + edge["width"] <= PHONE["width"] - 12 for edge in right)

"""A manager and a reviewer at work on the rules: write, compare, review, publish, look it up, see it on the map."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from distro import clock
from geo.models import County, State, Zip
from tests.browser.conftest import DESKTOP, PHONE, OpenPage, axe, fits
from tests.depot import PASSWORD, Depot, code_now

KEY = "OH-franklin-syringe-kit"
UNTIL = (clock.today() + timedelta(days=30)).isoformat()
PLACES = {"39049": ("Franklin", "M500 200l40 0 0 40 -40 0z"), "39041": ("Delaware", "M500 160l40 0 0 40 -40 0z")}
SHAPE = {
    "type": "Polygon",
    "coordinates": [[[-83.2, 39.8], [-82.8, 39.8], [-82.8, 40.1], [-83.2, 40.1], [-83.2, 39.8]]],
}


@pytest.fixture
def world(depot: Depot) -> Depot:
    """The depot with two counties in Ohio, drawn as squares."""
    session = depot.session
    ohio = session.get_one(State, "OH")
    ohio.outline, ohio.label_x, ohio.label_y = "M500 160l40 0 0 80 -40 0z", 520, 200
    session.add_all(County(fips=fips, name=name, state="OH", outline=path) for fips, (name, path) in PLACES.items())
    session.get_one(Zip, "43215").counties = list(PLACES)
    session.commit()
    return depot


def signed_in(page: Page, username: str) -> Page:
    page.goto("/sign-in")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Code").fill(code_now())
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Sign out").wait_for()
    return page


def look(page: Page) -> None:
    axe(page)
    fits(page)


def write_the_rule(page: Page) -> None:
    """From the list of drafts to the saved rule, in the fewest fields."""
    page.goto("/rules/drafts/")
    page.get_by_role("button", name="Start a draft from what is in force").click()
    page.get_by_role("link", name="Add a rule").click()
    page.get_by_label("Place", exact=True).fill("Franklin, OH")
    page.get_by_label("Syringe kit").check()
    page.get_by_label("It can be mailed").check()
    page.get_by_label("Last day").fill(UNTIL)
    page.get_by_label("Citation").fill("Made-up resolution 7")
    page.get_by_label("Source", exact=True).fill("Made-up county board")
    page.get_by_label("Date of the source").fill("2026-11-20")
    page.get_by_label("Confidence").select_option("high")
    page.get_by_role("button", name="Add the rule").click()
    expect(page.locator("h1")).to_have_text(KEY)


def test_written_on_a_desk_reviewed_and_published_on_a_phone_and_seen_on_the_map(
    world: Depot, open_page: OpenPage
) -> None:
    manager = signed_in(open_page("/sign-in", viewport=DESKTOP), "manager")
    write_the_rule(manager)
    look(manager)
    manager.goto("/rules/drafts/2/changes")
    expect(manager.get_by_text("has no reviewer yet")).to_be_visible()

    reviewer = signed_in(open_page("/sign-in", viewport=PHONE), "reviewer")
    reviewer.goto("/rules/drafts/2?show=unreviewed")
    look(reviewer)
    reviewer.get_by_role("region", name="Rules", exact=True).get_by_role("link", name=KEY).click()
    look(reviewer)
    reviewer.get_by_role("button", name="I checked it against its source").click()
    expect(reviewer.get_by_text("Reviewed by reviewer")).to_be_visible()

    manager.reload()
    expect(manager.locator("main")).to_contain_text("+ added")
    expect(manager.locator("svg .map-change")).to_have_count(1)
    look(manager)
    manager.locator("svg a").click()
    expect(manager.locator("h1")).to_contain_text("Ohio")
    expect(manager.locator("svg.state-map .map-change")).to_have_count(1)
    look(manager)
    manager.go_back()
    manager.get_by_label("At once, everywhere").check()
    manager.get_by_role("button", name="Propose").click()
    expect(manager.get_by_text("someone else publishes it")).to_be_visible()
    expect(manager.get_by_role("button", name="Publish")).to_have_count(0)

    reviewer.goto("/rules/drafts/2/changes")
    look(reviewer)
    reviewer.get_by_role("button", name="Publish").click()
    expect(reviewer.locator("main")).to_contain_text("Published: Test rules")

    manager.goto("/rules/map?item=syringe-kit")
    look(manager)
    manager.locator("svg a[aria-label^=Ohio]").click()
    manager.locator("svg a[aria-label^=Franklin]").click()
    expect(manager.locator("h1")).to_contain_text("can be mailed")
    look(manager)
    manager.get_by_role("link", name="43215").click()
    expect(manager.locator("main")).to_contain_text("decides")
    expect(manager.locator("main")).to_contain_text("Made-up resolution 7")
    look(manager)


def test_without_script_a_wrong_form_keeps_what_was_typed(world: Depot, open_page: OpenPage) -> None:
    page = signed_in(open_page("/sign-in", viewport=PHONE, script=False), "manager")
    write_the_rule(page)
    page.get_by_role("link", name="Change it").click()
    expect(page.get_by_label("Place", exact=True)).to_have_value("Franklin, OH")
    page.get_by_label("Place", exact=True).fill("Nowhere, OH")
    page.get_by_label("Note for staff").fill("Ask again in June")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#place-problem-1")).to_contain_text("not a county we know")
    expect(page.get_by_label("Note for staff")).to_have_value("Ask again in June")
    expect(page.get_by_label("Syringe kit")).to_be_checked()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP])
def test_every_page_of_the_rules_is_accessible_and_fits(
    world: Depot, open_page: OpenPage, tmp_path: Path, viewport: dict[str, int]
) -> None:
    page = signed_in(open_page("/sign-in", viewport=viewport), "manager")
    write_the_rule(page)
    page.goto("/rules/drafts/2/areas/")
    look(page)
    (tmp_path / "town.geojson").write_text(json.dumps(SHAPE))
    page.get_by_label("Name", exact=True).fill("Old town")
    page.get_by_label("Code", exact=True).fill("old-town")
    page.get_by_label("Kind", exact=True).select_option("municipality")
    page.get_by_label("Shape as GeoJSON").set_input_files(tmp_path / "town.geojson")
    page.get_by_label("Source", exact=True).fill("A made-up map")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("svg .map-area").first).to_be_attached()
    look(page)
    for path in (
        "/rules/",
        "/rules/map/OH?item=syringe-kit&draft=2",
        "/rules/place?zip=1&age=x&on=y",
        "/rules/place?zip=42223",
        "/rules/drafts/",
        "/rules/drafts/2",
        f"/rules/drafts/2/rules/{KEY}/change",
    ):
        page.goto(path)
        look(page)
    page.get_by_label("Citation").fill("")
    page.locator("summary").filter(has_text="Conditions").click()
    page.get_by_label("Youngest age").fill("x")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("[aria-invalid]")).to_have_count(2)
    look(page)


def test_a_file_of_200_megabytes_is_told_before_it_is_sent(world: Depot, open_page: OpenPage, tmp_path: Path) -> None:
    huge = tmp_path / "huge.yaml"
    with huge.open("wb") as file:
        file.truncate(200_000_000)
    page = signed_in(open_page("/sign-in", viewport=DESKTOP), "manager")
    page.goto("/rules/drafts/")
    field = page.get_by_label("Rules as YAML")
    field.set_input_files(huge)
    page.get_by_role("button", name="Load").click()
    assert "At most 8 MB are read" in field.evaluate("field => field.validationMessage")
    assert page.url.endswith("/rules/drafts/")

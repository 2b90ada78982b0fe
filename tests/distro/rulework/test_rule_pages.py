from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from distro import clock
from geo import drafts, publish, ruletext
from geo.models import County, State, Zip
from inventory.models import SiteItem
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.distro.rulework.writers import APPROVED
from tests.staff import post

OUTLINE = "M1 1l2 0 0 2z"
RULES = [
    rule("US", "naloxone-nasal", "allow"),
    rule("OH", "syringe-kit", "deny", sentence="Not by mail in Ohio.", sentence_es="No por correo en Ohio."),
    rule("county:39049", "syringe-kit", "allow", key="OH-franklin-syringe-kit", scope="county"),
    rule("MN", "syringe-kit", "allow"),  # where the only warehouse that sends it stands
    rule("TN", "syringe-kit", "deny"),
    rule("KY", "syringe-kit", "allow", min_age=18),
    rule(
        "area:old-town",
        "syringe-kit",
        "review",
        key="OH-old-town-syringe-kit",
        valid_to=clock.today() + timedelta(days=5),
    ),
]
AREA = {"code": "old-town", "name": "Old town", "kind": "municipality", "zips": ["43215"], "source": "A map"}


@pytest.fixture
def manager(app: Flask, depot: Depot) -> FlaskClient:
    session = depot.session
    for fips, name in (("39049", "Franklin"), ("39041", "Delaware")):
        session.add(County(fips=fips, name=name, state="OH", outline=OUTLINE))
    for state in session.query(State):
        state.outline, state.label_x, state.label_y = OUTLINE, 1, 1
    session.get_one(Zip, "43215").counties = ["39049", "39041"]
    session.flush()
    put_in_force(session, ruletext.new("Made-up rules", "2", RULES, [AREA | {"source_date": "2026"}]))
    session.commit()
    client = app.test_client()
    sign_in(client, "manager")
    return client


def test_the_rules_are_listed_with_their_citations(manager: FlaskClient) -> None:
    page = manager.get("/rules/").text
    assert "Made-up rules" in page and "7 rules" in page
    assert "OH-syringe-kit" in page and "TN-syringe-kit" in page
    assert "Made-up Code 1" in page and "Made-up source" in page and "Franklin, OH" in page


def test_the_list_filters_by_place_and_item(manager: FlaskClient) -> None:
    page = manager.get("/rules/?state=OH&item=syringe-kit").text
    assert "OH-syringe-kit" in page and "OH-franklin-syringe-kit" in page and "TN-syringe-kit" not in page
    assert "No rule says anything here" in manager.get("/rules/?state=NY").text
    assert "No rule says anything here" in manager.get("/rules/?item=nothing").text


def test_the_country_is_drawn_below_its_table_and_leads_to_a_state_and_a_county(manager: FlaskClient) -> None:
    page = manager.get("/rules/map?item=syringe-kit").text
    assert page.index("Answers by state") < page.index('<svg class="us-map"')
    assert "map-deny" in page and "map-ask" in page and "style=" not in page
    assert "Ohio: depends on the place: can be mailed or a person decides or cannot be mailed" in page
    assert "/rules/map/OH?item=syringe-kit" in page
    page = manager.get("/rules/map/OH?item=syringe-kit").text
    assert page.index("Answers by county") < page.index('<svg class="us-map state-map"')
    assert "Franklin: depends on the place: can be mailed or a person decides" in page
    assert "/rules/map/county/39049?item=syringe-kit" in page
    page = manager.get("/rules/map/county/39049?item=syringe-kit").text
    assert "OH-franklin-syringe-kit" in page and "OH-syringe-kit" in page and "TN-syringe-kit" not in page
    assert "/rules/place?zip=43215" in page


@pytest.mark.parametrize(
    "path", ["/rules/map?item=rockets", "/rules/map?draft=99", "/rules/map/ZZ", "/rules/map/county/99999"]
)
def test_a_map_of_what_is_not_there_is_not_found(manager: FlaskClient, path: str) -> None:
    assert manager.get(path).status_code == 404


def test_a_zip_shows_the_chain_of_rules_and_both_sentences(manager: FlaskClient) -> None:
    page = manager.get("/rules/place?zip=55401").text
    assert "Naloxone nasal" in page and "can be mailed" in page and "About naloxone-nasal in US." in page
    page = manager.get("/rules/place?zip=43215&item=syringe-kit").text
    assert "OH-old-town-syringe-kit" in page and "less specific" in page and "Next best place" in page
    later = (clock.today() + timedelta(days=6)).isoformat()
    page = manager.get(f"/rules/place?zip=43215&item=syringe-kit&county=39041&on={later}").text
    assert "Not by mail in Ohio." in page and "No por correo en Ohio." in page
    assert "no longer in force" in page


def test_a_place_that_may_lie_in_several_states_offers_them(manager: FlaskClient) -> None:
    page = manager.get("/rules/place?zip=42223&item=syringe-kit").text
    assert "needs one more answer</span>: state" in page and "/rules/place?state=TN" in page
    assert "¿En qué estado está?" in page
    assert "cannot be mailed" in manager.get("/rules/place?zip=42223&item=syringe-kit&state=TN").text
    page = manager.get("/rules/place?zip=42223&item=syringe-kit&state=KY").text
    assert "needs one more answer</span>: age" in page
    page = manager.get("/rules/place?zip=42223&item=syringe-kit&state=KY&age=20").text
    assert "can be mailed" in page and "About syringe-kit in KY." in page


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"zip": "1"}, "5 digits"),
        ({"zip": "00000"}, "could not find"),
        ({"zip": "43215' OR 1=1"}, "5 digits"),
        ({"zip": "x" * 5_000}, "5 digits"),
        ({"zip": "43215", "state": "KY"}, "not in the state"),
        ({"zip": "43215", "county": "01001"}, "not in the county"),
        ({"zip": "43215", "item": "rockets"}, "rockets"),
        ({"zip": "43215", "on": "soon"}, "year-month-day"),
        ({"zip": "43215", "age": "-1"}, "age in years"),
    ],
)
def test_a_wrong_question_is_a_sentence_beside_its_field(
    manager: FlaskClient, asked: dict[str, str], sentence: str
) -> None:
    answer = manager.get("/rules/place", query_string=asked)
    assert answer.status_code == 422
    assert 'class="invalid-feedback d-block"' in answer.text and sentence in answer.text


def test_what_the_rules_allow_and_no_warehouse_sends_is_said_on_every_page(manager: FlaskClient, depot: Depot) -> None:
    depot.session.query(SiteItem).delete()
    depot.session.commit()
    page = manager.get("/rules/place?zip=55401&item=syringe-kit").text
    assert "The rules allow it, but no warehouse sends it there" in page
    assert "None of our warehouses can mail this there yet." in page
    for path in ("/rules/map/MN?item=syringe-kit", "/rules/map/county/39049?item=syringe-kit"):
        page = manager.get(path).text
        assert "It shows what the rules allow" in page and "No warehouse sends Syringe kit to " in page
    assert "<td>nobody</td>" in manager.get("/rules/map?item=syringe-kit").text


def test_a_draft_is_looked_up_as_if_it_were_in_force(manager: FlaskClient) -> None:
    draft = str(post(manager, "/rules/drafts/copy", **{"from": "2"}).location)
    post(manager, f"{draft}/rules/new", **APPROVED | {"place": "55401", "effect": "deny"})
    number = draft.rpartition("/")[2]
    asked = "zip=55401&item=syringe-kit"
    page = manager.get(f"/rules/place?{asked}&draft={number}").text
    assert "55401-syringe-kit" in page and "would decide if it were in force" in page
    assert "would decide if it were" not in manager.get(f"/rules/place?{asked}").text
    assert manager.get(f"/rules/place?{asked}&draft=99").status_code == 404


def test_the_map_is_of_a_day(manager: FlaskClient, depot: Depot) -> None:
    later = (clock.today() + timedelta(days=6)).isoformat()
    now = "Franklin: depends on the place: can be mailed or a person decides"
    assert now in manager.get("/rules/map/OH?item=syringe-kit").text
    page = manager.get(f"/rules/map/OH?item=syringe-kit&on={later}").text
    assert now not in page and f"on={later}" in page
    draft = drafts.copy(depot.session, publish.in_force(depot.session, clock.today()), by="ana", at=clock.now())
    draft.effective_on = clock.today() + timedelta(days=6)
    depot.session.commit()
    assert now not in manager.get(f"/rules/map/OH?item=syringe-kit&draft={draft.id}").text


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("1990-01-01", "No ruleset was in force on that day."),
        ("20300101", "year-month-day"),
        ("soon", "year-month-day"),
    ],
)
def test_a_day_that_cannot_be_shown_is_said_at_the_day(manager: FlaskClient, day: str, sentence: str) -> None:
    for path in (f"/rules/place?zip=43215&on={day}", f"/rules/map?on={day}", f"/rules/map/OH?on={day}"):
        answer = manager.get(path)
        assert answer.status_code == 422 and sentence in answer.text
        assert 'id="on-problem-1"' in answer.text and 'id="zip-problem-1"' not in answer.text

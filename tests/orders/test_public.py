import gzip
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.auth import guard_of
from distro.config import Settings
from geo import ruletext
from geo.models import Ruleset
from orders.identity import open_person
from orders.models import Order
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import code_in, fields, filled

ROOT = Path(__file__).parents[2]
PAGES = ("/", "/status", "/privacy", "/es/", "/es/status", "/es/privacy", "/nowhere", "/es/nowhere")
BANNED = (
    r"\b(addict\w*|junkie\w*|abus\w+|offender\w*|clean|dirty|habit|drug seekers?|denied|failed"
    r"|adict\w+|yonqui|suci[oa]|limpi[oa])\b"
)


def test_a_request_goes_from_page_to_page_without_a_cookie(client: FlaskClient, depot: Depot) -> None:
    form = fields(client.get("/").text)
    form.setlist("item", ["naloxone-nasal", "wound-care-kit"])
    form["zip"] = " 43215-1234 "
    page = client.post("/answer", data=form)
    assert page.status_code == 200 and "About naloxone-nasal in US." in page.text
    page = client.post("/where", data=form)
    form = fields(page.text)
    assert form["state"] == "OH" and form["city"] == "Sampleton"  # filled in from the ZIP code
    form["name"], form["line1"] = "Robin Example", "1 Sample St"
    form = fields(client.post("/contact", data=form).text)
    assert form["contact"] == "none"
    page = client.post("/check", data=form)
    assert "Robin Example" in page.text and "Wound care kit" in page.text
    done = client.post("/done", data=fields(page.text))
    assert done.status_code == 200 and re.fullmatch(r"([a-z]+ ){4}[a-z]+", code_in(done))
    order = depot.session.scalars(select(Order)).one()
    person = open_person(order, depot.keys)
    assert (person.name, person.zip, person.language) == ("Robin Example", "43215", "en")
    assert order.decision == {
        "naloxone-nasal": {"effect": "allow", "rules": ["US-naloxone-nasal"]},
        "wound-care-kit": {"effect": "allow", "rules": ["US-wound-care-kit"]},
    }


def test_the_answer_comes_before_any_name_and_only_what_is_lawful_goes_on(client: FlaskClient, depot: Depot) -> None:
    form = {"item": ["naloxone-nasal", "smoking-kit"], "zip": "43215"}
    page = client.post("/answer", data=form).text
    assert "We can send some of this" in page and "Not by mail there" in page and "Helpline" in page
    assert 'name="name"' not in page
    carried = page.split("</form>")[1]
    assert 'value="naloxone-nasal"' in carried and "smoking-kit" not in carried


def test_a_request_with_something_barred_comes_back_to_the_answer(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/done", data=filled(client, item="smoking-kit"))
    assert page.status_code == 200 and "We cannot mail this there" in page.text
    assert not depot.session.scalars(select(Order)).all()


def test_a_zip_in_two_states_asks_which_when_they_differ(client: FlaskClient, depot: Depot) -> None:
    depot.shelve("fentanyl-strips")
    form = {"item": ["fentanyl-strips"], "zip": "42223"}
    page = client.post("/answer", data=form).text
    assert "Which state is it in?" in page and "Kentucky" in page and "Tennessee" in page
    assert "Yes, we can send this" in client.post("/answer", data={**form, "state": "KY"}).text
    assert "We cannot mail this there" in client.post("/answer", data={**form, "state": "TN"}).text
    same = client.post("/answer", data={"item": ["naloxone-nasal"], "zip": "42223"}).text
    assert "Which state" not in same


def test_pressing_on_without_an_answer_says_so(client: FlaskClient, depot: Depot) -> None:
    form = {"item": ["fentanyl-strips"], "zip": "42223"}
    assert "Please choose an answer below." not in client.post("/answer", data=form).text
    assert "Please choose an answer below." in client.post("/answer", data={**form, "asking": "yes"}).text


def test_what_is_not_on_any_shelf_is_said_before_anyone_asks_for_it(client: FlaskClient, depot: Depot) -> None:
    depot.shelve("naloxone-nasal")
    form = {"item": ["naloxone-nasal", "wound-care-kit"], "zip": "43215"}
    page = client.post("/answer", data=form).text
    assert "You can ask for this" in page and "Yes, but not all is here now" in page
    at_once, all_of_it = page.split("Ask only for what can go now")
    assert at_once.count('value="naloxone-nasal"') == 2  # in the page's own form and in the one for now
    asked = 'name="item" value="wound-care-kit"'
    assert at_once.count(asked) == 1 and all_of_it.count(asked) == 1
    assert "Ask only" not in client.post("/answer", data={**form, "item": ["naloxone-nasal"]}).text


def test_an_age_is_asked_only_where_a_rule_names_one(client: FlaskClient, depot: Depot, session: Session) -> None:
    rules = [rule("US", "wound-care-kit", "allow", min_age=18), rule("US", "naloxone-nasal", "allow")]
    put_in_force(session, ruletext.new("Rules with an age", "2", rules))
    session.commit()
    depot.shelve("wound-care-kit")
    form = {"item": ["wound-care-kit"], "zip": "43215"}
    page = client.post("/answer", data=form).text
    assert "How old are you?" in page and "Under 18" in page and "18 or older" in page
    assert "Yes, we can send this" in client.post("/answer", data={**form, "age": "18-"}).text
    assert "We cannot mail this there" in client.post("/answer", data={**form, "age": "0-18"}).text
    assert "How old are you?" in client.post("/answer", data={**form, "age": "16-"}).text
    assert "How old are you?" not in client.post("/answer", data={"item": ["naloxone-nasal"], "zip": "43215"}).text


@pytest.mark.parametrize(
    ("zip", "sentence"),
    [
        ("", "5 digits"),
        ("4321", "5 digits"),
        ("4321x", "5 digits"),
        ("٤٣٢١٥", "5 digits"),
        ("9" * 10_000, "5 digits"),
        ("99999", "could not find the ZIP code 99999"),
    ],
)
def test_a_zip_that_cannot_be_used_is_a_kind_sentence(
    client: FlaskClient, depot: Depot, zip: str, sentence: str
) -> None:
    for path in ("/answer", "/contact", "/done"):
        page = client.post(path, data=filled(client, zip=zip))
        assert page.status_code == 422 and sentence in page.text and "<title>Error:" in page.text
        assert f'value="{zip}"' in page.text  # what was typed is kept


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("name", "", "write a name"),
        ("name", "Robin 😀", "cannot print “😀”"),
        ("line1", "x" * 10_000, "at most 60 letters. Now it has 10000"),
        ("city", "\u202e\x07 \t", "write the city"),
        ("state", "", "choose the state"),
        ("state", "Ohio", "choose the state"),
    ],
)
def test_an_address_that_cannot_be_mailed_keeps_all_that_was_typed(
    client: FlaskClient, depot: Depot, field: str, typed: str, sentence: str
) -> None:
    page = client.post("/contact", data=filled(client, **{field: typed}))
    assert page.status_code == 422
    assert sentence in page.text and f'href="#{field}"' in page.text and f'id="{field}-problem"' in page.text
    if field != "state":
        assert fields(page.text)[field] == typed or field == "city"
    assert fields(page.text)["item"] == "naloxone-nasal"


def test_a_state_that_the_zip_is_not_in_is_asked_once_and_then_taken(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/contact", data=filled(client, state="NY"))
    assert page.status_code == 422 and "is not in that state" in page.text
    again = client.post("/contact", data=fields(page.text))
    assert again.status_code == 200 and "May we contact you?" in again.text


def test_a_zip_changed_with_the_address_is_decided_again(client: FlaskClient, depot: Depot) -> None:
    form = filled(client, item="fentanyl-strips", zip="42223", state="TN")
    page = client.post("/contact", data=form)
    assert "We cannot mail this there" in page.text and 'value="Robin Example"' in page.text


@pytest.mark.parametrize(
    ("way", "typed", "sentence"),
    [("email", "robin@", "name@example.com"), ("email", "", "name@example.com"), ("phone", "12", "10 digits")],
)
def test_a_contact_is_checked_only_if_chosen(
    client: FlaskClient, depot: Depot, way: str, typed: str, sentence: str
) -> None:
    page = client.post("/check", data=filled(client, contact=way, **{way: typed}))
    assert page.status_code == 422 and sentence in page.text
    assert client.post("/check", data=filled(client, **{way: typed})).status_code == 200


@pytest.mark.parametrize("units", ["0", "4", "-1", "1e3", "", "٣"])
def test_a_number_outside_the_limit_shows_the_first_page_again(client: FlaskClient, depot: Depot, units: str) -> None:
    page = client.post("/answer", data=filled(client, **{"many-naloxone-nasal": units}))
    assert page.status_code == 422 and "from 1 to 3" in page.text


def test_unknown_fields_and_items_change_nothing(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/done", data=filled(client, status="shipped", site_id="1"))
    assert page.status_code == 200
    assert depot.session.scalars(select(Order)).one().status == "received"
    assert client.post("/answer", data=filled(client, item="naloxone-gold")).status_code == 422


@pytest.mark.parametrize("path", PAGES)
def test_every_public_answer_has_no_cookie_and_the_strict_headers(client: FlaskClient, depot: Depot, path: str) -> None:
    answer = client.get(path)
    assert "Set-Cookie" not in answer.headers and "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert re.findall(r"<script[^>]*src=\"([^\"?]*)[^>]*>(.*?)</script>", answer.text) == [("/static/leave.js", "")]
    assert answer.text.count("<script") == 1 and "style=" not in answer.text
    assert re.search(r'href="(/es)?/leave"', answer.text)


def test_the_pages_of_a_request_set_no_cookie_and_keep_data_out_of_addresses(client: FlaskClient, depot: Depot) -> None:
    for path in ("/", "/answer", "/where", "/contact", "/check", "/done"):
        answer = client.post(path, data=filled(client))
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
        assert "?" not in "".join(re.findall(r'(?:href|action)="([^"]*)"', answer.text))


@pytest.mark.parametrize("language", ["", "/es"])
def test_no_page_uses_a_word_that_hurts_and_titles_are_neutral(
    client: FlaskClient, depot: Depot, language: str
) -> None:
    for path in ("/answer", "/where", "/contact", "/check", "/done"):
        page = client.post(language + path, data=filled(client)).text
        assert not re.search(BANNED, page, re.IGNORECASE)
        title = page.split("<title>")[1].split("</title>")[0]
        assert not re.search("nalox|fentan|syring|jering|drug|droga|kit", title, re.IGNORECASE)


def test_in_spanish_every_page_and_error_is_spanish(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/es/contact", data=filled(client, name="")).text
    assert '<html lang="es" dir="ltr">' in page and "Escriba un nombre para el paquete." in page and "Ohio" in page
    assert "Sobre naloxone-nasal en US." in client.post("/es/answer", data=filled(client)).text
    done = client.post("/es/done", data=filled(client))
    assert "Recibimos su pedido" in done.text
    order = depot.session.scalars(select(Order)).one()
    assert open_person(order, depot.keys).language == "es"


def test_the_first_page_and_its_style_fit_into_14_000_bytes(client: FlaskClient, depot: Depot) -> None:
    compressed = {"Accept-Encoding": "gzip"}
    page, style = client.get("/", headers=compressed), client.get("/static/public.css", headers=compressed)
    script = client.get("/static/leave.js", headers=compressed)
    on_the_wire = sum(len(answer.data) + len(str(answer.headers)) + 20 for answer in (page, style, script))
    assert page.headers["Content-Encoding"] == "gzip" and b"<h1>" in gzip.decompress(page.data)
    assert on_the_wire <= 14_000
    assert len(gzip.compress(style.data)) <= 6_144 and len(script.data) <= 3_072


def test_leaving_goes_to_the_weather_and_clears_what_the_browser_holds(client: FlaskClient) -> None:
    answer = client.get("/leave")
    assert answer.status_code == 303 and answer.headers["Location"] == "https://www.weather.gov/"
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'  # not "cookies": staff's are
    assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_page_reached_without_its_form_leads_to_the_start(client: FlaskClient) -> None:
    for path in ("/answer", "/where", "/contact", "/check", "/done"):
        assert client.get(f"/es{path}").headers["Location"] == "/es/"


def test_without_live_rules_nothing_is_answered_and_nothing_typed_is_lost(client: FlaskClient, depot: Depot) -> None:
    form = filled(client)
    ruleset = depot.session.scalars(select(Ruleset)).one()
    ruleset.publication = ruleset.effective_on = None
    answer = client.post("/done", data=form)
    assert answer.status_code == 503 and 'value="1 Sample St"' in answer.text and "claim-code" not in answer.text


def test_both_languages_are_open_to_all(app: Flask, settings: Settings) -> None:
    assert guard_of("en") == guard_of("es") == "none"

"""Staff key a request for somebody: as the public pages ask, sealed as it is sent, and the code read out."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from distro import clock
from distro.audit import AuditEntry
from geo import ruletext
from orders import cards, codes
from orders.codewords import words
from orders.identity import open_person
from orders.models import Door, Order, Status
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.orders.forms import code_in
from tests.orders.test_substitution import with_kinds, with_strips

NEED = {"door": "phone", "speaks": "en", "item": "naloxone-nasal", "many-naloxone-nasal": "2", "zip": "43215"}
WHO = {
    "kind": "home",
    "name": "Canary Quill",
    "line1": "7 Canary Row",
    "city": "Sampleton",
    "state": "OH",
    "zip": "43215",
    "contact": "phone",
    "phone": "614-555-0177",
}


def hidden(page: TestResponse) -> MultiDict[str, str]:
    """The hidden fields of the first form in a page's main part."""
    form = page.text.split('<main id="main"')[1].split("<form")[1].split("</form>")[0]
    return MultiDict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))


def sent(client: FlaskClient, page: TestResponse, path: str, **typed: str) -> TestResponse:
    data = hidden(page)
    for name, text in typed.items():
        data[name] = text
    return client.post(f"/requests/{path}", data=data)


def to_check(client: FlaskClient, **changes: str) -> TestResponse:
    """From the first page to the one that is read out."""
    answer = sent(client, client.get("/requests/new"), "answer", **{**NEED, **changes})
    where = sent(client, answer, "where")
    assert "Canary" not in where.text and 'name="name"' in where.text
    return sent(client, where, "check", **WHO)


def only(depot: Depot) -> Order:
    depot.session.expire_all()
    return depot.session.scalars(select(Order)).one()


def test_the_closest_kind_is_asked_for_thing_by_thing(depot: Depot, client: FlaskClient) -> None:
    with_kinds(depot)
    with_strips(depot)
    depot.shelve("syringe-kit-29g", site="MN")
    sign_in(client, "manager")
    start = client.get("/requests/new")
    assert re.findall(r'name="substitutes" value="([^"]*)"', start.text) == ["strips", "syringe-kit"]
    need = {**NEED, "item": "syringe-kit", "many-syringe-kit": "2", "zip": "55401", "substitutes": "syringe-kit"}
    answer = sent(client, start, "answer", **need)
    assert "yes, this or the closest kind" in answer.text
    check = sent(client, sent(client, answer, "where"), "check", **{**WHO, "state": "MN", "zip": "55401"})
    assert check.text.count("(the closest kind, if this is out)") == 1
    assert client.post("/requests/done", data=hidden(check)).status_code == 200
    assert open_person(only(depot), depot.keys).substitutes == ("syringe-kit",)


def test_by_phone_page_by_page_to_the_code_and_nothing_of_it_again(depot: Depot, client: FlaskClient) -> None:
    depot.shelve()
    sign_in(client, "manager")
    check = to_check(client)
    assert "Canary Quill" in check.text and "7 Canary Row" in check.text and "614-555-0177" in check.text
    assert "Their home, with tracking" in check.text and "My home" not in check.text
    data = hidden(check)
    done = client.post("/requests/done", data=data)
    assert done.status_code == 200, done.text.split("<main")[1]
    assert done.headers["Cache-Control"] == "no-store"
    assert "anary" not in done.text and "0177" not in done.text and "Please write it down" in done.text
    code = code_in(done)
    assert code in done.text.split("read-out")[1] and "/status" in done.text
    again = client.post("/requests/done", data=data)
    assert code_in(again) == code and "it counts once" in again.text
    order = only(depot)
    person = open_person(order, depot.keys)
    assert (order.door, order.flags, order.status) == (Door.PHONE, [], Status.RECEIVED)
    assert (person.name, person.phone, person.says, person.language) == ("Canary Quill", "6145550177", False, "en")
    [line] = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "key request"))
    assert (line.actor, line.subject, line.reason) == ("manager", order.document, "by phone")
    with client.session_transaction() as kept:
        assert "anary" not in str(dict(kept))
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert "We have your request and are getting it ready." in client.post("/status", data={"code": code}).text
    assert "Came by phone." in client.get(f"/desk/orders/{order.number}").text


def test_on_paper_in_spanish_the_card_is_spanish_and_the_letter_is_destroyed(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    check = to_check(client, door="paper", speaks="es")
    done = client.post("/requests/done", data=hidden(check))
    assert "shred it" in done.text and "Guarde esta tarjeta" in done.text and "/es/status" in done.text
    assert set(code_in(done).split()) <= set(words("es"))
    card = done.text.split('class="reply-card"')[1].split("</section>")[0]
    assert "anary" not in card and "naloxone" not in card.lower()
    assert only(depot).door == Door.PAPER and open_person(only(depot), depot.keys).language == "es"


@pytest.mark.parametrize(
    ("path", "changes", "sentence"),
    [
        ("answer", {"door": "web"}, "Choose how it came."),
        ("answer", {"speaks": "xx"}, "Choose the language of the person."),
        ("answer", {"item": "no-such"}, "no longer on our list"),
        ("answer", {"many-naloxone-nasal": "9"}, "Please choose a number from 1 to 3."),
        ("where", {"zip": "1"}, "A ZIP code has 5 digits"),
        ("check", {"name": "", "phone": "1"}, "Please write a name for the package."),
        ("check", {"phone": "1"}, "A phone number has 10 digits"),
        ("check", {"state": "NY"}, "If it is right as it is, press “Go on” once more."),
        ("done", {"line1": ""}, "Please write the street and number"),
        ("done", {"form": ""}, "We could not read this page."),
        ("done", {}, ""),  # the control
    ],
)
def test_what_cannot_be_used_is_said_and_stays_on_the_page(
    depot: Depot, client: FlaskClient, path: str, changes: dict[str, str], sentence: str
) -> None:
    sign_in(client, "manager")
    answer = sent(client, client.get("/requests/new"), path, **{**WHO, **NEED, **changes})
    assert answer.status_code == (422 if sentence else 200) and sentence in answer.text
    assert ("7 Canary Row" in answer.text) is (bool(sentence) and "line1" not in changes)
    assert len(depot.session.scalars(select(Order)).all()) == (not sentence)


def test_a_no_is_told_before_a_name_is_asked_and_questions_are_read_out(depot: Depot, client: FlaskClient) -> None:
    rules = [
        rule("US", "fentanyl-strips", "allow", training="naloxone-basics"),
        rule("US", "naloxone-nasal", "allow", min_age=18, attest="I asked for it.", attest_es="Yo lo pedí."),
        rule("US", "smoking-kit", "deny"),
    ]
    put_in_force(depot.session, ruletext.new("Asking rules", "2", rules))
    depot.session.commit()
    sign_in(client, "manager")
    first = client.get("/requests/new")
    no = sent(client, first, "answer", **{**NEED, "item": "smoking-kit"})
    assert "not by mail there" in no.text and "Who else can help them" in no.text and "requests/where" not in no.text
    asks = sent(client, first, "answer", **{**NEED, "speaks": "es"})
    assert "Ask: how old are you?" in asks.text and "Yo lo pedí." in asks.text
    statement = re.findall(r'name="agree" value="([^"]+)"', asks.text)[0]
    told = sent(client, asks, "answer", age="18-", agree=statement)
    assert "Ask" not in told.text.split("<h1")[1].split("</h1>")[0] and ": yes" in told.text
    where = sent(client, told, "check", **WHO, age="18-", agree=statement)
    assert client.post("/requests/done", data=hidden(where)).status_code == 200
    person = open_person(only(depot), depot.keys)
    assert (person.at_least, person.agreed) == (18, (statement,))
    strips = {**NEED, "item": "fentanyl-strips", "many-fentanyl-strips": "1", "speaks": "es"}
    lesson = sent(client, first, "answer", **strips)
    first_card = cards.deck().trainings["naloxone-basics"].cards[0]
    assert "a person checks first" in lesson.text and first_card.title.spanish in lesson.text
    learnt = sent(client, lesson, "answer", trained=cards.mark("naloxone-basics"))
    assert ": yes" in learnt.text and "They heard the cards" not in learnt.text


def test_a_form_left_open_too_long_comes_again_or_shows_its_code(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    with clock.at(clock.now() - codes.FORM_LIVES * 2):
        form = codes.new_form(depot.settings.secret_key, clock.now())
    data = {**NEED, **WHO, "form": form, "csrf_token": hidden(client.get("/requests/new"))["csrf_token"]}
    old = client.post("/requests/done", data=data)
    assert old.status_code == 422 and "Canary Quill" in old.text
    assert client.post("/requests/done", data=hidden(old)).status_code == 200
    nonce, _made = codes.peek_form(depot.settings.secret_key, hidden(old)["form"])
    assert only(depot).nonce_tag == codes.nonce_tag(depot.settings.secret_key, nonce)


def test_only_managers_and_admins_and_only_with_a_token(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert client.get("/requests/new").status_code == 403
    sign_in(client, "manager")
    assert client.post("/requests/done", data={**NEED, **WHO}).status_code == 400
    assert depot.session.scalars(select(Order)).all() == []


def test_the_first_page_of_managers_counts_requests_by_how_they_came(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    client.post("/requests/done", data=hidden(to_check(client)))
    depot.request()
    page = client.get("/manage").text
    told = page.split("How requests came")[1].split("</p>")[0]
    assert re.findall(r"<strong>([^<]+)</strong>", told) == ["1", "1"] and "By phone" in told and "Web page" in told

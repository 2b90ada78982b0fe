"""A group asks in cases, before its name for its place; a manager reads the plan and decides; packers see cases.

Length: what a group asks, what becomes of it, and who may see it, on one set of pages.
"""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from distro import audit
from distro.db import Base
from distro.keys import sealing
from geo import ruletext
from orders import labels
from orders.identity import VIEW, open_person
from orders.models import Door, Order, Status
from orders.telling import News
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.orders.forms import GROUP, PLAN, code_in, fields, filled_group
from tests.reliability.search import Search, files
from tests.staff import post, said


def in_cases(depot: Depot, *codes: str, units: int = 12, most: int = 4) -> None:
    for code in codes or ("naloxone-nasal",):
        item = depot.item(code)
        item.case_units, item.cases_most = units, most
    depot.session.commit()


def only(depot: Depot) -> Order:
    depot.session.expire_all()
    return depot.session.scalars(select(Order)).one()


def asked(depot: Depot, client: FlaskClient, **changes: object) -> tuple[Order, str]:
    """An order of a group, with its code, as triage leaves it."""
    answer = client.post("/groups/done", data=filled_group(client, **changes))
    assert answer.status_code == 200, answer.text
    depot.settle()
    return only(depot), code_in(answer)


def sent(client: FlaskClient, page: TestResponse, path: str, **changes: str) -> TestResponse:
    """Send the form of a page on, with something changed."""
    data = fields(page.text)
    for name, value in changes.items():
        data[name] = value
    return client.post(path, data=data)


def test_page_by_page_the_place_is_answered_before_the_name_is_asked(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot, "naloxone-nasal", "fentanyl-strips")
    first = client.get("/groups")
    assert "Wound care" not in first.text and "12 in a case. Up to 4 cases." in first.text
    assert "Whom do you reach" not in first.text
    choose = {"item": "naloxone-nasal", "many-naloxone-nasal": "2", "zip": "43215"}
    answer = sent(client, first, "/groups/answer", **choose)
    assert "2 × case of 12 = 24" in answer.text and "A person checks first" in answer.text
    where = sent(client, first, "/groups/where", **choose)
    assert 'name="plan"' in where.text and "Canary" not in where.text
    check = sent(client, where, "/groups/check", **{**GROUP, "line2": "Suite 4"})
    assert check.status_code == 200 and "Canary Outreach" in check.text and "Suite 4" in check.text
    done = client.post("/groups/done", data=fields(check.text))
    assert done.status_code == 200 and code_in(done)
    again = client.post("/groups/done", data=fields(check.text))
    assert code_in(again) == code_in(done) and "sent more than once" in again.text
    order = only(depot)
    assert (order.door, order.flags[0], order.state) == (Door.GROUP, "group", "OH")
    assert [(line.item.code, line.quantity) for line in order.lines] == [("naloxone-nasal", 24)]
    person = open_person(order, depot.keys)
    assert (person.organisation, person.plan, person.phone) == ("Canary Outreach", PLAN, "6145550123")
    assert not any(cookie for cookie in done.headers.getlist("Set-Cookie"))
    status = client.post("/status", data={"code": code_in(done)})
    assert "We have your request and are getting it ready." in status.text


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"many-naloxone-nasal": "5"}, "answer", "Please choose a number from 1 to 4."),
        ({"many-naloxone-nasal": "1.5"}, "answer", "Please choose a number from 1 to 4."),
        ({"many-naloxone-nasal": "0"}, "done", "Please choose a number from 1 to 4."),
        ({"item": ["wound-care-kit"]}, "answer", "no longer on our list"),
        ({"item": []}, "answer", "Please choose at least one thing."),
        ({"organisation": " "}, "check", "Please write the name of your group."),
        ({"plan": "x" * 1001}, "check", "Please use at most 1000 letters. Now it has 1001."),
        ({"plan": "\n"}, "done", "Please write in a few words whom you reach"),
        ({"phone": ""}, "check", "Please write an e-mail address or a phone number of your group."),
        ({"phone": "12"}, "check", "A phone number has 10 digits"),
        ({"email": "robin", "phone": ""}, "check", "Please check the e-mail address."),
        ({"line1": ""}, "done", "Please write the street and number"),
        ({"state": "NY"}, "check", "ZIP"),  # asked once, then taken
        ({"form": "no form"}, "done", "We could not read this page"),
    ],
)
def test_what_cannot_be_used_is_said_and_everything_stays(
    depot: Depot, client: FlaskClient, changes: dict[str, object], path: str, sentence: str
) -> None:
    in_cases(depot)
    answer = client.post(f"/groups/{path}", data=filled_group(client, **changes))
    assert answer.status_code == 422 and sentence in answer.text
    assert changes.get("organisation") == " " or "Canary Outreach" in answer.text
    assert depot.session.scalars(select(Order)).all() == []


def test_a_place_in_two_states_is_asked_and_a_no_is_told_first(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot, "naloxone-nasal", "fentanyl-strips")
    form = filled_group(client, item=["fentanyl-strips"], zip="42223", **{"many-fentanyl-strips": "1"})
    asks = client.post("/groups/answer", data={**form, "state": ""})
    assert "Which state is it in?" in asks.text
    no = client.post("/groups/answer", data={**form, "state": "TN"})
    assert "We cannot mail this there" in no.text and "/groups/where" not in no.text
    assert "We cannot mail this there" in client.post("/groups/done", data={**form, "state": "TN"}).text
    assert depot.session.scalars(select(Order)).all() == []


def test_without_cases_the_page_says_so_and_later_pages_begin_at_the_first(depot: Depot, client: FlaskClient) -> None:
    depot.item("naloxone-nasal").case_units = None
    depot.session.commit()
    assert "We have no cases for groups just now." in client.get("/groups").text
    for page in ("answer", "where", "check", "done"):
        assert client.get(f"/es/groups/{page}").location == "/es/groups"
    assert "/groups" in client.get("/").text


def test_a_group_is_always_held_and_the_limits_of_people_do_not_count_for_it(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    depot.item("naloxone-nasal").household_limit = {"units": 4, "days": 30}
    depot.shelve(quantity=100)
    order, _code = asked(depot, client)
    assert order.status == Status.HELD and order.note.startswith("A group asks for supplies in bulk.")
    sign_in(client, "manager")
    page = client.get("/review").text
    assert "2 cases = 24" in page and "Read the plan" in page and "anary" not in page
    assert page.count("Another reason to say yes") == 1 == page.count("Another reason to say no")
    assert re.search(r"\d+ units at one warehouse can go there today, that is \d+ whole cases? of 12\.", page)
    assert "limit is 4" not in page.lower()
    person = depot.request({"naloxone-nasal": 2}, line1="9 Canary Row")  # somebody who lives there
    depot.settle()
    assert person.status == Status.ALLOCATED


def test_control_the_same_units_for_a_person_are_over_a_limit(depot: Depot) -> None:
    depot.shelve(quantity=100)
    order = depot.request({"naloxone-nasal": 24})
    depot.settle()
    assert order.status == Status.HELD and "One request may have 3" in order.note


def test_the_plan_is_read_after_a_line_and_shows_no_address(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    order, _code = asked(depot, client)
    sign_in(client, "manager")
    page = post(client, f"/review/{order.number}/plan")
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    assert "Canary Outreach" in page.text and "Quillplan" in page.text and "6145550123" in page.text
    assert "Canary Row" not in page.text and "Robin" not in page.text
    assert audit.count(depot.session, action=VIEW, subject=order.document) == 1
    person = depot.request({"naloxone-nasal": 24})
    depot.settle()
    assert post(client, f"/review/{person.number}/plan").status_code == 422
    assert audit.count(depot.session, action=VIEW, subject=person.document) == 0


def test_approved_it_is_allocated_packed_in_cases_and_labelled_for_the_group(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    depot.shelve(quantity=30)
    order, code = asked(depot, client)
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/approve", why="yes-plan").status_code == 303
    depot.settle()
    assert order.status == Status.ALLOCATED and sum(pick.quantity for pick in order.allocations) == 24
    page = client.get(f"/desk/orders/{order.number}").text
    assert "2 cases = 24" in page and "Group" in page and "anary" not in page
    assert "We have your request and are getting it ready." in client.post("/status", data={"code": code}).text
    lines = labels.address_lines(open_person(order, depot.keys))
    assert lines[:3] == ["ROBIN EXAMPLE", "CANARY OUTREACH", "9 CANARY ROW"]


def test_fewer_cases_are_approved_with_a_reason_and_the_row_is_proven_anew(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot, "naloxone-nasal", "fentanyl-strips")
    for item, lot in (("naloxone-nasal", "LOTN"), ("fentanyl-strips", "LOTF")):
        depot.shelve(item, 100, lot=lot)
    items = {"item": ["naloxone-nasal", "fentanyl-strips"], "many-fentanyl-strips": "3"}
    order, code = asked(depot, client, **items)
    assert "cases you asked for" not in client.post("/status", data={"code": code}).text
    sign_in(client, "manager")
    path = f"/review/{order.number}/approve"
    for wrong, sentence in (
        ({"cases-naloxone-nasal": "3"}, "0 to 2 cases of Naloxone nasal"),
        ({"cases-naloxone-nasal": "one"}, "0 to 2 cases of Naloxone nasal"),
        ({"cases-naloxone-nasal": "0", "cases-fentanyl-strips": "0"}, "decline it"),
    ):
        answer = post(client, path, **{"why": "yes-less", "cases-fentanyl-strips": "3", **wrong})
        assert answer.status_code == 422 and sentence in said(answer)[0]
    assert "Choose a reason" in said(post(client, path, **{"cases-naloxone-nasal": "1"}))[0]
    depot.session.expire_all()
    assert order.status == Status.HELD and len(order.lines) == 2
    fewer = {"why": "yes-less", "cases-naloxone-nasal": "1", "cases-fentanyl-strips": "0", "reason": "more next month"}
    assert post(client, path, **fewer).status_code == 303
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert [(line.item.code, line.quantity) for line in order.lines] == [("naloxone-nasal", 12)]
    assert open_person(order, depot.keys).organisation == "Canary Outreach"
    [line] = [entry for entry in depot.session.scalars(select(audit.AuditEntry)) if entry.action == "fewer cases"]
    assert line.reason == "naloxone-nasal 2 to 1, fentanyl-strips 3 to 0. We send what we can now. more next month"
    page = client.post("/status", data={"code": code}).text
    assert "Naloxone nasal: we send 1 of the 2 cases you asked for." in page and "any of the cases" in page
    assert order.news == News.REPLY, "who left a way to be reached is told that there is something to read"


def test_cases_that_hold_more_by_now_stop_nobody_from_approving_it(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot, "naloxone-nasal", "fentanyl-strips")
    for item, lot in (("naloxone-nasal", "LOTN"), ("fentanyl-strips", "LOTF")):
        depot.shelve(item, 100, lot=lot)
    items = {"item": ["naloxone-nasal", "fentanyl-strips"], "many-fentanyl-strips": "3"}
    for _ in range(2):
        client.post("/groups/done", data=filled_group(client, **items))
    depot.settle()
    one, both = depot.session.scalars(select(Order).order_by(Order.id))
    sign_in(client, "manager")
    depot.item("naloxone-nasal").case_units = 5_000
    depot.session.commit()
    page = client.get("/review").text
    assert "of 0 asked" not in page and 'name="cases-naloxone-nasal"' not in page and "of 3 asked" in page
    path = f"/review/{one.number}/approve"
    assert post(client, path, why="yes-less", **{"cases-fentanyl-strips": "2"}).status_code == 303
    depot.item("fentanyl-strips").case_units = 5_000
    depot.session.commit()
    assert post(client, f"/review/{both.number}/approve", why="yes-plan").status_code == 303
    depot.settle()
    got = [{line.item.code: line.quantity for line in order.lines} for order in (one, both)]
    assert got == [{"naloxone-nasal": 24, "fentanyl-strips": 24}, {"naloxone-nasal": 24, "fentanyl-strips": 36}]
    assert [order.status for order in (one, both)] == [Status.ALLOCATED] * 2


def test_control_lines_changed_without_a_proof_are_noticed(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    depot.shelve(quantity=100)
    order, _code = asked(depot, client)
    order.lines[0].quantity = 12
    depot.session.commit()
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/approve", why="yes-plan").status_code == 303
    depot.settle()
    assert order.status == Status.HELD and "could not be checked" in order.note


def test_more_than_there_is_waits_and_a_no_of_the_law_stays_one(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    depot.shelve(quantity=20)
    order, _code = asked(depot, client)
    sign_in(client, "manager")
    post(client, f"/review/{order.number}/approve", why="yes-plan")
    depot.settle()
    assert order.status == Status.WAITING
    put_in_force(depot.session, fewer_at_once())
    depot.session.commit()
    depot.shelve(quantity=20, lot="LOT2")
    depot.session.commit()
    depot.settle()
    assert order.status == Status.HELD and "may not send" in order.note
    post(client, f"/review/{order.number}/approve", why="yes-plan")
    depot.settle()
    assert order.status == Status.HELD


def fewer_at_once() -> str:
    rules = [rule("US", "naloxone-nasal", "allow", most_per_order=10)]
    return ruletext.new("Fewer at once", "2", rules)


def test_declined_for_its_plan_the_status_page_stays_kind(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    order, code = asked(depot, client)
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/decline", why="no-plan").status_code == 303
    page = client.post("/status", data={"code": code}).text
    assert "You can ask again" in page
    assert post(client, f"/review/{order.number}/approve", why="yes-plan").status_code in (404, 409)


def test_only_managers_and_admins_read_and_approve(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    order, _code = asked(depot, client)
    for who in ("packer", "reviewer"):
        sign_in(client, who)
        for step in ("plan", "approve", "release", "decline"):
            assert post(client, f"/review/{order.number}/{step}", why="yes-plan").status_code == 403
    assert only(depot).status == Status.HELD


def test_a_group_that_asks_in_spanish_gets_spanish_pages_and_words(depot: Depot, client: FlaskClient) -> None:
    in_cases(depot)
    form = filled_group(client)
    check = client.post("/es/groups/check", data=form).text
    assert "caja" in check and "Whom" not in check
    done = client.post("/es/groups/done", data=form)
    assert len(code_in(done).split()) == 5
    assert open_person(only(depot), depot.keys).language == "es"


def found_in_the_open(depot: Depot, log: str) -> set[str]:
    """Which words of a group stand anywhere but in a box: in a row, a file of the instance, or the log."""
    search = Search(["Quillplan", "Canary Outreach", "Canary Row"])
    rows = [depot.session.execute(select(table)).all() for table in Base.metadata.sorted_tables]
    kept = [content for _path, content in files(depot.settings.instance, but=depot.settings.keyring)]
    return set().union(*map(search.words_in, [repr(rows).encode(), log.encode(), *kept]))


def test_what_a_group_tells_stands_in_boxes_alone(
    depot: Depot, client: FlaskClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("DEBUG")
    depot.shelve(quantity=30)
    client.post("/groups/check", data=filled_group(client, zip="1"))
    order, _code = asked(depot, client)
    sign_in(client, "manager")
    assert "Quillplan" in post(client, f"/review/{order.number}/plan").text
    post(client, f"/review/{order.number}/approve", why="yes-less", **{"cases-naloxone-nasal": "1"})
    depot.settle()
    assert order.status == Status.ALLOCATED and found_in_the_open(depot, caplog.text) == set()
    monkeypatch.setattr(sealing, "seal", lambda _public, _epoch, _uid, text: text)  # the control
    client.post("/groups/done", data=filled_group(client))
    assert found_in_the_open(depot, caplog.text) == {"Quillplan", "Canary Outreach", "Canary Row"}

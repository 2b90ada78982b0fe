import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from threading import Barrier

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from distro import clock
from geo import drafts, publish, ruletext
from geo.models import Ruleset
from inventory.models import SiteItem
from tests.depot import Depot, put_in_force, rule
from tests.distro.rulework.writers import (
    APPROVED,
    KEY,
    TODAY,
    errors,
    live,
    person,
    propose,
    put_out,
    read_mark,
    started,
)
from tests.distro.rulework.writers import manager as manager
from tests.distro.rulework.writers import reviewer as reviewer
from tests.distro.rulework.writers import world as world
from tests.staff import post, said


def proposed(world: Depot, by: str = "manager", **fields: str) -> Ruleset:
    """A proposal by someone that names what is in force anew."""
    draft = drafts.copy(world.session, live(world), by=by, at=clock.now())
    drafts.put_heading(world.session, draft, name=f"By {by}", version="2", by=by, at=clock.now(), **fields)
    publish.propose(world.session, draft, effective_on=TODAY, by=by, at=clock.now())
    world.session.commit()
    return draft


def test_a_county_approves_until_a_day_and_two_people_put_it_in_force(
    world: Depot, manager: FlaskClient, reviewer: FlaskClient
) -> None:
    draft = started(manager, live(world))
    added = post(manager, f"{draft}/rules/new", **APPROVED)
    assert added.location == f"{draft}/rules/{KEY}", errors(added)
    page = manager.get(f"{draft}/changes").text
    assert "1 of" in page and "has no reviewer yet" in page
    rule_page = reviewer.get(added.location).text
    assert "Not reviewed" in rule_page and "We can mail this to you." in rule_page
    seen = re.search(r'name="seen" value="(\w+)"', rule_page)
    assert seen and post(reviewer, f"{draft}/rules/{KEY}/review", seen=seen[1]).status_code == 303

    page = manager.get(f"{draft}/changes").text
    assert "+ added" in page and KEY in page
    assert propose(manager, draft, when="now").status_code == 303
    refused = put_out(manager, draft)
    assert refused.status_code == 403 and "a reviewer or an admin publishes" in said(refused)[0]
    assert put_out(reviewer, draft).location == "/rules/"

    now = live(world)
    assert (now.publication, now.published_by, now.effective_on) == (2, "reviewer", TODAY - timedelta(days=1))
    assert KEY in reviewer.get("/rules/?state=OH").text
    county = reviewer.get("/rules/map/county/39049?item=syringe-kit").text
    assert KEY in county and "can be mailed" in county


def test_nobody_publishes_their_own_draft(world: Depot, reviewer: FlaskClient) -> None:
    draft = proposed(world, by="reviewer")
    page = reviewer.get(f"/rules/drafts/{draft.id}/changes").text
    assert "someone else publishes it" in page and ">Publish<" not in page
    answer = put_out(reviewer, f"/rules/drafts/{draft.id}")
    assert answer.status_code == 403 and "You wrote or proposed ruleset" in said(answer)[0]
    assert live(world).publication == 1


def test_what_was_published_meanwhile_stops_the_other(world: Depot, reviewer: FlaskClient) -> None:
    first, second = proposed(world), proposed(world)
    assert put_out(reviewer, f"/rules/drafts/{first.id}").status_code == 303
    answer = put_out(reviewer, f"/rules/drafts/{second.id}")
    assert answer.status_code == 409 and f"Ruleset {first.id} was published after" in said(answer)[0]
    assert live(world).id == first.id
    assert post(reviewer, f"/rules/drafts/{second.id}/changes/take-back").status_code == 303
    world.session.expire_all()
    assert second.status == "draft"


def test_what_changed_since_it_was_read_is_neither_published_nor_proposed(
    world: Depot, manager: FlaskClient, reviewer: FlaskClient
) -> None:
    draft = started(manager, live(world))
    before = read_mark(manager, f"{draft}/changes")
    post(manager, f"{draft}/heading", name="Another name", version="2")
    refused = post(manager, f"{draft}/changes/propose", seen=before, when="now")
    assert refused.status_code == 409 and "It changed since you read it." in said(refused)[0]
    assert propose(manager, draft, when="now").status_code == 303
    before = read_mark(reviewer, f"{draft}/changes")
    post(manager, f"{draft}/changes/take-back")
    post(manager, f"{draft}/heading", name="A third name", version="3")
    assert propose(manager, draft, when="now").status_code == 303
    for seen in (before, ""):
        refused = post(reviewer, f"{draft}/changes/publish", seen=seen)
        assert refused.status_code == 409 and "It changed since you read it." in said(refused)[0]
        assert "A third name" in refused.text and live(world).publication == 1
    assert put_out(reviewer, draft).status_code == 303


def test_two_who_publish_at_the_same_moment_publish_one(app: Flask, world: Depot) -> None:
    addresses = [f"/rules/drafts/{proposed(world).id}/changes/publish" for _ in range(2)]
    people = [person(app, name) for name in ("reviewer", "admin")]
    tokens = [re.search(r'csrf_token" value="([^"]+)"', one.get("/rules/drafts/").text) for one in people]
    marks = [read_mark(*one) for one in zip(people, [a.removesuffix("/publish") for a in addresses], strict=True)]
    start = Barrier(2)

    def send(client: FlaskClient, address: str, token: str, seen: str) -> TestResponse:
        start.wait()
        return client.post(address, data={"csrf_token": token, "seen": seen})

    world.session.commit()
    with ThreadPoolExecutor(2) as pool:
        sent = [
            pool.submit(send, *one) for one in zip(people, addresses, [t[1] for t in tokens if t], marks, strict=True)
        ]
        answers = sorted((one.result() for one in sent), key=lambda answer: answer.status_code)
    assert [answer.status_code for answer in answers] == [303, 409]
    assert "was published after this one was proposed" in said(answers[1])[0]
    count = select(func.count()).where(Ruleset.publication.is_not(None))
    assert world.session.scalar(count) == 2


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({}, "Choose from when it holds."),
        ({"when": "day"}, "year-month-day"),
        ({"when": "day", "effective_on": "2020-01-01"}, "has passed"),
    ],
)
def test_a_day_that_cannot_be_is_said_beside_it(
    world: Depot, manager: FlaskClient, typed: dict[str, str], sentence: str
) -> None:
    draft = started(manager, live(world))
    answer = propose(manager, draft, **typed)
    assert answer.status_code == 422 and sentence in errors(answer)[0]
    assert typed.get("effective_on", "") in answer.text


def test_what_is_planned_is_named_and_an_older_one_is_published_again(
    world: Depot, manager: FlaskClient, reviewer: FlaskClient
) -> None:
    before, tomorrow = live(world), (TODAY + timedelta(days=1)).isoformat()
    planned = started(manager, before)
    post(manager, f"{planned}/heading", name="Planned rules", version="3")
    propose(manager, planned, when="day", effective_on=tomorrow)
    put_out(reviewer, planned)
    assert "Planned rules" in manager.get("/rules/").text and live(world).id == before.id
    back = started(manager, before)
    page = manager.get(f"{back}/changes")
    assert "“Planned rules” 3" in page.text and "never comes" in page.text
    propose(manager, back, when="now")
    assert put_out(reviewer, back).status_code == 303
    assert live(world).text == before.text and publish.to_come(world.session, TODAY) == []
    assert "Planned rules" in manager.get("/rules/drafts/").text


def test_faults_keep_a_draft_from_being_proposed(world: Depot, manager: FlaskClient) -> None:
    both = [rule("OH", "syringe-kit", effect, key=f"OH-{effect}") for effect in ("allow", "deny")]
    upload = BytesIO(ruletext.new("Contradicting", "1", both).encode())
    loaded = post(manager, "/rules/drafts/load", file=(upload, "rules.yaml"))  # type: ignore[arg-type]
    assert "✕ fault" in manager.get(loaded.location).text
    page = manager.get(f"{loaded.location}/changes").text
    assert "Mend these faults first" in page and "OH-allow</a> (line" in page and ">Propose<" not in page
    answer = propose(manager, loaded.location, when="now")
    assert answer.status_code == 409 and "OH-allow (line" in said(answer)[0]


def test_open_and_past_requests_with_another_answer_are_counted_and_no_order_is_named(
    world: Depot, manager: FlaskClient
) -> None:
    world.shelve("naloxone-nasal", 10)
    order = world.allocated({"naloxone-nasal": 1})
    draft = started(manager, live(world))
    denied = APPROVED | {"place": "Ohio", "items": "naloxone-nasal", "effect": "deny"}
    post(manager, f"{draft}/rules/new", **denied)
    page = manager.get(f"{draft}/changes").text
    assert order.number not in page and "OH-naloxone-nasal" in page and "Robin" not in page
    assert page.count("1 of 1 requests for an item would get another answer") == 2
    assert re.search(r"can be mailed</td><td>.*<strong>cannot be mailed</strong>", page)
    assert "1 rule added" in page or "1 rule changed" in page
    assert "answers change" in manager.get(f"{draft}/changes/OH?item=naloxone-nasal").text
    assert manager.get(f"{draft}/changes/ZZ").status_code == 404


def test_a_file_of_one_rule_drops_the_others_only_if_that_is_meant(
    world: Depot, manager: FlaskClient, reviewer: FlaskClient
) -> None:
    many = [rule("OH", f"made-up-{number}", "deny", reviewed_on=TODAY) for number in range(12)]
    put_in_force(world.session, ruletext.new("Many", "1", many))
    upload = BytesIO(ruletext.new("One", "2", [rule("OH", "syringe-kit", "deny", reviewed_on=TODAY)]).encode())
    draft = post(manager, "/rules/drafts/load", file=(upload, "rules.yaml")).location  # type: ignore[arg-type]
    page = manager.get(f"{draft}/changes").text
    assert "1 rule added, 12 rules dropped" in page and "I mean to drop 12 rules" in page
    for drops in ({}, {"drops": "11"}):
        refused = propose(manager, draft, when="now", **drops)
        assert refused.status_code == 422 and "It drops 12 of the 12 rules" in said(refused)[0]
    assert propose(manager, draft, when="now", drops="12").status_code == 303
    page = reviewer.get(f"{draft}/changes").text
    assert "Takes effect when it is published" in " ".join(page.split())
    refused = put_out(reviewer, draft)
    assert refused.status_code == 422 and "It drops 12 of the 12 rules" in said(refused)[0]
    assert put_out(reviewer, draft, drops="12").status_code == 303
    assert "since it was published on" in manager.get("/rules/").text


def test_the_second_person_reads_all_that_a_new_rule_says(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    typed = APPROVED | {"credentials": "county-approval and standing-order", "conditions": "One each", "min_age": "21"}
    post(manager, f"{draft}/rules/new", **typed)
    page = " ".join(manager.get(f"{draft}/changes").text.split())
    for words in ("Franklin, OH", "Syringe kit", "county-approval and standing-order", "One each", "<dd>21</dd>"):
        assert words in page
    for words in ("Made-up resolution 7", "Made-up county board", "Written by</dt><dd>manager", "nobody yet"):
        assert words in page


def test_where_no_warehouse_sends_it_that_is_said_beside_the_answer(world: Depot, manager: FlaskClient) -> None:
    world.session.query(SiteItem).delete()
    world.session.commit()
    draft = started(manager, live(world))
    post(manager, f"{draft}/rules/new", **APPROVED)
    told = "No warehouse sends Syringe kit to Ohio yet: people are told so."
    assert told in manager.get(f"{draft}/changes").text
    assert told in manager.get(f"{draft}/changes/OH").text

"""Links for partners: they lead to everyone's page, count requests by month, and are never joined to an order."""

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from xml.etree import ElementTree

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from distro import clock, jobs
from distro.audit import AuditEntry
from orders import intake, links, spool
from orders.models import Count, Link, Order, Tally
from tests.depot import Depot, sign_in
from tests.orders.forms import code_in, fields, filled
from tests.staff import post


def made(depot: Depot, name: str = "Made-up Library") -> Link:
    link = links.make(depot.session, name=name, by="manager", at=clock.now())
    depot.session.commit()
    return link


def count(depot: Depot, code: str) -> int:
    jobs.count_tallies(depot.session, depot.settings)
    depot.session.expire_all()
    return sum(links.counted(depot.session, code).values())


def ask(client: FlaskClient, path: str, **changes: str) -> str:
    """Come by an address and go through every page; gives the code."""
    with clock.at(clock.now() - timedelta(minutes=1)):
        form = fields(client.get(path).text).to_dict()
    prefix = "/es" if path.startswith("/es/") else ""
    form |= {"item": "naloxone-nasal", "zip": "43215", "state": "OH", "name": "Robin Example", "line1": "1 Sample St"}
    form |= {"city": "Sampleton", "contact": "none", **changes}
    for step in ("/answer", "/where", "/contact", "/check"):
        page = client.post(prefix + step, data=form)
        assert page.status_code == 200 and ('name="via"' in page.text) == bool(form.get("via")), (step, page.text)
    return code_in(client.post(f"{prefix}/done", data=form))


def test_a_request_that_came_by_a_link_is_counted_and_does_not_know_it(client: FlaskClient, depot: Depot) -> None:
    code = made(depot).code
    ask(client, f"/v/{code}")
    ask(client, f"/es/v/{code.upper()}")
    ask(client, "/")  # the control
    assert count(depot, code) == 2
    assert depot.session.scalar(select(func.count(Tally.id))) == 0
    assert code not in str([list(row) for row in depot.session.execute(select(Order.__table__))])
    month = depot.session.scalars(select(Count.month)).one()
    assert month == clock.today().replace(day=1)


def test_what_is_left_to_count_cannot_be_told_from_its_order(client: FlaskClient, depot: Depot) -> None:
    """Not even from a backup made in the seconds before it is added up: its number is drawn each time."""
    code, nonce = made(depot).code, bytes(16)
    person = intake.Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215")
    asked = {"nonce": nonce, "wanted": {"naloxone-nasal": 1}, "person": person, "ruleset_id": None, "decision": None}
    sealed = intake.seal_request(depot.settings, **asked, via=code, now=clock.now())  # type: ignore[arg-type]
    drawn = set()
    for _ in range(2):
        assert intake.store(depot.session, sealed, secret=depot.settings.secret_key)
        assert not intake.store(depot.session, sealed, secret=depot.settings.secret_key), "sent twice"
        drawn.add(depot.session.scalars(select(Tally.uid)).one())
        depot.session.rollback()
    assert len(drawn) == 2 and all(uid.version == 4 for uid in drawn)


def test_sent_twice_it_counts_once(client: FlaskClient, depot: Depot) -> None:
    code = made(depot).code
    form = filled(client, via=code)
    assert code_in(client.post("/done", data=form)) == code_in(client.post("/done", data=form))
    assert count(depot, code) == 1


def test_no_answer_tells_which_codes_there_are(client: FlaskClient, depot: Depot) -> None:
    live, closed = made(depot), made(depot)
    links.close(depot.session, closed, by="manager", at=clock.now())
    depot.session.commit()
    pages = []
    with clock.at(clock.now()):
        for code in (live.code, closed.code, "fffff"):
            answer = client.get(f"/v/{code}")
            assert answer.status_code == 200
            text = re.sub(r'name="form" value="[^"]*"', "", answer.text).replace(code, "*")
            pages.append((text, [pair for pair in answer.headers if pair[0] != "Content-Length"]))
    assert pages[0] == pages[1] == pages[2]
    for odd in ("Robin%20Example", "fffff<b>", "x" * 500, "ouila", "%F0%9F%98%80"):
        answer = client.get(f"/v/{odd}")
        assert answer.status_code == 200 and 'name="via"' not in answer.text
    for code in (closed.code, "fffff", "Robin Example", "x" * 9_000):
        client.post("/done", data=filled(client, via=code))
    jobs.count_tallies(depot.session, depot.settings)
    assert not depot.session.scalars(select(Count)).all()
    assert depot.session.scalar(select(func.count(Order.id))) == 4  # nobody is refused for it


def test_what_was_spooled_counts_when_it_is_stored(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = made(depot).code
    forms = [filled(client, via=typed) for typed in (code, "fffff", "y" * 90)]

    def away(*_arguments: object, **_named: object) -> bool:
        raise OperationalError("x", {}, Exception("away"))

    with monkeypatch.context() as patched:
        patched.setattr(intake, "store", away)
        for form in forms:
            assert client.post("/done", data=form).status_code == 200
    assert len(list(spool.waiting(depot.settings.spool))) == 3
    jobs.drain_spool(depot.session, depot.settings)
    assert depot.session.scalar(select(func.count(Order.id))) == 3
    assert count(depot, code) == 1


def test_codes_are_short_spell_no_word_and_differ(depot: Depot) -> None:
    codes = {made(depot, f"Partner {number}").code for number in range(20)}
    assert len(codes) == 20
    assert all(
        re.fullmatch(r"[fhjkmqrwxy][fhjkmqrwxy2-9]{4}", code) and links.clean(f" {code.upper()} ") == code
        for code in codes
    )


def test_a_manager_makes_shows_and_closes_one(app: Flask, depot: Depot, client: FlaskClient) -> None:
    staff = app.test_client()
    sign_in(staff, "manager")
    assert "No links yet" in staff.get("/links").text
    for name in ("  ", "x" * 81):
        answer = post(staff, "/links", name=name)
        assert answer.status_code == 422 and "Give it a name" in answer.text
    answer = post(staff, "/links", name=" Made-up <b>Library</b> ")
    code = answer.headers["Location"].rpartition("/")[2]
    for _ in range(3):
        ask(client, f"/v/{code}")
    jobs.count_tallies(depot.session, depot.settings)
    page = staff.get(f"/links/{code}").text
    assert "Made-up &lt;b&gt;Library&lt;/b&gt;" in page and "<dd>1 to 10</dd>" in page and "<dd>3</dd>" not in page
    assert "style=" not in page.replace("style=&#34;", "")  # the policy of the page forbids it
    assert "1 to 10" in staff.get("/links").text
    depot.session.execute(Count.__table__.update().values(number=11))
    depot.session.commit()
    assert "<dd>11</dd>" in staff.get(f"/links/{code}").text
    snippets = [unescape(found) for found in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)]
    assert len(snippets) == 2
    for snippet, prefix, words in zip(
        snippets, ("", "/es"), ("Free supplies by mail", "Artículos gratis"), strict=True
    ):
        root = ElementTree.fromstring(snippet)
        assert root.tag == "a" and list(root) == [] and words in (root.text or "")
        assert root.attrib["href"] == f"http://localhost{prefix}/v/{code}"
        assert root.attrib["rel"] == "noreferrer noopener" and "url(" not in root.attrib["style"]
        assert client.get(root.attrib["href"]).status_code == 200
    for language in ("en", "es"):
        drawn = staff.get(f"/links/{code}/{language}.svg")
        assert drawn.mimetype == "image/svg+xml" and drawn.data.count(b"<path") >= 1 and b"<script" not in drawn.data
    assert staff.get(f"/links/{code}/xx.svg").status_code == 404
    assert all("Do not print" in staff.get(path).text for path in ("/links", f"/links/{code}")), "they say localhost"
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], public_url="https://supplies.example.org")
    known = staff.get(f"/links/{code}").text
    assert f"https://supplies.example.org/v/{code}" in known and "Do not print" not in known
    post(staff, f"/links/{code}/close")
    assert "closed" in staff.get(f"/links/{code}").text
    ask(client, f"/v/{code}")
    assert count(depot, code) == 11
    actions = depot.session.execute(select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id))
    assert [tuple(row) for row in actions if row.subject == code] == [(links.MADE, code), (links.CLOSED, code)]


def test_the_first_page_counts_no_one_before_a_request_is_sent(client: FlaskClient, depot: Depot) -> None:
    code = made(depot).code
    for _ in range(3):
        client.get(f"/v/{code}")
    assert count(depot, code) == 0

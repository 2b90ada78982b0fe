"""What people tell without a name or code: counted and sealed apart, read with a line in the record, and gone."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, insert, inspect, select, update
from sqlalchemy.exc import OperationalError

from distro import audit, clock, jobs
from distro.audit import AuditEntry
from distro.keys import keyring
from orders import voice_desk, voices, words
from orders.identity import HEARD, MOST_AN_HOUR, REFUSED, VIEW, open_words
from orders.models import Count, Remark, Tally
from orders.words import Words
from tests.depot import Depot, sign_in
from tests.orders.forms import fields
from tests.staff import post, said

TEXT = "It was my <b>brother</b>.\nGracias. ¿Está bien?"


def form(client: FlaskClient, path: str = "/told", **typed: str) -> dict[str, str]:
    with clock.at(clock.now() - timedelta(minutes=1)):
        found = fields(client.get(path).text).to_dict()
    return {**found, "yes": "1", **typed}


def remarks(depot: Depot) -> list[Remark]:
    depot.session.expire_all()
    return list(depot.session.scalars(select(Remark).order_by(Remark.id)))


def counted(depot: Depot) -> dict[tuple[str, str], int]:
    jobs.count_tallies(depot.session, depot.settings)
    depot.session.expire_all()
    found: Counter[tuple[str, str]] = Counter()
    for one in depot.session.scalars(select(Count)):
        found[one.kind, one.key] += one.number
    return found


@pytest.fixture
def staff(app: Flask, depot: Depot) -> Iterator[FlaskClient]:
    client = app.test_client()
    sign_in(client, "manager")
    yield client


def test_a_reversal_is_counted_once_and_its_words_are_sealed_apart(client: FlaskClient, depot: Depot) -> None:
    sent = form(client, state="OH", people="2", text=TEXT)
    for _ in range(2):
        page = client.post("/told", data=sent)
        assert page.status_code == 200 and "Thank you" in page.text and "brother" not in page.text
    [one] = remarks(depot)
    assert b"brother" not in one.sealed and (one.kind, one.written_on) == ("reversal", clock.today())
    assert open_words(depot.keys, Words(one.uid, one.epoch, one.sealed)) == {"text": TEXT}  # no state, no month
    assert one.uid != depot.session.scalars(select(Tally.uid)).one()
    assert counted(depot) == {("reversal", "OH"): 2}
    client.post("/told", data=sent)  # after it was counted, too
    assert counted(depot) == {("reversal", "OH"): 2} and len(remarks(depot)) == 1


def test_all_of_it_is_optional_and_in_spanish_too(client: FlaskClient, depot: Depot) -> None:
    page = client.get("/es/told").text
    assert "Avísenos" in page and "Prefiero no decirlo" in page and page.count("<option") == 9 + 13 + 1 + 5
    assert "Gracias" in client.post("/es/told", data=form(client, "/es/told")).text
    assert counted(depot) == {("reversal", "--"): 1} and remarks(depot) == []
    months = voices.months(clock.today())
    assert len(set(months)) == 13 and months[0] == clock.today().replace(day=1)
    client.post("/told", data=form(client, month=months[12].isoformat(), people="9"))
    assert counted(depot) == {("reversal", "--"): 10}


def test_feedback_is_words_alone(client: FlaskClient, depot: Depot) -> None:
    assert "Please write your message first." in client.post("/voice", data=form(client, "/voice", text=" ")).text
    assert "Gracias" in client.post("/es/voice", data=form(client, "/voice", text="Más <3")).text
    [one] = remarks(depot)
    assert one.kind == "feedback" and counted(depot) == {}


def test_what_is_typed_wrongly_stays(client: FlaskClient, depot: Depot) -> None:
    long = {"text": "y" * 1_001, "people": "4", "state": "KY"}
    page = client.post("/told", data=form(client, **long))
    assert page.status_code == 422 and "at most 1,000 letters" in page.text and "y" * 1_001 in page.text
    assert fields(page.text)["people"] == "4" and fields(page.text)["state"] == "KY"
    assert client.post("/told", data={**form(client), "text": "ñ😀" * 500}).status_code == 200
    for odd in ({"people": "0"}, {"people": "10"}, {"state": "XX"}, {"month": "2001-01-01"}, {"month": ""}):
        assert client.post("/told", data=form(client, **odd)).status_code == 422, odd
    sent = form(client, text=TEXT)
    with clock.at(clock.now() + timedelta(hours=7)):
        page = client.post("/told", data=sent)
        assert page.status_code == 422 and "brother" in page.text
        again = {**fields(page.text).to_dict(), "text": TEXT, "yes": "1"}
        assert again["form"] != sent["form"] and "Thank you" in client.post("/told", data=again).text
    forged = client.post("/told", data={**sent, "form": "forged"})
    assert forged.status_code == 422 and "brother" in forged.text
    switched = client.post("/es/told", data={name: value for name, value in sent.items() if name != "yes"})
    assert switched.status_code == 200 and "brother" in switched.text
    assert len(remarks(depot)) == 2


def test_robots_are_thanked_and_not_counted(client: FlaskClient, depot: Depot) -> None:
    assert "Thank you" in client.post("/told", data=form(client, more="x", text="Buy")).text
    quick = {**fields(client.get("/told").text).to_dict(), "yes": "1", "text": "quick"}
    page = client.post("/told", data=quick)
    assert page.status_code == 422 and ">quick</textarea>" in page.text
    assert counted(depot) == {} and remarks(depot) == []


def test_while_the_database_is_away_all_that_was_typed_comes_back(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = form(client, state="OH", people="3", text=TEXT)

    def away(*_arguments: object, **_named: object) -> None:
        raise OperationalError("x", {}, Exception("away"))

    with monkeypatch.context() as patched:
        patched.setattr(voices, "tell_reversal", away)
        page = client.post("/told", data=sent)
    assert page.status_code == 503 and "tel:" in page.text
    kept = fields(page.text.replace('id="again"', 'id="request"')).to_dict()
    assert {name: kept.get(name) for name in ("state", "people", "month", "form", "text", "yes")} == {
        **{name: sent[name] for name in ("state", "people", "month", "form")},
        **{"text": TEXT, "yes": "1"},
    }
    assert "Thank you" in client.post("/told", data=kept).text and counted(depot) == {("reversal", "OH"): 3}


def test_a_comment_is_read_on_record_and_deleted(client: FlaskClient, depot: Depot, staff: FlaskClient) -> None:
    client.post("/told", data=form(client, text=TEXT))
    client.post("/voice", data=form(client, "/voice", text="More socks."))
    first, second = remarks(depot)
    number = first.id
    assert "2 comments to read" in " ".join(staff.get("/manage").text.split())
    page = staff.get("/voices").text
    assert page.count("to read</span>") == 2 and "brother" not in page and "socks" not in page
    page = post(staff, f"/voices/{first.id}/open").text
    assert "It was my &lt;b&gt;brother&lt;/b&gt;.\nGracias. ¿Está bien?" in page and "socks" not in page
    subject = voices.document_of(first)
    query = select(AuditEntry.action, AuditEntry.subject, AuditEntry.actor).where(AuditEntry.subject == subject)
    assert [tuple(row) for row in depot.session.execute(query)] == [(HEARD, subject, "manager")]
    assert [one.read_on is not None for one in remarks(depot)] == [True, False]
    assert "brother" not in staff.get("/voices").text
    assert "Nobody can open it" in staff.get(post(staff, f"/voices/{first.id}/handled").headers["Location"]).text
    assert [one.id for one in remarks(depot)] == [second.id]
    assert [row.action for row in depot.session.execute(query)] == [HEARD, voice_desk.FORGOT]
    for what in ("open", "handled"):
        answer = post(staff, f"/voices/{number}/{what}")
        assert answer.status_code == 303
    assert "gone already" in said(staff.get("/voices"), "warning")[0]


def test_reading_comments_counts_towards_the_limit_on_views(
    client: FlaskClient, depot: Depot, staff: FlaskClient
) -> None:
    client.post("/voice", data=form(client, "/voice", text=TEXT))
    client.post("/voice", data=form(client, "/voice", text=TEXT))
    first, second = remarks(depot)
    for _ in range(MOST_AN_HOUR - 1):
        audit.record(depot.session, actor="manager", action=VIEW, subject="ORD-X", reason="label", at=clock.now())
    depot.session.commit()
    assert "brother" in post(staff, f"/voices/{first.id}/open").text
    refused = post(staff, f"/voices/{second.id}/open")
    assert refused.status_code == 429 and "brother" not in refused.text
    assert remarks(depot)[1].read_on is None
    lines = depot.session.scalars(select(AuditEntry.subject).where(AuditEntry.action == REFUSED)).all()
    assert lines == [voices.document_of(second)]


def test_the_line_is_in_the_record_before_the_box_is_opened(
    client: FlaskClient, depot: Depot, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/voice", data=form(client, "/voice", text=TEXT))
    real, seen = keyring.open_box, []

    def opened(*arguments: object) -> bytes:
        seen.append(depot.session.scalar(select(func.count(AuditEntry.id)).where(AuditEntry.action == HEARD)))
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(keyring, "open_box", opened)
    post(staff, f"/voices/{remarks(depot)[0].id}/open")
    assert seen == [1]


def test_a_flood_costs_nobody_the_page_and_is_stopped(
    client: FlaskClient, depot: Depot, staff: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = words.seal(depot.settings, uuid4(), {"text": TEXT}, clock.today())
    one = {"kind": "feedback", "epoch": said.epoch, "sealed": said.box, "written_on": clock.today()}
    depot.session.execute(insert(Remark), [{"uid": uuid4(), **one} for _ in range(voices.LISTED_MOST + 30)])
    depot.session.commit()
    monkeypatch.setattr(voices, "UNREAD_MOST", voices.LISTED_MOST + 30)
    depot.session.expunge_all()
    assert all("sealed" in inspect(row).unloaded for row in voices.listed(depot.session))
    page = staff.get("/voices").text
    assert page.count("to read</span>") == 200 and "The newest 200 of 230" in page
    for path, language in (("/voice", "many messages to read"), ("/es/voice", "muchos mensajes")):
        full = client.post(path, data=form(client, "/voice", text=TEXT))
        assert full.status_code == 503 and language in full.text and "brother" in full.text
    full = client.post("/told", data=form(client, state="OH", text=TEXT))
    assert full.status_code == 503 and "leave the words out" in full.text and counted(depot) == {}
    assert "Thank you" in client.post("/told", data=form(client, state="OH")).text
    assert len(remarks(depot)) == 230
    remarks(depot)[0].read_on = clock.today()
    depot.session.commit()
    assert "Thank you" in client.post("/voice", data=form(client, "/voice", text=TEXT)).text
    assert len(remarks(depot)) == 231


def test_small_numbers_are_hidden_and_no_total_tells_them(depot: Depot, staff: FlaskClient) -> None:
    month = clock.today().replace(day=1)
    depot.session.add_all(
        Count(kind="reversal", key=key, month=month, number=number) for key, number in (("OH", 3), ("MN", 40))
    )
    depot.session.commit()
    page = staff.get("/voices").text
    assert "<dt>Ohio</dt><dd>1 to 10</dd>" in page and "<dd>40</dd>" in page and ">3<" not in page and "43" not in page
    depot.session.execute(update(Count).where(Count.key == "OH").values(number=30))
    depot.session.commit()
    assert ": 70</h3>" in staff.get("/voices").text


def test_comments_go_after_three_weeks_and_say_so_when_their_key_went_before(
    client: FlaskClient, depot: Depot, staff: FlaskClient
) -> None:
    client.post("/voice", data=form(client, "/voice", text=TEXT))
    start, [one] = clock.now(), remarks(depot)
    depot.session.execute(update(Remark).values(sealed=bytes(2_096)))
    depot.session.commit()
    assert "cannot be opened any more" in post(staff, f"/voices/{one.id}/open").text
    for days, left in ((20, 1), (21, 1), (22, 0)):
        with clock.at(start + timedelta(days=days)):
            jobs.keep_house(depot.session, depot.settings)
            assert len(remarks(depot)) == left, days

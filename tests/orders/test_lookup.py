import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.db import db
from orders import codes, codewords, donepage, replykey, retention, triage, workflow
from orders.identity import open_person
from orders.lookup import WRONG_CODES_A_MINUTE, Bucket
from orders.models import FINAL, Status
from orders.newswords import NEWS, NEXT
from orders.shipping_estimate import Days
from tests.depot import Depot

NONCE = b"0123456789abcdef"
WRONG = "able able able able able"
WRONG_LETTERS = "7K3M-9QXA-2B4C-5D6E-0"  # as codes were before they were words


def test_a_code_shows_how_far_a_request_is_and_nothing_else(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    page = client.post("/status", data={"code": depot.code_of(NONCE).upper().replace(" ", "-")})
    assert page.status_code == 200 and "are getting it ready." in page.text and "week of" in page.text
    for secret in ("Robin", "Sample St", "Sampleton", "43215", "Ohio", "aloxone nasal"):
        assert secret not in page.text


def test_every_step_has_its_words() -> None:
    assert set(NEWS) == set(NEXT) == set(Status)


def test_each_step_offers_what_fits_and_no_more(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    early, late = {"correct", "message", "cancel", "erase"}, {"again", "message", "erase"}
    found = {}
    for step in Status:
        order.status, order.closed_on = step, clock.today() if step in FINAL else None
        depot.session.commit()
        page = client.post("/status", data={"code": depot.code_of(NONCE)}).text
        found[step] = set(re.findall(r'formaction="/(\w+)"', page))
        assert str(NEXT[step]) in page and ("erased in the week" in page) is (step in FINAL)
    packed = early - {"cancel"}
    assert found == {step: late if step in FINAL else packed if step is Status.PACKED else early for step in Status}


def test_the_estimate_is_that_of_its_day_whatever_a_person_decides(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(donepage, "ships_in", lambda _state: Days(3, 6))
    order = depot.request(nonce=NONCE)
    pages, start = set(), clock.now()
    for step in Status.RECEIVED, Status.HELD, Status.ALLOCATED, Status.PICKING:
        order.status = step
        depot.session.commit()
        pages.add(client.post("/status", data={"code": depot.code_of(NONCE)}).text)
    (page,) = pages
    assert "It ships in about 3 to 6 days." in page
    for days, told in ((2, "about 1 to 4 days"), (5, "about 1 to 2 days"), (6, "")):
        with clock.at(start + timedelta(days=days)):
            page = client.post("/status", data={"code": depot.code_of(NONCE)}).text
            assert told in page and ("It ships" in page) is bool(told)


@pytest.mark.parametrize("path", ["/status", "/es/status"])
def test_a_request_that_a_person_looks_at_reads_like_any_other(client: FlaskClient, depot: Depot, path: str) -> None:
    """Asking for an address must not tell what that address asked for: to the byte."""
    order = depot.request(nonce=NONCE)
    seen = set()
    for step in Status.RECEIVED, Status.HELD, Status.ALLOCATED, Status.PICKING:
        order.status, order.note = step, "This address got 2 of it."
        depot.session.commit()
        seen.add(client.post(path, data={"code": depot.code_of(NONCE)}).text)
    assert len(seen) == 1
    page = seen.pop()
    assert "formaction" in page and 'href="tel:' in page
    assert ("are getting it ready." in page) or ("lo estamos preparando." in page)
    order.status = Status.PACKED
    depot.session.commit()
    assert client.post(path, data={"code": depot.code_of(NONCE)}).text != page  # the control


def test_a_no_for_a_limit_reads_like_any_other_no(client: FlaskClient, depot: Depot) -> None:
    pages = set()
    order = depot.request(nonce=NONCE)
    for why in "limit", "":
        order.status = Status.HELD
        triage.decline(depot.session, order, reason="Talked it over", why=why, by="manager", at=clock.now())
        depot.session.commit()
        pages.add(client.post("/status", data={"code": depot.code_of(NONCE)}).text)
    (page,) = pages
    assert "We could not send this request." in page and 'href="tel:' in page


@pytest.mark.parametrize("old", ["", "the secret before this one"])
def test_every_wrong_code_gets_the_same_answer(app: Flask, client: FlaskClient, depot: Depot, old: str) -> None:
    """To the byte, in body, status and headers, and by the same statements: nothing tells which it was."""
    app.config["SETTINGS"] = replace(depot.settings, secret_key_old=old)
    erased = depot.request(nonce=NONCE)
    retention.erase(depot.session, erased, at=clock.now())
    depot.request(nonce=NONCE[::-1])
    typed = [depot.code_of(NONCE), WRONG, WRONG_LETTERS, foreign_code(), "", "😀", "x" * 10_000]
    for path in ("/status", "/cancel", "/erase", "/es/status"):
        seen = {answer_to(client, path, code) for code in typed}
        assert len(seen) == 1, path
        (_page, status, headers, statements) = seen.pop()
        assert status == 404 and "Set-Cookie" not in headers
        looked = [statement for statement in statements if "code_tag" in statement]
        assert len(looked) == (2 if path.endswith("/status") else 1), "there the recall notices too, for every code"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("apple river lemon copper", "The code has 5 words. You wrote 4."),
        ("1. apple 2. river", "The code has 5 words. You wrote 2."),
        ("apple river lemon copper garden", "Please check each word"),
        ("apple river lemon copper garden wheel", "Please check each word"),
        ("", "Please check each word"),
        (WRONG_LETTERS, "Please check each word"),
    ],
)
def test_a_word_too_few_is_told_by_what_was_typed_alone(
    client: FlaskClient, depot: Depot, typed: str, words: str
) -> None:
    depot.request(nonce=NONCE)
    answer = client.post("/status", data={"code": typed})
    assert answer.status_code == 404 and words in answer.text
    part = " ".join(depot.code_of(NONCE).split()[:4])  # control: four words of a code that is known are like any four
    assert "You wrote 4." in client.post("/status", data={"code": part}).text


def test_codes_of_one_length_get_answers_of_one_length(client: FlaskClient, depot: Depot) -> None:
    erased = depot.request(nonce=NONCE)
    retention.erase(depot.session, erased, at=clock.now())
    typed = [code.ljust(60) for code in (depot.code_of(NONCE), WRONG, WRONG_LETTERS, foreign_code())]
    answers = [client.post("/status", data={"code": code}) for code in typed]
    assert len({answer.headers["Content-Length"] for answer in answers}) == 1


def test_control_a_right_code_is_told_apart(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    right, wrong = (answer_to(client, "/status", code) for code in (depot.code_of(NONCE), WRONG))
    assert [a != b for a, b in zip(right, wrong, strict=True)] == [True, True, False, True]


def foreign_code() -> str:
    """A code that another installation gave."""
    return codes.claim_code("the secret of another installation", NONCE)


def test_four_letters_of_each_word_are_enough_in_whatever_language(client: FlaskClient, depot: Depot) -> None:
    """Also where they begin words of both: then each reading is tried, and what is asked for goes to the one that
    fits. As many tags are looked up for these as for any other."""
    nonce, short = shared_nonce(depot)
    assert len(codes.readings(short)) == 2
    for prefix in "", "/es":
        assert answer_to(client, f"{prefix}/status", short)[1] == 404
    order = depot.request(nonce=nonce)
    key = replykey.reply_public(depot.settings.secret_key, codes.code_of(depot.settings.secret_key, nonce))
    assert open_person(order, depot.keys).reply_key == key
    assert client.post("/cancel", data={"code": short, "yes": "1"}).status_code == 200
    jobs.follow_instructions(depot.session, depot.settings)
    depot.session.expire_all()
    assert order.status == Status.CANCELLED
    secrets = (depot.settings.secret_key,)
    assert {len(codes.code_tags(secrets, typed)) for typed in (short, depot.code_of(NONCE), WRONG_LETTERS, "x")} == {2}


def shared_nonce(depot: Depot) -> tuple[bytes, str]:
    """A form whose Spanish words all begin like English ones do too, and those beginnings."""
    begun = {codewords.plain(word)[:4] for word in codewords.words("en")}
    for number in range(200_000):
        nonce = number.to_bytes(16, "big")
        said = codes.claim_code(depot.settings.secret_key, nonce, "es").split()
        short = [codewords.plain(word)[:4] for word in said]
        if begun.issuperset(short) and all(len(word) == 4 for word in short):
            return nonce, " ".join(short)
    raise LookupError


Answer = tuple[str, int, str, tuple[str, ...]]


def answer_to(client: FlaskClient, path: str, code: str) -> Answer:
    """Body without the code, status, headers without the length, and the statements sent meanwhile."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        answer = client.post(path, data={"code": code, "yes": "1"})
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    body = answer.text.replace(f'value="{code}"', 'value=""')
    headers = "\n".join(f"{name}: {value}" for name, value in answer.headers if name not in ("Content-Length", "Date"))
    return body, answer.status_code, headers, tuple(statements)


def test_many_wrong_codes_are_slowed_down_for_a_while_and_a_right_one_never(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    erased = depot.request(nonce=NONCE[::-1])
    retention.erase(depot.session, erased, at=clock.now())
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with clock.at(start):
        for _ in range(WRONG_CODES_A_MINUTE):
            assert client.post("/status", data={"code": WRONG}).status_code == 404
        for code in (WRONG, "nonsense", depot.code_of(NONCE[::-1])):
            answer = client.post("/status", data={"code": code})
            assert answer.status_code == 429 and "wait a minute" in answer.text
        for path, words in (("/status", "We have your request"), ("/cancel", "Cancel this request?")):
            answer = client.post(path, data={"code": depot.code_of(NONCE)})
            assert answer.status_code == 200 and words in answer.text
        assert client.post("/erase", data={"code": depot.code_of(NONCE), "yes": "1"}).status_code == 200
    with clock.at(start + timedelta(minutes=1)):
        assert client.post("/status", data={"code": WRONG}).status_code == 404


def test_right_codes_are_never_counted(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    for _ in range(WRONG_CODES_A_MINUTE + 5):
        assert client.post("/status", data={"code": depot.code_of(NONCE)}).status_code == 200


def test_the_bucket_never_holds_more_than_its_size() -> None:
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    bucket = Bucket(2, 2, start)
    assert [bucket.take(start + timedelta(days=9)) for _ in range(3)] == [True, True, False]
    assert not bucket.take(start)  # a clock that goes back gives nothing
    assert bucket.left == 0


def test_cancelling_asks_first_and_then_stops_the_order(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated(nonce=NONCE)
    code = depot.code_of(NONCE)
    assert "Cancel this request?" in client.post("/cancel", data={"code": code}).text
    depot.session.refresh(order)
    assert order.status == "allocated"
    assert "We are stopping it now" in client.post("/cancel", data={"code": code, "yes": "1"}).text
    jobs.follow_instructions(depot.session, depot.settings)
    depot.session.refresh(order)
    assert order.status == "cancelled"
    page = client.post("/status", data={"code": code}).text
    assert "Nothing will be sent" in page and "Cancel my request" not in page and "erased in the week" in page


@pytest.mark.parametrize("path", ["/cancel", "/erase"])
def test_after_the_label_it_is_too_late(client: FlaskClient, depot: Depot, path: str) -> None:
    depot.shelve()
    order = depot.allocated(nonce=NONCE)
    packer = depot.user("packer")
    workflow.claim(depot.session, order, packer)
    workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    workflow.note_label(depot.session, order, at=clock.now())
    depot.session.commit()
    answer = client.post(path, data={"code": depot.code_of(NONCE), "yes": "1"})
    assert answer.status_code == 409 and "too late" in answer.text and order.number not in answer.text
    depot.session.refresh(order)
    assert order.status == "packed" and order.sealed is not None


def test_the_pages_for_a_code_lead_to_its_field(client: FlaskClient, session: Session) -> None:
    for path in ("/cancel", "/erase"):
        assert client.get(f"/es{path}").headers["Location"] == "/es/status"

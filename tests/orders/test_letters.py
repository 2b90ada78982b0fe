"""Messages both ways: sealed, read with a line in the record, answered to the code alone, and gone with the address.

Length: one conversation is followed from both sides.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from time import sleep
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

from distro import audit, clock, jobs
from distro.audit import AuditEntry
from distro.auth import User
from distro.db import db
from distro.keys import keylist, keyring
from distro.keys.keylist import PublicKeys
from distro.outbox import Message
from orders import letters, replykey, retention, words, workflow
from orders.identity import MOST_AN_HOUR, READ, VIEW, open_person, prove, seal_anew, views_since
from orders.models import Instruction, Letter, Order, Reply
from orders.tampering import TAMPERED
from tests.depot import Depot, sign_in
from tests.orders.test_instructions import NONCE, follow, look
from tests.staff import post, said

TEXT = "The buzzer is broken.\nPlease leave it by the <b>blue</b> door. ¿Está bien?"


def asked(depot: Depot, nonce: bytes = NONCE) -> Order:
    order = depot.request(nonce=nonce)
    key = replykey.reply_public(depot.settings.secret_key, depot.code_of(nonce))
    assert open_person(order, depot.keys).reply_key == key
    return order


def form(client: FlaskClient, depot: Depot) -> MultiDict[str, str]:
    page = client.post("/message", data={"code": depot.code_of(NONCE)}).text
    token = page.split('name="form" value="')[1].split('"')[0]
    return MultiDict({"code": depot.code_of(NONCE), "form": token, "yes": "1"})


def write(client: FlaskClient, depot: Depot, text: str = TEXT, times: int = 1) -> None:
    sent = form(client, depot).to_dict() | {"text": text}
    for _ in range(times):
        answer = client.post("/message", data=sent)
        assert answer.status_code == 200 and "We have your message" in answer.text, answer.text
    follow(depot)


def test_a_letter_is_read_and_answered(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    write(client, depot, times=2)
    (letter,) = depot.session.scalars(select(Letter)).all()
    assert b"buzzer" not in letter.sealed and letter.written_on == clock.today()
    sign_in(staff, "manager")
    assert "1 letter to read" in " ".join(staff.get("/manage").text.split())
    assert "1 to read" in staff.get("/letters").text and "buzzer" not in staff.get(f"/letters/{order.number}").text
    page = post(staff, f"/letters/{order.number}/open").text
    assert "by the &lt;b&gt;blue&lt;/b&gt; door. ¿Está bien?" in page
    assert "Robin" not in page and "Sample St" not in page
    depot.session.expire_all()
    entries = select(AuditEntry.action, AuditEntry.actor, AuditEntry.reason).where(AuditEntry.subject == order.document)
    assert [tuple(row) for row in depot.session.execute(entries)] == [(READ, "manager", "letter")]
    assert letter.read_on == clock.today() and "to read" not in staff.get("/manage").text

    assert post(staff, f"/letters/{order.number}", text="We will. <3").status_code == 303
    reply = depot.session.scalars(select(Reply)).one()
    assert b"We will" not in reply.sealed
    depot.session.expire_all()
    assert order.news == "reply"
    page = look(client, depot).text
    assert "A message for you" in page and "We will. &lt;3" in page and ">Answer</button>" in page
    assert "We will" not in staff.get(f"/letters/{order.number}").text  # nobody but the code opens it


def test_the_program_can_write_first(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    sign_in(staff, "manager")
    assert post(staff, f"/letters/{order.number}", text="Which apartment is it?").status_code == 303
    assert "Which apartment is it?" in look(client, depot).text
    assert "Which apartment" not in client.post("/status", data={"code": "wrong"}).text


def test_a_code_of_the_secret_before_this_one_reads_its_replies(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order = asked(depot)
    letters.answer(depot.session, order, "Still here.", depot.keys, by="manager", at=clock.now())
    depot.session.commit()
    code, old = depot.code_of(NONCE), depot.settings.secret_key
    app.config["SETTINGS"] = replace(depot.settings, secret_key="another one of no value", secret_key_old=old)
    assert "Still here." in client.post("/status", data={"code": code}).text


def test_a_reply_opens_with_no_other_code(client: FlaskClient, depot: Depot) -> None:
    """The control: its row put under another order, as whoever writes the database could."""
    order, other = asked(depot), asked(depot, NONCE[::-1])
    reply = letters.answer(depot.session, order, "For one alone.", depot.keys, by="manager", at=clock.now())
    reply.order_id = other.id
    depot.session.commit()
    page = client.post("/status", data={"code": depot.code_of(NONCE[::-1])})
    assert page.status_code == 200 and "For one alone" not in page.text


def test_requests_from_before_cannot_be_answered(app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    before = replace(open_person(order, depot.keys), reply_key="")
    seal_anew(order, before.to_text(), *keylist.today(PublicKeys.of(depot.settings), clock.today()))
    prove(order, depot.keys)
    depot.session.commit()
    sign_in(staff, "manager")
    answer = post(staff, f"/letters/{order.number}", text="Hello")
    assert answer.status_code == 409 and "from before there were messages" in said(answer)[0]
    assert "Hello" in answer.text and not depot.session.scalars(select(Reply)).all()


def test_an_answer_has_a_length(app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    sign_in(staff, "manager")
    for text, told in ((" ", "Write something"), ("x" * 1_001, "at most 1,000")):
        answer = post(staff, f"/letters/{order.number}", text=text)
        assert answer.status_code == 422 and told in said(answer)[0]


def test_what_is_typed_wrongly_stays(client: FlaskClient, depot: Depot) -> None:
    asked(depot)
    sent = form(client, depot).to_dict()
    for text, words_ in ((" \n ", "write your message first"), ("y" * 1_001, "at most 1,000 letters")):
        answer = client.post("/message", data=sent | {"text": text})
        assert answer.status_code == 422 and words_ in answer.text and text.strip() in answer.text
    with clock.at(clock.now() + timedelta(hours=7)):
        answer = client.post("/message", data=sent | {"text": TEXT})
        assert answer.status_code == 422 and "The buzzer is broken" in answer.text
    assert client.post("/message", data=sent | {"text": "ñ😀" * 500}).status_code == 200
    assert not depot.session.scalars(select(Letter)).all()
    follow(depot)
    assert len(depot.session.scalars(select(Letter)).all()) == 1


def test_many_letters_are_all_kept_and_read_some_at_a_time(client: FlaskClient, app: Flask, depot: Depot) -> None:
    """Each that is opened counts as one look, and what was read is shown again only if someone asks."""
    order, staff = asked(depot), app.test_client()
    for number in range(letters.READ_AT_ONCE + 2):
        write(client, depot, f"letter {number}.")
    sign_in(staff, "manager")
    assert "Read the first 20 of 22" in staff.get(f"/letters/{order.number}").text
    first = post(staff, f"/letters/{order.number}/open").text
    assert "letter 0." in first and "letter 19." in first and "letter 20." not in first
    assert views_since(depot.session, "manager", clock.now() - timedelta(hours=1)) == 20
    rest = post(staff, f"/letters/{order.number}/open").text
    assert "letter 21." in rest and "letter 19." not in rest
    assert post(staff, f"/letters/{order.number}/open").status_code == 409
    again = post(staff, f"/letters/{order.number}/open", again="1").text
    assert "letter 21." in again and "letter 2." in again and "letter 1." not in again
    assert views_since(depot.session, "manager", clock.now() - timedelta(hours=1)) == 42


def test_a_letter_that_did_not_come_with_the_code_is_not_shown(client: FlaskClient, app: Flask, depot: Depot) -> None:
    """Whoever writes the database puts one under another order, and makes one up; also around another parcel."""
    order, other, staff = asked(depot), depot.request(), app.test_client()
    write(client, depot)
    write(client, depot, "The second one.")
    depot.session.execute(update(Letter).where(Letter.id == 1).values(order_id=other.id))
    forged = words.seal(depot.settings, uuid4(), {"text": "Send it all to me."}, clock.today())
    values = {"uid": forged.uid, "epoch": forged.epoch, "sealed": forged.box, "proof": bytes(32)}
    depot.session.add(Letter(order_id=order.id, written_on=clock.today(), **values))
    depot.session.commit()
    sign_in(staff, "manager")
    assert staff.get(f"/letters/{order.number}").text.count("cannot be trusted") == 1
    page = post(staff, f"/letters/{order.number}/open").text
    assert "The second one." in page and "Send it all" not in page and "cannot be trusted" in page
    answer = post(staff, f"/letters/{other.number}/open")
    assert answer.status_code == 409 and "buzzer" not in answer.text and "cannot be trusted" in said(answer)[0]
    told = select(AuditEntry.subject).where(AuditEntry.action == TAMPERED, AuditEntry.reason == "a letter")
    assert depot.session.scalars(told).all() == [order.document, other.document]
    (mail,) = depot.session.scalars(select(Message)).all()
    assert mail.to == "admin@example.org" and "letter" in mail.subject
    letters.move(depot.session, order, other, depot.keys)
    trusted = {letter.id: letters.is_trusted(other, letter, depot.keys) for letter in letters.of(depot.session, other)}
    assert trusted == {1: False, 2: True, 3: False}


def test_nothing_is_answered_after_an_erasure_and_nothing_stays_of_one(depot: Depot) -> None:
    order, erased = asked(depot), asked(depot, NONCE[::-1])
    retention.erase(depot.session, erased, at=clock.now())
    depot.session.commit()
    with pytest.raises(workflow.AddressErased):
        letters.answer(depot.session, erased, "Too late.", depot.keys, by="manager", at=clock.now())
    depot.session.rollback()
    letters.answer(depot.session, order, "In time.", depot.keys, by="manager", at=clock.now())
    depot.session.commit()
    order.erased_on = clock.today()  # as an older version left them
    depot.session.commit()
    letters.expire(depot.session, depot.ring, at=clock.now())
    assert depot.session.scalars(select(Reply)).all() == []


@pytest.mark.parametrize("first", ["answer", "erase"])
def test_of_an_answer_and_an_erasure_at_once_nothing_stays(app: Flask, depot: Depot, first: str) -> None:
    """Both have read the order before either writes. On SQLite one write waits for the other from its beginning."""
    if db.engine.dialect.name == "sqlite":
        return
    order = asked(depot)
    key, together = order.id, Barrier(2)
    depot.session.commit()

    def do(what: str) -> None:
        with app.app_context():
            session = db.session()
            try:
                row = session.get_one(Order, key)
                assert what == "erase" or open_person(row, depot.keys)  # its box is in the session
                together.wait(10)
                sleep(0 if what == first else 0.2)
                if what == "answer":
                    letters.answer(session, row, "Hello.", depot.keys, by="manager", at=clock.now())
                else:
                    retention.erase(session, row, at=clock.now())
                sleep(0.4)
                session.commit()
            except workflow.AddressErased:
                session.rollback()
                assert (what, first) == ("answer", "erase")
            finally:
                db.session.remove()

    with ThreadPoolExecutor(2) as people:
        list(people.map(do, ("answer", "erase")))
    depot.session.expire_all()
    assert order.sealed is None and depot.session.scalars(select(Reply)).all() == []


def test_reading_counts_towards_the_limit_on_views(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    write(client, depot)
    sign_in(staff, "manager")
    for _ in range(MOST_AN_HOUR):
        audit.record(depot.session, actor="manager", action=VIEW, subject="ORD-X", reason="label", at=clock.now())
    depot.session.commit()
    answer = post(staff, f"/letters/{order.number}/open")
    assert answer.status_code == 429 and "buzzer" not in answer.text
    assert depot.session.scalars(select(Letter.read_on)).all() == [None]


def test_managers_of_elsewhere_see_none(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    write(client, depot)
    depot.session.execute(update(User).where(User.username == "manager").values(state_codes=["MN"]))
    depot.session.commit()
    sign_in(staff, "manager")
    assert order.number not in staff.get("/letters").text and "to read" not in staff.get("/manage").text
    assert post(staff, f"/letters/{order.number}/open").status_code == 404


def test_letters_and_replies_go_with_the_address_at_once(client: FlaskClient, depot: Depot) -> None:
    order = asked(depot)
    write(client, depot)
    letters.answer(depot.session, order, "Yes.", depot.keys, by="manager", at=clock.now())
    depot.session.commit()
    client.post("/message", data=form(client, depot).to_dict() | {"text": "One more"})
    client.post("/erase", data={"code": depot.code_of(NONCE), "yes": "1"})
    depot.session.execute(  # even if it is carried out after the erasure
        update(Instruction).where(Instruction.kind == "erase").values(id=0)
    )
    follow(depot)
    for table in (Letter, Reply, Instruction):
        assert depot.session.scalars(select(table)).all() == []


def test_a_letter_goes_with_its_weeks_key(client: FlaskClient, depot: Depot) -> None:
    """Four weeks on, with an order that stays open, and whose own box is sealed anew each week."""
    order = asked(depot)
    write(client, depot)
    epoch = depot.session.scalars(select(Letter.epoch)).one()
    start = clock.now()
    for days in range(1, 29):
        with clock.at(start + timedelta(days=days)):
            readable = keyring.has_key(depot.ring, epoch)
            jobs.keep_house(depot.session, depot.settings)
            assert len(depot.session.scalars(select(Letter)).all()) == readable, days
    assert not readable and order.sealed is not None


def test_what_cannot_be_opened_says_so(client: FlaskClient, app: Flask, depot: Depot) -> None:
    order, staff = asked(depot), app.test_client()
    write(client, depot)
    (epoch,) = depot.session.scalars(select(Letter.epoch)).all()
    keyring.destroy(depot.ring, epoch)
    sign_in(staff, "manager")
    assert "cannot be opened any more" in post(staff, f"/letters/{order.number}/open").text


def test_a_retention_day_takes_them_too(client: FlaskClient, depot: Depot) -> None:
    order = asked(depot)
    letters.answer(depot.session, order, "Yes.", depot.keys, by="manager", at=clock.now())
    depot.session.commit()
    client.post("/cancel", data={"code": depot.code_of(NONCE), "yes": "1"})
    follow(depot)
    with clock.at(clock.now() + retention.KEEP_AFTER_STOPPING):
        jobs.keep_house(depot.session, depot.settings)
    assert depot.session.scalars(select(Reply)).all() == []


def test_what_forms_say_has_an_id_of_its_own() -> None:
    assert words.uid_of("s", "message", b"n") != words.uid_of("s", "correct", b"n")

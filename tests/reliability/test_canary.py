"""200 people's whole stories, then a search of every byte on disk for them. The controls show that it can see.

All 200 ask through the public pages: a dozen of a real server, page by page and with mistakes, the others of this
process with one form each. Triage, mail and what was asked by code are done by the real scheduler, which is killed in
the end. A dozen parcels are packed, labelled and shipped through the staff's pages, the others by the same use-cases.
Addresses lie in sealed boxes alone, and after their dates nowhere.

Length: one story from the first form to the last key, in the order in which it happens.
"""

import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from socket import create_connection
from typing import Any
from urllib.parse import urlencode

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, select, text

from distro import clock, jobs, outbox
from distro.config import Settings
from distro.db import db
from distro.demo import free_port
from distro.grants import QUIET
from distro.keys import keyring, sealing
from distro.keys.keyring import KeyGone
from distro.outbox import Message
from distro.textcatcher import TextCatcher
from geo import places
from orders import codes, intake, labels, letters, resend, spool, triage, workflow
from orders.identity import open_person, open_words
from orders.models import FINAL, Household, Instruction, Letter, Order, Remark, Reply, Status
from orders.words import Words
from tests.conftest import Cli, Databases
from tests.depot import Depot, sign_in
from tests.orders.forms import code_in, fields
from tests.reliability.backups import back_up_database, restore_database
from tests.reliability.search import Search, files, forms
from tests.staff import post

PEOPLE = 200
BY_SERVER = 12  # of them through a real server, page by page
SPOOLED = 4
VOWELS, CONSONANTS = "aeiou", "bcdfghjklmnprstvwz"


@dataclass
class Someone:
    """A made-up person with words that stand nowhere else."""

    name: str
    line1: str
    line2: str
    city: str
    email: str
    phone: str
    agent: str
    address: str  # of their computer
    query: str
    moved: str  # another street, and two words that are written and answered
    letter: str
    reply: str
    wanted: str = "naloxone-nasal"
    zip: str = "43215"
    state: str = "OH"
    code: str = ""
    fate: str = "ship"

    @property
    def words(self) -> list[str]:
        """What must not be found; of the address, each word that is theirs alone."""
        typed = [*self.name.split(), self.line1.split()[1], self.line2.split()[1], self.city, self.email.split("@")[0]]
        code = [self.code, self.code.replace(" ", "-"), codes.clean_code(self.code)] if self.code else []
        digits = self.phone.replace("-", "")
        typed += [self.moved.split()[1], self.letter, self.reply]
        return [*typed, self.email, self.phone, digits, self.agent, self.address, self.query, *code]

    def form(self, token: str) -> dict[str, str]:
        """Everything that the last page sends."""
        way = "email" if int(self.phone[-1]) % 2 else "phone"
        where = {name: getattr(self, name) for name in ("name", "line1", "line2", "city", "zip", "state", "email")}
        need = {"item": self.wanted, f"many-{self.wanted}": "1", "form": token, "contact": way, "phone": self.phone}
        return where | need

    @property
    def corrects(self) -> bool:
        """Whether they write another address and a letter before it is packed."""
        return self.fate == "pack"

    @property
    def headers(self) -> dict[str, str]:
        """What their browser says of them."""
        referer = f"https://{self.agent.lower()}.example.org/"
        return {"User-Agent": f"{self.agent}/5.0", "X-Forwarded-For": self.address, "Referer": referer}


def people(seed: int) -> list[Someone]:
    """Two hundred of them, each with a fate."""
    draw = random.Random(seed)
    fates = ["cancel", "erase", "decline", "pack", "wait", "ship", "ship", "ship", "ship", "lost"]
    found = []
    for number in range(PEOPLE):
        one = Someone(
            name=f"{word(draw)}é {word(draw)}",
            line1=f"{draw.randrange(100, 9999)} {word(draw)} Ln",
            line2=f"Apt {word(draw)}",
            city=word(draw),
            email=f"{word(draw).lower()}@example.org",
            phone=f"{draw.randrange(201, 989)}-{draw.randrange(200, 999)}-{draw.randrange(10_000):04}",
            agent=word(draw),
            address=f"2001:db8:{draw.randrange(0x1000, 0xFFFF):x}:{draw.randrange(0x1000, 0xFFFF):x}::7",
            query=word(draw),
            moved=f"{draw.randrange(100, 9999)} {word(draw)} Ave",
            letter=word(draw),
            reply=word(draw),
            fate=fates[number % 10],
        )
        if one.fate == "decline":
            one.wanted, one.zip, one.state = "syringe-kit", "10001", "NY"
        if one.fate == "wait":
            one.wanted = "fentanyl-strips"
        found.append(one)
    return found


def word(draw: random.Random) -> str:
    """Ten letters that can be spoken and mean nothing."""
    return "".join(draw.choice(CONSONANTS) + draw.choice(VOWELS) for _ in range(5)).capitalize()


class Inbox:
    """A mail server on loopback that keeps what it gets as files; what goes to participants, in memory alone."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.mails = folder, 0
        self.told: list[tuple[str, str]] = []

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if b"\nSubject: Your request" in (content := bytes(envelope.content or b"")).replace(b"\r", b""):
            self.told.append((envelope.rcpt_tos[0], content.decode()))
            return "250 OK"
        self.mails += 1
        (self.folder / f"{self.mails}.eml").write_bytes(envelope.content or b"")  # type: ignore[arg-type]
        return "250 OK"


@dataclass
class Canary:
    """The instance, the people, and where everything is kept that may hold a trace of them."""

    app: Flask
    depot: Depot
    cli: Cli
    databases: Databases
    kept: Path  # logs, mails, exports, dumps, temporary files
    people: list[Someone] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    inbox: Inbox | None = None
    lost: int = 0  # parcels that never came

    @property
    def settings(self) -> Settings:
        return self.depot.settings

    @property
    def words(self) -> list[str]:
        return [found for one in self.people for found in one.words]

    def folder(self, name: str) -> Path:
        path = self.kept / name
        path.mkdir(exist_ok=True)
        return path

    def order_of(self, one: Someone) -> Order:
        tag = codes.code_tag(self.settings.secret_key, one.code)
        return self.depot.session.scalars(select(Order).where(Order.code_tag == tag)).one()

    def roots(self) -> list[Path]:
        """The folders to search: the instance, what was kept, and the database's own with all that lies beside it."""
        self.depot.session.commit()
        if db.engine.dialect.name == "sqlite":
            return [self.settings.instance, self.kept, Path(str(db.engine.url.database)).parent]
        self.depot.session.execute(text("CHECKPOINT"))
        data = Path(str(self.depot.session.scalar(text("SHOW data_directory"))))
        self.depot.session.commit()
        return [self.settings.instance, self.kept, data, data.parent / "log"]

    def hits(self) -> dict[str, set[str]]:
        """Where something of someone was found, and what."""
        search = Search(self.words)
        roots = [root for root in self.roots() if root.is_dir()]
        single = [(root, root.read_bytes()) for root in self.roots() if root.is_file()]
        every = [*single, *files(*roots, but=self.settings.keyring)]
        assert len(every) > 5
        found = {str(path): search.words_in(content) for path, content in every}
        return {path: words for path, words in found.items() if words}


@pytest.fixture
def canary(
    app: Flask, depot: Depot, cli: Cli, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Canary]:
    """An instance whose every output is kept, with the log of a database server set as docs/public-machine.md says."""
    kept = tmp_path / "kept"
    kept.mkdir()
    made = Canary(app, depot, cli, databases, kept)
    monkeypatch.setattr(tempfile, "tempdir", str(made.folder("tmp")))
    app.testing = False
    quiet_server(depot)
    made.environment = {
        "PATH": os.environ["PATH"],
        "TMPDIR": str(made.folder("tmp")),
        "DISTRO_INSTANCE": str(depot.settings.instance),
        "DATABASE_URL": depot.settings.database_url,
        "SECRET_KEY": depot.settings.secret_key,
        "STAFF_SECRET_KEY": depot.settings.staff_key,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(free_port()),
    }
    monkeypatch.setattr(logging.getLogger("mail.log"), "propagate", False)  # of the mail server, which is not ours
    log = logging.FileHandler(made.folder("logs") / "this-process.log")
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(log)
    root.setLevel(logging.DEBUG)
    yield made
    root.removeHandler(log)
    root.setLevel(level)
    log.close()


@pytest.mark.usefixtures("short_waits")
def test_of_two_hundred_people_nothing_is_found_on_disk(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    depot, canary.people = canary.depot, people(1)
    depot.shelve(quantity=PEOPLE)
    depot.session.commit()
    with serving(canary) as server:
        everyone_asks(canary, server)
        break_things(canary, monkeypatch)
        with scheduling(canary):
            wait_until(lambda: no_open_work(canary))
            change_minds(canary)
            write_in(canary)
            wait_until(lambda: no_open_work(canary))
            wait_until(lambda: canary.inbox is not None and canary.inbox.mails > 0)
    staff_answers(canary)
    staff_works(canary)
    messages = people_are_to_be_told(canary)
    look_everywhere(canary)
    dump = back_up(canary)

    assert canary.hits() == {}
    boxes = boxes_open(canary)  # and nowhere else than in there
    assert len(boxes) > 150

    with restored(canary, dump):
        assert canary.hits() == {}

    messages_leave(canary, messages)
    assert canary.hits() == {}
    time_passes(canary)
    assert canary.hits() == {}
    left = depot.session.execute(select(Order.sealed, Order.proof, Order.decision, Order.note)).all()
    assert len(left) == PEOPLE + canary.lost and all(not any(row) for row in left)
    assert depot.session.scalars(select(Letter)).all() == [] == depot.session.scalars(select(Reply)).all()
    assert depot.session.scalars(select(Remark)).all() == []
    assert depot.session.scalars(select(Household)).all() == [] == depot.session.scalars(select(Instruction)).all()
    assert not list(canary.settings.spool.iterdir())
    if db.engine.dialect.name == "sqlite":  # nothing of the boxes either, but in the backup
        search = [box[100:140] for _epoch, _uid, box in boxes]
        here = [Path(str(db.engine.url.database) + end) for end in ("", "-wal")]
        contents = [path.read_bytes() for path in here if path.exists()]
        assert not any(piece in content for piece in search for content in contents)
    for epoch, uid, box in boxes:
        with pytest.raises(KeyGone):
            keyring.open_box(depot.ring, epoch, uid, box)


def test_control_with_sealing_off_everyone_is_found(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same flow with a box that only looks like one: then all that is in it lies in the open."""
    monkeypatch.setattr(sealing, "seal", plain_box)
    monkeypatch.setattr(sealing, "unseal", open_plain_box)
    canary.people = people(2)[:30]
    canary.depot.shelve(quantity=PEOPLE)
    client = canary.app.test_client()
    for one in canary.people:
        asks(canary, client, one)
    canary.depot.settle()
    writer = next(one for one in canary.people if one.corrects)
    writes(canary, writer, lambda path, form: client.post(path, data=form).text)
    depot, order = canary.depot, canary.order_of(writer)
    letters.answer(depot.session, order, writer.reply, depot.keys, by="manager", at=clock.now())
    depot.session.commit()
    dump = back_up(canary)
    hits = canary.hits()
    found = {found for words in hits.values() for found in words}
    for one in canary.people:
        reached = {one.phone.replace("-", "")} if int(one.phone[-1]) % 2 == 0 else {one.email}
        told = {one.moved.split()[1], one.letter, one.reply} if one is writer else set()
        assert told | {*one.name.split(), one.line1.split()[1], one.line2.split()[1], one.city} | reached <= found
    assert any(str(dump) in path for path in hits) and len(hits) >= 2


@pytest.mark.parametrize("form", list(forms("Quillby")))
def test_control_a_leak_in_any_form_is_found(tmp_path: Path, form: str) -> None:
    (one,) = people(3)[:1]
    one.code = codes.claim_code("a secret of no value", bytes(16))
    search = Search([found for other in people(1) for found in other.words] + one.words)
    for planted in one.words:
        for content in forms(planted)[form]:
            (tmp_path / "leak").write_bytes(os.urandom(9_999) + content + os.urandom(99))
            ((_path, kept),) = files(tmp_path)
            assert planted in search.words_in(kept), (planted, content)
    assert not search.words_in(os.urandom(3_000_000))


LEAKS = ["a log", "a column", "a temporary file", "the spool", "a mail", "an erased row"]


@pytest.mark.parametrize("where", LEAKS)
def test_control_a_leak_at_any_place_is_found(canary: Canary, where: str) -> None:
    one = people(len(LEAKS))[LEAKS.index(where)]  # another for each: the server's files keep what was planted before
    canary.people = [one]
    order = canary.depot.request(name=one.name)
    assert canary.hits() == {}
    if where == "a log":
        logging.getLogger("distro").warning("could not send to %s", one.name)
    elif where == "a column":
        order.note = one.line1
        canary.depot.session.commit()
    elif where == "a temporary file":
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(one.form("")["city"].encode("utf-16le"))
    elif where == "the spool":
        canary.settings.spool.mkdir()
        (canary.settings.spool / ".half-written").write_text(json.dumps({"who": one.name}))
    elif where == "a mail":
        (canary.folder("mails") / "1.eml").write_text(f"Dear {one.name}")
    else:
        order.note = one.line2
        canary.depot.session.commit()
        dump = back_up(canary)
        order.note = ""
        canary.depot.session.commit()
        assert any(str(dump) in path for path in canary.hits())
    assert canary.hits() != {}


# -- the story --


def everyone_asks(canary: Canary, server: "subprocess.Popen[bytes]") -> None:
    """All of them ask: a dozen of the real server, which is killed after a while, four while the database is away."""
    client = canary.app.test_client()
    for one in canary.people[:BY_SERVER]:
        walk(canary, one)
    worker = int(Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    os.kill(worker, signal.SIGKILL)
    for one in canary.people[BY_SERVER:-SPOOLED]:
        asks(canary, client, one)
    with locked(canary.settings.database_url):
        for one in canary.people[-SPOOLED:]:
            asks(canary, client, one)
    assert len(list(spool.waiting(canary.settings.spool))) == SPOOLED
    assert all(one.code for one in canary.people)


def walk(canary: Canary, one: Someone) -> None:
    """Page by page through the real server, with every mistake there is."""
    wrong = one.form("tampered")
    query = f"?{one.query}={one.query}"
    for method, path in (("GET", f"/{one.query}"), ("GET", f"/{query}"), ("PUT", f"/done{query}"), ("GET", "/status")):
        ask_server(canary, one, method, path)
    raw(canary, f"GET /{one.query} {one.query}/9.9\r\n{one.agent}\r\n\r\n")
    raw(canary, f"POST /done HTTP/1.1\r\nHost: x\r\nContent-Length: {one.query}\r\n\r\n{one.name}")
    token = fields(ask_server(canary, one, "GET", "/")[1])["form"]
    form = one.form(token)
    mistakes: list[tuple[dict[str, str], set[int]]] = [
        (wrong, {422}),
        (form | {"zip": one.city}, {422}),
        (form | {"name": f"{one.name}\0", "line1": one.line1 * 9}, {400}),
        (form | {"line1": one.line1 * 9}, {422}),
        (form | {"email": one.name, "contact": "email"}, {422}),
        (form | {"city": "x" * 300_000 + one.city}, {413}),
        (form | {"form": codes.new_form(canary.settings.secret_key, clock.now() - timedelta(hours=7))}, {422}),
    ]
    for typed, statuses in mistakes:
        status, _page = ask_server(canary, one, "POST", "/done", typed)
        assert status in statuses, (status, statuses)
    for step in ("/answer", "/where", "/contact", "/check"):
        ask_server(canary, one, "POST", step, form)
    status, page = ask_server(canary, one, "POST", "/done", form)
    if status == 422:  # nobody knows their town: that is asked once
        status, page = ask_server(canary, one, "POST", "/done", form | {"sure": fields(page)["sure"]})
    assert status == 200, status
    one.code = page.split('id="claim-code">')[1].split("<")[0]
    status, page = ask_server(canary, one, "POST", f"/status?code={one.query}", {"code": one.code})
    assert status == 200 and "We have your request" in page


def asks(canary: Canary, client: FlaskClient, one: Someone) -> None:
    """The whole form at once, in this process."""
    token = codes.new_form(canary.settings.secret_key, clock.now() - timedelta(minutes=2))
    answer = client.post(f"/done?{one.query}=1", data=one.form(token), headers=one.headers)
    if answer.status_code == 422:
        form = one.form(token) | {"sure": fields(answer.text)["sure"]}
        answer = client.post(f"/done?{one.query}=1", data=form, headers=one.headers)
    assert answer.status_code == 200, answer.text[:2_000]
    one.code = code_in(answer)


def break_things(canary: Canary, monkeypatch: pytest.MonkeyPatch) -> None:
    """A view and a job break with everything about a person in the message of the exception."""
    client, one = canary.app.test_client(), canary.people[0]

    def broken(*_: object, person: object = None, **__: object) -> None:
        raise RuntimeError(f"{person} {one}")

    with monkeypatch.context() as patch:
        patch.setattr(intake, "seal_request", broken)
        token = codes.new_form(canary.settings.secret_key, clock.now() - timedelta(minutes=2))
        form = one.form(token) | {"city": "Sampleton"}  # a town that we know
        assert client.post("/done", data=form, headers=one.headers).status_code == 500
    with monkeypatch.context() as patch:
        patch.setattr(places, "find", broken)
        jobs.run_once(canary.app, canary.settings, jobs.check_requests)
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "due", broken)
        jobs.run_once(canary.app, canary.settings, jobs.deliver_mail)
    log = (canary.folder("logs") / "this-process.log").read_text()
    assert log.count("RuntimeError at") >= 3


def change_minds(canary: Canary) -> None:
    """Some cancel or erase by code, half of them in the wrong way first."""
    for one in canary.people:
        if one.fate in ("cancel", "erase"):
            ask_server(canary, one, "POST", f"/{one.fate}?{one.query}", {"code": one.code[:-1] + "0"})
            ask_server(canary, one, "POST", f"/{one.fate}", {"code": one.code})
            status, _page = ask_server(canary, one, "POST", f"/{one.fate}", {"code": one.code, "yes": "1"})
            assert status == 200, (one.fate, status)


def write_in(canary: Canary) -> None:
    """Some correct the address and write a letter, after every mistake."""

    def send(path: str, form: dict[str, str]) -> str:
        status, page = ask_server(canary, one, "POST", f"{path}?{one.query}", form)
        assert status in (200, 422), (path, status)
        return page

    for one in canary.people:
        if one.corrects:
            writes(canary, one, send)


def writes(canary: Canary, one: Someone, send: Callable[[str, dict[str, str]], str]) -> None:
    """Another address, and a letter, each once with a mistake; `send` gives the page."""
    token = codes.new_form(canary.settings.secret_key, clock.now())
    known = {"code": one.code, "form": token, "yes": "1"}
    where = {"name": one.name, "line1": one.moved, "city": one.city, "zip": one.zip, "state": one.state}
    assert one.moved in send("/correct", known | where | {"zip": one.letter})
    page = send("/correct", known | where)
    if "changing the address" not in page:  # a doubt is shown once
        page = send("/correct", known | where | {"sure": fields(page)["sure"]})
    assert "changing the address" in page
    assert one.letter in send("/message", known | {"text": one.letter * 150})
    assert "We have your message" in send("/message", known | {"text": f"{one.letter}, please"})
    told = {"form": codes.new_form(canary.settings.secret_key, clock.now() - timedelta(minutes=1)), "yes": "1"}
    told |= {"people": "1", "month": clock.today().replace(day=1).isoformat(), "state": one.state}
    for path in ("/told", "/voice"):  # without a code
        assert one.letter in send(path, told | {"text": one.letter * 150})
        assert "Thank you" in send(path, told | {"text": f"{one.letter}, too"})


def staff_answers(canary: Canary) -> None:
    """A manager reads and answers each letter; who wrote it reads the answer. None of these pages is kept."""
    staff, visitor = canary.app.test_client(), canary.app.test_client()
    sign_in(staff, "manager")
    for one in canary.people:
        if one.corrects:
            number = canary.order_of(one).number
            canary.depot.session.commit()
            assert one.letter in post(staff, f"/letters/{number}/open").text
            assert post(staff, f"/letters/{number}", text=f"Yes, {one.reply}").status_code == 303
            assert one.reply in visitor.post("/status", data={"code": one.code}).text
    for job in (jobs.follow_instructions, jobs.check_requests):  # the scheduler is killed
        job(canary.depot.session, canary.settings)


def staff_works(canary: Canary) -> None:
    """Decline, pack, label, ship; a dozen through the pages, and the rest by the same use-cases."""
    depot, session = canary.depot, canary.depot.session
    session.expire_all()
    staff = canary.app.test_client()
    sign_in(staff, "packer")
    by_page, labels_out = 0, 0
    packer = depot.user("packer")
    for one in canary.people:
        order = canary.order_of(one)
        if one.fate == "decline":
            assert order.status == Status.HELD, (order.status, order.note)
            triage.decline(session, order, reason="not now", by="manager", at=clock.now())
        elif one.fate in ("pack", "ship", "lost") and order.status == Status.ALLOCATED:
            if by_page < BY_SERVER and one.fate == "ship":
                by_page += 1
                for scanned in ("WRONG", "LOT1", order.number):
                    post(staff, f"/desk/orders/{order.number}/scan", scan=scanned)
                label = post(staff, f"/desk/orders/{order.number}/label")
                assert label.mimetype == "application/pdf", label.text[:500]
                post(staff, f"/desk/orders/{order.number}/ship")
                session.expire_all()
                assert canary.order_of(one).status == Status.SHIPPED
                continue
            workflow.pick(session, order, "LOT1", packer=packer, today=clock.today())
            workflow.pack(session, order, packer=packer, today=clock.today())
            if one.fate != "pack":
                workflow.note_label(session, order, at=clock.now())
                person = the_person(canary, order)
                contents = [(line.item.letter, line.quantity) for line in order.lines]
                labels.label_and_slip(person, number=order.number, return_lines=[], contents=contents)
                labels_out += 1
                workflow.ship(session, order, by="packer", at=clock.now(), today=clock.today())
        session.commit()
    assert by_page == BY_SERVER and labels_out > 50


def the_person(canary: Canary, order: Order) -> intake.Person:
    """As the label's page opens it; in two thirds of the cases without the hourly limit on one person's views."""
    return open_person(order, canary.depot.keys)


def people_are_to_be_told(canary: Canary) -> int:
    """Who was shipped to, answered or refused has a message in the outbox, as a box; gives back how many."""
    for _ in range(2):
        jobs.tell_participants(canary.depot.session, canary.settings)
    boxes = select(Message).where(Message.sealed.is_not(None))
    found = canary.depot.session.scalars(boxes).all()
    assert len(found) > PEOPLE // 2 and not any(one.to or one.subject or one.body for one in found)
    assert {one.channel for one in found} == {"mail", "text"}
    return len(found)


def messages_leave(canary: Canary, messages: int) -> None:
    """All of them, to servers of which nothing is kept: each holds the contact, and no other word of anybody."""
    inbox, session = Inbox(canary.folder("mails")), canary.depot.session
    catcher = TextCatcher(lambda to, body: inbox.told.append((to, body)), account="AC", secret="")
    catcher.start()
    there = replace(canary.settings, smtp_port=free_port(), sms_url=catcher.url)
    mail = Controller(inbox, hostname="127.0.0.1", port=there.smtp_port)
    mail.start()
    try:
        with clock.at(clock.now() + timedelta(hours=1)):
            while outbox.due(session, clock.now()):
                jobs.deliver_mail(session, there)
    finally:
        mail.stop()
        catcher.stop()
    assert len(inbox.told) == messages
    assert session.scalars(select(Message).where(Message.uid.is_not(None))).all() == []
    reached = {way: one for one in canary.people for way in (one.email, "+1" + one.phone.replace("-", ""))}
    for to, said in inbox.told:
        theirs = {to, to.partition("@")[0], to.removeprefix("+1")}
        assert to in reached and not [found for found in canary.words if found in said and found not in theirs]


def look_everywhere(canary: Canary) -> None:
    """Every page of every role that needs no number, every listing of the command line; all kept and searched."""
    folder = canary.folder("exports")
    rules = [rule for rule in canary.app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    ours = [rule.rule for rule in rules if not rule.rule.startswith(("/static", "/leave", "/sign-out"))]
    for role in ("packer", "manager", "reviewer", "admin"):
        client = canary.app.test_client()
        sign_in(client, role)
        for path in ours:
            answer = client.get(path)
            assert answer.status_code != 500, path
            (folder / f"{role}{path.replace('/', '_')}").write_bytes(answer.data)
    commands = ["orders list --json", "stock show --json", "stock verify", "audit verify", "routes", "holdings all"]
    for number, command in enumerate(commands):
        told = canary.cli(*command.split())
        assert told.returncode == 0, told.stderr
        (folder / f"cli-{number}").write_text(told.stdout + told.stderr)
    assert len(list(folder.iterdir())) > 50


def boxes_open(canary: Canary) -> list[tuple[str, Any, bytes]]:
    """What every box holds is what was typed, with the keyring; gives epoch, order and box of each."""
    session, boxes = canary.depot.session, []
    names = {one.code: one for one in canary.people}
    for code, one in names.items():
        order = canary.order_of(one)
        if order.sealed is None:
            assert one.fate == "erase", (one.fate, code)
            continue
        person = open_person(order, canary.depot.keys)
        line1 = one.moved if one.corrects else one.line1
        assert (person.name, person.line1, person.city) == (one.name, line1, one.city)
        boxes.append((order.epoch, order.uid, order.sealed))
        for letter in letters.of(session, order):
            said = open_words(canary.depot.keys, Words(letter.uid, letter.epoch, letter.sealed))
            assert one.letter in said["text"]
            boxes.append((letter.epoch, letter.uid, letter.sealed))
    session.commit()
    return boxes


def time_passes(canary: Canary) -> None:
    """Two months: what is open is cancelled, and everything reaches its date."""
    session, start = canary.depot.session, clock.now()
    for order in session.scalars(select(Order).where(Order.status.not_in(FINAL))).all():
        workflow.cancel(session, order, by="manager", at=clock.now())
    session.commit()
    client = canary.app.test_client()
    for days in range(1, 61):
        with clock.at(start + timedelta(days=days)):
            if days == resend.NOT_BEFORE.days + 1:
                some_get_lost(canary, client)
            jobs.keep_house(session, canary.settings)
    session.expire_all()


def some_get_lost(canary: Canary, client: FlaskClient) -> None:
    """A parcel in ten never came; they change their mind about the one in its place."""
    session = canary.depot.session
    losers = [one for one in canary.people if one.fate == "lost" and canary.order_of(one).status == Status.SHIPPED]
    session.commit()
    canary.lost = len(losers)
    assert canary.lost > PEOPLE // 20
    for path in ("/lost", "/cancel"):
        for one in losers:
            assert client.post(path, data={"code": one.code, "yes": "1"}).status_code == 200, path
        jobs.follow_instructions(session, canary.settings)
    assert canary.hits() == {}


# -- processes, the server, backups --


@contextmanager
def serving(canary: Canary) -> Iterator["subprocess.Popen[bytes]"]:
    """Both surfaces from one worker of the real server."""
    canary.port = free_port()
    with process(canary, "serve", "--workers", "1", "--port", str(canary.port)) as server:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(OSError):
                create_connection(("127.0.0.1", canary.port), 1).close()
                if ask_server(canary, canary.people[0], "GET", "/livez")[0] == 200:
                    break
            time.sleep(0.05)
        yield server
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@contextmanager
def scheduling(canary: Canary) -> Iterator[None]:
    """The real scheduler and a real mail server; the scheduler is killed in the end."""
    canary.inbox = Inbox(canary.folder("mails"))
    logging.getLogger("mail").setLevel(logging.ERROR)  # what the provider's own server writes down is not ours
    mail = Controller(canary.inbox, hostname="127.0.0.1", port=int(canary.environment["SMTP_PORT"]))
    mail.start()
    outbox.post(canary.depot.session, to="manager@example.org", subject="Note", body="A note.", at=clock.now())
    canary.depot.session.commit()
    try:
        with process(canary, "scheduler") as scheduler:
            yield
            scheduler.kill()
    finally:
        mail.stop()


@contextmanager
def process(canary: Canary, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A `distro` command, all it says kept in a file."""
    command = [sys.executable, "-m", "distro", *arguments]
    with (
        (canary.folder("logs") / f"{arguments[0]}.log").open("wb") as log,
        subprocess.Popen(command, env=canary.environment, stdout=log, stderr=log) as running,
    ):
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()


def ask_server(
    canary: Canary, one: Someone, method: str, path: str, form: dict[str, str] | None = None
) -> tuple[int, str]:
    """Ask the real server something; gives status and page."""
    body = urlencode(form).encode() if form else None
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
    for tries in range(40):
        connection = HTTPConnection("127.0.0.1", canary.port, timeout=30)
        try:
            connection.request(method, path, body, one.headers | kind)
            answer = connection.getresponse()
            status, page = answer.status, answer.read().decode()
        except (BrokenPipeError, ConnectionResetError, ConnectionRefusedError):  # 413: it did not want all of it
            if form and len(body or b"") > 200_000:
                return 413, ""
            if tries == 39:
                raise
            time.sleep(0.1)
            continue
        finally:
            connection.close()
        if status == 503 and tries < 39:  # the database was locked for too long
            time.sleep(0.2)
            continue
        return status, page
    raise AssertionError("the server never answered")


def raw(canary: Canary, sent: str) -> None:
    """What no browser would send."""
    with create_connection(("127.0.0.1", canary.port), 10) as connection, suppress(OSError):
        connection.sendall(sent.encode())
        connection.recv(4_096)


def wait_until(done: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if done():
            return
        time.sleep(0.1)
    raise AssertionError("the scheduler did not come so far")


def no_open_work(canary: Canary) -> bool:
    """Whether triage has seen everyone and nobody waits for what they asked by code; it waits for no lock."""
    engine = create_engine(canary.settings.database_url)
    with engine.connect() as connection:
        seen = connection.scalar(text("SELECT count(*) FROM orders WHERE status != 'received'"))
        asked = connection.scalar(text("SELECT count(*) FROM instructions"))
    engine.dispose()
    return seen == len(canary.people) and not asked


def quiet_server(depot: Depot) -> None:
    """Set PostgreSQL's log as `distro database check` wants it."""
    if db.engine.dialect.name == "sqlite":
        return
    engine = create_engine(depot.settings.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for name, (value, *_others) in QUIET.items():
            connection.exec_driver_sql(f"ALTER DATABASE \"{engine.url.database}\" SET {name} = '{value}'")
    engine.dispose()
    depot.session.commit()
    db.engine.dispose()


def back_up(canary: Canary) -> Path:
    """A backup as docs/backup.md says; the folder it lies in."""
    folder = canary.folder("backup")
    canary.depot.session.commit()
    back_up_database(canary.settings.database_url, folder / "database")
    if canary.settings.spool.exists():
        shutil.copytree(canary.settings.spool, folder / "spool", dirs_exist_ok=True)
    return folder


@contextmanager
def restored(canary: Canary, folder: Path) -> Iterator[str]:
    """The backup, restored beside the database it was made of."""
    url = canary.databases.empty()
    restore_database(folder / "database", url)
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM orders")) == PEOPLE
    engine.dispose()
    yield url
    canary.databases.take_back(url)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """The tables of a request, held by somebody else."""
    engine = create_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "LOCK TABLE orders, items IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
    engine.dispose()


def plain_box(public: X25519PublicKey, epoch: str, order: object, told: bytes) -> bytes:
    """A box of the right length that hides nothing; of noise elsewhere, so that no database makes it smaller."""
    noise = os.urandom(sealing.BUCKETS[0] - 2 - len(told))
    return b"\0" * sealing.OVERHEAD + len(told).to_bytes(2, "big") + told + noise


def open_plain_box(private: object, epoch: str, order: object, box: bytes) -> bytes:
    length = int.from_bytes(box[sealing.OVERHEAD :][:2], "big")
    return box[sealing.OVERHEAD + 2 :][:length]

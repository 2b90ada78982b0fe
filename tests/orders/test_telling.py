"""News for people who left a way to be reached: what they read, what is on the wire, and that nothing stays.

Length: the servers that stand for the world, and every way in which a message leaves or does not, in one place.
"""

import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from distro import clock, jobs, outbox
from distro.audit import AuditEntry
from distro.config import Settings
from distro.demo import free_port
from distro.keys import keyring
from distro.outbox import Message
from distro.textcatcher import ACCOUNT, SECRET, SENDER, TextCatcher
from orders import identity, order_news, retention, telling, triage, words, workflow
from orders.models import Order, Status
from orders.telling import Contact, News
from tests.depot import Depot, sign_in
from tests.orders.forms import filled

EMAIL, PHONE = "quillby.canaryson@example.org", "6145550177"
HOME = "https://supplies.example.org"
TELLING = re.compile(r"naloxone|harm|drug|needle|syringe|overdose|fentanyl|suministro|supplies(?!@|\.example)", re.I)


@dataclass
class Wire:
    """What reached the servers, byte for byte."""

    settings: Settings
    texts: TextCatcher
    mails: list[bytes] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)  # what the client called itself
    refuse: bool = False

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Envelope, name: str, lines: list[str]
    ) -> list[str]:
        self.said.append(name)
        session.host_name = name
        return lines

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if self.refuse:
            return f"451 try {envelope.rcpt_tos} later"
        self.mails.append(envelope.original_content or b"")
        return "250 OK"

    @property
    def letters(self) -> list[EmailMessage]:
        return [message_from_bytes(mail, EmailMessage, policy=policy.default) for mail in self.mails]


@pytest.fixture
def wire(settings: Settings) -> Iterator[Wire]:
    catcher, port = TextCatcher(lambda to, body: here.kept.append((to, body))), free_port()
    catcher.start()
    there = replace(
        settings,
        smtp_host="127.0.0.1",
        smtp_port=port,
        mail_from="Harm Reduction Depot <supplies@example.org>",
        public_url=HOME,
        sms_provider="twilio",
        sms_url=catcher.url,
        sms_account=ACCOUNT,
        sms_secret=SECRET,
        sms_from=SENDER,
    )
    here = Wire(there, catcher)
    server = Controller(here, hostname="127.0.0.1", port=port)
    server.start()
    yield here
    server.stop()
    catcher.stop()


def ship(depot: Depot, order: Order) -> None:
    packer, now = depot.user("packer"), clock.now()
    for allocation in order.allocations:
        workflow.pick(depot.session, order, allocation.lot.number, packer=packer, today=now.date())
    workflow.pack(depot.session, order, packer=packer, today=now.date())
    workflow.note_label(depot.session, order, at=now)
    workflow.ship(depot.session, order, by="packer", at=now, today=now.date())
    depot.session.commit()


def post(depot: Depot, settings: Settings) -> int:
    """What the scheduler posts; gives back how many messages wait then."""
    jobs.tell_participants(depot.session, settings)
    depot.session.expire_all()
    return waiting(depot.session)


def waiting(session: Session) -> int:
    return session.scalar(select(func.count()).where(Message.uid.is_not(None))) or 0


def test_people_read_what_they_chose_to_and_nothing_stays(
    depot: Depot, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """In both languages, by mail and by text, with and without a word on what it is about."""
    depot.shelve(quantity=5000)
    ways: list[dict[str, Any]] = [
        {"email": EMAIL},
        {"email": "es." + EMAIL, "language": "es", "says": True},
        {"phone": PHONE, "language": "es"},
        {"phone": PHONE, "says": True},
        {},
    ]
    with caplog.at_level(logging.DEBUG):
        for way in ways:
            ship(depot, depot.allocated(**way))
        assert post(depot, wire.settings) == 4
        held = bytes(rows(depot.session))
        assert EMAIL.encode() not in held and PHONE.encode() not in held and b"news" not in held, "sealed, as it waits"
        jobs.deliver_mail(depot.session, wire.settings)
    neutral, telling_one = wire.letters
    assert neutral["To"] == EMAIL and neutral["Subject"] == "Your request"
    assert neutral.get_content().strip() == f"Your request: there is news. Use your code at {HOME}/status"
    assert telling_one["Subject"] == "Su pedido" and "suministros" in telling_one.get_content()
    assert f"{HOME}/es/status" in telling_one.get_content()
    for letter, name in ((neutral, "Your request"), (telling_one, "Su pedido")):
        assert letter["From"] == f"{name} <supplies@example.org>", "not the name that staff know"
        assert letter["Message-ID"].endswith("@example.org>")
        names = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"}
        assert set(letter.keys()) <= names | {"Content-Type", "Content-Transfer-Encoding"}
    assert wire.said == ["example.org"] * 2, "not the name of the machine"
    assert not TELLING.search(neutral.as_string()) and TELLING.search(telling_one.get_content())
    (first_to, first), (second_to, second) = wire.kept
    assert first_to == second_to == f"+1{PHONE}"
    assert first == f"Su pedido: hay noticias. Use su código en {HOME}/es/status" and "in the mail" in second
    jobs.deliver_mail(depot.session, wire.settings)
    assert post(depot, wire.settings) == 0 and len(wire.mails) == len(wire.kept) == 2, "once, and only these"
    assert left(depot, wire, caplog) == []


def left(depot: Depot, wire: Wire, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Where some of a contact lies outside the orders' boxes: rows, files of the instance, the log."""
    depot.session.commit()
    places = {"rows": rows(depot.session), "log": logged(caplog)}
    places |= {path.name: path.read_bytes() for path in wire.settings.instance.rglob("*") if path.is_file()}
    return [name for name, held in places.items() if EMAIL.encode() in held or PHONE.encode() in held]


def logged(caplog: pytest.LogCaptureFixture) -> bytes:
    """What was logged here; not by the mail server, which stands for somebody else's."""
    return "\n".join(record.getMessage() for record in caplog.records if record.name != "mail.log").encode()


def rows(session: Session) -> bytes:
    """Every value of every table, as bytes."""
    found = io.BytesIO()
    names = Message.metadata.tables
    for name in names:
        for row in session.execute(text(f'SELECT * FROM "{name}"')):  # the names are our own
            found.writelines(value if isinstance(value, bytes) else str(value).encode() for value in row)
    return found.getvalue()


def test_control_a_contact_that_lies_open_is_found(depot: Depot, wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    outbox.post(depot.session, to=EMAIL, subject="s", body="b", at=clock.now())
    logging.getLogger("distro").warning("+1%s", PHONE)
    (wire.settings.instance / "notes").write_text(EMAIL)
    assert set(left(depot, wire, caplog)) >= {"rows", "log", "notes"}


def test_control_a_box_that_is_not_emptied_opens(depot: Depot, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be there if `record` kept the box: whoever has the keyring reads it."""
    for keeps in (False, True):
        if keeps:
            monkeypatch.setattr(outbox, "record", lambda *given: None)
        order = depot.request(email=EMAIL)
        telling.tell(depot.session, wire.settings, Contact(EMAIL), News.REPLY, uid=order.uid, at=clock.now())
        depot.session.commit()
        jobs.deliver_mail(depot.session, wire.settings)
        boxes = depot.session.execute(select(Message.epoch, Message.uid, Message.sealed)).all()
        opened = [keyring.open_box(depot.ring, epoch, uid, box or b"") for epoch, uid, box in boxes]
        assert [EMAIL.encode() in one for one in opened] == [True] * keeps


def test_two_schedulers_tell_once_and_what_happened_since_is_not_told(depot: Depot, wire: Wire) -> None:
    depot.shelve()
    shipped, cancelled, erased, lasting, planned = (depot.allocated(email=EMAIL) for _ in range(5))
    ship(depot, shipped)
    workflow.cancel(depot.session, cancelled, by="participant", at=clock.now())
    ship(depot, erased)
    retention.erase(depot.session, erased, at=clock.now())
    for order in (lasting, planned):
        workflow.move(depot.session, order, Status.WAITING)
    assert [o.news for o in (shipped, cancelled, erased, lasting)] == ["shipped", "", "", "waiting"]
    planned.status = Status.ALLOCATED  # as triage does within seconds
    depot.session.commit()
    with clock.at(clock.now()):
        seen = list(order_news.waiting(depot.session, clock.now()))
        assert seen == [shipped.id, lasting.id, planned.id]
        told = [order_news.pass_on(depot.session, one, wire.settings, at=clock.now()) for one in seen * 2]
    assert told == [True, True, False] + [False] * 3
    depot.session.commit()
    later = depot.allocated(email=EMAIL)
    workflow.move(depot.session, later, Status.WAITING)
    depot.session.commit()
    assert later.id not in order_news.waiting(depot.session, clock.now()), "one that waits is told by the hour"
    assert later.id in order_news.waiting(depot.session, clock.now() + timedelta(hours=1))


def test_a_no_and_a_reply_are_told_and_an_erasure_takes_back_what_has_not_left(depot: Depot, wire: Wire) -> None:
    order = depot.request(email=EMAIL)
    workflow.hold(depot.session, order, note="x", at=clock.now())
    triage.decline(depot.session, order, reason="Talked it over", by="manager", at=clock.now())
    other = depot.request(phone=PHONE)
    other.news = News.REPLY
    depot.session.commit()
    assert post(depot, wire.settings) == 2
    retention.erase(depot.session, order, at=clock.now())
    depot.session.commit()
    assert waiting(depot.session) == 1, "it was to the other one"
    jobs.deliver_mail(depot.session, wire.settings)
    assert wire.mails == [] and len(wire.kept) == 1


def test_news_wait_for_a_keyring_that_is_away_and_not_for_a_key_that_is_gone(depot: Depot, wire: Wire) -> None:
    order = depot.request(email=EMAIL)
    order.news = News.REPLY
    depot.session.commit()
    away = wire.settings.keyring.rename(wire.settings.keyring.with_name("away"))
    post(depot, wire.settings)
    assert order.news == News.REPLY and waiting(depot.session) == 0
    away.rename(wire.settings.keyring)
    keyring.destroy(depot.ring, order.epoch)
    post(depot, wire.settings)
    assert order.news == "" and waiting(depot.session) == 0


def test_where_nothing_can_be_sent_nothing_is_posted(depot: Depot, wire: Wire) -> None:
    for way in ({"email": EMAIL}, {"phone": PHONE}):
        depot.request(**way).news = News.REPLY
    depot.session.commit()
    assert post(depot, replace(wire.settings, smtp_host="", sms_provider="")) == 0
    assert list(order_news.waiting(depot.session, clock.now())) == []


def test_a_server_that_is_away_holds_up_its_own_channel_alone(depot: Depot, wire: Wire) -> None:
    for way in ({"email": EMAIL}, {"phone": PHONE}, {"email": "b." + EMAIL}):
        depot.request(**way).news = News.REPLY
    depot.session.commit()
    post(depot, wire.settings)
    jobs.deliver_mail(depot.session, replace(wire.settings, smtp_port=free_port()))
    assert len(wire.kept) == 1 and waiting(depot.session) == 2
    wire.refuse = True
    with clock.at(clock.now() + timedelta(minutes=3)):
        jobs.deliver_mail(depot.session, wire.settings)
        found = depot.session.scalars(select(Message.problem)).all()
        assert set(found) == {"SMTPDataError"} and EMAIL.encode() not in rows(depot.session)
    wire.refuse = False
    with clock.at(clock.now() + timedelta(minutes=20)):
        jobs.deliver_mail(depot.session, wire.settings)
    assert len(wire.mails) == 2 and waiting(depot.session) == 0


def test_what_cannot_leave_is_given_up_and_its_box_goes(depot: Depot, wire: Wire, client: FlaskClient) -> None:
    """Refused for good, not to be opened, or too old: after each there is no box."""
    refused, swapped, old = (depot.request(phone=PHONE) for _ in range(3))
    for order in (refused, swapped, old):
        telling.tell(depot.session, wire.settings, Contact(phone=PHONE), News.REPLY, uid=order.uid, at=clock.now())
    depot.session.flush()
    told = ("text", refused.uid, clock.week_of(clock.today()), b"x" * 80)
    broken = {"uid": refused.uid, "sealed": b"x" * 80, "proof": outbox.proof_of(wire.settings.secret_key, *told)}
    depot.session.execute(update(Message).where(Message.uid == swapped.uid).values(**broken))
    depot.session.execute(update(Message).where(Message.uid == old.uid).values(due_at=clock.now() + timedelta(days=99)))
    depot.session.commit()
    wire.texts.answer, wire.texts.error = 400, 21610
    jobs.deliver_mail(depot.session, wire.settings)
    depot.session.expire_all()
    found = {(one.problem, one.sealed is None, one.due_at is None) for one in depot.session.scalars(select(Message))}
    assert found == {("TextRefused", True, True), ("BoxUnreadable", True, True), ("", False, False)}
    given_up = [("text", "BoxUnreadable", 1), ("text", "TextRefused", 1)]
    assert outbox.stuck_boxes(depot.session) == given_up and outbox.stuck(depot.session) == []
    sign_in(client, "manager")
    assert "1 text messages to participants did not leave so far (TextRefused)." in client.get("/planning").text
    for days, rest in ((13, 3), (15, 0)):
        outbox.forget_boxes(depot.session, clock.now() + timedelta(days=days))
        assert waiting(depot.session) == rest


def test_texts_wait_while_the_provider_refuses_us_and_the_admins_hear_of_it_once_a_day(
    depot: Depot, wire: Wire
) -> None:
    admin = depot.user("admin")
    admin.email = "admin@example.org"
    for _ in range(3):
        order = depot.request(phone=PHONE)
        telling.tell(depot.session, wire.settings, Contact(phone=PHONE), News.REPLY, uid=order.uid, at=clock.now())
    depot.session.commit()
    start, texts = clock.now(), select(Message).where(Message.channel == "text")
    quiet = replace(wire.settings, smtp_host="")  # so that the mails to the admins stay to be seen
    for answer in (401, 403, 404, 407, 302):
        wire.texts.answer = answer
        before = len(wire.texts.seen)
        with clock.at(start):
            jobs.deliver_mail(depot.session, quiet)
            jobs.deliver_mail(depot.session, quiet)  # it rests
        assert len(wire.texts.seen) == before + 1, answer
        start += outbox.REST
    for day in range(outbox.GIVE_UP_AFTER + 1):  # however often: only its age ends it
        with clock.at(start + timedelta(hours=7 * day)):
            jobs.deliver_mail(depot.session, quiet)
    depot.session.expire_all()
    kept = depot.session.scalars(texts).all()
    assert len(kept) == 3 and all(one.sealed and one.due_at and one.problem != "TextRefused" for one in kept)
    told = select(func.count(Message.id)).where(Message.to == admin.email, Message.subject.contains("do not leave"))
    days = (start + timedelta(hours=7 * outbox.GIVE_UP_AFTER)).date() - clock.today()
    assert 2 <= (depot.session.scalar(told) or 0) <= days.days + 1
    wire.texts.answer = None
    with clock.at(start + timedelta(days=6)):
        jobs.deliver_mail(depot.session, wire.settings)
    assert len(wire.kept) == 3 and depot.session.scalars(texts).all() == []


def test_a_wish_in_spanish_leads_to_the_spanish_pages(depot: Depot, wire: Wire) -> None:
    for number, language in enumerate(("en", "es"), 1):
        contact = Contact(email=EMAIL, language=language)
        telling.tell(depot.session, wire.settings, contact, News.WISH, uid=UUID(int=number), at=clock.now())
    depot.session.commit()
    jobs.deliver_mail(depot.session, wire.settings)
    english, spanish = (message_from_bytes(mail, policy=policy.SMTP).get_content() for mail in wire.mails)  # type: ignore[attr-defined]
    assert english.strip().endswith(HOME) and spanish.strip().endswith(f"{HOME}/es")


def test_a_provider_that_is_busy_is_told_of_after_an_hour(depot: Depot, wire: Wire) -> None:
    depot.user("admin").email = "admin@example.org"
    order = depot.request(phone=PHONE)
    telling.tell(depot.session, wire.settings, Contact(phone=PHONE), News.REPLY, uid=order.uid, at=clock.now())
    depot.session.commit()
    wire.texts.answer, start = 429, clock.now()
    for minutes, told in ((0, 0), (30, 0), (70, 1), (200, 1)):
        with clock.at(start + timedelta(minutes=minutes)):
            jobs.deliver_mail(depot.session, replace(wire.settings, smtp_host=""))
        mails = select(func.count(Message.id)).where(Message.to != "", Message.channel == "mail")
        assert depot.session.scalar(mails) == told, minutes


def test_a_box_that_somebody_else_put_there_is_never_opened(
    depot: Depot, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever can write the database seals one with the public key, or moves one of ours to another channel."""
    depot.user("admin").email = "admin@example.org"
    orders = [depot.request(phone=PHONE) for _ in range(3)]
    for order in orders:
        telling.tell(depot.session, wire.settings, Contact(phone=PHONE), News.REPLY, uid=order.uid, at=clock.now())
    depot.session.flush()
    forged = words.seal(
        wire.settings, orders[0].uid, {"to": "+19005550100", "subject": "x", "body": "x"}, clock.today()
    )
    theirs = update(Message).where(Message.uid == orders[0].uid).values(sealed=forged.box)
    moved = update(Message).where(Message.uid == orders[1].uid).values(channel="mail")
    depot.session.execute(theirs)
    depot.session.execute(moved)
    depot.session.commit()
    opened: list[object] = []
    real = identity.open_words

    def seen(keys: identity.Keys, box: words.Words) -> dict[str, Any]:
        opened.append(box.uid)
        return real(keys, box)

    monkeypatch.setattr(identity, "open_words", seen)
    changed = replace(wire.settings, secret_key="after", secret_key_old=wire.settings.secret_key)  # still believed
    jobs.deliver_mail(depot.session, changed)
    jobs.deliver_mail(depot.session, changed)
    assert opened == [orders[2].uid] and len(wire.kept) == 1
    dropped = select(AuditEntry.actor, AuditEntry.reason).where(AuditEntry.action == "forged message")
    assert [tuple(row) for row in depot.session.execute(dropped)] == [("system", "dropped")] * 2
    assert len(wire.mails) == 1 and b"forged message was dropped" in wire.mails[0]
    assert depot.session.scalar(select(func.count(Message.id)).where(Message.uid.is_not(None))) == 0


def test_a_contact_with_a_line_break_adds_no_header(depot: Depot, wire: Wire) -> None:
    order = depot.request()
    crooked = Contact(email=f"{EMAIL}\nBcc: other@example.org")
    telling.tell(depot.session, wire.settings, crooked, News.REPLY, uid=order.uid, at=clock.now())
    depot.session.commit()
    jobs.deliver_mail(depot.session, wire.settings)
    assert wire.mails == [] and waiting(depot.session) == 1


def test_all_are_told_in_the_hour_whoever_left_no_way_and_whose_box_is_broken(
    depot: Depot, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_news, "PAGE", 2)
    depot.shelve(quantity=1)
    broken, *_nobody = [depot.request() for _ in range(5)]
    orders = [broken, *_nobody, *(depot.request(email=EMAIL) for _ in range(5))]
    for order in orders:
        order.status, order.news = Status.WAITING, News.WAITING
    depot.session.commit()
    depot.session.execute(update(Order).where(Order.id == broken.id).values(news="nonsense"))
    orders[-1].news = News.RECALL  # without a notice: nothing to tell
    depot.session.commit()
    assert post(depot, wire.settings) == 4
    assert {order.news for order in orders[1:]} == {""}


def test_what_matters_more_is_not_written_over(app: Flask, depot: Depot, client: FlaskClient) -> None:
    depot.shelve()
    order, other = depot.allocated(email=EMAIL), depot.allocated(email=EMAIL)
    moves = [(News.RECALL, order), (News.REPLY, other)]
    for news, one in moves:
        telling.note(depot.session, one, news)
        workflow.move(depot.session, one, Status.WAITING)
        telling.note(depot.session, one, News.RESENT)
    assert (order.news, other.news) == ("recall", "reply"), "neither the wait nor another parcel"
    depot.session.commit()
    sign_in(client, "manager")
    token = client.get(f"/letters/{order.number}").text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    client.post(f"/letters/{order.number}", data={"text": "hello", "csrf_token": token})
    depot.settle()
    ship(depot, order)
    ship(depot, other)
    assert (order.news, other.news) == ("recall", "shipped")
    last = depot.request(email=EMAIL)
    telling.note(depot.session, last, News.RECALL)
    workflow.cancel(depot.session, last, by="participant", at=clock.now())
    assert last.news == "recall", "an earlier parcel of theirs is recalled"
    control = depot.request(email=EMAIL)
    telling.note(depot.session, control, News.WAITING)
    workflow.cancel(depot.session, control, by="participant", at=clock.now())
    assert control.news == ""


def test_past_orders_cost_nothing(depot: Depot) -> None:
    """The partial index answers, however many orders have no news."""
    depot.session.commit()
    statements: list[str] = []
    bound = depot.session.get_bind()
    query = order_news.query_of(News.SHIPPED, after=0)
    compiled = str(query.compile(bound, compile_kwargs={"literal_binds": True}))
    dialect = bound.dialect.name
    if dialect == "postgresql":
        depot.session.execute(text("SET LOCAL enable_seqscan = off"))
        # An empty table may as well be read by id, so the order is left out.
        compiled = compiled.partition("ORDER BY")[0].replace("AND orders.id > 0", "")
    explain = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN "
    statements = [str(row) for row in depot.session.execute(text(explain + compiled))]
    assert "ix_orders_news" in " ".join(statements), statements


def test_pages_offer_what_can_be_sent_and_no_more(app: Flask, depot: Depot, client: FlaskClient) -> None:
    depot.session.commit()
    for smtp, sms, ways in (("mail.example.org", "", {"email"}), ("", "twilio", {"phone"}), ("", "", set[str]())):
        app.config["SETTINGS"] = replace(depot.settings, smtp_host=smtp, sms_provider=sms)
        page = client.post("/contact", data=filled(client)).text
        offered = set(re.findall(r'name="contact" value="(\w+)"', page))
        assert offered == {"none"} | ways

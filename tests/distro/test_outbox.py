"""Mail leaves after the commit, survives a dead server, and gives up loudly; through a real SMTP server."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from smtplib import SMTPNotSupportedError
from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock, delivery, jobs, outbox
from distro.config import Settings
from distro.demo import free_port
from distro.errors import SettingWrong
from distro.outbox import Mail, Message


class Inbox:
    """A server on loopback that keeps what it gets, or refuses it."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.refuse = False

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        if self.refuse:
            return "451 try later"
        self.mails.append((envelope.original_content or b"").decode())
        return "250 OK"


@pytest.fixture
def inbox(settings: Settings) -> Iterator[tuple[Inbox, Settings]]:
    box, port = Inbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield box, replace(settings, smtp_host="127.0.0.1", smtp_port=port)
    server.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SSLContext:
    """A server's certificate for 127.0.0.1, which this process trusts."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, SHA256())
    )
    plain = PrivateFormat.PKCS8, NoEncryption()
    (tmp_path / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, *plain))
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    return context


@pytest.mark.parametrize(
    ("how", "offers", "leaves"),
    [("starttls", True, True), ("starttls", False, False), ("tls", False, False), ("none", False, True)],
)
def test_mail_leaves_by_tls_or_not_at_all(
    settings: Settings, certificate: SSLContext, how: str, offers: bool, leaves: bool
) -> None:
    box, port = Inbox(), free_port()
    server = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=certificate if offers else None, require_starttls=offers
    )
    server.start()
    try:
        problem = outbox.send(
            replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_tls=how), Mail("a@example.org", "s", "b")
        )
    finally:
        server.stop()
    assert ((problem is None), len(box.mails)) == (leaves, int(leaves)), problem


def test_mail_does_not_leave_to_a_server_that_proves_nothing(
    settings: Settings, certificate: SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = Inbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port, tls_context=certificate, require_starttls=True)
    server.start()
    here = replace(settings, smtp_host="127.0.0.1", smtp_port=port, smtp_tls="starttls")
    try:
        assert outbox.send(here, Mail("a@example.org", "s", "b")) is None, "control"
        monkeypatch.delenv("SSL_CERT_FILE")
        assert isinstance(outbox.send(here, Mail("a@example.org", "s", "b")), SSLError)
    finally:
        server.stop()
    assert len(box.mails) == 1


def test_tls_is_asked_for_unless_the_server_is_on_this_machine(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    box, port = Inbox(), free_port()
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    try:
        here = replace(settings, smtp_host="127.0.0.1", smtp_port=port)
        assert outbox.send(here, Mail("a@example.org", "s", "b")) is None
        monkeypatch.setattr(outbox, "LOOPBACK", ())  # as if it were elsewhere
        assert isinstance(outbox.send(here, Mail("a@example.org", "s", "b")), SMTPNotSupportedError)
    finally:
        server.stop()
    with pytest.raises(SettingWrong, match="SMTP_TLS"):
        Settings.from_env({"SMTP_TLS": "maybe"}, instance=settings.instance)


def post(session: Session, to: str = "manager@example.org") -> Message:
    outbox.post(session, to=to, subject="Reorder", body="Order 10 now.\n", at=clock.now())
    session.commit()
    return session.scalars(select(Message).order_by(Message.id.desc()).limit(1)).one()


def test_it_is_sent_once_and_its_body_goes(session: Session, inbox: tuple[Inbox, Settings]) -> None:
    box, settings = inbox
    message = post(session)
    assert outbox.due(session, clock.now()) == [message.id]
    jobs.deliver_mail(session, settings)
    jobs.deliver_mail(session, settings)
    assert outbox.claim(session, message.id, clock.now()) is None
    assert len(box.mails) == 1 and "Order 10 now." in box.mails[0] and "Subject: Reorder" in box.mails[0]
    assert message.body == "" and outbox.due(session, clock.now()) == []


def test_a_server_that_is_down_costs_time_and_not_the_message(session: Session, settings: Settings) -> None:
    down = replace(settings, smtp_host="127.0.0.1", smtp_port=free_port())
    message = post(session)
    jobs.deliver_mail(session, down)
    assert message.problem == "ConnectionRefusedError" and outbox.stuck(session) == [message]
    assert outbox.due(session, clock.now()) == []
    assert outbox.due(session, clock.now() + timedelta(minutes=3)) == [message.id]


def test_one_the_server_refuses_is_tried_later_and_given_up_in_the_end(
    session: Session, inbox: tuple[Inbox, Settings]
) -> None:
    box, settings = inbox
    box.refuse = True
    message, now = post(session), clock.now()
    for _ in range(outbox.GIVE_UP_AFTER):
        with clock.at(now):
            jobs.deliver_mail(session, settings)
        now += timedelta(hours=7)
    assert (message.due_at, message.sent_at, message.tries) == (None, None, outbox.GIVE_UP_AFTER)
    assert outbox.stuck(session) == [message]


def test_nothing_is_sent_for_what_was_rolled_back(app: Flask, session: Session) -> None:
    outbox.post(session, to="manager@example.org", subject="Reorder", body="x", at=clock.now())
    session.rollback()
    assert outbox.due(session, clock.now()) == []


def test_while_the_mail_server_is_silent_others_write(app: Flask, session: Session, settings: Settings) -> None:
    message = post(session)
    session.commit()  # the test's own reading must not hold the database
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as scheduler:
        server.settimeout(30)
        silent = replace(settings, smtp_host="127.0.0.1", smtp_port=server.getsockname()[1])
        run = scheduler.submit(jobs.run_once, app, silent, jobs.deliver_mail)
        connection, _address = server.accept()  # the job waits for our greeting from here on
        other = post(session, "second@example.org")
        session.commit()
        assert not run.done()
        connection.close()
        run.result()
    session.expire_all()
    assert (message.tries, message.problem, message.sent_at) == (1, "SMTPServerDisconnected", None)
    assert outbox.due(session, clock.now()) == [other.id]


def test_a_mail_server_that_says_a_letter_a_moment_is_not_waited_for(
    session: Session, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "TOTAL_S", 0.5)
    message, over = post(session), threading.Event()
    session.commit()

    def dribble(server: socket.socket) -> None:
        connection, _address = server.accept()
        with connection:
            connection.sendall(b"220-")
            while not over.wait(0.05):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as server:
        speaker = threading.Thread(target=dribble, args=(server,), daemon=True)
        speaker.start()
        began = time.monotonic()
        jobs.deliver_mail(session, replace(settings, smtp_host="127.0.0.1", smtp_port=server.getsockname()[1]))
        assert time.monotonic() - began < 3 and message.problem == "TimeoutError"
        over.set()
        speaker.join()


def test_a_slow_server_ends_the_run_and_not_the_rest_of_the_mails(
    session: Session, inbox: tuple[Inbox, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, settings = inbox
    for _ in range(4):
        post(session)
    monkeypatch.setattr(delivery, "BUDGET_S", 0.3)
    real = outbox.send

    def slow(*arguments: Any) -> Exception | None:
        time.sleep(0.2)
        return real(*arguments)

    monkeypatch.setattr(outbox, "send", slow)
    jobs.deliver_mail(session, settings)
    assert 0 < len(box.mails) < 4
    jobs.deliver_mail(session, settings)
    jobs.deliver_mail(session, settings)
    assert len(box.mails) == 4


def test_an_address_that_cannot_be_one_does_not_stop_the_others(
    session: Session, inbox: tuple[Inbox, Settings]
) -> None:
    box, settings = inbox
    bad, good = post(session, "manager\n@example.org"), post(session)
    jobs.deliver_mail(session, settings)
    assert (bad.problem, bad.sent_at, bad.tries) == ("ValueError", None, 1)
    assert good.sent_at is not None and len(box.mails) == 1


def test_one_refused_recipient_does_not_stop_the_others(session: Session, inbox: tuple[Inbox, Settings]) -> None:
    box, settings = inbox
    box.refuse = True
    messages = [post(session), post(session)]
    jobs.deliver_mail(session, settings)
    assert [message.problem for message in messages] == ["SMTPDataError"] * 2


def test_a_server_that_is_away_is_asked_once_a_run(session: Session, settings: Settings) -> None:
    first, second = post(session), post(session)
    jobs.deliver_mail(session, replace(settings, smtp_host="127.0.0.1", smtp_port=free_port()))
    assert (first.tries, second.tries) == (1, 0)


def test_after_a_crash_between_claim_and_record_it_is_sent_again(
    session: Session, inbox: tuple[Inbox, Settings]
) -> None:
    box, settings = inbox
    message = post(session)
    assert outbox.claim(session, message.id, clock.now()) is not None
    session.commit()
    jobs.deliver_mail(session, settings)
    assert box.mails == []
    with clock.at(clock.now() + outbox.CLAIM_LIVES):
        jobs.deliver_mail(session, settings)
    assert len(box.mails) == 1 and message.sent_at is not None


def test_a_failure_heard_late_does_not_send_again_what_has_left(
    session: Session, inbox: tuple[Inbox, Settings]
) -> None:
    message = post(session)
    jobs.deliver_mail(session, inbox[1])
    outbox.record(session, message.id, TimeoutError(), clock.now())
    session.commit()
    assert message.due_at is None and message.problem == ""

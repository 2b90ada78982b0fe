"""Mail leaves after the commit, survives a dead server, and gives up loudly; through a real SMTP server."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock, outbox
from distro.config import Settings
from distro.demo import free_port
from distro.outbox import Message


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


def post(session: Session) -> Message:
    outbox.post(session, to="manager@example.org", subject="Reorder", body="Order 10 now.\n", at=clock.now())
    session.commit()
    return session.scalars(select(Message)).one()


def test_it_is_sent_once_and_its_body_goes(session: Session, inbox: tuple[Inbox, Settings]) -> None:
    box, settings = inbox
    message = post(session)
    assert outbox.due(session, clock.now()) == [message.id]
    assert outbox.deliver(session, settings, message.id, clock.now())
    session.commit()
    assert not outbox.deliver(session, settings, message.id, clock.now())
    assert len(box.mails) == 1 and "Order 10 now." in box.mails[0] and "Subject: Reorder" in box.mails[0]
    assert message.body == "" and outbox.due(session, clock.now()) == []


def test_a_server_that_is_down_costs_time_and_not_the_message(session: Session, settings: Settings) -> None:
    down = replace(settings, smtp_host="127.0.0.1", smtp_port=free_port())
    message = post(session)
    assert not outbox.deliver(session, down, message.id, clock.now())
    session.commit()
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
        outbox.deliver(session, settings, message.id, now)
        now += timedelta(hours=7)
    session.commit()
    assert (message.due_at, message.sent_at, message.tries) == (None, None, outbox.GIVE_UP_AFTER)
    assert outbox.stuck(session) == [message]


def test_nothing_is_sent_for_what_was_rolled_back(app: Flask, session: Session) -> None:
    outbox.post(session, to="manager@example.org", subject="Reorder", body="x", at=clock.now())
    session.rollback()
    assert outbox.due(session, clock.now()) == []

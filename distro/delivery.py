"""Sending what is in the outbox, to staff and to participants."""

import time
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distro import audit, clock, outbox, slots
from distro.accounts import admins
from distro.config import Settings
from distro.keys.sealing import SealBroken
from distro.outbox import BoxForged
from distro.texting import ProviderRefuses
from orders import identity
from orders.identity import Keys
from orders.intake import PersonUnreadable
from orders.words import Words

BUDGET_S = 5  # seconds of a run; the other jobs wait for it
PATIENCE = timedelta(hours=1)  # a provider may be away so long before anybody is told
FORGED = "forged message"  # the action in the record


def deliver_mail(session: Session, settings: Settings) -> None:
    """Send what is due. No transaction is open while a mail server or a provider of text messages is spoken to.

    After `BUDGET_S` no other is begun: the next run goes on.
    """
    began, away = time.monotonic(), set[str]()
    for message_id in outbox.due(session, clock.now()):
        if time.monotonic() - began > BUDGET_S:
            break
        tried = clock.now()
        message = outbox.claim(session, message_id, tried, away=away)
        session.commit()
        if message is None:
            continue
        problem = outbox.send(settings, message, opener(settings))
        outbox.record(session, message_id, problem, clock.now())
        if outbox.is_away(problem):
            away.add(message.channel)
            outbox.rest(session, message.channel, tried)
            _tell_away(session, message.channel, problem, clock.now())
        if isinstance(problem, BoxForged):
            _tell_forged(session, message_id, clock.now())
        session.commit()
    session.commit()


def _tell_away(session: Session, channel: str, problem: Exception | None, at: datetime) -> None:
    """Write the admins once a day that no text message leaves: at once if it is not for passing, else after a while."""
    if channel != outbox.TEXT:  # nor would this mail
        return
    if not (isinstance(problem, ProviderRefuses) or outbox.waits(session, channel, at - PATIENCE)):
        return
    if slots.claim(session, "text messages away", slots.slot_of(at, clock.DAY)):
        body = (
            "The provider of text messages takes none from us just now. They wait, for two weeks at most, and leave by "
            "themselves once it does.\n\n"
            "Look at the account there, and at the settings that begin with SMS_. docs/messages.md has them.\n"
        )
        admins.tell(session, subject="Text messages do not leave", body=body, at=at)


def _tell_forged(session: Session, message_id: int, at: datetime) -> None:
    """A line in the record for each, and one mail a day."""
    subject = f"MESSAGE-{message_id}"
    audit.record(session, actor="system", action=FORGED, subject=subject, reason="dropped", at=at)
    if slots.claim(session, FORGED, slots.slot_of(at, clock.DAY)):
        body = (
            "Somebody put a message to a participant into the database, or changed one. It was not sent. Perhaps it is "
            "not the only one.\n\n"
            "Look who can write to the database, and see the audit record (`forged message`). docs/keys.md has the "
            "steps, under Tampering.\n"
        )
        admins.tell(session, subject="A forged message was dropped", body=body, at=at)


def opener(settings: Settings) -> outbox.Opener:
    """What opens a message to a participant, right before it is sent."""
    keys = Keys.of(settings)

    def opened(box: outbox.Box) -> dict[str, str]:
        try:
            return identity.open_words(keys, Words(box.uid, box.epoch, box.sealed))
        except (SealBroken, PersonUnreadable):
            raise outbox.BoxUnreadable from None

    return opened

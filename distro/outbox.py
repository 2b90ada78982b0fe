"""Messages written in the transaction of what they tell, and delivered afterwards by a job.

Those to staff lie open until they have left. Those to participants are sealed boxes: whoever delivers them brings what
opens one, which is done right before it is sent, and nothing is left of it afterwards.

Length: all that can become of a message, of either kind, stands in one place.
"""

import hashlib
import hmac
import secrets
import smtplib
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, parseaddr
from itertools import chain, zip_longest
from uuid import UUID

from sqlalchemy import LargeBinary, String, Text, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro import clock, deadline, texting
from distro.config import LOOPBACK, Settings
from distro.db import Base
from distro.errors import Refusal

GIVE_UP_AFTER = 12  # tries; with the waits below that is about a day and a half
CLAIM_LIVES = timedelta(minutes=5)  # much longer than a mail takes
TIMEOUT_S = 10  # how long the mail server may be silent
TOTAL_S = 10  # and how long it may take for all of one mail
REST = timedelta(minutes=1)  # for a channel that is away
_LONGEST_WAIT = timedelta(hours=6)
MAIL, TEXT = "mail", "text"  # channels
KEEP_BOX = timedelta(days=14)  # a participant's message that does not leave; its key may go then
AT_ONCE = 50  # messages of a channel in one run
_CLAIMED = ("to", "subject", "body", "channel", "uid", "epoch", "sealed", "proof")
_SMTP_AWAY = (  # the server, or what we were told of it, and not one mail
    *(smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, smtplib.SMTPHeloError),
    smtplib.SMTPNotSupportedError,  # no STARTTLS
)


class Message(Base):
    """One mail to staff, or a message to a participant. The text goes when it was sent.

    Of one to a participant the row holds a sealed box alone, bound to `uid`: where it goes, and what it says.
    """

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(primary_key=True)
    to: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None] = mapped_column(index=True)  # None: sent, or given up
    sent_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(String(200), default="")
    channel: Mapped[str] = mapped_column(String(4), default="mail")  # mail, text
    uid: Mapped[UUID | None]
    epoch: Mapped[str] = mapped_column(String(12), default="")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    proof: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # that we wrote the box


class BoxUnreadable(Refusal):
    """The box of a message does not open, or does not hold what one holds: it can never be sent."""

    sentence = "A message to a participant could not be opened. It is given up."


class BoxForged(BoxUnreadable):
    """Somebody else put it there: with the public key anybody can seal a box. It is dropped, and was never opened."""


@dataclass(frozen=True)
class Mail:
    """What is sent of a message to staff."""

    to: str
    subject: str
    body: str
    channel: str = MAIL


@dataclass(frozen=True)
class Box:
    """A message to a participant, before it is opened."""

    channel: str
    uid: UUID
    epoch: str
    sealed: bytes
    proof: bytes


Opener = Callable[[Box], Mapping[str, str]]  # raises BoxUnreadable if nobody ever can; anything else: not now
HOPELESS = (BoxUnreadable, texting.TextRefused)  # tried no more


def post(session: Session, *, to: str, subject: str, body: str, at: datetime) -> None:
    """Put a message in the outbox; it leaves after the caller commits."""
    session.add(Message(to=to, subject=subject, body=body, created_at=at, due_at=at))


def post_box(
    session: Session, *, channel: str, uid: UUID, epoch: str, sealed: bytes, secret: str, at: datetime
) -> None:
    """The same for a participant: a box with {"to", "subject", "body"}, bound to `uid`. Only sending it opens it.

    `secret` is SECRET_KEY, under which it is proven to be ours.
    """
    proof = proof_of(secret, channel, uid, epoch, sealed)
    nothing = {"to": "", "subject": "", "body": "", "created_at": at, "due_at": at}
    session.add(Message(**nothing, channel=channel, uid=uid, epoch=epoch, sealed=sealed, proof=proof))


def proof_of(secret: str, channel: str, uid: UUID, epoch: str, sealed: bytes) -> bytes:
    """What `Message.proof` has to be, 32 bytes. Whoever can write the database but has no secret cannot make it."""
    told = b"\0".join([channel.encode(), uid.bytes, epoch.encode(), hashlib.sha256(sealed).digest()])
    return hmac.digest(secret.encode(), b"outbox proof\0" + told, hashlib.sha256)


def due(session: Session, at: datetime) -> list[int]:
    """Ids of the messages to try now, oldest first; of each channel in turn, so that none holds up the other."""
    found: list[list[int]] = []
    for channel in (MAIL, TEXT):
        query = select(Message.id).where(Message.due_at <= at, Message.channel == channel)
        found.append(list(session.scalars(query.order_by(Message.due_at, Message.id).limit(AT_ONCE))))
    return [one for one in chain.from_iterable(zip_longest(*found)) if one is not None]


def rest(session: Session, channel: str, at: datetime) -> None:
    """Leave what is due in a channel that is away for `REST`: each try would cost the other jobs a timeout."""
    session.execute(
        update(Message)
        .where(Message.channel == channel, Message.due_at <= at)
        .values(due_at=at + REST)
        .execution_options(synchronize_session=False)
    )


def waits(session: Session, channel: str, since: datetime) -> bool:
    """Whether one to a participant that was tried waits in a channel since before an instant."""
    query = select(Message.id).where(Message.channel == channel, Message.uid.is_not(None), Message.tries > 0)
    query = query.where(Message.created_at < since, Message.due_at.is_not(None))
    return session.scalar(query.limit(1)) is not None


def claim(session: Session, message_id: int, at: datetime, *, away: Collection[str] = ()) -> Mail | Box | None:
    """Take a message to send it; None if it is not due, or somebody else has it. Commit this, then `send`.

    Those of the channels that are `away` are left. Two schedulers do not send one twice. The claim runs out: after a
    crash before `record` it is sent again, which is the safe side.
    """
    row = session.execute(
        update(Message)
        .where(Message.id == message_id, Message.due_at <= at, Message.channel.not_in(away))
        .values(due_at=at + CLAIM_LIVES, tries=Message.tries + 1)
        .returning(*(getattr(Message, name) for name in _CLAIMED))
        .execution_options(synchronize_session=False)
    ).first()
    if row is None:
        return None
    if row.uid is None:
        return Mail(row.to, row.subject, row.body, row.channel)
    return Box(row.channel, row.uid, row.epoch, row.sealed or b"", row.proof or b"")


def send(settings: Settings, message: Mail | Box, opener: Opener | None = None) -> Exception | None:
    """Try to send one; gives back what went wrong, None if it left. Call it with no transaction open."""
    try:
        if isinstance(message, Mail):
            _post(settings, _letter(settings.mail_from, message.to, message.subject, message.body))
        else:
            _send_opened(settings, message.channel, _opened(settings, message, opener))
    except Exception as problem:  # also an address that no header can hold: the next mail must leave nevertheless
        return problem
    return None


def _opened(settings: Settings, box: Box, opener: Opener | None) -> Mapping[str, str]:
    """What a box holds. Raises BoxUnreadable without a word of it, and BoxForged before it is opened."""
    told = (box.channel, box.uid, box.epoch, box.sealed)
    if not any(hmac.compare_digest(box.proof, proof_of(secret, *told)) for secret in settings.secrets):
        raise BoxForged
    said = opener(box) if opener else {}
    if not all(isinstance(said.get(name), str) for name in ("to", "subject", "body")):
        raise BoxUnreadable
    return said


def _send_opened(settings: Settings, channel: str, said: Mapping[str, str]) -> None:
    if channel == TEXT:
        texting.send(settings, said["to"], said["body"])
        return
    name, address = parseaddr(settings.participant_mail_from or settings.mail_from)
    if not settings.participant_mail_from:
        name = ""  # staff know who we are; who stands beside a participant need not
    letter = _letter(formataddr((name or said["subject"], address)), said["to"], said["subject"], said["body"])
    domain = address.rpartition("@")[2] or "localhost"
    letter["Date"] = format_datetime(clock.now())
    letter["Message-ID"] = f"<{secrets.token_hex(16)}@{domain}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answer from a machine
    _post(settings, letter, hello=domain)


def _letter(sender: str, to: str, subject: str, body: str) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = sender, to, subject
    letter.set_content(body)
    return letter


def _post(settings: Settings, letter: EmailMessage, *, hello: str | None = None) -> None:
    """Hand a mail to SMTP_HOST. `hello`: what we call ourselves there, instead of this machine's name."""
    if not settings.smtp_host:
        raise OSError("SMTP_HOST is not set")

    def hand_over() -> None:
        with _server(settings, hello) as server:
            server.send_message(letter)

    deadline.within(TOTAL_S, hand_over)


def _server(settings: Settings, hello: str | None = None) -> smtplib.SMTP:
    """A connection to SMTP_HOST, by TLS that proves it. Raises SMTPException or OSError, before anything was said."""
    host, port, how = settings.smtp_host, settings.smtp_port, settings.smtp_tls
    if not how:
        how = "none" if host in LOOPBACK else "starttls"
    if how == "tls":
        return smtplib.SMTP_SSL(
            host, port, local_hostname=hello, timeout=TIMEOUT_S, context=ssl.create_default_context()
        )
    server = smtplib.SMTP(host, port, local_hostname=hello, timeout=TIMEOUT_S)
    try:
        if how == "starttls":
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def record(session: Session, message_id: int, problem: Exception | None, at: datetime) -> None:
    """Note that a claimed message left, or what went wrong: then it is tried later, and given up in the end.

    One to a participant is forgotten once it left, and its box once it is given up. While its channel is away it is
    not given up, but goes with the others of its age.
    """
    message = session.get(Message, message_id, populate_existing=True)
    if message is None:  # its person erased it meanwhile
        return
    if isinstance(problem, BoxForged) or (problem is None and message.uid is not None):
        session.delete(message)
    elif problem is None:
        message.sent_at, message.due_at, message.problem, message.body = at, None, "", ""
    elif message.sent_at is None:
        message.problem = type(problem).__name__
        too_often = message.tries >= GIVE_UP_AFTER and not (message.uid is not None and is_away(problem))
        gives_up = too_often or isinstance(problem, HOPELESS)
        message.due_at = None if gives_up else at + _wait(message.tries)
        message.sealed = None if gives_up else message.sealed


def is_away(problem: Exception | None) -> bool:
    """Whether the server itself cannot be reached, so that no other message of its channel would leave now either."""
    if isinstance(problem, smtplib.SMTPException):  # itself an OSError
        return isinstance(problem, _SMTP_AWAY)
    return isinstance(problem, OSError | texting.TextNotSent)


def stuck(session: Session) -> list[Message]:
    """Messages to staff given up, or tried without success so far: what a manager should see."""
    query = select(Message).where(Message.sent_at.is_(None), Message.tries > 0, Message.uid.is_(None))
    return list(session.scalars(query.order_by(Message.id)))


def stuck_boxes(session: Session) -> list[tuple[str, str, int]]:
    """The same of those to participants: channel, problem, and how many."""
    query = select(Message.channel, Message.problem, func.count()).where(Message.uid.is_not(None), Message.tries > 0)
    found = session.execute(query.group_by(Message.channel, Message.problem).order_by(Message.channel, Message.problem))
    return [(channel, problem, count) for channel, problem, count in found]


def forget_old(session: Session, before: datetime) -> None:
    """Give up what was written before an instant and never left, and empty its text."""
    session.execute(
        update(Message)
        .where(Message.sent_at.is_(None), Message.created_at < before, Message.body != "")
        .values(due_at=None, body="", problem="too old")
        .execution_options(synchronize_session=False)
    )


def forget_boxes(session: Session, at: datetime) -> None:
    """The same of messages to participants after `KEEP_BOX`; their rows go, since a manager can do nothing for them."""
    session.execute(
        delete(Message)
        .where(Message.uid.is_not(None), Message.created_at < at - KEEP_BOX)
        .execution_options(synchronize_session=False)
    )


def take_back(session: Session, uids: Collection[UUID]) -> None:
    """Drop what is about these rows and has not left yet: an address was erased."""
    session.execute(delete(Message).where(Message.uid.in_(uids)).execution_options(synchronize_session=False))


def _wait(tries: int) -> timedelta:
    return min(timedelta(minutes=2 ** min(tries, GIVE_UP_AFTER)), _LONGEST_WAIT)

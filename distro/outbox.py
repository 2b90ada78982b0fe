"""Messages written in the transaction of what they tell, and delivered afterwards by a job."""

import smtplib
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import String, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.config import Settings
from distro.db import Base

GIVE_UP_AFTER = 12  # tries; with the waits below that is about a day and a half
CLAIM_LIVES = timedelta(minutes=5)  # much longer than a mail takes
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT_S = 10  # how long the mail server may be silent
_LONGEST_WAIT = timedelta(hours=6)


class Message(Base):
    """One mail to staff. The body goes when it was sent."""

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


@dataclass(frozen=True)
class Mail:
    """What is sent of a message."""

    to: str
    subject: str
    body: str


def post(session: Session, *, to: str, subject: str, body: str, at: datetime) -> None:
    """Put a message in the outbox; it leaves after the caller commits."""
    session.add(Message(to=to, subject=subject, body=body, created_at=at, due_at=at))


def due(session: Session, at: datetime) -> list[int]:
    """Ids of the messages to try now, oldest first."""
    query = select(Message.id).where(Message.due_at <= at).order_by(Message.due_at).limit(50)
    return list(session.scalars(query))


def claim(session: Session, message_id: int, at: datetime) -> Mail | None:
    """Take a message to send it; None if it is not due, or somebody else has it. Commit this, then `send`.

    Two schedulers do not send it twice. The claim runs out: after a crash before `record` it is sent again, which is
    the safe side.
    """
    row = session.execute(
        update(Message)
        .where(Message.id == message_id, Message.due_at <= at)
        .values(due_at=at + CLAIM_LIVES, tries=Message.tries + 1)
        .returning(Message.to, Message.subject, Message.body)
        .execution_options(synchronize_session=False)
    ).first()
    return Mail(*row) if row else None


def send(settings: Settings, mail: Mail) -> Exception | None:
    """Try to send a mail by SMTP; gives back what went wrong, None if it left. Call it with no transaction open."""
    try:
        if not settings.smtp_host:
            raise OSError("SMTP_HOST is not set")
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = settings.mail_from, mail.to, mail.subject
        letter.set_content(mail.body)
        with _server(settings) as server:
            server.send_message(letter)
    except Exception as problem:  # also an address that no header can hold: the next mail must leave nevertheless
        return problem
    return None


def _server(settings: Settings) -> smtplib.SMTP:
    """A connection to SMTP_HOST, by TLS that proves it. Raises SMTPException or OSError, before anything was said."""
    host, port, how = settings.smtp_host, settings.smtp_port, settings.smtp_tls
    if not how:
        how = "none" if host in LOOPBACK else "starttls"
    if how == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
    try:
        if how == "starttls":
            server.starttls(context=ssl.create_default_context())
    except BaseException:
        server.close()
        raise
    return server


def record(session: Session, message_id: int, problem: Exception | None, at: datetime) -> None:
    """Note that a claimed message left, or what went wrong: then it is tried later, and given up in the end."""
    message = session.get_one(Message, message_id, populate_existing=True)
    if problem is None:
        message.sent_at, message.due_at, message.problem, message.body = at, None, "", ""
    elif message.sent_at is None:
        message.problem = type(problem).__name__
        message.due_at = at + _wait(message.tries) if message.tries < GIVE_UP_AFTER else None


def is_away(problem: Exception | None) -> bool:
    """Whether the mail server itself cannot be reached, so that no other mail would leave now either."""
    if isinstance(problem, smtplib.SMTPException):  # itself an OSError
        return isinstance(problem, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError)
    return isinstance(problem, OSError)


def stuck(session: Session) -> list[Message]:
    """Messages given up, or tried without success so far: what a manager should see."""
    query = select(Message).where(Message.sent_at.is_(None), Message.tries > 0).order_by(Message.id)
    return list(session.scalars(query))


def forget_old(session: Session, before: datetime) -> None:
    """Give up what was written before an instant and never left, and empty its text."""
    session.execute(
        update(Message)
        .where(Message.sent_at.is_(None), Message.created_at < before, Message.body != "")
        .values(due_at=None, body="", problem="too old")
        .execution_options(synchronize_session=False)
    )


def _wait(tries: int) -> timedelta:
    return min(timedelta(minutes=2**tries), _LONGEST_WAIT)

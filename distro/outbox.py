"""Messages written in the transaction of what they tell, and delivered afterwards by a job."""

import smtplib
from datetime import datetime, timedelta
from email.message import EmailMessage

from sqlalchemy import String, Text, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from distro.config import Settings
from distro.db import Base

GIVE_UP_AFTER = 12  # tries; with the waits below that is about a day and a half
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


def post(session: Session, *, to: str, subject: str, body: str, at: datetime) -> None:
    """Put a message in the outbox; it leaves after the caller commits."""
    session.add(Message(to=to, subject=subject, body=body, created_at=at, due_at=at))


def due(session: Session, at: datetime) -> list[int]:
    """Ids of the messages to try now, oldest first."""
    query = select(Message.id).where(Message.due_at <= at).order_by(Message.due_at).limit(50)
    return list(session.scalars(query))


def deliver(session: Session, settings: Settings, message_id: int, at: datetime) -> bool:
    """Try to send one message by SMTP; True if it left. The caller commits after each.

    The row is claimed first, so two schedulers do not send it twice; a crash between sending and commit
    sends it again, which is the safe side. A server that is down costs a later try, never the message.
    """
    claimed = session.scalar(
        update(Message)
        .where(Message.id == message_id, Message.due_at <= at)
        .values(due_at=at + _wait(0), tries=Message.tries + 1)
        .returning(Message.id)
    )
    if claimed is None:
        return False
    message = session.get_one(Message, message_id, populate_existing=True)
    try:
        _send(settings, message)
    except (OSError, smtplib.SMTPException) as problem:
        message.problem = type(problem).__name__
        message.due_at = at + _wait(message.tries) if message.tries < GIVE_UP_AFTER else None
        return False
    message.sent_at, message.due_at, message.problem, message.body = at, None, "", ""
    return True


def stuck(session: Session) -> list[Message]:
    """Messages given up, or tried without success so far: what a manager should see."""
    query = select(Message).where(Message.sent_at.is_(None), Message.tries > 0).order_by(Message.id)
    return list(session.scalars(query))


def _wait(tries: int) -> timedelta:
    return min(timedelta(minutes=2**tries), _LONGEST_WAIT)


def _send(settings: Settings, message: Message) -> None:
    if not settings.smtp_host:
        raise OSError("SMTP_HOST is not set")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings.mail_from, message.to, message.subject
    mail.set_content(message.body)
    with smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=10) as server:
        server.send_message(mail)

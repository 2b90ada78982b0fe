"""The demo's local mailbox: what its mail server caught, so that nobody needs a real one to see the messages."""

from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, render_template

from distro.auth import Role, guard
from distro.config import current_settings

SHOWN = 100

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
guard(blueprint, *Role)


@dataclass(frozen=True)
class Mail:
    """A caught message."""

    to: str
    subject: str
    sent: str
    body: str


@blueprint.get("")
def messages() -> str:
    """Show the newest messages."""
    files = sorted(current_settings().mailbox.glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    return render_template("mailbox/messages.html", mails=[read_mail(path) for path in files[:SHOWN]], total=len(files))


def read_mail(path: Path) -> Mail:
    """Read one message file."""
    mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    part = mail.get_body(("plain",))
    body = part.get_content() if part is not None else ""
    return Mail(str(mail["To"] or ""), str(mail["Subject"] or ""), str(mail["Date"] or ""), body)

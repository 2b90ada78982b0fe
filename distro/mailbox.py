"""The demo's local mailbox: the mails and text messages it caught, and what the phones of its staff would show.

So nobody needs a mail server, a provider of texts or an authenticator app to try Distro. Only a demo has this page; it
reads the file of
accounts that the demo wrote, and nothing in signing in knows of it.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pyotp
from flask import Blueprint, render_template

from distro import clock
from distro.accounts.secondfactor import STEP
from distro.auth import open_to_all
from distro.config import current_settings

SHOWN = 100

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
open_to_all(blueprint)


@dataclass(frozen=True)
class Mail:
    """A caught message."""

    to: str
    subject: str
    sent: str
    body: str


@dataclass(frozen=True)
class Phone:
    """What one account's authenticator app shows."""

    username: str
    code: str


@blueprint.get("")
def messages() -> str:
    """Show the staff's codes and the newest messages."""
    settings, now = current_settings(), clock.now()
    files = sorted(settings.mailbox.glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    return render_template(
        "mailbox/messages.html",
        mails=[read_mail(path) for path in files[:SHOWN]],
        total=len(files),
        phones=phones(settings.instance / "demo-accounts.json", now),
        seconds=STEP - int(now.timestamp()) % STEP,
    )


def phones(accounts: Path, at: datetime) -> list[Phone]:
    """The code of each account that has a second factor; none if this demo has no accounts yet."""
    rows = json.loads(accounts.read_text()) if accounts.exists() else []
    return [Phone(row["username"], pyotp.TOTP(row["totp_secret"]).at(at)) for row in rows if row["totp_secret"]]


def read_mail(path: Path) -> Mail:
    """Read one message file."""
    mail = message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)
    part = mail.get_body(("plain",))
    body = part.get_content() if part is not None else ""
    return Mail(str(mail["To"] or ""), str(mail["Subject"] or ""), str(mail["Date"] or ""), body)

"""`make demo`: an instance with a made-up depot and twelve weeks behind it, and everything running."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import click
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope

from distro import clock, demo_weeks, schema, slots, textcatcher
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.errors import Refusal
from distro.files import write_durably
from distro.textcatcher import TextCatcher

MARK = "demo-instance"  # a file that says the demo made this directory, so RESET may delete it
Parts = dict[str, "subprocess.Popen[bytes]"]


class NotADemo(Refusal):
    """RESET would delete a directory the demo did not make."""

    sentence = "%(path)s is not a demo instance, so it is not deleted. Choose another INSTANCE."


class PartStopped(Refusal):
    """A part of the demo stopped."""

    sentence = "The demo's %(part)s stopped. Is port %(port)s in use? Try: make demo PORT=%(next)s"


def run(instance: Path, *, port: int, reset: bool) -> None:
    """Make the instance if it is new, start mailbox, web and scheduler, say when they are ready, wait for Ctrl-C."""
    accounts = instance / "demo-accounts.json"
    if instance.exists() and (reset or not accounts.exists()):
        _clear(instance)
    instance.mkdir(parents=True, exist_ok=True, mode=0o700)
    (instance / MARK).touch()
    settings = Settings.from_env(instance=instance, demo=True)
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context():
        if not accounts.exists():
            demo_weeks.make(db.session(), settings)
    mail_port = free_port()
    mail = Controller(_EmlFolder(settings.mailbox), hostname="127.0.0.1", port=mail_port)
    mail.start()
    texts = TextCatcher(lambda to, body: _keep_text(settings.mailbox, to, body))
    texts.start()
    environment = os.environ | {
        "DISTRO_INSTANCE": str(instance),
        "DISTRO_DEMO": "1",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",  # for the links in messages
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_port),
        "SMS_PROVIDER": "twilio",
        "SMS_URL": texts.url,
        "SMS_ACCOUNT": textcatcher.ACCOUNT,
        "SMS_SECRET": textcatcher.SECRET,
        "SMS_FROM": textcatcher.SENDER,
    }
    command = [sys.executable, "-m", "distro"]
    parts = {
        name: subprocess.Popen([*command, *words], env=environment, start_new_session=True)  # Ctrl-C is for us alone
        for name, words in (("web", ["serve", "--port", str(port)]), ("scheduler", ["scheduler"]))
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us with it ignored
    try:
        _wait_until_ready(settings, parts, port)
        _say_where(instance, port)
        while all(part.poll() is None for part in parts.values()):
            time.sleep(0.5)
        _name_the_stopped(parts, port)
    except (KeyboardInterrupt, SystemExit):
        click.echo("Stopped.")
    finally:
        parts["web"].send_signal(signal.SIGINT)  # sooner than by SIGTERM: nobody waits for an idle browser
        parts["scheduler"].terminate()
        for part in parts.values():
            part.wait(timeout=20)
        mail.stop()
        texts.stop()


class _EmlFolder:
    """Takes every mail and writes it to a folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        """Write one mail; aiosmtpd calls this."""
        name = f"{time.time_ns()}.eml"
        write_durably(self._folder / name, envelope.original_content or b"")
        return "250 OK"


def _keep_text(folder: Path, to: str, body: str) -> None:
    """Put a text message beside the mails."""
    letter = EmailMessage()
    letter["To"], letter["Subject"] = to, "Text message"
    letter.set_content(body)
    write_durably(folder / f"{time.time_ns()}.eml", letter.as_bytes())


def _wait_until_ready(settings: Settings, parts: Parts, port: int) -> None:
    began = clock.now()
    app = create_app(settings)
    while True:
        _name_the_stopped(parts, port)
        with app.app_context():
            triaged = slots.last(db.session(), "triage")
        if triaged and triaged >= began - timedelta(seconds=30) and _answers(port):
            return
        time.sleep(0.3)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def _name_the_stopped(parts: Parts, port: int) -> None:
    for name, part in parts.items():
        if part.poll() is not None:
            raise PartStopped(part=name, port=port, next=port + 1)


def _say_where(instance: Path, port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    click.echo(f"  request supplies   {base}/   (Spanish: {base}/es/)")
    click.echo(f"  staff              {base}/sign-in   (passwords: {instance / 'demo-accounts.json'})")
    click.echo(f"  mailbox            {base}/mailbox   (mails, text messages, and the staff's sign-in codes)")
    click.echo(f"ready {base}")


def _clear(instance: Path) -> None:
    if any(instance.iterdir()) and not (instance / MARK).exists():
        raise NotADemo(path=instance)
    shutil.rmtree(instance)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""`make demo`: an instance with a made-up depot and twelve weeks behind it, and everything running."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from urllib.error import URLError
from urllib.request import urlopen

import click
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock, depot, jobs, keyring, schema, slots
from distro.app import create_app
from distro.auth import Role, User, add_user
from distro.config import Settings
from distro.db import db
from distro.errors import Refusal
from geo import drafts, publish, referrals
from geo.load import load_places
from orders import intake, triage, workflow
from orders.authority import laws
from orders.intake import Person
from orders.models import Order, Status

WEEKS = 12
MARK = "demo-instance"  # a file that says the demo made this directory, so RESET may delete it
Parts = dict[str, "subprocess.Popen[bytes]"]
STAFF = [  # username, role, site
    ("packer-oh", Role.PACKER, "OH"),
    ("packer-mn", Role.PACKER, "MN"),
    ("packer-nm", Role.PACKER, "NM"),
    ("manager", Role.MANAGER, None),
    ("reviewer", Role.REVIEWER, None),
    ("admin", Role.ADMIN, None),
]
PLACES = [  # ZIP codes of real towns; the people of the demo live nowhere
    ("43215", "OH", "Columbus"),
    ("44113", "OH", "Cleveland"),
    ("45202", "OH", "Cincinnati"),
    ("46202", "IN", "Indianapolis"),
    ("48226", "MI", "Detroit"),
    ("55401", "MN", "Minneapolis"),
    ("54601", "WI", "La Crosse"),
    ("87102", "NM", "Albuquerque"),
    ("80202", "CO", "Denver"),
    ("10001", "NY", "New York"),
]
WISHES = [  # what people ask for, and how often of a hundred
    ({"naloxone-nasal": 1}, 28),
    ({"naloxone-nasal": 2, "fentanyl-strips": 1}, 27),
    ({"fentanyl-strips": 2}, 15),
    ({"wound-care-kit": 1, "hygiene-kit": 1}, 12),
    ({"naloxone-nasal": 1, "sharps-container": 1}, 10),
    ({"syringe-kit": 1, "naloxone-nasal": 1}, 5),
    ({"xylazine-strips": 1}, 3),
]

TODAY = [  # asked for today: one for the queue of each site, one held for a person, one that waits for stock
    (PLACES[0], {"naloxone-nasal": 2, "fentanyl-strips": 1}),
    (PLACES[2], {"naloxone-nasal": 1}),
    (PLACES[5], {"syringe-kit": 1, "naloxone-nasal": 1}),
    (PLACES[7], {"wound-care-kit": 1, "hygiene-kit": 1}),
    (PLACES[4], {"fentanyl-strips": 2}),
    (PLACES[3], {"xylazine-strips": 1, "naloxone-nasal": 1}),
]


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
            make(db.session(), settings)
    mail_port = free_port()
    mail = Controller(_EmlFolder(settings.mailbox), hostname="127.0.0.1", port=mail_port)
    mail.start()
    environment = os.environ | {
        "DISTRO_INSTANCE": str(instance),
        "DISTRO_DEMO": "1",
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mail_port),
    }
    command = [sys.executable, "-m", "distro"]
    parts = {
        "web": subprocess.Popen([*command, "serve", "--port", str(port)], env=environment),
        "scheduler": subprocess.Popen([*command, "scheduler"], env=environment),
    }
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
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
        for part in parts.values():
            part.terminate()
        for part in parts.values():
            part.wait(timeout=20)
        mail.stop()


def make(session: Session, settings: Settings) -> None:
    """Fill a new instance: places, rules, depot, staff, twelve weeks of requests, and a few open ones."""
    began = time.monotonic()
    now = clock.now()
    start = now - timedelta(weeks=WEEKS)
    click.echo("Loading places ...")
    load_places(session)
    referrals.seed(session, start)
    session.commit()
    click.echo("Loading rules ...")
    ruleset = drafts.load_rules(session, publish.STARTER, by="demo", at=now)
    publish.publish_demo(session, ruleset, effective_on=start.date() - timedelta(days=1), by="demo", at=now)
    click.echo("Filling shelves, and living through twelve weeks ...")
    depot.build(session, at=start)
    accounts = _add_staff(session)
    keyring.make_keys(settings.keyring, settings.public_keys, start.date(), weeks=WEEKS + keyring.WEEKS_AHEAD)
    _live_through(session, settings, start)
    session.commit()
    jobs.keep_house(session, settings)
    jobs.compile_rules(session, settings)
    jobs.check_stock(session, settings)
    path = settings.instance / "demo-accounts.json"
    keyring.write_durably(path, json.dumps(accounts, indent=1).encode(), mode=0o600)
    click.echo(f"Made in {time.monotonic() - began:.0f} s. Staff may sign in with these, shown only now:")
    for account in accounts:
        click.echo(
            f"  {account['role']:<9} {account['username']:<10} {account['password']}  {account['site'] or 'all sites'}"
        )


def _live_through(session: Session, settings: Settings, start: datetime) -> None:
    """Twelve weeks of requests, shipped as they came, and today's, which stay where triage puts them."""
    random = Random(2026)
    packers = {user.site_code: user for user in session.scalars(select(User).where(User.role == Role.PACKER))}
    law = laws(session)
    for day in range(WEEKS * 7):
        moment = start + timedelta(days=day)
        desk = triage.Desk(settings.keyring, law, moment)
        for _ in range(random.choice([3, 4, 5, 6])):
            wish = random.choices([wish for wish, _ in WISHES], weights=[weight for _, weight in WISHES])[0]
            order = _ask(session, settings, random.choice(PLACES), wish, desk)
            if order.status == Status.HELD:
                triage.release(session, order, reason="conditions checked", by="manager", at=moment)
                triage.settle(session, order, desk)
            if order.status == Status.HELD:
                triage.decline(session, order, reason="the rules do not let us", by="manager", at=moment)
            elif order.site is not None and order.status == Status.ALLOCATED:
                _pack_and_ship(session, order, packers[order.site.code], moment)
    for place, wish in TODAY:
        _ask(session, settings, place, wish, triage.Desk(settings.keyring, law, clock.now()))


def _ask(
    session: Session, settings: Settings, place: tuple[str, str, str], wish: dict[str, int], desk: triage.Desk
) -> Order:
    """One request, sealed, stored and through triage."""
    zip_code, state, city = place
    person = Person(name="Sample Person", line1="1 Sample St", line2="", city=city, state=state, zip=zip_code)
    request = intake.seal_request(
        settings,
        nonce=secrets.token_bytes(16),
        wanted=wish,
        person=person,
        ruleset_id=None,
        decision=None,
        now=desk.now,
    )
    intake.store(session, request)
    order = session.scalars(select(Order).where(Order.number == request.number)).one()
    triage.settle(session, order, desk)
    return order


def _pack_and_ship(session: Session, order: Order, packer: User, moment: datetime) -> None:
    for allocation in order.allocations:
        for _ in range(allocation.quantity):
            workflow.pick(session, order, allocation.lot.number, packer=packer, today=moment.date())
    workflow.pack(session, order, packer=packer, today=moment.date())
    workflow.note_label(session, order, by=packer.username, at=moment)
    workflow.ship(session, order, by=packer.username, at=moment, today=moment.date())


def _add_staff(session: Session) -> list[dict[str, str | None]]:
    accounts: list[dict[str, str | None]] = []
    for username, role, site in STAFF:
        password = secrets.token_urlsafe(15)
        add_user(
            session, username=username, role=role, password=password, email=f"{username}@example.org", site_code=site
        )
        accounts.append({"role": role, "username": username, "password": password, "totp_secret": None, "site": site})
    return accounts


class _EmlFolder:
    """Takes every mail and writes it to a folder, one file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    async def handle_DATA(self, server: object, session: object, envelope: Envelope) -> str:
        """Write one mail; aiosmtpd calls this."""
        name = f"{time.time_ns()}.eml"
        keyring.write_durably(self._folder / name, envelope.original_content or b"")
        return "250 OK"


def _wait_until_ready(settings: Settings, parts: Parts, port: int) -> None:
    began = datetime.now(UTC)
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
    click.echo(f"  mailbox            {base}/mailbox")
    click.echo(f"ready {base}")


def _clear(instance: Path) -> None:
    if any(instance.iterdir()) and not (instance / MARK).exists():
        raise NotADemo(path=instance)
    shutil.rmtree(instance)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

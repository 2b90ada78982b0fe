"""What a new demo holds: places, rules, a depot, staff, and twelve weeks of made-up requests lived through."""

import json
import secrets
import time
from datetime import datetime, timedelta
from random import Random

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit, clock, depot, jobs
from distro.accounts import secondfactor
from distro.accounts.passwords import add_user
from distro.auth import Role, User
from distro.config import Settings
from distro.files import write_durably
from distro.keys import keyring
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring
from geo import drafts, publish, referrals
from geo.load import load_places
from orders import intake, triage, workflow
from orders.authority import laws
from orders.identity import VIEW, Keys, Task
from orders.intake import Person
from orders.models import Order, Status

WEEKS = 12
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
    accounts = _add_staff(session, settings.staff_key)
    keyring.make_keys(Keyring.of(settings), PublicKeys.of(settings), start.date(), weeks=WEEKS + keyring.WEEKS_AHEAD)
    _live_through(session, settings, start)
    session.commit()
    jobs.keep_house(session, settings)
    jobs.compile_rules(session, settings)
    jobs.check_stock(session, settings)
    write_durably(settings.instance / "demo-accounts.json", json.dumps(accounts, indent=1).encode(), mode=0o600)
    click.echo(f"Made in {time.monotonic() - began:.0f} s. Staff may sign in with these, shown only now:")
    for account in accounts:
        click.echo(
            f"  {account['role']:<9} {account['username']:<10} {account['password']}  {account['site'] or 'all sites'}"
        )


def _live_through(session: Session, settings: Settings, start: datetime) -> None:
    """Twelve weeks of requests, shipped as they came, and today's, which stay where triage puts them."""
    random, houses = Random(2026), Random(6)
    packers = {user.site_code: user for user in session.scalars(select(User).where(User.role == Role.PACKER))}
    law = laws(session)
    for day in range(WEEKS * 7):
        moment = start + timedelta(days=day)
        desk = triage.Desk(Keys.of(settings), law, moment)
        for _ in range(random.choice([3, 4, 5, 6])):
            wish = random.choices([wish for wish, _ in WISHES], weights=[weight for _, weight in WISHES])[0]
            order = _ask(session, settings, random.choice(PLACES), wish, desk, house=houses.randrange(1, 2_000))
            if order.status == Status.HELD:
                triage.release(session, order, reason="conditions checked", by="manager", at=moment)
                triage.settle(session, order, desk)
            if order.status == Status.HELD:
                triage.decline(session, order, reason="the rules do not let us", by="manager", at=moment)
            elif order.site is not None and order.status == Status.ALLOCATED:
                _pack_and_ship(session, order, packers[order.site.code], moment)
    for house, (place, wish) in enumerate(TODAY, 2_000):
        _ask(session, settings, place, wish, triage.Desk(Keys.of(settings), law, clock.now()), house=house)


def _ask(
    session: Session,
    settings: Settings,
    place: tuple[str, str, str],
    wish: dict[str, int],
    desk: triage.Desk,
    *,
    house: int,
) -> Order:
    """One request, sealed, stored and through triage."""
    code, state, city = place
    person = Person(name="Sample Person", line1=f"{house} Sample St", line2="", city=city, state=state, zip=code)
    request = intake.seal_request(
        settings,
        nonce=secrets.token_bytes(16),
        wanted=wish,
        person=person,
        ruleset_id=None,
        decision=None,
        now=desk.now,
    )
    intake.store(session, request, secret=settings.secret_key)
    order = session.scalars(select(Order).where(Order.number == request.number)).one()
    triage.settle(session, order, desk)
    return order


def _pack_and_ship(session: Session, order: Order, packer: User, moment: datetime) -> None:
    for allocation in order.allocations:
        for _ in range(allocation.quantity):
            workflow.pick(session, order, allocation.lot.number, packer=packer, today=moment.date())
    workflow.pack(session, order, packer=packer, today=moment.date())
    workflow.note_label(session, order, at=moment)
    audit.record(session, actor=packer.username, action=VIEW, subject=order.document, reason=Task.LABEL, at=moment)
    workflow.ship(session, order, by=packer.username, at=moment, today=moment.date())


def _add_staff(session: Session, staff_key: str) -> list[dict[str, str | None]]:
    accounts: list[dict[str, str | None]] = []
    for username, role, site in STAFF:
        password, secret = secrets.token_urlsafe(15), secondfactor.new_secret()
        email = f"{username}@example.org"
        user = add_user(session, username=username, role=role, password=password, email=email, site_code=site)
        user.totp_secret = secondfactor.wrap(staff_key, secret, user.id)
        accounts.append({"role": role, "username": username, "password": password, "totp_secret": secret, "site": site})
    return accounts

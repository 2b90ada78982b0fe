"""A small made-up world for tests: two sites, five items, reviewed rules, staff. Every name is invented.

Columbus (OH) and Minneapolis (MN) both send everywhere; only Minneapolis sends syringe kits.

Length: one world for all tests, and the ways into it, are looked for in one place.
"""

import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

import pyotp
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from distro import clock, jobs
from distro.accounts import passwords, secondfactor
from distro.auth import Role, User
from distro.config import Settings
from distro.db import db
from distro.keys.keyring import Keyring
from geo import drafts, publish, ruletext
from geo.models import Ruleset, State, StateKind, Zip, ZipKind
from inventory.models import Balance, Bin, Fund, Item, Lot, Site, SiteItem
from inventory.receiving import receive_lot
from orders import codes, intake, triage
from orders.authority import laws
from orders.identity import Keys
from orders.intake import Person
from orders.models import Order
from tests.rows import Rows

HOUSES = count(1)
PASSWORD = "a long made-up password"
STAFF_KEY = "a fixed staff key for the tests alone, of no value"
TOTP_SECRET = "MADEUPSECRETOFNOVALUEMADEUPSECRE"  # the second factor of everyone in the depot
STATES = {"OH": "Ohio", "MN": "Minnesota", "KY": "Kentucky", "TN": "Tennessee", "NY": "New York"}
ZIPS = {"43215": ["OH"], "55401": ["MN"], "42223": ["KY", "TN"], "10001": ["NY"]}
POINTS = {"43215": (39.97, -83.0), "55401": (44.98, -93.27), "42223": (36.6, -87.47), "10001": (40.75, -73.99)}
ITEMS = {"naloxone-nasal": "A", "fentanyl-strips": "C", "syringe-kit": "E", "smoking-kit": "F", "wound-care-kit": "G"}
EFFECTS = {  # item -> place -> effect; the nation's line holds everywhere
    "naloxone-nasal": {"US": "allow"},
    "fentanyl-strips": {"US": "allow", "TN": "deny"},
    "syringe-kit": {"MN": "allow", "OH": "deny", "KY": "deny", "TN": "deny", "NY": "review"},
    "smoking-kit": {"US": "deny"},
    "wound-care-kit": {"US": "allow"},
}


@dataclass
class Depot:
    """The made-up world, and the few moves that tests need in it."""

    session: Session
    settings: Settings

    @property
    def ring(self) -> Keyring:
        return Keyring.of(self.settings)

    @property
    def keys(self) -> Keys:
        return Keys.of(self.settings)

    def item(self, code: str) -> Item:
        return self.session.scalars(select(Item).where(Item.code == code)).one()

    def site(self, code: str) -> Site:
        return self.session.scalars(select(Site).where(Site.code == code)).one()

    def bin(self, site: str, code: str = "A-01") -> Bin:
        return self.session.scalars(select(Bin).join(Bin.site).where(Site.code == site, Bin.code == code)).one()

    def fund(self, code: str = "OPEN") -> Fund:
        return self.session.scalars(select(Fund).where(Fund.code == code)).one()

    def user(self, username: str) -> User:
        return self.session.scalars(select(User).where(User.username == username)).one()

    def shelve(
        self,
        item: str = "naloxone-nasal",
        quantity: int = 10,
        *,
        site: str = "OH",
        lot: str = "LOT1",
        days: int = 400,
        fund: str = "OPEN",
        bin: str = "A-01",
    ) -> Lot:
        """Receive a lot that expires in `days`."""
        return receive_lot(
            self.session,
            item=self.item(item),
            number=lot,
            expires_on=clock.today() + timedelta(days=days),
            fund=self.fund(fund),
            bin=self.bin(site, bin),
            quantity=quantity,
            document="DEL-1",
            by="packer",
            at=clock.now(),
        )

    def request(
        self,
        wanted: dict[str, int] | None = None,
        *,
        zip: str = "43215",
        state: str = "OH",
        nonce: bytes | None = None,
        **person: Any,
    ) -> Order:
        """Seal and store a request, as the public form does; Robin Example asks, each time from another house."""
        line1 = f"{next(HOUSES)} Sample St"
        sealed = intake.seal_request(
            self.settings,
            nonce=nonce or secrets.token_bytes(16),
            wanted=wanted or {"naloxone-nasal": 1},
            person=Person(
                **{"name": "Robin Example", "line1": line1, "line2": "", "city": "Sampleton", **person},
                state=state,
                zip=zip,
            ),
            ruleset_id=None,
            decision=None,
            now=clock.now(),
        )
        intake.store(self.session, sealed, secret=self.settings.secret_key)
        self.session.commit()
        return self.session.scalars(select(Order).where(Order.number == sealed.number)).one()

    def settle(self) -> None:
        """Run triage as the scheduler does: what came in, then what waits."""
        jobs.check_requests(self.session, self.settings)
        jobs.retry_waiting(self.session, self.settings)
        self.session.expire_all()

    def allocated(self, wanted: dict[str, int] | None = None, **request: Any) -> Order:
        """A request that triage has carried to the packing queue."""
        order = self.request(wanted, **request)
        self.settle()
        assert order.status == "allocated", (order.status, order.note)
        return order

    def desk(self, now: datetime | None = None) -> triage.Desk:
        return triage.Desk(self.keys, laws(self.session), now or clock.now())

    def balance(self, lot: Lot) -> Balance:
        self.session.expire_all()
        return self.session.scalars(select(Balance).where(Balance.lot_id == lot.id)).one()

    def code_of(self, nonce: bytes) -> str:
        return codes.claim_code(self.settings.secret_key, nonce)


def sign_in(client: FlaskClient, username: str) -> TestResponse:
    """Sign a client in as one of the depot's staff, on both pages; gives the answer to the second."""
    type_password(client, username)
    with client.application.app_context():  # a code counts once, and tests sign in more often than each 30 seconds
        db.session.execute(update(User).where(User.username == username).values(totp_last=None))
        db.session.commit()
    return type_code(client, code_now())


def type_password(client: FlaskClient, username: str, password: str = PASSWORD, **form: str) -> TestResponse:
    """Fill in the first page of signing in."""
    token = _token_on(client, "/sign-in")
    return client.post("/sign-in", data={"username": username, "password": password, "csrf_token": token, **form})


def type_code(client: FlaskClient, code: str) -> TestResponse:
    """Fill in the second page of signing in."""
    token = _token_on(client, "/sign-in/code")
    return client.post("/sign-in/code", data={"code": code, "csrf_token": token})


def code_now(secret: str = TOTP_SECRET) -> str:
    """What the authenticator app of the depot's staff shows."""
    return pyotp.TOTP(secret).at(clock.now())


@pytest.fixture
def depot(session: Session, settings: Settings, depot_rows: Rows) -> Depot:
    """The made-up world, committed."""
    depot_rows.put_into(session)
    session.commit()
    return Depot(session, settings)


def fill(session: Session) -> None:
    """Make the world in an empty database, by the service's own moves."""
    session.add_all(State(code=code, name=name, name_es=name, kind=StateKind.STATE) for code, name in STATES.items())
    session.add_all(
        Zip(
            zip=zip,
            kind=ZipKind.STANDARD,
            city="Sampleton",
            states=states,
            counties=[],
            latitude=POINTS[zip][0],
            longitude=POINTS[zip][1],
        )
        for zip, states in ZIPS.items()
    )
    staff = [
        User(
            username=username,
            role=role,
            email=f"{username}@example.org",
            password_hash=_password_hash(),
            site_code=site_code,
        )
        for username, role, site_code in (
            ("packer", Role.PACKER, "OH"),
            ("other-packer", Role.PACKER, "OH"),
            ("packer-mn", Role.PACKER, "MN"),
            ("manager", Role.MANAGER, None),
            ("reviewer", Role.REVIEWER, None),
            ("admin", Role.ADMIN, None),
        )
    ]
    session.add_all(staff)
    session.flush()
    for user in staff:
        user.totp_secret = secondfactor.wrap(STAFF_KEY, TOTP_SECRET, user.id)
    rules = [rule(place, code, effect) for code, places in EFFECTS.items() for place, effect in places.items()]
    put_in_force(session, ruletext.new("Test rules", "1", rules))
    items = [
        Item(
            code=code,
            letter=letter,
            name=code.replace("-", " ").capitalize(),
            name_es=f"{code} (es)",
            detail="",
            detail_es="",
            unit="boxes",
            most_per_request=3,
            position=place,
            case_units=12 if code == "naloxone-nasal" else None,
            cases_most=4 if code == "naloxone-nasal" else None,
        )
        for place, (code, letter) in enumerate(ITEMS.items())
    ]
    sites = [
        Site(
            code=code,
            name=name,
            state=code,
            latitude=latitude,
            longitude=longitude,
            zone=zone,
            ships_to=[],
            return_lines=["Supply Desk", "PO Box 1000", f"{name}, {code}"],
        )
        for code, name, latitude, longitude, zone in (
            ("OH", "Columbus", 39.96, -83.0, "America/New_York"),
            ("MN", "Minneapolis", 44.98, -93.27, "America/Chicago"),
        )
    ]
    funds = [
        Fund(code="OPEN", name="Open fund", item_codes=[], states=[]),
        Fund(code="FED", name="Federal", item_codes=["naloxone-nasal"], states=["OH"]),
    ]
    session.add_all([*items, *sites, *funds])
    session.flush()
    for site in sites:
        session.add_all(Bin(site_id=site.id, code=code) for code in ("A-01", "B-01"))
        session.add_all(
            SiteItem(site_id=site.id, item_id=item.id, lead_time_days=14, safety_days=7)
            for item in items
            if item.code != "syringe-kit" or site.code == "MN"
        )
    session.flush()


def put_in_force(session: Session, text: str) -> Ruleset:
    """A ruleset written by the admin and published by the reviewer, in force on every day."""
    ruleset = drafts.load_rules(session, text, by="admin", at=clock.now())
    publish.propose(session, ruleset, effective_on=clock.today(), by="admin", at=clock.now())
    publish.publish(session, ruleset, by="reviewer", at=clock.now())
    ruleset.effective_on = date(2020, 1, 1)
    session.flush()
    return ruleset


def rule(place: str, item: str, effect: str, **fields: Any) -> dict[str, Any]:
    """A reviewed rule as a file holds it."""
    known = {
        "key": f"{place}-{item}",
        "place": place,
        "scope": "nation" if place == "US" else "statewide",
        "items": [item],
        "effect": effect,
        "citation": "Made-up Code 1",
        "source": "Made-up source",
        "source_date": "2026",
        "confidence": "high",
        "legal_status": "allowed" if effect == "allow" else "prohibited",
        "reviewed_by": "reviewer",
        "reviewed_on": date(2026, 1, 1),
        "sentence": f"About {item} in {place}.",
        "sentence_es": f"Sobre {item} en {place}.",
    }
    return {**_NOTHING, **known, **fields}


_NOTHING = {"conditions": [], "credentials": [], "source_url": "", "note": ""}


@lru_cache(maxsize=1)
def _password_hash() -> str:
    return passwords.hash_new(PASSWORD)


def _token_on(client: FlaskClient, path: str) -> str:
    page = client.get(path, follow_redirects=True).text
    return page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]

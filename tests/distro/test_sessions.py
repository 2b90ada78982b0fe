"""How long a staff session lasts, what ends it, and what a stolen, old or forged cookie is worth."""

import hashlib
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock
from distro.accounts import sessions
from distro.app import create_app
from distro.auth import StaffSession, User
from distro.config import Settings, Surface
from distro.db import db
from tests.conftest import SECRET_KEY
from tests.depot import STAFF_KEY, Depot, sign_in
from tests.staff import post

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
OUT = "/sign-in?next=/desk"


@pytest.fixture
def packer(depot: Depot, client: FlaskClient) -> Iterator[FlaskClient]:
    """A packer who signed in at nine."""
    with clock.at(AT):
        sign_in(client, "packer")
    yield client


def inside(client: FlaskClient, after: timedelta = timedelta()) -> bool:
    """Whether a staff page opens, so long after nine."""
    with clock.at(AT + after):
        answer = client.get("/desk")
    assert answer.status_code == 200 or answer.location == OUT
    return answer.status_code == 200


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("staff")
    assert cookie is not None
    return cookie.value


def with_cookie(app: Flask, value: str) -> FlaskClient:
    """A browser of someone else's, with this cookie put in."""
    thief = app.test_client()
    thief.set_cookie("staff", value)
    return thief


def signed(app: Flask, key: str, content: dict[str, object]) -> str:
    """A session cookie as Flask would sign it with `key`."""
    with app.app_context():
        forger = Flask("forger")
        forger.secret_key = key
        signer = SecureCookieSessionInterface().get_signing_serializer(forger)
        assert signer is not None
        value = signer.dumps(content)
    return value if isinstance(value, str) else value.decode()


def test_a_session_is_over_after_fifteen_idle_minutes(packer: FlaskClient) -> None:
    assert inside(packer, timedelta(minutes=14, seconds=59))
    assert inside(packer, timedelta(minutes=14 + 14, seconds=58)), "use prolongs it"
    assert not inside(packer, timedelta(minutes=14 + 14 + 15, seconds=59 + 2))


def test_fifteen_minutes_and_a_second_are_too_long(packer: FlaskClient) -> None:
    assert not inside(packer, timedelta(minutes=15, seconds=1))


def test_a_session_is_over_after_ten_hours_however_busy(packer: FlaskClient) -> None:
    for minutes in range(10, 600, 10):
        assert inside(packer, timedelta(minutes=minutes))
    assert inside(packer, timedelta(hours=10, seconds=-1))
    assert not inside(packer, timedelta(hours=10))
    assert not inside(packer, timedelta(hours=10, seconds=1))


def test_the_time_of_use_is_written_once_a_minute_and_never_to_the_database(depot: Depot, packer: FlaskClient) -> None:
    def sets_cookie(after: timedelta) -> bool:
        with clock.at(AT + after):
            return "staff=" in str(packer.get("/desk").headers.getlist("Set-Cookie"))

    sets_cookie(timedelta())  # with the token of the page's form
    rows = depot.session.scalars(select(StaffSession)).one()
    before = (rows.begun_at, rows.ended_at, rows.token_hash)
    assert not sets_cookie(timedelta(seconds=59))
    assert sets_cookie(timedelta(seconds=60))
    assert not sets_cookie(timedelta(seconds=119))
    depot.session.expire_all()
    assert (rows.begun_at, rows.ended_at, rows.token_hash) == before


def test_signing_out_ends_it_for_a_copy_of_the_cookie_too(app: Flask, packer: FlaskClient) -> None:
    stolen = cookie_of(packer)
    assert inside(with_cookie(app, stolen)), "control: until then it opens the page"
    with clock.at(AT):
        assert post(packer, "/sign-out").location == "/sign-in"
    assert not inside(packer)
    assert not inside(with_cookie(app, stolen))


def test_what_idled_out_is_ended_when_one_signs_out_or_in(depot: Depot, packer: FlaskClient) -> None:
    with clock.at(AT + timedelta(minutes=20)):
        page = packer.get("/sign-in").text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        assert packer.post("/sign-out", data={"csrf_token": token}).location == "/sign-in"
        sign_in(packer, "packer")
    with clock.at(AT + timedelta(minutes=40)):
        sign_in(packer, "packer")
    rows = depot.session.scalars(select(StaffSession).order_by(StaffSession.id)).all()
    ended = [row.ended_at and row.ended_at - AT for row in rows]
    assert ended == [timedelta(minutes=20), timedelta(minutes=40), None]


def test_signing_in_again_ends_what_was_open_at_this_browser(app: Flask, packer: FlaskClient) -> None:
    stolen = cookie_of(packer)
    with clock.at(AT):
        sign_in(packer, "manager")
    assert not inside(with_cookie(app, stolen))


def test_a_disabled_person_is_out_at_once(depot: Depot, packer: FlaskClient) -> None:
    with packer.session_transaction() as cookie:
        token = cookie["_user_id"]
    assert sessions.find(depot.session, token, AT) is not None, "control"
    depot.user("packer").active = False
    depot.session.commit()
    assert sessions.find(depot.session, token, AT) is None
    assert not inside(packer)


def test_all_sessions_end_save_the_one_that_asked(app: Flask, depot: Depot, packer: FlaskClient) -> None:
    phone, other = app.test_client(), app.test_client()
    with clock.at(AT):
        sign_in(phone, "packer")
        sign_in(other, "other-packer")
    with phone.session_transaction() as kept:
        token = kept["_user_id"]
    sessions.end_all(depot.session, depot.user("packer"), AT, but=token)
    depot.session.commit()
    assert (inside(packer), inside(phone), inside(other)) == (False, True, True)
    sessions.end_all(depot.session, depot.user("packer"), AT)
    depot.session.commit()
    assert (inside(packer), inside(phone), inside(other)) == (False, False, True)


def test_what_was_planted_before_signing_in_is_worth_nothing_after(app: Flask, depot: Depot) -> None:
    attacker = app.test_client()
    with clock.at(AT):
        sign_in(attacker, "other-packer")
        attacker.get("/desk")
        planted = cookie_of(attacker)
        victim = with_cookie(app, planted)
        sign_in(victim, "packer")
    with victim.session_transaction() as mine, with_cookie(app, planted).session_transaction() as theirs:
        assert mine["_user_id"] != theirs["_user_id"]
    with clock.at(AT):
        assert ">packer</a>" in victim.get("/desk").text, "the page says who is signed in"
        assert inside(victim) and not inside(with_cookie(app, planted))


def test_a_token_planted_before_signing_in_does_not_become_the_session(app: Flask, depot: Depot) -> None:
    with clock.at(AT):
        victim = with_cookie(app, signed(app, STAFF_KEY, {"_user_id": "known", "used": int(AT.timestamp()), "x": 1}))
        sign_in(victim, "packer")
        with victim.session_transaction() as after:
            assert after["_user_id"] != "known" and "x" not in after
        assert not inside(with_cookie(app, signed(app, STAFF_KEY, {"_user_id": "known", "used": int(AT.timestamp())})))


def test_no_other_key_signs_a_session(app: Flask, depot: Depot) -> None:
    token = sessions.begin(depot.session, depot.user("packer"), AT)
    depot.session.commit()
    content: dict[str, object] = {"_user_id": token, "used": int(AT.timestamp())}
    assert inside(with_cookie(app, signed(app, STAFF_KEY, content))), "control: a real token under the real key"
    assert not inside(with_cookie(app, signed(app, SECRET_KEY, content)))
    assert not inside(with_cookie(app, signed(app, STAFF_KEY, content | {"_user_id": "1"})))
    assert not inside(with_cookie(app, signed(app, STAFF_KEY, content | {"_user_id": ""})))
    assert not inside(with_cookie(app, signed(app, STAFF_KEY, {"_user_id": token})))
    assert not inside(with_cookie(app, signed(app, STAFF_KEY, content | {"used": "later"})))


def test_a_hash_from_the_database_is_no_token(app: Flask, depot: Depot) -> None:
    token = sessions.begin(depot.session, depot.user("packer"), AT)
    depot.session.commit()
    row = depot.session.scalars(select(StaffSession)).one()
    assert row.token_hash == hashlib.sha256(token.encode()).digest() and len(token) * 6 >= 128
    for text in (row.token_hash.hex(), row.token_hash.decode("latin-1")):
        forged = signed(app, STAFF_KEY, {"_user_id": text, "used": int(AT.timestamp())})
        assert not inside(with_cookie(app, forged))


def test_tokens_never_repeat_and_old_rows_go(depot: Depot) -> None:
    packer = depot.user("packer")
    tokens = {sessions.begin(depot.session, packer, AT) for _ in range(20)}
    assert len(tokens) == 20
    sessions.begin(depot.session, packer, AT + sessions.ABSOLUTE)
    assert len(depot.session.scalars(select(StaffSession)).all()) == 1


def test_the_public_surface_can_make_no_session(settings: Settings) -> None:
    public = create_app(replace(settings, surface=Surface.PUBLIC))
    assert public.secret_key is None
    assert create_app(replace(settings, surface=Surface.STAFF)).secret_key == STAFF_KEY
    made = create_app(replace(settings, staff_key="", surface=Surface.STAFF)).secret_key
    assert made == (settings.instance / "staff-secret.key").read_text() and made != SECRET_KEY


def test_behind_https_the_cookie_is_bound_to_the_host(settings: Settings, depot: Depot) -> None:
    client = create_app(replace(settings, https=True)).test_client()
    depot.session.commit()
    set_by = client.get("/sign-in", base_url="https://staff.example").headers.getlist("Set-Cookie")
    assert len(set_by) == 1
    name, *attributes = [part.strip() for part in set_by[0].split(";")]
    assert name.startswith("__Host-staff=")
    assert set(attributes) == {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"}


def test_who_is_signed_in_is_loaded_by_token_alone(app: Flask, depot: Depot) -> None:
    user = depot.session.get_one(User, depot.user("packer").id)
    assert user.get_id() == ""
    with app.test_request_context():
        assert sessions.find(db.session(), "", AT) is None


def test_a_public_worker_loads_nothing_of_signing_in(settings: Settings) -> None:
    program = "import sys, wsgi; print([name for name in {} if name in sys.modules])"
    ours = [
        "distro.accounts.login",
        "distro.accounts.passwords",
        "distro.accounts.secondfactor",
        "distro.accounts.sessions",
    ]
    theirs = ["argon2", "authlib", "pyotp", "segno", "zxcvbn"]

    def loaded(surface: str) -> list[str]:
        environment = {"DISTRO_INSTANCE": str(settings.instance), "DISTRO_SURFACE": surface}
        command = [sys.executable, "-c", program.format(ours + theirs)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return list(literal_eval(told.stdout))

    assert loaded("public") == []
    assert set(ours) <= set(loaded("staff")), "control"

"""Signing in: password, then second factor; every way to be wrong, and where one lands.

Length: both pages and everything between them, since one way in is only understood whole.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select
from werkzeug.test import TestResponse

from distro import clock
from distro.accounts import passwords, sessions, tries
from distro.accounts.login import TOO_LATE, WRONG, WRONG_CODE, WRONG_FIRST_CODE, is_local
from distro.accounts.passwords import add_user, hash_new
from distro.accounts.secondfactor import new_recovery_codes, unwrap, wrap
from distro.app import routes
from distro.audit import AuditEntry
from distro.auth import Role, StaffSession
from distro.db import db
from distro.errors import InvalidInput
from distro.outbox import Message
from tests.depot import PASSWORD, STAFF_KEY, TOTP_SECRET, Depot, code_now, sign_in, type_code, type_password
from tests.staff import post, said

AT = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SOON = timedelta(seconds=1)


def wrong_code() -> str:
    return f"{(int(code_now()) + 500_000) % 1_000_000:06}"


def anonymous(page: TestResponse) -> str:
    """A page without the token of its form and the name that was typed."""
    own = r'name="csrf_token" value="[^"]*"|value="[^"]*" autocomplete="username"|autofocus'
    return "".join(re.sub(own, "", page.text).split())


@contextmanager
def listening(target: object, what: str, listener: Callable[..., None]) -> Iterator[None]:
    """Hear of something until the block ends."""
    event.listen(target, what, listener)
    try:
        yield
    finally:
        event.remove(target, what, listener)


def is_in(client: FlaskClient) -> bool:
    return client.get("/desk").status_code == 200


@pytest.mark.parametrize(
    ("username", "first_page"),
    [("packer", "/desk"), ("manager", "/manage"), ("admin", "/manage"), ("reviewer", "/rules/")],
)
def test_each_role_starts_at_its_page(depot: Depot, client: FlaskClient, username: str, first_page: str) -> None:
    assert client.get("/staff").location == "/sign-in"
    assert sign_in(client, username).location == first_page
    assert client.get("/staff").location == first_page
    assert client.get("/sign-in").location == first_page
    assert client.get("/sign-in/code").location == client.get("/sign-in/enrol").location == first_page


def test_every_way_to_be_wrong_reads_the_same(depot: Depot, client: FlaskClient) -> None:
    depot.user("reviewer").active = False
    depot.user("other-packer").password_hash = ""
    for _ in range(tries.WRONG_PASSWORDS):
        type_password(client, "manager", "wrong")
    answers = [
        type_password(client, "packer", "wrong"),
        type_password(client, "nobody"),
        type_password(client, "reviewer"),  # disabled
        type_password(client, "manager"),  # too many tries
        type_password(client, "manager", "wrong"),
        type_password(client, "other-packer"),  # invited, and has no password yet
        type_password(client, "other-packer", ""),
        type_password(client, "", ""),
        type_password(client, "x" * 10_000, "y" * 10_000),
    ]
    assert [answer.status_code for answer in answers] == [401] * 9
    assert all(said(answer) == [WRONG] for answer in answers)
    assert len({anonymous(answer) for answer in answers}) == 1
    assert {answer.headers.get("Location") for answer in answers} == {None}
    assert PASSWORD not in answers[1].text
    right = type_password(client, "packer")
    assert right.status_code == 303 and right.location == "/sign-in/code", "control: this is how it looks when right"


def test_every_way_to_be_wrong_costs_the_same(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    depot.user("reviewer").active = False
    depot.user("other-packer").password_hash = ""
    checked: list[str] = []
    said_to_database: dict[str, list[str]] = {}

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:
            checked.append(str(hash)[:40])
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_hasher", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
    for username in ("packer", "nobody", "reviewer", "other-packer"):
        told = said_to_database[username] = []

        def note(*args: Any, told: list[str] = told) -> None:
            told.append(args[2])

        depot.session.commit()
        with listening(db.engine, "before_cursor_execute", note):
            assert passwords.check_password(depot.session, username=username, password="wrong") is None
            depot.session.commit()
    assert len(checked) == 4 and len({kept.rpartition("$")[0] for kept in checked}) == 1, checked
    assert len(set(map(tuple, said_to_database.values()))) == 1, "a name that is known costs no write either"
    assert not [told for told in said_to_database["packer"] if "UPDATE" in told]


def test_the_password_alone_opens_no_page(app: Flask, depot: Depot, client: FlaskClient) -> None:
    add_user(depot.session, username="newcomer", role=Role.ADMIN, password=PASSWORD)
    for username, next_page in (("admin", "/sign-in/code"), ("newcomer", "/sign-in/enrol")):
        assert type_password(client, username).location == next_page
        assert client.get(next_page).status_code == 200
        guarded = [row for row in routes(app) if row["guard"] not in ("none", None)]
        assert len(guarded) > 15
        for row in guarded:
            path = re.sub(r"<[^>]+>", "1", str(row["path"]))
            if "GET" in row["methods"]:  # type: ignore[operator]
                assert "/sign-in" in client.get(path).headers.get("Location", ""), row
            if "POST" in row["methods"]:  # type: ignore[operator]
                token = client.get(next_page).text.split('name="csrf_token" value="')[1].split('"')[0]
                assert client.post(path, data={"csrf_token": token}).status_code == 401, row
        assert client.get("/staff").location == "/sign-in"
    assert depot.session.scalars(select(StaffSession)).all() == []
    sign_in(client, "admin")
    assert client.get("/manage").status_code == 200, "control: both factors do"


@pytest.mark.parametrize(("networks", "refused_with"), [(100, {401}), (1, {401, 429})])
def test_a_hundred_wrong_passwords_are_slowed_and_lock_nobody_out_for_ever(
    depot: Depot, client: FlaskClient, networks: int, refused_with: set[int]
) -> None:
    answers = []
    with clock.at(AT):
        for place in range(100):
            client.environ_base["REMOTE_ADDR"] = f"10.0.{place % networks}.1"
            answers.append(type_password(client, "packer", "wrong").status_code)
        assert set(answers) == refused_with
        client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
        assert type_password(client, "packer").location == "/sign-in/code", "a stranger locks nobody out elsewhere"
    with clock.at(AT + timedelta(minutes=10)):
        client.environ_base["REMOTE_ADDR"] = "10.0.0.1"
        assert sign_in(client, "packer").location == "/desk", "nor here for longer than that"


def test_one_account_is_guessed_at_five_times_from_one_network(depot: Depot, client: FlaskClient) -> None:
    with clock.at(AT):
        for name in ("packer", "Packer", "PACKER", "packer", "packer"):
            assert said(type_password(client, name, "wrong")) == [WRONG]
        assert said(type_password(client, "packer")) == [WRONG], "control: the right one does not work here now"
        assert type_password(client, "manager").location == "/sign-in/code", "but that of someone else does"
    assert depot.user("packer").failures == 0 and depot.user("packer").locked_until is None


def test_junk_that_is_no_wrong_password_shuts_nobody_out(depot: Depot, app: Flask, client: FlaskClient) -> None:
    for _ in range(tries.WRONG_SIGN_INS + 10):
        stranger = app.test_client()
        assert stranger.post("/sign-in/provider/back", data={"state": "x", "code": "y"}).status_code in (403, 404)
        assert stranger.post("/sign-in/nowhere").status_code == 404
        assert stranger.post("/sign-in", data={"username": "x"}).status_code == 400
    assert sign_in(client, "packer").location == "/desk"


def test_a_name_is_taken_and_typed_in_small_and_large_letters_alike(depot: Depot, client: FlaskClient) -> None:
    with pytest.raises(InvalidInput, match="is taken"):
        add_user(depot.session, username="PACKER", role=Role.ADMIN, password=PASSWORD)
    assert sign_in(client, "Packer").location == "/desk"


def test_a_password_longer_than_any_is_not_cut_to_fit(depot: Depot, client: FlaskClient) -> None:
    long = "".join(chr(33 + (7 * n * n + 3 * n) % 90) for n in range(passwords.MOST))
    depot.user("packer").password_hash = hash_new(long)
    assert said(type_password(client, "packer", long + "x")) == [WRONG]
    assert type_password(client, "packer", long).location == "/sign-in/code", "control"


def test_wrong_codes_are_slowed_however_often_the_password_is_right(depot: Depot, client: FlaskClient) -> None:
    at = AT
    for round, wait in enumerate((5, 10, 20, 40, 60, 60)):
        client.environ_base["REMOTE_ADDR"] = f"10.0.{round}.1"
        with clock.at(at):
            for _ in range(5):
                assert type_password(client, "packer").location == "/sign-in/code"
                assert said(type_code(client, wrong_code())) == [WRONG_CODE]
            assert said(type_code(client, code_now())) == [WRONG_CODE], "the right one, too late"
            assert not is_in(client)
        with clock.at(at + timedelta(minutes=wait) - SOON):
            type_password(client, "packer")
            assert said(type_code(client, code_now())) == [WRONG_CODE]
        at += timedelta(minutes=wait, seconds=40)
    with clock.at(at):
        assert type_password(client, "packer").location == "/sign-in/code"
        assert type_code(client, code_now()).location == "/desk"
    assert depot.user("packer").failures == 0


def test_the_person_and_the_admins_hear_of_wrong_codes_once(depot: Depot, client: FlaskClient) -> None:
    depot.user("packer").email, depot.user("admin").email = "packer@example.org", "admin@example.org"
    for minutes in (0, 6, 20):
        with clock.at(AT + timedelta(minutes=minutes)):
            client.environ_base["REMOTE_ADDR"] = f"10.0.{minutes}.1"
            type_password(client, "packer")
            for _ in range(5):
                type_code(client, wrong_code())
    mails = depot.session.scalars(select(Message)).all()
    assert sorted(mail.to for mail in mails) == ["admin@example.org", "packer@example.org"]
    assert all("account packer" in mail.body for mail in mails)


def test_a_code_tried_in_the_wait_is_used_up(depot: Depot, client: FlaskClient) -> None:
    with clock.at(AT):
        type_password(client, "packer")
        depot.user("packer").locked_until = AT + timedelta(seconds=10)
        assert said(type_code(client, code_now())) == [WRONG_CODE]
    with clock.at(AT + timedelta(seconds=20)):
        assert said(type_code(client, code_now())) == [WRONG_CODE], "the same half minute, the same code"
    with clock.at(AT + timedelta(seconds=40)):
        assert type_code(client, code_now()).location == "/desk"


def test_a_code_works_once(app: Flask, depot: Depot, client: FlaskClient) -> None:
    other = app.test_client()
    with clock.at(AT):
        type_password(client, "packer")
        type_password(other, "packer")
        code = code_now()
        assert type_code(client, code).location == "/desk"
        assert said(type_code(other, code)) == [WRONG_CODE]
        assert said(type_code(other, wrong_code())) == [WRONG_CODE]
        assert said(type_code(other, code)) == [WRONG_CODE], "and not after a failed try either"
    with clock.at(AT + timedelta(seconds=30)):
        assert type_code(other, code_now()).location == "/desk", "control: the next one does"


def test_a_recovery_code_signs_in_once(app: Flask, depot: Depot, client: FlaskClient) -> None:
    codes, depot.user("packer").recovery_hashes = new_recovery_codes()
    type_password(client, "packer")
    assert type_code(client, codes[0]).location == "/desk"
    entry = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "signed in")).one()
    assert entry.reason == "password and recovery code"
    other = app.test_client()
    type_password(other, "packer")
    assert said(type_code(other, codes[0])) == [WRONG_CODE]
    assert type_code(other, codes[1]).location == "/desk"


def test_the_second_page_waits_five_minutes(depot: Depot, client: FlaskClient) -> None:
    with clock.at(AT):
        type_password(client, "packer")
    with clock.at(AT + timedelta(minutes=5)):
        assert client.get("/sign-in/code").status_code == 200
    with clock.at(AT + timedelta(minutes=5) + SOON):
        assert client.get("/sign-in/code").location == "/sign-in"
        assert TOO_LATE in client.get("/sign-in").text
        assert type_code(client, code_now()).location == "/sign-in"
        assert not is_in(client)


def test_between_the_pages_the_person_must_stay_who_they_were(depot: Depot, client: FlaskClient) -> None:
    for change in ({"active": False}, {"password_hash": hash_new("another made-up password")}):
        depot.user("packer").active = True
        type_password(client, "packer")
        token = client.get("/sign-in/code").text.split('name="csrf_token" value="')[1].split('"')[0]
        for name, value in change.items():
            setattr(depot.user("packer"), name, value)
        answer = client.post("/sign-in/code", data={"code": code_now(), "csrf_token": token})
        assert answer.location == "/sign-in" and not is_in(client)


def test_nobody_gets_to_the_second_page_without_the_first(client: FlaskClient, depot: Depot) -> None:
    for path in ("/sign-in/code", "/sign-in/enrol"):
        assert client.get(path).location == "/sign-in"
        token = client.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
        answer = client.post(path, data={"code": code_now(), "csrf_token": token})
        assert answer.location == "/sign-in" and not is_in(client)


def enrolling(depot: Depot, client: FlaskClient) -> str:
    """Someone new has typed their password; gives the secret on the page they are led to."""
    add_user(depot.session, username="newcomer", role=Role.PACKER, password=PASSWORD)
    assert type_password(client, "newcomer").location == "/sign-in/enrol"
    page = client.get("/sign-in/enrol").text
    assert "<svg" in page and "style=" not in page
    shown = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert shown is not None
    return shown[1].replace(" ", "")


def confirm(client: FlaskClient, code: str) -> TestResponse:
    token = client.get("/sign-in/enrol").text.split('name="csrf_token" value="')[1].split('"')[0]
    return client.post("/sign-in/enrol", data={"code": code, "csrf_token": token})


def test_at_the_first_sign_in_one_sets_up_a_second_factor(app: Flask, depot: Depot, client: FlaskClient) -> None:
    with clock.at(AT):
        secret = enrolling(depot, client)
        assert said(confirm(client, wrong_code())) == [WRONG_FIRST_CODE]
        assert depot.user("newcomer").totp_secret == "" and not is_in(client)
        shown = confirm(client, code_now(secret))  # the same secret as before the wrong try
    codes = re.findall(r"<li>([A-Z2-7-]{14})</li>", shown.text)
    assert shown.status_code == 200 and len(codes) == 10 and 'href="/desk"' in shown.text
    newcomer = depot.user("newcomer")
    assert unwrap(STAFF_KEY, newcomer.totp_secret, newcomer.id) == secret
    assert not any(code.replace("-", "") in str(newcomer.recovery_hashes) for code in codes)
    again = app.test_client()
    with clock.at(AT + SOON):
        assert is_in(client)
        assert client.get("/sign-in/enrol").location == "/desk", "the codes are not shown again"
        assert type_password(again, "newcomer").location == "/sign-in/code"
        assert said(type_code(again, code_now(secret))) == [WRONG_CODE], "it was used to set up"
        assert type_code(again, codes[0]).location == "/desk"


def test_a_second_factor_is_not_set_up_over_another(depot: Depot, client: FlaskClient) -> None:
    secret = enrolling(depot, client)
    token = client.get("/sign-in/enrol").text.split('name="csrf_token" value="')[1].split('"')[0]
    newcomer = depot.user("newcomer")
    newcomer.totp_secret = kept = wrap(STAFF_KEY, TOTP_SECRET, newcomer.id)
    answer = client.post("/sign-in/enrol", data={"code": code_now(secret), "csrf_token": token})
    assert answer.location == "/sign-in" and depot.user("newcomer").totp_secret == kept and not is_in(client)


def test_the_cookie_does_not_give_the_new_secret_away(depot: Depot, client: FlaskClient) -> None:
    secret = enrolling(depot, client)
    with client.session_transaction() as cookie:
        assert secret not in str(dict(cookie))
        assert unwrap(STAFF_KEY, cookie["pending"]["secret"], depot.user("newcomer").id) == secret


def test_signing_in_starts_a_new_session(depot: Depot, client: FlaskClient) -> None:
    client.get("/sign-in")
    with client.session_transaction() as before:
        before["planted"] = "by someone else"
    sign_in(client, "packer")
    with client.session_transaction() as after:
        assert "planted" not in after and "pending" not in after
        assert set(after) <= {"_user_id", "_fresh", "used", "csrf_token"}, "and nothing about address or browser"


def test_signing_in_is_on_record_without_what_was_typed(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    entry = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "signed in")).one()
    assert (entry.actor, entry.subject, entry.reason) == ("packer", "packer", "password and second factor")


def test_a_wait_is_on_record_once_and_each_refusal_in_the_log_without_a_name(
    depot: Depot, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with clock.at(AT):
        type_password(client, "packer", "a wrong one")
        type_password(client, "packer")
        for _ in range(8):
            type_code(client, wrong_code())
    entries = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "too many tries")).all()
    assert [(entry.actor, entry.subject, entry.reason) for entry in entries] == [("system", "packer", "")]
    assert caplog.messages.count("sign-in refused at the password") == 1
    assert caplog.messages.count("sign-in refused at the second factor") == 8
    assert "packer" not in caplog.text.replace("test_", "") and "a wrong one" not in caplog.text


def test_signing_out_ends_it(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert post(client, "/sign-out").location == "/sign-in"
    assert client.get("/desk").location == "/sign-in?next=/desk"
    assert depot.session.scalars(select(StaffSession)).one().ended_at is not None


def test_changing_the_password_can_end_every_session(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    depot.user("packer").password_hash = hash_new("another made-up password")
    sessions.end_all(depot.session, depot.user("packer"), clock.now())
    assert not is_in(client)


def test_a_name_no_keyboard_types_is_refused(depot: Depot, client: FlaskClient) -> None:
    assert type_password(client, "packer\0").status_code == 400
    type_password(client, "packer")
    assert type_code(client, "\0").status_code == 400
    assert said(type_code(client, "é" * 200)) == [WRONG_CODE]


def test_a_form_without_its_token_is_refused(depot: Depot, client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"username": "packer", "password": PASSWORD}).status_code == 400
    type_password(client, "packer")
    assert client.post("/sign-in/code", data={"code": code_now()}).status_code == 400
    assert not is_in(client)
    sign_in(client, "packer")
    assert client.post("/sign-out").status_code == 400
    assert is_in(client)


def test_after_signing_in_one_is_where_one_wanted(depot: Depot, client: FlaskClient) -> None:
    type_password(client, "packer", next="/stock")
    assert type_code(client, code_now()).location == "/stock"


@pytest.mark.parametrize(
    "next",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/\t/e", "/" * 10_000],
)
def test_but_never_on_another_site(depot: Depot, client: FlaskClient, next: str) -> None:
    type_password(client, "packer", next=next)
    assert type_code(client, code_now()).location == "/desk"


@given(st.text(max_size=30) | st.builds("".join, st.lists(st.sampled_from(["/", "\\", ".", "e", ":", "\t", "@", "?"]))))
def test_a_local_path_stays_on_the_host(path: str) -> None:
    if is_local(path):
        assert urlsplit(urljoin("https://staff.example/", path)).netloc == "staff.example"

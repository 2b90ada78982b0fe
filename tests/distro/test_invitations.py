import logging
import re
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from distro import clock
from distro.accounts import invitations
from distro.auth import Role, User
from distro.db import Base
from distro.outbox import Message
from tests.depot import Depot, code_now, sign_in, type_code, type_password
from tests.distro.joining import NEW_PASSWORD, invite, join, link_in, shown
from tests.distro.joining import admin as admin
from tests.staff import post, said


def test_someone_invited_sets_both_factors_and_comes_in(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    link = invite(admin, role="manager", site="OH", states="oh, ky", email="new@example.org")
    user = depot.user("newcomer")
    assert (user.active, user.role, user.site_code, user.state_codes) == (False, Role.MANAGER, "OH", ["KY", "OH"])
    _, secret = shown(client, link)
    assert shown(client, link)[1] == secret, "a reload shows the same code to scan"
    answer = join(client, link)
    codes = re.findall(r"<li>([A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4})</li>", answer.text)
    assert answer.status_code == 200 and len(codes) == 10
    depot.session.expire_all()
    depot.user("newcomer").totp_last = None
    type_password(client, "newcomer", NEW_PASSWORD)
    assert type_code(client, code_now(secret)).location == "/manage"
    post(client, "/sign-out")
    type_password(client, "newcomer", NEW_PASSWORD)
    assert type_code(client, codes[3]).location == "/manage"


def test_the_code_shown_at_joining_is_used_up(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    link = invite(admin)
    with clock.at(clock.now()):
        _, secret = shown(client, link)
        assert join(client, link).status_code == 200
        type_password(client, "newcomer", NEW_PASSWORD)
        assert type_code(client, code_now(secret)).status_code == 401
    with clock.at(clock.now() + timedelta(seconds=60)):
        type_password(client, "newcomer", NEW_PASSWORD)
        assert type_code(client, code_now(secret)).location == "/desk"


def test_a_link_works_once_and_says_the_same_ever_after(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    used, late, taken_back = invite(admin, "a"), invite(admin, "b"), invite(admin, "c")
    assert join(client, used).status_code == 200
    post(admin, f"/users/{depot.user('c').id}/disable")
    never = "/join/" + "x" * 43
    with clock.at(clock.now() + timedelta(hours=71, minutes=59)):
        assert client.get(late).status_code == 200
    with clock.at(clock.now() + timedelta(hours=72)):
        answers = [client.get(link) for link in (used, late, taken_back, never)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert "Ask the person who sent it" in answers[0].text
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
    assert token
    typed = {"csrf_token": token[1], "password": NEW_PASSWORD, "again": NEW_PASSWORD, "code": "123456"}
    assert client.post(used, data=typed).status_code == client.post(never, data=typed).status_code == 404
    assert not depot.user("c").active


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"again": "something else entirely"}, "not the same"),
        ({"password": "short", "again": "short"}, "at least 15 characters"),
        ({"password": "passwordpassword1", "again": "passwordpassword1"}, "easy to guess"),
        ({"code": "000000"}, "code does not fit"),
        ({"code": ""}, "code does not fit"),
    ],
)
def test_what_does_not_fit_keeps_the_link(
    depot: Depot, admin: FlaskClient, client: FlaskClient, form: dict[str, str], sentence: str
) -> None:
    link = invite(admin)
    answer = join(client, link, **form)
    assert answer.status_code == 422 and sentence in unescape(said(answer)[0])
    depot.session.expire_all()
    user = depot.user("newcomer")
    assert not user.active and not user.password_hash and not user.totp_secret
    assert join(client, link).status_code == 200


def test_a_link_needs_its_form_s_token(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    link = invite(admin)
    _, secret = shown(client, link)
    typed = {"password": NEW_PASSWORD, "again": NEW_PASSWORD, "code": code_now(secret)}
    assert client.post(link, data=typed).status_code == 400
    assert not depot.user("newcomer").active


def test_the_link_s_token_stands_nowhere_but_in_it(
    depot: Depot, admin: FlaskClient, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    link = invite(admin)
    token = link.rsplit("/", 1)[1]
    answer = client.get(link)
    join(client, link)
    client.get(link)
    assert answer.headers["Referrer-Policy"] == "no-referrer" and answer.headers["Cache-Control"] == "no-store"
    kept = [row for table in Base.metadata.sorted_tables for row in depot.session.execute(select(table))]
    assert len(kept) > 20 and not any(token in str(tuple(row)) for row in kept)
    assert token not in caplog.text and link not in caplog.text
    assert len(token) >= 43, "256 bits"


def test_a_mailed_link_says_nothing_of_what_we_do(depot: Depot, admin: FlaskClient) -> None:
    link = invite(admin, email="new@example.org")
    mail = depot.session.scalars(select(Message)).one()
    assert mail.to == "new@example.org" and link in mail.body
    text = f"{mail.subject} {mail.body.replace(link, '')}".lower()
    assert not re.search(r"distro|naloxone|harm|suppl|kit|syringe|warehouse|packer|newcomer", text)


def test_a_host_that_is_set_up_stands_in_the_link(depot: Depot, app: Flask) -> None:
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], staff_url="https://staff.example.org")
    client = app.test_client()
    sign_in(client, "admin")
    answer = post(client, "/users/new", username="newcomer", role="packer")
    assert "https://staff.example.org/join/" in answer.text


def test_a_reset_ends_everything_old_and_begins_anew(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    sign_in(client, "packer")
    link = link_in(post(admin, f"/users/{depot.user('packer').id}/reset"))
    assert client.get("/desk").status_code == 302
    type_password(client, "packer")
    assert client.get("/sign-in/code").status_code in (302, 303), "the old password counts no more"
    again = link_in(post(admin, f"/users/{depot.user('packer').id}/reset"))
    assert client.get(link).status_code == 404, "a new link takes the place of the old one"
    assert join(client, again).status_code == 200
    depot.session.expire_all()
    assert depot.user("packer").active


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"role": "king"}, "Choose a role"),
        ({"role": "packer", "site": "NOPE"}, "no warehouse"),
        ({"role": "packer", "states": "OH, ZZ"}, "no state “ZZ”"),
        ({"role": "packer", "username": "two words"}, "A username has"),
        ({"role": "packer", "username": "packer"}, "is taken"),
        ({"role": "packer", "username": "System"}, "stands for something else in the record"),
        ({"role": "packer", "email": "nobody"}, "email address"),
    ],
)
def test_an_invitation_that_cannot_be_is_refused(
    depot: Depot, admin: FlaskClient, form: dict[str, str], sentence: str
) -> None:
    before = depot.session.scalar(select(func.count()).select_from(User))
    answer = post(admin, "/users/new", **{"username": "newcomer", **form})
    assert answer.status_code in (404, 422) and sentence in unescape(said(answer)[0])
    assert depot.session.scalar(select(func.count()).select_from(User)) == before


def test_of_two_who_follow_one_link_at_once_one_joins(depot: Depot) -> None:
    session, now = depot.session, clock.now()
    _, token = invitations.invite(session, username="newcomer", role=Role.PACKER, by="admin", at=now)
    first, second = (invitations.invitation(session, token, now) for _ in range(2))
    invitations.join(session, first, password=NEW_PASSWORD, at=now)
    with pytest.raises(invitations.LinkOver):
        invitations.join(session, second, password="someone else's long password", at=now)

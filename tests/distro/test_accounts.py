import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from distro import audit, clock
from distro.accounts import invitations, people
from distro.audit import AuditEntry
from distro.auth import Role, User
from tests.conftest import Cli
from tests.depot import Depot, sign_in, type_password
from tests.distro.joining import admin as admin
from tests.distro.joining import invite, join
from tests.staff import post, said

STEPS: dict[str, Callable[[FlaskClient, int], TestResponse]] = {
    "disable": lambda client, number: post(client, f"/users/{number}/disable"),
    "reset": lambda client, number: post(client, f"/users/{number}/reset"),
    "demote": lambda client, number: post(client, f"/users/{number}/access", role="packer"),
}


@pytest.mark.parametrize("step", STEPS)
def test_nobody_can_take_their_own_account_away(depot: Depot, admin: FlaskClient, step: str) -> None:
    depot.session.add(User(username="admin-2", role=Role.ADMIN, password_hash="x"))
    answer = STEPS[step](admin, depot.user("admin").id)
    assert answer.status_code == 409 and "your own account" in said(answer)[0]
    depot.session.expire_all()
    assert depot.user("admin").active and depot.user("admin").role == Role.ADMIN


@pytest.mark.parametrize(
    "act",
    [
        lambda session, user: people.disable(session, user, by="system", at=clock.now()),
        lambda session, user: invitations.reset(session, user, by="system", at=clock.now()),
        lambda session, user: people.change_access(
            session, user, role=Role.MANAGER, site_code=None, state_codes=[], by="system", at=clock.now()
        ),
    ],
    ids=["disable", "reset", "demote"],
)
def test_the_last_admin_who_can_sign_in_stays(depot: Depot, act: Callable[..., object]) -> None:
    session = depot.session
    invited, _ = invitations.invite(session, username="admin-2", role=Role.ADMIN, by="admin", at=clock.now())
    invited.active = True  # even so: without a password they cannot come in
    with pytest.raises(people.LastAdmin):
        act(session, depot.user("admin"))
    invited.password_hash = "x"
    act(session, depot.user("admin"))


def test_an_admin_who_comes_in_only_by_a_provider_counts_while_there_is_one(app: Flask, depot: Depot) -> None:
    depot.session.add(User(username="admin-2", role=Role.ADMIN, password_hash="", oidc_subject="c" * 64))
    with pytest.raises(people.LastAdmin):
        people.disable(depot.session, depot.user("admin"), by="admin-2", at=clock.now())
    known = {"oidc_issuer": "https://provider.example", "oidc_client_id": "distro"}
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], **known)
    people.disable(depot.session, depot.user("admin"), by="admin-2", at=clock.now())


SCOPES = [  # own site and states, those handed out, whether that may be
    ((None, []), (None, []), True),
    (("OH", []), ("OH", ["KY"]), True),
    (("OH", []), (None, []), False),
    (("OH", []), ("MN", []), False),
    ((None, ["OH", "KY"]), ("MN", ["OH"]), True),
    ((None, ["OH", "KY"]), (None, []), False),
    ((None, ["OH", "KY"]), (None, ["OH", "MN"]), False),
]


@pytest.mark.parametrize(("own", "given", "may"), SCOPES)
def test_an_admin_gives_nobody_more_than_they_have(
    depot: Depot,
    admin: FlaskClient,
    own: tuple[str | None, list[str]],
    given: tuple[str | None, list[str]],
    may: bool,
) -> None:
    (depot.user("admin").site_code, depot.user("admin").state_codes), packer = own, depot.user("packer")
    packer.site_code, packer.state_codes = given
    form = {"role": "admin", "site": given[0] or "", "states": " ".join(given[1])}
    answers = [post(admin, "/users/new", username="helper", **form)]
    answers += [STEPS[step](admin, packer.id) for step in ("disable", "reset")]
    assert [answer.status_code for answer in answers] == ([200, 303, 409] if may else [403] * 3)
    packer.active, packer.site_code, packer.state_codes = True, *own
    taken = post(admin, f"/users/{packer.id}/access", **form)
    assert taken.status_code == (303 if may else 403)
    assert may or "covers" in said(taken)[0]


def test_disabling_ends_sessions_at_once_and_enabling_lets_in_again(
    depot: Depot, admin: FlaskClient, client: FlaskClient
) -> None:
    sign_in(client, "packer")
    number = depot.user("packer").id
    assert post(admin, f"/users/{number}/disable").status_code == 303
    assert client.get("/desk").location == "/sign-in?next=/desk"
    type_password(client, "packer")
    assert client.get("/desk").status_code == 302
    assert post(admin, f"/users/{number}/reset").status_code == 409, "a link would let them in"
    assert post(admin, f"/users/{number}/enable").status_code == 303
    assert client.get("/desk").status_code == 302, "an ended session stays ended"
    assert sign_in(client, "packer").location == "/desk"


def test_signing_someone_out_everywhere(depot: Depot, admin: FlaskClient, app: Flask) -> None:
    browsers = [app.test_client() for _ in range(2)]
    for browser in browsers:
        sign_in(browser, "packer")
    assert "2 browsers" in admin.get(f"/users/{depot.user('packer').id}").text
    post(admin, f"/users/{depot.user('packer').id}/end-sessions")
    assert [browser.get("/desk").status_code for browser in browsers] == [302, 302]
    assert post(admin, f"/users/{depot.user('admin').id}/end-sessions").status_code == 303
    assert admin.get("/users").status_code == 200, "an admin's own page goes on"


def test_a_new_role_holds_from_the_next_click(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert client.get("/manage").status_code == 403
    post(admin, f"/users/{depot.user('packer').id}/access", role="manager", site="", states="")
    assert client.get("/manage").status_code == 200


def test_every_change_is_on_the_record(depot: Depot, admin: FlaskClient, client: FlaskClient) -> None:
    link = invite(admin)
    join(client, link)
    number = depot.user("newcomer").id
    post(admin, f"/users/{number}/access", role="reviewer", site="", states="OH")
    for step in ("end-sessions", "disable", "enable", "reset"):
        post(admin, f"/users/{number}/{step}")
    entries = depot.session.execute(
        select(AuditEntry.actor, AuditEntry.action, AuditEntry.reason)
        .where(AuditEntry.subject == "newcomer")
        .order_by(AuditEntry.id)
    ).all()
    assert [tuple(entry) for entry in entries] == [
        ("admin", "invite user", "packer"),
        ("newcomer", "join", "with a password"),
        ("admin", "change user", "packer -> reviewer for OH"),
        ("admin", "end sessions", ""),
        ("admin", "disable user", ""),
        ("admin", "enable user", ""),
        ("admin", "reset user", ""),
    ]


@pytest.mark.parametrize("username", ["packer", "manager", "reviewer"])
def test_accounts_are_the_admins_business(depot: Depot, client: FlaskClient, username: str) -> None:
    sign_in(client, username)
    assert client.get("/users").status_code == 403
    assert post(client, f"/users/{depot.user('packer').id}/disable").status_code == 403
    assert client.get("/account").status_code == 200


def test_accounts_from_the_shell(depot: Depot, cli: Cli, client: FlaskClient) -> None:
    told = cli("user", "invite", "shell", "--role", "packer", "--site", "OH", "--state", "OH", "--state", "ky")
    assert told.returncode == 0, told.stderr
    link = re.search(r"/join/[\w-]+", told.stdout)
    assert link and join(client, link[0]).status_code == 200
    assert '"standing": "active"' in cli("user", "list", "--json").stdout
    for step in ("end-sessions", "disable", "enable", "reset"):
        told = cli("user", step, "shell", "--by", "admin")
        assert told.returncode == 0, told.stderr
    depot.session.expire_all()
    assert depot.user("shell").state_codes == ["KY", "OH"] and not depot.user("shell").active
    assert audit.count(depot.session, action="disable user", subject="shell") == 1
    assert cli("user", "disable", "packer", "--by", "packer").returncode == 1, "only admins"
    assert cli("user", "disable", "admin").returncode == 1, "the last admin"
    assert cli("user", "invite", "x", "--role", "packer", "--email", "x@example.org").returncode == 1, "no STAFF_URL"
    mailed = cli(
        *("user", "invite", "x", "--role", "packer", "--email", "x@example.org"),
        env={"STAFF_URL": "https://staff.example.org"},
    )
    assert "https://staff.example.org/join/" in mailed.stdout and "x@example.org" in mailed.stdout

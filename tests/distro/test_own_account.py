import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from distro import clock
from tests.depot import Depot, sign_in, type_code, type_password
from tests.distro.joining import NEW_PASSWORD, fresh_code, own
from tests.distro.joining import admin as admin
from tests.staff import post, said


def test_changing_one_s_password_ends_every_other_session(depot: Depot, app: Flask) -> None:
    here, there = app.test_client(), app.test_client()
    for client in (here, there):
        sign_in(client, "packer")
    fresh_code(depot, "packer")
    assert own(here, "password", new=NEW_PASSWORD, again=NEW_PASSWORD).location == "/account"
    assert here.get("/account").status_code == 200 and there.get("/account").status_code == 302
    type_password(there, "packer")
    assert there.get("/sign-in/code").status_code in (302, 303)
    type_password(there, "packer", NEW_PASSWORD)
    assert there.get("/sign-in/code").status_code == 200


@pytest.mark.parametrize("form", [{"password": "wrong"}, {"code": "000000"}, {"password": "", "code": "abc"}])
@pytest.mark.parametrize("what", ["password", "recovery-codes", "provider", "provider/unlink"])
def test_nothing_of_one_s_own_changes_without_password_and_code(
    depot: Depot, client: FlaskClient, what: str, form: dict[str, str]
) -> None:
    sign_in(client, "packer")
    fresh_code(depot, "packer")
    before = {**vars(depot.user("packer"))}
    answer = own(client, what, **{"new": NEW_PASSWORD, "again": NEW_PASSWORD, **form})
    assert answer.status_code == 403 and "do not fit" in said(answer)[0]
    depot.session.expire_all()
    after = depot.user("packer")
    assert (after.password_hash, after.recovery_hashes, after.oidc_subject) == (
        before["password_hash"],
        before["recovery_hashes"],
        before["oidc_subject"],
    )
    assert after.failures == 1


def test_a_code_is_used_up_and_wrong_tries_make_one_wait(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    with clock.at(clock.now()):
        fresh_code(depot, "packer")
        assert own(client, "recovery-codes").status_code == 200
        assert own(client, "recovery-codes").status_code == 403, "the same code once more"
        for _ in range(5):
            own(client, "recovery-codes", password="wrong")
        fresh_code(depot, "packer")
        assert own(client, "recovery-codes").status_code == 403, "right, but too soon"
    with clock.at(clock.now() + timedelta(minutes=6)):
        assert own(client, "recovery-codes").status_code == 200


def test_new_recovery_codes_take_the_place_of_the_old(depot: Depot, app: Flask, client: FlaskClient) -> None:
    other = app.test_client()
    for browser in (client, other):
        sign_in(browser, "packer")
        fresh_code(depot, "packer")
    first = re.findall(r"<li>([\w-]{14})</li>", own(client, "recovery-codes").text)
    assert client.get("/account").status_code == 200 and other.get("/account").status_code == 302
    fresh_code(depot, "packer")
    second = re.findall(r"<li>([\w-]{14})</li>", own(client, "recovery-codes").text)
    assert len(first) == len(second) == 10 and not set(first) & set(second)
    post(client, "/sign-out")
    type_password(client, "packer")
    assert type_code(client, first[0]).status_code == 401
    assert type_code(client, second[0]).location == "/desk"


def test_signing_oneself_out_everywhere(depot: Depot, app: Flask) -> None:
    browsers = [app.test_client() for _ in range(2)]
    for browser in browsers:
        sign_in(browser, "manager")
    assert post(browsers[0], "/account/sign-out-everywhere").location == "/sign-in"
    assert [browser.get("/manage").status_code for browser in browsers] == [302, 302]

"""Accepting an invitation as someone of the provider."""

import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.depot import Depot, code_now, sign_in
from tests.distro.joining import invite, join, shown
from tests.distro.oidc_provider import LocalProvider
from tests.distro.test_oidc import app as app
from tests.distro.test_oidc import at_provider, by_provider, come_back, signed_in
from tests.distro.test_oidc import provider as provider
from tests.distro.test_oidc import served as served


def accept(client: FlaskClient, link: str) -> TestResponse:
    """Follow a link and accept it as the person at the provider."""
    token, _ = shown(client, link)
    page = client.post(f"{link}/provider", data={"csrf_token": token})
    address = re.search(r'href="(http://127[^"]+)"', page.text)
    assert address, page.text
    return come_back(client, at_provider(unescape(address[1])))


@pytest.fixture
def invited(depot: Depot, app: Flask) -> str:
    admin = app.test_client()
    sign_in(admin, "admin")
    return invite(admin)


def finish(client: FlaskClient, link: str, **form: str) -> TestResponse:
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(link).text)
    assert token
    return client.post(link, data={"csrf_token": token[1], **form})


def test_an_invitation_is_accepted_as_someone_of_the_provider(depot: Depot, invited: str, client: FlaskClient) -> None:
    assert accept(client, invited).location == invited
    assert not depot.user("newcomer").active
    assert finish(client, invited).status_code == 200
    depot.session.expire_all()
    user = depot.user("newcomer")
    assert user.active and not user.password_hash and not user.totp_secret
    assert client.get(invited).status_code == 404
    assert by_provider(client).location == "/desk"


def test_with_one_factor_there_a_code_is_set_up_here(
    depot: Depot, invited: str, client: FlaskClient, provider: LocalProvider
) -> None:
    provider.amr = ["pwd"]
    accept(client, invited)
    _, secret = shown(client, invited)
    assert finish(client, invited).status_code == 422
    assert finish(client, invited, code=code_now(secret)).status_code == 200
    assert by_provider(client).location == "/sign-in/code"


def test_two_factors_there_are_not_one_later(
    depot: Depot, invited: str, client: FlaskClient, provider: LocalProvider
) -> None:
    accept(client, invited)
    finish(client, invited)
    provider.amr = ["pwd"]
    answer = by_provider(client)
    assert answer.status_code == 403 and "one factor only" in answer.text
    assert not signed_in(client)


def test_one_may_set_a_password_after_all(depot: Depot, invited: str, client: FlaskClient) -> None:
    accept(client, invited)
    token = re.search(r'name="csrf_token" value="([^"]+)"', client.get(invited).text)
    assert token
    client.post(f"{invited}/with-password", data={"csrf_token": token[1]})
    assert join(client, invited).status_code == 200
    depot.session.expire_all()
    assert depot.user("newcomer").oidc_subject is None

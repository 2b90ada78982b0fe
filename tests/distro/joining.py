"""What tests of accounts share: inviting someone, following the link, and changing one's own account."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.depot import PASSWORD, Depot, code_now, sign_in
from tests.staff import post, said

NEW_PASSWORD = "quiet lantern over seven rivers"


def invite(client: FlaskClient, username: str = "newcomer", **form: str) -> str:
    """Invite someone as the signed-in admin; gives the path of the link that is shown."""
    answer = post(client, "/users/new", **{"username": username, "role": "packer", **form})
    assert answer.status_code == 200, said(answer)
    return link_in(answer)


def link_in(answer: TestResponse) -> str:
    found = re.search(r"<textarea[^>]*>(https?://[^/]+)(/join/[\w-]+)</textarea>", answer.text)
    assert found, answer.text
    return found[2]


def shown(client: FlaskClient, link: str) -> tuple[str, str]:
    """The form's token and the second factor that the page behind a link shows."""
    page = client.get(link).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    secret = re.search(r'id="secret">([A-Z2-7 ]+)<', page)
    assert token and secret
    return token[1], secret[1].replace(" ", "")


def join(client: FlaskClient, link: str, password: str = NEW_PASSWORD, **form: str) -> TestResponse:
    token, secret = shown(client, link)
    typed = {"csrf_token": token, "password": password, "again": password, "code": code_now(secret), **form}
    return client.post(link, data=typed)


@pytest.fixture
def admin(depot: Depot, app: Flask) -> FlaskClient:
    client = app.test_client()
    sign_in(client, "admin")
    return client


def own(client: FlaskClient, what: str, password: str = PASSWORD, code: str = "", **form: str) -> TestResponse:
    return post(client, f"/account/{what}", password=password, code=code or code_now(), **form)


def fresh_code(depot: Depot, username: str) -> None:
    """As if the next thirty seconds had begun: a code counts once."""
    depot.session.expire_all()
    depot.user(username).totp_last = None
    depot.session.commit()

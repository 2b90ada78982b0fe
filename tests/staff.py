"""What tests of staff pages share: posting a form with its token, and reading what the page says."""

import re
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


def post(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """Post a form as a page of the signed-in person would, with the session's token."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/staff", follow_redirects=True).text)
    assert found, "no form on the first page: not signed in?"
    return client.post(path, data={"csrf_token": found[1], **form})


def said(response: TestResponse, kind: str = "danger") -> list[str]:
    """The sentences the page shows in alerts of a kind, without their sign."""
    found = re.findall(rf'class="alert alert-{kind}.*?<div>(.*?)</div>', response.text, re.DOTALL)
    return [unescape(sentence).strip() for sentence in found]

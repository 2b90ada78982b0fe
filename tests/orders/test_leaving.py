"""The way out: on every page, small, and where the operator wants it to lead."""

import gzip
import re

import pytest
from flask.testing import FlaskClient

from distro.app import create_app
from distro.config import Settings
from distro.errors import SettingWrong
from tests.depot import Depot

LINK = re.compile(r'<a class="leave" id="leave" href="((?:/es)?/leave)" rel="noreferrer"')


def test_the_way_out_leads_where_the_operator_says(settings: Settings, depot: Depot) -> None:
    elsewhere = create_app(settings.__class__(**{**vars(settings), "leave_url": "https://example.org/recipes"}))
    answer = elsewhere.test_client().get("/leave")
    assert (answer.status_code, answer.location) == (303, "https://example.org/recipes")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"' and answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "typed", ["http://example.org", "javascript:x", "https://", "example.org", "https://a b", "//x"]
)
def test_it_leads_to_no_page_that_others_can_read_on_the_way(settings: Settings, typed: str) -> None:
    assert Settings.from_env({"LEAVE_URL": "https://example.org/"}, instance=settings.instance).leave_url
    with pytest.raises(SettingWrong, match="LEAVE_URL"):
        Settings.from_env({"LEAVE_URL": typed}, instance=settings.instance)


def test_it_is_on_every_page_and_on_those_that_say_what_went_wrong(client: FlaskClient, depot: Depot) -> None:
    pages = [client.get(path) for path in ("/", "/es/", "/cards", "/learn", "/law", "/safety", "/status", "/nowhere")]
    pages += [
        client.put("/"),
        client.post("/answer", data={}),
        client.post("/answer", data="{}", content_type="text/x"),
    ]
    pages += [client.post("/status", data={"code": "x"}), client.post("/status", data={"code": "\0"})]
    for page in pages:
        assert LINK.search(page.text) and '<script src="/static/leave.js" defer>' in page.text, page.text
        assert re.search(r'href="(/es)?/safety"', page.text) and re.search(r'href="(/es)?/cards"', page.text)
        assert (
            page.headers["Cache-Control"] == "no-store"
            and "script-src 'self'" in page.headers["Content-Security-Policy"]
        )
    assert {page.status_code for page in pages} >= {200, 400, 404, 405, 415, 422}
    assert client.get("/").text.split("</fieldset>")[0].count('href="/safety"') == 1  # beside the line about leaving


def test_both_scripts_together_take_three_kilobytes(client: FlaskClient) -> None:
    sizes = [len(gzip.compress(client.get(f"/static/{name}").data)) for name in ("leave.js", "effort.js")]
    assert sum(sizes) <= 3_000, sizes

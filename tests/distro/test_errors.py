"""What goes wrong is said in a sentence, on a page that can always be made, and tells nobody who was there."""

import gzip
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event
from sqlalchemy.exc import IntegrityError

from distro.app import create_app
from distro.config import Settings, Surface
from distro.db import db
from tests.depot import PASSWORD, Depot, sign_in
from tests.orders.forms import filled
from tests.served import served
from tests.staff import post, said

AWAY = "The database is busy or away. Nothing was changed."
CANARY = "CanaryRobin"


@pytest.fixture
def manager(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "manager")
    return client


@pytest.mark.parametrize(
    "path",
    [
        "/desk/orders/%00",
        "/stock?item=%00",
        "/stock?lot=a%00b",
        "/stock?%00=a",
        "/stock/export.csv?state=%00",
        "/planning/demand?item=%00",
        "/planning/demand?site=%00",
        "/planning/demand?state=O%00",
        "/manage?item=%00",
        "/rules/place?zip=%00",
        "/sign-in?next=%00",
        "/?x=%00",
        "/%00",
    ],
)
def test_an_address_with_a_nul_is_refused(manager: FlaskClient, path: str) -> None:
    answer = manager.get(path)
    assert answer.status_code == 400 and "could not be read" in answer.text


@pytest.mark.parametrize("path", ["/stock/receive", "/stock/lots/1/adjust", "/stock/lots/1/hold", "/desk/open"])
def test_a_staff_form_with_a_nul_is_refused(manager: FlaskClient, path: str) -> None:
    assert post(manager, path, reason="a\0b").status_code == 400


@pytest.mark.parametrize("path", ["/answer", "/check", "/es/done", "/status", "/erase"])
def test_a_public_form_with_a_nul_is_refused(client: FlaskClient, depot: Depot, path: str) -> None:
    answer = client.post(path, data={**filled(client), "name": "a\0b", "code": "\0"})
    assert answer.status_code == 400 and ("leer" if path.startswith("/es") else "read") in answer.text


NOWHERE = ["sqlite:////no-such-folder/distro.sqlite3", "postgresql+psycopg://distro@/distro?host=/no-such-folder"]


@pytest.fixture(params=NOWHERE, ids=["sqlite", "postgresql"])
def stranded(request: pytest.FixtureRequest, client: FlaskClient, depot: Depot, settings: Settings) -> FlaskClient:
    """Somebody who signed in before the database went away."""
    sign_in(client, "packer")
    app = create_app(replace(settings, database_url=request.param))
    cookie, visitor = client.get_cookie("staff"), app.test_client()
    assert cookie is not None
    visitor.set_cookie("staff", cookie.value)
    return visitor


@pytest.mark.parametrize("path", ["/staff", "/desk", "/stock", "/stock/receive", "/desk/orders/x"])
def test_staff_pages_without_a_database_say_so(stranded: FlaskClient, path: str) -> None:
    answer = stranded.get(path)
    assert answer.status_code == 503 and AWAY in answer.text and "Please try again" in answer.text


def test_a_form_sent_without_a_database_keeps_what_was_typed(client: FlaskClient, stranded: FlaskClient) -> None:
    token = fields(client.get("/stock/receive").text)["csrf_token"]
    answer = stranded.post("/stock/receive", data={"csrf_token": token, "document": "DEL-<9>", "quantity": "24"})
    assert answer.status_code == 503 and AWAY in answer.text and "send the form again" in answer.text
    assert fields(answer.text) == {"csrf_token": token, "document": "DEL-<9>", "quantity": "24"}
    assert 'action="/stock/receive"' in answer.text


def test_a_password_is_never_kept(stranded: FlaskClient) -> None:
    stranded.delete_cookie("staff")
    token = fields(stranded.get("/sign-in").text)["csrf_token"]
    answer = stranded.post("/sign-in", data={"csrf_token": token, "username": "packer", "password": PASSWORD})
    assert answer.status_code == 503 and AWAY in answer.text and PASSWORD not in answer.text


def test_a_script_reads_the_same_sentence(stranded: FlaskClient) -> None:
    answer = stranded.get("/stock", headers={"Accept": "application/json"})
    assert answer.status_code == 503 and answer.json is not None and AWAY in answer.json["error"]


@pytest.mark.usefixtures("short_waits")
def test_once_the_database_is_free_the_kept_form_goes_through(
    depot: Depot, client: FlaskClient, settings: Settings
) -> None:
    sign_in(client, "packer")
    form = fields(client.get("/stock/receive").text) | {
        "item": "naloxone-nasal",
        "lot": "NX-1",
        "expires_on": "2035-01-31",
        "fund": "OPEN",
        "bin": "OH:A-01",
        "quantity": "24",
        "document": "DEL-9",
    }
    with _held(settings.database_url):
        answer = client.post("/stock/receive", data=form)
    assert answer.status_code == 503 and AWAY in answer.text
    again = client.post("/stock/receive", data=fields(answer.text))
    assert said(client.get(again.location), "success") == ["Received 24 of lot NX-1 into OH A-01."]


def test_a_fault_of_ours_is_not_blamed_on_the_database(app: Flask, depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")

    def refuse(*_: object) -> None:
        raise IntegrityError("SELECT", {}, ValueError())

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", refuse)
    answer = client.get("/stock")
    event.remove(engine, "before_cursor_execute", refuse)
    assert answer.status_code == 500 and "Something went wrong" in answer.text and AWAY not in answer.text


def test_another_error_without_a_database_still_makes_a_page(settings: Settings, stranded: FlaskClient) -> None:
    staff = create_app(replace(stranded.application.config["SETTINGS"], surface=Surface.STAFF)).test_client()
    cookie = stranded.get_cookie("staff")
    assert cookie is not None
    staff.set_cookie("staff", cookie.value)
    answer = staff.get("/no-such-page")  # the page for 404 says who is signed in
    assert answer.status_code == 503 and AWAY in answer.text


def test_an_error_that_nobody_foresaw_makes_a_page(app: Flask, depot: Depot, client: FlaskClient) -> None:
    app.testing = False
    app.view_functions["login.sign_in"] = lambda: 1 / 0
    answer = client.get("/sign-in")
    assert answer.status_code == 500 and "Something went wrong" in answer.text


@pytest.mark.parametrize(
    ("accepted", "compressed"),
    [("gzip", True), ("gzip, br", True), ("gzip;q=0.5", True), ("gzip;q=0", False), ("identity", False), ("", False)],
)
def test_a_page_is_compressed_for_who_wants_it(
    client: FlaskClient, depot: Depot, accepted: str, compressed: bool
) -> None:
    answer = client.get("/", headers={"Accept-Encoding": accepted})
    assert ("Content-Encoding" in answer.headers) == compressed and "Accept-Encoding" in answer.headers["Vary"]
    assert b"<h1>" in (gzip.decompress(answer.data) if compressed else answer.data)


def test_what_holds_a_code_or_something_typed_is_not_compressed(client: FlaskClient, depot: Depot) -> None:
    form, wants = filled(client), {"Accept-Encoding": "gzip"}
    for path in ("/check", "/done", "/status"):
        answer = client.post(path, data=form, headers=wants)
        assert "Content-Encoding" not in answer.headers and "<h1" in answer.text
    style = client.get("/static/public.css", headers=wants)
    assert style.headers["Content-Encoding"] == "gzip"


def test_a_malformed_request_leaves_neither_its_words_nor_its_address(settings: Settings, tmp_path: Path) -> None:
    with served(settings, tmp_path / "said") as port:
        for line in (
            f"name={CANARY}\r\n\r\n",
            f"GET /?{CANARY} HTTP/9.9\r\n\r\n",
            f"GET / HTTP/1.1\r\n{CANARY}\r\n\r\n",
        ):
            assert "400" in _send(port, line.encode())
        assert "Content-Length" in _send(port, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    told = (tmp_path / "said").read_text()
    assert "a malformed request was refused" in told
    assert CANARY not in told and "127.0.0.1" not in told.partition("Ctrl-C stops it.")[2]


def fields(page: str) -> dict[str, str]:
    """The hidden fields of a page's last form."""
    found = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', page.rpartition("<form")[2])
    return {name: unescape(value) for name, value in found}


def _send(port: int, raw: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


@contextmanager
def _held(url: str) -> Iterator[None]:
    """The stock tables, held by somebody else for longer than we wait."""
    engine = create_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if sqlite else "LOCK TABLE balances IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()
    engine.dispose()

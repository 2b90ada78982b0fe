"""Every byte on disk is searched for a person: outside the keyring's reach there is none. And the search can see."""

import base64
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from distro.config import Settings
from orders import codes, queries
from orders.models import Status
from tests.conftest import Cli
from tests.depot import Depot, sign_in

PLANTED = {
    "name": "Quillby Canaryson",
    "line1": "4711 Canarywharf Lane",
    "line2": "Apt Zebrafinch 9",
    "city": "Canaryville",
    "email": "quillby.canaryson@example.org",
}


def ask(client: FlaskClient) -> str:
    """Walk the public pages with the planted person; gives back the claim code."""
    page = client.get("/").text
    form = {"form": hidden(page, "form"), "item": "naloxone-nasal", "many-naloxone-nasal": "1", "zip": "43215"}
    form |= {**PLANTED, "state": "OH", "contact": "email"}
    for step in ("/answer", "/where", "/contact", "/check"):
        assert client.post(step, data=form).status_code == 200, step
    done = client.post("/done", data=form)
    found = re.search(r'id="claim-code"[^>]*>([^<]+)<', done.text)
    assert found, done.text
    return found[1]


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return found[1]


def press(client: FlaskClient, path: str, **form: str) -> TestResponse:
    """Post a staff form as its page does, with the CSRF token of a page before."""
    token = hidden(client.get("/desk").text, "csrf_token")
    return client.post(path, data={"csrf_token": token, **form}, follow_redirects=True)


def forms_of(word: str) -> list[bytes]:
    """The ways a word may lie on disk: as it is, in other encodings, in base64 at any offset, in hex, reversed."""
    raw = word.encode()
    shifted = [base64.b64encode(b"x" * offset + raw)[4 : -4 or None] for offset in range(3)]
    return [
        raw,
        raw.lower(),
        raw.upper(),
        raw[::-1],
        word.encode("utf-16le"),
        raw.hex().encode(),
        word.replace(" ", "+").encode(),
        word.replace(" ", "%20").encode(),
        *shifted,
    ]


def found_in(content: bytes) -> list[str]:
    """Which of the planted words lie in `content`, in any form."""
    return [word for word in PLANTED.values() if any(form in content for form in forms_of(word))]


def everything_on_disk(settings: Settings, session: Session) -> Iterator[tuple[str, bytes]]:
    """Every file of the instance but the keyring, and every file of the database server's own directory."""
    roots = [settings.instance]
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("CHECKPOINT"))
        roots.append(Path(session.scalar(text("SHOW data_directory")) or ""))
    else:
        roots.append(Path(str(session.get_bind().engine.url.database)).parent)
    session.commit()
    for root in roots:
        files = [path for path in root.rglob("*") if path.is_file() and settings.keyring not in path.parents]
        assert files, root
        for path in files:
            yield str(path), path.read_bytes()


@pytest.fixture
def shipped(
    app: Flask, client: FlaskClient, depot: Depot, caplog: pytest.LogCaptureFixture
) -> tuple[str, pytest.LogCaptureFixture]:
    """A request of the planted person that went all the way, with mistakes on it, while every log was kept."""
    caplog.set_level(logging.DEBUG)
    depot.shelve(quantity=10)
    client.post("/check", data={**PLANTED, "form": "tampered", "zip": "43215"})
    client.post("/done", data={**PLANTED, "zip": "nowhere"})
    code = ask(client)
    depot.settle()
    order = queries.by_code(depot.session, depot.settings.secret_key, code)
    number = order.number
    staff = app.test_client()
    sign_in(staff, "packer")
    for scanned in ("WRONG", "LOT1", number):
        press(staff, f"/desk/orders/{number}/scan", scan=scanned)
    label = press(staff, f"/desk/orders/{number}/label")
    assert label.mimetype == "application/pdf" and label.status_code == 200
    press(staff, f"/desk/orders/{number}/ship")
    depot.session.expire_all()
    assert order.status == Status.SHIPPED
    return code, caplog


def test_no_planted_word_lies_anywhere(
    shipped: tuple[str, pytest.LogCaptureFixture], depot: Depot, cli_process: Cli
) -> None:
    code, caplog = shipped
    for name, content in everything_on_disk(depot.settings, depot.session):
        assert found_in(content) == [], name
        assert code.encode() not in content, name
    assert found_in(caplog.text.encode()) == [] and code not in caplog.text
    for command in (("orders", "list", "--json"), ("stock", "show", "--json")):
        told = cli_process(*command)
        assert told.returncode == 0 and found_in((told.stdout + told.stderr).encode()) == []


def test_control_one_leak_of_each_kind_is_found(depot: Depot) -> None:
    """The search proves something only if it finds what is really there."""
    order = depot.request()
    order.note = PLANTED["name"]
    (depot.settings.instance / "mail.eml").write_bytes(base64.b64encode(f"To {PLANTED['email']}".encode()))
    (depot.settings.instance / "label.bin").write_bytes(PLANTED["line1"].encode("utf-16le"))
    (depot.settings.instance / "log.txt").write_text(json.dumps({"line": PLANTED["line2"]}))
    depot.session.commit()
    found = {word for _, content in everything_on_disk(depot.settings, depot.session) for word in found_in(content)}
    assert found == set(PLANTED.values()) - {PLANTED["city"]}


def test_the_code_opens_what_it_should(shipped: tuple[str, pytest.LogCaptureFixture], client: FlaskClient) -> None:
    code, _ = shipped
    page = client.post("/status", data={"code": code}).text
    assert "in the mail" in page and found_in(page.encode()) == []
    assert codes.clean_code(code) == code

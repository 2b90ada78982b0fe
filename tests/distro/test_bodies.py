"""What is sent to us: no form, too much of one, or bytes that two servers could read in two ways."""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from distro import edge
from distro.app import create_app
from distro.config import Settings
from tests.depot import Depot, sign_in
from tests.served import served


@pytest.mark.parametrize("path", ["/answer", "/check", "/es/done", "/status", "/sign-in", "/stock/receive"])
def test_what_is_no_form_is_refused_politely(app: Flask, depot: Depot, path: str) -> None:
    client = app.test_client()
    sign_in(client, "packer")
    for kind in ("application/json", "text/xml", "application/octet-stream", "", "x" * 200):
        answer = client.post(path, data=b'{"name": "x"}', content_type=kind)
        assert answer.status_code in (400, 415), (kind, answer.status)


@pytest.mark.parametrize("path", ["/answer", "/check", "/done", "/status", "/sign-in", "/stock/receive"])
def test_a_form_in_parts_breaks_nothing(app: Flask, depot: Depot, path: str) -> None:
    client = app.test_client()
    for data in (
        {"name": (BytesIO(b"x" * 1000), "x.exe")},
        {"zip": "43215", "item": "naloxone-nasal"},
        {f"f{number}": "x" for number in range(150)},  # more parts than any form has
    ):
        answer = client.post(path, data=data, content_type="multipart/form-data")
        assert answer.status_code < 500, answer.status
    broken = client.post(path, data=b"--b\r\nno headers", content_type="multipart/form-data; boundary=b")
    assert broken.status_code < 500
    too_many = client.post(path, data={f"f{n}": "x" for n in range(150)}, content_type="multipart/form-data")
    assert too_many.status_code == 413


def test_a_form_of_too_many_fields_is_refused(client: FlaskClient, depot: Depot) -> None:
    body = "&".join(["a"] * (edge.MOST_FIELDS + 1))
    kind = "application/x-www-form-urlencoded"
    assert client.post("/check", data=body, content_type=kind).status_code == 413
    assert client.post("/check", data=body[:-2], content_type=kind).status_code != 413


@pytest.mark.parametrize("path", ["/.git/config", "/.env", "/metrics", "/debug", "/console", "/static/../app.py"])
def test_what_scanners_look_for_is_not_there(client: FlaskClient, depot: Depot, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.get(path + "?__debugger__=yes&cmd=resource&f=style.css").status_code == 404


def test_a_client_s_word_on_where_it_comes_from_is_ignored(settings: Settings, depot: Depot) -> None:
    app, seen = create_app(settings), []
    app.before_request(lambda: seen.append(_where()))
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    app.test_client().get("/privacy", headers=lies | {"Forwarded": "for=203.0.113.9;host=evil.example"})
    trusting = create_app(replace(settings, proxies=1))
    trusting.before_request(lambda: seen.append(_where()))
    trusting.test_client().get("/privacy", headers=lies | {"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert seen == [("127.0.0.1", "http", "localhost"), ("203.0.113.9", "https", "localhost")]


def _where() -> tuple[str | None, str, str]:
    return request.remote_addr, request.scheme, request.host


SMUGGLED = {
    "both lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG",
    "two lengths": b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "no number": b"POST /check HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\na",
    "odd coding": b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding twice": b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "space in a name": b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "folded": b"POST /check HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "bad chunk": b"POST /check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
}


@pytest.fixture
def port(settings: Settings, depot: Depot, tmp_path: Path) -> Iterator[int]:
    depot.session.commit()
    with served(settings, tmp_path / "said", DISTRO_HTTPS="1") as port:
        yield port


def test_the_web_process_refuses_what_is_ambiguous_with_the_same_headers(port: int) -> None:
    for what, raw in SMUGGLED.items():
        head, _, body = send(port, raw).partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 400 "), (what, head)
        assert "HTTP/1.1" not in body, what
        for name, value in edge.bare_headers(https=True).items():
            assert f"{name}: {value}\r\n" in f"{head}\r\n", (what, name)
    assert send(port, b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n").startswith("HTTP/1.1 414 ")
    assert send(port, b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 9_000 + b"\r\n\r\n").startswith("HTTP/1.1 431 ")
    big = b"POST /check HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 999999999\r\n"
    big += b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    assert send(port, big).startswith("HTTP/1.1 413 ")
    for verb in (b"TRACE", b"CONNECT", b"FOO"):
        answer = send(port, verb + b" / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Canary: abc\r\n\r\n")
        assert re.match(r"HTTP/1.1 40[05] ", answer) and "abc" not in answer
    fine = send(port, b"GET /privacy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert fine.startswith("HTTP/1.1 200 ") and "gunicorn" not in fine.lower() and "ython" not in fine


def send(port: int, raw: bytes) -> str:
    """What the process answers to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()

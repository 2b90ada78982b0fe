"""Nothing of a visitor reaches a log: ours, gunicorn's, PostgreSQL's. And the search finds what is planted."""

import http.client
import io
import logging
import re
import socket
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from distro import jobs, logbook
from distro.config import Settings, Surface
from distro.logbook import PlainFormatter, escaped
from distro.serve import NO_PROXY
from tests.orders.forms import fields
from tests.reliability.search import forms_of
from tests.roles import OWNER, PUBLIC, ROOT, STAFF, Roles
from tests.served import served

PERSON = {
    "name": "Quillby Canaryson",
    "line1": "4711 Canarywharf Lane",
    "line2": "Apt Zebrafinch 9",
    "city": "Canaryville",
    "email": "quillby.canaryson@example.org",
}
AGENT, ASKED, REFERRER, ELSEWHERE = (
    "CanaryAgent/9.7",
    "CanaryQuery77",
    "https://canary-referrer.example/x",
    "203.0.113.99",
)
HEADERS = {"User-Agent": AGENT, "Referer": REFERRER, "X-Forwarded-For": ELSEWHERE, "Cookie": "canarycookie=Canary55"}
PLANTED = [*PERSON.values(), AGENT, ASKED, REFERRER, ELSEWHERE, "Canary55", "CanaryLine", "CanaryMethod"]
NEVER = "ALTER TABLE orders ADD CONSTRAINT never CHECK (state <> 'OH') NOT VALID"
AGAIN = "ALTER TABLE orders DROP CONSTRAINT never"


def found_in(text: str, *more: str) -> list[str]:
    """Which planted words lie in a log, in any form."""
    raw = text.encode()
    return [word for word in (*PLANTED, *more) if any(form in raw for form in forms_of(word))]


class Visitor:
    """Someone at a real server, with a browser that says too much."""

    def __init__(self, port: int) -> None:
        self.port = port

    def send(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        connection.request(method, path, urlencode(form) if form is not None else None, HEADERS | kind)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        return answer.status, text

    def raw(self, *lines: bytes) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(b"\r\n".join(lines))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass

    def ask(self) -> tuple[int, str, str]:
        """Send a whole request; its status, the claim code or "", and the form's token."""
        _, page = self.send("GET", f"/?q={ASKED}")
        token = page.split('name="form" value="')[1].split('"')[0]
        form = {"form": token, "item": "naloxone-nasal", "many-naloxone-nasal": "1", "zip": "43215", "state": "OH"}
        form |= {**PERSON, "contact": "email"}
        for step in ("/answer", "/where", "/contact", "/check"):
            status, page = self.send("POST", f"{step}?q={ASKED}", form)
            if status == 422 and "sure" not in form:  # an address so odd is doubted once
                form["sure"] = fields(page)["sure"]
                status, page = self.send("POST", f"{step}?q={ASKED}", form)
            assert status == 200, step
        status, page = self.send("POST", f"/done?q={ASKED}", form)
        code = re.search(r'id="claim-code"[^>]*>([^<]+)<', page)
        return status, code[1] if code else "", token

    def blunder(self) -> None:
        """Everything that makes a server complain."""
        host = b"Host: x\r\nUser-Agent: " + AGENT.encode()
        self.raw(b"name=CanaryLine", b"", b"")
        self.raw(b"GET /?CanaryLine HTTP/9.9", host, b"", b"")
        self.raw(b"GET / HTTP/1.1", b"CanaryLine", b"", b"")
        self.raw(b"GET / HTTP/1.1", host, b"X: CanaryLine\0", b"", b"")
        self.raw(b"CanaryMethod / HTTP/1.1", host, b"", b"")
        self.raw(b"GET /" + b"CanaryLine" * 2_000 + b" HTTP/1.1", host, b"", b"")
        self.raw(b"GET / HTTP/1.1", host, b"X: " + b"CanaryLine" * 2_000, b"", b"")
        self.raw(b"POST /check HTTP/1.1", host, b"Transfer-Encoding: chunked", b"", b"CanaryLine", b"", b"")
        self.raw(b"POST /check HTTP/1.1", host, b"Content-Length: 900", b"", b"name=CanaryLine")
        self.raw(b"POST /check HTTP/1.1", host, b"Content-Length: 99999999", b"", b"name=CanaryLine")
        self.send("GET", f"/{ASKED}")
        self.send("GET", "/%00?%00=CanaryLine")
        self.send("PUT", "/check", PERSON)
        self.send("POST", "/check", {"name": PERSON["name"] * 20_000})


@pytest.fixture
def no_orders_from_ohio(roles: Roles) -> Iterator[None]:
    """A constraint that no request passes, so that the server complains about the whole row."""
    roles.commit(ROOT, NEVER)
    yield
    roles.commit(ROOT, AGAIN)


def web(roles: Roles) -> Settings:
    return roles.settings(PUBLIC, Surface.PUBLIC)


ACCESS = {"GUNICORN_CMD_ARGS": "--access-logfile=- --capture-output"}  # what someone may have left on


def test_no_log_holds_anything_of_a_visitor(roles: Roles, tmp_path: Path) -> None:
    said, before = tmp_path / "said", len(roles.log)
    with served(web(roles), said, "--surface", "public", **ACCESS) as port:
        visitor = Visitor(port)
        status, code, token = visitor.ask()
        assert status == 200 and code
        for form in ({"code": code}, {"code": "7K3M-9QXA-2B4C-5D6E-F"}, {"code": PERSON["name"]}):
            visitor.send("POST", f"/status?code={quote(code)}", form)
        visitor.blunder()
        visitor.send("POST", "/cancel", {"code": code, "yes": "1"})
    told = said.read_text().partition("Ctrl-C stops it.")[2]
    assert "a malformed request was refused" in told
    assert found_in(told, code, code.replace("-", ""), token, "127.0.0.1") == []
    assert "GET /" not in told and "POST /" not in told
    assert found_in(roles.log[before:], code, token) == []


def test_a_row_that_the_database_refuses_is_not_quoted(roles: Roles, tmp_path: Path, no_orders_from_ohio: None) -> None:
    said, before = tmp_path / "said", len(roles.log)
    with served(web(roles), said, "--surface", "public") as port:
        status, code, _ = Visitor(port).ask()
    assert status >= 500 and code == ""
    told = said.read_text().partition("Ctrl-C stops it.")[2]
    assert found_in(told) == [] and "Failing row" not in told
    logged = roles.log[before:]
    assert 'violates check constraint "never"' in logged, "the server did complain"
    assert "Failing row" not in logged and "DETAIL" not in logged and "STATEMENT" not in logged


@pytest.mark.parametrize(
    ("role", "state", "said"),
    [(PUBLIC, "42501", "permission denied"), (STAFF, "23502", "violates not-null constraint")],
)
def test_a_canary_in_a_row_stays_out_of_the_server_s_log(roles: Roles, role: str, state: str, said: str) -> None:
    before = len(roles.log)
    assert roles.run(role, f"INSERT INTO orders (id, note) VALUES (1, '{PERSON['name']}')") == state
    assert said in roles.log[before:] and found_in(roles.log[before:]) == []


def test_control_without_the_settings_the_server_quotes_the_row(roles: Roles) -> None:
    before = len(roles.log)
    assert roles.run(OWNER, f"INSERT INTO orders (id, note) VALUES (1, '{PERSON['name']}')") == "23502"
    assert "Failing row contains" in roles.log[before:] and found_in(roles.log[before:]) == [PERSON["name"]]


def test_control_each_planted_word_is_found() -> None:
    assert found_in(" ".join(PLANTED)) == PLANTED
    assert found_in(escaped(f"a\n{PERSON['name']}")) == [PERSON["name"]]


def test_a_job_that_breaks_says_where_and_not_what(roles: Roles) -> None:
    log, app = io.StringIO(), roles.app(STAFF, Surface.STAFF)
    handler = logging.StreamHandler(log)
    handler.setFormatter(PlainFormatter())
    logging.getLogger("distro.jobs").addHandler(handler)
    try:
        jobs.run_once(app, roles.settings(STAFF, Surface.STAFF), _break)
    finally:
        logging.getLogger("distro.jobs").removeHandler(handler)
    assert "job _break: ValueError at test_logs.py" in log.getvalue() and found_in(log.getvalue()) == []


def _break(*_: object) -> None:
    raise ValueError(PERSON["name"])


def test_an_exception_is_logged_without_its_words() -> None:
    try:
        _break()
    except ValueError:
        record = logging.makeLogRecord({"msg": "it broke", "exc_info": sys.exc_info(), "levelname": "ERROR"})
    line = PlainFormatter().format(record)
    assert "it broke | ValueError at test_logs.py:" in line and found_in(line) == []
    assert PERSON["name"] in logging.Formatter().format(record), "control: the usual form quotes it"


@pytest.mark.parametrize(
    "typed", ["a\r\nb", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\x00b", "a\x85b", "a\tb", "a\x7fb"]
)
def test_nothing_in_a_log_forges_a_line_or_commands_a_terminal(typed: str) -> None:
    line = PlainFormatter().format(logging.makeLogRecord({"msg": "%s", "args": (typed,), "levelname": "ERROR"}))
    assert line.isprintable() and line.count("\n") == 0 and "a" in line and "b" in line


def test_times_are_utc() -> None:
    line = PlainFormatter().format(logging.makeLogRecord({"msg": "x", "created": 0.25, "msecs": 250.0}))
    assert line.startswith("1970-01-01T00:00:00.250Z ")


def test_a_library_s_warning_and_a_process_s_end_say_only_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root = logging.getLogger()
    kept, level = root.handlers[:], root.level
    try:
        logbook.begin()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning(UserWarning(PERSON["name"]), UserWarning, "/a/b/lib.py", 7)
        try:
            _break()
        except ValueError as problem:
            sys.excepthook(ValueError, problem, problem.__traceback__)
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
        for handler in kept:
            root.addHandler(handler)
        root.setLevel(level)
    told = capsys.readouterr().err
    assert "UserWarning at lib.py:7" in told and "stopped: ValueError at test_logs.py" in told and found_in(told) == []


@pytest.mark.parametrize(
    ("options", "proxies", "warned"),
    [(["--host", "0.0.0.0"], "0", True), (["--host", "0.0.0.0"], "1", False), ([], "0", False)],
)
def test_who_serves_beyond_this_machine_without_a_proxy_is_warned(
    settings: Settings, tmp_path: Path, options: list[str], proxies: str, warned: bool
) -> None:
    said = tmp_path / "said"
    with served(settings, said, *options, DISTRO_PROXIES=proxies):
        assert (NO_PROXY in said.read_text()) is warned

"""The edge of every answer: hosts, headers, methods, and bodies that are no form."""

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client, TestResponse

from distro import edge
from distro.app import create_app, routes
from distro.config import Settings, SettingWrong, Surface
from distro.db import db
from distro.shedding import Shedding
from tests.applications import Applications, own_application
from tests.depot import Depot, sign_in
from tests.distro.test_surfaces import path_of
from tests.orders.forms import filled

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
URLS = {"public_url": "https://supplies.example.org", "staff_url": "https://depot.example.org"}
PUBLIC, STAFF = ("https://" + url.removeprefix("https://") for url in URLS.values())
NONE = ("default-src", "object-src", "base-uri", "frame-ancestors")


def faults(answer: TestResponse, *, static: bool = False, staff: bool = False) -> list[str]:
    """What an answer's headers lack, or say that they should not."""
    headers, found = answer.headers, []
    policy = dict(part.strip().partition(" ")[::2] for part in headers.get("Content-Security-Policy", "").split(";"))
    found += [name for name in NONE if policy.get(name) != "'none'"]
    found += [name for name in ("form-action",) if policy.get(name) not in ("'self'", "'none'")]
    found += [name for name, value in policy.items() if not set(value.split()) <= {"'none'", "'self'", "data:"}]
    right = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    }
    found += [name for name, value in right.items() if headers.getlist(name) != [value]]
    if "microphone=()" not in headers.get("Permissions-Policy", ""):
        found.append("Permissions-Policy")
    if not static:
        found += [name for name in ("ETag", "Last-Modified") if name in headers]
        found += [] if headers.get("Cache-Control") == "no-store" else ["Cache-Control"]
    if not staff and "Set-Cookie" in headers:
        found.append("Set-Cookie")
    if answer.data and answer.mimetype == "text/html" and answer.content_type != "text/html; charset=utf-8":
        found.append("Content-Type")
    return found + [name for name in ("Server", "X-Powered-By") if name in headers]


@pytest.fixture
def secure(settings: Settings, depot: Depot, applications: Applications) -> Flask:
    """All pages behind TLS, with exceptions answered as in a real process."""
    return applications.lend(replace(settings, https=True), testing=False)


def public_paths(app: Flask) -> list[str]:
    return [path_of(str(row["path"])) for row in routes(app) if edge_of(app, str(row["path"]))] + ["/nowhere", "/es/no"]


def edge_of(app: Flask, rule: str) -> bool:
    return any(one.rule == rule and one.endpoint.startswith(("en.", "es.")) for one in app.url_map.iter_rules())


@pytest.mark.parametrize(
    "host", ["..", "a..b", "x" * 300, "x" * 64, "a b", "a/b", "\xff\xfe", "[::g]", "<script>", "a:b"]
)
def test_a_host_that_cannot_be_one_is_told_so_and_fills_no_log(
    secure: Flask, caplog: pytest.LogCaptureFixture, host: str
) -> None:
    for through in (secure.test_client(), Client(Shedding(secure), TestResponse)):
        for path in ("/", "/sign-in", "/nowhere", "/livez"):
            answer = through.get(path, environ_overrides={"HTTP_HOST": host})
            assert answer.status_code == 421 and faults(answer) == [], path
        assert through.post("/done", environ_overrides={"HTTP_HOST": host}).status_code == 421
    assert caplog.records == []


@pytest.mark.parametrize("host", ["", "localhost", "localhost:8000", "EXAMPLE.org.", "[::1]:80", "127.0.0.1", "a_b"])
def test_control_a_host_that_may_be_one_is_answered(secure: Flask, host: str) -> None:
    assert secure.test_client().get("/", environ_overrides={"HTTP_HOST": host}).status_code == 200


def test_every_public_answer_has_its_headers(secure: Flask) -> None:
    client, statuses = secure.test_client(), set()
    for path in public_paths(secure):
        for method in METHODS:
            answer = client.open(path, method=method, data=None)
            assert faults(answer) == [], (method, path, answer.status)
            assert answer.status_code < 500, (method, path)
            statuses.add(answer.status_code)
            if method in ("TRACE", "PUT", "DELETE", "PROPFIND"):
                assert answer.status_code in (404, 405), (method, path)
                assert (
                    answer.status_code == 404 or "GET" in answer.headers["Allow"] or "POST" in answer.headers["Allow"]
                )
    assert statuses >= {200, 303, 404, 405, 422}


def test_every_kind_of_error_has_them_too(secure: Flask, depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    client, form = secure.test_client(), filled(secure.test_client())
    answers = {
        200: client.post("/done", data=form),
        308: client.get("/es"),
        400: client.get("/?a=%00"),
        413: client.post("/check", data={"name": "x" * (edge.PUBLIC_BYTES + 1)}),
        415: client.post("/check", json={"name": "x"}),
        404: client.post("/status", data={"code": "7K3M-9QXA-2B4C-5D6E-F"}),
        405: client.delete("/es/check"),
    }
    secure.view_functions["en.privacy"] = lambda: 1 / 0
    answers[500] = client.get("/privacy")
    monkeypatch.setattr("distro.accounts.tries.WRONG_CODES", 0)
    strict = create_app(secure.config["SETTINGS"]).test_client()
    answers[429] = strict.post("/status", data={"code": "x"})
    away = create_app(replace(secure.config["SETTINGS"], database_url="sqlite:////no-such-folder/x.sqlite3"))
    answers[503] = away.test_client().get("/")
    for status, answer in answers.items():
        assert answer.status_code == status, (status, answer.status)
        assert faults(answer) == [], (status, faults(answer))
    assert int(answers[429].headers["Retry-After"]) <= 600


def test_every_staff_answer_has_them(secure: Flask) -> None:
    stranger, staff = secure.test_client(), secure.test_client()
    sign_in_securely(staff, "admin")
    for row in routes(secure):
        if row["guard"] in ("none", None):
            continue
        for client in (stranger, staff):
            for method in ("GET", "POST", "TRACE"):
                answer = client.open(path_of(str(row["path"])), method=method, base_url="https://localhost")
                assert faults(answer, staff=True) == [], (method, row, answer.status)
                assert method != "TRACE" or answer.status_code == 405, row


def sign_in_securely(client: FlaskClient, username: str) -> None:
    client.environ_base["wsgi.url_scheme"] = "https"
    sign_in(client, username)


def test_files_may_be_kept_and_nothing_else(secure: Flask) -> None:
    client = secure.test_client()
    found = client.get("/static/public.css")
    assert faults(found, static=True) == [] and "public" in found.headers["Cache-Control"]
    again = client.get("/static/public.css", headers={"If-None-Match": found.headers["ETag"]})
    assert again.status_code == 304 and faults(again, static=True) == []
    assert faults(client.get("/static/no-such-file.css")) == []
    assert client.get("/static/").status_code == 404


@pytest.mark.parametrize(
    "name", [*edge.HEADERS, "Content-Security-Policy", "Strict-Transport-Security", "Cache-Control"]
)
def test_a_header_that_is_gone_is_found(secure: Flask, name: str) -> None:
    def drop(response: TestResponse) -> TestResponse:
        response.headers.remove(name)
        return response

    secure.after_request_funcs[None].insert(0, drop)  # type: ignore[arg-type]  # the last to run
    found = faults(secure.test_client().get("/privacy"))
    assert found != [] or name == "X-Robots-Tag"


def test_a_header_too_many_is_found(settings: Settings, depot: Depot) -> None:
    secure = own_application(replace(settings, https=True))

    def add(response: TestResponse) -> TestResponse:
        response.headers["ETag"], response.headers["Set-Cookie"] = '"1"', "a=b"
        return response

    secure.after_request_funcs[None].insert(0, add)  # type: ignore[arg-type]
    assert faults(secure.test_client().get("/privacy")) == ["ETag", "Set-Cookie"]


def test_without_tls_nobody_is_told_to_use_it(client: FlaskClient, depot: Depot) -> None:
    assert "Strict-Transport-Security" not in client.get("/").headers


def test_an_onion_host_is_not_told_so_either(settings: Settings, depot: Depot) -> None:
    client = create_app(replace(settings, https=True)).test_client()
    assert "Strict-Transport-Security" not in client.get("/", base_url="http://abc.onion").headers


@pytest.fixture
def hosts(settings: Settings, depot: Depot) -> FlaskClient:
    return own_application(replace(settings, https=True, **URLS), testing=False).test_client()


def test_the_public_host_has_no_staff_page(hosts: FlaskClient) -> None:
    staff = [row for row in routes(hosts.application) if not edge_of(hosts.application, str(row["path"]))]
    staff = [row for row in staff if not str(row["path"]).startswith(("/static", "/bootstrap", "/livez", "/readyz"))]
    assert len(staff) > 15
    nowhere = hosts.get("/nowhere-at-all", base_url=PUBLIC)
    for row in staff:
        for method in ("GET", "POST", "PUT", "OPTIONS", "TRACE"):
            answer = hosts.open(path_of(str(row["path"])), method=method, base_url=PUBLIC)
            assert answer.status_code == 404 and faults(answer) == [], (method, row)
            if method == "GET":
                assert answer.text == nowhere.text and answer.headers == nowhere.headers, row


def test_the_staff_host_has_no_public_page(hosts: FlaskClient) -> None:
    for path in public_paths(hosts.application):
        for method in ("GET", "POST", "PUT"):
            answer = hosts.open(path, method=method, base_url=STAFF)
            assert answer.status_code == 404 or (path == "/" and answer.location == "/staff"), (method, path)
    assert hosts.get("/sign-in", base_url=STAFF).status_code == 200


def test_each_host_has_its_own_and_any_has_health(hosts: FlaskClient) -> None:
    assert hosts.get("/", base_url=PUBLIC).status_code == 200
    assert hosts.get("/es/", base_url="https://Supplies.Example.ORG:8443").status_code == 200
    for base in (PUBLIC, STAFF, "http://10.0.0.7:8000", "http://localhost"):
        assert hosts.get("/livez", base_url=base).status_code == 200
        assert hosts.get("/static/public.css", base_url=base).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example.org", "supplies.example.org.evil.example", "10.0.0.7", "a b", "[::1", ""]
)
def test_an_unknown_host_is_told_in_one_sentence(hosts: FlaskClient, host: str) -> None:
    for path in ("/", "/desk", "/nowhere"):
        answer = hosts.get(path, headers={"Host": host})
        assert answer.status_code in (400, 421), (host, answer.status)
        assert answer.status_code == 400 or "does not lead here" in answer.text
        assert faults(answer) == []


def test_without_the_settings_any_host_has_all(client: FlaskClient, depot: Depot) -> None:
    for base in ("http://one.example", "http://two.example:81"):
        assert client.get("/", base_url=base).status_code == 200
        assert client.get("/sign-in", base_url=base).status_code == 200


def test_one_host_alone_keeps_only_its_own(settings: Settings, depot: Depot) -> None:
    client = create_app(replace(settings, public_url=URLS["public_url"])).test_client()
    assert client.get("/", base_url=PUBLIC).status_code == 200
    assert client.get("/sign-in", base_url=PUBLIC).status_code == 404
    assert client.get("/sign-in", base_url=STAFF).status_code == 200
    assert client.get("/answer", base_url=STAFF).status_code == 404


def test_a_surface_alone_minds_only_its_host(settings: Settings, depot: Depot) -> None:
    public = create_app(replace(settings, surface=Surface.PUBLIC, **URLS)).test_client()
    assert [public.get("/", base_url=base).status_code for base in (PUBLIC, STAFF)] == [200, 421]
    staff = create_app(replace(settings, surface=Surface.STAFF, **URLS)).test_client()
    assert [staff.get("/sign-in", base_url=base).status_code for base in (PUBLIC, STAFF)] == [421, 200]


def test_the_demo_serves_all_at_its_public_url(settings: Settings, depot: Depot) -> None:
    client = create_app(replace(settings, public_url=URLS["public_url"], demo=True)).test_client()
    assert [client.get(path, base_url=PUBLIC).status_code for path in ("/", "/sign-in")] == [200, 200]


def test_both_hosts_may_not_be_one(settings: Settings) -> None:
    with pytest.raises(SettingWrong, match="another host"):
        create_app(replace(settings, public_url="https://a.example", staff_url="https://A.example:444"))


def test_the_database_is_not_asked_by_an_unknown_host(hosts: FlaskClient) -> None:
    with hosts.application.app_context():
        db.engine.dispose()
    assert hosts.get("/", headers={"Host": "evil.example.org"}).status_code == 421

"""ASVS 3 and 4: what a browser may do with our pages, and a client or proxy with our process."""

from dataclasses import replace
from importlib.metadata import version

import pytest
from flask import Flask
from flask.testing import FlaskClient

from distro.config import Settings
from tests.applications import Applications
from tests.asvs.checks import ROOT, check
from tests.asvs.world import PUBLIC, STAFF, counted, guarded, public_paths
from tests.depot import Depot, sign_in

EDGES, BODIES, SCAN = "tests/distro/test_edges.py", "tests/distro/test_bodies.py", "tests/scan"


@pytest.fixture
def secure(settings: Settings, applications: Applications) -> Flask:
    """Both surfaces behind TLS, each at its own host name."""
    return applications.lend(replace(settings, https=True, public_url=PUBLIC, staff_url=STAFF), testing=False)


@check(
    "3.3.1 3.3.2 3.3.3 3.3.4",
    says="Participants get no cookie; the one of staff is __Host-, Secure, HttpOnly and SameSite=Strict.",
    by=(
        f"{EDGES}::test_every_public_answer_has_its_headers",
        "tests/distro/test_sessions.py::test_behind_https_the_cookie_is_bound_to_the_host",
    ),
)
def test_3_3_1_cookies(secure: Flask) -> None:
    client = secure.test_client()
    assert all("Set-Cookie" not in client.get(path, base_url=PUBLIC).headers for path in public_paths(secure))
    [cookie] = client.get("/sign-in", base_url=STAFF).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-") and "Domain" not in cookie
    assert all(f"; {word}" in cookie for word in ("Secure", "HttpOnly", "Path=/", "SameSite=Strict"))


@check(
    "3.4.1",
    says="Behind TLS every answer tells browsers to use TLS for two years, and all names below; an onion host not.",
    by=(f"{EDGES}::test_every_kind_of_error_has_them_too", f"{EDGES}::test_an_onion_host_is_not_told_so_either"),
)
def test_3_4_1_tls_is_remembered(secure: Flask) -> None:
    for path, base in (("/", PUBLIC), ("/nowhere", PUBLIC), ("/sign-in", STAFF), ("/static/public.css", STAFF)):
        told = secure.test_client().get(path, base_url=base).headers["Strict-Transport-Security"]
        assert int(told.split("max-age=")[1].split(";")[0]) >= 365 * 86_400 and "includeSubDomains" in told


@check(
    "3.4.3 3.4.6",
    says="Every answer forbids all that it does not need, foreign places and frames before all.",
    by=(f"{EDGES}::test_every_staff_answer_has_them", f"{EDGES}::test_a_header_that_is_gone_is_found"),
)
def test_3_4_3_content_policy(secure: Flask) -> None:
    for path, base in (("/", PUBLIC), ("/es/status", PUBLIC), ("/nowhere", PUBLIC), ("/sign-in", STAFF)):
        policy = secure.test_client().get(path, base_url=base).headers["Content-Security-Policy"]
        for name in ("default-src", "object-src", "base-uri", "frame-ancestors"):
            assert f"{name} 'none'" in policy, (path, name)
        assert "unsafe" not in policy and "http" not in policy and "*" not in policy


@check(
    "3.4.4 3.4.5",
    says="Every answer, errors too, says that its type is not to be guessed and that no referrer is to be sent.",
    by=(f"{EDGES}::test_every_kind_of_error_has_them_too", f"{EDGES}::test_a_header_that_is_gone_is_found"),
)
def test_3_4_4_no_guessing_no_referrer(secure: Flask) -> None:
    client = secure.test_client()
    for path, base in (("/", PUBLIC), ("/nowhere", PUBLIC), ("/?a=%00", PUBLIC), ("/sign-in", STAFF), ("/x", STAFF)):
        answer = client.get(path, base_url=base)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


@check(
    "3.5.1 3.5.3",
    says="A change by staff without this browser's token is refused; opening a page changes nothing.",
    by=(
        "tests/distro/test_surfaces.py::test_staff_writes_need_the_form_s_token",
        "tests/distro/test_login.py::test_a_form_without_its_token_is_refused",
        "tests/scan/rules/house.yaml::get-that-changes",
        "tests/scan/rules/house.yaml::csrf-switched-off",
    ),
)
def test_3_5_1_forged_requests(app: Flask, client: FlaskClient, depot: Depot) -> None:
    other = app.test_client()
    foreign = other.get("/sign-in").text.split('name="csrf_token" value="')[1].split('"')[0]
    sign_in(client, "admin")
    before = counted(depot)
    for token in ({}, {"csrf_token": ""}, {"csrf_token": foreign}):
        assert client.post("/users/1/disable", data=token).status_code == 400
    for path in guarded(app, "GET"):
        client.get(path)
    assert counted(depot) == before and depot.user("packer").active


@check(
    "3.5.4",
    says="Participants and staff have host names of their own, and the one knows no page of the other.",
    by=(f"{EDGES}::test_the_public_host_has_no_staff_page", f"{EDGES}::test_the_staff_host_has_no_public_page"),
)
def test_3_5_4_two_host_names(secure: Flask) -> None:
    client = secure.test_client()
    assert [client.get("/sign-in", base_url=base).status_code for base in (PUBLIC, STAFF)] == [404, 200]
    assert client.get("/es/", base_url=STAFF).status_code == 404
    assert client.get("/", base_url="https://elsewhere.example").status_code == 421


@check(
    "4.1.1",
    says="Every answer that has a body names its type, and text names its letters.",
    by=(f"{EDGES}::test_every_public_answer_has_its_headers", f"{SCAN}/fuzz.py::scan"),
)
def test_4_1_1_content_types(client: FlaskClient) -> None:
    app = client.application
    for path in [*public_paths(app), "/sign-in", "/livez"]:
        answer = client.get(path)
        expected = {"/livez": "application/json", "/cards.pdf": "application/pdf"}.get(
            path.removeprefix("/es"), "text/html; charset=utf-8"
        )
        assert not answer.data or answer.content_type == expected, (path, answer.content_type)


@check(
    "4.1.3",
    says="What a client says in the headers of a proxy is ignored, unless the settings name the proxies before us.",
    by=(
        f"{BODIES}::test_a_client_s_word_on_where_it_comes_from_is_ignored",
        "tests/distro/test_throttle.py::test_a_proxy_that_is_named_is_believed",
    ),
)
def test_4_1_3_headers_of_a_proxy(client: FlaskClient) -> None:
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/evil"}
    answer = client.get("/desk", headers=lies | {"X-Forwarded-For": "203.0.113.9", "Forwarded": "host=evil.example"})
    assert answer.location == "/sign-in?next=/desk" and "evil" not in str(answer.headers)
    assert client.get("/", headers=lies).text.count("evil") == 0


@check(
    "4.2.1",
    says="A request whose length can be read in two ways is refused by 400, and nothing after it is answered.",
    by=(f"{BODIES}::test_the_web_process_refuses_what_is_ambiguous_with_the_same_headers",),
)
def test_4_2_1_no_smuggling() -> None:
    assert tuple(map(int, version("gunicorn").split(".")[:2])) >= (22, 0)  # refuses both lengths at once
    lax = ("permit-", "casefold-", "tolerate-", "strip-header-spaces", "proxy-protocol", "header-map")
    assert [word for word in lax if f"--{word}" in (ROOT / "distro" / "serve.py").read_text()] == []

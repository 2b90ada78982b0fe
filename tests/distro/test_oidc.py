"""Sign-in by a provider, against a real one on loopback, and against every way in which one may lie.

Length: the lies stand in one list, so that a missing one is seen.
"""

import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from distro import clock
from distro.accounts import oidc, own_account, tries
from distro.accounts.oidc import ProviderAway, ProviderRefused
from distro.app import create_app
from distro.audit import AuditEntry
from distro.config import Settings
from tests.applications import Applications
from tests.depot import Depot, code_now, sign_in, type_code
from tests.distro.joining import fresh_code, own
from tests.distro.oidc_provider import CLIENT_ID, CLIENT_SECRET, LocalProvider, brought_back, running
from tests.staff import post


@pytest.fixture(scope="module")
def served() -> Iterator[LocalProvider]:
    with running(LocalProvider()) as provider:
        yield provider


@pytest.fixture
def provider(served: LocalProvider) -> LocalProvider:
    fresh = LocalProvider(issuer=served.issuer, key=served.key, other_key=served.other_key)
    for name in ("subject", "email", "amr", "evil", "back"):
        setattr(served, name, getattr(fresh, name))
    served.asked.clear()
    oidc._discovered.clear()
    return served


@pytest.fixture
def app(settings: Settings, provider: LocalProvider, applications: Applications) -> Flask:
    """The application, set up for that provider."""
    known = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    return applications.lend(replace(settings, **known))


def at_provider(address: str) -> str:
    """Be the browser at the provider: gives the address that it sends one back to."""
    answer = requests.get(address, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    return answer.headers["Location"]


def come_back(client: FlaskClient, location: str) -> TestResponse:
    """Be the browser that comes back: the page there, without a cookie, and then its form, with one."""
    path = "/" + location.split("/", 3)[3]
    page = client.application.test_client().get(path)
    assert page.status_code == 200 and "Set-Cookie" not in page.headers, "the cookie of the way there would be lost"
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    assert {name: unescape(value) for name, value in form.items()} == brought_back(location)
    return client.post("/sign-in/provider/back", data=brought_back(location))


def by_provider(client: FlaskClient) -> TestResponse:
    """Sign in by the provider, from our button to the first page."""
    go = client.get("/sign-in/provider")
    assert go.status_code == 302
    return come_back(client, at_provider(go.location))


def link(depot: Depot, client: FlaskClient, username: str = "packer") -> TestResponse:
    """Link a member of staff with the person at the provider, and sign them out again."""
    sign_in(client, username)
    fresh_code(depot, username)
    page = own(client, "provider")
    address = re.search(r'href="(http://127[^"]+)"', page.text)
    assert address, page.text
    answer = come_back(client, at_provider(unescape(address[1])))
    post(client, "/sign-out")
    return answer


def signed_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code == 200


def test_whoever_linked_it_signs_in_by_it(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    assert link(depot, client).location == "/account"
    assert "Sign in by 127.0.0.1" in client.get("/sign-in").text
    assert by_provider(client).location == "/desk"
    assert signed_in(client)
    reason = depot.session.scalar(select(AuditEntry.reason).order_by(AuditEntry.id.desc()).limit(1))
    assert reason == "provider with second factor"
    kept = depot.user("packer").oidc_subject
    assert kept and provider.subject not in kept, "who they are there is kept as a hash"


def test_where_one_wanted_to_go(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    for wanted, got in (("/stock", "/stock"), ("//evil.example", "/desk")):
        go = client.get("/sign-in/provider", query_string={"next": wanted})
        assert come_back(client, at_provider(go.location)).location == got
        post(client, "/sign-out")


def test_the_same_e_mail_address_is_nobody(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    provider.email = depot.user("admin").email
    answer = by_provider(client)
    assert answer.status_code == 403 and "No account here is linked" in answer.text
    assert not signed_in(client)


def test_another_person_there_is_another_here(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    link(depot, client)
    provider.subject = "person-2"
    assert by_provider(client).status_code == 403
    assert not signed_in(client)


def test_one_factor_there_asks_for_our_code(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    link(depot, client)
    for amr in (["pwd"], [], None):
        provider.amr = amr
        fresh_code(depot, "packer")
        assert by_provider(client).location == "/sign-in/code"
        assert not signed_in(client)
        assert type_code(client, "000000").status_code == 401
        assert type_code(client, code_now()).location == "/desk"
        reason = depot.session.scalar(select(AuditEntry.reason).order_by(AuditEntry.id.desc()).limit(1))
        assert reason == "provider and second factor"
        post(client, "/sign-out")


@pytest.mark.parametrize(
    ("amr", "two"),
    [
        *((["mfa"], True), (["pwd", "otp"], True), (["pin", "hwk"], True), (["otp", "face"], True)),
        *((["otp"], False), (["hwk"], False), (["swk"], False), (["pop"], False), (["sc"], False)),
        *((["pwd"], False), (["pwd", "pin"], False), (["otp", "sms"], False), (["fido"], False)),
        *(([], False), (None, False), ("mfa", False), ({"mfa": 1}, False), ([["mfa"]], False)),
    ],
)
def test_two_factors_are_two_kinds_of_them(amr: object, two: bool) -> None:
    assert oidc.asked_for_two(amr) is two


def test_a_security_key_alone_is_one_factor(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    link(depot, client)
    provider.amr = ["hwk"]
    assert by_provider(client).location == "/sign-in/code" and not signed_in(client)


def test_wrong_codes_here_do_not_shut_the_way_by_it(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    link(depot, client)
    depot.user("packer").locked_until = clock.now() + timedelta(minutes=5)
    assert by_provider(client).location == "/desk"
    post(client, "/sign-out")
    provider.amr = ["pwd"]
    fresh_code(depot, "packer")
    depot.user("packer").locked_until = clock.now() + timedelta(minutes=5)
    assert by_provider(client).location == "/sign-in/code"
    assert type_code(client, code_now()).status_code == 401, "control: our own code has to wait"


def test_a_link_is_not_put_in_the_place_of_another(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    link(depot, client)
    kept = depot.user("packer").oidc_subject
    by_provider(client)
    fresh_code(depot, "packer")
    answer = own(client, "provider")
    assert answer.status_code == 409 and "linked already" in answer.text
    with pytest.raises(own_account.AlreadyLinked):
        own_account.link(depot.session, depot.user("packer"), "b" * 64, at=clock.now())
    assert depot.user("packer").oidc_subject == kept


def test_who_has_neither_password_nor_code_proves_nothing(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    depot.user("packer").password_hash = depot.user("packer").totp_secret = ""
    assert by_provider(client).location == "/desk"
    for what in ("recovery-codes", "provider", "provider/unlink", "password"):
        answer = own(client, what, new="x", again="x")
        assert answer.status_code == 409 and "no password here" in answer.text, what


def test_its_addresses_are_asked_for_every_ten_minutes(client: FlaskClient, provider: LocalProvider) -> None:
    began = clock.now()
    for minutes, asked in ((0, 1), (5, 1), (9, 1), (10, 2)):
        with clock.at(began + timedelta(minutes=minutes)):
            assert client.get("/sign-in/provider").status_code == 302
        assert provider.asked.count(oidc.DISCOVERY) == asked, minutes


def test_a_provider_that_hangs_is_asked_so_often_and_no_more(
    settings: Settings, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert max(oidc.TIMEOUTS) <= 3
    monkeypatch.setattr(oidc, "TIMEOUTS", (0.1, 0.1))
    monkeypatch.setattr(tries, "TIMES_AWAY", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        issuer = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = create_app(replace(settings, oidc_issuer=issuer, oidc_client_id=CLIENT_ID)).test_client()
        answers = [client.get("/sign-in/provider").status_code for _ in range(4)]
    assert answers == [503, 503, 429, 429]
    assert sign_in(client, "packer").location == "/desk", "the other way in is open"


def test_who_is_disabled_does_not_come_in_by_it(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    depot.user("packer").active = False
    assert by_provider(client).status_code == 403
    assert not signed_in(client)


EVIL = (
    *("wrong issuer", "wrong audience", "two audiences", "for another party", "wrong nonce", "expired"),
    *("from the future", "amr no list", "sub no text", "empty sub", "wrong at_hash", "no nonce", "no exp", "no sub"),
    *("no iss", "no aud", "alg none", "signed with our password", "secret key published", "unknown key"),
    *("wrong signature", "cut signature", "no keys", "no id token", "token broken", "token elsewhere", "foreign iss"),
    *("says no", "token fails"),
)


def test_an_answer_that_is_wrong_in_one_thing_signs_nobody_in(
    depot: Depot, client: FlaskClient, provider: LocalProvider
) -> None:
    link(depot, client)
    began = clock.now()
    for number, provider.evil in enumerate(EVIL):
        with clock.at(began + timedelta(minutes=5 * number)):  # so many wrong tries at once are refused unread
            answer = by_provider(client)
        assert answer.status_code in (403, 503), (provider.evil, answer.status)
        assert any(str(refusal.sentence) in unescape(answer.text) for refusal in (ProviderRefused, ProviderAway))
        assert not signed_in(client), provider.evil
    assert "/elsewhere" not in provider.asked, "no redirect is followed"
    provider.evil = ""
    assert by_provider(client).location == "/desk", "the control: with everything right it works"


def test_a_provider_that_does_not_answer_as_itself(depot: Depot, client: FlaskClient, provider: LocalProvider) -> None:
    for provider.evil in (
        *("foreign discovery", "discovery elsewhere", "discovery broken", "discovery too long"),
        "plain token address",
    ):
        answer = client.get("/sign-in/provider")
        assert answer.status_code == 503 and str(ProviderAway.sentence) in answer.text, provider.evil
    assert "/elsewhere" not in provider.asked
    provider.evil = ""
    assert client.get("/sign-in/provider").status_code == 302, "the control"


def test_a_provider_that_is_down(depot: Depot, settings: Settings, client: FlaskClient) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        issuer = f"http://127.0.0.1:{free.getsockname()[1]}"
    app = create_app(replace(settings, oidc_issuer=issuer, oidc_client_id=CLIENT_ID))
    answer = app.test_client().get("/sign-in/provider")
    assert answer.status_code == 503 and "sign in with your password" in answer.text
    go = client.get("/sign-in/provider")
    client.application.config["SETTINGS"] = replace(client.application.config["SETTINGS"], oidc_issuer=issuer)
    assert come_back(client, at_provider(go.location)).status_code == 503


def test_a_plain_issuer_elsewhere_is_not_spoken_to(depot: Depot, settings: Settings) -> None:
    app = create_app(replace(settings, oidc_issuer="http://provider.example", oidc_client_id=CLIENT_ID))
    assert app.test_client().get("/sign-in/provider").status_code == 503


def test_an_answer_counts_once_and_for_the_browser_that_asked(depot: Depot, app: Flask, client: FlaskClient) -> None:
    link(depot, client)
    location = at_provider(client.get("/sign-in/provider").location)
    stranger = app.test_client()
    assert come_back(stranger, location).status_code == 403, "of someone else's asking"
    assert come_back(client, location).location == "/desk"
    post(client, "/sign-out")
    assert come_back(client, location).status_code == 403, "once more"
    other = at_provider(client.get("/sign-in/provider").location)
    mixed = brought_back(other) | {"state": brought_back(location)["state"]}
    assert client.post("/sign-in/provider/back", data=mixed).status_code == 403, "an old state"
    assert not signed_in(client)


def test_an_answer_that_comes_too_late(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    location = at_provider(client.get("/sign-in/provider").location)
    with clock.at(clock.now() + timedelta(minutes=11)):
        assert come_back(client, location).status_code == 403


def test_nothing_is_changed_by_coming_back_alone(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    location = at_provider(client.get("/sign-in/provider").location)
    client.get("/" + location.split("/", 3)[3])
    assert not signed_in(client)
    assert client.get("/sign-in/provider/back?" + "state=%3Cscript%3E&code=x&junk=y").status_code == 200


def test_linking_needs_password_and_code_and_the_same_person(depot: Depot, app: Flask, client: FlaskClient) -> None:
    sign_in(client, "packer")
    fresh_code(depot, "packer")
    page = own(client, "provider")
    address = re.search(r'href="(http://127[^"]+)"', page.text)
    assert address
    location = at_provider(unescape(address[1]))
    post(client, "/sign-out")
    assert come_back(client, location).status_code == 403, "signed out meanwhile"
    depot.session.expire_all()
    assert depot.user("packer").oidc_subject is None


def test_one_person_there_is_one_person_here(depot: Depot, client: FlaskClient) -> None:
    link(depot, client)
    answer = link(depot, client, "manager")
    assert answer.status_code == 409 and "another account" in answer.text
    depot.session.expire_all()
    assert depot.user("manager").oidc_subject is None


def test_unlinked_it_signs_nobody_in(depot: Depot, app: Flask, client: FlaskClient) -> None:
    link(depot, client)
    by_provider(client)
    elsewhere = app.test_client()
    by_provider(elsewhere)
    assert signed_in(elsewhere)
    fresh_code(depot, "packer")
    assert own(client, "provider/unlink").location == "/account"
    assert signed_in(client) and not signed_in(elsewhere)
    post(client, "/sign-out")
    assert by_provider(client).status_code == 403


def test_without_a_provider_there_is_no_such_page(depot: Depot, settings: Settings) -> None:
    client = create_app(settings).test_client()
    assert client.get("/sign-in/provider").status_code == 404
    assert client.post("/sign-in/provider/back", data={"state": "x", "code": "y"}).status_code == 404
    assert "Sign in by" not in client.get("/sign-in").text

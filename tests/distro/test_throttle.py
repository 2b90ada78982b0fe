"""Wrong tries are slowed down by network, and nothing of a network is kept."""

import gc
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from flask import Flask

from distro import clock
from distro.accounts import tries
from distro.app import create_app
from distro.config import Settings
from distro.throttle import KEY_LIVES, MOST_NETWORKS, Throttle, network_of
from tests.depot import PASSWORD, Depot, sign_in, type_password
from tests.orders.forms import code_in, filled

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADDRESS = "203.0.113.77"
WRONG = "7K3M-9QXA-2B4C-5D6E-F"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.200", "203.0.113.0/24"),
        ("203.0.114.1", "203.0.114.0/24"),
        ("::ffff:203.0.113.9", "203.0.113.0/24"),
        ("2001:db8:1:2ff::1", "2001:db8:1:200::/56"),
        ("2001:db8:1:2ab:9::1", "2001:db8:1:200::/56"),
        ("fe80::1%eth0", "fe80::/56"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_a_network_is_counted_as_one(address: str, network: str) -> None:
    assert network_of(address) == network


def test_so_many_are_borne_and_no_more_until_the_key_is_renewed() -> None:
    one = Throttle(3)
    for _ in range(3):
        assert one.allows(ADDRESS, NOW)
        one.count(ADDRESS, NOW)
    assert not one.allows("203.0.113.1", NOW + timedelta(minutes=9)) and one.allows("198.51.100.1", NOW)
    assert one.retry_after(NOW + timedelta(minutes=9)) == 60
    assert one.allows(ADDRESS, NOW + KEY_LIVES)
    assert one.allows(ADDRESS, NOW + KEY_LIVES), "nobody is kept out for ever"


def test_a_clock_set_back_keeps_nobody_out() -> None:
    one = Throttle(1)
    one.count(ADDRESS, NOW)
    assert one.allows(ADDRESS, NOW - timedelta(days=1))


def test_the_memory_is_bounded_and_nobody_pays_for_a_crowd() -> None:
    one = Throttle(5)
    for _ in range(5):
        one.count(ADDRESS, NOW)
    for number in range(MOST_NETWORKS * 2):
        one.count(f"10.{number >> 8}.{number & 255}.1", NOW)
    assert len(one._counts) == MOST_NETWORKS
    assert one.allows("192.0.2.1", NOW), "whoever comes after the crowd has done nothing"
    assert not one.allows(ADDRESS, NOW), "and who failed most is not forgotten for it"


def test_what_is_tried_is_counted_apart() -> None:
    one = Throttle(1)
    one.count(ADDRESS, NOW, "packer")
    assert not one.allows(ADDRESS, NOW, "packer")
    assert one.allows(ADDRESS, NOW, "manager") and one.allows("198.51.100.1", NOW, "packer")


def reachable(root: object) -> Iterator[object]:
    """Every object that can be reached from one, but for modules, classes and code."""
    seen, stack = set(), [root]
    while stack:
        found = stack.pop()
        if id(found) in seen or isinstance(found, (ModuleType, type, FunctionType)):
            continue
        seen.add(id(found))
        yield found
        stack += gc.get_referents(found)


def holds(root: object, address: str) -> bool:
    """Whether an address or its network lies in anything that can be reached."""
    packed = bytes(int(part) for part in address.split("."))
    forms = [address, network_of(address), address.rpartition(".")[0]]
    for found in reachable(root):
        if isinstance(found, str) and any(form in found for form in forms):
            return True
        if isinstance(found, (bytes, bytearray)) and (packed[:3] in found or any(f.encode() in found for f in forms)):
            return True
        if isinstance(found, int) and found in (int.from_bytes(packed, "big"), int.from_bytes(packed[:3], "big")):
            return True
    return False


def test_no_address_can_be_found_in_it() -> None:
    one = Throttle(1_000)
    for number in range(100):
        one.count(f"203.0.113.{number}", NOW)
    assert [a for a in ("203.0.113.5", "203.0.113.77") if holds(one, a)] == []


def test_control_an_address_that_is_kept_is_found() -> None:
    one = Throttle(1_000)
    one.count(ADDRESS, NOW)
    for kept in (ADDRESS, ADDRESS.encode(), network_of(ADDRESS), 0xCB00714D, b"\xcb\x00\x71\x4d"):
        one._counts["kept"] = kept  # type: ignore[index, assignment]
        assert holds(one, ADDRESS), kept


def test_after_the_key_is_renewed_the_counts_say_nothing() -> None:
    one = Throttle(5)
    one.count(ADDRESS, NOW)
    key, counts = one._key, dict(one._counts)
    one.count(ADDRESS, NOW + KEY_LIVES)
    assert one._key != key and set(counts).isdisjoint(one._counts) and one._counts.keys().isdisjoint(counts)
    assert key not in [found for found in reachable(one) if isinstance(found, bytes)]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The clock, which the test moves."""
    time = [clock.now()]
    monkeypatch.setattr(tries.clock, "now", lambda: time[0])
    return time


def test_a_hundred_wrong_passwords_are_slowed_down_but_not_for_ever(
    app: Flask, depot: Depot, now: list[datetime]
) -> None:
    client = app.test_client()
    answers = [type_password(client, f"nobody{number % 7}", "wrong") for number in range(tries.WRONG_SIGN_INS)]
    assert {answer.status_code for answer in answers} == {401}
    page = client.get("/sign-in").text
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None, "the page itself still opens"
    form = {"username": "packer", "password": PASSWORD, "csrf_token": token[1]}
    for number in range(80):
        lie = {"X-Forwarded-For": f"198.51.{number}.1", "Forwarded": f"for=198.51.{number}.1"}
        answer = client.post("/sign-in", data=form, headers=lie)
        assert answer.status_code == 429 and PASSWORD not in answer.text
    assert "wait ten minutes" in answer.text and 0 < int(answer.headers["Retry-After"]) <= 600
    assert client.post("/sign-in/code", data=form).status_code == 429
    elsewhere = client.post("/sign-in", data=form, environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert elsewhere.status_code == 302 or elsewhere.status_code == 303
    now[0] += KEY_LIVES
    assert sign_in(app.test_client(), "packer").status_code in (302, 303)


def test_right_sign_ins_are_not_counted(app: Flask, depot: Depot) -> None:
    for _ in range(tries.WRONG_SIGN_INS + 5):
        assert sign_in(app.test_client(), "packer").status_code in (302, 303)


def test_a_proxy_that_is_named_is_believed(settings: Settings, depot: Depot) -> None:
    client = create_app(replace(settings, proxies=1)).test_client()

    def attempt(address: str) -> int:
        return client.post(
            "/status", data={"code": WRONG}, headers={"X-Forwarded-For": f"9.9.9.9, {address}"}
        ).status_code

    monkey = client.application.extensions["wrong tries"]
    object.__setattr__(monkey, "code", Throttle(2))
    assert [attempt(ADDRESS) for _ in range(3)] == [404, 404, 429]
    assert attempt("198.51.100.1") == 404


def test_wrong_codes_are_slowed_down_and_asking_never_is(
    app: Flask, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orders.lookup.WRONG_CODES_A_MINUTE", 10_000)
    client = app.test_client()
    code = code_in(client.post("/done", data=filled(client)))
    for _ in range(tries.WRONG_CODES):
        assert client.post("/es/status", data={"code": WRONG}).status_code == 404
    refused = [client.post(f"/{page}", data={"code": WRONG}) for page in tries.CODE_PAGES]
    assert [answer.status_code for answer in refused] == [429] * 3
    assert 0 < int(refused[0].headers["Retry-After"]) <= 600 and "wait ten minutes" in refused[0].text
    assert refused[0].headers["Cache-Control"] == "no-store"
    for page in tries.CODE_PAGES:
        assert client.post(f"/{page}", data={"code": code}).status_code == 200, "a right one is never refused"
    assert client.get("/status").status_code == 200
    assert code_in(client.post("/done", data=filled(client))) != code
    assert not holds(app.extensions["wrong tries"], "127.0.0.1")


def test_only_two_places_read_where_a_client_is() -> None:
    root = Path(tries.__file__).parents[2]
    sources = [path for name in ("distro", "geo", "inventory", "orders") for path in (root / name).rglob("*.py")]
    reads = re.compile(r"remote_addr|access_route|X-Forwarded-For\"|HTTP_X_|REMOTE_ADDR|user_agent|User-Agent")
    assert {path.name for path in sources if reads.search(path.read_text())} == {"shedding.py", "tries.py"}

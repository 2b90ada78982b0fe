"""A crowd: so many are let in, the others are told at once on a page that keeps what they typed, and nothing is lost.

How quick that is, `make bench BENCH=burst` measures; here nothing is timed.
"""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import Client, TestResponse

from distro import shedding
from distro.app import create_app
from distro.config import Settings, Surface
from distro.serve import THREADS
from distro.shedding import RETRY_AFTER, Gate, Shedding
from orders.models import Order
from tests.conftest import VisitorClient
from tests.depot import Depot
from tests.distro.test_edges import faults
from tests.distro.test_errors import fields as hidden_fields
from tests.orders.forms import code_in, filled
from tests.served import served


def gate(**changes: Any) -> Gate:
    return Gate(**{"readers": 1, "writers": 2, "readers_waiting": 0, "writers_waiting": 0, "patience": 30, **changes})


def test_so_many_are_let_in_and_a_place_given_back_is_taken_again() -> None:
    one = gate()
    assert [one.enter(True) for _ in range(3)] == [True, True, False]
    one.leave(True)
    assert one.enter(True) and not one.enter(True)


def test_readers_never_take_the_places_of_who_sends_a_request() -> None:
    one = gate()
    assert [one.enter(False) for _ in range(3)] == [True, False, False]
    assert [one.enter(True), one.enter(True)] == [True, True]


def test_who_sends_a_request_goes_before_who_reads() -> None:
    one, order = gate(readers=1, writers=1, readers_waiting=1, writers_waiting=1), []
    assert one.enter(False) and one.enter(True)

    def come(writes: bool) -> None:
        assert one.enter(writes)
        order.append(writes)
        one.leave(writes)

    with ThreadPoolExecutor(2) as pool:
        pool.submit(come, True)
        _until(lambda: one._waiting[True] == 1)
        pool.submit(come, False)
        _until(lambda: one._waiting[False] == 1)
        one.leave(False)  # a place to read is free, but someone waits to send
        assert order == []
        one.leave(True)
    assert order == [True, False]


def test_only_so_many_wait_and_who_waited_too_long_before_is_not_let_in() -> None:
    one = gate(writers=1, writers_waiting=1)
    assert one.enter(True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.enter, True)
        _until(lambda: one._waiting[True] == 1)
        assert not one.enter(True), "the bench is full"
        one.leave(True)
        assert waiting.result() is True
    one.leave(True)
    assert not one.enter(True, waited=one.patience) and one.enter(True, waited=0)


def test_one_network_has_half_of_the_places_at_most() -> None:
    one, a, b = gate(readers=2, writers=2, writers_waiting=2, readers_waiting=4), b"a", b"b"
    assert [one.enter(True, network=a) for _ in range(2)] == [True, True]
    assert not one.enter(True, network=a), "though two more might wait"
    assert [one.enter(False, network=a) for _ in range(2)] == [True, True], "readers are counted apart"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(one.enter, True, network=b)
        _until(lambda: one._waiting[True] == 1)
        one.leave(True, a)
        assert waiting.result() is True, "someone else still gets a place"
    one.leave(True, a)
    one.leave(True, b)
    assert [one.enter(True) for _ in range(2)] == [True, True], "where no network is known, there is no limit"
    for network, writes in ((b"", True), (b"", True), (a, False), (a, False)):
        one.leave(writes, network)
    assert not one._taken, "nothing of a network is left"


@pytest.mark.parametrize("proxies", [0, 1])
def test_a_client_that_fills_its_half_keeps_out_its_own_network_only(
    settings: Settings, depot: Depot, client: FlaskClient, proxies: int
) -> None:
    door = Shedding(create_app(replace(settings, proxies=proxies)))
    visitor, form = Client(door, TestResponse), filled(client)
    depot.session.commit()

    def status(address: str) -> int:
        where = {"HTTP_X_FORWARDED_FOR": address} if proxies else {"REMOTE_ADDR": address}
        return visitor.post("/done", data=form, environ_overrides=where).status_code

    taken = door._network({"REMOTE_ADDR": "203.0.113.7"})
    for _ in range(3):
        door.public._taken[True, taken] += 1
    assert status("203.0.113.99") == 503
    assert status("198.51.100.7") == 200


def test_only_a_form_of_ours_takes_the_place_of_who_sends_a_request(
    settings: Settings, app: Flask, depot: Depot
) -> None:
    door, client = Shedding(app), app.test_client()
    form = filled(client)
    depot.session.commit()
    door.public.readers = door.public.readers_waiting = 0
    visitor = Client(door, TestResponse)
    token = str(form["form"])
    tampered = ("A" if token[0] != "A" else "B") + token[1:]  # not at its end, whose last bits mean nothing
    for path, junk in (
        *(("/done", {"form": "x"}), ("/done", {}), ("/done", form | {"form": tampered})),
        *(("/donezzz", form), ("/cancel", form), ("/status", form)),
    ):
        assert visitor.post(path, data=junk).status_code == 503, (path, junk)
    assert visitor.post("/done", data=form, content_type="text/plain").status_code == 503
    assert visitor.post("/es/done", data=form).status_code == 200


def test_a_place_is_given_back_when_a_page_breaks(app: Flask, depot: Depot) -> None:
    app.view_functions["en.privacy"] = lambda: 1 / 0
    door = Shedding(app)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            Client(door).get("/privacy")
    assert door.public._inside == {True: 0, False: 0}


@pytest.fixture
def full(settings: Settings, depot: Depot) -> Client:
    """A server that has no place left, behind TLS."""
    door = Shedding(create_app(replace(settings, https=True)))
    for one in (door.public, door.staff):
        one.readers = one.writers = one.readers_waiting = one.writers_waiting = 0
    return Client(door, TestResponse)


@pytest.mark.parametrize("root", ["", "/es"])
def test_the_page_keeps_what_was_typed_and_says_that_nothing_was_stored(
    full: Client, client: FlaskClient, depot: Depot, root: str
) -> None:
    typed = filled(client, name='Robin "R" <Example> &amp;', line2="Ñandú 4")
    page = full.post(f"{root}/done", data=typed)
    assert page.status_code == 503 and page.headers["Retry-After"] == str(RETRY_AFTER)
    assert ("No se guardó nada" if root else "Nothing was stored") in page.text
    assert f'<html lang="{"es" if root else "en"}"' in page.text and f'action="{root}/done"' in page.text
    assert faults(page) == []
    kept = hidden_fields(page.text)
    assert kept == {**typed, "item": "naloxone-nasal"}
    assert depot.session.scalar(select(func.count()).select_from(Order)) == 0
    assert len(code_in(client.post(f"{root}/done", data=kept))) > 10, "sent again, it goes through"


def test_every_kind_of_page_is_refused_in_its_own_way(full: Client) -> None:
    for path in ("/", "/es/", "/privacy", "/nowhere", "/<script>alert(1)</script>", "/%ff"):
        page = full.get(path)
        assert page.status_code == 503 and faults(page) == [] and "<script>alert" not in page.text
        assert "What you typed" not in page.text
    assert full.head("/").data == b""
    assert full.get("/", headers={"Accept": "application/json"}).json == {"error": shedding.TOO_MANY}
    for path in ("/livez", "/static/public.css"):
        assert full.get(path, buffered=True).status_code == 200, path
    staff = full.post("/stock/receive", data={"document": "DEL-<9>", "quantity": "24"})
    assert staff.status_code == 503 and faults(staff, staff=True) == []
    assert hidden_fields(staff.text) == {"document": "DEL-<9>", "quantity": "24"}
    for secret in ({"username": "a", "password": "hidden-word"}, {"code": "123456"}):
        assert hidden_fields(full.post("/sign-in", data=secret).text) == {}
    upload = full.post("/check", data={"name": "x"}, content_type="multipart/form-data")
    assert upload.status_code == 503 and hidden_fields(upload.text) == {}
    assert full.post("/check", data="a&" * 5_000, content_type="application/x-www-form-urlencoded").status_code == 503


def test_with_room_it_changes_nothing(app: Flask, client: FlaskClient, depot: Depot) -> None:
    through = Client(Shedding(app), TestResponse)
    assert through.get("/privacy").text == client.get("/privacy").text
    assert through.post("/check", data=filled(client)).status_code == 200
    big = through.post("/check", data={"name": "x" * 400_000})
    assert big.status_code == 413


def test_a_crowd_at_a_real_server_loses_nothing(
    settings: Settings, app: Flask, depot: Depot, client: FlaskClient, tmp_path: Path
) -> None:
    """Forty at once: each is either given a code that the database knows, or told honestly; nobody is left waiting."""
    app.test_client_class = VisitorClient
    forms = [filled(client) for _ in range(40)]
    depot.session.commit()
    start = threading.Barrier(len(forms))

    def send(port: int, form: dict[str, object]) -> tuple[int, str]:
        start.wait()
        request = Request(f"http://127.0.0.1:{port}/done", urlencode(form, doseq=True).encode())
        try:
            with urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as refused:
            with refused:
                assert refused.headers["Retry-After"] == str(RETRY_AFTER)
                return refused.code, refused.read().decode()

    with served(settings, tmp_path / "said", "--surface", "public") as port, ThreadPoolExecutor(len(forms)) as pool:
        answers = list(pool.map(lambda form: send(port, form), forms))
        given = [page for status, page in answers if status == 200]
        told = [page for status, page in answers if status == 503]
        assert len(given) + len(told) == len(forms) and given and told
        assert all("Nothing was stored" in page and hidden_fields(page)["name"] == "Robin Example" for page in told)
        codes = {page.split('id="claim-code">')[1].split("<")[0] for page in given}
        assert len(codes) == len(given) == depot.session.scalar(select(func.count()).select_from(Order))
        for code in codes:
            with urlopen(f"http://127.0.0.1:{port}/status", urlencode({"code": code}).encode(), timeout=60) as answer:
                assert "We have your request" in answer.read().decode()


def test_connections_that_say_nothing_keep_nobody_out(settings: Settings, depot: Depot, tmp_path: Path) -> None:
    depot.session.commit()
    with served(settings, tmp_path / "said", "--surface", "public") as port, ExitStack() as idle:
        for _ in range(3 * THREADS[Surface.PUBLIC]):
            idle.enter_context(socket.create_connection(("127.0.0.1", port)))
        for _ in range(5):
            with urlopen(f"http://127.0.0.1:{port}/privacy", timeout=60) as answer:
                assert answer.status == 200


def _until(true: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came to that")

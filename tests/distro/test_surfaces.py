"""Which doors are open where: a guard on every staff page, and none of them on the public surface."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from distro.app import create_app, routes
from distro.auth import guard_of
from distro.config import Settings, Surface
from tests.conftest import Cli
from tests.depot import Depot, sign_in

OPEN = {"health", "login", "join", "provider", "en", "es"}
METHODS = ("GET", "POST")


def path_of(rule: str) -> str:
    """An address a rule answers: `/desk/<number>` -> `/desk/1`."""
    return re.sub(r"<[^>]+>", "1", rule)


@pytest.fixture
def public(settings: Settings, depot: Depot) -> FlaskClient:
    """The public surface, on a machine that has no keyring."""
    shutil.rmtree(settings.keyring)
    return create_app(replace(settings, surface=Surface.PUBLIC)).test_client()


def test_every_blueprint_says_who_may_enter(app: Flask) -> None:
    unsaid = [name for name in app.blueprints if guard_of(name) is None and name != "bootstrap"]
    assert unsaid == []
    assert {name for name in app.blueprints if guard_of(name) == "none"} == OPEN


def test_a_blueprint_nobody_guards_would_be_noticed(app: Flask) -> None:
    assert guard_of("a new one") is None


def test_strangers_reach_no_staff_page(app: Flask, client: FlaskClient) -> None:
    guarded = [row for row in routes(app) if row["guard"] not in ("none", None)]
    assert len(guarded) > 15
    for row in guarded:
        for method in METHODS:
            if method in row["methods"]:  # type: ignore[operator]
                answer = client.open(path_of(str(row["path"])), method=method)
                sent_to_sign_in = answer.status_code == 302 and "/sign-in" in answer.headers["Location"]
                assert sent_to_sign_in or answer.status_code in (400, 401), (row, answer.status)


def test_each_role_reaches_what_its_guard_says_and_no_more(app: Flask, depot: Depot) -> None:
    for username, role in (("packer", "packer"), ("manager", "manager"), ("reviewer", "reviewer"), ("admin", "admin")):
        client = app.test_client()
        assert sign_in(client, username).status_code in (302, 303)
        for row in routes(app):
            if row["guard"] in ("none", None) or "GET" not in row["methods"]:  # type: ignore[operator]
                continue
            answer = client.get(path_of(str(row["path"])))
            allowed = role in str(row["guard"]).split(", ")
            assert (answer.status_code != 403) == allowed, (username, row, answer.status)
            assert answer.status_code < 500, (username, row, answer.status)


def test_staff_writes_need_the_form_s_token(app: Flask, client: FlaskClient, depot: Depot) -> None:
    sign_in(client, "admin")
    for row in routes(app):
        if row["guard"] not in ("none", None) and "POST" in row["methods"]:  # type: ignore[operator]
            assert client.post(path_of(str(row["path"]))).status_code == 400, row


def test_the_public_surface_answers_404_to_every_staff_route(app: Flask, public: FlaskClient) -> None:
    mine = {row["path"] for row in routes(public.application)}
    staff = [row for row in routes(app) if row["path"] not in mine]
    assert len(staff) > 15
    for row in staff:
        for method in METHODS:
            assert public.open(path_of(str(row["path"])), method=method).status_code == 404, row
    assert public.get("/").status_code == 200 and public.get("/es/").status_code == 200


def test_the_staff_surface_has_no_public_door(settings: Settings) -> None:
    staff = create_app(replace(settings, surface=Surface.STAFF)).test_client()
    assert staff.get("/es/").status_code == 404


def test_a_public_worker_imports_neither_geopandas_nor_what_opens_boxes(settings: Settings) -> None:
    program = (
        "import sys, wsgi; loaded = {'geopandas', 'shapely', 'reportlab', 'orders.labels'} & set(sys.modules);"
        "print(sorted(loaded))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={"DISTRO_INSTANCE": str(settings.instance), "DISTRO_SURFACE": "public"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "geopandas" not in told.stdout and "shapely" not in told.stdout


def test_routes_are_listed_with_their_guards(cli: Cli) -> None:
    told = cli("routes", "--surface", "public", "--json")
    assert told.returncode == 0 and '"path": "/es/' in told.stdout and '"guard": "none"' in told.stdout
    assert "/desk" not in told.stdout

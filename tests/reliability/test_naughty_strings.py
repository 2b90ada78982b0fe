"""Hostile text in every field of every form: it is stored or refused with a sentence, and shows as text alone."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import BaseLoader, Environment
from werkzeug.datastructures import Headers
from werkzeug.test import TestResponse

from distro.config import Settings
from orders import queries
from tests.applications import own_application
from tests.depot import Depot, sign_in
from tests.orders.forms import code_in, fields, filled
from tests.scan import hostile, world
from tests.scan.filling import Tally, Untried, fill, look_around, typed_into
from tests.scan.inert import faults
from tests.scan.pages import Form
from tests.staff import post

LEAST = {"public": (60, 500), "staff": (100, 400)}  # fields, and answers: fewer would mean that pages were missed
ON_A_LABEL = (
    "<b>zq7k</b>",
    "(zq7k) Tj",
    "^XA^FDzq7k^FS^XZ",
    "=1+1",
    ") /OpenAction <<",
    "%s%n",
    "{{ 7 * 7 }}",
    "' OR '1'='1",
)


class Elsewhere:
    """A visitor each of whose requests comes from a network of its own, so that nobody's tries are counted together."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client
        self._numbers = count(1)

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._client.get(path, environ_overrides=self._somewhere(), **options)

    def post(self, path: str, **options: Any) -> TestResponse:
        return self._client.post(path, environ_overrides=self._somewhere(), **options)

    def _somewhere(self) -> dict[str, str]:
        number = next(self._numbers)
        return {"REMOTE_ADDR": f"10.{number >> 8 & 255}.{number & 255}.1"}


@pytest.fixture
def furnished(depot: Depot, app: Flask) -> Depot:
    """Something of everything; and what breaks answers 500 as it would in earnest."""
    app.testing = False
    world.furnish(depot)
    return depot


def some(kind: str, turn: int) -> Iterator[str]:
    """Of every fourth category one string, for what nobody types of fewer; others for the next field."""
    for number, (_, text) in enumerate(hostile.one_of_each(turn)):
        if (number + turn) % (4 if typed_into(kind) else 16) == 0:
            yield text


def _fill_all(app: Flask, names: tuple[str, ...]) -> tuple[Tally, dict[str, FlaskClient]]:
    untried, tally, clients = Untried(app), Tally(), {}
    done = set[str]() if any(names) else None  # participants' fields travel on, so each page gets them all
    for name in names:
        clients[name] = app.test_client()
        if name:
            sign_in(clients[name], name)
        visitor = Elsewhere(clients[name])
        tally.add(fill(app, visitor, untried.of(visitor, public=not name), some, name, done))
    return tally, clients


def test_what_participants_type_stays_text(furnished: Depot, app: Flask) -> None:
    tally, clients = _fill_all(app, ("",))
    furnished.settle()
    tally.add(look_around(app, clients[""], "", public=True))
    assert tally.wrong == []
    assert len(tally.fields) >= LEAST["public"][0] and tally.sent >= LEAST["public"][1]


def test_what_staff_type_stays_text_on_every_page_after(furnished: Depot, app: Flask) -> None:
    tally, clients = _fill_all(app, world.STAFF)
    for name, client in clients.items():
        tally.add(look_around(app, client, name))
    assert tally.wrong == []
    assert len(tally.fields) >= LEAST["staff"][0] and tally.sent >= LEAST["staff"][1]


def test_a_name_prints_as_text_on_its_label(depot: Depot, app: Flask, client: FlaskClient) -> None:
    depot.shelve(quantity=50)
    packer = app.test_client()
    sign_in(packer, "packer")
    for typed in ON_A_LABEL:
        form = filled(client, name=typed, line1=typed, item="naloxone-nasal", **{"many-naloxone-nasal": "1"})
        doubted = client.post("/done", data=form)
        done = client.post("/done", data=form | {"sure": fields(doubted.text).get("sure", "")})
        assert done.status_code == 200 and faults(done, typed) == []
        code = code_in(done)
        depot.settle()
        order = queries.by_code(depot.session, depot.settings.secrets, code)
        for scanned in ("LOT1", order.number):
            post(packer, f"/desk/orders/{order.number}/scan", scan=scanned)
        label = post(packer, f"/desk/orders/{order.number}/label")
        assert label.mimetype == "application/pdf" and label.status_code == 200
        assert faults(label, typed) == []


def test_a_part_of_a_form_without_a_name_is_refused(client: FlaskClient, depot: Depot, app: Flask) -> None:
    app.testing = False
    body = '--x\r\nContent-Disposition: form-data; name="a\\"\r\n\r\n1\r\n--x--\r\n'
    for path in ("/status", "/nowhere", "/sign-in"):
        answer = client.post(path, data=body, content_type="multipart/form-data; boundary=x")
        assert answer.status_code in (400, 404) and faults(answer) == []


class _Planted(BaseLoader):
    """The templates, but one of them says of what was typed that it is safe."""

    def __init__(self, ours: BaseLoader) -> None:
        self.ours = ours

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        source, name, fresh = self.ours.get_source(environment, template)
        return source.replace('{{ typed.get(name, "") }}', '{{ typed.get(name, "") | safe }}'), name, fresh


def test_control_a_value_that_is_not_escaped_is_found(
    furnished: Depot, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert app.jinja_env.loader
    monkeypatch.setattr(app.jinja_env, "loader", _Planted(app.jinja_env.loader))
    client = app.test_client()
    sign_in(client, "packer")
    forms = [form for form in Untried(app).of(client, public=False) if form.action == "/stock/receive"]
    wrong = fill(app, client, forms, lambda _kind, _turn: hostile.CATEGORIES["script"], "packer").wrong
    for what in ("svg onload", "button zq7k", "sends or loads elsewhere", "unescaped: '<img src=zq7k"):
        assert any(what in fault for fault in wrong), what


def _answer(body: str | bytes, kind: str = "text/html", status: int = 200, **headers: str) -> TestResponse:
    told = Headers({"Content-Type": kind, **{name.replace("_", "-"): value for name, value in headers.items()}})
    return TestResponse([body.encode() if isinstance(body, str) else body], str(status), told, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (_answer("<p>It broke, and nothing was stored.</p>", status=500), "answered 500"),
        (_answer("<p></p>", status=422), "refused without a sentence"),
        (_answer("<p><script>zq7k()</script></p>"), "an inline script"),
        (_answer("<p><zq7k-tag>x</zq7k-tag></p>"), "an element of its own"),
        (_answer('<p style="color: red">x</p>'), "an attribute of its own"),
        (_answer("<p>x</p>", X_Zq7k="1"), "a header of its own"),
        (_answer("<p>x</p>", Set_Cookie="zq7k=1"), "a cookie of its own"),
        (_answer("", status=303, Location="https://zq7k.example"), "leads away"),
        (_answer("", status=303, Location="//zq7k.example"), "leads away"),
        (_answer('<a href="java&#10;script:zq7k()">x</a>'), "an address that runs"),
        (_answer('<form action="https://zq7k.example"></form>'), "sends or loads elsewhere"),
        (_answer("item\n=1+1\n", "text/csv"), "a formula in a cell"),
        (_answer('{"error": "x', "application/json"), "cannot be read back"),
        (_answer("a: b: c", "text/yaml"), "cannot be read back"),
        (_answer(b"%PDF-1.4 << /OpenAction << /S /JavaScript >> >>", "application/pdf"), "a PDF that acts"),
        (_answer("x", "text/x-zq7k"), "a content type of its own"),
    ],
)
def test_control_each_kind_of_harm_is_seen(answer: TestResponse, fault: str) -> None:
    assert any(fault in found for found in faults(answer, ""))


def test_control_a_page_that_breaks_is_found(settings: Settings) -> None:
    app = own_application(settings, testing=False)

    @app.post("/breaks")
    def breaks() -> str:
        raise ValueError

    form = Form("/", "/breaks", "post", False, [])
    assert Tally().wrong == []
    tally = Tally()
    tally.judge("breaks", app.test_client().post(form.action), "")
    assert tally.wrong == ["breaks given '': answered 500"]


def test_the_strings_are_many_and_of_every_category() -> None:
    assert len(hostile.CATEGORIES) >= 20 and len(set(hostile.everything())) >= 120
    assert {text for turn in range(60) for _, text in hostile.one_of_each(turn)} == set(hostile.everything())
    assert any(len(text) >= 10_000 for text in hostile.everything())

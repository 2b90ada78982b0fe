"""Every staff page x every role x every object, as tests/distro/matrix.py says (ASVS 8.2.1 to 8.3.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from distro import clock
from distro.config import Settings
from geo import credentials, drafts, publish, referrals
from geo.models import County
from orders import links
from orders.models import Order, Status
from tests.applications import own_application
from tests.depot import Depot, rule, sign_in, type_password
from tests.distro.matrix import (
    CANARY,
    GONE,
    IN,
    MISSING,
    NO,
    PAGES,
    PEOPLE,
    ROLES,
    SIGN_IN,
    Page,
    cells,
    pages,
    unnamed,
)


@dataclass
class World:
    """The app, someone signed in for each role, and a thing of every kind by which one it is."""

    app: Flask
    clients: Mapping[str, FlaskClient]
    things: Mapping[str, Mapping[str, dict[str, str]]]
    depot: Depot
    seen: list[tuple[str, Page, TestResponse]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    def ask(self, who: str, page: Page, values: Mapping[str, str]) -> TestResponse:
        """Open a page, or send its form with its token and little else, about a thing."""
        path = re.sub(r"<(\w+)>", lambda name: values.get(name[1], MISSING.get(name[1], "999999")), page.path)
        form = self.form(who, values) if page.method == "POST" else {}
        answer = self.clients[who].open(path, method=page.method, data=form)
        self.seen.append((who, page, answer))
        return answer

    def form(self, who: str, values: Mapping[str, str]) -> dict[str, str]:
        """What is sent with every form: its token, and the number where one is scanned."""
        if who not in self.tokens:
            page = self.clients[who].get("/account", follow_redirects=True).text
            self.tokens[who] = page.split('name="csrf_token" value="')[1].split('"')[0]
        return {"csrf_token": self.tokens[who], "scan": values.get("number", "")}


def got(answer: TestResponse) -> str:
    """What an answer amounts to."""
    if answer.status_code == 401 or (answer.status_code in (302, 303) and answer.location.startswith("/sign-in")):
        return SIGN_IN
    if answer.status_code in (200, 302, 303, 409, 422):
        return IN
    return {403: NO, 404: GONE}.get(answer.status_code, str(answer.status_code))


def wrong_cells(world: World, table: str, people: Iterable[str] = PEOPLE) -> list[str]:
    """Every cell of the table that is not so, as a line."""
    wrong = []
    for who in people:
        for page in sorted(pages(table), key=lambda page: page.kind == "last"):
            for which, expected in cells(page, who):
                answer = got(world.ask(who, page, world.things.get(page.kind, {}).get(which, {})))
                if answer != expected:
                    wrong.append(f"{page.method} {page.path} [{which}] {who}: {answer}, not {expected}")
    return wrong


@pytest.fixture
def app(settings: Settings) -> Flask:
    """The application with the demo's pages too."""
    return own_application(replace(settings, demo=True))


@pytest.fixture
def world(app: Flask, depot: Depot) -> World:
    for username in ("packer", "manager", "reviewer"):
        user = depot.user(username)
        user.site_code, user.state_codes = "OH", ["OH"]
    things = {
        "order": orders(depot),
        "held order": held_orders(depot),
        **papers_and_more(depot),
        **lots(depot),
        **rules(depot),
    }
    depot.session.commit()
    clients = {username: app.test_client() for username in ROLES.values()}
    for username, client in clients.items():
        assert sign_in(client, username).status_code == 303
    clients |= {"a visitor": app.test_client(), "one factor": app.test_client()}
    type_password(clients["one factor"], "other-packer")
    return World(app, clients, things, depot)


def orders(depot: Depot) -> dict[str, dict[str, str]]:
    """Orders in the packing queue. Whose they are does not depend on how they came there."""
    depot.shelve(quantity=50)
    found = {}
    for which, site, zip, state in (
        ("own", "OH", "43215", "OH"),
        ("foreign site", "MN", "43215", "OH"),
        ("foreign state", "OH", "42223", "KY"),
    ):
        order = depot.request(zip=zip, state=state, name=CANARY, line1=f"1 {CANARY} St", email="canary@example.org")
        depot.settle()
        order.site = depot.site(site)
        found[which] = {"number": order.number}
    return found


def held_orders(depot: Depot) -> dict[str, dict[str, str]]:
    found = {}
    for which, site, zip, state in (
        ("own", "OH", "43215", "OH"),
        ("foreign site", "MN", "43215", "OH"),
        ("foreign state", "OH", "42223", "KY"),
        ("no warehouse yet", None, "43215", "OH"),
    ):
        order = depot.request(zip=zip, state=state, name=CANARY)
        order.status, order.site = Status.HELD, depot.site(site) if site else None
        found[which] = {"number": order.number}
    return found


def lots(depot: Depot) -> dict[str, dict[str, dict[str, str]]]:
    here = depot.shelve("wound-care-kit", lot="HERE")
    there = depot.shelve("wound-care-kit", lot="THERE", site="MN")
    found = {"own": {"lot_id": str(here.id)}, "foreign site": {"lot_id": str(there.id)}}
    return {"lot to read": found, "lot to hold": found}


def rules(depot: Depot) -> dict[str, dict[str, dict[str, str]]]:
    session, now = depot.session, clock.now()
    session.add(County(fips="39049", name="Franklin", state="OH", outline="M1 1l2 0 0 2z"))
    session.flush()
    live = publish.in_force(session, clock.today())
    draft = drafts.copy(session, live, by="admin", at=now)
    for code, zip in (("ohio-streets", "43215"), ("kentucky-streets", "42223")):
        area = {"code": code, "name": code, "kind": "region", "zips": [zip], "source": "x", "source_date": "2026"}
        drafts.put_area(session, draft, area, by="admin", at=now)
    whole = drafts.copy(session, draft, by="admin", at=now)
    used = rule("area:ohio-streets", "naloxone-nasal", "allow", key="OH-streets-naloxone-nasal", scope="municipality")
    drafts.put_rule(session, draft, used, by="admin", at=now, items=None)  # so that nobody drops the area
    here, other = {"draft_id": str(draft.id)}, {"draft_id": str(whole.id)}
    keys = {"own": "OH-syringe-kit", "foreign state": "KY-syringe-kit", "nation": "US-naloxone-nasal"}
    one = {which: here | {"key": key} for which, key in keys.items()} | {"missing": here}
    areas = {"own": "ohio-streets", "foreign state": "kentucky-streets"}
    area = {which: here | {"code": code} for which, code in areas.items()} | {"missing": here}
    return {
        **dict.fromkeys(("rule to read", "rule to write"), one),
        **dict.fromkeys(("area to read", "area to drop"), area),
        "draft": {"own": here},
        "whole draft": {"own": other},
        "state": {"own": here | {"code": "OH"}, "missing": here},
        "county": {"own": {"fips": "39049"}},
    }


def papers_and_more(depot: Depot) -> dict[str, dict[str, dict[str, str]]]:
    session, now = depot.session, clock.now()
    paper = credentials.record(
        session,
        by="admin",
        at=now,
        kind="registration",
        title="Paper",
        number="",
        issuer="x",
        sites=["OH"],
        places=[],
        items=[],
        valid_from=clock.today(),
        expires_on=None,
        note="",
    )
    values = {"kind": "helpline", "name": "Made-up line", "name_es": "x", "areas": ["US"], "source": "x"}
    referral = referrals.add(session, values | {"phone": "614-555-0123", "checked_on": clock.today()}, "admin", now)
    return {
        "paper": {"own": {"paper": str(paper.id)}},
        "referral": {"own": {"referral_id": str(referral.id)}},
        "account": {"own": {"user_id": str(depot.user("packer-mn").id)}},
        "link": {"own": {"code": links.make(session, name="Partner", by="admin", at=now).code, "language": "es"}},
    }


def test_every_cell_is_as_the_table_says(world: World) -> None:
    assert unnamed(world.app, PAGES) == set()
    before = foreign(world)
    assert "\n".join(wrong_cells(world, PAGES, PEOPLE[:-1])) == ""
    assert foreign(world) == before, "what is not theirs stays as it was"
    assert "\n".join(wrong_cells(world, PAGES, PEOPLE[-1:])) == ""
    leaks = [f"{who}: {page.method} {page.path}" for who, page, answer in world.seen if CANARY.encode() in answer.data]
    assert leaks == [], "no page shows who asked"
    assert len(world.seen) > 500


def foreign(world: World) -> list[object]:
    """How far the orders are that are not of Ohio's warehouse or not for Ohio."""
    world.depot.session.expire_all()
    orders = world.depot.session.scalars(select(Order).order_by(Order.id))
    return [(order.number, order.status, order.packer_id) for order in orders if order.number in _foreign(world)]


def _foreign(world: World) -> set[str]:
    kinds = (world.things["order"], world.things["held order"])
    return {kind[which]["number"] for kind in kinds for which in ("foreign site", "foreign state")}


def test_only_a_reason_given_shows_an_address_and_the_canary_is_seen_there(world: World) -> None:
    number = world.things["order"]["own"]["number"]
    for who, shows in (("packer", False), ("manager", True), ("reviewer", False), ("admin", True)):
        client = world.clients[who]
        form = world.form(who, {}) | {"reason": "unclear"}
        assert (CANARY in client.post(f"/address/{number}/show", data=form).text) == shows, who
        assert CANARY not in client.get(f"/address/{number}").text
        assert CANARY not in client.post(f"/address/{number}/show", data=form | {"reason": ""}).text


def test_a_page_that_is_not_in_the_table_is_noticed(app: Flask, depot: Depot) -> None:
    planted(app)
    assert unnamed(app, PAGES) == {("GET", "/planted/<number>")}


def test_a_page_without_a_guard_is_noticed(app: Flask, depot: Depot, request: pytest.FixtureRequest) -> None:
    planted(app)
    world: World = request.getfixturevalue("world")
    wrong = wrong_cells(world, "GET /planted/<number>   M   A  order")
    assert "GET /planted/<number> [own] a visitor: in, not sign in" in wrong
    assert "GET /planted/<number> [own] one factor: in, not sign in" in wrong
    assert "GET /planted/<number> [own] packer: in, not no" in wrong
    assert "GET /planted/<number> [foreign site] manager: in, not gone" in wrong
    assert "GET /planted/<number> [missing] admin: in, not gone" in wrong


def test_a_wrong_line_of_the_table_is_noticed(world: World) -> None:
    for line, told in (
        ("GET /manage   P M   A  -", "GET /manage [] packer: no, not in"),
        ("GET /manage       M    -", "GET /manage [] admin: in, not no"),
        ("GET /rules/drafts/<draft_id>/rules/<key>   M R A  rule to write", "[foreign state] manager: in, not no"),
        ("GET /stock/lots/<lot_id>   P M   A  lot to hold", "[foreign site] packer: in, not no"),
    ):
        assert any(told in cell for cell in wrong_cells(world, line)), line


def planted(app: Flask) -> None:
    """A page that somebody forgot to guard."""
    blueprint = Blueprint("planted", __name__, url_prefix="/planted")
    blueprint.get("/<number>")(lambda number: f"{number}: all there is")
    app.register_blueprint(blueprint)

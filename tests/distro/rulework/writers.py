"""What tests of the pages that write rules share: the depot with two counties, those who write, and their forms."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from distro import clock
from geo import publish
from geo.models import County, Ruleset
from tests.depot import Depot, sign_in
from tests.staff import post

TODAY = clock.today()
APPROVED = {
    "place": "Franklin, OH",
    "items": "syringe-kit",
    "effect": "allow",
    "valid_to": (TODAY + timedelta(days=30)).isoformat(),
    "citation": "Made-up resolution 7",
    "source": "Made-up county board",
    "source_date": TODAY.isoformat(),
    "confidence": "high",
}
KEY = "OH-franklin-syringe-kit"


@pytest.fixture
def world(depot: Depot) -> Depot:
    """The depot, with a county in Ohio that its ZIP code lies in."""
    for fips, name in (("39049", "Franklin"), ("39041", "Delaware")):
        depot.session.add(County(fips=fips, name=name, state="OH", outline="M1 1l2 0 0 2z"))
    depot.session.commit()
    return depot


def person(app: Flask, username: str) -> FlaskClient:
    client = app.test_client()
    sign_in(client, username)
    return client


@pytest.fixture
def manager(app: Flask, world: Depot) -> FlaskClient:
    return person(app, "manager")


@pytest.fixture
def reviewer(app: Flask, world: Depot) -> FlaskClient:
    return person(app, "reviewer")


def live(world: Depot) -> Ruleset:
    world.session.expire_all()
    return publish.in_force(world.session, TODAY)


def started(client: FlaskClient, ruleset: Ruleset) -> str:
    """The address of a new draft that says what a ruleset says."""
    return str(post(client, "/rules/drafts/copy", **{"from": str(ruleset.id)}).location)


def errors(answer: TestResponse) -> list[str]:
    """The sentences beside fields."""
    found = re.findall(r'invalid-feedback d-block"[^>]*>(.*?)</div>', answer.text, re.DOTALL)
    return [re.sub(r"<[^>]+>|✕", "", text).strip() for text in found]


def read_mark(client: FlaskClient, changes: str) -> str:
    """The mark of what the page of changes shows to this person; empty where it has no button that needs one."""
    found = re.search(r'name="seen" value="(\w+)"', client.get(changes).text)
    return found[1] if found else ""


def propose(client: FlaskClient, draft: str, **typed: str) -> TestResponse:
    """Read what a draft changes, and propose it."""
    return post(client, f"{draft}/changes/propose", **{"seen": read_mark(client, f"{draft}/changes"), **typed})


def put_out(client: FlaskClient, draft: str, **typed: str) -> TestResponse:
    """Read what a proposal changes, and publish it."""
    return post(client, f"{draft}/changes/publish", **{"seen": read_mark(client, f"{draft}/changes"), **typed})

"""Who else can help: on every page that says no, and with every code."""

import re

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from distro import clock
from geo import referrals
from geo.models import Referral
from tests.depot import Depot
from tests.orders.forms import filled

NONCE = b"0123456789abcdef"
NUA = "800-484-3731"


def local(code: str, area: str, **fields: str) -> Referral:
    named = {"name": f"Made-up {code}", "name_es": f"Inventado {code}", "phone": "614-555-0123", **fields}
    return Referral(code=code, kind="program", areas=[area], source="made up", checked_on=clock.today(), **named)


@pytest.fixture
def directory(depot: Depot) -> Depot:
    referrals.seed(depot.session, clock.now())
    depot.session.add_all([local("ohio", "OH", phone_es="614-555-0199"), local("utah", "UT")])
    return depot


def numbers(page: str) -> list[str]:
    return re.findall(r'href="tel:([^"]+)"', page)


@pytest.mark.parametrize(
    ("language", "name", "number"), [("", "Made-up ohio", "614-555-0123"), ("/es", "Inventado ohio", "614-555-0199")]
)
def test_every_no_and_every_code_comes_with_the_nearest_help(
    client: FlaskClient, directory: Depot, language: str, name: str, number: str
) -> None:
    directory.request(nonce=NONCE)
    code = directory.code_of(NONCE)
    declined = filled(client, item="smoking-kit")
    pages = [
        client.post(f"{language}/answer", data=declined),
        client.post(f"{language}/done", data=filled(client)),
        client.post(f"{language}/status", data={"code": code}),
        client.post(f"{language}/cancel", data={"code": code, "yes": "1"}),
        client.post(f"{language}/erase", data={"code": code, "yes": "1"}),
    ]
    for page in pages:
        assert page.status_code == 200 and name in page.text, page.request.path
        is_no = page.request.path.endswith("/answer")
        assert numbers(page.text)[:2] == [NUA, number if is_no else "988"] and number in numbers(page.text)
        assert (("Más ayuda" if language else "More help") in page.text) != is_no, "folded, but for a no"
        assert "utah" not in page.text and 'href="https://nasen.org/map/" rel="noreferrer">nasen.org<' in page.text


def test_where_all_can_be_sent_no_help_is_in_the_way(client: FlaskClient, directory: Depot) -> None:
    assert numbers(client.post("/answer", data=filled(client)).text) == []


@pytest.mark.parametrize("language", ["", "/es"])
def test_a_wrong_code_shows_the_nations_help_alone(client: FlaskClient, directory: Depot, language: str) -> None:
    page = client.post(f"{language}/status", data={"code": "wrong"}).text
    assert numbers(page) == [NUA, "988", "1-800-662-4357", "1-800-222-1222"] and "ohio" not in page


def test_before_the_directory_is_loaded_the_shipped_list_answers(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/es/done", data=filled(client)).text
    assert numbers(page)[0] == NUA and "Alguien le acompaña por teléfono" in page and "oprima 2" in page


def test_the_last_page_needs_no_directory(client: FlaskClient, depot: Depot) -> None:
    form = filled(client)
    depot.session.execute(text("ALTER TABLE referrals RENAME TO put_away"))
    try:
        page = client.post("/done", data=form)
    finally:
        depot.session.execute(text("ALTER TABLE put_away RENAME TO referrals"))
        depot.session.commit()
    assert page.status_code == 200 and 'id="claim-code"' in page.text and numbers(page.text)[0] == NUA

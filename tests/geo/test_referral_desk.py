from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import audit, clock
from geo import referrals
from geo.models import Referral
from tests.conftest import Cli
from tests.depot import Depot, sign_in
from tests.staff import post, said

TYPED = {
    "kind": "program",
    "name": "Made-up Supplies Ohio",
    "name_es": "Materiales de Ohio",
    "phone": "614 555 0123",
    "areas": "oh",
    "source": "called",
    "checked_on": "2026-11-01",
}


@pytest.fixture
def directory(depot: Depot) -> Depot:
    referrals.seed(depot.session, clock.now())
    return depot


def found(depot: Depot, code: str) -> Referral:
    depot.session.flush()
    depot.session.expire_all()
    return depot.session.scalars(select(Referral).where(Referral.code == code)).one()


def test_the_list_says_how_old_each_check_is(directory: Depot, client: FlaskClient) -> None:
    for line in directory.session.scalars(
        select(Referral).where(~Referral.code.in_(["safespot-ma", "dallas-county-hotline"]))
    ):
        line.checked_on = clock.today() - timedelta(days=91 if line.code == "poison-help" else 0)
    referrals.mark_checked(directory.session, found(directory, "never-use-alone"), "manager", clock.now())
    sign_in(client, "reviewer")
    page = client.get("/rules/referrals").text
    first = page.split("<tbody>")[1]
    assert (
        first.index("Dallas County")
        < first.index("SafeSpot")
        < first.index("Poison Help")
        < first.index("988 Lifeline")
    )
    assert all(f"{state}</span>" in page for state in ("check it", "fresh")) and "today, by manager" in page
    assert "not called yet; number compared on" in page and "days ago" not in page  # nobody here ever called
    line = found(directory, "poison-help")
    line.checked_by = "manager"
    assert "91 days ago, by manager" in client.get("/rules/referrals").text
    assert 'href="tel:1-800-222-1222"' in page and "Ohio (OH)" in page
    ohio = client.get("/rules/referrals?state=OH").text
    assert "Poison Help" in ohio and "SafeSpot" not in ohio and "Dallas" not in ohio


def test_checked_today_is_one_button(directory: Depot, client: FlaskClient) -> None:
    line = found(directory, "safespot-ma")
    sign_in(client, "manager")
    answer = post(client, f"/rules/referrals/{line.id}/checked", state="MA")
    assert answer.status_code == 303 and answer.headers["Location"] == "/rules/referrals?state=MA"
    line = found(directory, "safespot-ma")
    assert (line.checked_on, line.checked_by) == (clock.today(), "manager")
    assert audit.count(directory.session, action="check referral", subject="REFERRAL-safespot-ma") == 1


def test_adding_and_changing_keeps_what_was_typed_beside_what_is_wrong(directory: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    answer = post(
        client, "/rules/referrals/new", **{**TYPED, "phone": "614-555", "url": "http://made-up.example", "areas": "TX"}
    )
    assert answer.status_code == 422
    assert 'value="614-555"' in answer.text and "Write a phone number" in answer.text
    assert 'value="Made-up Supplies Ohio"' in answer.text and "such as https://example.org" in answer.text
    assert "There is no place “TX”" in post(client, "/rules/referrals/new", **{**TYPED, "areas": "TX"}).text
    assert post(client, "/rules/referrals/new", **TYPED).status_code == 303
    again = post(client, "/rules/referrals/new", **TYPED)
    assert again.status_code == 409 and "in the directory already" in said(again)[0]
    program = found(directory, "made-up-supplies-ohio")
    assert (program.phone, program.areas, program.checked_by) == ("614-555-0123", ["OH"], "manager")
    form = client.get(f"/rules/referrals/{program.id}").text
    assert 'value="OH"' in form and '<option value="program" selected>' in form
    assert post(client, f"/rules/referrals/{program.id}", **{**TYPED, "areas": "ohio; KY"}).status_code == 303
    assert found(directory, "made-up-supplies-ohio").areas == ["OH", "KY"]
    wrong = post(client, f"/rules/referrals/{program.id}", **{**TYPED, "areas": "Kentuky", "name": ""})
    assert wrong.status_code == 422 and "Did you mean Kentucky?" in wrong.text and "1 to 120 letters" not in wrong.text
    assert "This is missing." in wrong.text and 'value="Kentuky"' in wrong.text
    assert client.get("/rules/referrals/99999").status_code == 404


def test_a_withdrawn_entry_is_shown_to_nobody_and_can_come_back(directory: Depot, client: FlaskClient) -> None:
    sign_in(client, "admin")
    line = found(directory, "poison-help")
    post(client, f"/rules/referrals/{line.id}/withdraw")
    assert "1-800-222-1222" not in client.post("/status", data={"code": "wrong"}).text
    assert "withdrawn</span>" in client.get("/rules/referrals").text
    post(client, f"/rules/referrals/{line.id}/back")
    assert "1-800-222-1222" in client.post("/status", data={"code": "wrong"}).text


def test_the_last_helpline_of_the_nation_stays(depot: Depot, client: FlaskClient) -> None:
    depot.session.add(
        Referral(**{**TYPED, "kind": "helpline", "code": "only", "areas": ["US"], "checked_on": clock.today()})
    )
    sign_in(client, "manager")
    line = found(depot, "only")
    post(client, f"/rules/referrals/{line.id}/withdraw")
    page = client.get("/rules/referrals")
    assert "No helpline for the whole nation" in said(page)[0] and not found(depot, "only").withdrawn
    answer = post(client, f"/rules/referrals/{line.id}", **{**TYPED, "areas": "OH"})
    assert answer.status_code == 409 and "No helpline for the whole nation" in said(answer)[0]


def test_packers_and_strangers_are_turned_away(directory: Depot, app: Flask, client: FlaskClient) -> None:
    line, manager = found(directory, "poison-help"), app.test_client()
    assert client.get("/rules/referrals").status_code == 302
    sign_in(client, "packer")
    assert client.get("/rules/referrals").status_code == 403
    assert post(client, f"/rules/referrals/{line.id}/withdraw").status_code == 403
    sign_in(manager, "manager")
    assert manager.post(f"/rules/referrals/{line.id}/withdraw").status_code == 400  # no token
    assert not found(directory, "poison-help").withdrawn


def test_the_overview_counts_what_needs_a_check(directory: Depot, client: FlaskClient) -> None:
    sign_in(client, "manager")
    assert "2 referrals need checking" in client.get("/manage").text
    for line in directory.session.scalars(select(Referral)):
        line.checked_on = clock.today()
    assert "checking" not in client.get("/manage").text


def test_the_command_line_exports_what_it_loads(directory: Depot, cli: Cli) -> None:
    exported = cli("referrals", "export")
    assert exported.returncode == 0 and "code: never-use-alone" in exported.stdout
    listed = cli("referrals", "list", "--json")
    assert '"code": "poison-help"' in listed.stdout and '"needs_check": true' in listed.stdout
    assert cli("referrals", "load").stdout == "0 added.\n"
    packer = cli("referrals", "load", "--by", "packer")
    assert packer.returncode == 1 and "packer is no manager or reviewer or admin" in packer.stderr

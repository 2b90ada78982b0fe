"""The monthly page: each view by whom and why; its CSV is what it shows; and the mail of the 1st."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import actions, audit, clock, jobs, record, record_pages
from distro.outbox import Message
from distro.record import Month
from orders.correction import EDITED
from orders.identity import FAILED, REFUSED, VIEW
from orders.shredding import DESTROY_KEY
from tests.conftest import Cli
from tests.depot import Depot, sign_in

OCTOBER, NOVEMBER = datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
WRITTEN = [  # when, who, what, which, why
    (OCTOBER, "packer", VIEW, "ORD-AAAA", "label"),
    (NOVEMBER, "packer", VIEW, "ORD-BBBB", "label"),
    (NOVEMBER, "packer", VIEW, "ORD-CCCC", "carrier file"),
    (NOVEMBER, "manager", VIEW, "ORD-BBBB", "edit: The address is unclear"),
    (NOVEMBER, "manager", EDITED, "ORD-BBBB", "The address is unclear"),
    (NOVEMBER, "packer", VIEW, "ORD-DDDD", "label again"),
    (NOVEMBER, "packer", FAILED, "ORD-DDDD", "label again: KeyGone"),
    (NOVEMBER, "packer", REFUSED, "ORD-EEEE", "label: 1 more would pass 120 in the last hour"),
    (NOVEMBER, "packer", VIEW, "ORD-FFFF", "label printed again"),  # as an older version wrote it
    (NOVEMBER, "system", DESTROY_KEY, "2026-W30", "no address needs it"),
    (NOVEMBER, "manager", "release", "ORD-BBBB", "no view at all"),
]


@pytest.fixture
def admin(depot: Depot, client: FlaskClient) -> FlaskClient:
    for at, actor, action, subject, reason in WRITTEN:
        audit.record(depot.session, actor=actor, action=action, subject=subject, reason=reason, at=at)
    depot.session.commit()
    sign_in(client, "admin")
    return client


def exported(client: FlaskClient, **asked: str) -> list[list[str]]:
    answer = client.get("/record/export.csv", query_string={"month": "2026-11", **asked})
    assert answer.mimetype == "text/csv" and answer.headers["Cache-Control"] == "no-store"
    return list(csv.reader(StringIO(answer.text, newline="")))


def test_it_shows_every_view_of_the_month(admin: FlaskClient) -> None:
    page = admin.get("/record?month=2026-11").text
    assert all(f">{number}<" in page for number in ("BBBB", "CCCC", "DDDD", "EEEE", "FFFF"))
    assert ">AAAA<" not in page and "no view at all" not in page
    assert "The address is unclear" in page and "refused: limit" in page and "did not open" in page
    assert "2026-W30" in page and "1 to 8 of 8" in page
    assert ">AAAA<" in admin.get("/record?month=2026-10").text


def test_the_totals_are_by_person_and_task(depot: Depot, admin: FlaskClient) -> None:
    counts = dict(record.totals(record.rows(depot.session, Month(2026, 11))))
    assert list(counts) == ["packer", "manager"]
    packer = {"opened": 3, "label": 1, "carrier file": 1, "label again": 0, "other": 1, "did not open": 1}
    assert counts["packer"] == {**packer, "refused: limit": 1}
    assert counts["manager"] == {"opened": 1, "edit": 1, "corrected": 1}


def test_the_csv_is_what_the_page_shows(depot: Depot, admin: FlaskClient) -> None:
    head, *found = exported(admin)
    assert tuple(head) == record.COLUMNS and len(found) == 8
    assert found[0] == ["2026-11-01 00:00", "packer", "FFFF", "opened", "other", "label printed again"]
    for asked in (
        {"person": "manager"},
        {"task": "label"},
        {"person": "packer", "task": "carrier file", "sort": "order"},
    ):
        page = admin.get("/record", query_string={"month": "2026-11", **asked}).text
        listed = page.split('id="views"')[1]
        _, *found = exported(admin, **asked)
        assert listed.count("<tr><td>") == len(found) > 0
        assert all(f">{row[2]}<" in listed for row in found)
    assert [row[2] for row in exported(admin, sort="order")[1:]] == sorted(row[2] for row in exported(admin)[1:])


def test_a_long_month_has_pages_and_its_csv_has_all(admin: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_pages, "ON_A_PAGE", 3)
    pages = [admin.get(f"/record?month=2026-11&page={page}").text.split('id="views"')[1] for page in (1, 2, 3)]
    assert [page.count("<tr><td>") for page in pages] == [3, 3, 2]
    assert "Older" in pages[0] and "Newer" in pages[2] and "Older" not in pages[2]
    assert len(exported(admin)) == 9


@pytest.mark.parametrize(
    "query",
    ["month=x", "month=2026-13", "month=9999-99", "month=0001-01", "task=%3Cb%3E", "page=x", "page=99999999", "sort=x"],
)
def test_an_odd_address_is_no_error(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"/record?{query}").status_code == 200
    assert admin.get(f"/record/export.csv?{query}").status_code == 200


def test_everything_else_is_shown_in_plain_words(depot: Depot, admin: FlaskClient) -> None:
    before = len(exported(admin, show="else")) - 1 - 2  # how the depot was set up
    audit.record(depot.session, actor="admin", action="invite user", subject="robin", at=NOVEMBER)
    audit.record(depot.session, actor="manager", action="a step of later", subject="THING-1", at=NOVEMBER)
    depot.session.commit()
    page = admin.get("/record?month=2026-11&show=else").text.split('id="views"')[1]
    assert all(f">{what}<" in page for what in ("released a held order", "destroyed a key", "a step of later"))
    assert ">robin<" in page and ">2026-W30<" in page and "carrier file" not in page
    for show, count in (("", 8), ("else", 4 + before), ("all", 12 + before)):
        _, *found = exported(admin, show=show)
        listed = admin.get("/record", query_string={"month": "2026-11", "show": show}).text.split('id="views"')[1]
        assert len(found) == listed.count("<tr><td>") == count
    [row] = exported(admin, show="else", person="manager", task="released a held order")[1:]
    assert row[1:] == ["manager", "BBBB", "released a held order", "", "no view at all"]
    assert len(exported(admin, show="else", task="label")) == 5 + before  # no task of that page, so all of it
    assert {row[4] for row in exported(admin, show="all", task="label")[1:]} == {"label"}


def test_every_action_that_the_code_writes_has_words(tmp_path: Path) -> None:
    assert written(Path(__file__).parents[2]) - set(actions.WORDS) == set()
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders" / "new.py").write_text('audit.record(session, actor=by, action="burn", subject="x", at=at)')
    assert written(tmp_path) - set(actions.WORDS) == {"burn"}


def written(root: Path) -> set[str]:
    """The actions that the code names, read from its text."""
    files = [path for package in ("distro", "orders", "inventory", "geo") for path in (root / package).rglob("*.py")]
    names = r'\baction ?= ?"([a-z ]+)"|_record\(\w+, \w+, "([a-z ]+)"|^[A-Z_]+ = "([a-z ]+)"  # the action in'
    return {"".join(found) for path in files for found in re.findall(names, path.read_text(), re.MULTILINE)}


def test_the_record_is_listed_by_command(depot: Depot, admin: FlaskClient, cli: Cli) -> None:
    listed = json.loads(cli("audit", "list", "--json").stdout)
    assert listed[-1]["action"] == "signed in"
    assert [(row["actor"], row["action"], row["subject"]) for row in listed[-len(WRITTEN) - 1 : -1]] == [
        (actor, action, subject) for _, actor, action, subject, _ in WRITTEN
    ]
    found = json.loads(
        cli("audit", "list", "--action", VIEW, "--subject", "ORD-BBBB", "--month", "2026-11", "--json").stdout
    )
    assert [row["actor"] for row in found] == ["packer", "manager"]
    assert json.loads(cli("audit", "list", "--month", "2026-10", "--json").stdout) == [listed[-len(WRITTEN) - 1]]
    assert "released a held order  ORD-BBBB" in cli("audit", "list").stdout


def test_only_admins_see_it(depot: Depot, app: Flask) -> None:
    for username in ("packer", "manager", "reviewer"):
        sign_in(client := app.test_client(), username)
        assert client.get("/record").status_code == 403
        assert client.get("/record/export.csv").status_code == 403
        assert 'href="/record"' not in client.get("/staff", follow_redirects=True).text
    sign_in(client := app.test_client(), "admin")
    assert 'href="/record"' in client.get("/staff", follow_redirects=True).text


def test_erased_addresses_are_counted(depot: Depot, admin: FlaskClient) -> None:
    for day in (OCTOBER, NOVEMBER, NOVEMBER + timedelta(days=29)):
        depot.request().erased_on = day.date()
    depot.session.commit()
    assert record.erased(depot.session, Month(2026, 11)) == 2
    assert "Addresses erased: <strong>2</strong>" in admin.get("/record?month=2026-11").text


def mails(depot: Depot) -> list[Message]:
    query = select(Message).where(Message.subject.startswith("Monthly")).order_by(Message.id)
    return list(depot.session.scalars(query))


def test_the_admins_get_it_on_the_first_once(depot: Depot, admin: FlaskClient) -> None:
    for day in (0, 0, 5):
        with clock.at(datetime(2026, 12, 1, 3, tzinfo=UTC) + timedelta(days=day)):
            jobs.keep_record(depot.session, depot.settings)
    [mail] = mails(depot)
    assert mail.to == "admin@example.org" and mail.subject == "Monthly record, November 2026"
    assert "- packer: 3 opened, 0 corrected, 2 not shown" in mail.body
    assert "- manager: 1 opened, 1 corrected, 0 not shown" in mail.body
    assert not any(number in mail.body for number in ("BBBB", "CCCC", "DDDD"))


def test_a_record_that_has_just_begun_is_not_mailed(depot: Depot) -> None:
    jobs.keep_record(depot.session, depot.settings)
    assert mails(depot) == []


def test_months_follow_each_other() -> None:
    month = Month(2026, 1)
    assert (str(month), str(month.before), month.end) == ("2026-01", "2025-12", datetime(2026, 2, 1, tzinfo=UTC))
    assert Month.read("2026-12", NOVEMBER.date()).end == datetime(2027, 1, 1, tzinfo=UTC)

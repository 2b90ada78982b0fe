"""The carrier file: chosen orders, asked again, on record, in memory, and nothing a spreadsheet would run."""

import csv
import secrets
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from distro import clock
from distro.audit import AuditEntry
from geo import ruletext
from orders import carrier, workflow
from orders.identity import MOST_AN_HOUR, VIEW
from orders.models import Order, Status
from orders.scope import EVERYTHING
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.orders.test_identity import seen_before
from tests.staff import said


@pytest.fixture
def manager(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "manager")
    return client


def packed(depot: Depot, item: str = "naloxone-nasal", *, site: str = "OH", **person: Any) -> Order:
    depot.shelve(item, lot=secrets.token_hex(4), site=site)
    order = depot.allocated({item: 1}, **{"line1": f"{secrets.randbelow(90_000) + 1} Sample St", **person})
    packer = depot.user("packer")
    workflow.take(depot.session, order.allocations[0], packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def make(client: FlaskClient, *orders: Order) -> TestResponse:
    token = client.get("/desk").text.split('name="csrf_token" value="')[1].split('"')[0]
    numbers = [order.number for order in orders]
    return client.post("/desk/carrier-file", data={"csrf_token": token, "order": numbers})


def rows(answer: TestResponse) -> list[list[str]]:
    assert answer.status_code == 200 and answer.mimetype == "text/csv", answer.text
    return list(csv.reader(StringIO(answer.text, newline="")))


def views(depot: Depot) -> list[tuple[str, str]]:
    depot.session.expire_all()
    query = select(AuditEntry).where(AuditEntry.action == VIEW).order_by(AuditEntry.id)
    return [(entry.subject, entry.reason) for entry in depot.session.scalars(query)]


def test_the_file_has_the_chosen_orders_and_nothing_else(depot: Depot, manager: FlaskClient) -> None:
    first = packed(depot, name="Robin Example", line1="1 Sample St", line2="Apt 4")
    second, third = packed(depot), packed(depot)
    page = manager.get("/desk/carrier-file").text
    assert all(order.number in page for order in (first, second, third)) and "Robin" not in page
    answer = make(manager, first, third)
    head, *found = rows(answer)
    assert tuple(head) == carrier.COLUMNS
    street = ["1 Sample St", "Apt 4", "Sampleton", "OH", "43215", "US"]
    assert found[0] == ["Robin Example", "", *street, "", first.number]
    assert [row[-1] for row in found] == [first.number, third.number]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="parcels-{clock.today()}.csv"'
    assert views(depot) == [(order.document, "carrier file") for order in (first, third)]
    assert [order.parcel and order.parcel.labelled_on is not None for order in (first, second, third)] == [
        True,
        False,
        True,
    ]
    assert [order.number for order in carrier.ready(depot.session, EVERYTHING)] == [second.number]


def test_what_they_chose_is_in_the_file_and_it_is_obeyed(depot: Depot, manager: FlaskClient) -> None:
    order = packed(depot, line1="150 Calle A", line2="Apto 2", urbanization="Las Gladiolas", care_of="Jordan Sample")
    untracked = packed(depot, untracked=True)
    assert "post without tracking" in manager.get("/desk/carrier-file").text
    first, second = rows(make(manager, order, untracked))[1:]
    assert first[:4] == ["Robin Example", "C/O JORDAN SAMPLE", "URB LAS GLADIOLAS", "150 CALLE A, APTO 2"]
    assert (first[-2], second[-2]) == ("", carrier.UNTRACKED)


def test_nobody_is_in_two_files(depot: Depot, manager: FlaskClient) -> None:
    order = packed(depot)
    assert make(manager, order).status_code == 200
    again = make(manager, order)
    assert again.status_code == 422 and "Choose at least one" in said(again)[0]
    assert make(manager).status_code == 422
    assert len(views(depot)) == 1


def test_an_order_the_rules_now_forbid_is_held_and_left_out(depot: Depot, manager: FlaskClient) -> None:
    good, bad = packed(depot), packed(depot, "fentanyl-strips")
    new = [rule("US", "naloxone-nasal", "allow"), rule("US", "fentanyl-strips", "deny")]
    put_in_force(depot.session, ruletext.new("Other rules", "2", new))
    depot.session.commit()
    answer = make(manager, good, bad)
    assert answer.status_code == 409 and bad.number in answer.text and "with a person to decide" in answer.text
    assert "Robin" not in answer.text and views(depot) == []
    assert (bad.status, good.status) == (Status.HELD, Status.PACKED)
    assert [row[-1] for row in rows(make(manager, good))[1:]] == [good.number]
    assert views(depot) == [(good.document, "carrier file")]


def test_an_address_that_does_not_open_leaves_everyone_unlabelled(depot: Depot, manager: FlaskClient) -> None:
    good, bad = packed(depot), packed(depot)
    bad.proof = b"0" * 32
    depot.session.commit()
    answer = make(manager, good, bad)
    assert answer.status_code == 409 and bad.number in answer.text and "changed or swapped" in answer.text
    assert views(depot) == [] and good.parcel is not None and good.parcel.labelled_on is None
    assert bad.status == Status.PACKED


def test_a_limit_leaves_everyone_unlabelled(depot: Depot, manager: FlaskClient) -> None:
    orders = [packed(depot), packed(depot)]
    seen_before(depot.session, "manager", MOST_AN_HOUR - 1)
    answer = make(manager, *orders)
    assert answer.status_code == 429 and "Try again later" in said(answer)[0]
    assert len(views(depot)) == MOST_AN_HOUR - 1
    assert all(order.parcel is not None and order.parcel.labelled_on is None for order in orders)


@pytest.mark.parametrize("name", ["=HYPERLINK(A1)", "+1", "-1", "@x", '"; DROP TABLE "', "a,b", "^XA^FD~JA"])
def test_no_cell_runs_or_breaks_out(depot: Depot, manager: FlaskClient, name: str) -> None:
    order = packed(depot, name=name)
    [cell] = [row[0] for row in rows(make(manager, order))[1:]]
    assert cell == (f"'{name}" if name[0] in "=+-@" else name)


def test_other_warehouses_orders_are_not_there(depot: Depot, manager: FlaskClient, app: Flask) -> None:
    order = packed(depot, site="MN", zip="55401", state="MN")
    assert order.site is not None and order.site.code == "MN"
    depot.user("manager").site_code = "OH"
    depot.session.commit()
    assert order.number not in manager.get("/desk/carrier-file").text
    assert make(manager, order).status_code == 422
    depot.user("manager").site_code = "MN"
    depot.session.commit()
    assert make(manager, order).status_code == 200


def test_a_packer_gets_no_list_of_names(depot: Depot, client: FlaskClient, manager: FlaskClient, app: Flask) -> None:
    order = packed(depot)
    assert "Carrier file (CSV)" in manager.get("/desk").text  # the control
    for username in ("packer", "reviewer"):
        sign_in(visitor := app.test_client(), username)
        assert visitor.get("/desk/carrier-file").status_code == 403
        assert "Carrier file (CSV)" not in visitor.get("/desk").text
    sign_in(packer := app.test_client(), "packer")
    assert make(packer, order).status_code == 403
    assert views(depot) == []


def test_a_file_holds_at_most_so_many(depot: Depot, manager: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier, "MOST", 2)
    orders = [packed(depot) for _ in range(3)]
    assert "a file holds no more" in manager.get("/desk/carrier-file").text
    assert [row[-1] for row in rows(make(manager, *orders))[1:]] == [order.number for order in orders[:2]]


def test_nothing_of_it_is_kept(depot: Depot, manager: FlaskClient) -> None:
    order = packed(depot, name="Canary Quill", line1="77 Canary Row")
    before = set(depot.settings.instance.rglob("*"))
    assert "Canary Quill" in make(manager, order).text
    depot.session.commit()
    assert set(depot.settings.instance.rglob("*")) == before
    database = Path(str(depot.session.get_bind().engine.url.database))
    if depot.session.get_bind().dialect.name == "sqlite":
        assert all(b"Canary" not in path.read_bytes() for path in database.parent.glob(f"{database.name}*"))

"""What is held is told, all of it. Control: a column and a file that nobody described are found."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from distro import clock, outbox
from distro.db import Base
from distro.keys import keyring
from orders import codes, holdings, intake, spool, workflow
from orders.models import Status
from orders.retention import WEEKS_IN_BACKUPS
from tests.conftest import Cli
from tests.depot import Depot


@pytest.fixture
def code(depot: Depot) -> str:
    """The claim code of an order that waits for a person."""
    nonce = secrets.token_bytes(16)
    depot.request({"syringe-kit": 1}, zip="10001", state="NY", nonce=nonce, name="Canary Quill")
    depot.settle()
    return depot.code_of(nonce)


def test_every_column_and_file_is_described(depot: Depot) -> None:
    told = holdings.words()["tables"]
    there = {table.name: {column.name for column in table.columns} for table in Base.metadata.sorted_tables}
    there["alembic_version"] = {"version_num"}
    assert {name: set(one["columns"]) for name, one in told.items()} == there
    assert all(text.strip() for one in told.values() for text in (one["what"], *one["columns"].values()))
    assert {one["about"] for one in told.values()} == {"request", "staff", "things"}
    assert all(one["day"] in one["columns"] for one in told.values() if "day" in one)
    spool.keep(depot.settings.spool, _sealed(depot, secrets.token_bytes(16)))
    keyring.pepper(depot.ring, "2026-W47")
    assert holdings.unlisted(depot.session, depot.settings.instance) == []


def test_control_a_planted_column_and_a_planted_file_are_found(depot: Depot) -> None:
    session, folder = depot.session, depot.settings.instance
    session.execute(text("ALTER TABLE orders ADD COLUMN ip_address VARCHAR(40)"))
    session.execute(text("CREATE TABLE visits (id INTEGER, agent VARCHAR(40))"))
    (folder / "spool").mkdir(exist_ok=True)
    for name in ("access.log", "spool/order.txt", "keyring/2026-W47.key.bak"):
        (folder / name).write_text("")
    try:
        found = set(holdings.unlisted(session, folder))
    finally:
        session.rollback()
    assert {"orders.ip_address", "visits.id", "visits.agent", "access.log", "spool/order.txt"} <= found
    assert "keyring/2026-W47.key.bak" in found


def test_a_code_tells_every_column_of_its_order(depot: Depot, code: str, cli: Cli) -> None:
    told = cli("holdings", "-", "--json", input=f"{code}\n")
    assert told.returncode == 0 and told.stderr == ""
    found = json.loads(told.stdout)
    columns = {held["column"] for held in found["held"] if held["table"] == "orders"}
    assert columns == {column["name"] for column in inspect(depot.session.connection()).get_columns("orders")}
    assert {held["table"] for held in found["held"]} >= {"orders", "lines"}
    assert all(held["meaning"] for held in found["held"])
    for secret in ("Canary", "Quill", code, codes.clean_code(code)):
        assert secret not in told.stdout
    assert any("No network address" in line for line in found["never"])
    sealed = next(held for held in found["held"] if held["column"] == "sealed")
    assert sealed["value"] == "(2,096 bytes)"


def test_it_is_said_in_words_and_a_code_in_the_history_is_warned_of(code: str, cli: Cli) -> None:
    told = cli("holdings", code)
    assert told.returncode == 0 and "shell's history" in told.stderr
    assert "can be opened here with the key of" in told.stdout and "Name, address" not in told.stdout
    assert "erased 30 days after the parcel leaves" in told.stdout and "--all" in told.stdout
    assert 4 <= len(told.stdout.strip().splitlines()) <= 6 and "values in orders" in told.stdout
    whole = cli("holdings", code, "--all").stdout
    assert "This does not exist:" in whole and "In orders:" in whole and len(whole) > 4 * len(told.stdout)


def test_an_unknown_code_gets_the_one_answer(depot: Depot, cli: Cli) -> None:
    told = cli("holdings", "-", input=f"{depot.code_of(b'nobody has this.')}\n")
    assert told.returncode == 1 and told.stdout == ""


def test_until_when_it_can_be_opened_is_said(depot: Depot) -> None:
    order = depot.request()
    [can, until, copies] = holdings.fate(order, depot.ring)
    assert f"can be opened here with the key of {order.epoch}" in can and "30 days after" in until
    assert f"{WEEKS_IN_BACKUPS} weeks longer at most" in copies
    order.status, order.closed_on = Status.SHIPPED, clock.today()
    assert f"erased on {clock.today() + timedelta(days=30)} at the latest" in holdings.fate(order, depot.ring)[1]
    order.sealed, order.erased_on = None, clock.today()
    [erased, backups] = holdings.fate(order, depot.ring)
    assert (
        f"erased on {clock.today()}" in erased
        and f"until {clock.today() + timedelta(weeks=WEEKS_IN_BACKUPS)}" in backups
    )
    keyring.destroy(depot.ring, order.epoch)
    assert "do not open here either" in holdings.fate(order, depot.ring)[1]


def test_what_follows_an_order_around_is_told_too(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated()
    workflow.hold(depot.session, order, note="checked again", at=clock.now())
    depot.session.flush()
    tables = {held.table for held in holdings.of_order(depot.session, order)}
    assert tables >= {"orders", "lines", "movements", "households"}


def test_a_mail_that_names_the_order_is_told_until_it_is_sent(depot: Depot) -> None:
    order, other = depot.request(), depot.request()
    outbox.post(depot.session, to="admin@example.org", subject="Look", body=f"See {order.document}.", at=clock.now())
    depot.session.commit()
    found = {held.column: held.value for held in holdings.of_order(depot.session, order) if held.table == "outbox"}
    assert found["body"] == f"See {order.document}."
    assert "outbox" not in {held.table for held in holdings.of_order(depot.session, other)}
    [waiting] = outbox.due(depot.session, clock.now())
    outbox.claim(depot.session, waiting, clock.now())
    outbox.record(depot.session, waiting, None, clock.now())
    assert "outbox" not in {held.table for held in holdings.of_order(depot.session, order)}


def test_no_column_of_a_request_has_the_minute_it_came(depot: Depot) -> None:
    with clock.at(datetime(2026, 11, 22, 14, 7, 33, tzinfo=UTC)):
        depot.shelve()
        order = depot.allocated()
    told = [held for held in holdings.of_order(depot.session, order) if ":07" in held.value or ":33" in held.value]
    assert told == []
    assert any("Its hour may show" in line for line in holdings.words()["never"])
    assert any("photograph" in one["what"] and "order number" in one["what"] for one in holdings.words()["elsewhere"])


def test_a_request_in_the_spool_is_told(depot: Depot, cli: Cli) -> None:
    nonce = secrets.token_bytes(16)
    spool.keep(depot.settings.spool, _sealed(depot, nonce))
    told = cli("holdings", "-", input=f"{depot.code_of(nonce)}\n")
    assert told.returncode == 0, told.stderr
    assert "waits, sealed, in the spool" in told.stdout and "Canary" not in told.stdout


def test_all_tells_every_table_and_file_with_counts_and_days(depot: Depot, code: str, cli: Cli) -> None:
    told = cli("holdings", "all", "--json")
    assert told.returncode == 0 and "Canary" not in told.stdout
    found = json.loads(told.stdout)
    kept = {one["name"]: one for one in found["kept"]}
    assert set(kept) >= {table.name for table in Base.metadata.sorted_tables}
    assert kept["orders"]["count"] == 1 and kept["orders"]["newest"] == clock.today().isoformat()
    assert kept["keyring/*.key"]["count"] > 6
    assert found["not_described"] == []
    words = cli("holdings", "all")
    assert "Outside this installation there may be:" in words.stdout and "Printed labels" in words.stdout


def test_the_inventory_is_one_readable_file() -> None:
    lines = Path(holdings.WORDS).read_text().splitlines()
    assert max(map(len, lines)) <= 120


def _sealed(depot: Depot, nonce: bytes) -> intake.SealedRequest:
    person = intake.Person("Canary Quill", "77 Canary Row", "", "Sampleton", "OH", "43215")
    return intake.seal_request(
        depot.settings,
        nonce=nonce,
        wanted={"naloxone-nasal": 1},
        person=person,
        ruleset_id=None,
        decision=None,
        now=clock.now(),
    )

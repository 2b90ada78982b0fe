"""ASVS 14 to 16: what is held and for how long, what comes out, and what is written down."""

import ast
import logging
import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm.attributes import set_committed_value

from distro import audit, clock
from distro.app import REFUSED_ON_STAFF
from distro.audit import AuditEntry
from distro.db import Base, db
from distro.grants import NEVER_CHANGED
from distro.keys.keyring import KeyGone
from distro.logbook import PlainFormatter
from orders import holdings, identity, retention, workflow
from orders.identity import Task
from orders.models import Order, Status
from tests.asvs.checks import ROOT, calls, check, is_excepted, sources
from tests.asvs.world import counted, labelled, public_paths, ship
from tests.depot import PASSWORD, Depot, sign_in, type_password
from tests.orders.forms import code_in, filled

CANARY, LOGS = "tests/reliability/test_canary.py", "tests/distro/test_logs.py"


@check(
    "14.1.1 14.1.2 14.2.4",
    says="Every column and file is described in plain words, with whom it is about; one that is not fails the build.",
    by=(
        "tests/orders/test_holdings.py::test_every_column_and_file_is_described",
        "tests/orders/test_holdings.py::test_control_a_planted_column_and_a_planted_file_are_found",
    ),
)
def test_14_1_1_what_is_held(depot: Depot) -> None:
    told = holdings.words()["tables"]
    for table in Base.metadata.sorted_tables:
        assert told[table.name]["about"] in ("request", "staff", "things")
        assert set(told[table.name]["columns"]) == set(table.columns.keys()), table.name
    assert holdings.unlisted(depot.session, depot.settings.instance) == []


@check(
    "14.2.1 14.3.2 14.3.3",
    says="Nothing typed and no code is in an address, no answer may be kept, and no script of ours stores anything.",
    by=(
        "tests/orders/test_public.py::test_the_pages_of_a_request_set_no_cookie_and_keep_data_out_of_addresses",
        "tests/distro/test_edges.py::test_files_may_be_kept_and_nothing_else",
        "tests/browser/test_request.py::test_without_script_a_request_goes_from_start_to_status_and_erasure",
    ),
)
def test_14_2_1_addresses_and_caches(client: FlaskClient, depot: Depot) -> None:
    for path in public_paths(client.application):
        assert client.get(path).headers["Cache-Control"] == "no-store", path
    pages = [client.post(path, data=filled(client)) for path in ("/answer", "/where", "/contact", "/check", "/done")]
    code = code_in(pages[-1])
    pages.append(client.post("/status", data={"code": code}))
    for page in pages:
        addresses = " ".join(re.findall(r'(?:href|action|src)="([^"]*)"', page.text))
        assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
        assert not [word for word in ("Robin", "Sample", code, "43215") if word in addresses]
        assert not re.search(r'<form(?![^>]*method="post")', page.text), "typed things are posted"
    scripts = "".join(path.read_text() for path in (ROOT / "distro" / "static").glob("*.js"))
    assert scripts and not re.search(r"localStorage|sessionStorage|indexedDB|caches\.|document\.cookie", scripts)


@check(
    "14.2.7",
    says="By the clock an address goes 30 days after shipping, and the key that opens copies of it two weeks later.",
    by=(
        f"{CANARY}::test_of_two_hundred_people_nothing_is_found_on_disk",
        f"{CANARY}::test_control_with_sealing_off_everyone_is_found",
        "tests/reliability/test_restore.py::test_the_restore_drill",
        "tests/orders/test_retention.py::test_a_shipped_order_s_address_lives_thirty_days",
        "tests/orders/test_retention.py::test_a_cancelled_one_s_lives_seven",
        "tests/orders/test_household.py::test_tags_and_peppers_expire_and_then_nothing_can_be_told",
    ),
)
def test_14_2_7_retention(depot: Depot) -> None:
    depot.shelve()
    order, session = labelled(depot), depot.session
    ship(depot, order)
    erased = []
    for day in range(28, 33):
        retention.erase_due(session, at=clock.now() + timedelta(days=day))
        session.expire_all()
        erased.append(order.sealed is None)
    assert erased == [False, False, True, True, True]
    assert retention.WEEKS_IN_BACKUPS == 4 and order.proof is None


@check(
    "15.3.1 15.3.3",
    says="An answer has the fields it is for and no more; a field that nobody asked for changes nothing.",
    by=(
        "tests/orders/test_public.py::test_unknown_fields_and_items_change_nothing",
        "tests/orders/test_lookup.py::test_a_code_shows_how_far_a_request_is_and_nothing_else",
    ),
)
def test_15_3_1_fields_in_and_out(client: FlaskClient, depot: Depot) -> None:
    more = {"status": "shipped", "site_id": "1", "released": "1", "id": "99", "role": "admin", "flags": "x"}
    code = code_in(client.post("/done", data=filled(client, **more)))
    order = depot.session.scalars(select(Order)).one()
    assert (order.status, order.site_id, order.released, order.flags) == (Status.RECEIVED, None, False, [])
    page = client.post("/status", data={"code": code, "number": order.number, "id": "1"}).text
    assert not [word for word in (order.number, str(order.uid), "Robin", "43215", "nasal") if word in page]


@check(
    "15.4.2",
    says="What is checked and what is done by it are one step in the database, so nothing comes between.",
    by=(
        "tests/inventory/test_ledger.py::test_nothing_is_promised_twice_in_a_race",
        "tests/inventory/test_ledger.py::test_control_looking_before_writing_loses_promises",
        "tests/reliability/test_races.py::test_nobody_cancels_while_the_label_is_printed",
        "tests/distro/test_secondfactor.py::test_of_two_browsers_with_the_same_code_one_is_let_in",
        "tests/orders/test_identity.py::test_two_at_once_cannot_both_be_the_last_allowed",
    ),
)
def test_15_4_2_check_and_act(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated()
    depot.session.execute(
        update(Order).values(status=Status.CANCELLED), execution_options={"synchronize_session": False}
    )
    set_committed_value(order, "status", Status.ALLOCATED)  # as it was read, before somebody cancelled it
    with pytest.raises(workflow.AlreadyMoved):
        workflow.claim(depot.session, order, depot.user("packer"))


@check(
    "16.2.1 16.2.2 16.2.3 16.2.4 16.2.5",
    says="A line of the log has a UTC time, a level, a place and words of ours; nothing of a visitor is in any log.",
    by=(
        f"{LOGS}::test_no_log_holds_anything_of_a_visitor",
        f"{LOGS}::test_control_each_planted_word_is_found",
        f"{LOGS}::test_times_are_utc",
        f"{CANARY}::test_of_two_hundred_people_nothing_is_found_on_disk",
    ),
)
def test_16_2_1_the_log(client: FlaskClient, depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    form = filled(client)
    client.application.view_functions["en.check"] = lambda: {"": ""}[str(form["name"])]  # an error that quotes it
    client.application.testing = False
    client.post("/check", data=form, headers={"User-Agent": "CanaryAgent", "X-Forwarded-For": "203.0.113.9"})
    lines = [PlainFormatter().format(record) for record in caplog.records]
    assert len(lines) == 1 and "KeyError at test_14_to_16.py" in lines[0]
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ERROR [\w.]+: ", lines[0])
    assert not [word for word in ("Robin", "Sample", "CanaryAgent", "203.0.113", "127.0.0.1") if word in lines[0]]
    stamped = datetime.fromisoformat(lines[0].split(" ")[0])
    assert abs(stamped - datetime.now(UTC)) < timedelta(minutes=1) and is_excepted("16.2.1")


@check(
    "16.3.1 16.3.2 16.3.3",
    says="Each sign-in, refused sign-in and view of an address is written down, without what was typed or read.",
    by=(
        "tests/distro/test_login.py::test_signing_in_is_on_record_without_what_was_typed",
        "tests/distro/test_login.py::test_a_wait_is_on_record_once_and_each_refusal_in_the_log_without_a_name",
        "tests/orders/test_identity.py::test_a_view_is_on_record_before_the_box_is_opened",
        "tests/orders/test_identity.py::test_every_person_who_reached_an_answer_is_on_record",
        "tests/orders/test_identity.py::test_control_a_second_door_is_found",
    ),
)
def test_16_3_1_what_is_written_down(client: FlaskClient, depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    type_password(client, "packer", "not the made-up password")
    sign_in(client, "packer")
    order = depot.request(name="Canary Quill")
    identity.view(depot.session, order, depot.keys, task=Task.LABEL, by="packer", at=clock.now())
    record = depot.session.execute(select(AuditEntry.actor, AuditEntry.action, AuditEntry.subject)).all()
    assert ("packer", "signed in", "packer") in record and ("packer", identity.VIEW, order.document) in record
    said = [entry.getMessage() for entry in caplog.records] + list(depot.session.scalars(select(AuditEntry.reason)))
    assert "sign-in refused at the password" in said
    assert not [line for line in said if "Canary" in line or "made-up" in line or PASSWORD in line]
    assert client.get("/users").status_code == 403
    assert client.post("/desk/open").status_code == 400
    for _ in range(20):
        type_password(client, "packer", "not the made-up password")
    assert caplog.messages.count(REFUSED_ON_STAFF[403]) == caplog.messages.count(REFUSED_ON_STAFF[400]) == 1
    assert REFUSED_ON_STAFF[429] in caplog.messages
    held = (len(caplog.records), counted(depot))
    assert client.post("/done").status_code == 422 and client.post("/done", data="x").status_code == 415
    assert (len(caplog.records), counted(depot)) == held, "of participants, nothing"


@check(
    "16.4.1 16.4.2 16.4.3",
    says="Nothing typed forges a line; the record only grows, a change shows, and its end leaves the host each day.",
    by=(
        f"{LOGS}::test_nothing_in_a_log_forges_a_line_or_commands_a_terminal",
        "tests/distro/test_audit.py::test_every_change_is_found_or_said_to_be_unprovable",
        "tests/distro/test_audit.py::test_the_end_of_the_record_leaves_the_host_every_day",
        "tests/distro/test_database_roles.py::test_staff_change_everything_but_the_record_and_the_ledger",
    ),
)
def test_16_4_1_logs_are_kept_from_change(depot: Depot) -> None:
    forged = logging.makeLogRecord(
        {"msg": "a\r\n2026-01-01 CRITICAL b\x1b[2J\u202e", "name": "x", "levelname": "ERROR"}
    )
    line = PlainFormatter().format(forged)
    assert "\n" not in line and line.isprintable()
    session = depot.session
    for number in range(5):
        audit.record(session, actor="packer", action="try", subject=f"ORD-{number}", at=clock.now())
    head = audit.head(session, at=clock.now())
    assert head and audit.verify(session, [head]).holds and "audit_entries" in NEVER_CHANGED
    session.execute(text("DELETE FROM audit_entries WHERE id = :last"), {"last": head.last})
    assert audit.verify(session).holds and audit.verify(session, [head]).cut, "only what left the host shows a cut"
    session.rollback()
    changes = [path for path in sources() for name, call in calls(path) if changes_the_record(name, call)]
    assert changes == [] and is_excepted("16.4.3")


def changes_the_record(name: str, call: ast.Call) -> bool:
    """Whether a call is an UPDATE or DELETE of the record."""
    return name in ("update", "delete", "sa.update", "sa.delete") and "AuditEntry" in ast.unparse(call)


@check(
    "16.5.1 16.5.2 16.5.3",
    says="An error shows one general sentence; without database, key or record no address opens; requests are kept.",
    by=(
        "tests/distro/test_errors.py::test_an_error_that_nobody_foresaw_makes_a_page",
        "tests/orders/test_identity.py::test_nothing_is_opened_if_the_record_cannot_be_written",
        "tests/orders/test_once.py::test_with_the_database_locked_the_request_is_spooled_and_has_the_same_code",
        "tests/orders/test_once.py::test_with_the_spool_full_too_nothing_is_promised",
        "tests/distro/test_keylist.py::test_without_a_valid_key_nothing_is_taken_and_that_is_said",
    ),
)
def test_16_5_1_failing_closed(app: Flask, client: FlaskClient, depot: Depot) -> None:
    app.testing = False
    app.view_functions["en.privacy"] = lambda: str(1 / 0)
    page = client.get("/privacy")
    assert page.status_code == 500 and "Something went wrong" in page.text and "ZeroDivision" not in page.text
    order = depot.request()

    def away(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "audit_entries" in statement:
            raise OperationalError("", {}, Exception("the record is away"))

    event.listen(db.engine, "before_cursor_execute", away)
    with pytest.raises(OperationalError):
        identity.view(depot.session, order, depot.keys, task=Task.LABEL, by="packer", at=clock.now())
    event.remove(db.engine, "before_cursor_execute", away)
    depot.session.rollback()
    for path in depot.settings.keyring.glob("*.key"):
        path.unlink()
    with pytest.raises(KeyGone):
        identity.open_person(order, depot.keys)

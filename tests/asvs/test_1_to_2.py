"""ASVS 1 and 2: what is typed stays text, and business runs in order, whole, once and not too often."""

import ast
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, func, select

from distro import clock, outbox
from distro.config import Settings
from distro.db import db
from distro.errors import NotFound, Refusal
from distro.outbox import Mail
from distro.spreadsheet import as_csv
from distro.throttle import Throttle
from inventory import ledger
from orders import workflow
from orders.models import Order, Status
from tests.asvs.checks import ROOT, calls, check, imports, sources
from tests.asvs.world import labelled, ship
from tests.depot import Depot
from tests.orders.forms import filled

NAUGHTY = "tests/reliability/test_naughty_strings.py"
RULES, SCAN = "tests/scan/rules/queries.yaml", "tests/scan"
HOSTILE = "\"'><img src=x onerror=alert(1)>{{7*7}}"


@check(
    "1.2.1",
    says="What is typed comes back as text, and no template switches escaping off.",
    by=(
        f"{NAUGHTY}::test_what_participants_type_stays_text",
        f"{NAUGHTY}::test_what_staff_type_stays_text_on_every_page_after",
        f"{NAUGHTY}::test_control_a_value_that_is_not_escaped_is_found",
        f"{SCAN}/naughty.py::scan",
    ),
)
def test_1_2_1_output_is_escaped(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/check", data=filled(client, name=HOSTILE)).text
    assert "&lt;img src=x onerror" in page and "<img src=x" not in page
    templates = [path.read_text() for path in (ROOT / "templates").rglob("*.html")]
    assert len(templates) > 50
    assert not [text for text in templates if "|safe" in text.replace(" ", "") or "autoescape" in text]


@check(
    "1.2.4",
    says="Statements are made with bound values, none is put together from text, and quotes in a field find nothing.",
    by=(f"{RULES}::sql-concatenated", f"{SCAN}/code.py::semgrep", f"{SCAN}/injection.py::scan"),
)
def test_1_2_4_sql_is_bound(client: FlaskClient, depot: Depot) -> None:
    depot.request()
    for typed in ("' OR '1'='1", "x'; DROP TABLE orders; --"):
        assert client.post("/status", data={"code": typed}).status_code == 404
        assert client.post("/answer", data=filled(client, zip=typed)).status_code == 422
    assert depot.session.scalar(select(func.count(Order.id))) == 1
    pasted = [
        path
        for path in sources()
        for name, call in calls(path)
        if name.rpartition(".")[2] == "text" and is_pasted(call)
    ]
    assert pasted == []
    assert is_pasted(ast.parse("text(f'SELECT {typed}')", mode="eval").body), "control"


def is_pasted(call: ast.expr) -> bool:
    """Whether the first argument of a call is a text put together."""
    parts = ast.walk(call.args[0]) if isinstance(call, ast.Call) and call.args else ()
    return any(isinstance(part, ast.JoinedStr | ast.BinOp) for part in parts)


@check(
    "1.2.5",
    says="No program is started through a shell; a command of the settings is split into its arguments first.",
    by=(
        f"{RULES}::shell",
        "tests/distro/test_keyring.py::test_a_command_tells_the_secret_without_a_shell_and_without_ours",
    ),
)
def test_1_2_5_no_shell(tmp_path: Path) -> None:
    assert [path for path in sources() if shells(path)] == []
    planted = tmp_path / "planted.py"
    planted.write_text("import subprocess\nsubprocess.run(f'lp {name}', shell=True)\n")
    assert shells(planted) == ["subprocess.run"]


def shells(path: Path) -> list[str]:
    """What a file calls that starts a shell."""
    bad = {"os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
    return [name for name, call in calls(path) if name in bad or any(word.arg == "shell" for word in call.keywords)]


@check(
    "1.3.7",
    says="No template is made from what somebody typed: every template is a file of ours, and {{ }} stays text.",
    by=(f"{RULES}::template-not-constant", f"{SCAN}/code.py::semgrep_planted"),
)
def test_1_3_7_templates_are_files(client: FlaskClient, depot: Depot) -> None:
    bad = {"render_template_string", "from_string", "Template"}
    assert [(path, name) for path in sources() for name, _ in calls(path) if name.rpartition(".")[2] in bad] == []
    page = client.post("/check", data=filled(client, line1="1 Sample St {{7*7}} ${7*7}")).text
    assert "{{7*7}} ${7*7}" in page and "49" not in page.split("Sample St")[1][:20]


@check(
    "1.3.3 1.3.10",
    says="A cell of a CSV never begins a formula, nothing typed is a format, and labels take text and no commands.",
    by=(
        "tests/distro/test_spreadsheet.py::test_whatever_is_typed_stays_in_its_cell_and_is_no_formula",
        "tests/distro/test_spreadsheet.py::test_every_export_goes_through_it",
        "tests/orders/test_carrier.py::test_no_cell_runs_or_breaks_out",
        "tests/orders/test_labels.py::test_whatever_is_typed_makes_one_label_and_one_slip",
        f"{NAUGHTY}::test_a_name_prints_as_text_on_its_label",
    ),
)
def test_1_3_3_formulas_and_formats() -> None:
    rows = as_csv(["name"], [[f"{sign}1+1|cmd"] for sign in "=+-@"]).splitlines()[1:]
    assert all(row.startswith("'") for row in rows)
    assert "%(name)s %n {0.__class__}" in str(NotFound(what="lot", name="%(name)s %n {0.__class__}"))
    assert "reportlab.pdfgen.canvas.Canvas" in imports(ROOT / "orders" / "labels.py"), (
        "labels are PDF, no printer language"
    )


@check(
    "1.3.11",
    says="A line break in an address or a subject never becomes a header of a mail.",
    by=("tests/distro/test_outbox.py::test_an_address_that_cannot_be_one_does_not_stop_the_others",),
)
def test_1_3_11_mail_headers(settings: Settings) -> None:
    there = replace(settings, smtp_host="127.0.0.1", smtp_port=9)  # nobody listens: a sound mail gets that far
    for mail in (Mail("a@example.org\r\nBcc: b@example.org", "s", "b"), Mail("a@example.org", "s\nBcc: b@e.org", "b")):
        assert isinstance(outbox.send(there, mail), ValueError)
    assert isinstance(outbox.send(there, Mail("a@example.org", "s", "b\nBcc: no header")), OSError)


@check(
    "2.2.1 2.2.2",
    says="The server checks every field against what is allowed, without a script, and stores nothing else.",
    by=(
        f"{SCAN}/fuzz.py::scan",
        "tests/orders/test_schemas.py::test_without_the_list_of_items_only_well_shaped_ones_pass",
        "tests/orders/test_public.py::test_an_address_that_cannot_be_mailed_keeps_all_that_was_typed",
    ),
)
def test_2_2_1_input_is_checked(client: FlaskClient, depot: Depot) -> None:
    wrong = {"zip": "4321x", "state": "Ohio", "name": "", "many-naloxone-nasal": "4", "item": "gold", "line1": "x" * 61}
    for field, typed in wrong.items():
        assert client.post("/done", data=filled(client, **{field: typed})).status_code == 422, field
    assert depot.session.scalar(select(func.count(Order.id))) == 0
    assert client.post("/done", data=filled(client)).status_code == 200


@check(
    "2.3.1",
    says="An order takes one step after the other: each that is not its turn is refused by 409 and changes nothing.",
    by=(
        "tests/orders/test_workflow.py::test_nothing_is_packed_before_all_is_picked",
        "tests/orders/test_workflow.py::test_nothing_ships_without_a_label_and_nothing_ships_twice",
        "tests/orders/test_desk.py::test_shipping_needs_a_label_and_happens_once",
    ),
)
def test_2_3_1_steps_in_order(depot: Depot) -> None:
    depot.shelve()
    order, session = depot.allocated(), depot.session
    early: list[Any] = [
        lambda: workflow.pack(session, order, packer=depot.user("packer"), today=clock.today()),
        lambda: workflow.note_label(session, order, at=clock.now()),
        lambda: ship(depot, order),
        lambda: workflow.unpack(session, order, by="packer", at=clock.now()),
    ]
    for step in early:
        with pytest.raises(Refusal) as refused:
            step()
        session.rollback()
        assert refused.value.status == 409 and order.status == Status.ALLOCATED


@check(
    "2.3.3",
    says="A step of an order happens whole or not at all, at whatever statement it is stopped.",
    by=(
        "tests/orders/test_shredding.py::test_killed_at_any_statement_nothing_becomes_unreadable",
        "tests/inventory/test_ledger.py::test_any_sequence_agrees_with_a_plain_count",
        "tests/reliability/test_mixed_run.py::test_the_books_balance",
    ),
)
def test_2_3_3_whole_or_not_at_all(depot: Depot) -> None:
    lot, session = depot.shelve(quantity=10), depot.session
    order, stops = labelled(depot), 0
    for stop in range(100):
        if not stopped_at(stop, lambda: ship(depot, order)):
            break
        session.rollback()
        session.expire_all()
        stops += 1
        assert order.status == Status.PACKED and depot.balance(lot).on_hand == 10
        assert not list(ledger.differences(session))
    assert stops >= 4 and order.status == Status.SHIPPED and depot.balance(lot).on_hand == 8


class Stopped(BaseException):
    """The process dies here."""


def stopped_at(stop: int, step: Any) -> bool:
    """Do a step that dies before its statement number `stop`; False if it ended before."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        if seen == stop:
            raise Stopped
        seen += 1

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        with suppress(Stopped):
            step()
            return False
        return True
    finally:
        event.remove(db.engine, "before_cursor_execute", count)


@check(
    "2.3.4",
    says="No unit is promised twice and no order is taken by two people.",
    by=(
        "tests/inventory/test_ledger.py::test_nothing_is_promised_twice_in_a_race",
        "tests/reliability/test_races.py::test_three_schedulers_promise_each_unit_once",
        "tests/orders/test_desk.py::test_two_packers_cannot_have_one_order",
        "tests/orders/test_intake.py::test_one_form_sent_by_eight_at_once_is_one_order",
    ),
)
def test_2_3_4_nothing_twice(depot: Depot) -> None:
    lot = depot.shelve(quantity=1)
    first, second = depot.request(), depot.request()
    depot.settle()
    assert sorted((first.status, second.status)) == [Status.ALLOCATED, Status.WAITING]
    order = first if first.status == Status.ALLOCATED else second
    workflow.claim(depot.session, order, depot.user("packer"))
    with pytest.raises(Refusal) as refused:
        workflow.claim(depot.session, order, depot.user("other-packer"))
    assert refused.value.status == 409 and depot.balance(lot).reserved == 1


@check(
    "2.4.1",
    says="A crowd is shed and those let in are served; wrong tries are slowed, and no address is kept for it.",
    by=(
        "tests/reliability/test_burst.py::test_a_crowd_at_a_real_server_loses_nothing",
        "tests/distro/test_throttle.py::test_no_address_can_be_found_in_it",
        "tests/distro/test_throttle.py::test_control_an_address_that_is_kept_is_found",
    ),
)
def test_2_4_1_too_many() -> None:
    throttle, at = Throttle(2), clock.now()
    for _ in range(2):
        assert throttle.allows("203.0.113.9", at)
        throttle.count("203.0.113.9", at)
    assert not throttle.allows("203.0.113.77", at) and throttle.allows("198.51.100.1", at)
    assert "203.0.113" not in repr(vars(throttle)) and throttle.retry_after(at) <= 600

import csv
from datetime import timedelta
from io import StringIO

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from distro import audit, clock
from distro.spreadsheet import safe_cell
from inventory import ledger
from inventory.models import Balance, Lot, Movement
from inventory.shelves import life
from tests.depot import Depot, sign_in
from tests.staff import post, said


@pytest.fixture
def packer(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "packer")
    return client


def delivery(**changes: str) -> dict[str, str]:
    return {
        "item": "naloxone-nasal",
        "lot": "NX-1",
        "expires_on": (clock.today() + timedelta(days=700)).isoformat(),
        "fund": "OPEN",
        "bin": "OH:A-01",
        "quantity": "24",
        "document": "DEL-9",
        **changes,
    }


def rows(client: FlaskClient, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(client.get(f"/stock/export.csv{query}").text)))


def test_receiving_puts_a_lot_on_the_shelf(depot: Depot, packer: FlaskClient) -> None:
    answer = post(packer, "/stock/receive", **delivery(quantity=" 24 "))
    page = packer.get(answer.location)
    assert said(page, "success") == ["Received 24 of lot NX-1 into OH A-01."]
    assert "DEL-9" in page.text
    assert audit.count(depot.session, action="receive", subject="LOT-NX-1") == 1
    lot = depot.session.scalars(select(Lot)).one()
    assert depot.balance(lot).on_hand == 24


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("quantity", "-5", "must be 1 or more"),
        ("quantity", "0", "must be 1 or more"),
        ("quantity", "2.5", "whole number"),
        ("quantity", "", "Type a number"),
        ("quantity", "99999999999999999999", "or less"),
        ("expires_on", "2020-01-01", "has expired"),
        ("expires_on", "05/31/2028", "year-month-day"),
        ("expires_on", "2028-31-05", "year-month-day"),
        ("lot", "", "Type the lot number"),
        ("lot", "X" * 21, "at most 20"),
        ("lot", "NX 1", "without spaces"),
        ("lot", "🙂", "as printed"),
        ("lot", "(A)12", "another kind of barcode"),
        ("lot", "01234567890123451712", "another kind of barcode"),
        ("document", "D" * 41, "at most 40"),
        ("item", "nothing", "no such item"),
        ("fund", "NONE", "no such fund"),
        ("bin", "OH:Z-99", "no such bin"),
        ("bin", "MN:A-01", "no such bin"),
    ],
)
def test_bad_input_is_a_sentence_and_keeps_what_was_typed(
    depot: Depot, packer: FlaskClient, field: str, value: str, sentence: str
) -> None:
    answer = post(packer, "/stock/receive", **delivery(**{field: value}))
    assert answer.status_code == 422
    assert sentence in answer.text and f'id="{field}-problem-1"' in answer.text
    assert 'value="DEL-9"' in answer.text or field == "document"
    assert not depot.session.scalars(select(Movement)).all()


def test_a_delivery_sent_twice_counts_once(depot: Depot, packer: FlaskClient) -> None:
    assert post(packer, "/stock/receive", **delivery()).status_code == 303
    answer = post(packer, "/stock/receive", **delivery())
    assert answer.status_code == 409 and "nothing was added" in said(answer)[0]
    assert post(packer, "/stock/receive", **delivery(document="DEL-9b")).status_code == 303
    assert [row["on_hand"] for row in rows(packer)] == ["48"]


def test_a_known_lot_with_another_date_is_refused(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="NX-1", days=300)
    answer = post(packer, "/stock/receive", **delivery())
    assert answer.status_code == 422 and "already here with the expiry date" in answer.text


def test_a_correction_moves_stock_ledger_and_record(depot: Depot, packer: FlaskClient) -> None:
    lot, bin = depot.shelve(quantity=10), depot.bin("OH")
    form = {"bin": str(bin.id), "seen": "10", "quantity": "-2", "reason": "box damaged"}
    assert post(packer, f"/stock/lots/{lot.id}/adjust", **form).status_code == 303
    assert depot.balance(lot).on_hand == 8
    assert audit.count(depot.session, action="adjust", subject="LOT-LOT1") == 1
    assert "box damaged" in packer.get(f"/stock/lots/{lot.id}").text
    again = post(packer, f"/stock/lots/{lot.id}/adjust", **form)
    assert again.status_code == 409 and "8 units stand there now" in said(again)[0]
    assert depot.balance(lot).on_hand == 8
    assert not list(ledger.differences(depot.session))


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"quantity": "0"}, 422),
        ({"quantity": "two"}, 422),
        ({"quantity": ""}, 422),
        ({"reason": " "}, 422),
        ({"bin": "9999"}, 422),
        ({"bin": "x"}, 422),
        ({"bin": "9" * 30}, 422),
        ({"bin": "-1"}, 422),
        ({"seen": "9" * 30}, 422),
        ({"seen": "9" * 5_000}, 422),
        ({"seen": "-1"}, 422),
        ({"quantity": "-11"}, 409),
    ],
)
def test_a_correction_that_cannot_be_changes_nothing(
    depot: Depot, packer: FlaskClient, changes: dict[str, str], status: int
) -> None:
    lot = depot.shelve(quantity=10)
    form = {"bin": str(depot.bin("OH").id), "seen": "10", "quantity": "-2", "reason": "counted", **changes}
    answer = post(packer, f"/stock/lots/{lot.id}/adjust", **form)
    assert answer.status_code == status and said(answer)
    assert depot.balance(lot).on_hand == 10


def test_promised_units_cannot_be_corrected_away(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(quantity=3)
    depot.allocated({"naloxone-nasal": 3})
    form = {"bin": str(depot.bin("OH").id), "seen": "3", "quantity": "-1", "reason": "lost"}
    assert post(packer, f"/stock/lots/{lot.id}/adjust", **form).status_code == 409
    assert depot.balance(lot).on_hand == 3


def test_a_manager_holds_a_lot_and_a_packer_cannot(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve()
    assert post(packer, f"/stock/lots/{lot.id}/hold", held="1", reason="x").status_code == 403
    manager = packer.application.test_client()
    sign_in(manager, "manager")
    assert post(manager, f"/stock/lots/{lot.id}/hold", held="1").status_code == 422
    assert post(manager, f"/stock/lots/{lot.id}/hold", held="1", reason="maker asks").status_code == 303
    depot.session.expire_all()
    assert lot.held and life(lot, clock.today()) == "held"
    assert audit.count(depot.session, action="hold lot", subject="LOT-LOT1") == 1
    assert post(manager, f"/stock/lots/{lot.id}/hold", held="0", reason="cleared").status_code == 303
    depot.session.expire_all()
    assert not lot.held


def test_the_list_filters_and_the_file_holds_the_same_rows(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(lot="GOOD", quantity=5)
    depot.shelve(lot="SHORT", days=20)
    depot.shelve("wound-care-kit", lot="WOUND")
    depot.shelve(lot="NORTH", site="MN")
    sign_in(client, "manager")
    for query, lots in (
        ("", {"GOOD", "SHORT", "WOUND", "NORTH"}),
        ("?item=naloxone-nasal", {"GOOD", "SHORT", "NORTH"}),
        ("?site=OH&item=naloxone-nasal", {"GOOD", "SHORT"}),
        ("?site=OH&item=naloxone-nasal&show=usable", {"GOOD"}),
        ("?lot=%2817%29280531%2810%29NORTH", {"NORTH"}),
        ("?lot=NOWHERE", set()),
    ):
        assert {row["lot"] for row in rows(client, query)} == lots
        page = client.get(f"/stock{query}").text
        assert all((lot in page) == (lot in lots) for lot in ("GOOD", "SHORT", "WOUND"))
    assert client.get("/stock?item=nothing").status_code == 404
    assert client.get("/stock?site=nowhere").status_code == 404


def test_expired_and_short_lots_are_said_in_words(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="SHORT", days=20)
    depot.shelve(lot="PAST").expires_on = clock.today() - timedelta(days=1)
    page = packer.get("/stock").text
    assert "short life</span>" in page and "expired</span>" in page


def test_one_sees_only_ones_own_warehouse(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="HERE")
    north = depot.shelve(lot="NORTH", site="MN")
    assert [row["lot"] for row in rows(packer)] == ["HERE"]
    assert packer.get("/stock?site=MN").status_code == 404
    assert "DEL-1" not in packer.get(f"/stock/lots/{north.id}").text
    form = {"bin": str(depot.bin("MN").id), "seen": "10", "quantity": "-1", "reason": "counted"}
    assert post(packer, f"/stock/lots/{north.id}/adjust", **form).status_code == 422
    assert depot.session.scalars(select(Balance.on_hand).order_by(Balance.id)).all() == [10, 10]


def test_a_long_ledger_comes_in_pages(depot: Depot, packer: FlaskClient) -> None:
    lot, bin = depot.shelve(quantity=100), depot.bin("OH")
    for number in range(60):
        document = ledger.Document(f"COUNT-{number:03}", "packer", clock.now(), "counted")
        ledger.adjust(depot.session, lot, bin, -1, document)
    first, second = packer.get(f"/stock/lots/{lot.id}").text, packer.get(f"/stock/lots/{lot.id}?page=2").text
    assert "COUNT-059" in first and "COUNT-009" not in first
    assert "COUNT-009" in second and "DEL-1" in second and "Older" not in second


@pytest.mark.parametrize("number", ["999", str(2**31), "9" * 30])
def test_a_lot_that_is_not_there(depot: Depot, packer: FlaskClient, number: str) -> None:
    assert packer.get(f"/stock/lots/{number}").status_code == 404
    for form in ("adjust", "hold"):
        answer = post(packer, f"/stock/lots/{number}/{form}", bin="1", seen="1", quantity="1", reason="x")
        assert answer.status_code in (403, 404)


@pytest.mark.parametrize(("page", "lines"), [("-5", True), ("x", True), ("9" * 21, False), ("9" * 5_000, True)])
def test_a_page_number_out_of_reason_is_brought_back(depot: Depot, packer: FlaskClient, page: str, lines: bool) -> None:
    answer = packer.get(f"/stock/lots/{depot.shelve().id}?page={page}")
    assert answer.status_code == 200 and ("DEL-1" in answer.text) == lines


def test_a_manager_of_one_warehouse_holds_what_stands_there(depot: Depot, client: FlaskClient) -> None:
    here, north = depot.shelve(lot="HERE"), depot.shelve(lot="NORTH", site="MN")
    depot.user("manager").site_code = "OH"
    sign_in(client, "manager")
    refused = post(client, f"/stock/lots/{north.id}/hold", held="1", reason="maker asks")
    assert refused.status_code == 403 and "in other warehouses only" in said(refused)[0]
    assert post(client, f"/stock/lots/{here.id}/hold", held="1", reason="maker asks").status_code == 303
    depot.session.expire_all()
    assert here.held and not north.held


def test_usable_stock_is_of_funds_that_may_serve_the_state(depot: Depot, client: FlaskClient) -> None:
    depot.shelve(lot="FEDERAL", fund="FED")  # naloxone for Ohio alone
    depot.shelve("wound-care-kit", lot="UNPAID", fund="FED")
    sign_in(client, "manager")
    for query, lots in (
        ("?show=usable", {"FEDERAL"}),
        ("?show=usable&state=OH", {"FEDERAL"}),
        ("?show=usable&state=NY", set()),
        ("?state=NY", {"FEDERAL", "UNPAID"}),
    ):
        assert {row["lot"] for row in rows(client, query)} == lots


@given(st.text())
def test_no_cell_is_a_formula(text: str) -> None:
    assert safe_cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r") and safe_cell(text).endswith(text)

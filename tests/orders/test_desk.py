"""Packing by scan and by click, through the pages.

Length: the desk's refusals belong side by side.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from distro import audit, clock
from distro.db import db
from distro.keys import keyring
from geo import ruletext
from inventory.models import Movement
from orders import labels, triage, workflow
from orders.models import Allocation, Order, Status
from tests.depot import Depot, put_in_force, rule, sign_in
from tests.staff import post, said


@pytest.fixture
def packer(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "packer")
    return client


def scan(client: FlaskClient, order: Order, typed: str, **form: str) -> list[str]:
    """Post the scan field; gives back what was refused, nothing if it went through."""
    answer = post(client, f"/desk/orders/{order.number}/scan", scan=typed, **form)
    assert answer.status_code == 303 or said(answer)
    return said(answer)


def pack(client: FlaskClient, order: Order) -> None:
    for pick in order.allocations:
        for _ in range(pick.quantity):
            assert not scan(client, order, pick.lot.number)
    assert not scan(client, order, "")


def picked(depot: Depot, order: Order) -> int:
    depot.session.expire_all()
    query = select(func.sum(Allocation.picked)).where(Allocation.order_id == order.id)
    return depot.session.scalar(query) or 0


def test_an_order_goes_from_the_queue_to_the_post_by_scans_alone(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(quantity=10, lot="NX-77", bin="B-01")
    order = depot.allocated({"naloxone-nasal": 2})
    queue = packer.get("/desk").text
    assert order.number in queue and "Naloxone nasal" in queue

    opened = post(packer, "/desk/open", scan=f" ord-{order.number.lower()} ")
    assert opened.location == f"/desk/orders/{order.number}"
    page = packer.get(opened.location).text
    assert "NX-77" in page and "B-01" in page and "0 of 2" in page
    assert not scan(packer, order, "NX-77", seen="0")
    assert "The box says it expires" in scan(packer, order, "(17)280531(10)NX-77", seen="1")[0]
    assert not scan(packer, order, f"(17){lot.expires_on:%y%m%d}(10)nx-77", seen="1")
    assert picked(depot, order) == 2
    assert not scan(packer, order, order.number)
    depot.session.expire_all()
    assert order.status == Status.PACKED

    label = post(packer, f"/desk/orders/{order.number}/label")
    assert label.mimetype == "application/pdf" and label.data.startswith(b"%PDF")
    assert label.headers["Cache-Control"] == "no-store"
    assert "ROBIN" not in label.headers["Content-Disposition"].upper()
    assert post(packer, f"/desk/orders/{order.number}/scan", scan=order.number).location == "/desk"
    depot.session.expire_all()
    assert order.status == Status.SHIPPED
    assert depot.balance(lot).on_hand == 8


def test_no_page_shows_a_name_or_address_before_the_label(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    order = depot.allocated(name="Canary Quill", line1="77 Canary Row")
    pages = [packer.get("/desk").text, packer.get(f"/desk/orders/{order.number}").text]
    pack(packer, order)
    pages.append(packer.get(f"/desk/orders/{order.number}").text)
    assert not any("Canary" in page for page in pages)


def test_a_label_leaves_a_line_in_the_record_each_time(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    order = depot.allocated()
    early = post(packer, f"/desk/orders/{order.number}/label")
    assert early.status_code == 409 and said(early)
    assert audit.count(depot.session, action="open address", subject=order.document) == 0
    pack(packer, order)
    for _ in range(2):
        post(packer, f"/desk/orders/{order.number}/label")
    assert audit.count(depot.session, action="open address", subject=order.document) == 2


def test_a_label_whose_key_is_gone_says_so(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    order = depot.allocated()
    pack(packer, order)
    (depot.settings.keyring / f"{order.epoch}.key").unlink()
    answer = post(packer, f"/desk/orders/{order.number}/label")
    assert answer.status_code == 410 and "cannot be opened" in said(answer)[0]


def test_the_wrong_lot_is_refused_and_the_page_stays(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="RIGHT")
    depot.shelve(lot="WRONG", days=600)
    order = depot.allocated()
    answer = post(packer, f"/desk/orders/{order.number}/scan", scan="WRONG")
    assert answer.status_code == 409
    assert "Look for RIGHT" in said(answer)[0] and order.number in answer.text
    assert picked(depot, order) == 0


@pytest.mark.parametrize("why", ["expired", "held"])
def test_a_lot_that_must_not_leave_is_refused(depot: Depot, packer: FlaskClient, why: str) -> None:
    lot = depot.shelve(lot="OLD")
    order = depot.allocated()
    if why == "held":
        lot.held = True
    else:
        lot.expires_on = clock.today() - timedelta(days=1)
    depot.session.commit()
    [sentence] = scan(packer, order, "OLD")
    assert "Do not send it" in sentence
    assert picked(depot, order) == 0


def test_a_double_click_counts_once(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated({"naloxone-nasal": 3})
    assert not scan(packer, order, "LOT1", seen="0")
    [sentence] = scan(packer, order, "LOT1", seen="0")
    assert "already counted: 1 of 3" in sentence
    assert picked(depot, order) == 1


def test_more_than_needed_is_refused(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated()
    assert not scan(packer, order, "LOT1")
    [sentence] = scan(packer, order, "LOT1")
    assert "already picked" in sentence


def test_an_empty_scan_asks_for_one(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    assert scan(packer, depot.allocated(), "  ") == ["Scan a lot, or press “Pick” beside the one you took."]


def test_two_packers_cannot_have_one_order(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated()
    post(packer, "/desk/open", scan=order.number)
    other = packer.application.test_client()
    sign_in(other, "other-packer")
    refused = post(other, "/desk/open", scan=order.number)
    assert refused.status_code == 409 and "being packed by packer" in said(refused)[0]
    assert "being packed by packer" in scan(other, order, "LOT1")[0]
    put_back = post(other, f"/desk/orders/{order.number}/put-back")
    assert put_back.status_code == 409


def test_put_back_returns_it_to_the_queue(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated({"naloxone-nasal": 2})
    scan(packer, order, "LOT1")
    assert post(packer, f"/desk/orders/{order.number}/put-back").location == "/desk"
    assert picked(depot, order) == 0
    assert (order.status, order.packer_id) == (Status.ALLOCATED, None)


def test_a_manager_may_put_back_what_a_packer_left(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated()
    scan(packer, order, "LOT1")
    manager = packer.application.test_client()
    sign_in(manager, "manager")
    assert post(manager, f"/desk/orders/{order.number}/put-back").status_code == 303


def test_not_on_the_shelf_corrects_the_stock_and_plans_again(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(quantity=2, lot="GONE")
    depot.shelve(quantity=5, lot="NEXT", days=600)
    order = depot.allocated({"naloxone-nasal": 2})
    pick = str(order.allocations[0].id)
    for found in ("", "2", "-1", "many"):
        answer = post(packer, f"/desk/orders/{order.number}/missing", allocation=pick, found=found)
        assert answer.status_code == 422 and "0 to 1" in said(answer)[0]
    answer = post(packer, f"/desk/orders/{order.number}/missing", allocation=pick, found="1")
    assert answer.location == "/desk"
    assert depot.balance(lot).on_hand == 1
    again = post(packer, f"/desk/orders/{order.number}/missing", allocation=pick, found="1")
    assert again.status_code == 409
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert sorted(pick.lot.number for pick in order.allocations) == ["GONE", "NEXT"]


def test_pack_needs_every_unit(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated({"naloxone-nasal": 2})
    scan(packer, order, "LOT1")
    assert scan(packer, order, "")
    assert picked(depot, order) == 1 and order.status == Status.PICKING


def test_a_rule_that_changed_meanwhile_stops_the_box(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(lot="LOT1")
    order = depot.allocated()
    scan(packer, order, "LOT1")
    put_in_force(depot.session, ruletext.new("Other rules", "2", [rule("US", "naloxone-nasal", "deny")]))
    depot.session.commit()
    [sentence] = scan(packer, order, "")
    assert "Unpack it" in sentence
    depot.session.expire_all()
    assert order.status == Status.HELD and "naloxone-nasal" in order.note
    assert depot.balance(lot).reserved == 0


def test_a_release_covers_review_on_the_day_of_packing(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve("syringe-kit", site="MN", lot="SYR")
    order = depot.request({"syringe-kit": 1}, zip="10001", state="NY")
    depot.settle()
    assert order.status == Status.HELD
    triage.release(depot.session, order, reason="checked", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED and order.released_for
    northern = packer.application.test_client()
    sign_in(northern, "packer-mn")
    pack(northern, order)
    depot.session.expire_all()
    assert order.status == Status.PACKED


def test_shipping_needs_a_label_and_happens_once(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(quantity=10)
    order = depot.allocated()
    pack(packer, order)
    early = post(packer, f"/desk/orders/{order.number}/ship")
    assert early.status_code == 409 and "Print the label" in said(early)[0]
    post(packer, f"/desk/orders/{order.number}/label")
    assert post(packer, f"/desk/orders/{order.number}/ship").status_code == 303
    twice = post(packer, f"/desk/orders/{order.number}/ship")
    assert twice.status_code == 409 and "shipped" in said(twice)[0]
    assert depot.balance(lot).on_hand == 9


def test_another_parcels_label_does_not_ship_this_one(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    order, other = depot.allocated(), depot.allocated()
    pack(packer, order)
    post(packer, f"/desk/orders/{order.number}/label")
    assert other.number in scan(packer, order, other.number)[0]
    assert order.status == Status.PACKED


def test_orders_of_another_warehouse_are_not_there(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(site="MN", lot="MN1")
    order = depot.allocated(zip="55401", state="MN")
    assert order.number not in packer.get("/desk").text
    for answer in (
        packer.get(f"/desk/orders/{order.number}"),
        post(packer, f"/desk/orders/{order.number}/scan", scan="MN1"),
        post(packer, f"/desk/orders/{order.number}/label"),
        post(packer, "/desk/open", scan=order.number),
    ):
        assert answer.status_code == 404


def test_an_unknown_number_keeps_the_queue_and_what_was_typed(depot: Depot, packer: FlaskClient) -> None:
    answer = post(packer, "/desk/open", scan="NOPE1234")
    assert answer.status_code == 404
    assert said(answer) == ["There is no order “NOPE1234”."] and 'value="NOPE1234"' in answer.text


def test_the_pick_sheet_is_a_pdf_and_may_be_empty(depot: Depot, packer: FlaskClient) -> None:
    assert packer.get("/desk/pick-sheet").data.startswith(b"%PDF")
    depot.shelve()
    depot.allocated()
    assert packer.get("/desk/pick-sheet").mimetype == "application/pdf"


def test_any_step_can_be_listed(depot: Depot, packer: FlaskClient) -> None:
    order = depot.request()
    depot.settle()
    assert order.status == Status.WAITING
    assert order.number in packer.get("/desk?status=waiting").text
    assert "waits for stock" in packer.get(f"/desk/orders/{order.number}").text


def test_a_form_without_its_token_changes_nothing(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve(lot="LOT1")
    order = depot.allocated()
    assert packer.post(f"/desk/orders/{order.number}/scan", data={"scan": "LOT1"}).status_code == 400
    assert picked(depot, order) == 0


def test_reviewers_do_not_pack(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "reviewer")
    assert client.get("/desk").status_code == 403


def test_an_address_that_cannot_be_opened_leaves_no_label_behind(depot: Depot, packer: FlaskClient) -> None:
    depot.shelve()
    order = depot.allocated()
    pack(packer, order)
    keyring.destroy(depot.ring, order.epoch)
    answer = post(packer, f"/desk/orders/{order.number}/label")
    assert answer.status_code == 410 and "cannot be opened" in said(answer)[0]
    depot.session.expire_all()
    assert order.parcel is not None and order.parcel.labelled_on is None
    assert audit.count(depot.session, action="open address", subject=order.document) == 0
    assert "Print the label" in said(post(packer, f"/desk/orders/{order.number}/ship"))[0]


def test_a_box_whose_address_cannot_be_checked_goes_to_a_person(depot: Depot, packer: FlaskClient) -> None:
    lot = depot.shelve(quantity=10)
    order = depot.allocated()
    scan(packer, order, lot.number)
    keyring.destroy(depot.ring, order.epoch)
    assert "back with a person" in scan(packer, order, order.number)[0]
    depot.session.expire_all()
    assert (order.status, depot.balance(lot).reserved) == (Status.HELD, 0)


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_print_that_fails_takes_no_colleagues_label_back(
    depot: Depot, packer: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch, meanwhile: bool
) -> None:
    depot.shelve(quantity=10)
    order = depot.allocated()
    pack(packer, order)
    sign_in(colleague := app.test_client(), "manager")
    make, answers, path = labels.label_and_slip, [], f"/desk/orders/{order.number}/label"
    depot.session.rollback()

    def fails(*args: Any, **values: Any) -> bytes:
        monkeypatch.setattr(labels, "label_and_slip", make)
        if meanwhile:
            db.session.rollback()  # as it will; SQLite lets the colleague in only then
            answers.append(post(colleague, path).status_code)
        raise RuntimeError("no paper")

    monkeypatch.setattr(labels, "label_and_slip", fails)
    with pytest.raises(RuntimeError):
        post(packer, path)
    depot.session.expire_all()
    assert answers == [200] * meanwhile
    assert order.parcel is not None and (order.parcel.labelled_on is not None) is meanwhile


def test_the_stock_ledger_keeps_no_minute_of_a_request(depot: Depot) -> None:
    with clock.at(datetime(2026, 11, 22, 14, 7, 33, tzinfo=UTC)):
        lot = depot.shelve(quantity=10)
        order = depot.allocated()
        workflow.cancel(depot.session, order, by="participant", at=clock.now())
        depot.session.commit()
    times = dict(depot.session.execute(select(Movement.kind, Movement.at).where(Movement.lot_id == lot.id)).all())
    assert {at.minute for kind, at in times.items() if kind != "receive"} == {0} and len(times) == 3
    assert times["receive"].minute == 7  # the control

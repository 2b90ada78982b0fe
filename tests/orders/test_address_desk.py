"""Looking at an address and correcting it: a reason first, nothing lost, decided anew, and never for participants."""

import secrets
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit, clock
from distro.audit import AuditEntry
from distro.clock import week_of
from distro.keys import keyring
from orders import workflow
from orders.correction import EDITED
from orders.identity import VIEW, open_person
from orders.models import Household, Order, Status
from tests.depot import Depot, sign_in
from tests.staff import post, said

GOOD = {
    "name": "Robin Example",
    "line1": "2 Sample Ave",
    "line2": "",
    "city": "Sampleton",
    "state": "OH",
    "zip": "43215",
}


@pytest.fixture
def manager(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "manager")
    return client


def held(depot: Depot, **person: Any) -> Order:
    """An order that waits for a person, since its ZIP code is not in its state."""
    order = depot.request(zip="55401", state="OH", **person)
    depot.settle()
    assert order.status == Status.HELD
    return order


def seen_on(client: FlaskClient, order: Order, reason: str = "asked") -> str:
    """Show the address; gives the mark of the version that was shown."""
    page = post(client, f"/address/{order.number}/show", reason=reason, task="edit").text
    return page.split('name="seen" value="')[1].split('"')[0]


def save(client: FlaskClient, order: Order, **changes: str) -> tuple[int, list[str]]:
    form = {**GOOD, "reason": "asked", "seen": seen_on(client, order), **changes}
    answer = post(client, f"/address/{order.number}", **form)
    return answer.status_code, said(answer)


def lines(session: Session, action: str) -> list[tuple[str, str, str]]:
    session.expire_all()
    query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return [(entry.actor, entry.subject, entry.reason) for entry in session.scalars(query)]


def packed(depot: Depot) -> Order:
    depot.shelve(lot=secrets.token_hex(4), quantity=4)
    order = depot.allocated()
    packer = depot.user("packer")
    workflow.take(depot.session, order.allocations[0], packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def test_no_address_is_shown_before_a_reason_is_on_record(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot, name="Canary Quill", line1="77 Canary Row")
    page = manager.get(f"/address/{order.number}")
    assert page.status_code == 200 and "Canary" not in page.text and order.number in page.text
    for reason in ("", "curious"):
        answer = post(manager, f"/address/{order.number}/show", reason=reason)
        assert answer.status_code == 422 and "Canary" not in answer.text
        assert said(answer) == ["Choose why you need this address. It goes in the record."]
    assert lines(depot.session, VIEW) == []
    answer = post(manager, f"/address/{order.number}/show", reason="unclear", task="edit")
    assert "Canary Quill" in answer.text and "77 Canary Row" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert lines(depot.session, VIEW) == [("manager", order.document, "edit: The address is unclear")]
    assert "Canary" not in manager.get(f"/address/{order.number}").text


def test_how_to_reach_them_is_shown_only_where_the_address_is_unclear(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot, email="robin@example.org")
    assert "robin@example.org" in post(manager, f"/address/{order.number}/show", reason="unclear").text
    assert "robin@example.org" not in post(manager, f"/address/{order.number}/show", reason="asked").text


def test_a_corrected_order_is_sealed_again_and_decided_anew(depot: Depot, manager: FlaskClient) -> None:
    depot.shelve()
    order = held(depot, email="robin@example.org", language="es")
    before = (order.uid, order.sealed, order.proof)
    assert save(manager, order) == (303, [])
    depot.session.expire_all()
    assert (order.status, order.note, order.released) == (Status.RECEIVED, "", False)
    assert order.uid == before[0] and order.sealed != before[1] and order.proof != before[2]
    assert order.epoch == week_of(clock.today())
    person = open_person(order, depot.keys)
    assert (person.line1, person.zip, person.email, person.language) == (
        "2 Sample Ave",
        "43215",
        "robin@example.org",
        "es",
    )
    assert lines(depot.session, EDITED) == [("manager", order.document, "The person asked for it")]
    depot.settle()
    assert order.status == Status.ALLOCATED


def test_a_mistake_keeps_what_was_typed_and_changes_nothing(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot)
    before = order.sealed
    form = {
        **GOOD,
        "line1": "",
        "city": "Typed Town",
        "zip": "4321",
        "reason": "asked",
        "seen": seen_on(manager, order),
    }
    answer = post(manager, f"/address/{order.number}", **form)
    assert answer.status_code == 422
    assert "Please write the street" in answer.text and "has 5 digits" in answer.text
    assert 'value="Typed Town"' in answer.text and 'value="4321"' in answer.text
    for wrong, words in (
        ({"zip": "99999"}, "could not find"),
        ({"zip": "55401"}, "not in the state"),
        ({"state": "xx"}, ""),
    ):
        status, _ = save(manager, order, **wrong)
        assert status == 422, (wrong, words)
    depot.session.expire_all()
    assert order.sealed == before and order.status == Status.HELD
    assert lines(depot.session, EDITED) == []


def test_of_two_who_correct_it_the_second_is_told(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot)
    seen = seen_on(manager, order)
    assert save(manager, order)[0] == 303
    answer = post(manager, f"/address/{order.number}", **GOOD, reason="asked", seen=seen)
    assert answer.status_code == 409 and "changed or sealed anew meanwhile" in said(answer)[0]
    assert 'value="2 Sample Ave"' in answer.text
    assert len(lines(depot.session, EDITED)) == 1


def test_a_packed_order_needs_a_new_label(depot: Depot, manager: FlaskClient, app: Flask) -> None:
    order = packed(depot)
    sign_in(packer := app.test_client(), "packer")
    assert post(packer, f"/desk/orders/{order.number}/label").status_code == 200
    assert save(manager, order, line1="3 Other St")[0] == 303
    depot.session.expire_all()
    assert order.status == Status.PACKED and order.parcel is not None and order.parcel.labelled_on is None
    assert "Print the label" in said(post(packer, f"/desk/orders/{order.number}/ship"))[0]
    assert post(packer, f"/desk/orders/{order.number}/label").status_code == 200
    assert post(packer, f"/desk/orders/{order.number}/ship").status_code == 303


def test_another_place_sends_a_packed_order_back(depot: Depot, manager: FlaskClient) -> None:
    order = packed(depot)
    lot = order.allocations[0].lot
    assert depot.balance(lot).reserved == 1
    assert save(manager, order, state="MN", zip="55401")[0] == 303
    depot.session.expire_all()
    assert (order.status, order.state, order.parcel) == (Status.RECEIVED, "MN", None)
    assert depot.balance(lot).reserved == 0
    assert open_person(order, depot.keys).county is None
    depot.settle()
    assert order.status == Status.ALLOCATED


def test_the_household_is_known_by_the_new_address(depot: Depot, manager: FlaskClient) -> None:
    depot.shelve()
    order = depot.allocated()
    old = depot.session.get(Household, order.id)
    assert old is not None
    tag = old.tag
    assert save(manager, order, state="MN", zip="55401")[0] == 303
    depot.session.expire_all()
    depot.settle()
    new = depot.session.get(Household, order.id)
    assert new is not None and new.tag != tag


def test_looking_shows_no_form(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot)
    page = post(manager, f"/address/{order.number}/show", reason="came-back", task="look").text
    assert "Robin Example" in page and 'name="line1"' not in page
    assert lines(depot.session, VIEW) == [("manager", order.document, "look: The label came back")]


def test_what_has_left_is_not_shown_any_more(depot: Depot, manager: FlaskClient, app: Flask) -> None:
    order = packed(depot)
    sign_in(packer := app.test_client(), "packer")
    post(packer, f"/desk/orders/{order.number}/label")
    post(packer, f"/desk/orders/{order.number}/ship")
    seen = len(lines(depot.session, VIEW))
    assert "closed" in manager.get(f"/address/{order.number}").text
    for task in ("look", "edit"):
        answer = post(manager, f"/address/{order.number}/show", reason="came-back", task=task)
        assert answer.status_code == 409 and "is closed" in said(answer)[0] and "Robin" not in answer.text
    answer = post(manager, f"/address/{order.number}", **GOOD, reason="asked", seen="")
    assert answer.status_code == 409
    assert len(lines(depot.session, VIEW)) == seen
    order.sealed = order.proof = None
    depot.session.commit()
    assert "has been erased" in manager.get(f"/address/{order.number}").text
    assert post(manager, f"/address/{order.number}/show", reason="came-back").status_code == 410


def test_a_box_that_was_swapped_is_not_sealed_again(depot: Depot, manager: FlaskClient) -> None:
    order, other = held(depot), held(depot, line1="9 Other St")
    seen = seen_on(manager, order)
    order.sealed, order.proof = other.sealed, order.proof
    depot.session.commit()
    answer = post(manager, f"/address/{order.number}", **GOOD, reason="asked", seen=seen)
    assert answer.status_code == 409 and "changed or swapped" in said(answer)[0]
    assert lines(depot.session, EDITED) == []


def test_only_those_who_decide_about_an_order_see_the_page(depot: Depot, app: Flask) -> None:
    order = held(depot)
    for username, status in (("packer", 403), ("reviewer", 403), ("admin", 200)):
        sign_in(client := app.test_client(), username)
        assert client.get(f"/address/{order.number}").status_code == status, username
        if status == 403:
            assert post(client, f"/address/{order.number}/show", reason="asked").status_code == 403
            assert post(client, f"/address/{order.number}", **GOOD, reason="asked").status_code == 403
    manager = depot.user("manager")
    manager.state_codes = ["MN"]
    depot.session.commit()
    sign_in(client := app.test_client(), "manager")
    assert client.get(f"/address/{order.number}").status_code == 404
    assert post(client, f"/address/{order.number}/show", reason="asked").status_code == 404
    assert lines(depot.session, VIEW) == []


def test_it_is_reached_from_the_held_orders_and_the_desk(depot: Depot, manager: FlaskClient, app: Flask) -> None:
    order = held(depot)
    assert f'href="/address/{order.number}"' in manager.get("/review").text
    depot.shelve()
    at_desk = depot.allocated(line1="5 Sample St")
    assert f'href="/address/{at_desk.number}"' in manager.get(f"/desk/orders/{at_desk.number}").text
    sign_in(packer := app.test_client(), "packer")
    assert "/address/" not in packer.get(f"/desk/orders/{at_desk.number}").text


def test_participants_never_see_it(depot: Depot, manager: FlaskClient, app: Flask) -> None:
    nonce = secrets.token_bytes(16)
    order = depot.request(zip="55401", state="OH", nonce=nonce)
    depot.settle()
    assert save(manager, order, name="Canary Quill", line1="77 Canary Row")[0] == 303
    page = app.test_client().post("/status", data={"code": depot.code_of(nonce)})
    assert page.status_code == 200 and "Canary" not in page.text and "Robin" not in page.text


def test_hostile_text_is_inert(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot, name="<script>alert(1)</script>", line1='"><img src=x>')
    page = post(manager, f"/address/{order.number}/show", reason="asked").text
    assert "<script>alert" not in page and "<img" not in page and "&lt;script&gt;" in page


def test_without_a_key_for_this_week_nothing_is_changed(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot)
    seen, before = seen_on(manager, order), order.sealed
    depot.settings.public_keys.unlink()
    answer = post(manager, f"/address/{order.number}", **GOOD, reason="asked", seen=seen)
    assert answer.status_code == 503
    depot.session.expire_all()
    assert order.sealed == before and order.status == Status.HELD


def test_the_key_is_gone(depot: Depot, manager: FlaskClient) -> None:
    order = held(depot)
    keyring.destroy(depot.ring, order.epoch)
    answer = post(manager, f"/address/{order.number}/show", reason="asked")
    assert answer.status_code == 410 and "cannot be opened" in said(answer)[0]
    assert audit.count(depot.session, action="open address failed", subject=order.document) == 1


def test_a_corrected_order_that_shows_a_sign_still_has_to_be_released(depot: Depot, manager: FlaskClient) -> None:
    robot = depot.request(name="Sample Clinic")
    depot.settle()
    assert robot.status == Status.HELD
    post(manager, f"/address/{robot.number}/show", reason="robot", task="look")
    assert lines(depot.session, VIEW)[-1][2] == "look: Checking whether a person asked"
    assert save(manager, robot, name="Sample Clinic")[0] == 303
    assert "may still have to be released" in manager.get(f"/address/{robot.number}").text
    depot.settle()
    assert robot.status == Status.HELD
    assert save(manager, plain := held(depot))[0] == 303
    assert "to be released" not in manager.get(f"/address/{plain.number}").text

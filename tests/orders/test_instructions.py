"""The public side writes down what someone with a code wants; the scheduler does it once, if the code was typed."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, insert, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from distro import clock, jobs
from distro.audit import AuditEntry
from distro.config import Settings
from distro.db import db
from distro.keys.keylist import Unavailable
from distro.outbox import Message
from inventory.models import Movement
from orders import codes, following, instructions, workflow
from orders.models import Instruction, Order, Status
from tests.depot import Depot

NONCE = b"0123456789abcdef"


def test_what_was_asked_is_done_by_the_scheduler_alone(client: FlaskClient, depot: Depot) -> None:
    lot = depot.shelve()
    order = depot.allocated(nonce=NONCE)
    movements, entries = count(depot, Movement), count(depot, AuditEntry)
    written = statements_of(lambda: press(client, depot, "cancel"), "INSERT", "UPDATE", "DELETE")
    assert [statement.split()[:3] for statement in written] == [["INSERT", "INTO", "instructions"]]
    assert (count(depot, Movement), count(depot, AuditEntry)) == (movements, entries)
    assert (order.status, depot.balance(lot).reserved) == (Status.ALLOCATED, 1)
    follow(depot)
    assert (order.status, depot.balance(lot).reserved) == (Status.CANCELLED, 0)
    assert count(depot, Instruction) == 0


def test_erasing_takes_the_address_and_stops_an_open_order(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    assert "We are erasing your address now" in press(client, depot, "erase").text
    assert order.sealed is not None
    follow(depot)
    kept = [order.status, order.sealed, order.erased_on]
    assert kept == [Status.CANCELLED, None, clock.today()]
    assert look(client, depot).status_code == 404


@pytest.mark.parametrize(
    ("prefix", "what", "words"),
    [
        ("", "cancel", "We are stopping it now. Look again in a minute."),
        ("", "erase", "We are erasing your address now. Look again in a minute."),
        ("/es", "cancel", "Estamos cancelando su pedido."),
        ("/es", "erase", "Estamos borrando su dirección."),
    ],
)
def test_until_then_the_status_says_that_it_is_under_way(
    client: FlaskClient, depot: Depot, prefix: str, what: str, words: str
) -> None:
    depot.request(nonce=NONCE)
    assert words in press(client, depot, what, prefix).text
    page = client.post(f"{prefix}/status", data={"code": depot.code_of(NONCE)}).text
    assert words in page and f'formaction="{prefix}/cancel"' not in page
    assert (f'formaction="{prefix}/erase"' in page) is (what == "cancel")


def test_asked_twice_is_asked_once_and_erasing_counts_more(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    for what in ("cancel", "cancel", "erase", "cancel", "erase"):
        press(client, depot, what)
    assert count(depot, Instruction) == 2
    assert "We are erasing your address now" in look(client, depot).text
    follow(depot)
    assert order.status == Status.CANCELLED and order.sealed is None and count(depot, Instruction) == 0


def test_a_label_printed_meanwhile_makes_it_too_late_to_cancel(client: FlaskClient, depot: Depot) -> None:
    order = packed(depot)
    press(client, depot, "cancel")
    workflow.note_label(depot.session, order, at=clock.now())
    depot.session.commit()
    follow(depot)
    assert order.status == Status.PACKED and count(depot, Instruction) == 0
    assert "It is packed" in look(client, depot).text


@pytest.mark.parametrize("race", [False, True])
def test_an_erasure_that_meets_a_label_is_done_when_the_parcel_has_left(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch, race: bool
) -> None:
    order = packed(depot)
    press(client, depot, "erase")
    workflow.note_label(depot.session, order, at=clock.now())
    depot.session.commit()
    (waits,) = depot.session.scalars(select(Instruction.id)).all()
    assert list(following.waiting(depot.session)) == []
    if race:  # the label came after the list was read
        monkeypatch.setattr(following, "waiting", lambda session, tried: [] if tried else [waits])
    follow(depot)
    monkeypatch.undo()
    assert order.status == Status.PACKED and order.sealed is not None and count(depot, Instruction) == 1
    assert "We erase your address as soon as it is in the mail" in look(client, depot).text
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    depot.session.commit()
    assert "We are erasing your address now" in look(client, depot).text
    follow(depot)
    assert [order.status, order.sealed, count(depot, Instruction)] == [Status.SHIPPED, None, 0]


def test_cancelled_by_staff_meanwhile_it_stays_cancelled(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    press(client, depot, "cancel")
    workflow.cancel(depot.session, order, by="manager", at=clock.now())
    closed = order.closed_on
    follow(depot)
    assert (order.status, order.closed_on, count(depot, Instruction)) == (Status.CANCELLED, closed, 0)


@pytest.mark.parametrize("what", ["cancel", "erase", "ship it"])
def test_an_instruction_that_nobody_with_the_code_wrote_is_dropped(depot: Depot, what: str) -> None:
    """Whoever can write the database, but knows no code, writes one."""
    order, other = depot.request(nonce=NONCE), depot.request(nonce=NONCE[::-1])
    right = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE))
    foreign = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE[::-1]))
    for token in (bytes(32), foreign, order.change_tag or b"", right if what == "ship it" else b"\1" * 32):
        depot.session.add(Instruction(order_id=order.id, kind=what[:8], token=token, asked_at=clock.now()))
    depot.session.commit()
    follow(depot)
    assert (order.status, other.status) == (Status.RECEIVED, Status.RECEIVED) and order.sealed is not None
    dropped = select(AuditEntry.subject).where(AuditEntry.action == "forged instruction")
    assert depot.session.scalars(dropped).all() == [order.document] * 4 and count(depot, Instruction) == 0
    (mail,) = depot.session.scalars(select(Message)).all()
    assert mail.to == "admin@example.org" and order.document in mail.body


def test_control_with_the_right_token_it_is_done(depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    token = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE))
    depot.session.add(Instruction(order_id=order.id, kind="cancel", token=token, asked_at=clock.now()))
    depot.session.commit()
    follow(depot)
    assert order.status == Status.CANCELLED


def test_an_order_from_before_there_were_tokens_can_be_cancelled(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    order.change_tag = None
    depot.session.commit()
    press(client, depot, "cancel")
    follow(depot)
    assert order.status == Status.CANCELLED


def test_two_schedulers_do_it_once(app: Flask, client: FlaskClient, depot: Depot) -> None:
    lot = depot.shelve()
    order = depot.allocated(nonce=NONCE)
    press(client, depot, "cancel")
    depot.session.commit()
    with ThreadPoolExecutor(2) as schedulers:
        list(schedulers.map(lambda _: jobs.run_once(app, depot.settings, jobs.follow_instructions), range(4)))
    depot.session.expire_all()
    assert order.status == Status.CANCELLED and depot.balance(lot).reserved == 0


def test_one_that_breaks_does_not_stop_the_others(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = depot.request(nonce=NONCE), depot.request(nonce=NONCE[::-1])
    for nonce in (NONCE, NONCE[::-1]):
        client.post("/cancel", data={"code": depot.code_of(nonce), "yes": "1"})
    cancel = workflow.cancel

    def sometimes(session: object, order: Order, **how: object) -> None:
        if order.id == first.id:
            raise RuntimeError("Robin Example")
        cancel(session, order, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(workflow, "cancel", sometimes)
    follow(depot)
    assert (first.status, second.status) == (Status.RECEIVED, Status.CANCELLED)
    assert "RuntimeError at" in caplog.text and "Robin" not in caplog.text
    monkeypatch.undo()
    follow(depot)
    assert first.status == Status.CANCELLED


def test_what_cannot_be_done_now_keeps_nothing_away(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """More than are tried at once wait for a key; behind them stand an erasure, and what fails with nothing."""
    stuck, other = depot.request(nonce=NONCE[::-1]), depot.request(nonce=NONCE)
    stuck.status, stuck.closed_on = Status.SHIPPED, clock.today() - timedelta(days=20)
    token = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE[::-1]))
    row = {"order_id": stuck.id, "kind": "lost", "token": token, "asked_at": clock.now()}
    many = following.AT_ONCE + 1
    depot.session.execute(insert(Instruction), [row | {"uid": UUID(int=number)} for number in range(1, many + 1)])
    depot.session.commit()
    press(client, depot, "erase")
    carry_out, tried = following.carry_out, []

    def without_a_key(session: Session, instruction_id: int, settings: Settings, **when: datetime) -> object:
        tried.append(session.get_one(Instruction, instruction_id).kind)
        if tried[-1] == "lost":
            raise Unavailable
        return carry_out(session, instruction_id, settings, **when)

    monkeypatch.setattr(following, "carry_out", without_a_key)
    follow(depot)
    assert tried == ["erase", *["lost"] * many] and other.sealed is None
    assert count(depot, Instruction) == many


def test_it_is_early_enough_until_the_label(depot: Depot) -> None:
    order = packed(depot)
    assert instructions.may(order, "cancel") and instructions.may(order, "erase")
    workflow.note_label(depot.session, order, at=clock.now())
    assert not instructions.may(order, "cancel") and not instructions.may(order, "erase")
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    assert not instructions.may(order, "cancel") and instructions.may(order, "erase")


def test_the_job_runs_every_second_or_two() -> None:
    assert jobs.JOBS[jobs.follow_instructions] <= 2


def packed(depot: Depot) -> Order:
    depot.shelve()
    order, packer = depot.allocated(nonce=NONCE), depot.user("packer")
    workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def press(client: FlaskClient, depot: Depot, what: str, prefix: str = "") -> TestResponse:
    return client.post(f"{prefix}/{what}", data={"code": depot.code_of(NONCE), "yes": "1"})


def look(client: FlaskClient, depot: Depot) -> TestResponse:
    return client.post("/status", data={"code": depot.code_of(NONCE)})


def follow(depot: Depot) -> None:
    """The scheduler's next second."""
    depot.session.commit()
    jobs.follow_instructions(depot.session, depot.settings)
    depot.session.expire_all()


def count(depot: Depot, table: type[Instruction] | type[Movement] | type[AuditEntry]) -> int:
    return depot.session.scalar(select(func.count()).select_from(table)) or 0


def statements_of(act: Callable[[], object], *kinds: str) -> list[str]:
    """The statements of some kinds that an action sends to the database."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(kinds):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return seen

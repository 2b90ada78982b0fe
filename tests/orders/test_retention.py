"""Addresses die on their day, and with them all that came with them."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import make_url, select

from distro import clock, jobs, outbox
from distro.audit import AuditEntry
from distro.db import db, forget_freed_pages
from distro.outbox import Message
from orders import retention, workflow
from orders.models import Household, Order, Status
from tests.depot import Depot

NONCE = b"0123456789abcdef"


def shipped(depot: Depot) -> Order:
    depot.shelve()
    order = depot.allocated()
    workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=clock.today())
    workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())
    workflow.note_label(depot.session, order, at=clock.now())
    return order


def test_a_shipped_order_s_address_lives_thirty_days(depot: Depot) -> None:
    order = shipped(depot)
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    assert retention.erase_date(order) == clock.today() + timedelta(days=30)
    assert due(depot, 29) == 0
    assert due(depot, 30) == 1
    depot.session.refresh(order)
    assert order.sealed is None and order.status == Status.SHIPPED


def test_a_cancelled_one_s_lives_seven(depot: Depot) -> None:
    order = depot.request()
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    assert due(depot, 6) == 0
    assert due(depot, 7) == 1


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.HELD, Status.WAITING])
def test_what_nobody_settles_in_ninety_days_is_declined_kindly_and_erased(
    depot: Depot, client: FlaskClient, status: Status
) -> None:
    order, code = depot.request(nonce=NONCE), {"code": depot.code_of(NONCE)}
    order.status = status
    depot.session.commit()
    assert due(depot, 999) == 0
    seen = []
    for days in range(88, 100):
        with clock.at(clock.now() + timedelta(days=days)):
            jobs.keep_house(depot.session, depot.settings)
            depot.session.expire_all()
            seen.append((order.status == Status.DECLINED, order.sealed is None))
            if days == 91:
                assert "We could not send this in time" in client.post("/status", data=code).text
                assert "No pudimos enviar esto a tiempo" in client.post("/es/status", data=code).text
    assert seen == [(False, False)] * 3 + [(True, False)] * 7 + [(True, True)] * 2
    reasons = select(AuditEntry.reason).where(AuditEntry.action == "decline", AuditEntry.subject == order.document)
    assert depot.session.scalars(reasons).all() == ["open for more than 90 days"]


def test_what_is_promised_stock_is_not_declined_by_the_clock(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated()
    assert retention.decline_old(depot.session, at=clock.now() + timedelta(days=400)) == 0
    assert order.status == Status.ALLOCATED


@pytest.mark.parametrize("closed", [date(2099, 1, 1), None])
def test_a_wrong_closing_day_does_not_keep_an_address(depot: Depot, closed: date | None) -> None:
    order = shipped(depot)
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    order.closed_on = closed
    depot.session.commit()
    assert (due(depot, 149), due(depot, 150)) == (0, 1)
    assert retention.erase_date(order) == (clock.today() + timedelta(days=150) if closed else None)


def test_on_request_it_goes_at_once_and_the_order_stops(depot: Depot) -> None:
    lot = depot.shelve()
    order = depot.allocated()
    retention.erase(depot.session, order, at=clock.now())
    assert (order.status, order.sealed) == (Status.CANCELLED, None)
    assert depot.balance(lot).reserved == 0


def test_between_label_and_post_it_cannot_be_erased(depot: Depot) -> None:
    order = shipped(depot)
    with pytest.raises(workflow.AlreadyMoved):
        retention.erase(depot.session, order, at=clock.now())
    assert order.sealed is not None


@pytest.mark.parametrize("how", ["asked", "by the clock"])
def test_nothing_of_why_it_was_looked_at_stays(depot: Depot, how: str) -> None:
    order = depot.request({"naloxone-nasal": 2})
    order.flags, order.released_for, order.note = ["bulk"], ["a doubt"], "why a person looked"
    order.decision = {"naloxone-nasal": {"effect": "allow", "rules": ["US-naloxone-nasal"]}}
    depot.session.add(Household(order_id=order.id, week=order.epoch, tag=b"1234"))
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    if how == "asked":
        retention.erase(depot.session, order, at=clock.now())
    else:
        assert due(depot, 7) == 1
    depot.session.commit()
    kept = depot.session.execute(select(Order.__table__)).mappings().one()
    empty: dict[str, object] = {
        "sealed": None,
        "proof": None,
        "decision": None,
        "flags": [],
        "released_for": [],
        "note": "",
    }
    assert {name: kept[name] for name in empty} == empty
    assert depot.session.scalars(select(Household)).all() == []
    assert kept["state"] == "OH" and [line.quantity for line in order.lines] == [2]  # what is counted stays


def test_erasing_leaves_one_line_in_the_record(depot: Depot) -> None:
    for order in (depot.request(), depot.request()):
        workflow.cancel(depot.session, order, by="participant", at=clock.now())
    assert due(depot, 7) == 2 and due(depot, 8) == 0
    entries = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "erase")).all()
    assert [(entry.subject, entry.reason) for entry in entries] == [("addresses", "2 past their date")]


def test_the_text_of_a_mail_that_never_left_goes_after_thirty_days(depot: Depot) -> None:
    outbox.post(depot.session, to="manager@example.org", subject="Reorder", body="Order 10.", at=clock.now())
    depot.session.commit()
    bodies = []
    for days in (29, 31):
        with clock.at(clock.now() + timedelta(days=days)):
            jobs.keep_house(depot.session, depot.settings)
        depot.session.expire_all()
        bodies.append(depot.session.scalars(select(Message.body)).one())
        assert outbox.due(depot.session, clock.now() + timedelta(days=40)) == [] or days == 29
    assert bodies == ["Order 10.", ""]


def test_an_erased_address_leaves_the_files_of_the_database(depot: Depot) -> None:
    order = depot.request()
    box = bytes(order.sealed or b"")
    retention.erase(depot.session, order, at=clock.now())
    depot.session.commit()
    assert forget_freed_pages(db.engine)
    if db.engine.dialect.name == "sqlite":
        assert not any(box[100:900] in path.read_bytes() for path in files(depot))


def test_housekeeping_cleans_the_files_too(depot: Depot) -> None:
    order = depot.request()
    box = bytes(order.sealed or b"")
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    depot.session.commit()
    with clock.at(clock.now() + timedelta(days=8)):
        jobs.keep_house(depot.session, depot.settings)
    if db.engine.dialect.name == "sqlite":
        assert not any(box[100:900] in path.read_bytes() for path in files(depot))


def due(depot: Depot, days: int) -> int:
    """How many addresses die so many days from now."""
    return len(retention.erase_due(depot.session, at=clock.now() + timedelta(days=days)))


def files(depot: Depot) -> list[Path]:
    """The database and its log."""
    path = make_url(depot.settings.database_url).database or ""
    return [Path(path + end) for end in ("", "-wal") if Path(path + end).exists()]

"""Whoever can write the database but lacks our keys gets nothing sent: every change of a row or a box is seen."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import object_session

from distro import audit, clock
from distro.keys import keylist, sealing
from distro.keys.keylist import PublicKeys
from distro.outbox import Message
from orders import identity, tampering, triage, workflow
from orders.intake import Person, proof_of
from orders.models import Line, Order, Status
from tests.depot import Depot, sign_in
from tests.staff import post

PROVEN = ("uid", "number", "nonce_tag", "code_tag", "change_tag", "epoch", "state", "received_on", "flags")
Change = Callable[[Depot, Order, Order], None]


def swap_boxes(depot: Depot, order: Order, other: Order) -> None:
    order.sealed, other.sealed = other.sealed, order.sealed


def swap_boxes_and_proofs(depot: Depot, order: Order, other: Order) -> None:
    swap_boxes(depot, order, other)
    order.proof, other.proof = other.proof, order.proof


def replace_box(depot: Depot, order: Order, _other: Order) -> None:
    """Anyone with the public half, the order's id and its week can seal a box that opens."""
    thief = Person(name="Someone Else", line1="9 Other St", line2="", city="Sampleton", state="OH", zip="43215")
    epoch, key = keylist.today(PublicKeys.of(depot.settings), order.received_on)
    assert epoch == order.epoch
    order.sealed = sealing.seal(key, epoch, order.uid, thief.to_text())


def swap(order: Order, other: Order, column: str) -> None:
    """Swap a unique column of two rows, by a value that is neither's."""
    session, mine, theirs = object_session(order), getattr(order, column), getattr(other, column)
    assert session is not None
    setattr(other, column, mine[:-2])
    session.flush()
    setattr(order, column, theirs)
    session.flush()
    setattr(other, column, mine)


def forge_proof(depot: Depot, order: Order, other: Order) -> None:
    replace_box(depot, order, other)
    assert order.sealed is not None
    order.proof = proof_of("a guessed secret", order, order.sealed)


def flip_bit(depot: Depot, order: Order, _other: Order) -> None:
    assert order.sealed is not None
    order.sealed = order.sealed[:-1] + bytes([order.sealed[-1] ^ 1])


CHANGES: dict[str, Change] = {
    "boxes swapped": swap_boxes,
    "boxes and proofs swapped": swap_boxes_and_proofs,
    "a box of one's own": replace_box,
    "a box and proof of one's own": forge_proof,
    "a bit flipped": flip_bit,
    "cut": lambda _depot, order, _other: setattr(order, "sealed", (order.sealed or b"")[:-1]),
    "another proof": lambda _depot, order, other: setattr(order, "proof", other.proof),
    "no proof": lambda _depot, order, _other: setattr(order, "proof", None),
    "more units": lambda _depot, order, _other: setattr(order.lines[0], "quantity", 3),
    "another item": lambda depot, order, _other: setattr(order.lines[0], "item_id", depot.item("wound-care-kit").id),
    "a line more": lambda depot, order, _other: order.lines.append(
        Line(item_id=depot.item("wound-care-kit").id, quantity=1)
    ),
    "no lines": lambda depot, order, _other: depot.session.delete(order.lines[0]),
    "another state": lambda _depot, order, _other: setattr(order, "state", "MN"),
    "another week": lambda _depot, order, _other: setattr(order, "epoch", f"{order.epoch}b"),
    "another day": lambda _depot, order, _other: setattr(order, "received_on", order.received_on.replace(year=2020)),
    "another number": lambda _depot, order, _other: setattr(order, "number", "7K3M9QXB"),
    "numbers swapped": lambda _depot, order, other: swap(order, other, "number"),
    "codes swapped": lambda _depot, order, other: swap(order, other, "code_tag"),
    "another code's change tag": lambda _depot, order, other: setattr(order, "change_tag", other.change_tag),
    "no change tag": lambda _depot, order, _other: setattr(order, "change_tag", None),
    "forms swapped": lambda _depot, order, other: swap(order, other, "nonce_tag"),
    "released by nobody": lambda _depot, order, _other: setattr(order, "released", True),
    "doubts released by nobody": lambda _depot, order, _other: setattr(order, "released_for", ["trap"]),
    "a flag": lambda _depot, order, _other: setattr(order, "flags", ["honeypot"]),
}


@pytest.fixture
def pair(depot: Depot) -> tuple[Order, Order]:
    depot.shelve(quantity=100)
    depot.shelve("wound-care-kit", quantity=100, lot="LOT2")
    return depot.request(), depot.request(name="Jordan Sample", line1="2 Sample St")


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_behind_our_back_is_held_and_told(
    depot: Depot, pair: tuple[Order, Order], change: str, caplog: pytest.LogCaptureFixture
) -> None:
    order, other = pair
    CHANGES[change](depot, order, other)
    depot.session.commit()
    depot.session.expire_all()
    depot.settle()
    if change == "another week":  # that week has no key: it is not opened, and waits
        assert order.status == Status.RECEIVED and f"no private key for {order.epoch}" in caplog.text
        return
    assert order.status == Status.HELD and not order.allocations
    assert "swapped" in order.note or "was changed" in order.note, order.note
    assert audit.count(depot.session, action="seal broken", subject=order.document) == 1
    assert "Someone Else" not in caplog.text and order.document in caplog.text
    mails = depot.session.scalars(select(Message).where(Message.subject.contains("tampered"))).all()
    assert [mail.to for mail in mails] == ["admin@example.org"]
    if "swapped" not in change:
        assert other.status == Status.ALLOCATED  # and nobody else waits for it


def test_a_row_made_the_double_of_another_betrays_itself_by_that_one(depot: Depot, pair: tuple[Order, Order]) -> None:
    """Id, box and proof of another order fit together, so the double opens; the other, robbed of its id, does not."""
    double, robbed = pair
    uid, double.sealed, double.proof = robbed.uid, robbed.sealed, robbed.proof
    robbed.uid = uuid4()
    depot.session.flush()
    double.uid = uid
    depot.session.commit()
    depot.settle()
    assert robbed.status == Status.HELD
    assert audit.count(depot.session, action="seal broken", subject=robbed.document) == 1


def test_control_untouched_both_are_sent(depot: Depot, pair: tuple[Order, Order]) -> None:
    depot.settle()
    assert {order.status for order in pair} == {Status.ALLOCATED}


def test_control_without_the_proof_a_box_of_one_s_own_would_be_sent(
    depot: Depot, pair: tuple[Order, Order], monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_box(depot, *pair)
    depot.session.commit()
    monkeypatch.setattr(identity, "proof_of", lambda _secret, order, _box: order.proof or b"")
    depot.settle()
    assert pair[0].status == Status.ALLOCATED  # so it is the proof alone that stops it


def test_a_person_s_release_does_not_open_it(depot: Depot, pair: tuple[Order, Order]) -> None:
    replace_box(depot, *pair)
    depot.session.commit()
    depot.settle()
    order = pair[0]
    order.status, order.released = Status.RECEIVED, True
    depot.session.commit()
    depot.settle()
    assert order.status == Status.HELD and not order.allocations
    assert audit.count(depot.session, action="seal broken", subject=order.document) == 1


def test_a_line_of_the_same_item_cannot_be_added_and_would_be_seen(depot: Depot, pair: tuple[Order, Order]) -> None:
    order, item = pair[0], pair[0].lines[0].item
    assert order.sealed is not None
    doubled = Order(**{name: getattr(order, name) for name in PROVEN}, lines=[])
    doubled.lines = [Line(item=item, quantity=99), Line(item=item, quantity=1)]  # the last alone is what was asked for
    assert proof_of(depot.settings.secret_key, doubled, order.sealed) != order.proof
    doubled.lines = doubled.lines[1:]
    assert proof_of(depot.settings.secret_key, doubled, order.sealed) == order.proof
    depot.session.expunge_all()
    depot.session.add(Line(order_id=order.id, item_id=item.id, quantity=99))
    with pytest.raises(IntegrityError):
        depot.session.flush()
    depot.session.rollback()


def test_a_release_that_nobody_made_brings_nothing_of_its_own(depot: Depot, pair: tuple[Order, Order]) -> None:
    """As the public role could insert it. A person who then releases it is asked about every doubt."""
    order, nothing = pair[0], [False, [], None]
    order.released, order.released_for, order.decision = True, ["trap"], {"naloxone-nasal": {"doubts": ["trap"]}}
    depot.session.commit()
    depot.settle()
    assert told_of(depot, order)[0] == Status.HELD
    assert [order.released, order.released_for, order.decision] == nothing
    triage.release(depot.session, order, reason="known to us", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED and order.released_for == []


def test_control_a_release_on_record_is_believed(depot: Depot, pair: tuple[Order, Order]) -> None:
    order = pair[0]
    workflow.hold(depot.session, order, note="made up", at=clock.now())
    triage.release(depot.session, order, reason="known to us", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert audit.count(depot.session, action="seal broken", subject=order.document) == 0


@pytest.mark.parametrize("lie", ["a flag", "another number", "released by nobody", "a bit flipped"])
@pytest.mark.parametrize("step", ["label", "ship", "carrier-file"])
def test_what_is_packed_goes_nowhere_and_is_told_once_a_day(
    depot: Depot, client: FlaskClient, pair: tuple[Order, Order], step: str, lie: str
) -> None:
    depot.settle()
    order = packed(depot, pair[0])
    if step == "ship":
        workflow.note_label(depot.session, order, at=clock.now())
    CHANGES[lie](depot, order, pair[1])
    depot.session.commit()
    sign_in(client, "manager")
    path, form = f"/desk/orders/{order.number}/{step}", {"scan": order.number}
    if step == "carrier-file":
        path, form = "/desk/carrier-file", {"order": order.number}
    for _press in range(3):
        assert post(client, path, **form).status_code == 409
    assert told_of(depot, order) == (Status.PACKED, 1, 1)
    with clock.at(clock.now() + timedelta(days=1, hours=1)):
        sign_in(client, "manager")
        post(client, path, **form)
    assert told_of(depot, order) == (Status.PACKED, 2, 2)


def test_control_an_honest_packed_order_gets_its_label_and_tells_nobody(
    depot: Depot, client: FlaskClient, pair: tuple[Order, Order]
) -> None:
    depot.settle()
    order = packed(depot, pair[0])
    sign_in(client, "packer")
    assert post(client, f"/desk/orders/{order.number}/label").mimetype == "application/pdf"
    assert told_of(depot, order) == (Status.PACKED, 0, 0)


def test_a_line_from_the_future_keeps_no_alarm_away(depot: Depot, pair: tuple[Order, Order]) -> None:
    order, now = pair[0], clock.now()
    tampering.tell(depot.session, order, at=now + timedelta(days=400))
    tampering.tell(depot.session, order, at=now)
    tampering.tell(depot.session, order, at=now)
    assert audit.count(depot.session, action="seal broken", subject=order.document) == 2


def packed(depot: Depot, order: Order) -> Order:
    packer = depot.user("packer")
    workflow.claim(depot.session, order, packer)
    for pick in order.allocations:
        workflow.take(depot.session, pick, packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def told_of(depot: Depot, order: Order) -> tuple[str, int, int]:
    """Its status, the lines in the record and the mails."""
    depot.session.expire_all()
    mails = depot.session.scalars(select(Message).where(Message.subject.contains("tampered"))).all()
    return order.status, audit.count(depot.session, action="seal broken", subject=order.document), len(mails)

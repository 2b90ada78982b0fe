"""The ledger's one promise: a balance is the sum of its lines, and 0 <= reserved <= on hand, whatever happens."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import clock
from distro.db import db
from distro.errors import InvalidInput
from inventory import ledger
from inventory.ledger import Document, NotEnough
from inventory.models import Balance, Bin, Lot, Movement
from tests.conftest import Cli
from tests.depot import Depot

VERBS = {"receive": ledger.receive, "reserve": ledger.reserve, "release": ledger.release, "ship": ledger.ship}


def document(name: str = "TEST-1", reason: str = "") -> Document:
    return Document(name, "packer", clock.now(), reason)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from([*VERBS, "adjust"]), st.integers(-12, 12), st.integers(0, 1)), max_size=25)
)
def test_any_sequence_agrees_with_a_plain_count(depot: Depot, steps: list[tuple[str, int, int]]) -> None:
    session = depot.session
    with session.begin_nested() as attempt:
        lot, bins = depot.shelve(quantity=1, lot="P"), [depot.bin("OH", "A-01"), depot.bin("OH", "B-01")]
        count = {bins[0].id: [1, 0], bins[1].id: None}
        for verb, quantity, place in steps:
            count = _step(session, lot, bins[place], verb, quantity, count)
        for bin_id, units in count.items():
            row = session.scalar(select(Balance).where(Balance.lot_id == lot.id, Balance.bin_id == bin_id))
            if row is not None:
                session.refresh(row)
                assert [row.on_hand, row.reserved] == units
                assert 0 <= row.reserved <= row.on_hand
            else:
                assert units is None
        assert not list(ledger.differences(session))
        attempt.rollback()


Count = dict[int, list[int] | None]


def _step(session: Session, lot: Lot, bin: Bin, verb: str, quantity: int, count: Count) -> Count:
    """Do one step for real and in a plain count; both must refuse alike."""
    on_hand, reserved = count[bin.id] or [0, 0]
    there = count[bin.id] is not None
    fits = {
        "receive": quantity > 0,
        "reserve": there and 0 < quantity <= on_hand - reserved,
        "release": there and 0 < quantity <= reserved,
        "ship": there and 0 < quantity <= reserved,
        "adjust": there and quantity != 0 and on_hand + quantity >= reserved,
    }[verb]
    change = {
        "receive": (quantity, 0),
        "reserve": (0, quantity),
        "release": (0, -quantity),
        "ship": (-quantity, -quantity),
        "adjust": (quantity, 0),
    }[verb]
    try:
        if verb == "adjust":
            ledger.adjust(session, lot, bin, quantity, document(reason="counted"))
        else:
            VERBS[verb](session, lot, bin, quantity, document())
    except (NotEnough, InvalidInput):
        assert not fits, (verb, quantity, on_hand, reserved)
        return count
    assert fits, (verb, quantity, on_hand, reserved)
    return count | {bin.id: [on_hand + change[0], reserved + change[1]]}


Reserve = Callable[[Session, Lot, Bin], None]


def race(app: Flask, depot: Depot, reserve: Reserve, lot: Lot, racers: int = 8) -> tuple[int, int]:
    """Eight threads want one unit each of a lot; gives back what ledger and balance then say is promised."""
    lot_id, bin_id = lot.id, depot.bin("OH").id
    depot.session.commit()
    start = Barrier(racers, timeout=30)

    def want() -> None:
        with app.app_context():
            session = db.session()
            start.wait()
            try:
                reserve(session, session.get_one(Lot, lot_id), session.get_one(Bin, bin_id))
                session.commit()
            except (NotEnough, IntegrityError):
                session.rollback()
            finally:
                db.session.remove()

    threads = [Thread(target=want) for _ in range(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = depot.session.scalar(select(func.sum(Movement.reserved)).where(Movement.lot_id == lot_id))
    return int(lines or 0), depot.balance(lot).reserved


def test_nothing_is_promised_twice_in_a_race(app: Flask, depot: Depot) -> None:
    def reserve(session: Session, lot: Lot, bin: Bin) -> None:
        ledger.reserve(session, lot, bin, 1, document())

    for turn in range(5):
        assert race(app, depot, reserve, depot.shelve(quantity=4, lot=f"RACE{turn}")) == (4, 4)


def test_control_looking_before_writing_loses_promises(app: Flask, depot: Depot) -> None:
    """The same race with look-then-write in place of the conditional update must go wrong, or it proves nothing."""
    all_looked = Barrier(8, timeout=30)

    def careless(session: Session, lot: Lot, bin: Bin) -> None:
        line = Movement(at=clock.now(), kind="reserve", lot_id=lot.id, site_id=bin.site_id, bin_id=bin.id)
        line.on_hand, line.reserved, line.document = 0, 1, "TEST-1"
        reserved = session.scalar(select(Balance.reserved).where(Balance.lot_id == lot.id)) or 0
        session.rollback()  # gives SQLite's write lock back, so that all can look
        all_looked.wait()
        session.execute(update(Balance).where(Balance.lot_id == line.lot_id).values(reserved=reserved + 1))
        session.add(line)

    in_ledger, in_balance = race(app, depot, careless, depot.shelve(quantity=4, lot="CONTROL"))
    assert (in_ledger, in_balance) == (8, 1)
    assert [row.balance for row in ledger.differences(depot.session)] == [(4, 1)]


def test_the_table_itself_refuses_more_reserved_than_there_is(depot: Depot) -> None:
    lot = depot.shelve()
    with pytest.raises(IntegrityError):
        depot.session.execute(update(Balance).where(Balance.lot_id == lot.id).values(reserved=11))


def test_a_correction_needs_a_reason(depot: Depot) -> None:
    lot = depot.shelve()
    with pytest.raises(InvalidInput, match="Say why"):
        ledger.adjust(depot.session, lot, depot.bin("OH"), -1, document())


def test_verify_names_a_doctored_balance(depot: Depot, cli: Cli) -> None:
    lot = depot.shelve(lot="DOCTORED", quantity=10)
    assert cli("stock", "verify").returncode == 0
    depot.session.execute(update(Balance).where(Balance.lot_id == lot.id).values(on_hand=9))
    told = cli("stock", "verify")
    assert told.returncode == 1
    assert "DOCTORED" in told.stdout and "OH/A-01" in told.stdout

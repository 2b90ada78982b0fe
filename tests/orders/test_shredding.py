"""A week's key dies two weeks after its week, whatever is open: boxes that are needed move first.

Length: the rule by example, then killed at every statement, then by steps drawn at random; all on the same few helpers.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from os import utime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as run_with
from hypothesis import strategies as st
from sqlalchemy import event, select

from distro import audit, clock, jobs, slots
from distro.audit import AuditEntry
from distro.db import db
from distro.keys import keyring
from distro.keys.keylist import PublicKeys
from distro.keys.sealing import SealBroken
from distro.outbox import Message
from orders import intake, keyloss, retention, shredding, spool, workflow
from orders.identity import open_person
from orders.models import Order, Status
from orders.tampering import TAMPERED
from tests.depot import Depot

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
WEEK, DAY, HOUR = timedelta(weeks=1), timedelta(days=1), timedelta(hours=1)


def test_an_open_order_moves_to_the_present_key_and_its_week_s_key_dies_after_two_weeks(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        order = depot.request()
    first, old_box = order.epoch, order.sealed
    with clock.at(MONDAY + WEEK):
        house(depot)
        assert (order.epoch, first) == ("2026-W49", "2026-W48") and order.sealed != old_box
        assert open_person(order, depot.keys).name == "Robin Example"
    with clock.at(MONDAY + 3 * WEEK - 10 * HOUR):  # Sunday evening
        house(depot)
        assert first in keyring.private_epochs(depot.ring)
    with clock.at(MONDAY + 3 * WEEK):
        house(depot)
        assert first not in keyring.private_epochs(depot.ring)
        assert open_person(order, depot.keys).name == "Robin Example"
    assert said(depot, first) == [
        ("reseal", "1 boxes to 2026-W49, 0 could not be opened"),
        ("destroy key", f"no box needs it; gone from {depot.settings.keyring}"),
    ]
    assert audit.verify(depot.session).broken is None
    with pytest.raises(keyring.KeyGone):  # the old copy in a backup opens no more
        keyring.open_box(depot.ring, first, order.uid, old_box or b"")


def test_a_closed_order_whose_day_is_to_come_moves_too_and_an_erased_one_does_not(depot: Depot) -> None:
    with clock.at(MONDAY + 5 * DAY):
        house(depot)
        kept, gone = depot.request(), depot.request()
        workflow.cancel(depot.session, kept, by="participant", at=clock.now())
        retention.erase(depot.session, gone, at=clock.now())
        depot.session.commit()
    with clock.at(MONDAY + WEEK):
        house(depot)
        assert (kept.epoch, gone.epoch) == ("2026-W49", "2026-W48")
        assert open_person(kept, depot.keys).name == "Robin Example" and gone.sealed is None


def test_the_orders_that_were_told_keep_all_else(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        depot.shelve()
        order = depot.allocated({"naloxone-nasal": 2})
        order.flags = ["bulk"]
        order.proof = intake.proof_of(depot.settings.secret_key, order, order.sealed or b"")
        depot.session.commit()
        before = row(depot, order)
    with clock.at(MONDAY + WEEK):
        house(depot)
        after = row(depot, order)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"epoch", "sealed", "proof"}


def test_a_replaced_key_is_emptied_at_once_and_dies_two_weeks_later(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        order = depot.request()
        keyring.replace_keys(depot.ring, PublicKeys.of(depot.settings), clock.today())
        house(depot)
        assert order.epoch == "2026-W48b"
        assert "2026-W48" in keyring.private_epochs(depot.ring)  # for requests on their way
    with clock.at(MONDAY + 2 * WEEK - HOUR):  # from a public machine that still has the old list
        house(depot)
        assert "2026-W48" in keyring.private_epochs(depot.ring)
    with clock.at(MONDAY + 2 * WEEK):
        house(depot)
        left = keyring.private_epochs(depot.ring)
        assert [epoch for epoch in left if epoch + "b" in left] == [] and "2026-W48b" in left
        assert open_person(order, depot.keys).name == "Robin Example"


def test_a_key_replaced_by_a_command_that_stopped_half_way_stays(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        half_way = depot.settings.keyring / "2026-W48b.key"  # made, but the list was never signed
        half_way.write_bytes((depot.settings.keyring / "2026-W48.key").read_bytes())
        assert "2026-W48b" in keyring.private_epochs(depot.ring)
        order = depot.request()
        house(depot)
        assert order.epoch == "2026-W48"
    with clock.at(MONDAY + 2 * DAY):
        house(depot)
        assert "2026-W48" in keyring.private_epochs(depot.ring)


def test_a_box_that_does_not_open_is_held_and_keeps_the_key_one_week_longer(
    depot: Depot, caplog: pytest.LogCaptureFixture
) -> None:
    with clock.at(MONDAY):
        house(depot)
        lot = depot.shelve()
        broken, whole = depot.allocated(), depot.request()
        broken.sealed = (broken.sealed or b"")[:-1] + bytes([(broken.sealed or b"")[-1] ^ 1])
        depot.session.commit()
    with clock.at(MONDAY + WEEK):
        house(depot)
        assert (broken.status, broken.note) == (Status.HELD, SealBroken.sentence)
        assert depot.balance(lot).reserved == 0
        assert whole.epoch == "2026-W49" and broken.epoch == "2026-W48"
    assert f"{broken.document}: SealBroken" in caplog.text
    assert said(depot, "2026-W48") == [("reseal", "1 boxes to 2026-W49, 1 could not be opened")]
    assert audit.count(depot.session, action=TAMPERED, subject=broken.document) == 1
    for weeks, here in ((3, True), (4, False)):
        with clock.at(MONDAY + weeks * WEEK):
            house(depot)
            assert ("2026-W48" in keyring.private_epochs(depot.ring)) is here
    assert broken.status == Status.HELD


@pytest.mark.parametrize("damage", ["proof", "lines", "secret"])
def test_a_box_that_opens_is_kept_though_its_row_or_our_secret_was_changed(depot: Depot, damage: str) -> None:
    with clock.at(MONDAY):
        house(depot)
        depot.shelve()
        order = depot.allocated()
        proof = order.proof
        if damage == "proof":
            proof = order.proof = bytes(32)
        elif damage == "lines":
            order.lines[0].quantity = 9
        else:
            depot.settings = replace(depot.settings, secret_key="another, after a break-in")
        depot.session.commit()
    for weeks in range(1, 6):
        with clock.at(MONDAY + weeks * WEEK):
            house(depot)
            assert (order.status, order.note, order.proof) == (Status.HELD, SealBroken.sentence, proof)
    assert order.epoch == "2026-W53" and not keyring.has_key(depot.ring, "2026-W48")
    assert b"Robin Example" in keyring.open_box(depot.ring, order.epoch, order.uid, order.sealed or b"")
    with pytest.raises(SealBroken):  # nothing is promised to it
        open_person(order, depot.keys)
    assert audit.count(depot.session, action=TAMPERED, subject=order.document) > 0
    subjects = depot.session.scalars(select(Message.subject)).all()
    assert "A sealed address was tampered with" in subjects


def test_after_an_outage_of_five_weeks_nothing_dies_at_once(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        order = depot.request()
    backup = order.epoch, order.uid, order.sealed or b""
    for later in (timedelta(), HOUR, DAY + HOUR, 14 * DAY - HOUR):
        with clock.at(MONDAY + 5 * WEEK + later):
            house(depot)
            assert order.epoch != backup[0] and b"Robin" in keyring.open_box(depot.ring, *backup)
    with clock.at(MONDAY + 7 * WEEK):
        house(depot)
        assert not keyring.has_key(depot.ring, backup[0])


def test_while_the_clock_leaps_nothing_dies_and_nothing_is_declined(depot: Depot) -> None:
    """Also no key that has been out of use for a day, and would have lived two weeks more."""
    for day in range(9):
        with clock.at(MONDAY + day * DAY):
            jobs.keep_house(depot.session, depot.settings)
    before = keyring.private_epochs(depot.ring)
    assert "2026-W48" in before and said(depot, "2026-W48")
    with clock.at(MONDAY + 9 * DAY):
        order = depot.request()
    for minutes in (0, 10, 90):
        with clock.at(MONDAY + 109 * DAY + timedelta(minutes=minutes)):
            jobs.keep_house(depot.session, depot.settings)
    depot.session.expire_all()
    assert set(before) <= set(keyring.private_epochs(depot.ring)) and order.status == Status.RECEIVED
    for day in range(9, 40):
        with clock.at(MONDAY + day * DAY):
            jobs.keep_house(depot.session, depot.settings)
            assert keyring.has_key(depot.ring, "2026-W48") is (day < 21), day  # as if nothing had been
    assert order.status == Status.RECEIVED


def test_no_key_gets_the_name_of_one_that_was_destroyed(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
    with clock.at(MONDAY + WEEK):
        house(depot)
    with clock.at(MONDAY + 3 * WEEK):
        house(depot)
    assert not keyring.has_key(depot.ring, "2026-W48")
    used, public = keyloss.used(depot.session, depot.settings.spool), PublicKeys.of(depot.settings)
    assert "2026-W48" in used
    depot.settings.public_keys.unlink()
    assert "2026-W48b" in keyring.make_keys(depot.ring, public, MONDAY.date(), used=used)  # a clock that went back
    assert keyring.replace_keys(depot.ring, public, MONDAY.date(), ["2026-W49"], used={"2026-W49b"}) == {
        "2026-W49": "2026-W49c"
    }


def test_a_box_stored_late_is_moved_when_it_comes(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        request = sealed(depot)
    with clock.at(MONDAY + WEEK):
        house(depot)
        intake.store(depot.session, request, secret=depot.settings.secret_key)
        depot.session.commit()
    order = depot.session.scalars(select(Order)).one()
    with clock.at(MONDAY + WEEK + HOUR):
        house(depot)
        assert order.epoch == "2026-W49" and open_person(order, depot.keys).name == "Robin Example"


def test_a_key_that_a_spooled_request_needs_stays(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        spool.keep(depot.settings.spool, sealed(depot))
    with clock.at(MONDAY + WEEK):
        house(depot)
    with clock.at(MONDAY + 4 * WEEK):
        house(depot)
        assert keyring.has_key(depot.ring, "2026-W48")
        jobs.drain_spool(depot.session, depot.settings)
        depot.settle()
        order = depot.session.scalars(select(Order)).one()
        assert order.epoch == "2026-W48" and order.status == Status.WAITING
    with clock.at(MONDAY + 4 * WEEK + HOUR):
        house(depot)  # past its latest day: moved first, then destroyed
        assert order.epoch == "2026-W52" and not keyring.has_key(depot.ring, "2026-W48")
        assert open_person(order, depot.keys).name == "Robin Example"


@pytest.mark.parametrize("name", ["2026-W49.tag.json", "of-the-version-before.json"])
def test_a_spool_file_that_cannot_be_read_keeps_its_own_key_for_six_weeks(depot: Depot, name: str) -> None:
    depot.settings.spool.mkdir()
    broken = depot.settings.spool / name
    broken.write_text('{"uid": ')
    utime(broken, ((MONDAY + WEEK).timestamp(),) * 2)
    for week in range(8):
        with clock.at(MONDAY + week * WEEK):
            house(depot)
            here = keyring.private_epochs(depot.ring)
    assert broken.exists() and here[:2] == ["2026-W49", "2026-W53"]  # 48, 50, 51 and 52 went as ever
    with clock.at(MONDAY + 8 * WEEK):
        house(depot)  # nobody mended it in six weeks: it goes, and with it what it kept
    assert not broken.exists() and keyring.private_epochs(depot.ring)[0] == "2027-W01"


def test_without_a_key_for_the_present_week_nothing_is_moved_or_destroyed(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
        order = depot.request()
    with clock.at(MONDAY + 9 * WEEK):
        depot.settings.public_keys.write_text("{}")
        with pytest.raises(Exception, match="not signed"):
            house(depot)
        depot.session.rollback()
    assert order.epoch == "2026-W48" and keyring.has_key(depot.ring, "2026-W48")


def test_with_the_copy_away_no_key_is_destroyed_and_the_record_does_not_say_so(depot: Depot, tmp_path: Path) -> None:
    away = keyring.Keyring(depot.settings.keyring, tmp_path / "away")
    with pytest.raises(keyring.CopyAway):
        shredding.destroy_key(depot.session, away, clock.week_of(clock.today()), at=clock.now())
    depot.session.rollback()
    assert keyring.has_key(depot.ring, clock.week_of(clock.today())) and said(depot, clock.week_of(clock.today())) == []


def test_the_line_of_a_key_that_died_just_before_a_crash_is_written_afterwards(depot: Depot) -> None:
    with clock.at(MONDAY):
        house(depot)
    with clock.at(MONDAY + WEEK):
        house(depot)
    keyring.destroy(depot.ring, "2026-W48")  # and the commit never came
    with clock.at(MONDAY + 3 * WEEK):
        house(depot)
        house(depot, HOUR)
    assert [action for action, _reason in said(depot, "2026-W48")] == ["reseal", "destroy key"]


class Killed(Exception):
    """The process died here."""


def test_killed_at_any_statement_nothing_becomes_unreadable(app: Flask, depot: Depot) -> None:
    """Housekeeping on the day when boxes move and a key dies, killed before its n-th statement, for every n."""
    with clock.at(MONDAY):
        house(depot)
        orders = [depot.request() for _ in range(3)]
    with clock.at(MONDAY + 2 * WEEK):
        jobs.keep_house(depot.session, depot.settings)
        depot.request()
    deaths = 0
    with clock.at(MONDAY + 4 * WEEK):
        for n in range(1, 500):
            with clock.at(clock.now() + n * HOUR):
                steady(depot)
                died = _run_and_die(depot, n)
                deaths += died
                depot.session.expire_all()
                for order in depot.session.scalars(select(Order)):
                    assert open_person(order, depot.keys).name == "Robin Example", n
            if not died:
                break
    assert deaths > 20 and len(orders) == 3
    assert keyring.private_epochs(depot.ring)[0] >= "2026-W50"
    destroyed = [subject for action, subject in actions(depot) if action == "destroy key"]
    assert len(destroyed) == len(set(destroyed)) and {"2026-W48", "2026-W49"} <= set(destroyed)
    assert audit.verify(depot.session).broken is None


def test_control_a_key_destroyed_before_its_boxes_move_is_seen(depot: Depot) -> None:
    order = depot.request()
    keyring.destroy(depot.ring, order.epoch)
    with pytest.raises(keyring.KeyGone):
        open_person(order, depot.keys)


@dataclass
class World:
    """An instance that lives on for some months; what was sealed in it, and where."""

    depot: Depot
    now: datetime = MONDAY
    boxes: list[tuple[str, Any, bytes]] = field(default_factory=list)  # epoch, order, box: as a backup would have them


STEPS = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 2)),
    st.tuples(st.just("spool"), st.just(1)),
    st.tuples(st.just("cancel"), st.integers(0, 9)),
    st.tuples(st.just("erase"), st.integers(0, 9)),
    st.tuples(st.just("replace"), st.just(0)),
    st.tuples(st.just("hours"), st.integers(1, 30)),
    st.tuples(st.just("days"), st.integers(1, 9)),
)


@pytest.mark.usefixtures("app")
def test_whatever_happens_keys_live_as_long_as_a_box_needs_them_and_no_longer(depot: Depot) -> None:
    """Some hundred steps in the life of an instance, drawn anew each run; the clock only goes forward."""
    home = depot.settings.instance

    @run_with(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(st.lists(STEPS, min_size=20, max_size=40))
    def live(steps: list[tuple[str, int]]) -> None:
        with TemporaryDirectory(dir=home) as folder:
            depot.settings = _fresh(depot, Path(folder))
            world = World(depot)
            for what, how in steps:
                with clock.at(world.now):
                    _step(world, what, how)

    live()


def _step(world: World, what: str, how: int) -> None:
    depot = world.depot
    if what in ("hours", "days"):
        world.now += timedelta(**{what: how})
        with clock.at(world.now):
            jobs.drain_spool(depot.session, depot.settings)
            house(depot)
            _check(world)
        return
    orders = depot.session.scalars(select(Order).where(Order.erased_on.is_(None)).order_by(Order.id)).all()
    if what == "ask":
        for _ in range(how):
            depot.request()
    elif what == "spool":
        spool.keep(depot.settings.spool, sealed(depot))
    elif what == "replace":
        keyring.replace_keys(depot.ring, PublicKeys.of(depot.settings), clock.today())
    elif orders:
        order = orders[how % len(orders)]
        if what == "erase":
            retention.erase(depot.session, order, at=clock.now())
        elif order.closed_on is None:
            workflow.cancel(depot.session, order, by="participant", at=clock.now())
    depot.session.commit()
    boxes = select(Order.epoch, Order.uid, Order.sealed).where(Order.sealed.is_not(None))
    world.boxes += [(epoch, uid, box or b"") for epoch, uid, box in depot.session.execute(boxes).all()]


def _check(world: World) -> None:
    depot, here = world.depot, keyring.private_epochs(world.depot.ring)
    for order in depot.session.scalars(select(Order).where(Order.sealed.is_not(None))):
        assert open_person(order, depot.keys).name == "Robin Example"
        assert order.epoch[:8] == clock.week_of(world.now.date())
    assert (spool.epochs(depot.settings.spool) or set()) <= set(here)
    # Steps are up to nine days apart: so late it may be seen that a week is over, and then that a key is due.
    oldest = clock.week_of((world.now - 2 * WEEK - 19 * DAY).date())
    assert all(epoch >= oldest for epoch in here), (here, world.now)
    for epoch, uid, box in world.boxes:  # what an old backup holds opens exactly while its key is here
        if epoch not in here:
            with pytest.raises(keyring.KeyGone):
                keyring.open_box(depot.ring, epoch, uid, box)


def _fresh(depot: Depot, folder: Path) -> Any:
    for table in ("instructions", "households", "lines", "orders", "slots", "audit_entries", "movements"):
        if table in db.metadata.tables:
            depot.session.execute(db.metadata.tables[table].delete())
    depot.session.commit()
    fresh = replace(depot.settings, instance=folder / "instance", keyring_secret="of no value")
    with clock.at(MONDAY):
        keyring.make_keys(keyring.Keyring.of(fresh), PublicKeys.of(fresh), clock.today())
    return fresh


def _run_and_die(depot: Depot, n: int) -> bool:
    """Run housekeeping, and die before its n-th statement, commit, or destruction of a key."""
    left = n

    def tick(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Killed

    destroy = keyring.destroy

    def dying_destroy(*arguments: Any) -> bool:
        tick()
        done = destroy(*arguments)
        tick()
        return done

    with _listening(tick), patch.object(keyring, "destroy", dying_destroy):
        try:
            jobs.keep_house(depot.session, depot.settings)
        except Killed:
            depot.session.rollback()
    return left <= 0  # also where a job took it for one bad record, and went on


@contextmanager
def _listening(tick: Any) -> Iterator[None]:
    event.listen(db.engine, "before_cursor_execute", tick)
    event.listen(db.engine, "commit", tick)
    try:
        yield
    finally:
        event.remove(db.engine, "before_cursor_execute", tick)
        event.remove(db.engine, "commit", tick)


def house(depot: Depot, later: timedelta = timedelta()) -> None:
    """The housekeeping of this hour, after a day on which the scheduler ran."""
    with clock.at(clock.now() + later):
        steady(depot)
        jobs.keep_house(depot.session, depot.settings)
    depot.session.expire_all()


def steady(depot: Depot) -> None:
    """The scheduler ran all day before, and its clock did not leap."""
    for job in ("clock seen", "clock steady since"):
        depot.session.merge(slots.Slot(job=job, at=clock.now() - DAY))
    depot.session.commit()


def sealed(depot: Depot) -> intake.SealedRequest:
    """Robin Example asks; not stored yet."""
    return intake.seal_request(
        depot.settings,
        nonce=secrets.token_bytes(16),
        wanted={"naloxone-nasal": 1},
        person=intake.Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215"),
        ruleset_id=None,
        decision=None,
        now=clock.now(),
    )


def said(depot: Depot, epoch: str) -> list[tuple[str, str]]:
    """What the audit record says of an epoch."""
    query = select(AuditEntry.action, AuditEntry.reason).where(AuditEntry.subject == epoch).order_by(AuditEntry.id)
    return [(first, second) for first, second in depot.session.execute(query)]


def actions(depot: Depot) -> list[tuple[str, str]]:
    query = select(AuditEntry.action, AuditEntry.subject).order_by(AuditEntry.id)
    return [(first, second) for first, second in depot.session.execute(query)]


def row(depot: Depot, order: Order) -> dict[str, Any]:
    return dict(depot.session.execute(select(Order.__table__).where(Order.id == order.id)).mappings().one())

"""The scheduler: what it does, once, and what it says when something breaks."""

import json
import logging
import secrets
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit, clock, jobs, slots
from distro.config import Settings
from distro.keys import keylist, keyring, sealing
from distro.keys.keylist import PublicKeys
from orders.intake import proof_of
from orders.models import Order, Status
from tests.depot import Depot

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_slot_is_done_once(session: Session) -> None:
    assert slots.claim(session, "reorder", NOON)
    assert not slots.claim(session, "reorder", NOON)
    assert not slots.claim(session, "reorder", NOON - timedelta(minutes=15))
    assert slots.claim(session, "reorder", NOON + timedelta(minutes=15))


def test_a_slot_that_a_wrong_clock_left_in_the_future_stops_no_job(session: Session) -> None:
    assert slots.claim(session, "reorder", NOON + timedelta(days=400))
    assert slots.claim(session, "reorder", NOON) and not slots.claim(session, "reorder", NOON)
    assert slots.last(session, "reorder") == NOON
    assert slots.claim(session, "reorder", NOON + timedelta(days=1))
    assert not slots.claim(session, "reorder", NOON)  # the control: a day ahead is another zone, or another scheduler


def test_the_clock_is_steady_after_a_day_without_a_leap_or_a_rest(session: Session) -> None:
    hours = [0, 1, 20, 24, 40, 41 + 60 * 24, 42 + 60 * 24, 42, 60, 66, 66 + 25, 66 + 51]
    seen = [slots.is_steady(session, NOON + timedelta(hours=hour)) for hour in hours]
    assert seen == [False, False, False, True, True, False, False, False, False, True, True, False]


def test_a_job_that_fails_leaves_its_slot_free(session: Session) -> None:
    assert slots.claim(session, "reorder", NOON)
    session.rollback()
    assert slots.claim(session, "reorder", NOON)


def test_slots_begin_on_whole_quarters_of_an_hour() -> None:
    assert slots.slot_of(NOON + timedelta(minutes=14, seconds=59), 900) == NOON


def test_every_job_runs_on_an_empty_instance(app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    for job in jobs.JOBS:
        jobs.run_once(app, settings, job)
    assert caplog.records == []


def test_what_breaks_is_logged_without_its_message(
    app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(session: Session, settings: Settings) -> None:
        raise RuntimeError("Robin Example, 1 Sample St")

    with caplog.at_level(logging.DEBUG):
        jobs.run_once(app, settings, broken)
    assert "RuntimeError at test_jobs.py" in caplog.text and "Robin" not in caplog.text


def test_a_request_is_triaged_even_if_the_one_before_cannot_be_opened(depot: Depot) -> None:
    depot.shelve()
    broken, whole = depot.request(), depot.request()
    assert broken.sealed is not None
    broken.sealed = broken.sealed[:-1] + bytes([broken.sealed[-1] ^ 1])
    depot.session.commit()
    depot.settle()
    assert (broken.status, whole.status) == (Status.HELD, Status.ALLOCATED)
    assert "changed" in broken.note


def test_two_boxes_swapped_are_both_held(depot: Depot) -> None:
    depot.shelve()
    one, other = depot.request(), depot.request()
    one.sealed, other.sealed = other.sealed, one.sealed
    depot.session.commit()
    depot.settle()
    assert (one.status, other.status) == (Status.HELD, Status.HELD)


@pytest.mark.parametrize("text", [b"{}", b'{"name": "Robin Example", "shoe_size": 44}', b"[]", b"no JSON", b"\xff"])
def test_what_this_version_cannot_read_is_held_for_a_person(depot: Depot, text: bytes) -> None:
    depot.shelve()
    strange, whole = depot.request(), depot.request()
    reseal(depot, strange, text)
    depot.settle()
    assert (strange.status, whole.status) == (Status.HELD, Status.ALLOCATED)
    assert "Robin" not in strange.note


def test_one_request_that_breaks_triage_does_not_stop_the_others(
    depot: Depot, caplog: pytest.LogCaptureFixture
) -> None:
    depot.shelve()
    strange, whole = depot.request(), depot.request()
    person = {"name": "Robin Example", "line1": "1 Sample St", "line2": "", "city": "Sampleton", "state": "OH"}
    reseal(depot, strange, json.dumps({**person, "zip": 43215}).encode())  # a number where a text should be
    depot.settle()
    assert (strange.status, whole.status) == (Status.RECEIVED, Status.ALLOCATED)
    assert f"order {strange.id}: TypeError at" in caplog.text and "Robin" not in caplog.text


def test_two_schedulers_promise_each_unit_once(app: Flask, depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    lot = depot.shelve(quantity=8)
    for _ in range(16):
        depot.request()
    depot.session.commit()

    def schedule(_scheduler: int) -> None:
        for _ in range(3):
            jobs.run_once(app, depot.settings, jobs.check_requests)
            jobs.run_once(app, depot.settings, jobs.retry_waiting)

    with ThreadPoolExecutor(2) as schedulers:
        list(schedulers.map(schedule, range(2)))
    assert depot.balance(lot).reserved == 8
    found = depot.session.scalars(select(Order)).all()
    assert Counter(order.status for order in found) == {Status.ALLOCATED: 8, Status.WAITING: 8}
    assert {len(order.allocations) for order in found if order.status == Status.WAITING} == {0}
    assert caplog.records == []


def test_with_its_week_s_key_destroyed_a_request_is_kept_for_a_person(depot: Depot) -> None:
    order = depot.request()
    keyring.destroy(depot.ring, order.epoch)
    audit.record(depot.session, actor="system", action="destroy key", subject=order.epoch, at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.HELD and "key" in order.note


@pytest.mark.parametrize("damage", [None, b"", b"cut"])
def test_with_its_week_s_key_lost_a_request_waits_for_it(
    depot: Depot, caplog: pytest.LogCaptureFixture, damage: bytes | None
) -> None:
    depot.shelve()
    lost, whole = depot.request(), next_week(depot)
    path = depot.settings.keyring / f"{lost.epoch}.key"
    key = path.read_bytes()
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    depot.settle()
    depot.settle()
    assert (lost.status, whole.status) == (Status.RECEIVED, Status.ALLOCATED)
    assert caplog.text.count(f"no private key for {lost.epoch}") == 1  # told, but not every second
    path.write_bytes(key)
    depot.settle()
    assert lost.status == Status.ALLOCATED


def test_requests_that_wait_for_a_lost_key_do_not_crowd_out_the_others(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "AT_ONCE", 1)
    depot.shelve()
    lost = [depot.request() for _ in range(3)]
    (depot.settings.keyring / f"{lost[0].epoch}.key").unlink()
    whole = next_week(depot)
    depot.settle()
    assert whole.status == Status.ALLOCATED


def test_a_published_week_that_nobody_could_open_is_told(depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    jobs.keep_house(depot.session, depot.settings)
    assert caplog.records == []
    (depot.settings.keyring / f"{clock.week_of(clock.today() + timedelta(weeks=2))}.key").unlink()
    jobs.keep_house(depot.session, depot.settings)
    assert "The private key of" in caplog.text and "is lost" in caplog.text


def test_housekeeping_finds_the_spool_already_drained() -> None:
    order = list(jobs.JOBS)
    assert order.index(jobs.drain_spool) < order.index(jobs.keep_house)


def test_without_any_keyring_requests_stay_as_they_came(depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    order = depot.request()
    depot.settings.keyring.rename(depot.settings.instance / "away")
    depot.settle()
    assert {order.status} == {Status.RECEIVED} and "no private key" in caplog.text
    (depot.settings.instance / "away").rename(depot.settings.keyring)
    depot.settle()
    assert order.status == Status.WAITING


def test_without_live_rules_requests_wait(app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with clock.at(clock.now()):
        jobs.run_once(app, settings, jobs.check_requests)
    assert caplog.records == []


def reseal(depot: Depot, order: Order, text: bytes) -> None:
    """Another text for the order's person, as intake would seal it."""
    _epoch, key = keylist.today(PublicKeys.of(depot.settings), order.received_on)
    order.sealed = sealing.seal(key, order.epoch, order.uid, text)
    order.proof = proof_of(depot.settings.secret_key, order, order.sealed)
    depot.session.commit()


def next_week(depot: Depot) -> Order:
    with clock.at(clock.now() + timedelta(weeks=1)):
        return depot.request(nonce=secrets.token_bytes(16))

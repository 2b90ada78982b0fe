"""The scheduler: what it does, once, and what it says when something breaks."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from distro import clock, jobs, keyring, slots
from distro.config import Settings
from orders.models import Status
from tests.depot import Depot

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_slot_is_done_once(session: Session) -> None:
    assert slots.claim(session, "reorder", NOON)
    assert not slots.claim(session, "reorder", NOON)
    assert not slots.claim(session, "reorder", NOON - timedelta(minutes=15))
    assert slots.claim(session, "reorder", NOON + timedelta(minutes=15))


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


def test_without_the_keyring_a_request_is_kept_for_a_person(depot: Depot) -> None:
    order = depot.request()
    keyring.destroy(depot.settings.keyring, order.epoch)
    depot.settle()
    assert order.status == Status.HELD and "key" in order.note


def test_without_any_keyring_requests_stay_as_they_came(depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    order = depot.request()
    depot.settings.keyring.rename(depot.settings.instance / "away")
    depot.settle()
    assert order.status == Status.RECEIVED and "no private key" in caplog.text
    (depot.settings.instance / "away").rename(depot.settings.keyring)
    depot.settle()
    assert order.status == Status.WAITING


def test_without_live_rules_requests_wait(app: Flask, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with clock.at(clock.now()):
        jobs.run_once(app, settings, jobs.check_requests)
    assert caplog.records == []

"""A request is stored once, whatever happens to the database meanwhile."""

import secrets
from dataclasses import replace
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import func, select

from distro import clock, jobs, keyring
from distro.config import Settings
from distro.db import db
from distro.errors import Unavailable
from orders import intake, spool
from orders.intake import Person, SealedRequest
from orders.models import Order, Status
from tests.depot import Depot

ROBIN = Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215", email="robin@example.org", at_least=18)


def sealed(settings: Settings, nonce: bytes = b"sixteen bytes 16") -> SealedRequest:
    return intake.seal_request(
        settings,
        nonce=nonce,
        wanted={"naloxone-nasal": 2},
        person=ROBIN,
        ruleset_id=None,
        decision=None,
        now=clock.now(),
    )


def orders(depot: Depot) -> int:
    return depot.session.scalar(select(func.count()).select_from(Order)) or 0


def test_it_is_stored_sealed_and_opens_again(depot: Depot) -> None:
    assert intake.store(depot.session, sealed(depot.settings))
    order = depot.session.scalars(select(Order)).one()
    assert order.status == Status.RECEIVED and [line.quantity for line in order.lines] == [2]
    assert order.sealed is not None and b"Robin" not in order.sealed
    text = keyring.open_box(depot.settings.keyring, order.epoch, order.uid, order.sealed)
    assert Person.from_text(text) == ROBIN


def test_one_form_is_one_order(depot: Depot) -> None:
    assert intake.store(depot.session, sealed(depot.settings))
    assert not intake.store(depot.session, sealed(depot.settings))
    depot.session.commit()
    assert orders(depot) == 1


def test_one_form_sent_by_eight_at_once_is_one_order(app: Flask, depot: Depot) -> None:
    stored: list[bool] = []

    def send() -> None:
        with app.app_context():
            stored.append(intake.store(db.session(), sealed(depot.settings)))
            db.session.commit()
            db.session.remove()

    depot.session.commit()
    threads = [Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stored) == [False] * 7 + [True]
    assert orders(depot) == 1


def test_without_this_week_s_key_nothing_is_taken(depot: Depot, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        sealed(replace(depot.settings, instance=tmp_path / "elsewhere"))


def test_what_was_spooled_is_stored_once_by_the_scheduler(depot: Depot) -> None:
    request = sealed(depot.settings)
    spool.keep(depot.settings.spool, request)
    spool.keep(depot.settings.spool, sealed(depot.settings))  # sent again: the same form
    spool.keep(depot.settings.spool, sealed(depot.settings, secrets.token_bytes(16)))
    assert len(list(depot.settings.spool.iterdir())) == 2
    jobs.drain_spool(depot.session, depot.settings)
    assert orders(depot) == 2 and list(depot.settings.spool.iterdir()) == []
    spool.keep(depot.settings.spool, request)  # a crash between commit and unlink leaves the file
    jobs.drain_spool(depot.session, depot.settings)
    assert orders(depot) == 2


def test_a_broken_spool_file_is_left_for_a_person_and_stops_nothing(depot: Depot) -> None:
    spool.keep(depot.settings.spool, sealed(depot.settings))
    broken = depot.settings.spool / "broken.json"
    broken.write_text('{"uid": ')
    jobs.drain_spool(depot.session, depot.settings)
    assert orders(depot) == 1 and list(depot.settings.spool.iterdir()) == [broken]


def test_a_spool_that_cannot_be_written_takes_nothing(depot: Depot) -> None:
    depot.settings.spool.write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        spool.keep(depot.settings.spool, sealed(depot.settings))

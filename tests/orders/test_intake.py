"""A request is stored once, whatever happens to the database meanwhile."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.config import Settings
from distro.db import db
from distro.errors import Unavailable
from distro.keys import keyring
from orders import identity, intake, replykey, spool
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


def store(depot: Depot, request: SealedRequest) -> bool:
    return intake.store(depot.session, request, secret=depot.settings.secret_key)


def orders(depot: Depot) -> int:
    return depot.session.scalar(select(func.count()).select_from(Order)) or 0


def test_it_is_stored_sealed_and_opens_again(depot: Depot) -> None:
    assert store(depot, sealed(depot.settings))
    order = depot.session.scalars(select(Order)).one()
    assert order.status == Status.RECEIVED and [line.quantity for line in order.lines] == [2]
    assert order.sealed is not None and b"Robin" not in order.sealed
    text = keyring.open_box(depot.ring, order.epoch, order.uid, order.sealed)
    person = Person.from_text(text)
    code = depot.code_of(b"sixteen bytes 16")
    assert person.reply_key == replykey.reply_public(depot.settings.secret_key, code)
    assert replace(person, reply_key="") == ROBIN


def test_one_form_is_one_order(depot: Depot) -> None:
    assert store(depot, sealed(depot.settings))
    assert not store(depot, sealed(depot.settings))
    depot.session.commit()
    assert orders(depot) == 1


def test_one_form_sent_by_eight_at_once_is_one_order(app: Flask, depot: Depot) -> None:
    stored: list[bool] = []

    def send() -> None:
        with app.app_context():
            stored.append(intake.store(db.session(), sealed(depot.settings), secret=depot.settings.secret_key))
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


def test_a_number_that_is_taken_is_drawn_again(depot: Depot) -> None:
    first = sealed(depot.settings)
    second = replace(sealed(depot.settings, secrets.token_bytes(16)), number=first.number)
    assert store(depot, first) and store(depot, second)
    depot.session.commit()
    numbers = set(depot.session.scalars(select(Order.number)))
    assert len(numbers) == 2 and first.number in numbers
    for order in depot.session.scalars(select(Order)):  # the new number is proven too
        assert replace(identity.open_person(order, depot.keys), reply_key="") == ROBIN


def test_what_an_older_version_spooled_is_proven_when_it_is_stored(depot: Depot) -> None:
    """No proof, no flags and no tag of the change token; our own disk is believed. A wrong proof is not."""
    depot.shelve(quantity=10)
    old = asdict(sealed(depot.settings))
    for name in ("flags", "proof", "change_tag"):
        del old[name]
    forged = replace(sealed(depot.settings, secrets.token_bytes(16)), state="MN")
    depot.settings.spool.mkdir()
    (depot.settings.spool / "old.json").write_text(json.dumps(old))
    (depot.settings.spool / "forged.json").write_text(json.dumps(asdict(forged)))
    jobs.drain_spool(depot.session, depot.settings)
    depot.settle()
    found = {order.number: order for order in depot.session.scalars(select(Order))}
    assert found[old["number"]].status == Status.ALLOCATED and found[old["number"]].change_tag is None
    assert found[forged.number].status == Status.HELD


def test_any_other_clash_is_never_taken_for_stored(depot: Depot) -> None:
    first = sealed(depot.settings)
    store(depot, first)
    depot.session.commit()
    other = sealed(depot.settings, secrets.token_bytes(16))
    for clash in (replace(other, uid=first.uid), replace(other, code_tag=first.code_tag)):
        with pytest.raises(IntegrityError):
            store(depot, clash)
        depot.session.rollback()
    assert orders(depot) == 1


STRANGE = [
    {"uid": "no id"},
    {"received_on": "yesterday"},
    {"sealed": "=", "code_tag": "x"},
    {"wanted": {"no-such-item": 1}},
    {"wanted": None},
    {"state": None},
    {"number": 5, "epoch": {}},
]


@pytest.mark.parametrize("strange", STRANGE)
def test_a_spool_file_that_cannot_be_stored_stays_and_stops_nothing(
    depot: Depot, caplog: pytest.LogCaptureFixture, strange: dict[str, Any]
) -> None:
    depot.session.commit()
    spool.keep(depot.settings.spool, replace(sealed(depot.settings, secrets.token_bytes(16)), **strange))
    (bad,) = depot.settings.spool.iterdir()
    spool.keep(depot.settings.spool, sealed(depot.settings))
    jobs.drain_spool(depot.session, depot.settings)
    assert orders(depot) == 1 and list(depot.settings.spool.iterdir()) == [bad]
    assert "stays for a person" in caplog.text and bad.name[:12] in caplog.text


def test_with_the_database_away_the_run_ends_and_the_spool_is_left(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        spool.keep(settings.spool, sealed(settings, secrets.token_bytes(16)))
    away = Session(create_engine(f"sqlite:///{tmp_path / 'nowhere' / 'distro.sqlite3'}"))
    with away, pytest.raises(OperationalError):
        jobs.drain_spool(away, settings)
    assert len(list(settings.spool.iterdir())) == 2 and caplog.records == []


def test_one_form_spooled_by_many_at_once_is_kept_by_all(depot: Depot) -> None:
    requests = [sealed(depot.settings) for _ in range(32)]
    with ThreadPoolExecutor(8) as visitors:
        list(visitors.map(lambda request: spool.keep(depot.settings.spool, request), requests))
    assert len(list(depot.settings.spool.iterdir())) == 1
    jobs.drain_spool(depot.session, depot.settings)
    assert orders(depot) == 1


def test_a_box_of_another_version_is_refused_without_a_word_of_it() -> None:
    for text in (b"", b"[]", b"{}", json.dumps({"name": "Robin Example", "shoe_size": 44}).encode()):
        with pytest.raises(intake.PersonUnreadable) as refused:
            Person.from_text(text)
        assert "Robin" not in str(refused.value) and refused.value.__suppress_context__

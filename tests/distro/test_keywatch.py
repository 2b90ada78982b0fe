"""Keys are made ahead by the scheduler, and what is wrong with them is told: log, mail once a day, first page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import audit, clock, jobs
from distro.config import Settings
from distro.keys import keylist, keyring, keywatch
from distro.keys.keylist import PublicKeys
from distro.outbox import Message
from orders.models import Status
from tests.depot import Depot, sign_in


def mails(depot: Depot) -> list[Message]:
    depot.session.expire_all()
    return list(depot.session.scalars(select(Message).where(Message.subject.contains("keys"))))


def lose(settings: Settings, weeks: int) -> None:
    (settings.keyring / f"{clock.week_of(clock.today() + timedelta(weeks=weeks))}.key").unlink()


def test_the_scheduler_keeps_six_weeks_ahead_each_on_record(depot: Depot, caplog: pytest.LogCaptureFixture) -> None:
    for weeks in range(1, 9):
        with clock.at(clock.now() + timedelta(weeks=weeks)):
            jobs.keep_house(depot.session, depot.settings)
            week = clock.week_of(clock.today() + timedelta(weeks=keyring.WEEKS_AHEAD))
            assert keylist.read(PublicKeys.of(depot.settings)).weeks_ahead(clock.today()) == keyring.WEEKS_AHEAD
            assert audit.count(depot.session, action="make key", subject=week) == 1
    assert mails(depot) == [] and "keys:" not in caplog.text


HARMS: dict[str, tuple[Callable[[Settings], None], str]] = {
    "a key lost": (lambda settings: lose(settings, 2), "is lost, damaged"),
    "root lost": (lambda settings: (settings.keyring / "root.key").unlink(), "is not in the keyring"),
    "root damaged": (lambda settings: (settings.keyring / "root.key").write_bytes(b"cut"), "root.key is damaged"),
    "another pin": (lambda settings: (settings.root_pub.write_text("x"), None)[1], "is not the pinned one"),
    "list damaged": (lambda settings: (settings.public_keys.write_bytes(b"{"), None)[1], "is not signed"),
    "secret gone": (lambda settings: (settings.instance / "keyring.secret").unlink(), "cannot be unlocked"),
    "keyring away": (lambda settings: (settings.keyring.rename(settings.instance / "away"), None)[1], "is not in the"),
    "file modes": (lambda settings: (settings.keyring / "root.key").chmod(0o644), "may be read by others"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_is_wrong_is_told_once_a_day_and_the_rest_goes_on(
    app: Flask, depot: Depot, client: FlaskClient, caplog: pytest.LogCaptureFixture, harm: str
) -> None:
    act, words = HARMS[harm]
    act(depot.settings)
    for _ in range(3):
        jobs.run_once(app, depot.settings, jobs.keep_house)
    assert words in caplog.text
    (mail,) = mails(depot)
    assert mail.to == "admin@example.org" and words in mail.body and "docs/keys.md" in mail.body
    with clock.at(clock.now() + timedelta(days=1)):
        keywatch.tend(depot.session, depot.settings, at=clock.now())
        depot.session.commit()
    assert len(mails(depot)) == 2
    sign_in(client, "manager")
    assert words in client.get("/manage").text


def test_fewer_than_four_weeks_ahead_is_an_alarm(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "admin")
    assert "Keys:" not in client.get("/manage").text
    with clock.at(clock.now() + timedelta(weeks=2)):  # the scheduler was off: 4 weeks left
        sign_in(client, "admin")
        assert client.get("/readyz").get_json()["weeks_ahead"] == 4
        assert "Keys:" not in client.get("/manage").text
    with clock.at(clock.now() + timedelta(weeks=3)):
        sign_in(client, "admin")
        assert client.get("/readyz").get_json()["weeks_ahead"] == 3
        assert "Keys reach 3 weeks ahead" in client.get("/manage").text
        jobs.keep_house(depot.session, depot.settings)
        assert "Keys:" not in client.get("/manage").text and mails(depot) == []


def test_while_the_copy_is_away_keys_run_out_loudly_and_requests_go_on(depot: Depot) -> None:
    copy = depot.settings.instance / "copy"
    settings = Settings(**{**depot.settings.__dict__, "keyring_copy": copy})
    with clock.at(clock.now() + timedelta(weeks=3)):
        jobs.keep_house(depot.session, settings)
        (mail,) = mails(depot)
        assert "copy at" in mail.body and "Keys reach 3 weeks ahead" in mail.body
        order = depot.request()
        jobs.check_requests(depot.session, settings)
        depot.session.expire_all()
        assert order.status == Status.RECEIVED  # no pepper could be made for its week; it waits


def test_while_the_secret_is_wrong_requests_wait_and_none_is_held_or_declined(
    depot: Depot, caplog: pytest.LogCaptureFixture
) -> None:
    depot.shelve()
    packed, order = depot.allocated(), depot.request(name="Jordan Sample", line1="2 Sample St")
    wrong = Settings(**{**depot.settings.__dict__, "keyring_secret": "not the right one"})
    jobs.check_requests(depot.session, wrong)
    jobs.retry_waiting(depot.session, wrong)
    jobs.keep_house(depot.session, wrong)
    depot.session.expire_all()
    assert (order.status, packed.status) == (Status.RECEIVED, Status.ALLOCATED)
    assert "cannot be unlocked" in caplog.text and "not the right one" not in caplog.text
    depot.settle()
    assert order.status == Status.ALLOCATED

"""`SECRET_KEY` is changed while requests are open: nobody's code dies, no row is lost, and what is forged shows."""

from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import audit, clock, jobs
from distro.config import Settings
from orders import codes, reprove, retention
from orders.identity import Keys, is_proven
from orders.models import Order, Status
from tests.conftest import Cli
from tests.depot import Depot

NONCE = b"0123456789abcdef"
NEW = "the secret after the change, of no value"


@pytest.fixture
def changed(depot: Depot, app: Flask) -> Depot:
    """The depot after the change, with the secret of before still believed."""
    return change(depot, app, old=depot.settings.secret_key)


def step_of(order: Order) -> str:
    return order.status


def change(depot: Depot, app: Flask, old: str) -> Depot:
    settings: Settings = replace(depot.settings, secret_key=NEW, secret_key_old=old)
    app.config["SETTINGS"] = settings
    return Depot(depot.session, settings)


def test_what_was_asked_before_goes_on_by_its_code(depot: Depot, app: Flask, client: FlaskClient) -> None:
    depot.shelve()
    order, code = depot.request(nonce=NONCE), depot.code_of(NONCE)
    changed = change(depot, app, old=depot.settings.secret_key)
    changed.settle()
    assert step_of(order) == Status.ALLOCATED
    assert client.post("/status", data={"code": code}).status_code == 200
    client.post("/cancel", data={"code": code, "yes": "1"})
    jobs.follow_instructions(changed.session, changed.settings)
    depot.session.expire_all()
    assert step_of(order) == Status.CANCELLED


def test_control_without_the_old_secret_the_code_is_unknown_and_the_row_not_ours(
    depot: Depot, app: Flask, client: FlaskClient
) -> None:
    order, code = depot.request(nonce=NONCE), depot.code_of(NONCE)
    change(depot, app, old="").settle()
    assert order.status == Status.HELD and audit.count(depot.session, action="seal broken", subject=order.document)
    assert client.post("/status", data={"code": code}).status_code == 404


def test_what_is_asked_afterwards_needs_no_old_secret(changed: Depot, app: Flask, client: FlaskClient) -> None:
    order = changed.request(nonce=NONCE)
    change(changed, app, old="")
    assert order.sealed is not None and is_proven(order, Keys(changed.ring, NEW), order.sealed)
    assert client.post("/status", data={"code": codes.claim_code(NEW, NONCE)}).status_code == 200


def test_rows_are_proven_anew_and_what_fits_neither_is_named(depot: Depot, cli: Cli) -> None:
    good, bad, erased = depot.request(nonce=NONCE), depot.request(), depot.request()
    retention.erase(depot.session, erased, at=clock.now())
    bad.number = "7K3M9QXB"
    depot.session.commit()
    both = {"SECRET_KEY": NEW, "SECRET_KEY_OLD": depot.settings.secret_key}
    told = cli("orders", "reprove", "--by", "admin", env=both)
    assert told.returncode == 1 and "Proven anew: 1." in told.stdout and "7K3M9QXB fits neither" in told.stdout
    assert "Keep SECRET_KEY_OLD: 2 orders" in told.stdout and "2 are open" in told.stdout
    depot.session.expire_all()
    assert good.sealed is not None and is_proven(good, Keys(depot.ring, NEW), good.sealed)
    assert not is_proven(good, depot.keys, good.sealed)
    assert bad.sealed is not None and not is_proven(bad, Keys(depot.ring, NEW, both["SECRET_KEY_OLD"]), bad.sealed)
    again = cli("orders", "reprove", "--by", "admin", env=both)
    assert (
        "Proven anew: 0." in again.stdout and audit.count(depot.session, action=reprove.REPROVE, subject="orders") == 1
    )


def test_it_says_when_the_old_secret_may_go(depot: Depot, cli: Cli) -> None:
    order = depot.request()
    both = {"SECRET_KEY": NEW, "SECRET_KEY_OLD": depot.settings.secret_key}
    assert "Keep SECRET_KEY_OLD: 1 orders" in cli("orders", "reprove", env=both).stdout
    order.status, order.closed_on = Status.CANCELLED, clock.today()
    depot.session.commit()
    day = clock.today() + retention.KEEP_AFTER_STOPPING
    assert f"closed and erased by {day}" in cli("orders", "reprove", env=both).stdout
    retention.erase(depot.session, order, at=clock.now())
    depot.session.commit()
    assert "SECRET_KEY_OLD may be removed" in cli("orders", "reprove", env=both).stdout


def test_many_rows_are_proven_in_several_transactions(depot: Depot, monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    for _ in range(5):
        depot.request()
    monkeypatch.setattr(reprove, "AT_ONCE", 2)
    told = cli("orders", "reprove", env={"SECRET_KEY": NEW, "SECRET_KEY_OLD": depot.settings.secret_key})
    assert told.returncode == 0 and "Proven anew: 5." in told.stdout
    depot.session.expire_all()
    keys = Keys(depot.ring, NEW)
    assert all(is_proven(order, keys, order.sealed or b"") for order in depot.session.scalars(select(Order)))

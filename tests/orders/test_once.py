"""One form, one order, one code: double clicks, the back button, old and forged forms, and a database that is away."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, event, select
from sqlalchemy.exc import IntegrityError

from distro import clock, jobs
from distro.config import Settings
from distro.db import db
from orders import codes, spool
from orders.models import Order, Status
from tests.depot import Depot
from tests.orders.forms import code_in, fields, filled


def test_sending_twice_stores_one_order_and_shows_the_same_code(client: FlaskClient, depot: Depot) -> None:
    form = filled(client)
    first, second = client.post("/done", data=form), client.post("/done", data=form)
    assert first.status_code == second.status_code == 200
    assert code_in(first) == code_in(second)
    assert "sent more than once" in second.text and "sent more than once" not in first.text
    assert "the first one counts" in second.text and "Did you change the address since?" in second.text
    correct = second.text.split('action="/correct"')[1].split("</form>")[0]
    assert f'name="code" value="{code_in(first)}"' in correct
    assert "Where should it go instead?" in client.post("/correct", data={"code": code_in(first)}).text
    assert len(depot.session.scalars(select(Order)).all()) == 1


def test_going_back_and_sending_again_keeps_one_order(client: FlaskClient, depot: Depot) -> None:
    form = filled(client)
    code = code_in(client.post("/done", data=form))
    page = client.post("/check", data=form)
    spanish = code_in(client.post("/es/done", data=fields(page.text)))
    assert spanish != code and codes.clean_code(spanish) == codes.clean_code(code)
    assert len(depot.session.scalars(select(Order)).all()) == 1


def test_a_new_form_is_a_new_request(client: FlaskClient, depot: Depot) -> None:
    codes = {code_in(client.post("/done", data=filled(client))) for _ in range(2)}
    assert len(codes) == 2 and len(depot.session.scalars(select(Order)).all()) == 2


def test_an_old_form_is_shown_again_with_everything_kept(client: FlaskClient, depot: Depot) -> None:
    with clock.at(clock.now() - timedelta(hours=7)):
        form = filled(client)
    page = client.post("/done", data=form)
    assert page.status_code == 422 and "open for a long time" in page.text and "<title>Error:" in page.text
    assert not depot.session.scalars(select(Order)).all()
    renewed = fields(page.text)
    assert renewed["form"] != form["form"] and renewed["line1"] == "1 Sample St"
    assert code_in(client.post("/done", data=renewed))


def test_an_old_form_that_was_sent_before_shows_its_code_again(client: FlaskClient, depot: Depot) -> None:
    form = filled(client)
    code = code_in(client.post("/done", data=form))
    with clock.at(clock.now() + timedelta(hours=7)):
        assert code_in(client.post("/done", data=form)) == code


@pytest.mark.parametrize("token", ["", "x", "A" * 55, "😀", "x" * 10_000])
def test_a_form_that_is_not_ours_stores_nothing_and_keeps_everything(
    client: FlaskClient, depot: Depot, token: str
) -> None:
    page = client.post("/done", data=filled(client, form=token))
    assert page.status_code == 422 and "could not read this page" in page.text
    assert not depot.session.scalars(select(Order)).all()
    assert code_in(client.post("/done", data=fields(page.text)))


@pytest.mark.usefixtures("short_waits")
def test_with_the_database_locked_the_request_is_spooled_and_has_the_same_code(
    client: FlaskClient, depot: Depot, settings: Settings
) -> None:
    form = filled(client)
    with _locked(settings.database_url):
        first, second = client.post("/done", data=form), client.post("/done", data=form)
        assert first.status_code == 200 and code_in(first) == code_in(second)
    (kept,) = spool.waiting(settings.spool)
    assert kept[1].wanted == {"naloxone-nasal": 2} and kept[1].decision is None
    assert b"Robin" not in kept[0].read_bytes()
    news = client.post("/status", data={"code": code_in(first)})
    assert news.status_code == 200 and "We have your request" in news.text
    for path in ("/cancel", "/erase", "/correct", "/message", "/lost"):
        soon = client.post(path, data={"code": code_in(first)})
        assert soon.status_code == 409 and "still storing it" in soon.text and "some weeks after" not in soon.text
    assert code_in(client.post("/done", data=form)) == code_in(first)  # the database is back
    assert len(depot.session.scalars(select(Order)).all()) == 1


@pytest.mark.usefixtures("short_waits")
def test_more_than_may_be_asked_for_is_spooled_and_goes_to_a_person(
    client: FlaskClient, depot: Depot, settings: Settings
) -> None:
    depot.shelve(quantity=200)
    depot.session.commit()
    form = filled(client, **{"many-naloxone-nasal": "99"})
    assert client.post("/done", data=form).status_code == 422  # the control: with the tables it is told at once
    with _locked(settings.database_url):
        assert code_in(client.post("/done", data=form))
    jobs.drain_spool(depot.session, depot.settings)
    depot.settle()
    (order,) = depot.session.scalars(select(Order))
    assert (order.status, order.lines[0].quantity) == (Status.HELD, 99) and "may have 3" in order.note


@pytest.mark.usefixtures("short_waits")
def test_while_the_database_is_locked_bad_input_is_still_refused(
    client: FlaskClient, depot: Depot, settings: Settings
) -> None:
    form = filled(client, name="")
    with _locked(settings.database_url):
        page = client.post("/done", data=form)
    assert "claim-code" not in page.text and 'value="1 Sample St"' in page.text
    assert not list(spool.waiting(settings.spool))


@pytest.mark.usefixtures("short_waits")
def test_with_the_spool_full_too_nothing_is_promised(client: FlaskClient, depot: Depot, settings: Settings) -> None:
    form = filled(client)
    settings.spool.write_text("a file where the folder should be")
    with _locked(settings.database_url):
        page = client.post("/done", data=form)
    assert page.status_code == 503 and "Nothing was stored" in page.text and "claim-code" not in page.text
    assert 'value="1 Sample St"' in page.text


def test_with_the_database_read_only_the_request_is_spooled(
    client: FlaskClient, depot: Depot, settings: Settings
) -> None:
    form = filled(client)
    with _read_only(settings.database_url):
        page = client.post("/done", data=form)
    assert page.status_code == 200 and code_in(page)
    assert len(list(spool.waiting(settings.spool))) == 1 and not depot.session.scalars(select(Order)).all()


def test_what_would_never_be_stored_is_not_spooled(client: FlaskClient, depot: Depot, settings: Settings) -> None:
    form = filled(client)

    def refuse(*_: object) -> None:
        raise IntegrityError("INSERT", {}, ValueError())

    event.listen(db.engine, "before_cursor_execute", refuse)
    page = client.post("/done", data=form)
    event.remove(db.engine, "before_cursor_execute", refuse)
    assert page.status_code == 503 and 'value="1 Sample St"' in page.text
    assert not list(spool.waiting(settings.spool))


def test_without_a_key_for_the_week_nothing_is_stored(client: FlaskClient, depot: Depot, settings: Settings) -> None:
    form = filled(client)
    settings.public_keys.unlink()
    page = client.post("/es/done", data=form)
    assert page.status_code == 503 and "No se guardó nada" in page.text and 'value="Robin Example"' in page.text
    assert not depot.session.scalars(select(Order)).all() and not list(spool.waiting(settings.spool))


def test_a_public_process_needs_no_private_key(client: FlaskClient, depot: Depot, settings: Settings) -> None:
    shutil.rmtree(settings.keyring)
    assert client.post("/done", data=filled(client)).status_code == 200


@contextmanager
def _locked(url: str) -> Iterator[None]:
    """The tables of a request, held by somebody else."""
    engine = create_engine(url)
    sqlite = engine.dialect.name == "sqlite"
    hold = "BEGIN IMMEDIATE" if sqlite else "LOCK TABLE orders, items IN ACCESS EXCLUSIVE MODE"
    with engine.connect() as connection:
        connection.exec_driver_sql(hold)
        yield
        connection.rollback()
    engine.dispose()


@contextmanager
def _read_only(url: str) -> Iterator[None]:
    """A database that only reads, as a standby or a full disk does."""

    def read_only(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA query_only = ON")

    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    if engine.dialect.name == "sqlite":
        event.listen(db.engine, "connect", read_only)
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" SET default_transaction_read_only = on')
    db.session.commit()
    db.engine.dispose()
    yield
    if engine.dialect.name == "sqlite":
        event.remove(db.engine, "connect", read_only)
    else:
        with engine.connect() as connection:
            connection.exec_driver_sql("SET default_transaction_read_only = off")
            connection.exec_driver_sql(f'ALTER DATABASE "{engine.url.database}" RESET ALL')
    db.session.rollback()
    db.engine.dispose()
    engine.dispose()

"""The restore drill: what a backup brings back with which keyring, and what not even the backup's owner can read."""

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from distro import audit, clock, jobs
from distro.errors import Refusal
from distro.keys import keyring
from distro.keys.keyring import Keyring
from orders import codes, forgotten, instructions, retention, spool, workflow
from orders.identity import Keys, open_person
from orders.models import FINAL, Order, Status
from tests.conftest import Databases
from tests.depot import Depot
from tests.orders.test_shredding import sealed
from tests.reliability.backups import back_up_database, restore_database

START = datetime(2026, 11, 25, 9, tzinfo=UTC)  # a Wednesday
DAY = timedelta(days=1)
CHECK = "PRAGMA integrity_check"


@dataclass
class Copy:
    """A backup of a day, and a copy of the keyring of that day, which must never be made."""

    database: Path
    keyring: Path
    at: datetime


Restored = Callable[[Copy], Session]


@pytest.fixture
def restored(databases: Databases) -> Iterator[Restored]:
    """Restore a copy into a database of its own."""
    made: list[tuple[Session, Engine, str]] = []

    def restore(copy: Copy) -> Session:
        url = databases.empty()
        restore_database(copy.database, url)
        engine = create_engine(url)
        session = Session(engine)
        made.append((session, engine, url))
        return session

    yield restore
    for session, engine, url in made:
        session.close()
        engine.dispose()
        databases.take_back(url)


def test_the_restore_drill(depot: Depot, tmp_path: Path, restored: Restored) -> None:
    """Two months of a depot's life with a backup every day, and then each of them is restored."""
    copies, erased = live(depot, tmp_path, days=60)
    now = START + 60 * DAY
    counts = {(now - copy.at).days: look(restored(copy), depot.keys, erased) for copy in copies}

    month_old = counts[31]
    assert month_old.dead and month_old.opened == 0  # nothing at all: the keys of its weeks are gone
    assert month_old.erased > 5 and month_old.erased_opened == 0
    for age, count in counts.items():
        assert count.chain_holds and count.orders > 0
        if age >= 28:
            assert count.erased_opened == 0 and count.opened == 0, age
        if age <= 14:
            assert count.live_lost == 0 and (count.live > 0), age
    assert any(count.live_lost for age, count in counts.items() if 14 < age <= 31)  # the price, as the docs say


def test_control_with_the_keyring_of_that_day_it_opens_all(depot: Depot, tmp_path: Path, restored: Restored) -> None:
    """So a copy of the keyring must never outlive its keys: `KEYRING_COPY` is the only other one, and dies with it."""
    copies, erased = live(depot, tmp_path, days=45)
    month_old = next(copy for copy in copies if (START + 45 * DAY - copy.at).days == 31)
    old_keys = Keys(Keyring(month_old.keyring), depot.settings.secret_key)
    count = look(restored(month_old), old_keys, erased)
    assert count.erased_opened == count.erased > 5
    assert count.opened == count.boxes > 5


def test_the_spool_of_a_backup_comes_back_once(depot: Depot, tmp_path: Path, restored: Restored) -> None:
    with clock.at(START):
        jobs.keep_house(depot.session, depot.settings)
        spool.keep(depot.settings.spool, sealed(depot))
        copy = back_up(depot, tmp_path, "with-spool")
        shutil.copytree(depot.settings.spool, tmp_path / "spool-copy")
        jobs.drain_spool(depot.session, depot.settings)
        session = restored(copy)
        settings = replace(depot.settings, instance=tmp_path / "elsewhere")
        shutil.copytree(tmp_path / "spool-copy", settings.spool)
        for _ in range(2):
            jobs.drain_spool(session, settings)
        order = session.scalars(select(Order)).one()
        assert open_person(order, depot.keys).name == "Robin Example"


@pytest.mark.parametrize("again", [True, False])
def test_what_was_cancelled_and_erased_since_is_so_again(
    depot: Depot, tmp_path: Path, restored: Restored, again: bool
) -> None:
    """As docs/backup.md says; without its step they come back as open orders, the control."""
    nonces = [secrets.token_bytes(16) for _ in range(4)]
    with clock.at(START):
        jobs.keep_house(depot.session, depot.settings)
        cancelled, erased, dated, kept = [depot.request(nonce=nonce) for nonce in nonces]
        workflow.cancel(depot.session, dated, by="participant", at=clock.now())
        copy = back_up(depot, tmp_path, "before")
    with clock.at(START + DAY):
        for order, kind in ((cancelled, "cancel"), (erased, "cancel"), (erased, "erase")):
            code = depot.code_of(nonces[0] if order is cancelled else nonces[1])
            token = codes.change_token(depot.settings.secret_key, code)
            instructions.ask(depot.session, order, kind, token, at=clock.now())
        depot.session.commit()
        jobs.follow_instructions(depot.session, depot.settings)
    with clock.at(START + 7 * DAY):
        jobs.keep_house(depot.session, depot.settings)
        book = depot.settings.forgotten
        assert book.stat().st_mode & 0o777 == 0o600 and len(book.read_text().splitlines()) == 3
        assert set(json.loads(book.read_text().splitlines()[0])) == {"number", "kind", "day"}
        with book.open("a") as file:
            file.write('{"number": "7K3M')  # what a crash left
        session = restored(copy)
        for _ in range(2 if again else 0):
            forgotten.forget_again(session, book, at=clock.now())
            session.commit()
        orders = {order.number: order for order in session.scalars(select(Order))}
        found = [
            (orders[one.number].status, orders[one.number].sealed is None) for one in (cancelled, erased, dated, kept)
        ]
    closed, open_ = Status.CANCELLED, Status.RECEIVED
    if again:
        assert found == [(closed, False), (closed, True), (closed, True), (open_, False)]
    else:
        assert found == [(open_, False), (open_, False), (closed, False), (open_, False)]
    with clock.at(START + 68 * DAY):
        forgotten.note(book, [("7K3M9QXA", "cancel")], clock.today())  # after a line that was cut
        forgotten.prune(book, clock.today())
        assert [json.loads(line)["number"] for line in book.read_text().splitlines()] == ["7K3M9QXA"]


def test_a_cut_backup_is_refused_loudly(depot: Depot, tmp_path: Path, restored: Restored) -> None:
    depot.request()
    copy = back_up(depot, tmp_path, "cut")
    whole = copy.database.read_bytes()
    copy.database.write_bytes(whole[: len(whole) // 2])
    with pytest.raises((AssertionError, DatabaseError)):
        assert restored(copy).connection().exec_driver_sql(CHECK).scalar() == "ok"


def test_control_a_whole_one_is_not(depot: Depot, tmp_path: Path, restored: Restored) -> None:
    depot.request()
    session = restored(back_up(depot, tmp_path, "whole"))
    assert session.get_bind().dialect.name != "sqlite" or session.connection().exec_driver_sql(CHECK).scalar() == "ok"
    assert len(session.scalars(select(Order)).all()) == 1


@dataclass
class Count:
    """What a restored database yields with a keyring."""

    orders: int = 0
    boxes: int = 0
    opened: int = 0
    erased: int = 0  # addresses in it that were erased since
    erased_opened: int = 0
    live: int = 0  # addresses in it that are still needed
    live_lost: int = 0
    dead: bool = True  # the key of every week in it is gone
    chain_holds: bool = False


def look(session: Session, keys: Keys, erased: set[str]) -> Count:
    """Try every box in a restored database."""
    count = Count(chain_holds=audit.verify(session).broken is None)
    here = keyring.private_epochs(keys.ring)
    for order in session.scalars(select(Order)):
        count.orders += 1
        if order.sealed is None:
            continue
        count.boxes += 1
        gone = order.number in erased
        opens = can_open(order, keys)
        count.opened += opens
        count.erased += gone
        count.erased_opened += opens and gone
        count.live += not gone
        count.live_lost += not gone and not opens
        count.dead = count.dead and order.epoch not in here
    return count


def can_open(order: Order, keys: Keys) -> bool:
    try:
        return open_person(order, keys).name == "Robin Example"
    except Refusal:
        return False


def live(depot: Depot, folder: Path, *, days: int) -> tuple[list[Copy], set[str]]:
    """Each day someone asks and somebody's order closes; one order stays open all the time.

    Gives the backups that were made, and the numbers of the orders whose address is erased in the end.
    """
    copies = []
    for day in range(days):
        with clock.at(START + day * DAY):
            for hour in (0, 8, 14):
                with clock.at(START + day * DAY + timedelta(hours=hour)):
                    jobs.keep_house(depot.session, depot.settings)
            depot.request()
            _close_some(depot, day)
            if days - day in (1, 7, 13, 14, 15, 17, 20, 22, 25, 28, 31):
                copies.append(back_up(depot, folder, f"day-{day}"))
    with clock.at(START + days * DAY):
        jobs.keep_house(depot.session, depot.settings)
    depot.session.expire_all()
    orders = list(depot.session.scalars(select(Order).order_by(Order.id)))
    assert orders[0].status == Status.RECEIVED and open_person(orders[0], depot.keys)
    return copies, {order.number for order in orders if order.erased_on is not None}


def _close_some(depot: Depot, day: int) -> None:
    """The first order stays open for ever; of the others one is cancelled each day, every third erased at once."""
    open_ = depot.session.scalars(select(Order).where(Order.status.not_in(FINAL)).order_by(Order.id)).all()[1:]
    if len(open_) > 3:
        if day % 3:
            workflow.cancel(depot.session, open_[0], by="participant", at=clock.now())
        else:
            retention.erase(depot.session, open_[0], at=clock.now())
    depot.session.commit()


def back_up(depot: Depot, folder: Path, name: str) -> Copy:
    depot.session.commit()
    home = folder / name
    home.mkdir()
    back_up_database(depot.settings.database_url, home / "database")
    shutil.copytree(depot.settings.keyring, home / "keyring")
    secret = depot.settings.keyring.with_name("keyring.secret")
    if secret.exists():
        shutil.copy(secret, home / "keyring.secret")
    return Copy(home / "database", home / "keyring", clock.now())

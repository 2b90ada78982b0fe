"""An address after its day (P22)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from distro import clock, jobs
from distro.db import db
from orders import retention
from orders.models import Order, Status
from tests.bench import Row
from tests.depot import Depot
from tests.measure import World, measure
from tests.measure.instances import instance
from tests.reliability.search import Search, files

WORDS = ("Quillon Canarywick", "77 Brambleholt Lane")


@measure
def after_the_last_day(world: World) -> Iterator[Row]:
    """Only one address here, in an instance of its own; tests/reliability has 200, backups and both databases."""
    with TemporaryDirectory(prefix="distro-measure-") as folder:
        settings, app = instance(Path(folder) / "instance")
        yield from _rows(replace(world, settings=settings, app=app))


def _rows(world: World) -> Iterator[Row]:
    with world.app.app_context():
        order = Depot(db.session(), world.settings).request(name=WORDS[0], line1=WORDS[1])
        order.status, order.closed_on = Status.SHIPPED, clock.today()
        number = order.number
        db.session.commit()
    with clock.at(clock.now() + retention.KEEP_AFTER_SHIPPING - timedelta(days=1)):
        jobs.run_once(world.app, world.settings, jobs.keep_house)
    before = _box(world, number)
    with clock.at(clock.now() + retention.KEEP_AFTER_SHIPPING + timedelta(hours=1)):
        jobs.run_once(world.app, world.settings, jobs.keep_house)
    gone = before is not None and _box(world, number) is None
    days = retention.KEEP_AFTER_SHIPPING.days if gone else 999
    yield Row("P22", "days after mailing until an address is erased", "<= 30", str(days), days <= 30)
    there = _found(world)
    planted = world.settings.instance / "planted"
    planted.write_text(f"to {WORDS[0]}, {WORDS[1]}")
    control = _found(world) - there
    planted.unlink()
    figure = f"{there}; {control} where it was planted"
    yield Row("P22", "places in the instance where its name or street is read", "0", figure, there == 0 and control > 0)


def _box(world: World, number: str) -> bytes | None:
    with world.app.app_context():
        found: bytes | None = db.session.scalar(select(Order.sealed).where(Order.number == number))
        db.session.remove()
        return found


def _found(world: World) -> int:
    """Files of the instance, the keyring apart, that hold a word in any form."""
    search = Search(WORDS)
    files_there = files(world.settings.instance, but=world.settings.keyring)
    return sum(bool(search.words_in(content)) for _path, content in files_there)

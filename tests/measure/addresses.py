"""500 people with their ways of writing an address, and their mistakes (P20)."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from distro import clock
from distro.db import db
from orders import tables
from tests.bench import Row
from tests.geo.realplaces import fill_places
from tests.measure import World, measure
from tests.measure.instances import instance
from tests.orders.simulated import ask_all, people

PEOPLE = 500


@measure
def five_hundred_people(world: World) -> Iterator[Row]:
    with TemporaryDirectory(prefix="distro-measure-") as folder:  # of its own, since it is given the nation's places
        _settings, app = instance(Path(folder) / "instance")
        with app.app_context():
            zips = fill_places(db.session())
            tables.refresh(db.session(), at=clock.now())
            db.session.commit()
            everyone = people(Random(20_261_122), PEOPLE, zips)
            figures = ask_all(app.test_client(), everyone, to_code=10)
            db.session.remove()
    share = f"{figures.share_noticed:.1%} of {figures.planted.total()}"
    yield Row("P20", "mistakes in an address that are warned of", ">= 95%", share, figures.share_noticed >= 0.95)
    blocked = len(figures.blocked)
    yield Row("P20", f"of {figures.right} right addresses, blocked", "0", str(blocked), blocked == 0)
    twice = figures.share_twice
    yield Row("P20", "right addresses that are asked to press once more", "<= 5%", f"{twice:.1%}", twice <= 0.05)

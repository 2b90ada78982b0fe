"""Five hundred made-up people: nobody with a right address is held up, and almost every mistake is noticed."""

from random import Random

import pytest
from flask.testing import FlaskClient

from orders import addresscheck
from tests.depot import Depot
from tests.geo import realplaces
from tests.orders import simulated
from tests.orders.mistakes import MISTAKES

PEOPLE = 500
SEED = 20_261_122


def test_nobody_is_blocked_mistakes_are_noticed_and_nothing_typed_is_lost(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    zips = realplaces.fill_places(depot.session)
    figures = simulated.ask_all(client, simulated.people(Random(SEED), PEOPLE, zips), to_code=10)
    assert figures.blocked == [] and figures.lost == []
    assert figures.share_noticed >= 0.95, figures.planted - figures.noticed
    assert figures.share_twice <= 0.05 and figures.coded >= PEOPLE // 25
    assert set(figures.planted) == set(MISTAKES)
    monkeypatch.setattr(addresscheck, "warnings", lambda *_: [])
    unwarned = simulated.ask_all(client, simulated.people(Random(SEED), PEOPLE // 10, zips))
    assert unwarned.share_noticed < 0.5  # the control: without the warnings most of them pass

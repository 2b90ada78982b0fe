from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock, outbox
from distro.outbox import Message
from inventory import alerts, demand
from inventory.models import Alert
from inventory.planning import mail_sentence
from tests.depot import Depot, sign_in


@pytest.fixture
def manager(depot: Depot, client: FlaskClient) -> FlaskClient:
    sign_in(client, "manager")
    return client


def want(depot: Depot, units: int, *, state: str = "OH", weeks_ago: int = 0) -> None:
    demand.count(
        depot.session,
        item_id=depot.item("naloxone-nasal").id,
        site_id=depot.site("OH").id,
        state=state,
        day=clock.today() - timedelta(weeks=weeks_ago),
        quantity=units,
    )


def test_an_open_alert_explains_itself_and_links_to_the_shelf(depot: Depot, manager: FlaskClient) -> None:
    depot.shelve(quantity=2)
    want(depot, 90)
    [alert] = alerts.check(depot.session, at=clock.now())
    page = manager.get("/planning").text
    assert alerts.sentence(alert) in page
    assert 'href="/stock?item=naloxone-nasal&amp;site=OH&amp;show=usable"' in page
    assert "low" in page


def test_a_closed_alert_stays_in_sight_for_a_month(depot: Depot, manager: FlaskClient) -> None:
    want(depot, 90)
    alerts.check(depot.session, at=clock.now())
    depot.shelve(quantity=1_000)
    alerts.check(depot.session, at=clock.now())
    page = manager.get("/planning").text
    assert "Stock is enough again" in page and "every shelf lasts longer" in page
    depot.session.scalars(select(Alert)).one().closed_at = clock.now() - timedelta(days=31)
    assert "Stock is enough again" not in manager.get("/planning").text


def test_the_weeks_behind_a_demand_figure_add_up(depot: Depot, manager: FlaskClient) -> None:
    want(depot, 5)
    want(depot, 7, weeks_ago=3)
    want(depot, 11, state="NY")
    want(depot, 13, weeks_ago=30)
    for query, total in (("?item=naloxone-nasal&site=OH", 23), ("?state=NY", 11), ("?site=MN", 0)):
        page = manager.get(f"/planning/demand{query}").text
        assert (f'<td class="text-end fw-semibold">{total}</td>' in page) == bool(total)


def test_mail_that_did_not_leave_is_said(depot: Depot, manager: FlaskClient) -> None:
    outbox.post(depot.session, to="manager@example.org", subject="Reorder", body="", at=clock.now())
    [number] = outbox.due(depot.session, clock.now())
    outbox.claim(depot.session, number, clock.now())
    outbox.record(depot.session, number, OSError(), clock.now())
    page = manager.get("/planning").text
    assert "did not leave after 1 try" in page and "tried again" in page
    message = depot.session.get_one(Message, number)
    message.due_at = None
    assert "not tried again" in mail_sentence(message)
    depot.user("manager").site_code = "OH"  # mail may be about another warehouse
    assert "did not leave" not in manager.get("/planning").text


def test_packers_do_not_plan(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert client.get("/planning").status_code == 403

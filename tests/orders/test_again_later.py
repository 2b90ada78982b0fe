"""Asking again with an earlier code, where something has changed since: the list, the rules, the wish to be kept."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock, jobs
from geo import ruletext
from orders import codes, instructions, replacement, triage
from orders.models import Order, Status
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import code_in
from tests.orders.test_again import NONCE, earlier, newest, page


def test_what_is_off_the_list_by_now_is_left_to_a_person(client: FlaskClient, depot: Depot) -> None:
    """Nothing goes by itself that the program took off its list, and the page says so before and after."""
    depot.shelve(quantity=20)
    depot.shelve("fentanyl-strips", lot="F")
    earlier(depot)
    depot.item("fentanyl-strips").requestable = False
    depot.session.commit()
    assert "a person looks at your request first" in client.post("/again", data={"code": depot.code_of(NONCE)}).text
    done = client.post("/again", data=page(client, depot.code_of(NONCE)))
    assert "a person looks first" in done.text
    depot.settle()
    order = newest(depot)
    assert order.status == Status.HELD and "Off our list by now: Fentanyl strips." in order.note
    assert "getting it ready" in client.post("/status", data={"code": code_in(done)}).text
    triage.release(depot.session, order, reason="A person said yes", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert newest(depot).status == Status.ALLOCATED
    depot.item("fentanyl-strips").requestable = True
    depot.session.commit()
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    depot.settle()
    assert newest(depot).flags == [], "a control"


@pytest.mark.parametrize(
    ("path", "ask", "only"),
    [("/again", "we have to ask you something first", "Send only:"), ("/es/again", "preguntarle algo", "Enviar solo:")],
)
def test_other_things_are_judged_by_the_rules_of_the_state(
    client: FlaskClient, depot: Depot, path: str, ask: str, only: str
) -> None:
    earlier(depot)
    rules = [rule("US", "naloxone-nasal", "allow"), rule("US", "fentanyl-strips", "allow", min_age=18)]
    put_in_force(depot.session, ruletext.new("Rules", "2", [*rules, rule("OH", "smoking-kit", "deny")]))
    depot.session.commit()
    three = {"item": ["naloxone-nasal", "fentanyl-strips", "smoking-kit"], "things": "other"}
    form = {**page(client, depot.code_of(NONCE), path), **three}
    asked = client.post(path, data=form)
    assert asked.status_code == 422 and len(depot.session.scalars(select(Order)).all()) == 1
    assert ask in asked.text and only in asked.text and re.search("smoking-kit (in|en) OH", asked.text)
    assert client.post(path, data={**form, "item": ["smoking-kit"], "yes": "rest"}).status_code == 422, (
        "nothing is left"
    )
    first, second = (client.post(path, data={**form, "yes": "rest"}) for _ in range(2))
    assert code_in(first) == code_in(second)
    depot.settle()
    assert {line.item.code for line in newest(depot).lines} == {"naloxone-nasal"}


def test_an_address_never_outlives_the_wish_to_erase_it(client: FlaskClient, depot: Depot) -> None:
    """Neither in a new request, whichever was asked first, nor in a parcel that goes in place of one that got lost."""
    old = earlier(depot)
    old.closed_on = clock.today() - timedelta(days=12)
    depot.session.commit()
    code = depot.code_of(NONCE)
    form = page(client, code)
    news = client.post("/status", data={"code": code}).text
    assert "It never came" in news and "Order again" in news and "or now if you like" in news, "a control"
    new_code = code_in(client.post("/again", data=form))
    for path in ("/lost", "/erase"):  # the first is not done yet when they change their mind
        assert client.post(path, data={"code": code, "yes": "1"}).status_code == 200
    for path in ("/again", "/lost", "/message"):
        refused = client.post(path, data={"code": code, "yes": "1", "text": "Hello"})
        assert refused.status_code == 409 and "asked us to erase your address" in refused.text
    news = client.post("/status", data={"code": code}).text
    assert "We are erasing your address now" in news and "from now on it only shows safety notices" in news
    for gone in ("It never came", "Order again", "or now if you like", "Erase my address", "Mail most often"):
        assert gone not in news
    jobs.check_requests(depot.session, depot.settings)
    assert newest(depot).status == Status.DECLINED
    assert "erased before we could use it" in client.post("/status", data={"code": new_code}).text
    jobs.follow_instructions(depot.session, depot.settings)
    depot.session.expire_all()
    orders = depot.session.scalars(select(Order).order_by(Order.id)).all()
    assert [order.erased_on is not None for order in orders] == [True, False], "and nothing goes in its place"
    assert client.post("/status", data={"code": code}).status_code == 404


def test_an_erasure_follows_its_code_to_the_order_in_its_place(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    old.closed_on = clock.today() - timedelta(days=12)
    depot.session.commit()
    code = depot.code_of(NONCE)
    token = codes.change_token(depot.settings.secret_key, code)
    replacement.send_again(depot.session, old, depot.settings, at=clock.now())
    instructions.ask(depot.session, old, instructions.ERASE, token, at=clock.now())  # by a page that was slower
    depot.session.commit()
    assert newest(depot).erased_on is None
    jobs.follow_instructions(depot.session, depot.settings)
    assert newest(depot).erased_on is not None and newest(depot).sealed is None


def test_the_page_after_it_says_the_same_each_time(client: FlaskClient, depot: Depot) -> None:
    """Of the same things as before no date is told, for nobody can read here what they were."""
    for _each in range(5):
        depot.request().status = Status.SHIPPED
    for order in depot.session.scalars(select(Order)):
        order.closed_on, order.site_id = clock.today() - timedelta(days=7), depot.site("OH").id
    earlier(depot)
    form = page(client, depot.code_of(NONCE))
    first, second = (client.post("/again", data=form).text for _ in range(2))
    for told in (first, second):
        assert "It ships when all of it is here." in told and "It ships in about" not in told
    depot.shelve(quantity=5)
    depot.session.commit()
    form = {**page(client, depot.code_of(NONCE)), "things": "other", "item": "naloxone-nasal"}
    with clock.at(clock.now() + timedelta(minutes=2)):
        first, second = (client.post("/again", data=form).text for _ in range(2))
    ships = [told.split("When it ships")[1].split("</p>")[0] for told in (first, second)]
    assert ships[0] == ships[1] and "It ships in about" in ships[0]

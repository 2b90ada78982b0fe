"""Asking again with an earlier code: three pages, one thing to type, and nothing personal where it is typed."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from distro import clock, jobs
from distro.audit import AuditEntry
from distro.keys import keylist
from distro.keys.keylist import PublicKeys
from orders import codes, replykey, retention, signals
from orders.again import UNREAD
from orders.identity import open_person, prove, seal_anew
from orders.intake import Person
from orders.models import Door, Order, Status
from tests.depot import Depot
from tests.orders.forms import code_in, fields
from tests.orders.test_substitution import with_kinds, with_strips

NONCE = b"0123456789abcdef"
TOLD = {"email": "robin@example.org", "at_least": 18, "agreed": ("OH-a",), "trained": ("overdose",), "line2": "Apt 2"}
WANTED = {"naloxone-nasal": 2, "fentanyl-strips": 1}


def earlier(depot: Depot, status: Status = Status.SHIPPED, **person: Any) -> Order:
    """A request that has come to its end, under the code of NONCE."""
    order = depot.request(WANTED, nonce=NONCE, **{**TOLD, **person})
    order.status, order.closed_on = status, clock.today()
    depot.session.commit()
    return order


def page(client: FlaskClient, code: str, path: str = "/again") -> dict[str, str]:
    """The form of the page for it."""
    answer = client.post(path, data={"code": code})
    assert answer.status_code == 200 and "Set-Cookie" not in answer.headers, answer.text
    return {**fields(answer.text).to_dict(), "yes": "1"}


def newest(depot: Depot) -> Order:
    query = select(Order).order_by(Order.id.desc()).limit(1).options(undefer_group("box"))
    return depot.session.scalars(query.execution_options(populate_existing=True)).one()


def test_the_same_things_go_to_the_same_address_with_a_new_code(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    code = depot.code_of(NONCE)
    form = page(client, code)
    asked = client.post("/again", data={"code": code}).text
    assert form["things"] == "same" and not any("Robin" in value or "Sample" in value for value in form.values())
    done = client.post("/again", data=form)
    new_code = code_in(done)
    assert new_code != code
    order = newest(depot)
    assert (order.door, order.status, order.state, order.lines) == (Door.AGAIN, Status.RECEIVED, old.state, [])
    sealed = open_person(order, depot.keys)
    assert (sealed.name, sealed.line1, sealed.email) == ("", "", "") and sealed.again.startswith(old.number)
    depot.settle()
    order = newest(depot)
    was, person = open_person(old, depot.keys), open_person(order, depot.keys)
    secret = depot.settings.secret_key
    assert person.reply_key == replykey.reply_public(secret, new_code) != was.reply_key
    assert was.email and "We will not write to you about this one" in asked  # phones change hands
    assert person == Person(**{**vars(was), "email": "", "reply_key": person.reply_key})
    assert {line.item.code: line.quantity for line in order.lines} == WANTED
    assert order.status in (Status.WAITING, Status.ALLOCATED) and order.counted
    told = client.post("/status", data={"code": new_code})
    assert told.status_code == 200 and "Order again" not in told.text
    record = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == "ask again")).one()
    assert (record.subject, record.reason) == (order.document, "") and old.number not in record.reason


def test_it_is_stored_once_however_often_it_is_sent(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    form = page(client, depot.code_of(NONCE))
    first, second = (code_in(client.post("/again", data=form)) for _ in range(2))
    retention.erase(depot.session, old, at=clock.now())
    depot.session.commit()
    spanish = code_in(client.post("/es/again", data=form))
    assert first == second != spanish and codes.clean_code(first) == codes.clean_code(spanish)
    assert len(depot.session.scalars(select(Order)).all()) == 2


def test_other_things_are_checked_and_kept(client: FlaskClient, depot: Depot) -> None:
    earlier(depot)
    form = {**page(client, depot.code_of(NONCE), "/es/again"), "things": "other"}
    empty = client.post("/again", data=form)
    assert empty.status_code == 422 and "at least one thing" in empty.text and fields(empty.text)["things"] == "other"
    many = client.post("/again", data={**form, "item": "wound-care-kit", "many-wound-care-kit": "99"})
    assert many.status_code == 422
    code_in(client.post("/es/again", data={**form, "item": "wound-care-kit", "many-wound-care-kit": "1"}))
    depot.settle()
    order = newest(depot)
    assert {line.item.code: line.quantity for line in order.lines} == {"wound-care-kit": 1}
    person = open_person(order, depot.keys)
    assert (person.name, person.language, person.again) == ("Robin Example", "es", "")


@pytest.mark.parametrize("status", [Status.RECEIVED, Status.HELD, Status.WAITING, Status.PICKING, Status.PACKED])
def test_an_open_one_is_still_on_its_way(client: FlaskClient, depot: Depot, status: Status) -> None:
    earlier(depot, status)
    answer = client.post("/again", data={"code": depot.code_of(NONCE), "yes": "1"})
    assert answer.status_code == 200 and "has not left yet" in answer.text and 'name="yes"' not in answer.text


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.DECLINED])
def test_so_can_one_that_was_stopped(client: FlaskClient, depot: Depot, status: Status) -> None:
    earlier(depot, status)
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    depot.settle()
    assert open_person(newest(depot), depot.keys).name == "Robin Example"


def test_every_unknown_code_is_offered_a_new_request_and_told_why(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    retention.erase(depot.session, old, at=clock.now())
    depot.session.commit()
    seen = set()
    for code in (depot.code_of(NONCE), "able able able able able", "no words of any list"):
        answer = client.post("/again", data={"code": code})
        assert answer.status_code == 404
        seen.add(answer.text.replace(f'value="{code}"', ""))
    (text,) = seen
    assert "please write it once more" in text and "Make a new request" in text


def test_an_address_that_is_erased_meanwhile_ends_it_kindly(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    code = code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    retention.erase(depot.session, old, at=clock.now())
    depot.session.commit()
    depot.settle()
    assert newest(depot).status == Status.DECLINED
    assert "erased before we could use it" in client.post("/status", data={"code": code}).text


def test_a_token_that_does_not_fit_opens_nothing(client: FlaskClient, depot: Depot) -> None:
    """Whoever holds the public machine, but does not know the code, gets no parcel sent to that address."""
    earlier(depot)
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    order = newest(depot)
    token = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE[::-1]))
    forge(depot, order, f"{earlier_number(depot)}:{token.hex()}")
    depot.settle()
    assert newest(depot).status == Status.DECLINED


def test_where_the_earlier_box_does_not_open_a_person_decides(client: FlaskClient, depot: Depot) -> None:
    old = earlier(depot)
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    depot.session.refresh(old, ["sealed"])
    old.sealed = b"x" + (old.sealed or b"")[1:]
    depot.session.commit()
    depot.settle()
    order = newest(depot)
    assert (order.status, order.note) == (Status.HELD, UNREAD)


def test_an_address_corrected_before_it_was_filled_in_wins(client: FlaskClient, depot: Depot) -> None:
    earlier(depot)
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    order = newest(depot)
    new = open_person(order, depot.keys)
    forge(depot, order, new.again, name="Sam Sample", line1="9 Other St", city="Sampleton", zip="43215")
    depot.settle()
    person = open_person(newest(depot), depot.keys)
    assert (person.name, person.line1, person.line2, person.email) == (
        "Sam Sample",
        "9 Other St",
        "",
        "",
    )


def test_one_asked_again_and_again_before_it_was_filled_in(client: FlaskClient, depot: Depot) -> None:
    earlier(depot)
    second = code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    middle = newest(depot)
    middle.status, middle.closed_on = Status.CANCELLED, clock.today()
    depot.session.commit()
    code_in(client.post("/again", data=page(client, second)))
    depot.settle()
    order = newest(depot)
    assert open_person(order, depot.keys).name == "Robin Example"
    assert {line.item.code: line.quantity for line in order.lines} == WANTED


def test_what_they_said_of_the_closest_kind_goes_with_the_things_it_was_said_of(
    client: FlaskClient, depot: Depot
) -> None:
    with_kinds(depot)
    with_strips(depot)
    old = depot.request({"syringe-kit": 1}, nonce=NONCE, zip="55401", state="MN", substitutes=("syringe-kit",))
    old.status, old.closed_on = Status.SHIPPED, clock.today()
    depot.session.commit()
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    other = {**page(client, depot.code_of(NONCE)), "things": "other", "item": ["fentanyl-strips", "syringe-kit"]}
    two = client.post("/again", data={**other, "item": ["syringe-kit", "syringe-kit-29g"]})
    assert two.status_code == 422 and "more than one kind of the same thing" in two.text
    code = code_in(client.post("/again", data={**other, "substitutes": ["strips", "kits"]}))
    closed = newest(depot)
    closed.status, closed.closed_on = Status.CANCELLED, clock.today()  # before it was filled in
    prove(closed, depot.keys)
    depot.session.commit()
    code_in(client.post("/again", data=page(client, code)))
    depot.settle()
    orders = depot.session.scalars(select(Order).order_by(Order.id).options(undefer_group("box"))).all()
    told = [(len(order.lines), open_person(order, depot.keys).substitutes) for order in orders]
    assert told == [(1, ("syringe-kit",)), (1, ("syringe-kit",)), (2, ("strips",)), (2, ("strips",))]


def test_a_group_s_next_request_is_looked_at_like_its_first(client: FlaskClient, depot: Depot) -> None:
    earlier(depot, organisation="Sample Aid", plan="A plan")
    code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
    depot.settle()
    order = newest(depot)
    assert order.status == Status.HELD and order.flags == [signals.GROUP]
    assert open_person(order, depot.keys).organisation == "Sample Aid"


def test_the_home_s_limit_counts_as_always(client: FlaskClient, depot: Depot) -> None:
    """Control of the first test: the same request again and again comes to a person."""
    depot.shelve(quantity=100)
    depot.request({"naloxone-nasal": 2}, nonce=NONCE, line1="77 Sample St")
    depot.settle()
    order = newest(depot)
    order.status, order.closed_on = Status.SHIPPED, clock.today()
    depot.session.commit()
    seen = []
    for _ in range(4):
        code_in(client.post("/again", data=page(client, depot.code_of(NONCE))))
        depot.settle()
        seen.append(newest(depot).status)
    assert seen[-1] == Status.HELD and newest(depot).note


def test_a_form_that_is_too_old_comes_again_with_a_fresh_one(client: FlaskClient, depot: Depot) -> None:
    earlier(depot)
    form = page(client, depot.code_of(NONCE))
    old = codes.new_form(depot.settings.secret_key, clock.now() - codes.FORM_LIVES * 2)
    for token in (old, "not ours"):
        answer = client.post("/again", data={**form, "form": token})
        assert answer.status_code == 422 and fields(answer.text)["form"] not in (token, "")
    code_in(client.post("/again", data={**fields(answer.text).to_dict(), "yes": "1"}))
    jobs.check_requests(depot.session, depot.settings)


def earlier_number(depot: Depot) -> str:
    return depot.session.scalars(select(Order.number).order_by(Order.id).limit(1)).one()


def forge(depot: Depot, order: Order, again: str, **person: str) -> None:
    """Seal something else into an order that asks again, as the machines that hold the secret can."""
    from_ = {**vars(open_person(order, depot.keys)), "again": again, **person}
    seal_anew(order, Person(**from_).to_text(), *keylist.today(PublicKeys.of(depot.settings), clock.today()))
    prove(order, depot.keys)
    depot.session.commit()

"""It never came: who gets another parcel by itself, whom a person looks at, and what becomes of the first."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from babel.dates import format_date
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from distro import clock, jobs
from distro.audit import AuditEntry
from inventory.models import Demand, Movement
from orders import (
    codes,
    forgotten,
    holdings,
    household,
    instructions,
    letters,
    queries,
    replacement,
    resend,
    retention,
    tampering,
    triage,
    words,
    workflow,
)
from orders.identity import open_person
from orders.models import Door, Household, Instruction, Letter, Line, Order, Status
from orders.scope import EVERYTHING
from tests.depot import Depot
from tests.orders.test_instructions import NONCE, follow, look

START = clock.now()


def shipped(depot: Depot, at: datetime, **request: object) -> Order:
    """An order that left at an instant."""
    with clock.at(at):
        order = depot.allocated(**request)  # type: ignore[arg-type]
        send(depot, order)
    return order


def send(depot: Depot, order: Order) -> None:
    """Pick, pack, label and ship it now."""
    packer, now = depot.user("packer"), clock.now()
    for _ in range(order.allocations[0].quantity):
        workflow.take(depot.session, order.allocations[0], packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    workflow.note_label(depot.session, order, at=now)
    workflow.ship(depot.session, order, by="packer", at=now, today=clock.today())
    depot.session.commit()


def tells(client: FlaskClient, depot: Depot, nonce: bytes = NONCE) -> None:
    """Somebody says that it never came, twice."""
    for _ in range(2):
        answer = client.post("/lost", data={"code": depot.code_of(nonce), "yes": "1"})
        assert answer.status_code == 200, answer.text
    follow(depot)


def of_code(depot: Depot, nonce: bytes = NONCE) -> Order:
    tag = codes.code_tag(depot.settings.secret_key, depot.code_of(nonce))
    return depot.session.scalars(select(Order).where(Order.code_tag == tag)).one()


def test_another_goes_by_itself_and_the_code_means_that_one(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    old = shipped(depot, START, nonce=NONCE, email="robin@example.org")
    person, asked = open_person(old, depot.keys), depot.session.scalars(select(Demand.quantity)).all()
    with clock.at(START + resend.NOT_BEFORE - timedelta(days=1)):
        page = look(client, depot).text
        day = (START + resend.NOT_BEFORE).date()
        monday = format_date(day - timedelta(days=day.weekday()), "long", locale="en_US")
        assert f"you can tell us here in the week of {monday}" in page  # never later than it can be
        assert "In the mail" not in page and "you can tell us here" in page and 'formaction="/lost"' not in page
        assert client.post("/lost", data={"code": depot.code_of(NONCE), "yes": "1"}).status_code == 409
    with clock.at(START + resend.NOT_BEFORE):
        page = look(client, depot).text
        assert 'formaction="/lost"' in page and "you can tell us here" not in page
        assert "It never came?" in client.post("/lost", data={"code": depot.code_of(NONCE)}).text
        tells(client, depot)
        new = of_code(depot)
        assert (new.door, new.status, new.flags, new.news) == (Door.RESEND, Status.RECEIVED, [], "resent")
        assert (old.resent_as_id, old.lost_on, old.status) == (new.id, clock.today(), Status.SHIPPED)
        assert open_person(new, depot.keys) == person
        assert (old.sealed, old.proof, old.erased_on) == (None, None, clock.today())
        assert [(a.lot.number, a.quantity) for a in old.allocations] == [("LOT1", 1)]  # for recalls
        assert "We are getting another one ready" in look(client, depot).text
        depot.settle()
        assert new.status == Status.ALLOCATED, new.note
        assert "We are getting another one ready" in look(client, depot).text
    assert depot.session.scalars(select(Demand.quantity)).all() == asked  # nobody asked for more
    told = {held.value for held in holdings.of_order(depot.session, new) if held.column == "number"}
    assert told == {old.number, new.number}  # what a code's owner is told that we hold
    assert queries.promises_astray(depot.session) == []
    assert replacement.lost_by_month(depot.session, EVERYTHING, since=START.date()) == {
        (START + resend.NOT_BEFORE).date().replace(day=1): 1
    }
    lines = depot.session.scalars(select(AuditEntry).where(AuditEntry.action == replacement.LOST)).all()
    assert [(line.actor, line.subject) for line in lines] == [("participant", old.document)]
    assert not depot.session.scalars(select(Instruction)).all()


def test_the_new_parcel_is_an_ordinary_one_in_the_ledger(client: FlaskClient, depot: Depot) -> None:
    lot = depot.shelve(quantity=2)
    shipped(depot, START, nonce=NONCE)
    with clock.at(START + resend.NOT_BEFORE):
        tells(client, depot)
        depot.settle()
        new = of_code(depot)
        send(depot, new)
        page = look(client, depot).text
        assert "It is in the mail." in page
    assert depot.balance(lot).on_hand == 0
    gone = depot.session.scalars(select(Movement.document).where(Movement.document.like("ORD-%"))).all()
    assert new.document in gone and len(set(gone)) == 2


@pytest.mark.parametrize("first", ["the same request", "another of that home"])
def test_the_second_time_a_person_looks(client: FlaskClient, depot: Depot, first: str) -> None:
    depot.shelve()
    other = NONCE[::-1]
    shipped(depot, START, nonce=NONCE, line1="7 Made Up Rd")
    if first == "another of that home":
        shipped(depot, START + timedelta(days=1), nonce=other, line1="7 Made-Up Road")
    at = START + resend.NOT_BEFORE + timedelta(days=1)
    with clock.at(at):
        tells(client, depot)
        depot.settle()
        assert of_code(depot).status == Status.ALLOCATED
        if first == "another of that home":
            tells(client, depot, other)
    if first == "the same request":
        with clock.at(at):
            send(depot, of_code(depot))
        at += resend.NOT_BEFORE
        with clock.at(at):
            tells(client, depot)
    with clock.at(at):
        depot.settle()
        last = of_code(depot, other if first == "another of that home" else NONCE)
        assert (last.status, last.flags, last.door) == (Status.HELD, ["lost"], Door.RESEND)
        assert "It is not the first one" in last.note
        assert "getting another one ready" in look(client, depot).text  # the page tells no difference
        triage.release(depot.session, last, reason="mail is stolen there", by="manager", at=clock.now())
        depot.session.commit()
        depot.settle()
        assert last.status == Status.ALLOCATED


def test_where_many_share_an_address_nothing_is_counted(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    for number, nonce in enumerate((NONCE, NONCE[::-1])):
        shipped(depot, START + timedelta(days=number), nonce=nonce, line1="GENERAL DELIVERY")
    with clock.at(START + resend.NOT_BEFORE + timedelta(days=1)):
        for nonce in (NONCE, NONCE[::-1]):
            tells(client, depot, nonce)
            assert of_code(depot, nonce).flags == []


def test_one_code_erases_all_of_it_and_no_backup_brings_it_back(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    old = shipped(depot, START, nonce=NONCE)
    with clock.at(START + resend.NOT_BEFORE):
        tells(client, depot)
        depot.settle()
        new = of_code(depot)
        client.post("/erase", data={"code": depot.code_of(NONCE), "yes": "1"})
        follow(depot)
        assert look(client, depot).status_code == 404
        assert depot.session.scalars(select(Order.sealed).where(Order.sealed.is_not(None))).all() == []
        assert depot.session.scalars(select(Household)).all() == []
        assert (new.status, old.status) == (Status.CANCELLED, Status.SHIPPED)
        kept = depot.settings.forgotten.read_text()
        assert old.number in kept and new.number in kept
        forgotten.forget_again(depot.session, depot.settings.forgotten, at=clock.now())


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["erase", "cancel", "message", "correct", "lost"])
def test_what_was_asked_of_the_old_one_is_done_to_the_new_one(
    client: FlaskClient, depot: Depot, what: str, when: str
) -> None:
    """A page took it before the scheduler came to the parcel that never came; `after`: it wrote it down after that."""
    depot.shelve()
    old = shipped(depot, START, nonce=NONCE)
    token = codes.change_token(depot.settings.secret_key, depot.code_of(NONCE))
    address = {"name": "Robin Example", "line1": "22 Mended Ave", "line2": "", "city": "Sampleton", "state": "OH"}
    told = {"correct": address | {"zip": "43215"}, "message": {"text": "Hello."}}.get(what)
    with clock.at(START + resend.NOT_BEFORE):
        client.post("/lost", data={"code": depot.code_of(NONCE), "yes": "1"})
        if when == "after":
            follow(depot)
        box = words.seal(depot.settings, uuid4(), told, clock.today()) if told else None
        secret = depot.settings.secret_key
        instructions.ask(depot.session, old, what, token, at=clock.now(), said=box, secret=secret)
        follow(depot)
        follow(depot)
        depot.session.expire_all()
        assert not [one for one in depot.session.scalars(select(AuditEntry)) if "forged" in one.action]
        assert depot.session.scalars(select(Instruction)).all() == []
        sealed = depot.session.scalars(select(Order).where(Order.sealed.is_not(None))).all()
        if what == "erase":
            assert sealed == [] and old.number in depot.settings.forgotten.read_text()
            return
        assert sealed == [of_code(depot)] and sealed != [old]
        assert (sealed[0].status == Status.CANCELLED) is (what == "cancel" and when == "after")
        assert (open_person(sealed[0], depot.keys).line1 == "22 Mended Ave") is (what == "correct")
        found = depot.session.scalars(select(Letter)).all()
        assert [letters.is_trusted(sealed[0], one, depot.keys) for one in found] == [True] * (what == "message")


def test_no_backup_from_before_brings_back_what_its_day_erased(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    old = shipped(depot, START, nonce=NONCE)
    names = [column.name for column in Order.__table__.columns]
    before = dict(depot.session.execute(select(Order.__table__).where(Order.id == old.id)).mappings().one())
    with clock.at(START + resend.NOT_BEFORE):
        tells(client, depot)
        client.post("/cancel", data={"code": depot.code_of(NONCE), "yes": "1"})
        follow(depot)
        new = of_code(depot).id
    with clock.at(START + resend.NOT_BEFORE + retention.KEEP_AFTER_STOPPING):
        jobs.keep_house(depot.session, depot.settings)
        assert depot.session.scalars(select(Order.sealed).where(Order.sealed.is_not(None))).all() == []
        depot.session.execute(update(Order).where(Order.id == old.id).values(resent_as_id=None))
        for table in (Line, Order):  # the rows as they were when the backup was made
            here = table.order_id == new if table is Line else table.id == new  # type: ignore[attr-defined]
            depot.session.execute(delete(table).where(here))
        depot.session.execute(update(Order).where(Order.id == old.id).values({name: before[name] for name in names}))
        depot.session.commit()
        depot.session.expire_all()
        assert open_person(old, depot.keys) and old.erased_on is None
        forgotten.forget_again(depot.session, depot.settings.forgotten, at=clock.now())
        depot.session.expire_all()
        assert old.sealed is None


def test_the_lost_one_counts_for_no_limit(client: FlaskClient, depot: Depot) -> None:
    """A home gets what the limit allows, and what got lost on top."""
    depot.shelve()
    item = depot.item("naloxone-nasal")
    item.household_most, item.household_days = 2, 30
    depot.session.commit()
    shipped(depot, START, nonce=NONCE, wanted={"naloxone-nasal": 2}, line1="7 Made Up Rd")
    with clock.at(START + resend.NOT_BEFORE):
        tells(client, depot)
        depot.settle()
        assert of_code(depot).status == Status.ALLOCATED
        more = depot.request({"naloxone-nasal": 1}, line1="7 Made Up Rd")
        depot.settle()
        assert more.status == Status.HELD


def test_a_row_that_is_not_ours_sends_nothing(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    old = shipped(depot, START, nonce=NONCE)
    old.proof = bytes(32)
    depot.session.commit()
    with clock.at(START + resend.NOT_BEFORE):
        tells(client, depot)
    told = depot.session.scalars(select(AuditEntry.subject).where(AuditEntry.action == tampering.TAMPERED)).all()
    assert told == [old.document] and of_code(depot) is old and old.sealed is not None


def test_an_erased_one_is_asked_for_anew(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    shipped(depot, START, nonce=NONCE)
    with clock.at(START + retention.KEEP_AFTER_SHIPPING):
        jobs.keep_house(depot.session, depot.settings)
        assert client.post("/lost", data={"code": depot.code_of(NONCE), "yes": "1"}).status_code == 404


def test_tags_reach_as_far_back_as_the_policy_says() -> None:
    assert timedelta(days=household.KEPT_DAYS) == resend.LOOKED_BACK

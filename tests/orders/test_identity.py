"""A person sees a name only through one door, which writes it down first.

Control: a second door, planted, is found by counting what reached a response, and by reading the code.

Length: what a view must do first, and the two ways to show that there is no other door, belong side by side.
"""

import ast
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from subprocess import run
from threading import Thread

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from distro import audit, clock
from distro.audit import AuditEntry
from distro.db import db
from distro.keys import keyring
from distro.keys.keyring import KeyGone
from distro.outbox import Message
from orders import identity, workflow
from orders.identity import FAILED, MOST_A_DAY, MOST_AN_HOUR, REFUSED, VIEW, Keys, Task, TooManyViews
from orders.models import Order, Status
from tests.applications import own_application
from tests.depot import Depot, sign_in
from tests.staff import post, said

ROOT = Path(__file__).parents[2]
DOORS = {  # where a box is opened: module -> the functions that do it there
    "orders/identity.py": {"open_person", "open_words", "view_all", "_view_words"},  # the doors themselves
    "orders/triage.py": {"settle", "objection_today"},  # the machine checks
    "orders/household.py": {"mark_shared"},  # for its keyed tag
    "orders/approval.py": {"approve"},  # to see that the row is ours, before it is proven with fewer cases
    "orders/correction.py": {"correct"},  # sealed anew with what was typed
    "orders/order_news.py": {"pass_on"},  # for the contact alone
    "distro/delivery.py": {"opener", "opened"},  # a message, right before it is sent
    "orders/shredding.py": {"reseal"},  # sealed anew as it is, to a younger key
    "orders/again.py": {"fill", "_earlier"},  # sealed anew as it is, for a request that was asked again
    "orders/replacement.py": {"send_again"},  # sealed anew as it is, for the order in its place
    "orders/letters.py": {"answer"},  # for the key that replies are sealed to
    "orders/following.py": {"_correct"},  # the words of an instruction: another address
    "orders/wishing.py": {"_open"},  # how to reach who asked to hear, and their ZIP code
}


def view(depot: Depot, order: Order, **how: object) -> identity.Person:
    given = {"task": Task.LABEL, "by": "packer", "at": clock.now(), **how}
    return identity.view(depot.session, order, depot.keys, **given)  # type: ignore[arg-type]


def lines(session: Session, action: str = VIEW) -> list[tuple[str, str, str]]:
    session.expire_all()
    query = select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)
    return [(entry.actor, entry.subject, entry.reason) for entry in session.scalars(query)]


def seen_before(session: Session, by: str, count: int, *, hours: float = 0.5) -> None:
    """Lines of views that someone did so long ago."""
    at = clock.now() - timedelta(hours=hours)
    for _ in range(count):
        audit.record(session, actor=by, action=VIEW, subject="ORD-OLD", reason="label", at=at)
    session.commit()


@contextmanager
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The epochs of the boxes that were opened in the block: the real function, counted."""
    found: list[str] = []
    real = keyring.open_box

    def counted(ring: keyring.Keyring, epoch: str, *args: object) -> bytes:
        found.append(epoch)
        return real(ring, epoch, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(keyring, "open_box", counted)
        yield found


def test_a_view_is_on_record_before_the_box_is_opened(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    order = depot.request()
    on_record: list[int] = []
    real = keyring.open_box

    def looking(*args: object) -> bytes:
        other = db.engine.raw_connection()  # another connection sees only what is committed
        cursor = other.cursor()
        cursor.execute(f"SELECT count(*) FROM audit_entries WHERE action = '{VIEW}'")
        on_record.append(cursor.fetchone()[0])
        other.close()
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(keyring, "open_box", looking)
    assert view(depot, order, task=Task.LOOK, reason="The label came back").name == "Robin Example"
    assert on_record == [1]
    assert lines(depot.session) == [("packer", order.document, "look: The label came back")]


def fill_disk(session: Session) -> None:
    """Every line written to the record fails, as on a full disk."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(
            text("CREATE TRIGGER no_room BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    else:
        session.execute(
            text("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$")
        )
        session.execute(text("CREATE TRIGGER no_room BEFORE INSERT ON audit_entries EXECUTE FUNCTION no_room()"))


def take_table_away(session: Session) -> None:
    session.execute(text("ALTER TABLE audit_entries RENAME TO audit_away"))


@pytest.fixture
def mended(session: Session) -> Iterator[None]:
    """The next test finds the table as it was."""
    yield
    session.rollback()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("DROP FUNCTION IF EXISTS no_room CASCADE"))
        session.execute(text("ALTER TABLE IF EXISTS audit_away RENAME TO audit_entries"))
    session.commit()


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("breaks", [fill_disk, take_table_away])
def test_nothing_is_opened_if_the_record_cannot_be_written(
    depot: Depot, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, breaks: Callable[[Session], None]
) -> None:
    order = labelled_next(depot, name="Canary Quill")
    sign_in(client, "packer")
    sign_in(manager := client.application.test_client(), "manager")
    breaks(depot.session)
    depot.session.commit()
    with opened(monkeypatch) as boxes, pytest.raises(DatabaseError):
        view(depot, order)
    depot.session.rollback()
    assert boxes == []
    client.application.testing = False  # answer as in service
    for visitor, path, form in (
        (client, f"/desk/orders/{order.number}/label", {}),
        (manager, "/desk/carrier-file", {"order": order.number}),
        (manager, f"/address/{order.number}/show", {"reason": "unclear"}),
    ):
        answer = post(visitor, path, **form)
        assert answer.status_code in (500, 503), path
        assert "Canary" not in answer.text and "CANARY" not in answer.text
    depot.session.expire_all()
    assert order.parcel is not None and order.parcel.labelled_on is None


def test_nothing_is_opened_without_the_right_to_write_the_record(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's own word on PostgreSQL; SQLite has no rights, so there the connection is made read-only."""
    order, session = depot.request(), depot.session
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA query_only = ON"))
        undo = ["PRAGMA query_only = OFF"]
    else:
        role = f"no_audit_{secrets.token_hex(4)}"
        session.execute(text(f"CREATE ROLE {role}"))
        session.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        session.execute(text(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"))
        session.execute(text(f"REVOKE INSERT ON audit_entries FROM {role}"))
        session.execute(text(f"SET ROLE {role}"))
        undo = []  # the role is made and taken in this transaction alone
    try:
        with opened(monkeypatch) as boxes, pytest.raises(DatabaseError):
            identity.view_all(session, [order], depot.keys, task=Task.LABEL, by="packer", at=clock.now())
        assert boxes == []
    finally:
        session.rollback()
        connection = db.engine.raw_connection()  # on SQLite not even a transaction begins
        for statement in undo:
            connection.cursor().execute(statement)
        connection.commit()
        connection.close()


def labelled_next(depot: Depot, **person: str) -> Order:
    """A packed order that waits for its label."""
    depot.shelve(lot=secrets.token_hex(4))
    order = depot.allocated(**{"line1": f"{secrets.randbelow(90_000) + 1} Sample St", **person})
    packer = depot.user("packer")
    for pick in order.allocations:
        for _ in range(pick.quantity):
            workflow.take(depot.session, pick, packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    depot.session.commit()
    return order


def test_a_box_that_does_not_open_was_seen_by_nobody(depot: Depot) -> None:
    orders = [depot.request(), depot.request()]
    good = orders[0]
    orders[1].proof = b"0" * 32
    depot.session.commit()
    with pytest.raises(identity.SealBroken):
        identity.view_all(depot.session, orders, depot.keys, task=Task.CARRIER, by="packer", at=clock.now())
    assert [reason for *_, reason in lines(depot.session, FAILED)] == [
        "carrier file: with another",
        "carrier file: SealBroken",
    ]
    (depot.settings.keyring / f"{good.epoch}.key").unlink()
    with pytest.raises(KeyGone):
        view(depot, good)
    assert len(lines(depot.session)) == len(lines(depot.session, FAILED)) == 3


@pytest.mark.parametrize(("count", "hours", "words"), [(MOST_AN_HOUR, 0.5, "hour"), (MOST_A_DAY, 20, "24 hours")])
def test_a_person_opens_only_so_many(depot: Depot, count: int, hours: float, words: str) -> None:
    order = depot.request()
    seen_before(depot.session, "packer", count - 1, hours=hours)
    assert view(depot, order).name == "Robin Example"
    order.note = "what the caller was about to do"
    with pytest.raises(TooManyViews) as refused:
        view(depot, order)
    assert f"You have opened {count} addresses in the last {words}" in str(refused.value)
    depot.session.expire_all()
    assert order.note == ""
    assert view(depot, order, by="other-packer").name == "Robin Example"
    assert view(depot, order, at=clock.now() + timedelta(hours=25)).name == "Robin Example"
    assert [reason for *_, reason in lines(depot.session, REFUSED)] == [
        f"label: 1 more would pass {count} in the last {words}"
    ]


def test_a_batch_counts_each_and_is_refused_whole(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [depot.request() for _ in range(3)]
    seen_before(depot.session, "packer", MOST_AN_HOUR - 2)
    with opened(monkeypatch) as boxes, pytest.raises(TooManyViews):
        identity.view_all(depot.session, orders, depot.keys, task=Task.CARRIER, by="packer", at=clock.now())
    assert boxes == [] and len(lines(depot.session)) == MOST_AN_HOUR - 2
    people = identity.view_all(depot.session, orders[:2], depot.keys, task=Task.CARRIER, by="packer", at=clock.now())
    assert len(people) == 2 and len(lines(depot.session)) == MOST_AN_HOUR


def test_the_admins_are_told_once_an_hour_of_each(depot: Depot) -> None:
    order, begin = depot.request(), clock.now().replace(minute=1)
    at = [begin, begin + timedelta(minutes=5), begin + timedelta(minutes=61)]
    with clock.at(begin):
        seen_before(depot.session, "packer", MOST_A_DAY)
        seen_before(depot.session, "other-packer", MOST_A_DAY)
    for by, moment in [("packer", at[0]), ("packer", at[1]), ("other-packer", at[1]), ("packer", at[2])]:
        with pytest.raises(TooManyViews):
            view(depot, order, by=by, at=moment)
    mails = depot.session.scalars(select(Message).order_by(Message.id)).all()
    assert [(mail.to, mail.body.split()[0]) for mail in mails] == [
        ("admin@example.org", who) for who in ("packer", "other-packer", "packer")
    ]
    assert not any(order.number in mail.body + mail.subject for mail in mails)


def test_two_at_once_cannot_both_be_the_last_allowed(app: Flask, depot: Depot) -> None:
    ids = [depot.request().id for _ in range(6)]
    seen_before(depot.session, "packer", MOST_AN_HOUR - 2)
    outcome: list[str] = []

    def looker(order_id: int) -> None:
        with app.app_context():
            order = db.session.get_one(Order, order_id)
            try:
                outcome.append(
                    identity.view(db.session(), order, depot.keys, task=Task.LABEL, by="packer", at=clock.now()).name
                )
            except TooManyViews:
                outcome.append("refused")
            finally:
                db.session.remove()

    depot.session.commit()
    threads = [Thread(target=looker, args=(order_id,)) for order_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcome) == ["Robin Example"] * 2 + ["refused"] * 4


def test_the_count_is_read_from_an_index(depot: Depot) -> None:
    """Flat in the size of the record: only the person's own lines of the last day are read."""
    session = depot.session
    query = str(
        select(func.count())
        .where(AuditEntry.actor == "packer", AuditEntry.at >= clock.now(), AuditEntry.action == VIEW)
        .compile(session.get_bind(), compile_kwargs={"literal_binds": True})
    )
    if session.get_bind().dialect.name == "sqlite":
        plan = str(session.execute(text(f"EXPLAIN QUERY PLAN {query}")).all())
    else:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = str(session.execute(text(f"EXPLAIN {query}")).all())
    assert re.search(r"ix_audit_entries_act(or|ion)_at\b", plan) and re.search(r"\bat\W{0,4}>", plan), plan


# -- as many lines as people who reached a response --


def words_in(answer: TestResponse) -> str:
    """What a person can read in an answer, in capitals."""
    if answer.mimetype == "application/pdf":
        told = run(["pdftotext", "-layout", "-", "-"], input=answer.data, capture_output=True, check=True)
        return told.stdout.decode().upper()
    return answer.get_data(as_text=True).upper()


def walk(depot: Depot, app: Flask, *more: str) -> tuple[int, int]:
    """Visit every page of staff that can be visited with an order, and `more`: (people read in answers, lines)."""
    orders = [labelled_next(depot, name=f"Canary Quill {letter}") for letter in "ABCDE"]
    held = depot.request({"syringe-kit": 1}, zip="10001", state="NY", name="Canary Quill F")
    depot.settle()
    assert held.status == Status.HELD
    names = {order.number: f"CANARY QUILL {letter}" for order, letter in zip([*orders, held], "ABCDEF", strict=True)}
    a, b, c, d, e = (order.number for order in orders)
    f = held.number
    answers: list[TestResponse] = []
    for username in ("packer", "manager", "admin"):
        sign_in(client := app.test_client(), username)
        rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
        paths = {path.replace("<number>", number) for path in rules for number in (a, f)}
        skipped = ("/sign", "/static", "/leave")
        answers += [client.get(path) for path in sorted(paths) if "<" not in path and not path.startswith(skipped)]
    sign_in(packer := app.test_client(), "packer")
    sign_in(manager := app.test_client(), "manager")
    answers += [post(packer, f"/desk/orders/{a}/label"), post(packer, f"/desk/orders/{a}/label")]
    answers += [post(packer, f"/desk/orders/{b}/scan", scan=b), post(packer, f"/desk/orders/{b}/ship")]
    answers += [
        post(manager, f"/address/{c}/show", reason="unclear"),
        post(manager, f"/address/{f}/show", reason="asked"),
    ]
    answers += [post(manager, f"/address/{c}/show"), post(packer, f"/address/{c}/show", reason="unclear")]
    answers += [post_orders(packer, d), post_orders(manager, d, e), post_orders(manager, d)]
    answers += [manager.get(path.replace("<number>", b)) for path in more]
    depot.session.expire_all()
    read = sum(name in words_in(answer) for answer in answers for name in names.values())
    return read, len(lines(depot.session)) - len(lines(depot.session, FAILED))


def post_orders(client: FlaskClient, *numbers: str) -> TestResponse:
    token = client.get("/desk").text.split('name="csrf_token" value="')[1].split('"')[0]
    return client.post("/desk/carrier-file", data={"csrf_token": token, "order": list(numbers)})


def test_every_person_who_reached_an_answer_is_on_record(depot: Depot, app: Flask) -> None:
    read, written = walk(depot, app)
    assert read == written == 6  # two labels, two looks, two in the carrier file


def test_control_a_second_door_is_found(depot: Depot) -> None:
    app, planted = own_application(depot.settings), Blueprint("planted", __name__)

    @planted.get("/planted/<number>")
    def peek(number: str) -> str:
        order = db.session.scalars(select(Order).where(Order.number == number)).one()
        return identity.open_person(order, Keys.of(depot.settings)).name

    app.register_blueprint(planted)
    read, written = walk(depot, app, "/planted/<number>")
    assert (read, written) == (13, 6)  # two orders, three people who peeked, and what went the right way


# -- and by reading the code --


def openers(source: str) -> set[str]:
    """The functions of a module that open a person's box."""
    return {
        function.name
        for function in ast.walk(ast.parse(source))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if (isinstance(node, ast.Name) and node.id in ("open_person", "open_box", "open_words"))
        or (isinstance(node, ast.Attribute) and node.attr in ("open_person", "open_box", "open_words", "from_text"))
    }


def test_boxes_are_opened_where_we_know_of() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for package in ("distro", "geo", "inventory", "orders")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (names := openers(path.read_text()))
    }
    assert found == DOORS


def test_control_a_second_opener_in_the_code_is_found() -> None:
    assert openers("def peek(order, keys):\n    return identity.open_person(order, keys).name\n") == {"peek"}
    assert openers("def peek(order):\n    return keyring.open_box(1, 2, 3, 4)\n") == {"peek"}


def test_too_many_are_refused_on_the_page_too(depot: Depot, client: FlaskClient) -> None:
    order = labelled_next(depot, name="Canary Quill")
    sign_in(client, "packer")
    seen_before(depot.session, "packer", MOST_AN_HOUR)
    answer = post(client, f"/desk/orders/{order.number}/label")
    assert answer.status_code == 429 and "Try again later" in said(answer)[0]
    depot.session.expire_all()
    assert order.parcel is not None and order.parcel.labelled_on is None

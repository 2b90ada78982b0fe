"""A recalled lot goes out of every box that has not left, and whoever has some of it reads so, also after erasure.

Length: one recall is followed through every state an order can be in.
"""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from distro import clock, jobs
from distro.audit import AuditEntry
from distro.db import db
from inventory import recalls
from inventory.models import KitComponent, Lot, Recall
from orders import notices, order_news, queries, recalling, retention, workflow
from orders.models import Notice, Order, Status
from orders.telling import News
from tests.depot import Depot, sign_in
from tests.staff import post, said

TEXT, TEXT_ES = "Please do not use it.", "Por favor no lo use."
WORDS = {"text": TEXT, "text_es": TEXT_ES}
NONCE = b"0123456789abcdef"


def pack(depot: Depot, order: Order) -> Order:
    packer, today = depot.user("packer"), clock.today()
    for allocation in order.allocations:
        workflow.pick(depot.session, order, allocation.lot.number, packer=packer, today=today)
    workflow.pack(depot.session, order, packer=packer, today=today)
    return order


def label(depot: Depot, order: Order) -> Order:
    workflow.note_label(depot.session, pack(depot, order), at=clock.now())
    depot.session.commit()
    return order


def ship(depot: Depot, **request: object) -> Order:
    order = label(depot, depot.allocated(**request))  # type: ignore[arg-type]
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=clock.today())
    depot.session.commit()
    return order


def recall(depot: Depot, lot: Lot) -> int:
    made = recalls.recall(depot.session, lot, **WORDS, by="manager", at=clock.now())
    told = recalling.warn(depot.session, made)
    depot.session.commit()
    return told


def test_a_manager_recalls_a_lot_wherever_it_is(depot: Depot, client: FlaskClient) -> None:
    lot = depot.shelve(quantity=100)
    sent, erased = ship(depot, email="robin@example.org"), ship(depot)
    retention.erase(depot.session, erased, at=clock.now())
    allocated, picking, packed = depot.allocated(), depot.allocated(), pack(depot, depot.allocated())
    workflow.claim(depot.session, picking, depot.user("packer"))
    depot.shelve(quantity=100, lot="LOT2", days=900)
    other = depot.shelve(quantity=5, lot="LOT3", days=950)
    sign_in(client, "manager")
    page = client.get(f"/stock/lots/{lot.id}/recall").text
    assert "Please do not use this: Naloxone nasal, lot number LOT1." in page and "naloxone-nasal (es)" in page
    assert '<td class="text-end">3</td><td class="text-end">2</td><td class="text-end">1</td>' in page
    bad = post(client, f"/stock/lots/{lot.id}/recall", text=TEXT, text_es="")
    assert bad.status_code == 422 and "both languages" in said(bad)[0]
    assert depot.session.scalar(select(Recall.id)) is None
    answer = post(client, f"/stock/lots/{lot.id}/recall", **WORDS)
    assert answer.status_code == 303, answer.text
    jobs.withdraw_recalled(depot.session, depot.settings)
    depot.session.expire_all()
    assert lot.held and not other.held
    assert {order.status for order in (allocated, picking, packed)} == {Status.WAITING}
    depot.settle()
    for order in (allocated, picking, packed):
        assert order.status == Status.ALLOCATED and {a.lot.number for a in order.allocations} == {"LOT2"}
    assert packed.parcel is None
    assert depot.balance(lot).reserved == 0
    noticed = set(depot.session.scalars(select(Notice.order_id)))
    assert noticed == {sent.id, erased.id} and (sent.news, erased.news) == (News.RECALL, "")
    told = depot.session.execute(select(AuditEntry.actor, AuditEntry.action, AuditEntry.subject)).all()
    assert ("manager", "recall lot", "LOT-LOT1") in told and ("manager", "hold lot", "LOT-LOT1") in told
    listed = client.get(f"/stock/lots/{lot.id}/recall/orders.csv").text.splitlines()
    assert listed[0] == "order,status,state,closed" and {line.split(",")[0] for line in listed[1:]} == {
        sent.number,
        erased.number,
    }
    assert "Recalled on" in client.get(f"/stock/lots/{lot.id}").text


def test_nobody_is_told_to_put_the_only_naloxone_away(depot: Depot, client: FlaskClient) -> None:
    lot, other = depot.shelve(quantity=5), depot.shelve("fentanyl-strips", quantity=5, lot="LOTF")
    depot.item("naloxone-nasal").kind = "naloxone"
    ship(depot, nonce=NONCE)
    kit = depot.item("fentanyl-strips")
    sign_in(client, "manager")
    page = client.get(f"/stock/lots/{lot.id}/recall").text
    assert page.count("In an emergency, use it and call 911. Ask for a new one with your code.") == 4
    assert page.count("En una emergencia, úselo y llame al 911.") == 4 and "Please do not use" not in page
    assert "Let a clinician decide these words" in page and "goes on hold" in page
    strips = client.get(f"/stock/lots/{other.id}/recall").text
    assert "Please do not use this" in strips and "911" not in strips, "the control"
    depot.session.add(KitComponent(kit_id=kit.id, component_id=lot.item_id, quantity=1))
    depot.session.commit()
    assert "Please do not use" not in client.get(f"/stock/lots/{other.id}/recall").text, "a kit with some in it"
    recall(depot, lot)
    page = client.get(f"/stock/lots/{lot.id}/recall").text
    assert "is on hold" in page and "was told" in page and "goes on hold" not in page
    notice = client.post("/status", data={"code": depot.code_of(NONCE)}).text.split("</section>")[0]
    assert '<form method="post" action="/again">' in notice and "Ask for new ones here" in notice


def test_the_notice_reaches_whoever_has_the_code_and_nobody_else(depot: Depot, client: FlaskClient) -> None:
    lot = depot.shelve(quantity=100)
    gone, here = ship(depot, nonce=NONCE), ship(depot, nonce=NONCE[::-1])
    retention.erase(depot.session, gone, at=clock.now())
    depot.session.commit()
    erased, kept, wrong = depot.code_of(NONCE), depot.code_of(NONCE[::-1]), "able able able able able"
    before = [client.post("/status", data={"code": code}) for code in (erased, wrong)]
    assert [page.status_code for page in before] == [404, 404]
    recall(depot, lot)
    page = client.post("/status", data={"code": erased})
    assert page.status_code == 200 and TEXT in page.text and 'href="/">Ask for new ones' in page.text
    for told in ("in the mail", 'formaction="/cancel"', 'formaction="/erase"', "Ohio", "Sampleton", "LOT1"):
        assert told not in page.text, "the notice and no word of the request"
    spanish = client.post("/es/status", data={"code": erased}).text
    assert TEXT_ES in spanish and TEXT not in spanish and "Aviso de seguridad" in spanish
    whole = client.post("/status", data={"code": kept}).text
    assert whole.index(TEXT) < whole.index("<h1>") and "in the mail" in whole, "above everything"
    assert client.post("/status", data={"code": wrong}).status_code == 404
    assert client.post("/cancel", data={"code": erased}).status_code == 404, "every other page knows it no more"
    assert here.news == News.RECALL


def test_one_query_for_every_code(depot: Depot) -> None:
    """The same statement, with or without a notice, so that its time tells nothing."""
    lot = depot.shelve(quantity=100)
    for nonce in (NONCE, NONCE[::-1]):
        ship(depot, nonce=nonce)
    ran: list[tuple[str, object]] = []
    listen = (db.engine, "before_cursor_execute", lambda *given: ran.append(given[2:4]))
    event.listen(*listen)
    try:
        code_tag = depot.session.scalars(select(Order.code_tag)).first() or b""
        for tags in ([b"x" * 32], [code_tag]):
            assert notices.of_tags(depot.session, tags) == []
        recall(depot, lot)
        assert notices.of_tags(depot.session, [code_tag]) == [TEXT]
    finally:
        event.remove(*listen)
    [statement] = {statement for statement, _given in ran if "WITH RECURSIVE mine" in statement}
    if db.engine.dialect.name == "sqlite":  # by indices from the code on: an unknown one reads no notice at all
        given = next(given for told, given in ran if told == statement)
        plan = depot.session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given).all()
        assert not any("SCAN notices" in row[3] or "SCAN orders" in row[3] for row in plan), plan


def test_where_another_went_in_its_place_the_code_has_the_notices_of_both(depot: Depot) -> None:
    lot = depot.shelve(quantity=100)
    lost, again, unlike = ship(depot), ship(depot), ship(depot)
    lost.resent_as_id, lost.erased_on, lost.sealed = again.id, clock.today(), None
    depot.session.query(Notice).delete()
    depot.session.commit()
    recalls.recall(depot.session, lot, **WORDS, by="manager", at=clock.now())
    depot.session.add(Notice(order_id=lost.id, recall_id=depot.session.scalars(select(Recall.id)).one()))
    depot.session.commit()
    assert notices.of_tags(depot.session, [again.code_tag]) == [TEXT]
    assert notices.of_tags(depot.session, [unlike.code_tag]) == []


def test_the_one_with_the_address_is_told_of_what_the_lost_one_held(depot: Depot) -> None:
    first = depot.shelve(quantity=1)
    lost = ship(depot)
    depot.shelve(quantity=100, lot="LOT2")
    again = ship(depot)
    lost.resent_as_id, lost.erased_on, lost.sealed, lost.news = again.id, clock.today(), None, ""
    depot.session.commit()
    assert recall(depot, first) == 1
    depot.session.expire_all()
    assert (lost.news, again.news) == ("", News.RECALL)


def test_a_recall_is_made_once_for_all_funds_and_its_words_can_be_put_right(depot: Depot) -> None:
    lot = depot.shelve(quantity=100)
    sent = ship(depot, email="robin@example.org")
    assert recall(depot, lot) == 1
    sent.news = ""
    depot.session.commit()
    made = recalls.recall(depot.session, lot, text="Now better.", text_es="Ahora mejor.", by="manager", at=clock.now())
    assert recalling.warn(depot.session, made) == 0 and len(made) == 1 and made[0].text == "Now better."
    assert sent.news == "", "nobody is told twice"
    with pytest.raises(recalls.LotRecalled):
        recalls.hold(depot.session, lot, held=False, reason="found", by="manager", at=clock.now())


def test_what_comes_in_later_of_a_recalled_lot_is_recalled_too(depot: Depot) -> None:
    """By another fund, and typed in small letters; another item's lot of that number is not."""
    lot = depot.shelve(lot="LX")
    recall(depot, lot)
    later = [depot.shelve(lot="LX", fund="FED"), depot.shelve(lot="lx"), depot.shelve(lot="lx", fund="FED")]
    unlike = depot.shelve("fentanyl-strips", lot="LX")
    depot.session.commit()
    assert [one.held for one in (*later, unlike)] == [True, True, True, False]
    words = {tuple(row) for row in depot.session.execute(select(Recall.lot_id, Recall.text, Recall.text_es))}
    assert words == {(one.id, TEXT, TEXT_ES) for one in (lot, *later)}
    for one in later:
        with pytest.raises(recalls.LotRecalled):
            recalls.hold(depot.session, one, held=False, reason="oops", by="manager", at=clock.now())
    recalls.hold(depot.session, unlike, held=True, reason="look", by="manager", at=clock.now())
    recalls.hold(depot.session, unlike, held=False, reason="fine", by="manager", at=clock.now())
    order = depot.request()
    depot.settle()
    assert order.status == Status.WAITING


def test_two_managers_who_recall_one_lot_at_once_both_have_done_it(app: Flask, depot: Depot) -> None:
    lot_id = depot.shelve().id
    depot.session.commit()
    done: list[int] = []
    go = threading.Barrier(2)

    def run() -> None:
        with app.app_context():
            session = db.session()
            go.wait()
            made = recalls.recall(session, session.get_one(Lot, lot_id), **WORDS, by="manager", at=clock.now())
            session.commit()
            done.append(made[0].id)
            db.session.remove()

    both = [threading.Thread(target=run) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(done) == 2 and depot.session.scalars(select(Recall.id)).all() == [done[0]]


def test_a_box_with_a_label_is_left_to_a_person(depot: Depot, client: FlaskClient) -> None:
    """It may be at the post office: it keeps its lot and gets its notice; here it is unpacked, gone it is shipped."""
    lot = depot.shelve(quantity=10)
    here, gone = (label(depot, depot.allocated(nonce=one, email="robin@example.org")) for one in (NONCE, NONCE[::-1]))
    packed = pack(depot, depot.allocated())
    sign_in(client, "manager")
    assert "with a label on" not in client.get("/desk").text
    assert recall(depot, lot) == 2
    with pytest.raises(workflow.LotHeld):  # before the scheduler has come round
        workflow.note_label(depot.session, packed, at=clock.now())
    depot.session.rollback()
    jobs.withdraw_recalled(depot.session, depot.settings)
    depot.session.expire_all()
    assert [one.status for one in (here, gone, packed)] == [Status.PACKED, Status.PACKED, Status.WAITING]
    assert [one.news for one in (here, gone)] == [News.RECALL] * 2 and depot.balance(lot).reserved == 2
    assert TEXT in client.post("/status", data={"code": depot.code_of(NONCE[::-1])}).text
    for path in ("/desk", f"/stock/lots/{lot.id}/recall"):
        page = client.get(path).text
        assert "with a label on" in page and here.number in page and gone.number in page and packed.number not in page
    page = client.get(f"/desk/orders/{gone.number}").text
    assert "Is the box still here?" in page and "It has left" in page
    refused = post(client, f"/desk/orders/{gone.number}/ship")
    assert refused.status_code == 409 and "If it has left already, a manager" in said(refused)[0]
    assert post(client, f"/desk/orders/{gone.number}/gone", reason=" ").status_code == 422
    packer = client.application.test_client()
    sign_in(packer, "packer")
    assert post(packer, f"/desk/orders/{gone.number}/gone", reason="seen").status_code == 403
    assert "ask a manager to mark it shipped" in packer.get(f"/desk/orders/{gone.number}").text
    assert post(client, f"/desk/orders/{gone.number}/gone", reason="It was handed over at noon").status_code == 303
    assert post(client, f"/desk/orders/{here.number}/unpack").status_code == 303
    depot.session.expire_all()
    assert (here.status, gone.status) == (Status.WAITING, Status.SHIPPED) and queries.promises_astray(
        depot.session
    ) == []
    assert depot.session.scalars(select(Notice.order_id)).all() == [gone.id]
    assert TEXT not in client.post("/status", data={"code": depot.code_of(NONCE)}).text
    reason = select(AuditEntry.reason).where(AuditEntry.action == "ship held")
    assert depot.session.scalars(reason).all() == ["It was handed over at noon"]
    assert (here.news, gone.news) == (News.RECALL, News.RECALL)
    mailing = replace(depot.settings, smtp_host="127.0.0.1")
    told = [order_news.pass_on(depot.session, one.id, mailing, at=clock.now()) for one in (here, gone)]
    assert told == [False, True], "nobody is told of a notice that was taken back"
    assert "with a label on" not in client.get("/desk").text


def test_what_left_in_the_instant_of_the_recall_is_found_within_the_hour(depot: Depot) -> None:
    lot = depot.shelve(quantity=100)
    assert recall(depot, lot) == 0
    lot.held = False  # as the packer's transaction saw it, which had begun before
    late = ship(depot)
    lot.held = True
    depot.session.commit()
    with clock.at(clock.now() + timedelta(hours=1)):
        jobs.withdraw_recalled(depot.session, depot.settings)
    assert depot.session.scalars(select(Notice.order_id)).all() == [late.id]


def test_the_statements_do_not_grow_with_the_orders(depot: Depot) -> None:
    lot = depot.shelve(quantity=500)
    counts = []
    for more in (1, 6):
        for _ in range(more):
            ship(depot)
        ran: list[str] = []
        listen = (db.engine, "before_cursor_execute", lambda *given, ran=ran: ran.append(given[2]))
        event.listen(*listen)
        try:
            made = recalls.recall(depot.session, lot, **WORDS, by="manager", at=clock.now())
            recalling.warn(depot.session, made)
        finally:
            event.remove(*listen)
        counts.append(sum("notices" in statement or "UPDATE orders" in statement for statement in ran))
        depot.session.rollback()
    assert counts == [2, 2]


def test_who_may_recall(depot: Depot, client: FlaskClient) -> None:
    """A packer asks a manager, and a manager of one warehouse recalls what stood there."""
    here, there = depot.shelve(), depot.shelve(site="MN", lot="LOT9")
    depot.user("manager").site_code = "OH"
    depot.session.commit()
    sign_in(client, "manager")
    assert post(client, f"/stock/lots/{there.id}/recall", **WORDS).status_code == 403
    assert depot.session.scalar(select(Recall.id)) is None
    assert "can recall it" in client.get(f"/stock/lots/{there.id}/recall").text
    assert post(client, f"/stock/lots/{here.id}/recall", **WORDS).status_code == 303
    held = post(client, f"/stock/lots/{here.id}/hold", held="0", reason="found")
    assert held.status_code == 409 and "stays on hold" in said(held)[0]

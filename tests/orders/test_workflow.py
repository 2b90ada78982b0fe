"""From triage to the post, and every way it can be refused.

Length: one order's life is one subject, and each step has its refusals.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from distro import audit, clock
from inventory import ledger
from inventory.models import Demand, Movement
from orders import queries, triage, workflow
from orders.models import Order, Status
from tests.depot import Depot


def pick_all(depot: Depot, order: Order, username: str = "packer") -> None:
    for allocation in order.allocations:
        for _ in range(allocation.quantity):
            workflow.pick(depot.session, order, allocation.lot.number, packer=depot.user(username), today=clock.today())


def now() -> Any:
    """The two arguments that say when a step is taken."""
    return {"at": clock.now(), "today": clock.today()}


def packed(depot: Depot) -> Order:
    order = depot.allocated({"naloxone-nasal": 2})
    pick_all(depot, order)
    workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())
    return order


def test_an_order_goes_all_the_way(depot: Depot) -> None:
    lot = depot.shelve(quantity=10)
    order = packed(depot)
    workflow.note_label(depot.session, order, at=clock.now())
    workflow.ship(depot.session, order, by="packer", **now())
    depot.session.commit()
    assert order.status == Status.SHIPPED
    assert (depot.balance(lot).on_hand, depot.balance(lot).reserved) == (8, 0)
    kinds = depot.session.scalars(select(Movement.kind).order_by(Movement.id)).all()
    assert kinds == ["receive", "reserve", "ship"]
    assert not list(ledger.differences(depot.session))


def test_the_lot_that_expires_first_leaves_first(depot: Depot) -> None:
    depot.shelve(quantity=10, lot="LATER", days=600)
    first = depot.shelve(quantity=1, lot="SOONER", days=300)
    order = depot.allocated({"naloxone-nasal": 2})
    assert [(a.lot.number, a.quantity) for a in order.allocations] == [("LATER", 1), ("SOONER", 1)]
    assert depot.balance(first).available == 0


def test_a_lot_with_too_little_life_left_is_not_used(depot: Depot) -> None:
    depot.shelve(quantity=10, days=depot.item("naloxone-nasal").min_life_days - 1)
    order = depot.request()
    depot.settle()
    assert order.status == Status.WAITING


def test_a_fund_pays_only_for_what_and_where_it_may(depot: Depot) -> None:
    depot.shelve(quantity=10, fund="FED")
    depot.shelve("fentanyl-strips", quantity=10, fund="FED", lot="STRIPS")
    assert depot.allocated(zip="43215", state="OH").status == Status.ALLOCATED
    elsewhere = depot.request(zip="55401", state="MN")
    strips = depot.request({"fentanyl-strips": 1})
    depot.settle()
    assert (elsewhere.status, strips.status) == (Status.WAITING, Status.WAITING)


def test_the_nearest_site_sends(depot: Depot) -> None:
    depot.shelve(site="OH", lot="OHIO")
    depot.shelve(site="MN", lot="MINN")
    order = depot.allocated(zip="55401", state="MN")
    assert order.site is not None and order.site.code == "MN"


def test_what_waits_is_tried_again_when_stock_comes(depot: Depot) -> None:
    order = depot.request()
    depot.settle()
    assert order.status == Status.WAITING
    depot.shelve()
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED


def test_a_zip_in_another_state_is_held(depot: Depot) -> None:
    depot.shelve()
    order = depot.request(zip="43215", state="MN")
    depot.settle()
    assert order.status == Status.HELD and "address" in order.note


def test_what_the_rules_bar_is_held_and_cannot_be_released_into_the_post(depot: Depot) -> None:
    depot.shelve("smoking-kit", lot="S1")
    order = depot.request({"smoking-kit": 1})
    depot.settle()
    assert order.status == Status.HELD and "smoking-kit" in order.note
    triage.release(depot.session, order, reason="looked at", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.HELD


def test_a_person_releases_what_needs_a_look(depot: Depot) -> None:
    depot.shelve("syringe-kit", site="MN", lot="K1")
    order = depot.request({"syringe-kit": 1}, zip="10001", state="NY")
    depot.settle()
    assert order.status == Status.HELD
    triage.release(depot.session, order, reason="approval seen", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert audit.count(depot.session, action="release", subject=order.document) == 1


def test_two_packers_on_one_order(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated()
    workflow.claim(depot.session, order, depot.user("packer"))
    with pytest.raises(workflow.TakenBySomeone, match="packed by packer"):
        workflow.claim(depot.session, order, depot.user("other-packer"))
    workflow.unclaim(depot.session, order)
    workflow.claim(depot.session, order, depot.user("other-packer"))


def test_a_wrong_lot_names_the_right_one(depot: Depot) -> None:
    depot.shelve(lot="RIGHT")
    order = depot.allocated()
    with pytest.raises(workflow.WrongLot, match="Look for RIGHT"):
        workflow.pick(depot.session, order, "WRONG", packer=depot.user("packer"), today=clock.today())


def test_a_lot_too_old_to_send_or_held_cannot_be_picked(depot: Depot) -> None:
    lot = depot.shelve(days=100)
    order = depot.allocated()
    later = clock.today() + timedelta(days=100)
    with pytest.raises(workflow.LotTooOld):
        workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=later)
    lot.held = True
    with pytest.raises(workflow.LotHeld):
        workflow.pick(depot.session, order, "LOT1", packer=depot.user("packer"), today=clock.today())


def test_one_unit_too_many_is_refused(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated({"naloxone-nasal": 1})
    pick_all(depot, order)
    with pytest.raises(workflow.AlreadyPicked):
        pick_all(depot, order)


def test_nothing_is_packed_before_all_is_picked(depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated()
    with pytest.raises(workflow.NotAllPicked):
        workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())


def test_nothing_ships_without_a_label_and_nothing_ships_twice(depot: Depot) -> None:
    lot = depot.shelve(quantity=10)
    order = packed(depot)
    with pytest.raises(workflow.NotLabelled):
        workflow.ship(depot.session, order, by="packer", **now())
    workflow.note_label(depot.session, order, at=clock.now())
    workflow.ship(depot.session, order, by="packer", **now())
    with pytest.raises(workflow.AlreadyMoved):
        workflow.ship(depot.session, order, by="packer", **now())
    assert depot.balance(lot).on_hand == 8


def test_a_second_label_is_told_from_the_first(depot: Depot) -> None:
    depot.shelve()
    order = packed(depot)
    assert [workflow.note_label(depot.session, order, at=clock.now()) for _ in range(2)] == [False, True]


def test_cancelling_gives_stock_back_until_the_label_is_printed(depot: Depot) -> None:
    lot = depot.shelve(quantity=10)
    order = packed(depot)
    workflow.cancel(depot.session, order, by="participant", at=clock.now())
    assert order.status == Status.CANCELLED and depot.balance(lot).reserved == 0
    labelled = packed(depot)
    workflow.note_label(depot.session, labelled, at=clock.now())
    with pytest.raises(workflow.AlreadyMoved):
        workflow.cancel(depot.session, labelled, by="participant", at=clock.now())


def test_what_is_not_on_the_shelf_is_corrected_and_planned_again(depot: Depot) -> None:
    gone = depot.shelve(quantity=2, lot="GONE", days=300)
    depot.shelve(quantity=10, lot="THERE", days=600)
    order = depot.allocated({"naloxone-nasal": 2})
    workflow.report_missing(
        depot.session, order.allocations[0], found=0, by="packer", at=clock.now(), today=clock.today()
    )
    depot.session.commit()
    assert depot.balance(gone).on_hand == 0
    depot.settle()
    assert [a.lot.number for a in order.allocations] == ["THERE"]
    assert not list(ledger.differences(depot.session))


def test_what_no_warehouse_sends_there_is_held_even_where_the_rules_allow_it(depot: Depot) -> None:
    depot.shelve("syringe-kit", site="MN", lot="K1")
    depot.site("MN").ships_to = ["NY"]
    order = depot.request({"syringe-kit": 1}, zip="55401", state="MN")
    depot.settle()
    assert order.status == Status.HELD and "syringe-kit" in order.note


def labelled(depot: Depot) -> Order:
    order = packed(depot)
    workflow.note_label(depot.session, order, at=clock.now())
    return order


@pytest.mark.parametrize("step", ["pack", "ship"])
def test_a_lot_held_after_it_was_picked_does_not_leave(depot: Depot, step: str) -> None:
    lot = depot.shelve()
    order = labelled(depot) if step == "ship" else depot.allocated()
    if step == "pack":
        pick_all(depot, order)
    lot.held = True
    depot.session.flush()
    with pytest.raises(workflow.LotHeld):
        if step == "ship":
            workflow.ship(depot.session, order, by="packer", **now())
        else:
            workflow.pack(depot.session, order, packer=depot.user("packer"), today=clock.today())


def test_a_box_that_stood_too_long_does_not_leave(depot: Depot) -> None:
    lot = depot.shelve(days=100)
    order = labelled(depot)
    with pytest.raises(workflow.LotTooOld):
        workflow.ship(depot.session, order, by="packer", at=clock.now(), today=lot.send_until + timedelta(days=1))
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=lot.send_until)


def test_unpacking_frees_the_stock_tears_up_the_label_and_plans_anew(depot: Depot) -> None:
    lot = depot.shelve(lot="RECALLED", days=300)
    order = labelled(depot)
    lot.held = True
    depot.shelve(lot="GOOD", days=600)
    workflow.unpack(depot.session, order, by="packer", at=clock.now())
    depot.session.commit()
    assert (order.status, order.parcel, depot.balance(lot).reserved) == (Status.WAITING, None, 0)
    depot.settle()
    assert [a.lot.number for a in order.allocations] == ["GOOD"]
    assert queries.promises_astray(depot.session) == []


def test_a_held_lot_reported_from_the_shelf_is_not_written_off(depot: Depot) -> None:
    lot = depot.shelve(quantity=10)
    order = depot.allocated({"naloxone-nasal": 2})
    lot.held = True
    workflow.report_missing(depot.session, order.allocations[0], found=0, by="packer", **now())
    assert (depot.balance(lot).on_hand, depot.balance(lot).reserved) == (10, 0)


def test_what_is_packed_cannot_be_reported_missing(depot: Depot) -> None:
    depot.shelve()
    order = packed(depot)
    with pytest.raises(workflow.AlreadyMoved):
        workflow.report_missing(depot.session, order.allocations[0], found=0, by="packer", **now())


def test_two_items_with_one_lot_number_are_told_apart(depot: Depot) -> None:
    depot.shelve("naloxone-nasal", lot="SAME")
    depot.shelve("fentanyl-strips", lot="SAME", bin="B-01")
    order = depot.allocated({"naloxone-nasal": 1, "fentanyl-strips": 1})
    packer, today = depot.user("packer"), clock.today()
    with pytest.raises(workflow.SeveralFit):
        workflow.pick(depot.session, order, "SAME", packer=packer, today=today)
    depot.item("naloxone-nasal").gtin = "00300000000018"
    depot.item("fentanyl-strips").gtin = "00300000000025"
    picked = workflow.pick(depot.session, order, "(01)00300000000018(10)SAME", packer=packer, today=today)
    assert picked.lot.item.code == "naloxone-nasal"
    workflow.take(depot.session, order.allocations[1], packer=packer, today=today)
    assert [a.picked for a in order.allocations] == [1, 1]


def test_an_order_that_moved_on_is_left_alone_by_triage(depot: Depot) -> None:
    depot.shelve(quantity=10)
    order = labelled(depot)
    triage.settle(depot.session, order, depot.desk())
    assert order.status == Status.PACKED and len(order.allocations) == 1
    assert queries.promises_astray(depot.session) == []


def test_a_person_can_release_an_address_whose_zip_and_state_do_not_agree(depot: Depot) -> None:
    depot.shelve()
    order = depot.request(zip="43215", state="MN")
    depot.settle()
    triage.release(depot.session, order, reason="the map was wrong", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == Status.ALLOCATED


def test_there_the_rules_of_both_places_count(depot: Depot) -> None:
    depot.shelve("syringe-kit", site="MN", lot="K1")
    order = depot.request({"syringe-kit": 1}, zip="43215", state="MN")  # Minnesota allows it, Ohio does not
    triage.settle(depot.session, order, depot.desk())
    triage.release(depot.session, order, reason="looked at", by="manager", at=clock.now())
    triage.settle(depot.session, order, depot.desk())
    assert order.status == Status.HELD and "may not send" in order.note


def test_demand_counts_what_may_be_sent_once_and_on_its_day(depot: Depot) -> None:
    depot.request({"smoking-kit": 1})
    depot.request({"naloxone-nasal": 2})
    depot.settle()
    depot.settle()
    rows = depot.session.scalars(select(Demand)).all()
    assert [(row.item_id, row.quantity) for row in rows] == [(depot.item("naloxone-nasal").id, 2)]


def test_what_waits_is_judged_again_when_its_warehouse_stops_sending_it(depot: Depot) -> None:
    order = depot.request()
    depot.settle()
    assert order.status == Status.WAITING
    for site in ("OH", "MN"):
        depot.site(site).ships_to = ["NY"]
    depot.session.commit()
    with clock.at(clock.now() + timedelta(hours=2)):
        depot.settle()
    assert order.status == Status.HELD

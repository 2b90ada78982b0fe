"""Another kind of one thing: only where its person takes it, only what may go there, never more of it."""

import json
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from distro import clock
from geo import ruletext
from inventory.models import Demand, Item, SiteItem
from orders import labels, substitution, triage, workflow
from orders.identity import is_proven
from orders.intake import Person, PersonUnreadable
from orders.models import Line, Order
from tests.depot import Depot, put_in_force, rule, sign_in

KINDS = ("syringe-kit", "syringe-kit-29g", "syringe-kit-30g", "syringe-kit-31g")
MN: dict[str, Any] = {"zip": "55401", "state": "MN"}
NEIGHBOUR = Person("Robin Example", "1 Sample St", "", "Sampleton", "MN", "55401")


def with_kinds(depot: Depot, **most: int) -> None:
    """Four kinds of syringe kits, which Minneapolis sends; rules name only the first, and so all of them."""
    first = depot.item("syringe-kit")
    first.family, first.variant, first.variant_es = "syringe-kit", "27G", "27G"
    for place, code in enumerate(KINDS[1:], 1):
        gauge = code.removeprefix("syringe-kit-").upper()
        values = {"name": f"Syringe kit {gauge}", "name_es": f"Kit de jeringas {gauge}", "detail": "", "detail_es": ""}
        kind = {"family": "syringe-kit", "variant": gauge, "variant_es": gauge, "kind": "syringes"}
        numbers = {"most_per_request": most.get(gauge, 3), "position": 10 + place}
        item = Item(code=code, letter=f"K{place}", unit="kits", **values, **kind, **numbers)
        depot.session.add(item)
        depot.session.flush()
        site_id = depot.site("MN").id
        depot.session.add(SiteItem(site_id=site_id, item_id=item.id, lead_time_days=14, safety_days=7))
    depot.session.commit()


def holds(order: Order) -> list[tuple[str, str | None, int]]:
    return [(one.item.code, one.asked_item.code if one.asked_item else None, one.quantity) for one in order.lines]


def test_the_closest_kind_there_is_goes_where_its_person_takes_it(depot: Depot) -> None:
    with_kinds(depot)
    depot.shelve("syringe-kit-31g", site="MN", lot="FAR")
    depot.shelve("syringe-kit-30g", site="MN", lot="NEAR")
    depot.shelve("syringe-kit-29g", 1, site="MN", lot="FEW")  # fewer than asked for
    order = depot.request({"syringe-kit": 2}, **MN, substitutes=("syringe-kit",))
    depot.settle()
    assert order.status == "allocated" and holds(order) == [("syringe-kit-30g", "syringe-kit", 2)]
    assert order.sealed is not None and is_proven(order, depot.keys, order.sealed)
    assert list(order.decision or {}) == ["syringe-kit-30g"] and [pick.lot.number for pick in order.allocations] == [
        "NEAR"
    ]
    counted = depot.session.execute(select(Item.code, Demand.quantity).join(Item, Item.id == Demand.item_id)).all()
    assert counted == [("syringe-kit", 2)]  # what was wanted, once


def test_control_without_a_word_it_waits_for_what_was_asked(depot: Depot) -> None:
    with_kinds(depot)
    depot.shelve("syringe-kit-29g", site="MN")
    order = depot.request({"syringe-kit": 2}, **MN)
    depot.settle()
    assert order.status == "waiting" and holds(order) == [("syringe-kit", None, 2)]


def with_strips(depot: Depot) -> None:
    """A second thing of which there are two kinds; rules allow all of it."""
    first = depot.item("fentanyl-strips")
    first.family, first.variant, first.variant_es = "strips", "brand A", "marca A"
    words = {"name": "Strips brand B", "name_es": "Tiras marca B", "detail": "", "detail_es": "", "unit": "strips"}
    kind = {"family": "strips", "variant": "brand B", "variant_es": "marca B", "kind": "strips", "letter": "Q"}
    second = Item(code="strips-b", **words, **kind, most_per_request=3, position=50)
    depot.session.add(second)
    depot.session.flush()
    site_id = depot.site("MN").id
    depot.session.add(SiteItem(site_id=site_id, item_id=second.id, lead_time_days=14, safety_days=7))
    rules = [rule("US", code, "allow") for code in ("fentanyl-strips", "naloxone-nasal", "strips-b")]
    put_in_force(depot.session, ruletext.new("Two families", "2", [*rules, rule("MN", "syringe-kit", "allow")]))
    depot.session.commit()


def test_a_word_for_one_thing_is_none_for_another_and_an_early_box_says_it_for_all(depot: Depot) -> None:
    with_kinds(depot)
    with_strips(depot)
    for lot, code in enumerate(("strips-b", "syringe-kit-29g")):
        depot.shelve(code, site="MN", lot=str(lot))
    both = {"syringe-kit": 1, "fentanyl-strips": 1}
    one = depot.request(both, **MN, substitutes=("syringe-kit",))
    all_of_it = depot.request(both, **MN, substitutes=("strips", "syringe-kit"))
    depot.settle()
    assert one.status == "waiting" and holds(one) == [(code, None, 1) for code in both]
    assert all_of_it.status == "allocated"
    assert {code for code, _asked, _units in holds(all_of_it)} == {"strips-b", "syringe-kit-29g"}
    for written, takes in ((True, True), (False, False), (None, False)):  # as boxes had it first
        told = {**json.loads(NEIGHBOUR.to_text()), "substitutes": written}
        if written is None:
            told.pop("substitutes")
        read = Person.from_text(json.dumps(told).encode())
        assert (read.takes_other("syringe-kit"), read.takes_other("")) == (takes, False)
    with pytest.raises(PersonUnreadable):
        Person.from_text(b"[]")


def test_what_was_asked_goes_first_and_comes_back_when_the_other_is_gone(depot: Depot) -> None:
    with_kinds(depot)
    lot = depot.shelve("syringe-kit-29g", 1, site="MN")
    order = depot.allocated({"syringe-kit": 1}, **MN, substitutes=("syringe-kit",))
    assert holds(order) == [("syringe-kit-29g", "syringe-kit", 1)]
    pick = order.allocations[0]
    workflow.report_missing(depot.session, pick, found=0, by="packer", at=clock.now(), today=clock.today())
    depot.shelve("syringe-kit", site="MN", lot="OWN")
    triage.settle(depot.session, order, depot.desk())
    depot.session.commit()
    assert order.status == "allocated" and holds(order) == [("syringe-kit", None, 1)]
    assert depot.balance(lot).on_hand == 0
    assert order.sealed is not None and is_proven(order, depot.keys, order.sealed)


def test_never_what_another_line_asks_for_nor_what_nobody_may_ask_for(depot: Depot) -> None:
    with_kinds(depot)
    depot.shelve("syringe-kit-29g", site="MN", lot="TWO")
    depot.shelve("syringe-kit-30g", site="MN", lot="THREE")
    depot.item("syringe-kit-30g").requestable = False
    depot.session.commit()
    order = depot.request({"syringe-kit": 1, "syringe-kit-29g": 1}, **MN, substitutes=("syringe-kit",))
    depot.settle()
    assert order.status == "waiting"
    assert holds(order) == [("syringe-kit", None, 1), ("syringe-kit-29g", None, 1)]


def test_what_the_rules_or_a_limit_leave_to_a_person_is_not_sent_instead(depot: Depot) -> None:
    with_kinds(depot, **{"30G": 1})
    rules = [rule("MN", code, effect) for code, effect in zip(KINDS[::3], ("allow", "review"), strict=True)]
    put_in_force(depot.session, ruletext.new("By kind", "2", [*rules, rule("MN", "syringe-kit-29g", "deny")]))
    for code in KINDS[1:]:
        depot.shelve(code, site="MN", lot=code[-3:])
    order = depot.request({"syringe-kit": 2}, **MN, substitutes=("syringe-kit",))
    depot.settle()
    assert order.status == "waiting" and holds(order) == [("syringe-kit", None, 2)]


def test_kinds_of_one_thing_count_together_towards_a_limit(depot: Depot) -> None:
    with_kinds(depot)
    for code in KINDS[:2]:
        depot.item(code).household_limit = {"units": 2, "days": 30}
        depot.shelve(code, site="MN", lot=code[-3:])
    depot.session.commit()
    home = {**MN, "line1": "7 Sample St"}
    assert depot.allocated({"syringe-kit-29g": 2}, **home)
    second = depot.request({"syringe-kit": 1}, **home)
    other = depot.request({"syringe-kit": 1}, **MN, line1="9 Sample St")
    depot.settle()
    assert second.status == "held" and "This address got 2 of" in second.note
    assert other.status == "allocated"


def test_a_release_holds_and_a_later_doubt_about_another_kind_stays_away(depot: Depot) -> None:
    with_kinds(depot)
    put_in_force(depot.session, ruletext.new("Looked at", "2", [rule("MN", "syringe-kit", "review")]))
    depot.shelve("syringe-kit-29g", site="MN")
    order = depot.request({"syringe-kit": 1}, **MN, substitutes=("syringe-kit",))
    depot.settle()
    assert order.status == "held"
    triage.release(depot.session, order, reason="looked at", by="manager", at=clock.now())
    depot.session.commit()
    depot.settle()
    assert order.status == "allocated" and order.released
    assert holds(order) == [("syringe-kit-29g", "syringe-kit", 1)]
    assert triage.objection_today(depot.session, order, depot.desk()) == ""


def test_the_packer_sees_it_and_the_slip_does_not(depot: Depot, client: FlaskClient) -> None:
    with_kinds(depot)
    depot.shelve("syringe-kit-29g", site="MN")
    order = depot.allocated({"syringe-kit": 1}, **MN, substitutes=("syringe-kit",))
    sign_in(client, "packer-mn")
    page = client.get(f"/desk/orders/{order.number}").text
    assert "Syringe kit 29G instead of Syringe kit" in page
    assert labels.line_of(order.allocations[0]).name == "Syringe kit 29G (instead of E)"
    own = depot.allocated({"syringe-kit-29g": 1}, **MN)
    assert "instead of" not in client.get(f"/desk/orders/{own.number}").text
    assert labels.line_of(own.allocations[0]).name == "Syringe kit 29G"


def test_whatever_stands_there_nothing_is_sent_that_nobody_asked_for_or_may_get(depot: Depot) -> None:
    """A hundred orders over made-up shelves: quantities stay, barred kinds stay, without a word nothing changes."""
    with_kinds(depot)
    rules = [
        rule("MN", "syringe-kit", "allow"),
        rule("MN", "syringe-kit-30g", "deny"),
        rule("US", "naloxone-nasal", "allow"),
    ]
    put_in_force(depot.session, ruletext.new("One kind is barred", "2", rules))
    random, asked, changed = Random(5), {}, 0
    for number in range(100):
        if number % 4 == 0:
            depot.shelve(random.choice([*KINDS, "naloxone-nasal"]), random.randrange(1, 5), site="MN", lot=f"L{number}")
        codes = random.sample([*KINDS[:2], "syringe-kit-31g", "naloxone-nasal"], random.randrange(1, 4))
        wanted = {code: random.randrange(1, 3) for code in codes}
        takes = random.random() < 0.6
        order = depot.request(wanted, **MN, substitutes=("syringe-kit",) if takes else ())
        asked[order.id] = (wanted, takes)
        triage.settle(depot.session, order, depot.desk())
    depot.session.commit()
    for order in depot.session.scalars(select(Order)):
        wanted, takes = asked[order.id]
        assert {asked or code: units for code, asked, units in holds(order)} == wanted
        assert all(code != "syringe-kit-30g" for code, _asked, _units in holds(order))
        others = [code for code, other, _units in holds(order) if other]
        assert not others or (takes and order.status == "allocated" and not set(others) & set(wanted))
        assert order.sealed is not None and is_proven(order, depot.keys, order.sealed)
        sent = {pick.lot.item.code: 0 for pick in order.allocations}
        for pick in order.allocations:
            sent[pick.lot.item.code] += pick.quantity
        assert not sent or sent == {code: units for code, _asked, units in holds(order)}
        changed += len(others)
    assert changed > 3


@given(
    st.lists(
        st.tuples(st.integers(0, 7), st.sampled_from(["", "a", "b"])),
        min_size=1,
        max_size=5,
        unique_by=lambda it: it[0],
    )
)
def test_each_way_is_a_new_one_of_the_same_families_and_the_closest_come_first(told: list[tuple[int, str]]) -> None:
    known = [Item(id=place, code=str(place), family="ab"[place % 2], position=place) for place in range(8)]
    lines = [Line(item=Item(id=place, code=str(place), family=family, position=place)) for place, family in told]
    kinds = {family: [item for item in known if item.family == family] for family in "ab"}
    asked = [line.item.id for line in lines]
    ways = list(substitution.ways([line.item for line in lines], kinds))
    assert len(ways) <= substitution.WAYS_MOST
    for way in ways:
        ids = [item.id for item in way]
        assert ids != asked and len(set(ids)) == len(ids)
        for line, item in zip(lines, way, strict=True):
            assert item is line.item or (item.family == line.item.family != "" and item.id not in asked)
    near = [max(abs(item.position - line.item.position) for line, item in zip(lines, way, strict=True)) for way in ways]
    assert len(lines) > 1 or near == sorted(near)

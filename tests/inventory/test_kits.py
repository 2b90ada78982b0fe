"""Kits: parts go in first expired first out, and none escapes the limits of the fund that paid for it."""

from datetime import timedelta

import pytest

from distro import clock
from distro.errors import InvalidInput
from inventory import kits, ledger
from inventory.kits import PartsLimited
from inventory.models import Fund, KitComponent, Lot
from tests.depot import Depot


@pytest.fixture
def world(depot: Depot) -> Depot:
    """A wound care kit of two boxes of naloxone, which nobody would make, and a fund for Minnesota alone."""
    part = depot.item("naloxone-nasal")
    depot.session.add(KitComponent(kit_id=depot.item("wound-care-kit").id, component_id=part.id, quantity=2))
    depot.session.add(Fund(code="MN", name="Minnesota money", item_codes=[], states=["MN"]))
    depot.session.flush()
    return depot


def assemble(depot: Depot, fund: str = "OPEN", quantity: int = 5) -> Lot:
    return kits.assemble(
        depot.session,
        kit=depot.item("wound-care-kit"),
        number="KIT1",
        fund=depot.fund(fund),
        bin=depot.bin("OH"),
        quantity=quantity,
        by="packer",
        at=clock.now(),
    )


def test_a_kit_takes_its_parts_and_expires_with_the_first(world: Depot) -> None:
    soon, late = world.shelve(quantity=4, lot="SOON", days=300), world.shelve(quantity=20, lot="LATE")
    kit = assemble(world)
    assert kit.expires_on == clock.today() + timedelta(days=300)
    assert [world.balance(lot).on_hand for lot in (kit, soon, late)] == [5, 0, 14]
    assert not list(ledger.differences(world.session))


@pytest.mark.parametrize("fund", ["MN", "FED"])  # limited to a state, and to an item in a state
def test_parts_of_a_limited_fund_do_not_become_an_open_kit(world: Depot, fund: str) -> None:
    world.shelve(quantity=100, lot="LIMITED", fund=fund)
    world.shelve(quantity=9, lot="OPEN")
    with pytest.raises(PartsLimited, match="1 more of Naloxone nasal"):
        assemble(world)


def test_open_parts_go_first_where_others_may_not_go_in(world: Depot) -> None:
    limited = world.shelve(quantity=100, lot="LIMITED", fund="MN", days=200)
    world.shelve(quantity=10, lot="OPEN")
    assemble(world)
    assert world.balance(limited).on_hand == 100


def test_a_kit_of_the_same_fund_may_hold_both(world: Depot) -> None:
    world.shelve(quantity=6, lot="LIMITED", fund="MN")
    world.shelve(quantity=4, lot="OPEN")
    assert assemble(world, fund="MN").fund.states == ["MN"]


def test_parts_that_are_short_or_not_listed_are_said(world: Depot) -> None:
    with pytest.raises(InvalidInput, match="10 more of Naloxone nasal"):
        assemble(world)
    world.session.query(KitComponent).delete()
    with pytest.raises(InvalidInput, match="no parts list"):
        assemble(world)

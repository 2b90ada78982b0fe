import sys
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.homes import home_of
from tests.orders.addresses import lives, pairs

HOMES = 600


def figures() -> tuple[float, float, float]:
    """Shares of: the same home caught, a neighbour taken for it, and caught by comparing the text alone."""
    caught = false = plain = 0
    for one, again, neighbour in pairs(Random(4), HOMES):
        caught += home_of(one) == home_of(again)
        false += home_of(one) == home_of(neighbour)
        plain += (one.line1, one.line2, one.zip) == (again.line1, again.line2, again.zip)
    return caught / HOMES, false / HOMES, plain / HOMES


def test_the_same_home_is_known_however_it_is_written_and_neighbours_are_not_it() -> None:
    caught, false, plain = figures()
    told = f"{HOMES} homes: {caught:.1%} caught, {false:.1%} neighbours taken for them; by the text alone {plain:.1%}"
    sys.stdout.write(f"{told}\n")
    assert caught >= 0.95 and false <= 0.01
    assert plain < 0.3  # the control


SAME = [
    (("12 Oak St", "Apt 4"), ("12 Oak Street #4", ""), ("12 oak st.", "Unit 4"), ("12 OAK ST", "APARTMENT 4")),
    (("12 Oak St", "4B"), ("12 Oak St 4-B", ""), ("Apt 4B", "12 Oak St"), ("c/o Jo Sample, 12 Oak St", "#4 B")),
    (("PO Box 12", ""), ("P.O. Box #012", ""), ("Post Office Box 12", "")),
    (("RR 2 Box 18", ""), ("Rural Route 2, Box 18", ""), ("RFD #2 Box 18", "")),
    (("150 Calle A", "Urb Las Flores"), ("Urbanización Las Flores", "Calle A #150")),
    (("PSC 802 Box 74", ""), ("psc 802, box 74", "")),
    (("12½ Oak St", "2nd Floor"), ("12 1/2 Oak St Fl 2", "")),
    (("12 Oak St", "c/o Ann Apt B"), ("12 Oak St Apt B", "c/o Ann"), ("12 Oak St", "#B")),
    (("12 Oak St", "Apt 5-1"), ("12 Oak St", "5-1"), ("12 Oak St 5-1", ""), ("c/o Ann, 12 Oak St", "# 5-1")),
    (("12-34 31st Ave", ""), ("1234 31st Avenue", "")),
    (("1 Peña Ave", "Sampleton OH"), ("One Pena Avenue", "")),
]
DIFFERENT = [
    (("12 Oak St", "Apt 4"), ("12 Oak St", "Apt 5"), ("12 Oak St", ""), ("12 Oak St", "Apt 44"), ("124 Oak St", "")),
    (("12 Oak St", ""), ("12 Oak Ave", ""), ("12 N Oak St", ""), ("12 S Oak St", ""), ("12 1/2 Oak St", "")),
    (("12 Oak St N", ""), ("12 Oak St", "N"), ("12 Oak St", "")),
    (("PO Box 12", ""), ("PO Box 21", ""), ("RR 2 Box 12", ""), ("HC 2 Box 12", ""), ("12 Box St", "")),
    (("150 Calle A", "Urb Las Flores"), ("150 Calle A", "Urb Las Lomas"), ("150 Calle B", "Urb Las Flores")),
    (("12 Highway 20", ""), ("12 Highway 21", ""), ("12 County Road 20", "")),
    (("5 Court St", "Apt 1-11"), ("5 Court St", "Apt 11-1"), ("5 Court St", "Apt 111"), ("5 Court St", "")),
    (("5 Court St", "Apt 5-1"), ("5 Court St", "Apt 51"), ("5 Court St", "Apt 5"), ("5 Court St", "Apt 1")),
    (("12 Oak St", "c/o Ann Apt B"), ("12 Oak St", "c/o Ann Apt C"), ("12 Oak St", "c/o Ann"), ("12 Oak St", "Apt D")),
    (("12 Oak St", "c/o Ann Fl 2"), ("12 Oak St", "c/o Ann Floor 3"), ("12 Oak St", "c/o Ann Bldg B")),
    (("12 Oak St", "Bldg A Apt 4"), ("12 Oak St", "Bldg B Apt 4"), ("12 Oak St", "Fl 4")),
]


@pytest.mark.parametrize("written", SAME)
def test_one_home(written: tuple[tuple[str, str], ...]) -> None:
    assert len({home_of(lives(*lines)) for lines in written}) == 1


@pytest.mark.parametrize("written", DIFFERENT)
def test_each_its_own_home(written: tuple[tuple[str, str], ...]) -> None:
    assert len({home_of(lives(*lines)) for lines in written}) == len(written)


def test_another_zip_code_is_another_home_and_another_name_is_not() -> None:
    assert home_of(lives("12 Oak St")) != home_of(lives("12 Oak St", zip="55401"))
    assert home_of(lives("12 Oak St")) == home_of(lives("12 Oak St", name="Jo Sample"))


@pytest.mark.parametrize("line", ["General Delivery", "GENERAL DELIVERY", "Gen. Delivery", "Entrega General", ""])
def test_general_delivery_is_nobodys_home(line: str) -> None:
    assert home_of(lives(line)) is None


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_typed_breaks_it(line1: str, line2: str) -> None:
    assert home_of(lives(line1, line2)) == home_of(lives(line1, line2))


def test_whose_address_it_is_parts_no_home_and_an_urbanization_does() -> None:
    home = home_of(lives("150 Calle A"))
    assert home_of(replace(lives("150 Calle A"), care_of="Jordan Sample")) == home
    there = home_of(replace(lives("150 Calle A"), urbanization="Las Gladiolas"))
    assert there == home_of(replace(lives("150 Calle A"), urbanization="urb. las gladiolas"))
    assert there == home_of(lives("150 Calle A", "Urb Las Gladiolas")) != home

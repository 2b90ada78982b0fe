"""Scans: read for sure, or not at all."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.gs1 import GS, Scan, ScanUnreadable, is_scannable, lot_number, parse

GTIN = "00300000000018"


@pytest.mark.parametrize(
    ("scanned", "read"),
    [
        ("AB-123", Scan(lot="AB-123")),
        (f"]d201{GTIN}1727063010LOT7", Scan(GTIN, "LOT7", date(2027, 6, 30))),
        (f"01{GTIN}10LOT7{GS}17270600", Scan(GTIN, "LOT7", date(2027, 6, 30))),
        (f"(01){GTIN}(17)280229(10)LOT7(21)S1", Scan(GTIN, "LOT7", date(2028, 2, 29), "S1")),
        (f"]C101{GTIN}21S1{GS}10LOT7", Scan(GTIN, "LOT7", serial="S1")),
    ],
)
def test_it_reads_what_scanners_send(scanned: str, read: Scan) -> None:
    assert parse(scanned) == read


@pytest.mark.parametrize(
    "scanned",
    [
        "]d20100300000000015",  # check digit
        f"]d201{GTIN}17271350",  # no such month
        f"]d201{GTIN}99XYZ",  # an identifier we do not know
        f"]d201{GTIN}10{'L' * 21}",  # a lot too long
        "]d20100300",  # cut short
    ],
)
def test_it_stops_rather_than_guess(scanned: str) -> None:
    with pytest.raises(ScanUnreadable):
        parse(scanned)


def test_a_scan_without_a_lot_names_none() -> None:
    with pytest.raises(ScanUnreadable):
        lot_number(f"]d201{GTIN}")


@pytest.mark.parametrize(
    ("number", "fit"),
    [
        ("AB-123", True),
        ("0123", True),
        ("A)1", True),
        ("", False),
        ("(A)12", False),
        ("A(B)1", False),
        ("(10)AB", False),
        ("A(10)B", False),
        (f"A{GS}B", False),
        ("A\nB", False),
        ("]d210AB", False),
        ("01234567890123451712", False),
    ],
)
def test_a_lot_number_must_read_as_itself(number: str, fit: bool) -> None:
    assert is_scannable(number) == fit


@given(st.text(max_size=20) | st.text("()0123456789]dCQe", max_size=20))
def test_whatever_is_taken_as_a_lot_number_can_be_scanned(number: str) -> None:
    if is_scannable(number):
        assert lot_number(number) == number and lot_number(f"(10){number}(17)280531") == number

"""Scans: read for sure, or not at all."""

from datetime import date

import pytest

from inventory.gs1 import GS, Scan, ScanUnreadable, lot_number, parse

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

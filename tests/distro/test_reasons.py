"""What may stand in a reason, and what looks like somebody's address."""

import pytest

from distro import reasons
from distro.errors import InvalidInput


@pytest.mark.parametrize(
    "reason",
    [
        "called Robin, 4711 Quiet Ln, moved",
        "12 N. Oak St",
        "at 7 old mill road",
        "77 Sunny Way",
        "PO Box 12",
        "p.o. box 9",
        "apt #4",
        "Calle Sol 12",
        "write to robin@example.org",
        "call (614) 555-0123",
        "614.555.0123",
        "+1 614 555 0123",
        "5550123",
        "43215-1234",
    ],
)
def test_what_looks_like_an_address_or_a_number_is_refused(reason: str) -> None:
    with pytest.raises(InvalidInput, match="Do not write names, addresses or phone numbers here"):
        reasons.checked(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        "2 of 3 kits",
        "rule OH-12",
        "Counsel said yes",
        "The law lets us, as counsel said. See US-naloxone-nasal, 21 CFR 801.109",
        "asked again on 2026-11-22, last on 10/30/2026",
        "same as ORD-12345678",
        "3 people live there, 30 days each",
        "2 more are on the way",
        "1 court order, in drive 2",
        "3 boxes, first aid",
        "box 2 of 3 was lost",
        "ZIP 43215 lies in two counties",
        "conditions checked",
        "por una pérdida, 2 cajas",
    ],
)
def test_what_is_harmless_passes(reason: str) -> None:
    assert reasons.checked(f" {reason} ") == reason

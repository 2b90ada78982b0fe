"""Small numbers are hidden, and no total gives one away: tried against every way the numbers could have been."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.smallcells import HIDDEN, LEAST_OPEN, Shown, in_words, shown


def possible(seen: Shown, cells: dict[str, int]) -> dict[str, set[int]]:
    """For each hidden cell, what it could be, for somebody who knows all that is shown."""
    hidden = [key for key, words in seen.cells.items() if words == HIDDEN]
    known = sum(number for key, number in cells.items() if key not in hidden)
    found: dict[str, set[int]] = {key: set() for key in hidden}
    for numbers in product(range(1, 11), repeat=len(hidden)):
        if not seen.total or in_words(known + sum(numbers)) == seen.total:
            for key, number in zip(hidden, numbers, strict=True):
                found[key].add(number)
    return found


@given(st.dictionaries(st.sampled_from("ABCD"), st.integers(0, 25)))
def test_whoever_reads_it_all_learns_no_small_number(cells: dict[str, int]) -> None:
    seen = shown(cells)
    assert all(len(values) >= LEAST_OPEN for values in possible(seen, cells).values())
    assert {key for key, words in seen.cells.items() if words == HIDDEN} == {
        k for k, n in cells.items() if 1 <= n <= 10
    }


def test_a_total_beside_one_hidden_cell_would_tell_it() -> None:
    """The control: what the property would find."""
    cells = {"A": 3, "B": 20}
    assert possible(Shown({"A": HIDDEN, "B": "20"}, "23"), cells) == {"A": {3}}
    assert shown(cells) == Shown({"A": HIDDEN, "B": "20"}, "")


@pytest.mark.parametrize(
    ("numbers", "total"),
    [
        ((11, 1_200), "1,211"),
        ((), "0"),
        ((0, 11), "11"),
        ((5, 6, 20), "31"),
        ((1, 1, 20), ""),  # both are 1
        ((10, 10, 20), ""),  # both are 10
        ((1, 2), ""),
        ((2, 4), HIDDEN),
    ],
)
def test_totals(numbers: tuple[int, ...], total: str) -> None:
    assert shown({str(place): number for place, number in enumerate(numbers)}).total == total


def test_one_number() -> None:
    assert [in_words(number) for number in (0, 1, 10, 11, 1_000)] == ["0", HIDDEN, HIDDEN, "11", "1,000"]

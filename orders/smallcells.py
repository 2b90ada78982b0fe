"""Numbers of people as a page may show them: those from 1 to 10 only as “1 to 10”, and no total that gives them away.

Few people in one cell can be known to somebody, so a small number would tell about them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_HIDDEN = 10
LEAST_OPEN = 5  # values that each hidden number has to be able to have, for whoever reads the total
HIDDEN = "1 to 10"


@dataclass(frozen=True)
class Shown:
    """Cells and their total in words; no total where it would tell a hidden cell."""

    cells: Mapping[str, str]
    total: str


def in_words(number: int) -> str:
    """One number by itself."""
    return HIDDEN if 1 <= number <= MOST_HIDDEN else f"{number:,}"


def shown(cells: Mapping[str, int]) -> Shown:
    """Cells (none below 0) that stand beside their total.

    The total less what is shown is the sum of the hidden ones. So it is shown if none is hidden, or if that sum leaves
    each of them `LEAST_OPEN` values at least; with one hidden it never does.
    """
    small = [number for number in cells.values() if 1 <= number <= MOST_HIDDEN]
    least, most = limits(len(small), sum(small))
    safe = not small or most - least + 1 >= LEAST_OPEN
    words = {key: in_words(number) for key, number in cells.items()}
    return Shown(words, in_words(sum(cells.values())) if safe else "")


def limits(hidden: int, total: int) -> tuple[int, int]:
    """The least and the most that each of so many hidden cells can be, if they are `total` together."""
    others = hidden - 1
    return max(1, total - MOST_HIDDEN * others), min(MOST_HIDDEN, total - others)

"""What `make bench` measures: figures that were promised, each against its target, taken in one run on one machine.

A subject is a module of this package; its functions marked `@benchmark` give rows. Pytest collects none of them.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One promise and what became of it: `B8 memory of a public worker target <= 90 MB figure 84 MB OK`."""

    id: str
    what: str
    target: str
    figure: str
    ok: bool

    def __str__(self) -> str:
        return f"{self.id} {self.what} target {self.target} figure {self.figure} {'OK' if self.ok else 'MISS'}"


Benchmark = Callable[[], Iterable[Row]]
benchmarks: list[Benchmark] = []


def benchmark(measure: Benchmark) -> Benchmark:
    """Put a function among the benchmarks."""
    benchmarks.append(measure)
    return measure

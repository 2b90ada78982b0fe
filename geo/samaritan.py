"""Laws that protect who calls for help in an overdose: a sentence for each state, with its source and day.

What no lawyer has looked at is not shown, but in a demo; then, and for every other state, a general sentence stands
there (as an unreviewed rule never allows: point 7 of `geo.rules`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from distro.languages import pick

SHIPPED = Path(__file__).parent / "data" / "good_samaritan.yaml"
OWN = "good_samaritan.yaml"  # an operator's reviewed copy, in the instance folder


@dataclass(frozen=True)
class Protection:
    """What a state's law does for those who call for help. Without a `state` it is the general sentence.

    `day` is the day its source gives itself or, if `is_read`, the day we read it; then `year` is the year of the text
    if the source names one, else 0. With `as_passed` it is the law as it was passed, without what came after.
    """

    state: str
    citation: str
    text: str
    text_es: str
    source: str
    url: str
    day: date
    is_read: bool
    year: int
    as_passed: bool
    reviewed_by: str
    reviewed_on: date | None

    def __str__(self) -> str:
        """The sentence in the reader's language."""
        return pick(self.text, self.text_es)


def protection(state: str, *, instance: Path, demo: bool, today: date) -> Protection:
    """What to tell about a state ("": none is chosen). `demo` shows what nobody has reviewed.

    A review counts from its day on. A file in the instance folder stands in for ours.
    """
    own = instance / OWN
    general, laws = _read(own if own.is_file() else SHIPPED)
    found = laws.get(state)
    if found is None:
        return general
    reviewed = bool(found.reviewed_by) and found.reviewed_on is not None and found.reviewed_on <= today
    return found if reviewed or demo else general


@lru_cache(maxsize=4)
def _read(path: Path) -> tuple[Protection, Mapping[str, Protection]]:
    told = yaml.safe_load(path.read_text(encoding="utf-8"))
    laws = [_protection(one) for one in told["laws"]]
    return _protection(told["general"]), {law.state: law for law in laws}


def _protection(told: Mapping[str, Any]) -> Protection:
    return Protection(
        state=told.get("state", ""),
        citation=told.get("citation", ""),
        text=told["text"],
        text_es=told["text_es"],
        source=told["source"],
        url=told["url"],
        day=told.get("date") or told["read"],
        is_read="date" not in told,
        year=told.get("year", 0),
        as_passed=told.get("as_passed", False),
        reviewed_by=told.get("reviewed_by") or "",
        reviewed_on=told.get("reviewed_on"),
    )

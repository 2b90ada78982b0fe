"""Nearest help: who else a person can turn to. National lines so far, from `data/referrals.yaml`."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml

_FILE = Path(__file__).parent / "data" / "referrals.yaml"
_NATION = "US"


@dataclass(frozen=True, slots=True)
class Referral:
    """A program or helpline. `area` is a state code or US; `checked_on` is when its number was last compared."""

    name: str
    name_es: str
    phone: str
    area: str
    checked_on: date
    source: str


def nearest_help(state: str | None = None) -> list[Referral]:
    """Help for people in a state (a postal code; None if not known), the nearest first, then the nation's."""
    known = _referrals()
    return [r for r in known if r.area == state] + [r for r in known if r.area == _NATION]


@lru_cache(maxsize=1)
def _referrals() -> tuple[Referral, ...]:
    return tuple(Referral(**entry) for entry in yaml.safe_load(_FILE.read_text(encoding="utf-8")))

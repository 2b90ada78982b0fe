"""Supplies in whole cases: what groups may ask for, and how many units that is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from inventory.models import Item
from orders import draft
from orders.models import Line, Order
from orders.signals import is_group


@dataclass(frozen=True)
class Cases:
    """A line of a group's order in cases; `more` units stand beside them where a case holds another number now."""

    line: Line
    cases: int
    per_case: int
    more: int = 0


def offered(session: Session) -> Sequence[Item]:
    """What groups can ask for, in the order it is shown."""
    return [item for item in draft.requestable(session) if item.case_units and item.cases_most]


def most(items: Iterable[Item]) -> dict[str, int]:
    """The most cases of each that a group may ask for at once."""
    return {item.code: item.cases_most or 0 for item in items}


def in_units(items: Iterable[Item], cases: Mapping[str, int]) -> dict[str, int]:
    """Units by item code."""
    per_case = {item.code: item.case_units or 0 for item in items}
    return {code: count * per_case[code] for code, count in cases.items()}


def of_order(order: Order) -> list[Cases]:
    """A group's order in cases; nothing for the order of a person, or where an item comes in no case any more."""
    if not is_group(order) or not all(line.item.case_units for line in order.lines):
        return []
    return [_of_line(line, line.item.case_units or 1) for line in order.lines]


def _of_line(line: Line, per_case: int) -> Cases:
    cases, more = divmod(line.quantity, per_case)
    return Cases(line, cases, per_case, more)

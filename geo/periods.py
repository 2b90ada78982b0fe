"""What a household gets within the periods of rules (`most_per_period`), counted as the rules name it. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from geo.rules import BookRule, Product, RuleBook


class Sent(NamedTuple):
    """Units of an item that left on a day, or are to leave today."""

    item: str
    units: int
    day: date


def within(sent: Iterable[Sent], days: int, on: date) -> list[Sent]:
    """What of it counts for a period of so many days of which `on` is the last."""
    return [one for one in sent if (on - one.day).days < days]


def by_rule(
    book: RuleBook, products: Mapping[str, Product], sent: Iterable[Sent], on: date, *, countable: int
) -> dict[str, int]:
    """Units of what each rule with a period names, by its key: `Facts.sent`.

    A rule whose period is longer than the `countable` days is left out, since nobody knows.
    """
    sent = list(sent)
    found = {}
    for rule in book.rules:
        if rule.most_per_period is not None and rule.most_per_period[1] <= countable:
            inside = within(sent, rule.most_per_period[1], on)
            found[rule.key] = sum(one.units * units_named(rule, products, one.item) for one in inside)
    return found


def units_named(rule: BookRule, products: Mapping[str, Product], item: str) -> int:
    """How many units of what a rule names are in one of an item: of its parts, if it names any, else of the whole."""
    product, names = products.get(item) or Product(item), set(rule.items)
    named = [aspect for aspect in product.aspects() if not names.isdisjoint(aspect.selectors)]
    return sum(aspect.per for aspect in named if aspect.part) or (1 if named else 0)

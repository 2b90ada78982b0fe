from datetime import date, timedelta

from geo.periods import Sent, by_rule, units_named
from geo.rules import Product, RuleBook
from tests.geo.samples import rule

DAY = date(2026, 11, 22)
PRODUCTS = {"pack": Product("pack", parts=((Product("needle"), 10),)), "needle": Product("needle")}


def test_units_are_of_what_the_rule_names() -> None:
    needles, packs = rule("OH-a", items=("component:needle", "needle")), rule("OH-b", items=("pack",))
    assert [units_named(needles, PRODUCTS, item) for item in ("pack", "needle", "other")] == [10, 1, 0]
    assert [units_named(packs, PRODUCTS, item) for item in ("pack", "needle")] == [1, 0]


def test_each_rule_counts_its_own_days_and_only_those_that_can_be_known() -> None:
    named = ("component:needle", "needle")
    week, month = (rule(key, items=named, most_per_period=(9, days)) for key, days in (("OH-a", 7), ("OH-b", 30)))
    long, none = rule("OH-c", items=named, most_per_period=(9, 90)), rule("OH-d", items=named)
    sent = [Sent("pack", 1, DAY), Sent("needle", 3, DAY - timedelta(days=6)), Sent("pack", 2, DAY - timedelta(days=7))]
    sent += [Sent("needle", 5, DAY - timedelta(days=30)), Sent("other", 9, DAY)]
    book = RuleBook.of([week, month, long, none])
    assert by_rule(book, PRODUCTS, sent, DAY, countable=35) == {"OH-a": 13, "OH-b": 33}
    assert by_rule(book, PRODUCTS, [], DAY, countable=90) == {"OH-a": 0, "OH-b": 0, "OH-c": 0}

"""The plan of an order, whatever stands on the shelves."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from orders.allocation import Shelf, plan

TODAY = date(2026, 11, 22)
shelves = st.builds(
    Shelf,
    balance_id=st.integers(1, 10_000),
    lot_id=st.integers(1, 50),
    bin_id=st.integers(1, 5),
    site_id=st.integers(1, 3),
    item_id=st.integers(1, 3),
    available=st.integers(0, 6),
    expires_on=st.integers(0, 400).map(lambda days: TODAY + timedelta(days=days)),
    send_until=st.integers(-100, 300).map(lambda days: TODAY + timedelta(days=days)),
    fund_states=st.sampled_from([frozenset(), frozenset({"OH"}), frozenset({"MN"})]),
)
wishes = st.dictionaries(st.integers(1, 3), st.integers(1, 8), min_size=1)


@given(
    wanted=wishes,
    stock=st.lists(shelves, max_size=12, unique_by=lambda s: s.balance_id),
    sites=st.permutations([1, 2, 3]),
)
def test_a_plan_fills_all_of_it_from_one_site_or_takes_nothing(
    wanted: dict[int, int], stock: list[Shelf], sites: list[int]
) -> None:
    usable = [shelf for shelf in stock if shelf.send_until >= TODAY and shelf.fund_states <= {"OH"}]

    def fills(site: int) -> bool:
        have = {item: sum(s.available for s in usable if (s.site_id, s.item_id) == (site, item)) for item in wanted}
        return all(have[item] >= units for item, units in wanted.items())

    found = plan(wanted, stock, site_ids=sites, state="OH", today=TODAY)
    assert found.site_id == next((site for site in sites if fills(site)), None)
    if found.site_id is None:
        assert found.picks == () and found.short
        return
    for item, units in wanted.items():
        picks = [pick for pick in found.picks if pick.shelf.item_id == item]
        assert sum(pick.quantity for pick in picks) == units
        assert all(0 < pick.quantity <= pick.shelf.available and pick.shelf in usable for pick in picks)
        latest = max(pick.shelf.expires_on for pick in picks)
        for shelf in usable:  # first expired, first out: what would expire before the last one taken is used up
            if (shelf.site_id, shelf.item_id) == (found.site_id, item) and shelf.expires_on < latest:
                assert sum(pick.quantity for pick in picks if pick.shelf == shelf) == shelf.available
    assert {pick.shelf.site_id for pick in found.picks} == {found.site_id}

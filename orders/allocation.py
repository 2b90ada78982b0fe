"""Which lots fill an order: first expired first out, from the nearest site that can fill all of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Shelf:
    """One lot in one bin, as far as allocation cares. An empty fund limit means no limit."""

    balance_id: int
    lot_id: int
    bin_id: int
    site_id: int
    item_id: int
    available: int
    expires_on: date
    send_until: date
    fund_states: frozenset[str]

    def may_serve(self, state: str, today: date) -> bool:
        """Whether its fund may serve that state, and enough life is left to send it today."""
        return today <= self.send_until and (not self.fund_states or state in self.fund_states)


@dataclass(frozen=True)
class Pick:
    """Take `quantity` units from this shelf."""

    shelf: Shelf
    quantity: int


@dataclass(frozen=True)
class Plan:
    """Picks from one site that fill the order, or, when `site_id` is None, what the nearest site lacks."""

    site_id: int | None
    picks: tuple[Pick, ...]
    short: Mapping[int, int]  # item id -> units missing


def plan(
    wanted: Mapping[int, int], shelves: Sequence[Shelf], *, site_ids: Sequence[int], state: str, today: date
) -> Plan:
    """Fill `wanted` (units by item id) from the first of `site_ids` (nearest first) that has all of it.

    A parcel leaves from one site, so an order is never split between two. If no site can fill it, nothing is
    picked and `short` says what is missing at the nearest.
    """
    nearest_short: Mapping[int, int] = dict(wanted)
    for place, site_id in enumerate(site_ids):
        usable = [shelf for shelf in shelves if shelf.site_id == site_id and shelf.may_serve(state, today)]
        picks, short = _fill(wanted, usable)
        if not short:
            return Plan(site_id, tuple(picks), {})
        if place == 0:
            nearest_short = short
    return Plan(None, (), nearest_short)


def _fill(wanted: Mapping[int, int], shelves: Sequence[Shelf]) -> tuple[list[Pick], dict[int, int]]:
    picks, short = [], {}
    for item_id, units in wanted.items():
        missing = units
        for shelf in sorted(shelves, key=lambda shelf: (shelf.expires_on, shelf.balance_id)):
            if missing and shelf.item_id == item_id and shelf.available > 0:
                taken = min(missing, shelf.available)
                picks.append(Pick(shelf, taken))
                missing -= taken
        if missing:
            short[item_id] = missing
    # Rows are locked in this order everywhere, so that two orders cannot wait for each other.
    return sorted(picks, key=lambda pick: (pick.shelf.lot_id, pick.shelf.bin_id)), short

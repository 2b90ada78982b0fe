"""Another kind of what was asked for, such as the next gauge, where its person has said that they take it.

Triage tries the ways of this module and judges each like what was asked for. How many stays the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Item
from orders.models import Order

WAYS_MOST = 24  # to fill one order


def restore(order: Order) -> None:
    """Let each line hold again what was asked for."""
    take(order, [line.asked_item or line.item for line in order.lines])


def take(order: Order, items: Sequence[Item]) -> None:
    """Let the lines hold these items, one each, and keep what was asked for beside them."""
    for line, item in zip(order.lines, items, strict=True):
        asked = line.asked_item or line.item
        line.item, line.item_id = item, item.id
        other = item.id != asked.id
        line.asked_item, line.asked_item_id = (asked, asked.id) if other else (None, None)


def kinds(session: Session, order: Order, takes: Callable[[str], bool]) -> dict[str, list[Item]]:
    """What can be asked for of each family that the order's lines name and its person `takes` another kind of, as pages
    list it."""
    families = {line.item.family for line in order.lines if takes(line.item.family)}
    query = select(Item).where(Item.family.in_(families), Item.requestable).order_by(Item.position, Item.id)
    found: dict[str, list[Item]] = {}
    for item in session.scalars(query) if families else ():
        found.setdefault(item.family, []).append(item)
    return found


def ways(asked: Sequence[Item], kinds: Mapping[str, Sequence[Item]]) -> Iterator[list[Item]]:
    """The items that could go instead of those asked for, the closest first; never what is asked for beside it.

    Close is what pages list near. What was asked for itself is not among these ways.
    """
    ids = {item.id for item in asked}
    choices = [[item, *_others(item, kinds.get(item.family, ()), ids)] for item in asked]
    ranks = sorted(
        product(*(range(len(items)) for items in choices)), key=lambda ranks: (sum(ranks), max(ranks, default=0))
    )
    found = ([items[rank] for items, rank in zip(choices, way, strict=True)] for way in ranks if any(way))
    return islice((items for items in found if len({item.id for item in items}) == len(items)), WAYS_MOST)


def _others(item: Item, kinds: Sequence[Item], asked: set[int]) -> list[Item]:
    free = [other for other in kinds if other.id not in asked] if item.family else []
    return sorted(free, key=lambda other: (abs(other.position - item.position), other.position))

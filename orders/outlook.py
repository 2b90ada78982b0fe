"""Requests, past and open, in groups, and what laws say to each group: for `orders.preview`. Tells of no one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo.alike import Ask, At, asker, grouped
from geo.models import ZipKind
from geo.places import Place
from geo.rules import Effect, Law, Origin
from geo.standing import spots
from inventory.models import Item
from orders import authority
from orders.models import Line, Order, Status
from orders.reach import reach

NOTHING = "nothing"  # nothing is in force
DEPENDS = "depends"  # on the county, or on which part of the state


@dataclass(frozen=True)
class Moved:
    """Requests for an item from one state that a ruleset would answer otherwise."""

    state: str
    was: str
    would: str
    requests: int


@dataclass(frozen=True)
class WhatIf:
    """The requests for one item: how what is in force answers them, and how a ruleset would, nothing being known.

    Both are counts by effect or DEPENDS; `was` may also be NOTHING.
    """

    item: str
    requests: int
    was: Mapping[str, int]
    would: Mapping[str, int]
    moved: tuple[Moved, ...]


Row = tuple[str, str, int]  # item code, state, requests
Answers = dict[tuple[str, str], str]  # item code, state -> an effect, DEPENDS or NOTHING


def requests(session: Session, *, since: date = date.min, statuses: Collection[Status] = tuple(Status)) -> list[Row]:
    """Requests by item and state: one query that gives back as many rows as there are such groups."""
    query = (
        select(Item.code, Order.state, func.count())
        .join(Line, Line.item_id == Item.id)
        .join(Order, Line.order_id == Order.id)
        .where(Order.received_on >= since, Order.status.in_(statuses))
        .group_by(Item.position, Item.code, Order.state)
        .order_by(Item.position, Item.code, Order.state)
    )
    return [(code, state, count) for code, state, count in session.execute(query)]


def by_state(
    session: Session, laws: tuple[Law | None, Law], on: date, rows: Iterable[Row], every: Iterable[Place]
) -> tuple[Answers, Answers]:
    """The answer of each of two laws for each (item, state): an effect if it is the same all over it, else DEPENDS.

    Where no warehouse sends an item, it is no. The first law may be None: nothing is in force. `every`: all places.
    """
    wanted = dict.fromkeys((item, state) for item, state, _ in rows)
    old, new = laws
    parts = _parts(old or new, new, every, {state for _, state in wanted})
    products, origins, sends = authority.products(session), authority.origins(session), reach(session)

    def answers(law: Law, parts: Mapping[str, set[At]]) -> Answers:
        @cache
        def ask(item: str, senders: tuple[Origin, ...]) -> Ask:
            return asker(law, products[item], senders, on)

        told: Answers = {}
        for item, state in wanted:
            senders = tuple(origins[code] for code in sends(item, state))
            found = {ask(item, senders)(at) for at in parts[state]} if senders else {Effect.DENY}
            told[item, state] = str(found.pop()) if len(found) == 1 else DEPENDS
        return told

    return answers(old, parts[0]) if old else dict.fromkeys(wanted, NOTHING), answers(new, parts[1])


def _parts(old: Law, new: Law, every: Iterable[Place], states: set[str]) -> Sequence[dict[str, set[At]]]:
    """The parts of each state that each law tells apart; the state alone where no ZIP code of it is known."""
    both: tuple[dict[str, set[At]], ...] = tuple({state: set() for state in states} for _ in (old, new))
    for pair in grouped(old, new, every):
        for parts, at in zip(both, pair, strict=True):
            for state in {spot.state for spot in at} & states:
                here = [spot for spot in at if spot.state == state]
                parts[state] |= {tuple(s for s in here if s.county == county) for county in {s.county for s in here}}
    for parts, law in zip(both, (old, new), strict=True):
        for state in states:
            parts[state] = parts[state] or {spots(law, Place("", ZipKind.STANDARD, "", (state,), ()))}
    return both

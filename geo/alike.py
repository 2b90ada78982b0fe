"""Answers for every ZIP code at once: places that no rule tells apart are asked for once. Pure."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import NamedTuple

from geo.decision import conclude
from geo.places import Place
from geo.rules import STRICTNESS, Effect, Facts, Law, Origin, Product
from geo.standing import Candidate, Spot, candidates, likeness, named_alone, spots

At = tuple[Spot, ...]
Ask = Callable[[At], Effect]


class Alike(NamedTuple):
    """ZIP codes with the same states, counties and areas; `place` is one of them."""

    place: Place
    zips: list[str]


Groups = Mapping[tuple[At, At], Sequence[Alike]]


def grouped(old: Law, new: Law, places: Iterable[Place]) -> Groups:
    """The places by their spots under both laws: places with equal spots have equal answers."""
    alone = named_alone(old) | named_alone(new)
    alike: dict[Hashable, Alike] = {}
    for place in places:
        alike.setdefault(likeness(place, alone), Alike(place, [])).zips.append(place.zip)
    groups: dict[tuple[At, At], list[Alike]] = {}
    for some in alike.values():
        after = spots(new, some.place)
        groups.setdefault((after if old is new else spots(old, some.place), after), []).append(some)
    return groups


def asker(law: Law, product: Product, origins: Sequence[Origin], on: date) -> Ask:
    """Asks for the effect at some spots, of the warehouse with the least strict one, nothing known of the person.

    It depends on nothing but the effect at each spot and which spots share a state and a county, so whatever was
    found out is used again.
    """
    some: list[Origin | None] = [*origins] or [None]
    selectors = {selector for aspect in product.aspects() for selector in aspect.selectors}
    telling = {place for place, item in law.book.index if item in selectors}
    telling.update(*(paper.places for paper in law.held))
    alone: dict[tuple[frozenset[str], Origin | None], tuple[Candidate, Effect]] = {}
    known: dict[tuple[object, ...], Effect] = {}

    def at_spot(spot: Spot, origin: Origin | None) -> tuple[Candidate, Effect]:
        key = spot.codes & telling, origin
        if key not in alone:
            found = candidates(law, [spot], product, origin, on)
            alone[key] = found[0], conclude(found, Facts()).effect
        return alone[key]

    @cache
    def shape(at: At) -> tuple[int, ...]:
        numbers: dict[str | None, int] = {}
        return tuple(numbers.setdefault(name, len(numbers)) for spot in at for name in (spot.state, spot.county))

    def from_site(at: At, origin: Origin | None) -> Effect:
        found = [at_spot(spot, origin) for spot in at]
        if len(found) == 1:
            return found[0][1]
        key = *shape(at), *(effect for _, effect in found)
        if key not in known:
            known[key] = conclude([(spot, each[1]) for spot, (each, _) in zip(at, found, strict=True)], Facts()).effect
        return known[key]

    @cache
    def ask(at: At) -> Effect:
        return min((from_site(at, origin) for origin in some), key=STRICTNESS.__getitem__)

    return ask

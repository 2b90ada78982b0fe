"""What of a request stands there now, in which kind; and what one unit of can be asked for now, which is offered where
something else cannot go, and which wishes wait for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy.orm import Session

from geo.places import Place
from geo.rules import STRICTNESS, Effect, Facts
from inventory.models import Item
from orders import draft, substitution
from orders.authority import products
from orders.draft import Draft
from orders.eligibility import Judgement, at_once, free_now, judge, senders
from orders.tables import looked_up

OFFERED = 4  # things at most: a page of answers is no second catalog


@dataclass(frozen=True)
class Offer:
    """Something that can go there now; `for_code` is what it would take the place of, another kind of the same."""

    item: Item
    for_code: str = ""


@dataclass(frozen=True)
class Here:
    """Codes of what was asked for that could leave together now; of some of it, `other`, in another kind."""

    codes: frozenset[str]
    other: frozenset[str] = frozenset()


def here(
    session: Session,
    place: Place,
    facts: Facts,
    wanted: Mapping[str, int],
    judgement: Judgement,
    kinds: Mapping[str, Sequence[Item]],
    *,
    items: Sequence[Item],
    on: date,
    today: date,
) -> Here:
    """How much of a request could leave now, in the kinds asked for if they do, else in the ways that triage tries.

    `kinds` has what else they take, by family; `items` what can be asked for. Raises NoRules.
    """
    free = free_now(session, today)
    found, asked = Here(at_once(place, facts, wanted, judgement, free)), [it for it in items if it.code in wanted]
    if len(found.codes) == len(asked) or not any(item.family in kinds for item in asked):
        return found
    every = dict.fromkeys([*wanted, *(item.code for several in kinds.values() for item in several)], 1)
    there = senders(session, place, facts, every)
    decider = looked_up(session, on, every, (site for sites in there.values() for site in sites))
    for way in substitution.ways(asked, kinds):
        pairs = list(zip(asked, way, strict=True))
        units = {item.code: wanted[own.code] for own, item in pairs}
        judged = judge(decider, place, units, facts, on, senders=there)
        if not all(item is own or _no_worse(own, item, units, judgement, judged) for own, item in pairs):
            continue
        go = at_once(place, facts, units, judged, free)
        codes = frozenset(own.code for own, item in pairs if item.code in go)
        if len(codes) > len(found.codes):
            found = Here(codes, codes & {own.code for own, item in pairs if item is not own})
    return found


def _no_worse(own: Item, other: Item, units: Mapping[str, int], before: Judgement, after: Judgement) -> bool:
    """Whether another kind may go as what was asked for may, in as many units."""
    strict = STRICTNESS[after.by_item[other.code].effect] > STRICTNESS[before.by_item[own.code].effect]
    return not strict and units[other.code] <= other.most_per_request


def lawful_parts(
    session: Session, typed: Draft, place: Place, judgement: Judgement, moment: datetime
) -> dict[str, list[str]]:
    """Kit -> those of its parts that can be asked for alone and go there, for each kit that cannot go as a whole.

    Each in one kind, and not of what is asked for beside the kit.
    """
    items, kits = draft.requestable(session), judgement.items(Effect.DENY)
    things = {item.code: item.family or item.code for item in items}
    beside = {things[code] for code in typed.wanted if code in things and code not in kits}
    alone = {code for code, thing in things.items() if code not in typed.wanted and thing not in beside}
    known = products(session) if kits else {}
    parts = {kit: [part.code for part, _ in known[kit].parts if part.code in alone] for kit in kits if kit in known}
    wanted = {code: 1 for codes in parts.values() for code in codes}
    can_go = draft.lawful(draft.answer(session, typed, wanted, place, moment)) if wanted else []
    one_kind = {things[code]: code for code in reversed(can_go)}
    return {
        kit: found for kit, codes in parts.items() if (found := [code for code in codes if code in one_kind.values()])
    }


def ready(
    session: Session, place: Place, facts: Facts, codes: Collection[str], *, on: date, today: date
) -> dict[str, Effect]:
    """Those items of which one unit may be asked for, with what the rules say, and stands where it would leave from.

    `on` is the day at the place, `today` that of the stock. Raises NoRules.
    """
    one = dict.fromkeys(codes, 1)
    there = senders(session, place, facts, one)
    decider = looked_up(session, on, one, (site for sites in there.values() for site in sites))
    found: dict[str, Effect] = {}
    states = place.states if facts.state is None else (facts.state,)
    shelves = {
        at
        for at, supply in free_now(session, today).items()
        if any(not limit or not limit.isdisjoint(states) for limit in supply)
    }
    for code in codes:
        from_here = {code: [site for site in there[code] if (site, code) in shelves]}
        if from_here[code]:
            decision = judge(decider, place, {code: 1}, facts, on, senders=from_here).by_item[code]
            if decision.effect is not Effect.DENY:
                found[code] = decision.effect
    return found


def offers(
    items: Sequence[Item], wanted: Collection[str], short: Collection[str], ready: Mapping[str, Effect]
) -> list[Offer]:
    """What to offer to who cannot have the items `short` of those `wanted` now: other kinds of them first, then things
    of the same sort, then whatever else goes without a question."""
    known = {item.code: item for item in items}
    missing = [known[code] for code in short if code in known]
    families = {item.family: item.code for item in reversed(missing) if item.family}
    taken = {known[code].family for code in wanted if code in known} - {""}
    sorts = {item.kind for item in missing} - {""}
    free = [item for item in items if item.code not in wanted and ready.get(item.code) is Effect.ALLOW]
    found = [Offer(item, families.get(item.family, "")) for item in free if item.family not in taken - families.keys()]
    return sorted(found, key=lambda one: (not one.for_code, one.item.kind not in sorts))[:OFFERED]

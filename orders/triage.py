"""After intake, before packing: open the box, check the address against the place, then allocate, wait or hold.

Only processes with the keyring run this. What a rule or a check cannot settle is held for a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from distro import audit, clock
from distro.errors import InvalidInput, Refusal
from distro.keys import keyring
from distro.keys.keyring import SecretWrong
from distro.keys.sealing import SealBroken
from geo import periods, places
from geo.periods import Sent
from geo.places import Place
from geo.rules import Effect
from inventory import demand, stock
from inventory.models import Site
from orders import household, signals, substitution, tampering, workflow
from orders.allocation import Plan, plan
from orders.authority import Laws
from orders.eligibility import Judgement, doubts, judge, senders, shown_key
from orders.identity import Keys, open_person, prove
from orders.intake import Person
from orders.models import WHY_NOT, Line, Order, Status
from orders.signals import Finding, Past
from orders.sourcing import authorised_sites, barred_funds, shelves

NOTHING = Plan(None, (), {})
UNCHECKED = "The address could not be checked"  # how a note begins that says so


@dataclass(frozen=True)
class Desk:
    """What triage works with: what opens boxes, what decides on a day, and the time."""

    keys: Keys
    laws: Laws
    now: datetime

    @property
    def today(self) -> date:
        """The day by which stock is planned; the law goes by the day at the destination."""
        return self.now.date()


def oldest(session: Session, status: Status, limit: int = 2_000) -> list[int]:
    """Ids of the orders at a step, oldest first: `received` is what came in, `waiting` what stock was short for."""
    return list(session.scalars(select(Order.id).where(Order.status == status).order_by(Order.id).limit(limit)))


def to_retry(session: Session, today: date, limit: int = 2_000) -> list[int]:
    """Ids of waiting orders for which every item stands free and fresh enough on some shelf now, oldest first."""
    free = {item_id for _site_id, item_id in stock.usable(session, today)}
    lacking = select(Line.id).where(Line.order_id == Order.id, Line.item_id.not_in(free)).exists()
    query = select(Order.id).where(Order.status == Status.WAITING, ~lacking).order_by(Order.id).limit(limit)
    return list(session.scalars(query))


def settle(session: Session, order: Order, desk: Desk) -> None:
    """Carry one received or waiting order as far as it goes now; the caller commits.

    Ends in allocated, waiting (stock is short) or held (a person decides), and counts its demand once. Where stock is
    short for one kind of a thing and its person takes another, that one goes: see `substitution`. An order that
    another scheduler or a person has moved on meanwhile is left alone.
    """
    try:
        workflow.lock(session, order, Status.RECEIVED, Status.WAITING)
    except workflow.AlreadyMoved:
        return
    try:
        person = open_person(order, desk.keys)
        tampering.require_release(session, order)
        place = places.find(session, person.zip)
        if not order.released:
            places.in_state(place, person.state)
    except SecretWrong:  # nothing is wrong with the order: it waits until the keyring can be unlocked
        raise
    except Refusal as problem:
        workflow.hold(session, order, note=f"{UNCHECKED}: {type(problem).__doc__}", at=desk.now)
        if isinstance(problem, SealBroken):
            order.released, order.released_for, order.decision = False, [], None  # whoever releases it asks all anew
            tampering.tell(session, order, at=desk.now)
        return
    past = household.past_of(session, desk.keys.ring, order, person, desk.today)
    before = [line.item_id for line in order.lines]
    substitution.restore(order)
    found = _weigh(session, order, person, place, desk, past)
    if not found.note:
        _count_demand(session, order, found.sites[0])
        if found.plan.site_id is None and person.substitutes:
            found = _with_other_kinds(session, order, person, place, desk, past) or found
    order.ruleset_id = found.judgement.ruleset_id
    order.decision = signals.noted(found.judgement.record(), found.noticed)
    if [line.item_id for line in order.lines] != before:
        prove(order, desk.keys)
    if found.note:
        workflow.hold(session, order, note=found.note, at=desk.now)
    elif found.plan.site_id is None:
        workflow.wait(session, order, site_id=found.sites[0].id)
    else:
        workflow.allocate(session, order, found.plan, at=desk.now)


@dataclass(frozen=True)
class Weighed:
    """What becomes of an order as its lines are: `note` says why a person decides, `plan` what there is for it."""

    judgement: Judgement
    noticed: list[Finding]
    sites: list[Site]
    note: str
    plan: Plan


def _weigh(session: Session, order: Order, person: Person, place: Place, desk: Desk, past: Past | None) -> Weighed:
    sent = _sent(order, past, place, desk)
    judgement = judge_order(session, order, person, place, desk, sent=sent)
    noticed = signals.findings(order, person.name, past or Past(), desk.today)
    noticed += signals.over_periods(judgement, desk.laws(clock.day_at(desk.now, place.zone)).law.book, sent)
    sites = authorised_sites(session, order, place, judgement)
    note = objection(order, judgement) or ("" if sites else f"No warehouse sends all of this to {order.state}.")
    note = note or " ".join(one.sentence for one in signals.unseen(order, noticed))
    if note:
        return Weighed(judgement, noticed, sites, note, NOTHING)
    wanted = {line.item_id: line.quantity for line in order.lines}
    free = shelves(session, wanted, barred_funds(order, judgement))
    found = plan(wanted, free, site_ids=[site.id for site in sites], state=order.state, today=desk.today)
    return Weighed(judgement, noticed, sites, "", found)


def _with_other_kinds(
    session: Session, order: Order, person: Person, place: Place, desk: Desk, past: Past | None
) -> Weighed | None:
    """The closest kinds of what is short that can go at once, in the order's lines; None if none can, and they stay.

    Each is judged like what was asked for: what a person would have to look at is not sent instead.
    """
    with session.no_autoflush:  # the lines are written once, when it is clear what they hold
        kinds = substitution.kinds(session, order, person.takes_other)
        for way in substitution.ways([line.item for line in order.lines], kinds):
            substitution.take(order, way)
            found = _weigh(session, order, person, place, desk, past)
            if found.plan.site_id is not None:
                return found
        substitution.restore(order)
    return None


def judge_order(
    session: Session,
    order: Order,
    person: Person,
    place: Place,
    desk: Desk,
    *,
    sent: Mapping[str, int],
    site: str | None = None,
) -> Judgement:
    """What can be sent of an order today, from one warehouse if `site` names it. `sent`: see `geo.rules.Facts`.

    If its ZIP code is not in its state, the rules of both places count. Once a person has released the order nobody is
    left to ask, so of what is not known the strictest holds.
    """
    wanted = {line.item.code: line.quantity for line in order.lines}
    on = clock.day_at(desk.now, place.zone)
    facts = replace(person.facts, sent=sent)
    there = senders(session, place, facts, wanted)
    if site is not None:
        there = dict.fromkeys(there, (site,))
    elsewhere = person.state not in place.states
    if elsewhere:
        place, facts = replace(place, states=(person.state, *place.states)), replace(facts, state=None, county="")
    strictly = elsewhere or order.released
    return judge(desk.laws(on), place, wanted, facts, on, senders=there, strictly=strictly)


def _sent(order: Order, past: Past | None, place: Place, desk: Desk) -> dict[str, int]:
    """What the home gets in the period of each rule that can be counted, with what it asks for now."""
    if past is None:
        return {}
    on = clock.day_at(desk.now, place.zone)
    decider = desk.laws(on)
    gets = [*past.sent, *(Sent(line.item.code, line.quantity, on) for line in order.lines)]
    return periods.by_rule(decider.law.book, decider.products, gets, on, countable=household.KEPT_DAYS)


def objection(order: Order, judgement: Judgement) -> str:
    """Why the rules do not let an order go by itself; empty if they do.

    A person's release covers the doubts that they had before them, no later ones, and never a no.
    """
    barred = judgement.items(Effect.DENY)
    unsure = judgement.items(Effect.REVIEW, Effect.ASK)
    if barred:
        return f"We may not send {_with_reasons(barred, judgement)} to {order.state}."
    if order.released:
        known = set(order.released_for)
        unsure = [
            code for code in unsure if not known.issuperset(doubts(judgement.by_item[code], judgement.ruleset_id))
        ]
    if unsure:
        return f"A person checks {_with_reasons(unsure, judgement)} for {order.state}."
    return ""


def _with_reasons(codes: Sequence[str], judgement: Judgement) -> str:
    """Items, each with the rule that decides it, as `syringe-kit (OH-syringes)`. Names no one and no county."""
    return ", ".join(f"{code} ({shown_key(judgement.by_item[code].reasons[0])})" for code in codes)


def objection_today(session: Session, order: Order, desk: Desk) -> str:
    """The objection of today's rules to a parcel from the order's own warehouse; an address that cannot be checked is
    one too. Asked when it is packed, labelled and shipped; the order keeps the decision.

    The address is opened for its place alone; nothing of it is given back. Raises KeyGone on a machine without any
    keyring, where nothing is wrong with the order, and whatever is wrong with the address of one that is packed. If
    that is SealBroken, the admins are told: the caller commits before it refuses.
    """
    try:
        person = open_person(order, desk.keys)
        tampering.require_release(session, order)
        place = places.find(session, person.zip)
    except Refusal as problem:
        locked = isinstance(problem, SecretWrong) or not keyring.private_epochs(desk.keys.ring)
        if isinstance(problem, SealBroken):
            tampering.tell(session, order, at=desk.now)
        if order.status == Status.PACKED or locked:
            raise
        return f"{UNCHECKED}: {type(problem).__doc__}"
    past = household.past_of(session, desk.keys.ring, order, person, desk.today)
    code = order.site.code if order.site else None
    judgement = judge_order(session, order, person, place, desk, sent=_sent(order, past, place, desk), site=code)
    order.ruleset_id, order.decision = judgement.ruleset_id, judgement.record()
    return objection(order, judgement) or _money(order, judgement)


def _money(order: Order, judgement: Judgement) -> str:
    """Why what is allocated may not go: the money that bought it is barred by now. Empty if none is."""
    barred = barred_funds(order, judgement)
    found = {pick.lot.number for pick in order.allocations if pick.lot.fund.kind in barred.get(pick.lot.item_id, ())}
    return (
        f"The money that bought lot {', '.join(sorted(found))} may not pay for this in {order.state}." if found else ""
    )


def release(session: Session, order: Order, *, reason: str, by: str, at: datetime) -> None:
    """A person says yes to what triage held; it is checked again, and what the law forbids stays held."""
    _require_reason(reason)
    seen = [doubt for decision in (order.decision or {}).values() for doubt in decision.get("doubts", ())]
    known = list(dict.fromkeys([*order.released_for, *seen, *order.flags]))
    workflow.move(session, order, Status.RECEIVED, released=True, released_for=known, note="")
    audit.record(session, actor=by, action=tampering.RELEASE, subject=order.document, reason=reason, at=at)


def decline(session: Session, order: Order, *, reason: str, by: str, at: datetime, why: str = "") -> None:
    """A person says no, with a reason for the record. `why` is one of WHY_NOT: it tells the participant more."""
    _require_reason(reason)
    said = why if why in WHY_NOT else ""
    workflow.move(session, order, Status.DECLINED, closed_on=at.date(), note="", why_not=said)
    audit.record(session, actor=by, action="decline", subject=order.document, reason=reason, at=at)


def held(session: Session) -> Sequence[Order]:
    """What waits for a person, oldest first."""
    query = select(Order).where(Order.status == Status.HELD).order_by(Order.id)
    return session.scalars(query.options(selectinload(Order.lines).joinedload(Line.item))).all()


def _count_demand(session: Session, order: Order, site: Site) -> None:
    if order.counted:
        return
    for line in sorted(order.lines, key=lambda line: line.item_id):  # the order in which rows are locked everywhere
        demand.count(
            session,
            item_id=line.item_id,
            site_id=site.id,
            state=order.state,
            day=order.received_on,
            quantity=line.quantity,
        )
    order.counted = True


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise InvalidInput(field="reason", problem="Say why in a few words, without names or addresses.")

"""After intake, before packing: open the box, check the address against the place, then allocate, wait or hold.

Only processes with the keyring run this. What a rule or a check cannot settle is held for a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from distro import audit, keyring
from distro.errors import InvalidInput, Refusal
from geo import places
from geo.places import Place
from geo.rules import Effect, Facts, RuleBook, strictest
from inventory import demand, stock
from inventory.models import Balance, Fund, Item, Lot, Site
from orders import workflow
from orders.allocation import Shelf, plan
from orders.eligibility import Judgement, judge, served
from orders.intake import Person
from orders.models import Line, Order, Status


@dataclass(frozen=True)
class Desk:
    """What triage works with: the keyring, the live rules and the time."""

    keyring: Path
    book: RuleBook
    now: datetime

    @property
    def today(self) -> date:
        """The day of the decision."""
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

    Ends in allocated, waiting (stock is short) or held (a person decides), and counts its demand once. An order that
    another scheduler or a person has moved on meanwhile is left alone.
    """
    try:
        workflow.lock(session, order, Status.RECEIVED, Status.WAITING)
    except workflow.AlreadyMoved:
        return
    try:
        person = open_person(order, desk.keyring)
        place = places.find(session, person.zip)
        if not order.released:
            places.in_state(place, person.state)
    except Refusal as problem:
        workflow.hold(session, order, note=_unchecked(problem), at=desk.now)
        return
    judgement = judge_order(session, order, person, place, desk)
    order.ruleset_id, order.decision = judgement.ruleset_id, judgement.record()
    sites = authorised_sites(session, order, place)
    note = objection(order, judgement) or ("" if sites else f"No warehouse sends all of this to {order.state}.")
    if note:
        workflow.hold(session, order, note=note, at=desk.now)
        return
    _count_demand(session, order, sites[0])
    wanted = {line.item_id: line.quantity for line in order.lines}
    found = plan(
        wanted, shelves(session, wanted), site_ids=[site.id for site in sites], state=order.state, today=desk.today
    )
    if found.site_id is None:
        workflow.wait(session, order, site_id=sites[0].id)
    else:
        workflow.allocate(session, order, found, at=desk.now)


def open_person(order: Order, keyring_directory: Path) -> Person:
    """Open an order's box. Raises KeyGone, SealBroken, PersonUnreadable, or AddressErased once it was erased."""
    if order.sealed is None:
        raise workflow.AddressErased(number=order.number)
    return Person.from_text(keyring.open_box(keyring_directory, order.epoch, order.uid, order.sealed))


def judge_order(session: Session, order: Order, person: Person, place: Place, desk: Desk) -> Judgement:
    """What can be sent of an order today. If its ZIP code is not in its state, the rules of both places count."""
    facts = Facts(state=person.state, age=person.at_least)
    codes = [line.item.code for line in order.lines]
    there = served(session, place, facts, codes)
    if person.state not in place.states:
        place, facts = replace(place, states=(person.state, *place.states)), replace(facts, state=None)
        return judge(desk.book, place, codes, facts, desk.today, served=there, decide=strictest)
    return judge(desk.book, place, codes, facts, desk.today, served=there)


def objection(order: Order, judgement: Judgement) -> str:
    """Why the rules do not let an order go by itself; empty if they do. A person's release covers doubt, never a no."""
    barred = judgement.items(Effect.DENY)
    unsure = judgement.items(Effect.REVIEW, Effect.ASK)
    if barred:
        return f"We may not send {', '.join(barred)} to {order.state}."
    if unsure and not order.released:
        return f"A person checks {', '.join(unsure)} for {order.state}."
    return ""


def objection_today(session: Session, order: Order, desk: Desk) -> str:
    """The objection of today's rules, asked again on the day of packing; an address that cannot be checked is one too.

    The address is opened for its place alone; nothing of it is given back. Raises KeyGone on a machine without any
    keyring, where nothing is wrong with the order.
    """
    try:
        person = open_person(order, desk.keyring)
        place = places.find(session, person.zip)
    except Refusal as problem:
        if not keyring.private_weeks(desk.keyring):
            raise
        return _unchecked(problem)
    return objection(order, judge_order(session, order, person, place, desk))


def authorised_sites(session: Session, order: Order, place: Place) -> list[Site]:
    """Sites that send all of the order's items to its state, nearest first."""
    item_ids = {line.item_id for line in order.lines}
    sites = session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id)).all()
    fit = {site.code: site for site in sites if site.may_send(item_ids, order.state)}
    points = [(site.code, site.latitude, site.longitude) for site in fit.values()]
    return [fit[code] for code in places.nearest(place, points)]


def shelves(session: Session, item_ids: Mapping[int, int]) -> Sequence[Shelf]:
    """The free stock of these items, everywhere, of funds that may buy them; held lots are left out."""
    query = (
        select(Balance, Lot, Fund, Item)
        .join(Lot, Balance.lot_id == Lot.id)
        .join(Fund, Lot.fund_id == Fund.id)
        .join(Item, Lot.item_id == Item.id)
        .where(Lot.item_id.in_(item_ids), Lot.held.is_(False), Balance.on_hand > Balance.reserved)
        .execution_options(populate_existing=True)
    )
    return [
        Shelf(
            balance_id=balance.id,
            lot_id=lot.id,
            bin_id=balance.bin_id,
            site_id=balance.site_id,
            item_id=lot.item_id,
            available=balance.available,
            expires_on=lot.expires_on,
            send_until=lot.send_until,
            fund_states=frozenset(fund.states),
        )
        for balance, lot, fund, item in session.execute(query)
        if fund.may_pay(item.code)
    ]


def release(session: Session, order: Order, *, reason: str, by: str, at: datetime) -> None:
    """A person says yes to what triage held; it is checked again, and what the law forbids stays held."""
    _require_reason(reason)
    workflow.move(session, order, Status.RECEIVED, released=True, note="")
    audit.record(session, actor=by, action="release", subject=order.document, reason=reason, at=at)


def decline(session: Session, order: Order, *, reason: str, by: str, at: datetime) -> None:
    """A person says no, with a reason for the record."""
    _require_reason(reason)
    workflow.move(session, order, Status.DECLINED, closed_on=at.date())
    audit.record(session, actor=by, action="decline", subject=order.document, reason=reason, at=at)


def held(session: Session) -> Sequence[Order]:
    """What waits for a person, oldest first."""
    query = select(Order).where(Order.status == Status.HELD).order_by(Order.id)
    return session.scalars(query.options(selectinload(Order.lines).joinedload(Line.item))).all()


def _unchecked(problem: Refusal) -> str:
    return f"The address could not be checked: {type(problem).__doc__}"


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

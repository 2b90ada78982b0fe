"""Filling in who asked again with the code of an earlier request: from its box to the new one. In the scheduler alone.

The public side cannot read the earlier box. It seals that request's number and a token that its code alone makes; see
`Person.again`. Nothing that is left says which request was the earlier one.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, undefer_group

from distro import audit
from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keylist
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import SecretWrong
from orders import instructions, signals, workflow
from orders.identity import Keys, open_person, prove, seal_anew
from orders.intake import Person
from orders.models import GONE, Line, Order, Status

FILLED = "ask again"  # the action in the record
UNREAD = "They asked again, and the address of the earlier request could not be read. Decline it if that stays so."
ADDRESS = ("name", "line1", "line2", "city", "state", "zip", "care_of", "urbanization", "county", "corrected_at")
FURTHEST = 10  # requests of which each was asked again before it was filled in


def fill(session: Session, order: Order, settings: Settings, *, at: datetime) -> None:
    """Put the person of the earlier request into the box of a received order that stands for it, and its things too
    unless others were chosen. Any other order is left as it is; the caller commits.

    Where the earlier address was erased meanwhile, or is about to be, or its code was not known after all, the order is
    declined kindly; where it does not open, or some of the same things are off our list by now, a person decides.
    Raises SecretWrong while the keyring cannot be unlocked, and Unavailable without a key to seal to: then it waits.
    """
    keys = Keys.of(settings)
    try:
        workflow.lock(session, order, Status.RECEIVED)
        new = open_person(order, keys)
    except SecretWrong:
        raise
    except Refusal:  # somebody was quicker; or triage holds it, and says why
        return
    if not new.again:
        return
    try:
        before, old = _earlier(session, new, keys)
    except SecretWrong:
        raise
    except Refusal:
        workflow.hold(session, order, note=UNREAD, at=at)
        return
    if old is None:
        _decline(session, order, at)
        return
    flags = [signals.GROUP] if before.organisation else []  # a person approves what goes to a group, each time
    if not order.lines:
        order.lines = _like(old)
        session.flush()
        flags += [signals.OFF_LIST] if signals.off_list(order) else []
    else:
        before = replace(before, substitutes=new.substitutes)
    order.flags = [*order.flags, *flags]
    session.flush()
    seal_anew(order, _joined(before, new).to_text(), *keylist.today(PublicKeys.of(settings), at.date()))
    prove(order, keys)
    audit.record(session, actor="system", action=FILLED, subject=order.document, at=at)


def _earlier(session: Session, new: Person, keys: Keys) -> tuple[Person, Order | None]:
    """Whoever asked before, and the order that has their things; no order if nobody can tell any more.

    That one may itself have been closed before it was filled in. Raises as `open_person`.
    """
    person, takes = new, new.substitutes
    things: Order | None = None
    for _ in range(FURTHEST):
        order = _meant(session, person.again)
        if order is None:
            break
        person = open_person(order, keys)
        if things is None and order.lines:
            things, takes = order, person.substitutes
        if not person.again:
            return replace(person, substitutes=takes), things
    return new, None


def _meant(session: Session, again: str) -> Order | None:
    """The order that `NUMBER:hex` of a token stands for, or the one that took its place; None if it is erased or about
    to be, or the token does not fit."""
    number, _, token = again.partition(":")
    order = _whole(session, Order.number == number)
    while order is not None and order.resent_as_id is not None:
        order = _whole(session, Order.id == order.resent_as_id)
    if order is None or order.sealed is None or instructions.is_to_be_erased(session, order):
        return None
    return order if instructions.fits(order, bytes.fromhex(token)) else None


def _whole(session: Session, which: ColumnElement[bool]) -> Order | None:
    query = select(Order).where(which).options(undefer_group("box"))
    return session.scalar(query.execution_options(populate_existing=True))


def _joined(before: Person, new: Person) -> Person:
    """The person of before, with the new request's language and key, and its address if that was corrected already.

    How to reach them is not taken over: by now the phone or the inbox may be somebody else's. A group's is kept, since
    whoever approves it has to ask there.
    """
    if not before.organisation:
        before = replace(before, email="", phone="", says=False)
    person = replace(before, language=new.language, reply_key=new.reply_key, again="")
    return replace(person, **{name: getattr(new, name) for name in ADDRESS}) if new.line1 else person


def _like(old: Order) -> list[Line]:
    """The same things, in the kinds that were asked for and not those that went in their place."""
    wanted: dict[int, int] = {}
    for line in old.lines:
        item_id = line.asked_item_id or line.item_id
        wanted[item_id] = wanted.get(item_id, 0) + line.quantity
    return [Line(item_id=item_id, quantity=units) for item_id, units in wanted.items()]


def _decline(session: Session, order: Order, at: datetime) -> None:
    workflow.move(session, order, Status.DECLINED, closed_on=at.date(), note="", why_not=GONE)
    audit.record(
        session, actor="system", action="decline", subject=order.document, reason="earlier address gone", at=at
    )

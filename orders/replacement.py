"""Another parcel in place of one that never came: a new order, to which the code and the sealed address move.

The old one keeps what was in it, for recalls and for the stock's ledger, and its address is erased: so that one code
erases all there is. Its demand is not counted again: demand is what people ask for, and nobody asked for more. That
stock leaves twice is in the ledger, and so in what is on hand.
"""

import secrets
from datetime import date, datetime
from uuid import uuid4

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.config import Settings
from distro.keys import keylist
from distro.keys.keylist import PublicKeys
from orders import codes, household, letters, resend, retention, signals, telling, workflow
from orders.identity import Keys, open_person, prove, seal_anew
from orders.models import Door, Line, Order, Status
from orders.scope import Scope
from orders.telling import News

LOST = "never came"  # the action in the record


def send_again(session: Session, order: Order, settings: Settings, *, at: datetime) -> Order | None:
    """The order that takes the place of one that never came; None if it is too early, or was said before.

    Where one went to that home before, triage leaves the new one to a person. Raises AlreadyMoved unless it was
    shipped, Unavailable without a key to seal to, and as `open_person`.
    """
    workflow.lock(session, order, Status.SHIPPED)
    if not resend.may_tell(order, at.date()):
        return None
    keys = Keys.of(settings)
    person = open_person(order, keys)
    epoch, public = keylist.today(PublicKeys.of(settings), at.date())
    new = _like(session, order, at.date())
    order.code_tag, order.change_tag = secrets.token_bytes(32), secrets.token_bytes(32)
    order.lost_on = at.date()
    session.flush()  # the code is free now
    seal_anew(new, person.to_text(), epoch, public)
    session.add(new)
    session.flush()
    order.resent_as_id = new.id
    if order.news in telling.AFTER_A_STOP:
        new.news = order.news  # not told yet, and the contact moves
    letters.move(session, order, new, keys)
    retention.forget(session, order, at.date())
    before = household.was_resent(session, keys.ring, new, person, at.date())
    new.flags = [] if resend.goes_by_itself(order, before=before) else [signals.LOST]
    if person.organisation:
        new.flags = [signals.GROUP, *new.flags]  # a person approves what goes to a group, each time
    if not new.flags:
        telling.note(session, new, News.RESENT)
    household.past_of(session, keys.ring, new, person, at.date())  # for its tag, which the next one looks for
    prove(new, keys)
    reason = f"another goes as {new.document}" if not new.flags else f"a person decides about {new.document}"
    audit.record(session, actor="participant", action=LOST, subject=order.document, reason=reason, at=at)
    return new


def lost_by_month(session: Session, scope: Scope, *, since: date) -> dict[date, int]:
    """How many parcels of a scope never came, by the first day of the month in which that was said."""
    query = select(Order.lost_on, func.count()).where(Order.lost_on >= since).group_by(Order.lost_on)
    months: dict[date, int] = {}
    for day, count in session.execute(scope.narrowed(query).order_by(Order.lost_on)):
        if day is not None:
            months[day.replace(day=1)] = months.get(day.replace(day=1), 0) + count
    return months


def _like(session: Session, order: Order, today: date) -> Order:
    """A new order for the same things and the same code."""
    return Order(
        uid=uuid4(),
        number=_free_number(session),
        nonce_tag=secrets.token_bytes(32),
        code_tag=order.code_tag,
        change_tag=order.change_tag,
        status=Status.RECEIVED,
        state=order.state,
        received_on=today,
        flags=[],
        counted=True,
        door=Door.RESEND,
        lines=[Line(item_id=x.item_id, quantity=x.quantity, asked_item_id=x.asked_item_id) for x in order.lines],
    )


def _free_number(session: Session) -> str:
    while session.scalar(select(Order.id).where(Order.number == (number := codes.new_number()))) is not None:
        continue
    return number

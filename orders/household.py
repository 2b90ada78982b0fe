"""Whether a home has asked before, without keeping where it is: keyed tags of addresses, for a few weeks.

Only triage computes them, after it has opened the address. A tag is HMAC-SHA256 of the address under the pepper of the
week the order came in, cut to 20 bits and compared within one state only, so that one in a backup fits several homes
of most states; pepper and tags go together (`expire`), and then no tag can be made again.
What they say sends an order to a person. It never refuses one, and no page of a participant shows it. docs/limits.md
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import and_, delete, false, or_, select
from sqlalchemy.orm import Session

from distro import audit
from distro.clock import week_of
from distro.keys import keyring
from distro.keys.keyring import Keyring
from geo.periods import Sent
from inventory.catalogschema import LIMIT_DAYS
from inventory.models import Item
from orders import signals, workflow
from orders.homes import home_of
from orders.identity import Keys, open_person
from orders.intake import Person
from orders.models import Door, Household, Line, Order, Status
from orders.signals import Past

KEPT_DAYS = LIMIT_DAYS  # that can be looked back at least; a longer period cannot be counted
SHARED = "shared"  # the week of tags of addresses that many share, and the name of their pepper
TAG_BITS = 20  # few enough that addresses share one, enough that few orders do: docs/limits.md has both figures
DESTROY_PEPPER = "destroy pepper"  # the action in the audit record; its subject is the week
NOT_SENT = (Status.HELD, Status.DECLINED, Status.CANCELLED)


def past_of(session: Session, ring: Keyring, order: Order, person: Person, today: date) -> Past | None:
    """What the order's home asked for before it, at least `KEPT_DAYS` back; the order is tagged on the way.

    Nothing counts where many share an address. None if the order is so old that its week has no pepper any more: then
    nobody can tell. Two statements, whatever was asked for before.
    """
    home, own, oldest = home_of(person), week_of(order.received_on), week_of(today - timedelta(days=KEPT_DAYS))
    if home is None:
        return Past()
    if own < oldest:
        return None
    tags = {week: _tag(ring, week, home) for week in {own, *keyring.peppers(ring)} if week >= oldest}
    rows = session.execute(
        select(Household.week, Order.id, Order.status, Order.received_on, Order.closed_on)
        .add_columns(Item.code, Item.family, Line.quantity, Order.flags)
        .join(Order, Order.id == Household.order_id)
        .join(Line, Line.order_id == Order.id)
        .join(Item, Item.id == Line.item_id)
        .where(Order.state == order.state)
        .where(or_(*(and_(Household.week == week, Household.tag == tag) for week, tag in tags.items())))
    ).all()
    if all(row.id != order.id for row in rows):
        session.add(Household(order_id=order.id, week=own, tag=tags[own]))
    if any(row.week == SHARED for row in rows):
        return Past()
    # What a group got counts for groups alone: people who live there ask for themselves.
    before = [row for row in rows if row.id < order.id and _counts(row.flags, order)]
    return Past(
        tuple(
            Sent(row.code, row.quantity, row.closed_on if row.status == Status.SHIPPED else today)
            for row in before
            if row.status not in NOT_SENT
        ),
        len({row.id for row in before if row.received_on == order.received_on and row.status not in NOT_SENT}),
        {row.code: row.family for row in before},
    )


def was_resent(session: Session, ring: Keyring, order: Order, person: Person, today: date) -> bool:
    """Whether another parcel went to this home before in place of one that never came, as far back as tags live.

    No where many share the address, and at General Delivery: there nobody can tell.
    """
    home, oldest = home_of(person), week_of(today - timedelta(days=KEPT_DAYS))
    if home is None:
        return False
    tags = {week: _tag(ring, week, home) for week in keyring.peppers(ring) if week >= oldest}
    query = (
        select(Household.week, Order.door, Order.flags)
        .join(Order, Order.id == Household.order_id)
        .where(Order.state == order.state, Order.id != order.id)
        .where(or_(false(), *(and_(Household.week == week, Household.tag == tag) for week, tag in tags.items())))
    )
    rows = session.execute(query).all()
    return any(row.door == Door.RESEND and _counts(row.flags, order) for row in rows) and all(
        row.week != SHARED for row in rows
    )


def mark_shared(session: Session, order: Order, keys: Keys, *, by: str, at: datetime) -> None:
    """A person says that many share the address of a held order, such as a shelter: it is checked again, uncounted.

    The order's own tag becomes the mark, until its address is erased. The address is opened by the machine alone.
    Raises as `open_person` does, or workflow.AlreadyMoved.
    """
    home = home_of(open_person(order, keys))
    workflow.move(session, order, Status.RECEIVED, note="")
    if home is not None:
        session.merge(Household(order_id=order.id, week=SHARED, tag=_tag(keys.ring, SHARED, home)))
    audit.record(session, actor=by, action="shared address", subject=order.document, at=at)


def expire(session: Session, ring: Keyring, *, at: datetime) -> list[str]:
    """Destroy the peppers that are too old to count with, and drop their tags; gives back the weeks.

    The pepper of shared addresses goes as soon as no order is marked any more; the next mark makes a new one.
    Raises keyring.CopyAway before anything is destroyed.
    """
    oldest = week_of(at.date() - timedelta(days=KEPT_DAYS))
    gone = [week for week in keyring.peppers(ring) if week < oldest and keyring.destroy(ring, week, "pepper")]
    session.execute(delete(Household).where(Household.week < oldest))
    for week in gone:
        audit.record(session, actor="system", action=DESTROY_PEPPER, subject=week, reason="too old to count", at=at)
    marked = session.scalar(select(Household.order_id).where(Household.week == SHARED).limit(1)) is not None
    if not marked and SHARED in keyring.peppers(ring) and keyring.destroy(ring, SHARED, "pepper"):
        audit.record(session, actor="system", action=DESTROY_PEPPER, subject=SHARED, reason="nothing is marked", at=at)
        gone.append(SHARED)
    return gone


def _counts(flags: Sequence[str], order: Order) -> bool:
    """Whether an order with these flags counts for `order`: one of a group counts for groups alone, however it came."""
    return signals.GROUP not in flags or signals.is_group(order)


def _tag(ring: Keyring, week: str, home: str) -> bytes:
    whole = hmac.digest(keyring.pepper(ring, week), b"household\0" + home.encode(), hashlib.sha256)
    return (int.from_bytes(whole[:4]) >> (32 - TAG_BITS)).to_bytes(4)

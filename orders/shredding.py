"""Destroying the keys of past weeks, after every box that is still needed was sealed anew to the present one.

So an erased address opens from no backup a few weeks later, however long another order of its week stays open. A key
goes out of use when its week ends, or when another one replaced it. From then on its boxes are resealed forward; it is
destroyed `KEYS_LIVE` after the last of them, since younger backups hold boxes that need it, and never sooner than that
after the first line about it, however late the scheduler came to it. The audit record has a line for each. Between any
two steps every box opens: a row and its key change in one transaction, the old key goes last.

A box that opens but whose row is not ours is sealed anew too, and its proof left wrong: the order is held and told, and
what somebody did to its row, or to our secret, does not cost the address.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.audit import AuditEntry
from distro.clock import week_of
from distro.errors import Refusal
from distro.keys import keylist, keyring
from distro.keys.keylist import WEEK_LETTERS, PublicKeys
from distro.keys.keyring import KeyGone, Keyring
from distro.keys.sealing import SealBroken
from orders import queries, spool, tampering, workflow
from orders.identity import Keys, is_proven, prove, seal_anew
from orders.models import FINAL, Order, Status
from orders.retention import KEYS_LIVE

log = logging.getLogger(__name__)
LATEST = KEYS_LIVE + timedelta(weeks=1)  # after its week a key goes even if a box could not be opened with it
TIME_TO_MEND = timedelta(weeks=6)  # for a person to mend a spool file that cannot be read or stored
AT_ONCE = 200  # boxes in one transaction: they hold up a packer for less than a tenth of a second
RESEAL, DESTROY_KEY = "reseal", "destroy key"  # actions in the audit record; their subject is the epoch


@dataclass
class Resealed:
    """What became of the boxes of an epoch: how many are sealed anew, which do not open, which came last."""

    moved: int = 0
    broken: list[int] = field(default_factory=list)
    last_id: int = 0
    more: bool = False


def out_of_use(ring: Keyring, public: PublicKeys, today: date) -> list[str]:
    """The epochs whose key lies here though nothing is sealed to it any more. Raises KeysUntrusted."""
    published, private = set(keylist.read(public).keys), keyring.private_epochs(ring)
    return [epoch for epoch in private if _week(epoch) < week_of(today) or _replaced(epoch, published, private)]


def reseal(session: Session, keys: Keys, public: PublicKeys, epoch: str, *, after: int = 0, at: datetime) -> Resealed:
    """Seal the next boxes of an epoch, of orders with an id above `after`, to the present epoch.

    An order whose box does not open, or whose row is not ours, is held for a person. Rows that somebody works on are
    left for the next time. Raises Unavailable without a key for the present week.
    """
    now, key = keylist.today(public, at.date())
    query = queries.boxes(after, AT_ONCE).where(Order.epoch == epoch).with_for_update(of=Order, skip_locked=True)
    done, wrong = Resealed(), list[tuple[Order, Refusal]]()
    with session.no_autoflush:
        for order in session.scalars(query).all():
            done.last_id, box = order.id, order.sealed or b""
            proven = is_proven(order, keys, box)
            try:
                text = keyring.open_box(keys.ring, epoch, order.uid, box)
            except (SealBroken, KeyGone) as problem:
                wrong.append((order, problem))
                done.broken.append(order.id)
                continue
            seal_anew(order, text, now, key)
            done.moved += 1
            if proven:
                prove(order, keys)
            else:
                wrong.append((order, SealBroken()))
    session.flush()
    for order, why in wrong:
        _set_apart(session, order, why, at)
    done.more = done.moved + len(done.broken) == AT_ONCE
    if done.moved or _lines(session, epoch, at) is None:
        told = f"{done.moved} boxes to {now}, {len(done.broken)} could not be opened"
        _record(session, RESEAL, epoch, told, at)
    return done


def keys_to_destroy(
    session: Session,
    ring: Keyring,
    public: PublicKeys,
    spooled: Path,
    *,
    broken: Mapping[str, Collection[int]],
    at: datetime,
) -> list[str]:
    """The keys that can go, and every copy of a box with them.

    `broken` has the orders whose box could not be opened just now, by epoch: for these a key stays until `LATEST` only.
    `spooled` is the spool's folder: what lies there needs its key too.
    """
    waiting = spool.epochs(spooled)  # before the database: a file stored meanwhile is then seen there
    idle = [epoch for epoch in out_of_use(ring, public, at.date()) if epoch not in waiting]
    boxes: dict[str, set[int]] = {}
    held = select(Order.epoch, Order.id).where(Order.epoch.in_(idle), Order.sealed.is_not(None))
    for epoch, order_id in session.execute(held):
        boxes.setdefault(epoch, set()).add(order_id)
    unneeded = []
    for epoch in idle:
        inside, lines = boxes.get(epoch, set()), _lines(session, epoch, at)
        if lines is None or inside - set(broken.get(epoch, ())):
            continue
        if at >= _due(epoch, *lines, broken=bool(inside)):
            unneeded.append(epoch)
    return unneeded


def destroy_key(session: Session, ring: Keyring, epoch: str, *, at: datetime) -> None:
    """Destroy an epoch's key, with the line that proves it. Commit at once. Raises CopyAway: then nothing was done."""
    audit.lock(session)
    if epoch not in keyring.private_epochs(ring):  # another scheduler was quicker
        return
    folders = ", ".join(map(str, ring.folders))
    _record(session, DESTROY_KEY, epoch, f"no box needs it; gone from {folders}", at)
    keyring.destroy(ring, epoch)


def note_gone(session: Session, ring: Keyring, *, at: datetime) -> None:
    """Write the line of a key that was destroyed just before a crash, if no box needs it."""
    done = select(AuditEntry.subject).where(AuditEntry.action == DESTROY_KEY)
    gone = select(AuditEntry.subject).where(AuditEntry.action == RESEAL, AuditEntry.subject.not_in(done)).distinct()
    here = keyring.private_epochs(ring)
    for epoch in session.scalars(gone.order_by(AuditEntry.subject)).all():
        needed = select(Order.id).where(Order.epoch == epoch, Order.sealed.is_not(None)).limit(1)
        if epoch not in here and session.scalar(needed) is None:
            _record(session, DESTROY_KEY, epoch, "no box needs it; it was gone before this line could be written", at)


def _set_apart(session: Session, order: Order, problem: Refusal, at: datetime) -> None:
    log.error("%s: %s", order.document, type(problem).__name__)
    if order.status == Status.HELD:
        order.note = str(problem)[:200]
    elif order.status not in FINAL:
        workflow.hold(session, order, note=str(problem), at=at)
    if isinstance(problem, SealBroken):
        tampering.tell(session, order, at=at)


def _due(epoch: str, first: datetime, last: datetime, *, broken: bool) -> datetime:
    """When a key goes that has been out of use since `first`, and whose boxes were last resealed at `last`."""
    year, week = map(int, _week(epoch).split("-W"))
    latest = datetime.combine(date.fromisocalendar(year, week, 1) + timedelta(weeks=1), time(), UTC) + LATEST
    due = max(first + KEYS_LIVE, min(last + KEYS_LIVE, latest))
    return max(due, latest) if broken else due


def _lines(session: Session, epoch: str, at: datetime) -> tuple[datetime, datetime] | None:
    """When an epoch was first and last resealed, to the hour, as housekeeping comes at any minute of it. None: never.

    A line from the future, which a wrong clock left, counts as none.
    """
    query = select(func.min(AuditEntry.at), func.max(AuditEntry.at)).where(
        AuditEntry.action == RESEAL, AuditEntry.subject == epoch, AuditEntry.at <= at
    )
    first, last = session.execute(query).one()
    return None if first is None else (_hour(first), _hour(last))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _replaced(epoch: str, published: Collection[str], private: Collection[str]) -> bool:
    """Whether another key of its week has taken its place."""
    newer = {other for other in {*published, *private} if _week(other) == _week(epoch) and other > epoch}
    return epoch not in published and bool(newer)


def _week(epoch: str) -> str:
    return epoch[:WEEK_LETTERS]


def _record(session: Session, action: str, epoch: str, reason: str, at: datetime) -> None:
    audit.record(session, actor="system", action=action, subject=epoch, reason=reason, at=at)

"""When a private key is lost for good: what is sealed to it is closed, and its status pages say so."""

from datetime import date, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.audit import AuditEntry
from distro.clock import week_of
from distro.errors import Refusal
from distro.keys import keycheck, keyfiles, keylist, keyring
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import KeysUntrusted, PublicKeys
from orders import spool, workflow
from orders.models import FINAL, KEY_LOST, MOVES, Order, Status
from orders.shredding import DESTROY_KEY

LOSE_KEY = "lost key"  # the action in the audit record; its subject is the epoch


class KeyIsHere(Refusal):
    """Nothing is lost."""

    sentence = "The key of %(epoch)s is here and opens its boxes. Nothing is lost, and nothing was changed."


def require_lost(ring: Keyring, public: PublicKeys, epoch: str, today: date) -> None:
    """Raises KeyIsHere unless the private key of `epoch` is missing, damaged or not the published one.

    Raises CopyAway while the copy cannot be looked into, KeyGone where even the root is away, since then it is the
    keyring that is (a folder not mounted), SecretWrong where it cannot be unlocked, KeysUntrusted, or RootDiffers for a
    foreign keyring.
    """
    keyfiles.require_copy(ring)
    if keyring.root_text(ring) != public.root:
        raise keyring.RootDiffers
    if keyring.has_key(ring, epoch) and epoch not in keyring.lost_epochs(ring, public, today):
        raise KeyIsHere(epoch=epoch)


def used(session: Session, spooled: Path) -> set[str]:
    """The epochs that something is sealed to, in the database or the spool, or whose key was destroyed.

    No new key may have their names: what is sealed to one, here or in a backup, would seem broken.
    """
    stored = session.scalars(select(Order.epoch).where(Order.sealed.is_not(None)).group_by(Order.epoch))
    destroyed = session.scalars(select(AuditEntry.subject).where(AuditEntry.action == DESTROY_KEY))
    return {*stored, *destroyed, *spool.epochs(spooled)}


def closed(session: Session, ring: Keyring) -> dict[str, int]:
    """Epochs that something in the database is sealed to, but whose key is not here; and how many addresses.

    Those that were given up by `give_up` count no more, unless an order is open again. Raises Refusal where the keyring
    as a whole is away or locked.
    """
    keyring.root_text(ring)
    query = select(Order.epoch, func.count()).where(Order.sealed.is_not(None)).group_by(Order.epoch)
    found = session.execute(query.order_by(Order.epoch)).all()
    return {
        epoch: boxes
        for epoch, boxes in found
        if not keyring.has_key(ring, epoch)
        and (_is_open(session, epoch) or not audit.count(session, action=LOSE_KEY, subject=epoch))
    }


def problems(session: Session, ring: Keyring, public: PublicKeys, today: date) -> list[str]:
    """What `keycheck.problems` cannot see, since only the database tells what is sealed to keys of the past.

    Everything but the weeks that are still published, a sentence each.
    """
    try:
        found = closed(session, ring)
        ahead = {epoch for epoch in keylist.read(public).keys if epoch >= week_of(today)}
    except (Refusal, KeysUntrusted):  # `keycheck.problems` says so
        return []
    return [_in_words(session, epoch, boxes) for epoch, boxes in found.items() if epoch not in ahead]


def _in_words(session: Session, epoch: str, boxes: int) -> str:
    some = f"{boxes} {'address' if boxes == 1 else 'addresses'}"
    when = session.scalar(
        select(func.max(AuditEntry.at)).where(AuditEntry.action == DESTROY_KEY, AuditEntry.subject == epoch)
    )
    if when is not None:
        return (
            f"The key of {epoch} was destroyed on {when:%b %-d, %Y}, so {some} of a restored database cannot be opened "
            f"by anyone. Tell those who wait: distro keys lost {epoch} ({keycheck.GUIDE})"
        )
    return (
        f"The private key of {epoch} is lost or damaged: {some} sealed to it cannot be opened. Put it back from the "
        f"copy; if there is none: distro keys lost {epoch} ({keycheck.GUIDE})"
    )


def _is_open(session: Session, epoch: str) -> bool:
    """Whether an order of that epoch is open that has no box in the post room yet."""
    query = select(Order.id).where(Order.epoch == epoch, Order.status.not_in({*FINAL, Status.PACKED}))
    return session.scalar(query.limit(1)) is not None


def give_up(session: Session, epoch: str, *, by: str, at: datetime) -> tuple[int, list[str]]:
    """Close every open order that is sealed to a lost key, with a line in the record; the caller commits.

    Gives how many, and the numbers of those whose label is printed: these stay, a person sends or unpacks them. Raises
    keyring.NotPublished if the record knows no such key and no order needs it, which is a slip of the hand.
    """
    query = select(Order).where(Order.epoch == epoch, Order.status.not_in(FINAL), Order.sealed.is_not(None))
    found = session.scalars(query.order_by(Order.id)).all()
    if not found and not _was_used(session, epoch):
        raise keyring.NotPublished(epoch=epoch)
    labelled = []
    for order in found:
        try:
            with session.begin_nested():
                _close(session, order, by=by, at=at)
        except workflow.AlreadyMoved:
            labelled.append(order.number)
    reason = f"{len(found) - len(labelled)} open orders closed"
    audit.record(session, actor=by, action=LOSE_KEY, subject=epoch, reason=reason, at=at)
    return len(found) - len(labelled), labelled


def _close(session: Session, order: Order, *, by: str, at: datetime) -> None:
    if Status.DECLINED in MOVES[Status(order.status)]:
        workflow.move(session, order, Status.DECLINED, closed_on=at.date(), note="", why_not=KEY_LOST)
    else:
        workflow.cancel(session, order, by=by, at=at)
        order.why_not = KEY_LOST
        session.flush()


def _was_used(session: Session, epoch: str) -> bool:
    kept = select(Order.id).where(Order.epoch == epoch).limit(1)
    told = ("make key", "replace key", LOSE_KEY)
    return session.scalar(kept) is not None or any(audit.count(session, action=act, subject=epoch) for act in told)

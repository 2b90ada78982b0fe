"""Opening an order's box: the only two doors to a name and address.

`open_person` is for the machine, which checks the place or seals anew, and shows nobody. `view` is for a person's task:
the record has its line before the box is opened. docs/decisions/0008-who-saw-what.md says why it is so.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session, undefer_group

from distro import audit, slots
from distro.accounts import admins
from distro.audit import AuditEntry
from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keyring, sealing
from distro.keys.keyring import KeyGone, Keyring
from distro.keys.sealing import SealBroken
from orders import tampering, workflow
from orders.intake import Person, PersonUnreadable, proof_of
from orders.models import Order, Remark
from orders.voices import document_of
from orders.words import Words

# Actions in the record: the subject is the order, the reason begins with the task.
VIEW = "open address"
FAILED = "open address failed"  # the box did not open, so nobody saw it
REFUSED = "open address refused"  # too many in an hour or a day
READ = "read letter"  # what somebody wrote to us was opened, and no address; it counts towards the same limits
HEARD = "read remark"  # the same of what was written without a code
MOST_AN_HOUR = 120
MOST_A_DAY = 600
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class TooManyViews(Refusal):
    """Someone has opened as many addresses as one person may in an hour or a day."""

    status = 429
    sentence = (
        "You have opened %(seen)s addresses in the last %(span)s; a person may open %(most)s. No address was opened. "
        "Try again later, let a colleague go on, or tell an admin. The admins have been told."
    )


class Task(StrEnum):
    """Why a person has to see a name and address."""

    LABEL = "label"
    LABEL_AGAIN = "label again"
    LOOK = "look"
    EDIT = "edit"
    CARRIER = "carrier file"
    LETTER = "letter"
    PLAN = "plan"
    REMARK = "remark"


@dataclass(frozen=True)
class Keys:
    """What opens a box and shows that its row is ours: the keyring, and the secret shared with intake.

    A row proven under the secret before it, `old`, is ours too.
    """

    ring: Keyring
    secret: str
    old: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Keys":
        """The keys of an instance."""
        return cls(Keyring.of(settings), settings.secret_key, settings.secret_key_old)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets under which a proof is believed, the present one first."""
        return (self.secret, self.old) if self.old else (self.secret,)

    def __repr__(self) -> str:
        return f"Keys({self.ring})"


def is_proven(order: Order, keys: Keys, box: bytes) -> bool:
    """Whether an order's row, with this box, is what intake or a member of staff wrote."""
    proof = order.proof or b""
    return any(hmac.compare_digest(proof, proof_of(secret, order, box)) for secret in keys.secrets)


def open_person(order: Order, keys: Keys) -> Person:
    """Open an order's box. Raises KeyGone, SealBroken, PersonUnreadable, or AddressErased once it was erased."""
    if order.sealed is None:
        raise workflow.AddressErased(number=order.number)
    if not is_proven(order, keys, order.sealed):
        raise SealBroken
    return Person.from_text(keyring.open_box(keys.ring, order.epoch, order.uid, order.sealed))


def open_words(keys: Keys, words: Words) -> dict[str, Any]:
    """What was sealed by itself. Raises KeyGone, SealBroken or PersonUnreadable."""
    try:
        said = json.loads(keyring.open_box(keys.ring, words.epoch, words.uid, words.box))
    except ValueError:
        raise PersonUnreadable from None
    if not isinstance(said, dict):
        raise PersonUnreadable
    return said


def seal_anew(order: Order, text: bytes, epoch: str, public: X25519PublicKey) -> None:
    """Put another box into an order's row: `text`, sealed to the key of `epoch`. Its proof is wrong until `prove`."""
    order.epoch, order.sealed = epoch, sealing.seal(public, epoch, order.uid, text)


def prove(order: Order, keys: Keys) -> None:
    """Say that an order's row, as it is now, is ours: its proof under the present secret."""
    order.proof = proof_of(keys.secret, order, order.sealed or b"")


def view(session: Session, order: Order, keys: Keys, *, task: Task, by: str, at: datetime, reason: str = "") -> Person:
    """Show one order's person for a task; as `view_all`."""
    return view_all(session, [order], keys, task=task, by=by, at=at, reason=reason)[0]


def view_all(
    session: Session, orders: Sequence[Order], keys: Keys, *, task: Task, by: str, at: datetime, reason: str = ""
) -> list[Person]:
    """Show the people of some orders to the member of staff `by`, each with a line in the record.

    The one use-case that commits: all lines, and what the caller did before, are in the database before the first box
    is opened. If they cannot be written, nothing is opened. Raises TooManyViews, with everything rolled back but the
    line that says so, if this would pass the person's limit; and as `open_person`, with a line that nobody saw it.
    """
    over = _over_limit(session, by, len(orders), at)
    if over is not None:
        session.rollback()
        _note_refusal(session, orders[0].document, len(orders), over, task=task, by=by, at=at)
        session.commit()
        raise over
    for order in orders:
        said = f"{task}: {reason}" if reason else str(task)
        audit.record(session, actor=by, action=VIEW, subject=order.document, reason=said, at=at)
    session.commit()
    people: list[Person] = []
    for order in orders:
        try:  # the row is read anew and whole: it may have been resealed or erased meanwhile
            session.get_one(Order, order.id, populate_existing=True, options=[undefer_group("box")])
            people.append(open_person(order, keys))
        except Refusal as problem:
            for unseen in orders:  # whoever was opened before is thrown away with the rest: nobody saw them
                told = f"{task}: {type(problem).__name__}" if unseen is order else f"{task}: with another"
                audit.record(session, actor=by, action=FAILED, subject=unseen.document, reason=told, at=at)
            if isinstance(problem, SealBroken):
                tampering.tell(session, order, at=at)
            session.commit()
            raise
    return people


def view_letters(
    session: Session, order: Order, letters: Sequence[Words], keys: Keys, *, by: str, at: datetime
) -> list[dict[str, Any] | None]:
    """Show what somebody wrote about an order to the member of staff `by`; no address. None: it cannot be opened.

    The record has a line for each, committed before the first is opened, as with `view_all`. Raises TooManyViews.
    """
    return _view_words(session, order.document, letters, keys, action=READ, task=Task.LETTER, by=by, at=at)


def view_remark(session: Session, remark: Remark, keys: Keys, *, by: str, at: datetime) -> dict[str, Any] | None:
    """Show what somebody wrote without a code to the member of staff `by`; as `view_letters`."""
    box = Words(remark.uid, remark.epoch, remark.sealed)
    return _view_words(session, document_of(remark), [box], keys, action=HEARD, task=Task.REMARK, by=by, at=at)[0]


def _view_words(
    session: Session,
    subject: str,
    boxes: Sequence[Words],
    keys: Keys,
    *,
    action: str,
    task: Task,
    by: str,
    at: datetime,
) -> list[dict[str, Any] | None]:
    over = _over_limit(session, by, len(boxes), at)
    if over is not None:
        session.rollback()
        _note_refusal(session, subject, len(boxes), over, task=task, by=by, at=at)
        session.commit()
        raise over
    for _ in boxes:
        audit.record(session, actor=by, action=action, subject=subject, reason=task, at=at)
    session.commit()
    said: list[dict[str, Any] | None] = []
    for box in boxes:
        try:
            said.append(open_words(keys, box))
        except (KeyGone, SealBroken, PersonUnreadable):
            said.append(None)
    return said


def views_since(session: Session, by: str, since: datetime) -> int:
    """How many addresses, letters and remarks someone has opened from an instant on; from their lines since then."""
    seen = AuditEntry.action.in_((VIEW, READ, HEARD))
    query = select(func.count()).where(AuditEntry.actor == by, AuditEntry.at >= since, seen)
    return session.scalar(query) or 0


def _over_limit(session: Session, by: str, more: int, at: datetime) -> TooManyViews | None:
    """The refusal if `more` views pass a limit. Nobody appends to the record until the commit, so two at once cannot
    both be the last that was allowed."""
    audit.lock(session)
    for span, most, words in ((HOUR, MOST_AN_HOUR, "hour"), (DAY, MOST_A_DAY, "24 hours")):
        seen = views_since(session, by, at - span)
        if seen + more > most:
            return TooManyViews(seen=seen, span=words, most=most)
    return None


def _note_refusal(
    session: Session, subject: str, more: int, over: TooManyViews, *, task: Task, by: str, at: datetime
) -> None:
    """One line in the record, for the first that was asked for, and to the admins a mail an hour about each person."""
    span, most = over.facts["span"], over.facts["most"]
    audit.record(
        session,
        actor=by,
        action=REFUSED,
        subject=subject,
        reason=f"{task}: {more} more would pass {most} in the last {span}",
        at=at,
    )
    named = hashlib.sha256(by.encode()).hexdigest()[:24]
    if slots.claim(session, f"views {named}", slots.slot_of(at, int(HOUR.total_seconds()))):
        admins.tell(
            session,
            subject="A limit was reached",
            body=f"{by} reached the limit of {most} in the last {span} and was stopped at {at:%b %-d, %H:%M} UTC.\n\n"
            "If that is not a busy day, ask them, or end their sign-in. The record in Distro, under /record, has "
            "every one.\n",
            at=at,
        )

"""Messages both ways between a participant and the program, of one order. What they say lies in sealed boxes alone.

A participant's letter is sealed to the week's key and dies with it; the program's reply is sealed to a key that the
claim code makes, so that nobody without the code can open it, we neither. Both go when the address does. A proof says
of which order a letter is: one that somebody put under another is not opened.
"""

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from distro import audit
from distro.db import insert
from distro.errors import InvalidInput, Refusal
from distro.keys import keyring, sealing
from distro.keys.keyring import Keyring
from orders import replykey, tampering, words, workflow
from orders.identity import Keys, open_person
from orders.intake import Person
from orders.models import Letter, Order, Reply, Status
from orders.scope import Scope
from orders.shredding import DESTROY_KEY
from orders.words import Words

LETTERS_MOST = 1_000  # signs in one message
READ_AT_ONCE = 20  # of one order; each counts towards the limit on views
OLDEST = timedelta(days=28)  # sealed on a Monday, the key goes three weeks after its Sunday at the latest
WRITTEN = "write reply"  # the action in the record


class NoReply(Refusal):
    """The request was made before there were replies, so nothing could be sealed for whoever made it."""

    sentence = (
        "Nobody can be answered here: this request is from before there were messages, so its code opens none. "
        "Nothing was sent."
    )


def keep(session: Session, order: Order, said: Words, secret: str, *, at: datetime) -> bool:
    """Keep a letter that came with the code of its order, unopened; False if it was kept before.

    However many there are, since whoever wrote was told that we have it.
    """
    values = {"uid": said.uid, "epoch": said.epoch, "sealed": said.box, "order_id": order.id, "written_on": at.date()}
    values["proof"] = words.proof_of(secret, _purpose(order), said)
    kept = insert(session, Letter).values(values).on_conflict_do_nothing().returning(Letter.id)
    return session.scalar(kept) is not None


def words_of(letter: Letter) -> Words:
    """Its box, and what opens it."""
    return Words(letter.uid, letter.epoch, letter.sealed)


def is_trusted(order: Order, letter: Letter, keys: Keys) -> bool:
    """Whether the scheduler took this letter for this order; if not, somebody moved, changed or made its row."""
    return words.is_proven(keys.secrets, _purpose(order), words_of(letter), letter.proof)


def move(session: Session, order: Order, new: Order, keys: Keys) -> None:
    """Take letters and replies along to the order in the place of this one. What is not trusted does not become so."""
    for letter in of(session, order):
        if is_trusted(order, letter, keys):
            letter.proof = words.proof_of(keys.secret, _purpose(new), words_of(letter))
        letter.order_id = new.id
    session.execute(update(Reply).where(Reply.order_id == order.id).values(order_id=new.id))


def distrust(session: Session, order: Order, letters: Sequence[Letter], *, at: datetime) -> None:
    """Tell the record and the admins of letters that are not trusted, and put them aside, unopened."""
    mark_read(letters, at.date())
    tampering.tell_of_letter(session, order, at=at)


def of(session: Session, order: Order) -> Sequence[Letter]:
    """The letters of an order, oldest first."""
    return session.scalars(select(Letter).where(Letter.order_id == order.id).order_by(Letter.id)).all()


def listed(session: Session, scope: Scope) -> Sequence[tuple[Order, date, int]]:
    """Orders with letters: each with the day of its last one and how many are unread. Unread ones first."""
    unread = func.count().filter(Letter.read_on.is_(None)).label("unread")
    last = func.max(Letter.written_on).label("last")
    query = select(Order, last, unread).join(Letter, Letter.order_id == Order.id).group_by(Order.id)
    found = session.execute(scope.narrowed(query)).all()
    return sorted(((row[0], row[1], row[2]) for row in found), key=lambda row: (not row[2], row[1], row[0].id))


def unread(session: Session, scope: Scope) -> int:
    """How many letters nobody has read yet."""
    query = select(func.count(Letter.id)).join(Order, Letter.order_id == Order.id).where(Letter.read_on.is_(None))
    return session.scalar(scope.narrowed(query)) or 0


def to_open(letters: Sequence[Letter], *, again: bool) -> Sequence[Letter]:
    """Which of some are opened at once: the oldest that nobody has read, or, `again`, the newest that were."""
    if again:
        return [letter for letter in letters if letter.read_on is not None][-READ_AT_ONCE:]
    return [letter for letter in letters if letter.read_on is None][:READ_AT_ONCE]


def mark_read(letters: Sequence[Letter], today: date) -> None:
    """Somebody has read them."""
    for letter in letters:
        letter.read_on = letter.read_on or today


def answer(session: Session, order: Order, text: str, keys: Keys, *, by: str, at: datetime) -> Reply:
    """Seal a message for whoever has the code. The box is opened by the machine, for their key alone.

    The order's row is held until the commit, so that an erasure meanwhile takes the reply too. Raises InvalidInput,
    NoReply, and as `open_person`.
    """
    said = text.strip()
    if not said:
        raise InvalidInput(field="text", problem="Write something first.")
    if len(said) > LETTERS_MOST:
        raise InvalidInput(field="text", problem=f"Use at most {LETTERS_MOST:,} letters. Now it has {len(said):,}.")
    workflow.lock(session, order, *Status)
    session.expire(order)  # its box too, which may have been read before
    return write(session, order, open_person(order, keys), said, by=by, at=at)


def write(session: Session, order: Order, person: Person, text: str, *, by: str, at: datetime) -> Reply:
    """Seal a text for whoever has the code of this person's order. Raises NoReply."""
    public = replykey.public_of(person.reply_key)
    if public is None:
        raise NoReply
    uid = uuid4()
    box = sealing.seal(public, replykey.EPOCH, uid, json.dumps({"text": text}, ensure_ascii=False).encode())
    reply = Reply(order_id=order.id, uid=uid, sealed=box, written_on=at.date())
    session.add(reply)
    audit.record(session, actor=by, action=WRITTEN, subject=order.document, at=at)
    return reply


def expire(session: Session, ring: Keyring, *, at: datetime) -> int:
    """Drop the letters that nobody can open any more, since their week's key was destroyed; gives how many.

    And what is left of orders that were erased, whose row nobody finds any more.
    """
    epochs = session.scalars(select(Letter.epoch).distinct()).all()
    dead = [
        epoch
        for epoch in epochs
        if not keyring.has_key(ring, epoch) and audit.count(session, action=DESTROY_KEY, subject=epoch)
    ]
    gone = delete(Letter).where(Letter.epoch.in_(dead) | (Letter.written_on <= at.date() - OLDEST)).returning(Letter.id)
    dropped = len(session.scalars(gone).all())
    for table in (Letter, Reply):
        orders = select(table.order_id).join(Order, Order.id == table.order_id).where(Order.erased_on.is_not(None))
        session.execute(delete(table).where(table.order_id.in_(orders)).execution_options(synchronize_session=False))
    return dropped


def _purpose(order: Order) -> str:
    return f"letter {order.number}"

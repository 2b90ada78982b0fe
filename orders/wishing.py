"""Telling those who asked to hear when a thing can be sent to them: once, and then the wish is gone. Scheduler only.

Whoever knows a phone number can leave it many times. So each way to be reached has one wish for a thing, the last one,
and few at a time.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from distro import clock
from distro.config import Settings
from distro.errors import Refusal
from distro.keys.keyring import SecretWrong
from geo import places
from geo.rules import Facts
from inventory import stock
from inventory.models import Item
from orders import telling
from orders.identity import Keys, open_words
from orders.instead import ready
from orders.models import Wish
from orders.telling import Contact, News
from orders.wishes import KEPT
from orders.words import Words

AT_ONCE = 500
MOST = 3  # wishes of one phone number or e-mail address at a time


def waiting(session: Session, today: date, limit: int = AT_ONCE) -> list[int]:
    """Ids of the wishes for something that stands on some shelf now, oldest first."""
    wished = set(session.scalars(select(Wish.item_id).distinct()))
    if not wished:
        return []
    free = wished & {item_id for _site_id, item_id in stock.usable(session, today)}
    query = select(Wish.id).join(Item, Item.id == Wish.item_id).where(Wish.item_id.in_(free), Item.requestable)
    return list(session.scalars(query.order_by(Wish.id).limit(limit)))


def sort_out(session: Session, keys: Keys) -> int:
    """Forget what was left again or too often: of each contact and thing all but the last wish, and of each contact all
    but its first three things; how many. What does not open is left to `grant`.

    The contacts are compared in memory alone. Raises SecretWrong while the keyring is locked.
    """
    kept: dict[str, dict[int, int]] = {}  # contact -> item -> wish
    known: list[int] = []
    for wish in session.scalars(select(Wish).order_by(Wish.id)):
        try:
            contact = _contact(_open(wish, keys))
        except SecretWrong:
            raise
        except Refusal:
            continue
        known.append(wish.id)
        kept.setdefault(contact.email.casefold() or contact.phone, {})[wish.item_id] = wish.id
    last = {wish_id for wishes in kept.values() for wish_id in list(wishes.values())[:MOST]}
    return sum(_forget(session, wish_id) for wish_id in known if wish_id not in last)


def grant(session: Session, wish_id: int, settings: Settings, *, at: datetime) -> bool:
    """Tell one if what they wish for can be asked for now, and forget the wish; False if it stays, or nobody is told.

    What cannot be read any more is forgotten too. Raises SecretWrong while the keyring is locked, NoRules while no
    rules are in force, Unavailable if nothing can be sealed.
    """
    wish = session.get(Wish, wish_id, populate_existing=True)
    if wish is None:  # another scheduler was quicker
        return False
    try:
        said = _open(wish, Keys.of(settings))
        place = places.find(session, str(said.get("zip")))
    except SecretWrong:
        raise
    except Refusal:
        _forget(session, wish_id)
        return False
    on, facts = clock.day_at(at, place.zone), Facts(state=wish.state if wish.state in place.states else None)
    if wish.item.code not in ready(session, place, facts, [wish.item.code], on=on, today=at.date()):
        return False
    uid = wish.uid
    with session.begin_nested() as point:
        if _forget(session, wish_id) and telling.tell(session, settings, _contact(said), News.WISH, uid=uid, at=at):
            return True
        point.rollback()
    return False


def forget_old(session: Session, today: date) -> int:
    """Forget the wishes that are older than we said; how many."""
    gone = session.scalars(delete(Wish).where(Wish.made_on < today - KEPT).returning(Wish.id)).all()
    return len(gone)


def _forget(session: Session, wish_id: int) -> bool:
    gone = delete(Wish).where(Wish.id == wish_id).returning(Wish.id).execution_options(synchronize_session=False)
    return session.scalar(gone) is not None


def _open(wish: Wish, keys: Keys) -> dict[str, Any]:
    return open_words(keys, Words(wish.uid, wish.epoch, wish.sealed))


def _contact(said: dict[str, Any]) -> Contact:
    return Contact(said.get("email", ""), said.get("phone", ""), bool(said.get("says")), said.get("language", ""))

"""Passing on what happened to an order to its person, where they left a way. In the scheduler alone.

Steps note it in `Order.news`. It is taken off in the transaction that posts the message, so nobody is told twice.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain

from sqlalchemy import Select, literal_column, select, update
from sqlalchemy.orm import Session, undefer_group

from distro import slots
from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keyring
from distro.keys.keysecret import SecretWrong
from orders import notices
from orders.identity import Keys, open_person
from orders.models import Order, Status
from orders.telling import BY_WEIGHT, Contact, News, tell

PAGE = 200  # orders looked up at once
STILL = {News.WAITING: Status.WAITING, News.DECLINED: Status.DECLINED, News.SHIPPED: Status.SHIPPED}  # else it is stale
LATER_S = 60 * 60  # one that waits is often planned anew within seconds; people are told of what lasts


def waiting(session: Session, at: datetime) -> Iterator[int]:
    """Ids of all orders with news for their person, the weightiest first; of those that wait for stock once an hour.

    They are looked up a page at a time as they are asked for, so the caller commits in between; one whose news stay
    holds up none after it.
    """
    hour_has_come = slots.claim(session, "tell waiting", slots.slot_of(at, LATER_S))
    told = [news for news in BY_WEIGHT if hour_has_come or news != News.WAITING]
    return chain.from_iterable(_all(session, news) for news in told)


def query_of(news: News, *, after: int) -> Select[int]:
    """The next page of those ids.

    `news <> ''` stands in the statement, and the order is the index's: the partial index answers, and past orders cost
    nothing.
    """
    query = select(Order.id).where(Order.news != literal_column("''"), Order.news == news, Order.id > after)
    return query.order_by(Order.news, Order.id).limit(PAGE)


def pass_on(session: Session, order_id: int, settings: Settings, *, at: datetime) -> bool:
    """Post the news of one order, or drop it if nobody is to be told; True if a message was posted.

    Raises KeyGone or SecretWrong while the whole keyring is away or locked: the caller rolls back, and the news stays.
    """
    order = session.get_one(Order, order_id, populate_existing=True, options=[undefer_group("box")])
    news = order.news
    if not news or not _taken(session, order, news):  # another scheduler was quicker
        return False
    if order.sealed is None or STILL.get(News(news), order.status) != order.status:
        return False
    if news == News.RECALL and not notices.of_tags(session, [order.code_tag]):  # the box had not left, it is unpacked
        return False
    keys = Keys.of(settings)
    try:
        person = open_person(order, keys)
    except Refusal as problem:  # a box that does not open is triage's to report, a key that is lost keep_house's
        if isinstance(problem, SecretWrong) or not keyring.private_epochs(keys.ring):
            raise
        return False
    return tell(session, settings, Contact.of(person), News(news), uid=order.uid, at=at)


def _all(session: Session, news: News) -> Iterator[int]:
    last = 0
    while page := session.scalars(query_of(news, after=last)).all():
        yield from page
        last = page[-1]


def _taken(session: Session, order: Order, news: str) -> bool:
    statement = update(Order).where(Order.id == order.id, Order.news == news).values(news="").returning(Order.id)
    return session.scalar(statement.execution_options(synchronize_session=False)) is not None

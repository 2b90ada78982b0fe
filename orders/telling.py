"""Writing to somebody who left a way to be reached: the one place that decides what such a message says.

`tell` seals the message into the outbox; `distro.jobs.deliver_mail` opens it, sends it and forgets it. Where an order
is known, nobody calls `tell`: `note` the news on the order, and the job `tell_participants` finds who is to be told.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, case, update
from sqlalchemy.orm import Session

from distro import languages, outbox
from distro.config import Settings
from orders import words
from orders.intake import Person
from orders.models import Order


class News(StrEnum):
    """What somebody is told of. `Order.news` holds one of these, or nothing."""

    SHIPPED = "shipped"
    WAITING = "waiting"  # for more stock
    DECLINED = "declined"
    REPLY = "reply"  # the program has answered
    RESENT = "resent"  # another goes out in place of one that never came
    RECALL = "recall"
    WISH = "wish"  # what they asked us to watch for can be sent now; never on an order


# What an order tells has one place, so what matters more stays, and is told first. News of a wish is on no order.
BY_WEIGHT = (News.RECALL, News.DECLINED, News.SHIPPED, News.REPLY, News.RESENT, News.WAITING)
AFTER_A_STOP = (News.RECALL, News.REPLY)  # what is still worth telling to somebody who cancelled


def heard(news: News) -> ColumnElement[str]:
    """What `Order.news` becomes by these news: those that matter more and are still to be told stay."""
    return case((Order.news.in_(BY_WEIGHT[: BY_WEIGHT.index(news)]), Order.news), else_=news.value)


def stopped() -> ColumnElement[str]:
    """What `Order.news` becomes when its person cancels: they know that."""
    return case((Order.news.in_(AFTER_A_STOP), Order.news), else_="")


def note(session: Session, order: Order, news: News) -> None:
    """Have somebody told, if they left a way and nothing that matters more is still to be told."""
    values = {"news": heard(news)}
    session.execute(update(Order).where(Order.id == order.id).values(values), execution_options=_AS_IS)
    session.expire(order, ["news"])


_AS_IS = {"synchronize_session": False}


@dataclass(frozen=True)
class Contact:
    """How somebody may be reached: by mail, or a phone of ten digits, or not. `says`: it may say what it is about."""

    email: str = ""
    phone: str = ""
    says: bool = False
    language: str = languages.SOURCE

    @classmethod
    def of(cls, person: Person) -> "Contact":
        """The way that a person left with their request."""
        return cls(person.email, person.phone, person.says, person.language)


_SUBJECT = _l("Your request")
_NEUTRAL = _l("Your request: there is news.")
_NEUTRAL_WISH = _l("Your request: you can look again now.")  # they may have no request at all
_SAYS = {
    News.SHIPPED: _l("Your supplies are in the mail. They come in a plain package."),
    News.WAITING: _l("Your supplies will take a little longer. We wait for more to come in, and then we pack them."),
    News.DECLINED: _l("We are sorry. We could not send the supplies you asked for. See why, and who else can help."),
    News.REPLY: _l("We wrote you an answer about your supplies."),
    News.RESENT: _l("We are sending your supplies again."),
    News.RECALL: _l("Please read this before you use the supplies we sent you. There is a safety notice."),
    News.WISH: _l("What you asked us to watch for can be sent to you now. You can ask for it."),
}


def tell(session: Session, settings: Settings, contact: Contact, news: News, *, uid: UUID, at: datetime) -> bool:
    """Post a message to somebody, sealed; False if they left no way that we can use. Needs an application context.

    `uid` is that of the row it is about (an order, a wish): what is not sent yet goes with its address. Without
    `contact.says` the message does not say what it is about; its subject never does. Raises Unavailable if this week
    has no key: then nothing was posted.
    """
    channel = _channel(settings, contact)
    if channel is None:
        return False
    with languages.speaking(contact.language):
        mapping = {
            "to": contact.email if channel == outbox.MAIL else f"+1{contact.phone}",
            "subject": str(_SUBJECT),
            "body": _body(settings, contact, news),
        }
    sealed = words.seal(settings, uid, mapping, at.date())
    outbox.post_box(
        session,
        channel=channel,
        uid=uid,
        epoch=sealed.epoch,
        sealed=sealed.box,
        secret=settings.secret_key,
        at=at,
    )
    return True


def _channel(settings: Settings, contact: Contact) -> str | None:
    if contact.email and settings.can_mail:
        return outbox.MAIL
    return outbox.TEXT if contact.phone and settings.can_text else None


def _body(settings: Settings, contact: Contact, news: News) -> str:
    """One or two short sentences: what it is, and where to go."""
    neutral = _NEUTRAL_WISH if news is News.WISH else _NEUTRAL
    said = str(_SAYS[news] if contact.says else neutral)
    home = settings.public_url
    if news is News.WISH:  # they have no code
        where = _("See %(address)s", address=home + _prefix()) if home else ""
    elif home:
        where = _("Use your code at %(address)s", address=f"{home}{_prefix()}/status")
    else:
        where = _("Use your code to see it.")
    return f"{said} {where}".strip()


def _prefix() -> str:
    return "" if languages.current() == languages.SOURCE else f"/{languages.current()}"

"""The page with the claim code, after a request was stored or spooled."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import current_app, g, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.languages import current
from geo.nearest import Help
from inventory import stock
from inventory.models import Item, Site
from orders import codes, queries, retention, shipping_estimate
from orders.shipping_estimate import Days

KEPT = timedelta(minutes=1)  # how long an answer about the queue stands, so that a rush does not ask for it each time
LATER = ("cards", "reversal", "voice")  # views that are offered after the code, where they are there


@dataclass
class Told:
    """What the queue and the shelves said last, and until when that stands; and the lines of every sender."""

    until: datetime
    days: dict[str, Days | None] = field(default_factory=dict)
    here: frozenset[str] = frozenset()  # codes of what stands on some shelf
    families: dict[str, str] = field(default_factory=dict)  # of what can be asked for in several kinds, by code
    sender: tuple[str, ...] = ()

    def has(self, wanted: Collection[str], takes: Collection[str]) -> bool:
        """Whether some of all of it stands there, or of the closest kind where they take that."""
        close = {self.families[code] for code in self.here if code in self.families}.intersection(takes)
        return all(code in self.here or self.families.get(code) in close for code in wanted)


def nonce_of(form: str) -> bytes:
    """The nonce of a form's token; of one that is too old only if what it said was stored, so that its code is shown.

    Raises FormExpired or FormTampered: then the page comes again with a fresh form.
    """
    secret = current_settings().secret_key
    try:
        return codes.read_form(secret, form, clock.now())
    except codes.FormExpired:
        nonce, _made = codes.peek_form(secret, form)
        if not is_stored(nonce):
            raise
        return nonce


def is_stored(nonce: bytes) -> bool:
    """Whether a form was stored before."""
    return bool(state_of(nonce))


def state_of(nonce: bytes) -> str:
    """The state of what was stored of a form, or nothing."""
    return queries.state_of_form(db.session(), current_settings().secret_key, nonce)


def show(
    nonce: bytes,
    *,
    again: bool,
    state: str,
    wanted: Collection[str],
    help: Collection[Help],
    takes: Collection[str] = (),
    unknown: bool = False,
    tables: bool = True,
) -> ResponseReturnValue:
    """The code of a form's nonce, and what comes next. `again`: it was sent before.

    `wanted` has item codes, none if it is not known what they asked for; `takes` the families of which the closest kind
    may go. `unknown`: they asked for the same as before, which nobody can read here. From no table where the database
    is away.
    """
    told = _told(state) if tables else None
    days = told.days.get(state) if told else None
    there = told is None or told.has(wanted, takes)
    return render_template(
        "public/done.html",
        code=codes.claim_code(current_settings().secret_key, nonce, current()),
        again=again,
        ships=shipping_estimate.AS_BEFORE if unknown else shipping_estimate.in_words(days, all_there=there),
        sender=told.sender if told else (),
        later=[view for view in LATER if f"{current()}.{view}" in current_app.view_functions],
        help=help,
        after_shipping=retention.KEEP_AFTER_SHIPPING.days,
        after_stopping=retention.KEEP_AFTER_STOPPING.days,
    )


def ships_in(state: str) -> Days | None:
    """When what comes in now for a state may be mailed, as this page says it."""
    told = _told(state)
    return told.days.get(state) if told else None


def _told(state: str) -> Told | None:
    """What is known now, read at most once a minute; None if it cannot be read: the code must be shown all the same."""
    g.only_reads = True  # what was stored is committed; this must not wait for other writers
    now, session, kept = clock.now(), db.session(), current_app.extensions
    try:
        told = kept.get("done page")
        if not isinstance(told, Told) or not now < told.until <= now + KEPT:
            here = {item_id for _site, item_id in stock.usable(session, now.date())}
            items = session.execute(select(Item.id, Item.code, Item.family, Item.requestable)).all()
            senders = session.scalars(select(Site.return_lines)).all()
            told = Told(
                now + KEPT,
                here=frozenset(one.code for one in items if one.id in here),
                families={one.code: one.family for one in items if one.family and one.requestable},
                sender=tuple(one for one, *others in zip(*senders, strict=False) if all(one == it for it in others)),
            )
            kept["done page"] = told
        if state not in told.days:
            found = shipping_estimate.queue(session, state=state, today=now.date())
            told.days[state] = shipping_estimate.estimate(found)
    except SQLAlchemyError:
        session.rollback()
        return None
    return told

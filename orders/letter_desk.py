"""Messages of participants to the program, and its answers: for managers, by order.

No list shows what they say. Opening is on record before it is done, and shows no address.
"""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from distro import clock
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from orders import identity, letters, queries, scope, telling
from orders.identity import Keys
from orders.models import Order
from orders.telling import News

blueprint = Blueprint("letters", __name__, url_prefix="/letters")
guard(blueprint, Role.MANAGER, Role.ADMIN)


class NothingHere(Refusal):
    """There is no letter to open."""

    sentence = "There is no letter of order %(number)s. It may have been erased meanwhile."


class NotTrusted(Refusal):
    """The database has a letter under this order that did not come with its code."""

    sentence = (
        "A letter under order %(number)s cannot be trusted: somebody changed or moved it in the database. It was not "
        "opened, and the admins have been told. Do not act on it."
    )


@dataclass(frozen=True)
class Opened:
    """A letter as it is shown, once: its day and what it says; None if it cannot be opened any more."""

    written_on: date
    text: str | None


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """Orders with letters, what nobody has read on top."""
    return render_template("letters/listing.html", rows=letters.listed(db.session(), _own()))


@blueprint.get("/<number>")
def one(number: str) -> ResponseReturnValue:
    """The letters of an order by their days, and the field for an answer. What they say is not shown."""
    return _page(_own_order(number))


@blueprint.post("/<number>/open")
def open_them(number: str) -> ResponseReturnValue:
    """What those say that nobody has read, or the read ones once more, after a line in the record for each."""
    order, session, keys = _own_order(number), db.session(), Keys.of(current_settings())
    found = letters.of(session, order)
    strange = [letter for letter in found if not letters.is_trusted(order, letter, keys)]
    if strange:
        letters.distrust(session, order, strange, at=clock.now())
        session.commit()
    problem = str(NotTrusted(number=order.number)) if strange else ""
    chosen = letters.to_open([one for one in found if one not in strange], again="again" in request.form)
    try:
        if not chosen:
            raise NotTrusted(number=order.number) if strange else NothingHere(number=order.number)
        letters.mark_read(chosen, clock.today())
        boxes, days = [letters.words_of(one) for one in chosen], [one.written_on for one in chosen]
        said = identity.view_letters(session, order, boxes, keys, by=current_user.username, at=clock.now())
    except Refusal as refusal:
        session.rollback()
        return _page(_own_order(number), problem=str(refusal)), refusal.status
    shown = [
        Opened(day, str(one.get("text", "")) if one is not None else None) for day, one in zip(days, said, strict=True)
    ]
    return _page(order, opened=shown, problem=problem)


@blueprint.post("/<number>")
def answer(number: str) -> ResponseReturnValue:
    """Seal an answer, or a first message, for whoever has the code."""
    order, session, text = _own_order(number), db.session(), request.form.get("text", "")
    try:
        letters.answer(session, order, text, Keys.of(current_settings()), by=current_user.username, at=clock.now())
        telling.note(session, order, News.REPLY)
    except Refusal as refusal:
        session.rollback()
        return _page(_own_order(number), problem=str(refusal), text=text), refusal.status
    session.commit()
    flash(
        f"Sent. Whoever has the code of order {order.number} reads it on their status page, and nobody else.", "success"
    )
    return redirect(url_for("letters.one", number=order.number), code=303)


def _page(order: Order, *, opened: list[Opened] | None = None, problem: str = "", text: str = "") -> str:
    session, keys = db.session(), Keys.of(current_settings())
    found = letters.of(session, order)
    return render_template(
        "letters/one.html",
        order=order,
        letters=[(letter, letters.is_trusted(order, letter, keys)) for letter in found],
        at_once=letters.READ_AT_ONCE,
        replies=queries.replies(session, order),
        opened=opened,
        erased=order.sealed is None,
        most=letters.LETTERS_MOST,
        problem=problem,
        text=text,
    )


def _own() -> scope.Scope:
    return scope.of(db.session(), current_user, unplaced=True)


def _own_order(number: str) -> Order:
    """The order, if this person decides about it. Raises NotFound, also for others'."""
    return queries.by_number(db.session(), number, _own())

"""The carrier file: the addresses of packed orders for a postage program, as CSV. Made in memory and kept nowhere.

It is one of the three ways by which a person gets an address (the label and the address page are the others), so each
order in it has its line in the record before any is opened. Labels of our own are PDF text; no ZPL or EPL is made, so
no printer can be commanded by what someone typed as their name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload
from werkzeug.wrappers import Response

from distro import clock, spreadsheet
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, Refusal
from orders import identity, labelling, labels, scope, triage, workflow
from orders.authority import laws
from orders.identity import Keys, Task
from orders.intake import Person
from orders.models import Line, Order, Parcel, Status
from orders.scope import Scope
from orders.triage import Desk

MOST = 100  # orders in a file
COLUMNS = ("name", "company", "line1", "line2", "city", "state", "zip", "country", "service", "reference")
UNTRACKED = "First-Class Mail Large Envelope"  # of the services of the post, one that has no tracking

blueprint = Blueprint("carrier", __name__, url_prefix="/desk/carrier-file")
guard(blueprint, Role.MANAGER, Role.ADMIN)  # a packer sees one label at a time, never a list of names


@dataclass(frozen=True)
class LeftOut:
    """An order that is not in the file, and why."""

    number: str
    why: str


def ready(session: Session, own: Scope) -> Sequence[Order]:
    """The oldest packed orders of a scope that have no label yet, at most as many as a file holds."""
    query = select(Order).join(Order.parcel).where(Order.status == Status.PACKED, Parcel.labelled_on.is_(None))
    query = query.order_by(Order.id).limit(MOST).options(selectinload(Order.lines).selectinload(Line.item))
    return session.scalars(own.narrowed(query)).all()


def check(session: Session, orders: Sequence[Order], desk: Desk) -> list[LeftOut]:
    """Lock the orders and ask today's rules of each, as before a label; gives those that may not be in the file.

    What a rule forbids is held for a person. An address that cannot be opened leaves its order where it is.
    """
    left_out = []
    for order in sorted(orders, key=lambda order: order.id):  # the order in which rows are locked everywhere
        try:
            workflow.lock(session, order, Status.PACKED)
            if order.parcel is None or order.parcel.labelled_on is not None:
                raise workflow.AlreadyMoved(number=order.number, status="labelled")
            workflow.require_free(order)
            barred = triage.objection_today(session, order, desk)
        except Refusal as problem:
            left_out.append(LeftOut(order.number, str(problem)))
            continue
        if barred:
            workflow.hold(session, order, note=barred, at=desk.now)
            left_out.append(LeftOut(order.number, f"{barred} It is with a person to decide now. Unpack it."))
    return left_out


def as_csv(people: Sequence[tuple[Order, Person]]) -> str:
    """The file: one row for each order, its number as the reference.

    `company` says whose address it is, or which group it goes to; `service` is empty, or names one without tracking
    for who asked for that.
    """
    return spreadsheet.as_csv(COLUMNS, (_row(order, person) for order, person in people))


def _row(order: Order, person: Person) -> tuple[str, ...]:
    line1, line2 = person.line1, person.line2
    if person.urbanization:  # it stands above the street, and programs have two lines for both
        area, *street = labels.street_lines(person)
        line1, line2 = area, ", ".join(street)
    place = (person.city, person.state, person.zip, "US", UNTRACKED if person.untracked else "")
    company = labels.care_of(person) or person.organisation
    return (person.name or labels.NO_NAME, company, line1, line2, *place, order.number)


@blueprint.get("")
def choose() -> ResponseReturnValue:
    """The packed orders without a label, to choose from. No address is shown."""
    return _page()


@blueprint.post("")
def make() -> ResponseReturnValue:
    """The file; or the page again, with the orders that were left out, and nothing opened."""
    session, chosen = db.session(), set(request.form.getlist("order"))
    orders = [order for order in ready(session, scope.of(session, current_user)) if order.number in chosen]
    if not orders:
        refusal = InvalidInput(field="order", problem="Choose at least one order that has no label yet.")
        return _page(problem=str(refusal), chosen=chosen), refusal.status
    keys, now = Keys.of(current_settings()), clock.now()
    left_out = check(session, orders, Desk(keys, laws(session), now))
    if left_out:
        session.commit()
        return _page(left_out=left_out, chosen=chosen), 409
    try:
        with labelling.attempt(session, orders):
            for order in orders:
                workflow.note_label(session, order, at=now)
            people = identity.view_all(session, orders, keys, task=Task.CARRIER, by=current_user.username, at=now)
            return _file(as_csv(list(zip(orders, people, strict=True))), now.date())
    except Refusal as problem:
        return _page(problem=str(problem), chosen=chosen), problem.status


def _page(problem: str = "", left_out: Sequence[LeftOut] = (), chosen: set[str] | None = None) -> str:
    session = db.session()
    orders = ready(session, scope.of(session, current_user))
    return render_template(
        "desk/carrier.html", orders=orders, most=MOST, problem=problem, left_out=left_out, chosen=chosen
    )


def _file(content: str, day: date) -> Response:
    """A CSV to save at once, named by its day."""
    headers = {"Content-Disposition": f'attachment; filename="parcels-{day}.csv"', "Cache-Control": "no-store"}
    return Response(content, mimetype="text/csv", headers=headers)

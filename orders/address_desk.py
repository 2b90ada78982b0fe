"""Looking at one address, and correcting it: for a manager, with a reason, before the parcel leaves.

The page shows no address until a reason is given and on record. A correction is sealed anew to this week's key.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from distro import clock
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, Refusal
from geo import places
from orders import correction, identity, queries, scope, signals, workflow
from orders.identity import Keys, Task
from orders.models import FINAL, RESERVING, Order, Status
from orders.schemas import YES, AddressSchema

REASONS = {
    "unclear": "The address is unclear",
    "asked": "The person asked for it",
    "came-back": "The label came back",
    "robot": "Checking whether a person asked",
}
FIELDS = ("name", "care_of", "line1", "line2", "urbanization", "city", "state", "zip", "untracked")

blueprint = Blueprint("address", __name__, url_prefix="/address")
guard(blueprint, Role.MANAGER, Role.ADMIN)


class Closed(Refusal):
    """The order was sent or stopped: nobody needs its address any more."""

    sentence = "Order %(number)s is closed, so its address is not shown any more."


class EditedMeanwhile(Refusal):
    """The address was changed, or sealed anew, since the page was made."""

    sentence = "This address was changed or sealed anew meanwhile. Open it again to see what it is now."


@blueprint.get("/<number>")
def ask(number: str) -> ResponseReturnValue:
    """Why someone wants to see it. No address is shown."""
    return _page(_own_order(number))


@blueprint.post("/<number>/show")
def show(number: str) -> ResponseReturnValue:
    """The address, once, after the line in the record: to look at, or with `task=edit` in a form to correct it."""
    order, reason = _own_order(number), request.form.get("reason", "")
    task = Task.EDIT if request.form.get("task") == Task.EDIT else Task.LOOK
    try:
        if order.status in FINAL and order.sealed is not None:
            raise Closed(number=order.number)
        person = identity.view(
            db.session(),
            order,
            Keys.of(current_settings()),
            task=task,
            by=current_user.username,
            at=clock.now(),
            reason=_words(reason),
        )
    except Refusal as refusal:
        db.session.rollback()
        return _page(_own_order(number), problem=str(refusal), reason=reason), refusal.status
    typed = {name: getattr(person, name) for name in FIELDS} | {"untracked": YES if person.untracked else ""}
    reach = [person.email, person.phone] if reason == "unclear" else []
    found = [way for way in reach if way]
    return _page(order, typed=typed, reason=reason, reach=found, seen=_seen(order), look=task is Task.LOOK)


@blueprint.post("/<number>")
def correct(number: str) -> ResponseReturnValue:
    """Seal what was typed. A mistake keeps the page with what was typed, and changes nothing."""
    order, session, reason = _own_order(number), db.session(), request.form.get("reason", "")
    typed = {name: request.form.get(name, "") for name in FIELDS}
    seen = request.form.get("seen", "")
    errors: dict[str, list[str]] = {}
    try:
        words = _words(reason)
        address = _checked(session, typed)
        workflow.lock(session, order, *(set(Status) - FINAL))
        if not hmac.compare_digest(seen.encode(), _seen(order).encode()):
            raise EditedMeanwhile
        was = order.status
        correction.correct(
            session, order, current_settings(), address, reason=words, by=current_user.username, at=clock.now()
        )
    except ValidationError as problem:
        errors, status, said = _sentences(problem), 422, ""
    except Refusal as refusal:
        status, said = refusal.status, str(refusal)
    else:
        session.commit()
        flash(_done(order, was), "success")
        return redirect(url_for("address.ask", number=order.number), code=303)
    session.rollback()
    order = _own_order(number)
    return _page(order, typed=typed, reason=reason, seen=seen, problem=said, errors=errors), status


def _checked(session: Session, typed: Mapping[str, str]) -> dict[str, Any]:
    """The address as a participant may type one, in a state in which its ZIP code lies. Raises ValidationError."""
    address: dict[str, Any] = AddressSchema().load(typed)
    for field, check in (
        ("zip", lambda: places.find(session, address["zip"])),
        ("state", lambda: places.in_state(places.find(session, address["zip"]), address["state"])),
    ):
        try:
            check()
        except Refusal as problem:
            raise ValidationError([str(problem)], field) from None
    return address


def _sentences(problem: ValidationError) -> dict[str, list[str]]:
    messages: dict[str, list[object]] = problem.normalized_messages()  # type: ignore[no-untyped-call]
    return {field: list(map(str, said)) for field, said in messages.items()}


def _words(reason: str) -> str:
    if reason not in REASONS:
        raise InvalidInput(field="reason", problem="Choose why you need this address. It goes in the record.")
    return REASONS[reason]


def _seen(order: Order) -> str:
    """Which version of the address a page was made from: a part of its keyed proof, which tells nothing of it."""
    return (order.proof or b"").hex()[:16]


def _done(order: Order, was: Status) -> str:
    said = f"The address of order {order.number} is corrected and sealed again."
    if order.status == Status.RECEIVED:
        said += " It is decided anew within seconds."
    if was == Status.HELD and signals.told(order):
        still = "it still has" if order.flags else "it may still have"
        said += f" It was held for a sign too, so look under Held: {still} to be released there."
    if was in RESERVING and order.status == Status.RECEIVED:
        return said + " If you have a box for it, tear up its label and put everything back on the shelf."
    return said + (" If it had a label, tear it up and print a new one." if was == Status.PACKED else "")


def _own_order(number: str) -> Order:
    """The order, if this person decides about it. Raises NotFound, also for others'."""
    return queries.by_number(db.session(), number, scope.of(db.session(), current_user, unplaced=True))


def _page(
    order: Order,
    *,
    typed: Mapping[str, str] | None = None,
    reason: str = "",
    reach: list[str] | None = None,
    seen: str = "",
    look: bool = False,
    problem: str = "",
    errors: Mapping[str, list[str]] | None = None,
) -> str:
    return render_template(
        "address/address.html",
        order=order,
        typed=typed,
        reason=reason,
        reasons=REASONS,
        reach=reach,
        seen=seen,
        look=look,
        problem=problem,
        errors=errors or {},
        states=[(state.code, state.name) for state in places.states(db.session())],
        open=order.status not in FINAL,
        erased=order.sealed is None,
    )

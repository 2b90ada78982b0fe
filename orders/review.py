"""Requests that a person decides. The page shows what can decide it, and nothing of who asked."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from distro import clock
from distro.auth import Role, guard
from distro.db import db
from distro.errors import NotFound, Refusal
from inventory.shelves import own_site
from orders import queries, triage
from orders.models import Order

blueprint = Blueprint("review", __name__, url_prefix="/review")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@blueprint.get("")
def held() -> ResponseReturnValue:
    """What waits for a person, oldest first."""
    return _page()


@blueprint.post("/<number>/release")
def release(number: str) -> ResponseReturnValue:
    """Yes: it is checked once more and goes on, unless the law forbids it."""
    order = _own_order(number)
    try:
        triage.release(db.session(), order, reason=_reason(), by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(f"Order {order.number} goes on. It is checked again within seconds; what the law forbids comes back.")


@blueprint.post("/<number>/decline")
def decline(number: str) -> ResponseReturnValue:
    """No, with a reason for the record."""
    order = _own_order(number)
    try:
        triage.decline(db.session(), order, reason=_reason(), by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(f"Order {order.number} is declined. Its status page says so, and where else to ask.")


def _reason() -> str:
    return request.form.get("reason", "").strip()[:200]


def _done(sentence: str) -> ResponseReturnValue:
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for("review.held"), code=303)


def _refused(number: str, refusal: Refusal) -> ResponseReturnValue:
    db.session.rollback()
    return _page(number=number.upper(), problem=str(refusal)), refusal.status


def _page(number: str = "", problem: str = "") -> str:
    return render_template(
        "review/held.html", orders=_held(), number=number, problem=problem, reason=request.form.get("reason", "")
    )


def _held() -> Sequence[Order]:
    """Held orders of this person's warehouse, and those that have none yet."""
    site = own_site(db.session(), current_user)
    return [order for order in triage.held(db.session()) if site is None or order.site_id in (None, site.id)]


def _own_order(number: str) -> Order:
    order, site = queries.by_number(db.session(), number), own_site(db.session(), current_user)
    if site is not None and order.site_id not in (None, site.id):
        raise NotFound(what="order", name=number[:12])
    return order

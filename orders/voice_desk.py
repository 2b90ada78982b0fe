"""What people told without a name or code: reversals by state and month, and comments, which a person opens one by one.

For managers and admins of every warehouse: nothing of it belongs to an order.
"""

from dataclasses import dataclass
from datetime import date

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from distro import audit, clock
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo import places
from orders import identity, smallcells, tallies, voices
from orders.identity import Keys
from orders.models import Remark
from orders.smallcells import Shown

FORGOT = "forget remark"  # the action in the record
HANDLED = "handled"
MOST_ID = 2**31 - 1

blueprint = Blueprint("voices", __name__, url_prefix="/voices")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True)
class Opened:
    """A comment as it is shown, once; None if it cannot be opened any more."""

    id: int
    kind: str
    week: date
    text: str | None


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """Reversals by month and state, small numbers hidden, and the comments by week. No text is shown."""
    return _page()


@blueprint.post("/<int:remark_id>/open")
def open_it(remark_id: int) -> ResponseReturnValue:
    """What one says, once, after the line in the record."""
    session, now = db.session(), clock.now()
    remark = session.get(Remark, remark_id) if remark_id <= MOST_ID else None
    if remark is None:
        return _gone()
    about = (remark.id, remark.kind, voices.monday_of(remark.written_on))
    remark.read_on = remark.read_on or now.date()
    try:
        said = identity.view_remark(session, remark, Keys.of(current_settings()), by=current_user.username, at=now)
    except Refusal as refusal:
        session.rollback()
        return _page(problem=str(refusal)), refusal.status
    return _page(opened=Opened(*about, str(said.get("text", "")) if said is not None else None))


@blueprint.post("/<int:remark_id>/handled")
def handled(remark_id: int) -> ResponseReturnValue:
    """Delete one now."""
    session = db.session()
    remark = session.get(Remark, remark_id) if remark_id <= MOST_ID else None
    if remark is None:
        return _gone()
    subject = voices.document_of(remark)
    if voices.forget(session, remark_id):
        by = current_user.username
        audit.record(session, actor=by, action=FORGOT, subject=subject, reason=HANDLED, at=clock.now())
    session.commit()
    flash("Deleted. Nobody can open it any more.", "success")
    return redirect(url_for("voices.listing"), 303)


def _gone() -> ResponseReturnValue:
    flash("That comment is gone already: somebody deleted it, or its three weeks were over.", "warning")
    return redirect(url_for("voices.listing"), 303)


def _page(*, opened: Opened | None = None, problem: str = "") -> str:
    session = db.session()
    names = {row.code: row.name for row in places.states(session)} | {tallies.NO_STATE: "Not said"}
    months: dict[date, Shown] = {
        month: smallcells.shown({names.get(state, state): number for state, number in cells.items()})
        for month, cells in tallies.reversals(session).items()
    }
    return render_template(
        "voices/listing.html",
        months=months,
        remarks=[(one, voices.monday_of(one.written_on)) for one in voices.listed(session)],
        all=voices.kept(session),
        kept=voices.KEPT.days,
        hidden=smallcells.HIDDEN,
        opened=opened,
        problem=problem,
    )

"""Staff pages for referrals: who else can help, what needs a check, and changing it."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import clock
from distro.auth import Role, guard
from distro.db import MOST_STORED, db
from distro.errors import InvalidInput, NotFound, Refusal
from geo import places, placewords, referralfile, referrals
from geo.models import Referral
from geo.referralfile import NATION
from geo.referrals import A_DAY_AHEAD, GOOD_FOR_DAYS

REFERRAL_ID = f"<int(max={MOST_STORED}):referral_id>"
SOMEONE_ELSE = "Someone else added the same just now. Look at the list before you send this again."

blueprint = Blueprint("referrals", __name__, url_prefix="/rules/referrals")
guard(blueprint, Role.MANAGER, Role.REVIEWER, Role.ADMIN)

Errors = dict[str, list[str]]
UseCase = Callable[[Session, Referral, str, datetime], None]


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """The directory, what needs a check on top; `?state=` leaves what people in that state are shown."""
    session, today = db.session(), clock.today()
    state = request.args.get("state", "")
    rows = [row for row in session.scalars(select(Referral)) if not state or _serves(row, state)]
    rows.sort(key=lambda row: (row.withdrawn, not referrals.is_stale(row, today), row.checked_on, row.name))
    return render_template(
        "referrals/listing.html",
        rows=[(row, max(0, (today - row.checked_on).days), referrals.is_stale(row, today)) for row in rows],
        names=placewords.names(session),
        states=places.states(session),
        state=state,
        good_for=GOOD_FOR_DAYS,
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """The form for an entry."""
    return _form_page(None, {"checked_on": clock.today().isoformat()}, {})


@blueprint.post("/new")
def add() -> ResponseReturnValue:
    """Add an entry; what cannot be is said by its field, and nothing typed is lost."""
    return _save(None)


@blueprint.get(f"/{REFERRAL_ID}")
def edit(referral_id: int) -> ResponseReturnValue:
    """An entry in the form."""
    referral = _referral(referral_id)
    return _form_page(referral, _as_typed(referral), {})


@blueprint.post(f"/{REFERRAL_ID}")
def change(referral_id: int) -> ResponseReturnValue:
    """Change an entry."""
    return _save(_referral(referral_id))


@blueprint.post(f"/{REFERRAL_ID}/checked")
def checked(referral_id: int) -> ResponseReturnValue:
    """Somebody called it or opened its page today, and it is right."""
    return _do(referral_id, referrals.mark_checked, "checked today")


@blueprint.post(f"/{REFERRAL_ID}/withdraw")
def withdraw(referral_id: int) -> ResponseReturnValue:
    """Show an entry to nobody any more."""
    return _do(referral_id, referrals.withdraw, "withdrawn; no page shows it")


@blueprint.post(f"/{REFERRAL_ID}/back")
def back(referral_id: int) -> ResponseReturnValue:
    """Show a withdrawn entry again."""
    return _do(referral_id, referrals.bring_back, "shown again")


def _do(referral_id: int, use_case: UseCase, said: str) -> ResponseReturnValue:
    session, referral = db.session(), _referral(referral_id)
    state = request.form.get("state", "")[:2] or None
    try:
        use_case(session, referral, current_user.username, clock.now())
        session.commit()
        flash(f"{referral.name}: {said}.", "success")
    except referrals.NoHelplineLeft as refusal:
        session.rollback()
        flash(str(refusal), "danger")
    return redirect(url_for("referrals.listing", state=state), code=303)


def _save(referral: Referral | None) -> ResponseReturnValue:
    session, typed, at = db.session(), request.form.to_dict(), clock.now()
    try:
        values = _read(session, typed, at.date() + A_DAY_AHEAD)
        if referral is None:
            referrals.add(session, values, current_user.username, at)
        else:
            referrals.change(session, referral, values, current_user.username, at)
        session.commit()
    except ValidationError as problem:
        return _form_page(referral, typed, referralfile.flat(problem)), 422
    except (InvalidInput, referrals.NoHelplineLeft, referrals.AlreadyListed) as refusal:
        session.rollback()
        return _form_page(referral, typed, _by_field(refusal)), refusal.status
    except IntegrityError:
        session.rollback()
        return _form_page(referral, typed, {"": [SOMEONE_ELSE]}), 409
    flash(f"{values['name']}: {'added' if referral is None else 'saved'}.", "success")
    return redirect(url_for("referrals.listing"), code=303)


def _read(session: Session, typed: Mapping[str, str], today: date) -> dict[str, Any]:
    """The entry that was typed, its areas in the words of `geo.placewords`. Raises ValidationError with every fault."""
    faults, areas = {}, typed.get("areas", "")
    try:
        codes = placewords.read_several(areas, placewords.names(session)) if areas.strip() else []
        areas = ", ".join(codes)
    except ValidationError as problem:
        faults["areas"] = [str(sentence) for sentence in problem.messages]
        areas = NATION  # so that the other fields are looked at too
    try:
        values = referralfile.read_form({**typed, "areas": areas}, today=today)
    except ValidationError as problem:
        raise ValidationError({**problem.messages_dict, **faults}) from None
    if faults:
        raise ValidationError(faults)
    return values


def _form_page(referral: Referral | None, typed: Mapping[str, str], errors: Errors) -> str:
    return render_template("referrals/form.html", referral=referral, typed=typed, errors=errors)


def _by_field(refusal: Refusal) -> Errors:
    return {str(refusal.facts.get("field", "")): [str(refusal)]}


def _as_typed(referral: Referral) -> dict[str, str]:
    """An entry as the form's fields hold it."""
    names = referralfile.ReferralSchema(exclude=("code", "checked_by", "withdrawn")).fields
    values = {name: getattr(referral, name) for name in names}
    values["areas"] = placewords.written(referral.areas, placewords.names(db.session()))
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _serves(referral: Referral, state: str) -> bool:
    """Whether anyone in a state is shown it: the state's own, its counties', the nation's."""
    return any(
        area in (NATION, state) or places.state_of(area.removeprefix("county:")) == state for area in referral.areas
    )


def _referral(referral_id: int) -> Referral:
    found = db.session.get(Referral, referral_id)
    if found is None:
        raise NotFound(what="referral", name=referral_id)
    return found

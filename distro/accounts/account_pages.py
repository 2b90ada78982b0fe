"""One's own account: password, recovery codes, sessions, and the link to the sign-in service."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from distro import clock
from distro.accounts import own_account, people, provider_pages
from distro.accounts.oidc import Provider
from distro.accounts.passwords import MOST
from distro.auth import Role, User, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, Refusal

TWICE = "The two new passwords are not the same. Type them again."

blueprint = Blueprint("account", __name__, url_prefix="/account")
guard(blueprint, *Role)


@blueprint.get("")
def mine() -> ResponseReturnValue:
    """What one may change about one's own account."""
    return _page()


@blueprint.post("/password")
def change_password() -> ResponseReturnValue:
    """Another password; every other session ends."""

    def step(session: Session, user: User, at: datetime) -> ResponseReturnValue:
        new = request.form.get("new", "")
        if new != request.form.get("again"):
            raise InvalidInput(field="again", problem=TWICE)
        own_account.change_password(session, user, new=new[: MOST + 1], keep=user.get_id(), at=at)
        return _done("Your password is changed, and you are signed out everywhere else.")

    return _proven(step)


@blueprint.post("/recovery-codes")
def recovery_codes() -> ResponseReturnValue:
    """Ten new recovery codes, shown once."""

    def step(session: Session, user: User, at: datetime) -> ResponseReturnValue:
        codes = own_account.new_recovery_codes(session, user, keep=user.get_id(), at=at)
        session.commit()
        return render_template("login/recovery.html", codes=codes, go_on=url_for("account.mine"))

    return _proven(step)


@blueprint.post("/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """End every session, this one too."""
    session = db.session()
    people.end_sessions(session, current_user, by=current_user.username, at=clock.now())
    session.commit()
    return redirect(url_for("login.sign_in"), code=303)


@blueprint.post("/provider")
def link_provider() -> ResponseReturnValue:
    """Begin to link the sign-in service: a page from which one goes there."""

    def step(session: Session, user: User, at: datetime) -> ResponseReturnValue:
        own_account.require_unlinked(user)
        session.commit()
        return provider_pages.send_off("link", str(user.id), at)

    return _proven(step)


@blueprint.post("/provider/unlink")
def unlink_provider() -> ResponseReturnValue:
    """The sign-in service counts no more."""

    def step(session: Session, user: User, at: datetime) -> ResponseReturnValue:
        own_account.unlink(session, user, keep=user.get_id(), at=at)
        return _done("Your account is not linked any more, and you are signed out everywhere else.")

    return _proven(step)


def _proven(step: Callable[[Session, User, datetime], ResponseReturnValue]) -> ResponseReturnValue:
    """Take a step after password and code were asked once more. A wrong try counts, and a code is used up by it."""
    session, at = db.session(), clock.now()
    user: User = current_user._get_current_object()
    try:
        right = own_account.prove(
            session,
            user,
            password=request.form.get("password", "")[: MOST + 1],
            code=request.form.get("code", "")[:100],
            staff_key=current_app.config["SECRET_KEY"],
            at=at,
        )
        session.commit()
        if not right:
            raise own_account.WrongProof
        return step(session, user, at)
    except Refusal as refusal:
        session.rollback()
        return _page(str(refusal)), refusal.status


def _done(sentence: str) -> ResponseReturnValue:
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for("account.mine"), code=303)


def _page(problem: str = "") -> str:
    provider = Provider.of(current_settings())
    return render_template(
        "accounts/mine.html",
        access=people.access_of(current_user),
        codes_left=len(current_user.recovery_hashes),
        has_password=bool(current_user.password_hash),
        has_code=bool(current_user.totp_secret),
        linked=current_user.oidc_subject is not None,
        provider=provider.host if provider else "",
        problem_said=problem,
    )

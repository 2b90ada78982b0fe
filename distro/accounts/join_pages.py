"""The page behind a link that works once: set a password and a second factor, and come in.

Whoever has the link may use it, so its token stands nowhere but in it: no log, no record, no page of ours that leads
elsewhere.
"""

from typing import Any

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from distro import clock
from distro.accounts import invitations, login, provider_pages, secondfactor
from distro.accounts.oidc import Provider
from distro.accounts.passwords import MOST
from distro.auth import Invitation, csrf, open_to_all
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, Refusal

TOKEN = "/<string(maxlength=100):token>"
TWICE = "The two passwords are not the same. Type them again."
ENROL = "enrol"  # in the cookie: the second factor that this page shows, wrapped

blueprint = Blueprint("join", __name__, url_prefix="/join")
open_to_all(blueprint)


class WrongFirstCode(Refusal):
    """The app shows another code than it should."""

    status = 422
    sentence = login.WRONG_FIRST_CODE


@blueprint.before_request
def check_form() -> None:
    """Check the form's token; there is no guard here to do it."""
    csrf.protect()


@blueprint.get(TOKEN)
def welcome(token: str) -> ResponseReturnValue:
    """Who is invited, a password to set, and a QR code for the authenticator app."""
    return _page(token, invitations.invitation(db.session(), token, clock.now()))


@blueprint.post(TOKEN)
def enter(token: str) -> ResponseReturnValue:
    """Set them, and show recovery codes, this once. After that the link is used up."""
    database, at = db.session(), clock.now()
    link = invitations.invitation(database, token, at)
    came = _came(token)
    try:
        if came is None and request.form.get("password", "") != request.form.get("again"):
            raise InvalidInput(field="again", problem=TWICE)
        password = None if came else request.form.get("password", "")[: MOST + 1]
        user = invitations.join(database, link, password=password, subject=came["subject"] if came else None, at=at)
        codes: list[str] | None = []
        if came is None or not came["strong"]:
            codes = login.enrol_second_factor(user, _secret(link), request.form.get("code", ""), at)
        if codes is None:
            raise WrongFirstCode
    except Refusal as refusal:
        database.rollback()
        return _page(token, invitations.invitation(database, token, at), str(refusal)), refusal.status
    username = user.username
    database.commit()
    session.clear()
    return render_template("accounts/joined.html", username=username, codes=codes)


@blueprint.post(f"{TOKEN}/provider")
def by_provider(token: str) -> ResponseReturnValue:
    """Accept the link as someone of the sign-in service."""
    invitations.invitation(db.session(), token, clock.now())
    return provider_pages.send_off("join", token, clock.now())


@blueprint.post(f"{TOKEN}/with-password")
def with_password(token: str) -> ResponseReturnValue:
    """Set a password after all."""
    session.pop(provider_pages.JOINING, None)
    return redirect(url_for("join.welcome", token=token), code=303)


def _came(token: str) -> dict[str, Any] | None:
    """Who came back from the sign-in service to this link, if somebody did."""
    came: dict[str, Any] | None = session.get(provider_pages.JOINING)
    return came if came and came["token"] == token else None


def _secret(link: Invitation) -> str:
    """The secret that this page shows: the same until the link is used, or the browser forgets it."""
    staff_key, kept = current_app.config["SECRET_KEY"], session.get(ENROL)
    if not kept or kept["link"] != link.id:
        wrapped = secondfactor.wrap(staff_key, secondfactor.new_secret(), link.user_id)
        kept = session[ENROL] = {"link": link.id, "secret": wrapped}
    return secondfactor.unwrap(staff_key, kept["secret"], link.user_id)


def _page(token: str, link: Invitation, problem: str = "") -> str:
    provider, came, secret = Provider.of(current_settings()), _came(token), _secret(link)
    _, picture = secondfactor.provisioning(link.user.username, secret)
    return render_template(
        "accounts/join.html",
        token=token,
        username=link.user.username,
        until=link.expires_at,
        came=came is not None,
        needs_code=came is None or not came["strong"],
        provider=provider.host if provider else "",
        picture=Markup(picture),
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        problem_said=problem,
    )

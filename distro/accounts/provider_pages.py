"""Signing in, or joining, by the sign-in service of the organization (OpenID Connect).

The browser comes back from another site, so it brings no cookie of ours, which is SameSite=Strict. The page it comes
back to therefore only hands on what it brought, by a form of our own, and nothing is changed before that.
"""

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from distro import clock
from distro.accounts import login, oidc, own_account, tries
from distro.auth import open_to_all
from distro.config import current_settings
from distro.db import db
from distro.errors import NotFound, Refusal

FLOW = "provider"  # in the cookie: what the browser has to bring back, and what for
JOINING = "joining"  # in the cookie: who came back to which link

blueprint = Blueprint("provider", __name__, url_prefix="/sign-in/provider")
open_to_all(blueprint)


class NotLinked(Refusal):
    """Known to the provider, unknown here."""

    status = 403
    sentence = (
        "No account here is linked to that sign-in. Sign in with your password and link it on the page of your "
        "account, or ask an admin to invite you."
    )


class OneFactorOnly(Refusal):
    """The provider asked for one factor, and we have no second one of theirs."""

    status = 403
    sentence = "The sign-in service asked you for one factor only, and you have none here. Ask an admin for a new link."


@blueprint.get("")
def go() -> ResponseReturnValue:
    """On to the sign-in service."""
    if current_user.is_authenticated:
        return redirect(login.landing(current_user.role))
    return redirect(_begin("sign-in", request.args.get("next", "")[:200], clock.now()))


@blueprint.get("/back")
def back() -> ResponseReturnValue:
    """Back from it: a form that posts what came along. It looks at no cookie, since none came."""
    names = ("state", "code", "error", "iss")
    brought = [(name, request.args[name][:4_000]) for name in names if name in request.args]
    return render_template("accounts/back.html", brought=brought)


@blueprint.post("/back")
def arrive() -> ResponseReturnValue:
    """Sign in, link, or go on joining. The state that the browser was given stands in for the form's token."""
    flow, at = session.pop(FLOW, None), clock.now()
    try:
        identity = oidc.finish(_provider(), flow and flow["flow"], request.form.to_dict(), _back_address(), at)
    except Refusal:
        if flow:  # the provider was asked, and a browser may bring the same cookie again
            tries.count_away()
        raise
    if flow["why"] == "link":
        return _link(flow["who"], identity, at)
    if flow["why"] == "join":
        session[JOINING] = {"token": flow["who"], "subject": identity.subject, "strong": identity.two_factors}
        return redirect(url_for("join.welcome", token=flow["who"]), code=303)
    return _sign_in(identity, flow["who"], at)


def send_off(why: str, who: str, at: datetime) -> str:
    """A page from which one goes to the sign-in service. No form may lead to another site, so it is a link."""
    address = _begin(why, who, at)
    return render_template("accounts/send_off.html", address=address, provider=_provider().host)


def service_name() -> str:
    """The name of the sign-in service for the sign-in page; empty where none is set up."""
    provider = oidc.Provider.of(current_settings())
    return provider.host if provider else ""


blueprint.add_app_template_global(service_name, "sign_in_service")


def _begin(why: str, who: str, at: datetime) -> str:
    try:
        address, flow = oidc.start(_provider(), _back_address(), at)
    except oidc.ProviderAway:
        tries.count_away()
        raise
    session[FLOW] = {"why": why, "who": who, "flow": flow}
    return address


def _sign_in(identity: oidc.Identity, wanted: str, at: datetime) -> ResponseReturnValue:
    user = own_account.by_subject(db.session(), identity.subject)
    if user is None:
        raise NotLinked
    if not identity.two_factors:
        if not user.totp_secret:
            raise OneFactorOnly
        ask: ResponseReturnValue = login.ask_code(user, wanted, "provider", at)
        return ask
    login.finish_sign_in(user, "provider with second factor")
    db.session.commit()
    return redirect(wanted if login.is_local(wanted) else login.landing(user.role), code=303)


def _link(user_id: str, identity: oidc.Identity, at: datetime) -> ResponseReturnValue:
    if not current_user.is_authenticated or str(current_user.id) != user_id:
        raise oidc.ProviderRefused
    own_account.link(db.session(), current_user, identity.subject, at=at)
    db.session.commit()
    flash("Linked. From now on you may sign in by the sign-in service.", "success")
    return redirect(url_for("account.mine"), code=303)


def _provider() -> oidc.Provider:
    provider = oidc.Provider.of(current_settings())
    if provider is None:
        raise NotFound(what="page", name="sign-in service")
    return provider


def _back_address() -> str:
    return (current_settings().staff_url or request.url_root.rstrip("/")) + url_for("provider.back")

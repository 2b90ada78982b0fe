"""Signing in and out, and where each role starts."""

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user

from distro import clock
from distro.auth import Role, check_password, csrf, open_to_all
from distro.db import db

WRONG = (
    "That username and password do not fit, or there were too many tries. "
    "Check both, wait five minutes, or ask an admin."
)

blueprint = Blueprint("login", __name__)
open_to_all(blueprint)


@blueprint.before_request
def check_form() -> None:
    """Check the form's token; there is no guard here to do it."""
    csrf.protect()


@blueprint.get("/staff")
def staff() -> ResponseReturnValue:
    """Go to where this person starts."""
    if not current_user.is_authenticated:
        return redirect(url_for("login.sign_in"))
    return redirect(landing(current_user.role))


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Ask for username and password."""
    if current_user.is_authenticated:
        return redirect(landing(current_user.role))
    return render_template("login/sign_in.html", username="", next=request.args.get("next", ""), problem_said="")


@blueprint.post("/sign-in")
def enter() -> ResponseReturnValue:
    """Sign in, under a new session; every way to be wrong gets the same sentence."""
    username, wanted = request.form.get("username", "").strip(), request.form.get("next", "")
    user = check_password(
        db.session(), username=username[:64], password=request.form.get("password", "")[:1_000], at=clock.now()
    )
    db.session.commit()
    if user is None:
        page = render_template("login/sign_in.html", username=username[:64], next=wanted, problem_said=WRONG)
        return page, 401
    session.clear()  # whatever was planted before signing in is worth nothing after
    login_user(user)
    return redirect(wanted if is_local(wanted) else landing(user.role), code=303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    logout_user()
    session.clear()
    return redirect(url_for("login.sign_in"), code=303)


def landing(role: Role) -> str:
    """The address of a role's first page."""
    pages = {Role.PACKER: "desk.queue", Role.REVIEWER: "rules.index"}
    return url_for(pages.get(Role(role), "overview.first"))


def is_local(path: str) -> bool:
    """Whether a path stays on this site: one slash first, and nothing a browser reads as another host."""
    return path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() and "\\" not in path

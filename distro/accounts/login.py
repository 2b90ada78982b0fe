"""Signing in with two factors, signing out, and where each role starts."""

import hashlib
from datetime import datetime, timedelta

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from markupsafe import Markup

from distro import audit, clock
from distro.accounts import secondfactor, sessions, tries
from distro.accounts.passwords import MOST, check_password, note_failure, waits
from distro.auth import Role, User, csrf, open_to_all
from distro.db import db

TIME_FOR_CODE = timedelta(minutes=5)
WRONG = (
    "That username and password do not fit, or there were too many tries. "
    "Check both, wait ten minutes, or ask an admin."
)
WRONG_CODE = (
    "That code does not fit, was used before, or there were too many tries. "
    "Wait for the next code and type that one. After five wrong ones, wait five minutes; after more, up to an hour."
)
WRONG_FIRST_CODE = "That code does not fit. Check that the time on your phone is right, and type the code it shows now."
TOO_LATE = "That took more than five minutes, or something changed. Please sign in again."
_PENDING = "pending"  # in the cookie: whose password was right, and what else the second page needs

blueprint = Blueprint("login", __name__)
open_to_all(blueprint)


@blueprint.before_request
def check_form() -> None:
    """Check the form's token; there is no guard here to do it. A throttle by address has its place before it."""
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
    """Check the password, the first factor; every way to be wrong gets the same sentence."""
    username, wanted = request.form.get("username", "").strip(), request.form.get("next", "")
    at = clock.now()
    may_try = tries.may_try(username[:64])
    typed = request.form.get("password", "")[: MOST + 1]  # no password is longer, so one that is fits none
    user = check_password(db.session(), username=username[:64], password=typed)
    db.session.commit()
    if user is None or not may_try:
        tries.count_password(username[:64])
        current_app.logger.warning("sign-in refused at the password")
        page = render_template("login/sign_in.html", username=username[:64], next=wanted, problem_said=WRONG)
        return page, 401
    return ask_code(user, wanted, "password", at)


@blueprint.get("/sign-in/code")
def code() -> ResponseReturnValue:
    """Ask for the second factor."""
    user = _pending_user()
    if user is None:
        return _begin_again()
    if not user.totp_secret:
        return redirect(url_for("login.enrol"))
    return render_template("login/code.html", problem_said="")


@blueprint.post("/sign-in/code")
def enter_code() -> ResponseReturnValue:
    """Check the second factor, and sign in. A code that was right is used up even where that is refused."""
    user = _pending_user()
    if user is None or not user.totp_secret:
        return _begin_again()
    at, wanted = clock.now(), str(session[_PENDING]["next"])
    typed = request.form.get("code", "")[:100]
    right = secondfactor.check(user, typed, current_app.config["SECRET_KEY"], at)
    if not right or waits(user, at):
        if not waits(user, at):
            note_failure(user, at)
        db.session.commit()
        tries.count_sign_in()
        current_app.logger.warning("sign-in refused at the second factor")
        return render_template("login/code.html", problem_said=WRONG_CODE), 401
    second = "recovery code" if secondfactor.is_recovery_code(typed) else "second factor"
    finish_sign_in(user, f"{session[_PENDING].get('how', 'password')} and {second}")
    db.session.commit()
    return redirect(wanted if is_local(wanted) else landing(user.role), code=303)


@blueprint.get("/sign-in/enrol")
def enrol() -> ResponseReturnValue:
    """Show a new secret to someone who has no second factor yet."""
    user = _pending_user()
    if user is None or user.totp_secret:
        return _begin_again()
    if "secret" not in session[_PENDING]:
        wrapped = secondfactor.wrap(current_app.config["SECRET_KEY"], secondfactor.new_secret(), user.id)
        session[_PENDING] = session[_PENDING] | {"secret": wrapped}
    return _enrol_page(user)


@blueprint.post("/sign-in/enrol")
def confirm() -> ResponseReturnValue:
    """Keep the secret once the person's app shows the right code; sign in; show recovery codes, this once."""
    user = _pending_user()
    if user is None or user.totp_secret or "secret" not in session[_PENDING]:
        return _begin_again()
    at, wanted = clock.now(), str(session[_PENDING]["next"])
    codes = enrol_second_factor(user, _secret_shown(user), request.form.get("code", ""), at)
    if codes is None:
        return _enrol_page(user, WRONG_FIRST_CODE), 401
    finish_sign_in(user, "password and new second factor")
    db.session.commit()
    go_on = wanted if is_local(wanted) else landing(user.role)
    return render_template("login/recovery.html", codes=codes, go_on=go_on)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session, here and in the database."""
    sessions.end_here(db.session(), clock.now())
    db.session.commit()
    return redirect(url_for("login.sign_in"), code=303)


def ask_code(user: User, wanted: str, how: str, at: datetime) -> ResponseReturnValue:
    """On to the page that asks the second factor of someone whose first one (`how`, such as `provider`) was right.

    Who sat at this browser before is signed out, and what was planted in its session is worth nothing after. Commits.
    """
    sessions.end_here(db.session(), at)
    db.session.commit()
    pending = {"user": user.id, "of": _state_of(user), "since": int(at.timestamp()), "next": wanted[:200], "how": how}
    session[_PENDING] = pending
    return redirect(url_for("login.code" if user.totp_secret else "login.enrol"), code=303)


def enrol_second_factor(user: User, secret: str, typed: str, at: datetime) -> list[str] | None:
    """Keep `secret` as the user's second factor if `typed` is its code now; gives their recovery codes, else None.

    The caller commits. A second factor and recovery codes from before are replaced.
    """
    step = secondfactor.fitting_step(secret, typed.replace(" ", "")[:100], at)
    if step is None:
        return None
    codes, user.recovery_hashes = secondfactor.new_recovery_codes()
    user.totp_secret = secondfactor.wrap(current_app.config["SECRET_KEY"], secret, user.id)
    user.totp_last = step
    return codes


def finish_sign_in(user: User, how: str) -> None:
    """Sign this browser in, after every factor was right: a new session id, and a row that can be ended.

    `how` says it on the record, such as `password and second factor`. The caller has checked that the user is active,
    and commits.
    """
    at = clock.now()
    user.failures, user.locked_until = 0, None
    user.token = sessions.begin(db.session(), user, at)
    audit.record(db.session(), actor=user.username, action="signed in", subject=user.username, reason=how, at=at)
    session.clear()
    login_user(user)
    session.pop("_id", None)  # flask-login's hash of address and browser
    sessions.put_in_cookie(user.token, at)


def landing(role: Role) -> str:
    """The address of a role's first page."""
    pages = {Role.PACKER: "desk.queue", Role.REVIEWER: "rules.index"}
    return url_for(pages.get(Role(role), "overview.first"))


def is_local(path: str) -> bool:
    """Whether a path stays on this site: one slash first, and nothing a browser reads as another host."""
    return path.startswith("/") and path[1:2] not in ("/", "\\") and path.isprintable() and "\\" not in path


def _pending_user() -> User | None:
    """Whose password was right at this browser less than five minutes ago, and who has not been changed since."""
    pending = session.get(_PENDING)
    if pending is None or clock.now().timestamp() - pending["since"] > TIME_FOR_CODE.total_seconds():
        return None
    user: User | None = db.session.get(User, pending["user"], with_for_update=request.method == "POST")
    return user if user is not None and user.active and pending["of"] == _state_of(user) else None


def _state_of(user: User) -> str:
    """Changes with the password. The cookie is signed, not secret: a hash of the salted hash tells nothing."""
    return hashlib.sha256(user.password_hash.encode()).hexdigest()[:32]


def _begin_again() -> ResponseReturnValue:
    if current_user.is_authenticated:
        return redirect(landing(current_user.role), code=303)
    session.clear()
    flash(TOO_LATE, "warning")
    return redirect(url_for("login.sign_in"), code=303)


def _secret_shown(user: User) -> str:
    return secondfactor.unwrap(current_app.config["SECRET_KEY"], session[_PENDING]["secret"], user.id)


def _enrol_page(user: User, problem_said: str = "") -> str:
    secret = _secret_shown(user)
    uri, picture = secondfactor.provisioning(user.username, secret)
    spaced = " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
    facts = {"uri": uri, "picture": Markup(picture), "secret": spaced}
    return render_template("login/enrol.html", **facts, problem_said=problem_said)

"""Pages of the admins: who is on the staff, who sees what, links to join, and the way out."""

from collections.abc import Callable
from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from distro import clock
from distro.accounts import invitations, people
from distro.auth import Role, User, guard
from distro.config import current_settings
from distro.db import MOST_STORED, db
from distro.errors import InvalidInput, NotFound, Refusal
from geo import places
from inventory.shelves import own_sites

USER = f"/<int(max={MOST_STORED}):user_id>"
ROLES = {
    Role.PACKER: "packs and ships, receives and counts stock",
    Role.MANAGER: "also watches stock and decides held requests; writes rules",
    Role.REVIEWER: "reviews and publishes rules",
    Role.ADMIN: "everything, and the accounts",
}

blueprint = Blueprint("users", __name__, url_prefix="/users")
guard(blueprint, Role.ADMIN)


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """Everyone, with what they may see and whether they can come in."""
    session, now = db.session(), clock.now()
    open_links = invitations.links_open(session, now)
    rows = [(user, invitations.standing(user, open_links)) for user in people.everyone(session)]
    return render_template("accounts/users.html", rows=rows, access_of=people.access_of, links=open_links)


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """The form that invites someone."""
    return _new_page({}, "")


@blueprint.post("/new")
def invite() -> ResponseReturnValue:
    """Invite someone; their link is shown here, once."""
    session, now, typed = db.session(), clock.now(), request.form.to_dict()
    try:
        role, site, states = _access(session, typed)
        username, email = typed.get("username", "").strip(), typed.get("email", "").strip()
        user, token = invitations.invite(
            session,
            username=username,
            email=email,
            role=role,
            site_code=site,
            state_codes=states,
            by=current_user.username,
            at=now,
        )
        return _link_page(session, user, token, now)
    except Refusal as refusal:
        session.rollback()
        return _new_page(typed, str(refusal)), refusal.status


@blueprint.get(USER)
def one(user_id: int) -> ResponseReturnValue:
    """One member of staff, and what can be done."""
    return _one(user_id)


@blueprint.post(f"{USER}/access")
def change(user_id: int) -> ResponseReturnValue:
    """Another role, warehouse or states."""

    def step(session: Session, user: User, at: datetime) -> str:
        role, site, states = _access(session, request.form)
        people.change_access(
            session, user, role=role, site_code=site, state_codes=states, by=current_user.username, at=at
        )
        return f"Saved: {user.username} is {people.access_of(user)} from now on."

    return _do(user_id, step)


@blueprint.post(f"{USER}/disable")
def disable(user_id: int) -> ResponseReturnValue:
    """Let them in no more."""

    def step(session: Session, user: User, at: datetime) -> str:
        people.disable(session, user, by=current_user.username, at=at)
        return f"{user.username} is disabled and signed out everywhere."

    return _do(user_id, step)


@blueprint.post(f"{USER}/enable")
def enable(user_id: int) -> ResponseReturnValue:
    """Let them in again."""

    def step(session: Session, user: User, at: datetime) -> str:
        people.enable(session, user, by=current_user.username, at=at)
        return f"{user.username} may sign in again."

    return _do(user_id, step)


@blueprint.post(f"{USER}/end-sessions")
def end_sessions(user_id: int) -> ResponseReturnValue:
    """Sign them out everywhere; an admin's own session at this page goes on."""

    def step(session: Session, user: User, at: datetime) -> str:
        mine = current_user.get_id() if user.id == current_user.id else None
        people.end_sessions(session, user, by=current_user.username, at=at, but=mine)
        return f"{user.username} is signed out everywhere{' else' if mine else ''}."

    return _do(user_id, step)


@blueprint.post(f"{USER}/reset")
def reset(user_id: int) -> ResponseReturnValue:
    """A new link, for someone whose password, phone or link is lost; it is shown here, once."""
    session, now = db.session(), clock.now()
    user = people.find(session, user_id)
    try:
        token = invitations.reset(session, user, by=current_user.username, at=now)
        return _link_page(session, user, token, now)
    except Refusal as refusal:
        session.rollback()
        return _one(user_id, str(refusal)), refusal.status


def _do(user_id: int, step: Callable[[Session, User, datetime], str]) -> ResponseReturnValue:
    """Take a step, commit it and say so; a refusal keeps the page and changes nothing."""
    session = db.session()
    user = people.find(session, user_id)
    try:
        done = step(session, user, clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(user_id, str(refusal)), refusal.status
    flash(done, "success")
    return redirect(url_for("users.one", user_id=user_id), code=303)


def _access(session: Session, typed: dict[str, str]) -> tuple[Role, str | None, list[str]]:
    """The role, warehouse and states that were chosen. Raises InvalidInput or NotFound."""
    if typed.get("role") not in set(Role):
        raise InvalidInput(field="role", problem="Choose a role.")
    site = typed.get("site") or None
    if site is not None and site not in {each.code for each in own_sites(session)}:
        raise NotFound(what="warehouse", name=site[:16])
    states = people.checked_states(typed.get("states", ""), [state.code for state in places.states(session)])
    return Role(typed["role"]), site, states


def _link_page(session: Session, user: User, token: str, now: datetime) -> ResponseReturnValue:
    """Mail the link if we can, commit, and show it this once."""
    link = (current_settings().staff_url or request.url_root.rstrip("/")) + url_for("join.welcome", token=token)
    mailed = invitations.send_link(session, user, link, now)
    until = now + invitations.LINK_LIVES
    session.commit()
    return render_template("accounts/link.html", user=user, address=link, mailed=mailed, until=until)


def _new_page(typed: dict[str, str], problem: str) -> str:
    return render_template("accounts/new.html", typed=typed, problem_said=problem, **_choices())


def _one(user_id: int, problem: str = "") -> str:
    session, now = db.session(), clock.now()
    user = people.find(session, user_id)
    open_links = invitations.links_open(session, now)
    return render_template(
        "accounts/user.html",
        user=user,
        typed={"role": user.role, "site": user.site_code or "", "states": ", ".join(user.state_codes)},
        standing=invitations.standing(user, open_links),
        link_until=open_links.get(user.id),
        sessions=people.sessions_open(session, user, now),
        mine=user.id == current_user.id,
        access=people.access_of(user),
        problem_said=problem,
        **_choices(),
    )


def _choices() -> dict[str, object]:
    return {
        "roles": [(role.value, f"{role.value}: {does}") for role, does in ROLES.items()],
        "sites": [(site.code, f"{site.name} ({site.code})") for site in own_sites(db.session())],
    }

"""`distro user`: staff accounts from the shell, for the first admin and for when no admin can come in."""

import secrets
from collections.abc import Callable
from datetime import datetime

import click
from sqlalchemy.orm import Session

from distro import clock
from distro.accounts import invitations, people
from distro.accounts.passwords import add_user
from distro.auth import Role, User
from distro.commands.setup import SYSTEM, by_whom, check_staff
from distro.console import as_json, make_app, print_rows, read_settings
from distro.db import db
from distro.errors import NotFound, SettingWrong
from geo import places
from inventory.shelves import own_sites

role_option = click.option(
    "--role", type=click.Choice([role.value for role in Role]), required=True, help="What they do here."
)
site_option = click.option("--site", default=None, help="Limit them to one warehouse, by its code.")
state_option = click.option(
    "--state", "states", multiple=True, help="Limit them to a state, such as OH; may be given again."
)


@click.group("user")
def user_group() -> None:
    """Staff accounts."""


@user_group.command("add")
@click.argument("username")
@role_option
@click.option("--email", default="", help="Where alerts go.")
@site_option
def user_add(username: str, role: str, email: str, site: str | None) -> None:
    """Add USERNAME and print a generated password, once. They set up their second factor when they first sign in."""
    password = secrets.token_urlsafe(16)
    with make_app().app_context():
        _check_site(site)
        add_user(db.session(), username=username, role=Role(role), password=password, email=email, site_code=site)
        db.session.commit()
    click.echo(f"{username} ({role}) may sign in with this password, shown only now: {password}")


@user_group.command("list")
@as_json
def user_list(json_: bool) -> None:
    """List everyone on the staff: what they may see, and whether they can come in."""
    with make_app().app_context():
        session, now = db.session(), clock.now()
        links = invitations.links_open(session, now)
        rows = [
            {
                "username": user.username,
                "role": user.role.value,
                "site": user.site_code,
                "states": user.state_codes,
                "standing": invitations.standing(user, links),
                "second_factor": bool(user.totp_secret),
                "provider": user.oidc_subject is not None,
                "signed_in": people.sessions_open(session, user, now),
            }
            for user in people.everyone(session)
        ]
    print_rows(rows, json_)


@user_group.command("invite")
@click.argument("username")
@role_option
@click.option("--email", default="", help="Where the link and alerts go.")
@site_option
@state_option
@by_whom
def user_invite(username: str, role: str, email: str, site: str | None, states: tuple[str, ...], by: str) -> None:
    """Make an account for USERNAME and print the link with which they join, once. It works once, for three days."""
    with make_app().app_context():
        session, now = db.session(), clock.now()
        _check_actor(by)
        _check_site(site)
        user, token = invitations.invite(
            session,
            username=username,
            role=Role(role),
            email=email,
            site_code=site,
            state_codes=people.checked_states(" ".join(states), [state.code for state in places.states(session)]),
            by=by,
            at=now,
        )
        _print_link(session, user, token, now)


@user_group.command("reset")
@click.argument("username")
@by_whom
def user_reset(username: str, by: str) -> None:
    """Take USERNAME's password and second factor away, end their sessions, and print a new link, once."""
    with make_app().app_context():
        session, now = db.session(), clock.now()
        _check_actor(by)
        user = people.named(session, username)
        _print_link(session, user, invitations.reset(session, user, by=by, at=now), now)


@user_group.command("disable")
@click.argument("username")
@by_whom
def user_disable(username: str, by: str) -> None:
    """Let USERNAME in no more; their sessions end now."""
    _do(username, by, lambda session, user, at: people.disable(session, user, by=by, at=at))
    click.echo(f"{username} is disabled and signed out everywhere.")


@user_group.command("enable")
@click.argument("username")
@by_whom
def user_enable(username: str, by: str) -> None:
    """Let USERNAME in again."""
    _do(username, by, lambda session, user, at: people.enable(session, user, by=by, at=at))
    click.echo(f"{username} may sign in again.")


@user_group.command("end-sessions")
@click.argument("username")
@by_whom
def user_end_sessions(username: str, by: str) -> None:
    """Sign USERNAME out everywhere."""
    _do(username, by, lambda session, user, at: people.end_sessions(session, user, by=by, at=at))
    click.echo(f"{username} is signed out everywhere.")


def _do(username: str, by: str, step: Callable[[Session, User, datetime], None]) -> None:
    with make_app().app_context():
        session = db.session()
        _check_actor(by)
        step(session, people.named(session, username), clock.now())
        session.commit()


def _check_actor(by: str) -> None:
    if by != SYSTEM:
        check_staff(by, Role.ADMIN)


def _check_site(code: str | None) -> None:
    if code is not None and code not in {site.code for site in own_sites(db.session())}:
        raise NotFound(what="warehouse", name=code)


def _print_link(session: Session, user: User, token: str, now: datetime) -> None:
    """Mail the link if we can, commit, and print it this once. Raises SettingWrong if no mail could hold it."""
    host = read_settings().staff_url
    if user.email and not host:
        raise SettingWrong(name="STAFF_URL", problem="a mailed link needs the address of the staff pages")
    mailed = invitations.send_link(session, user, f"{host}/join/{token}", now)
    session.commit()
    click.echo(f"{user.username} joins here, once, within three days; the link is shown only now:")
    click.echo(f"{host}/join/{token}" if host else f"/join/{token} (on the address of the staff pages)")
    if mailed:
        click.echo(f"It also goes to {user.email}.")

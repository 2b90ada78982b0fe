"""Staff accounts as an admin looks after them: who sees what, who may come in.

Every change is on the record, and none of them can leave the service without an admin.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from distro import audit
from distro.accounts import sessions
from distro.accounts.oidc import Provider
from distro.auth import Invitation, Role, StaffSession, User
from distro.config import current_settings
from distro.errors import InvalidInput, NotFound, Refusal


class NotYourself(Refusal):
    """Nobody locks themselves out, or in, by mistake."""

    sentence = "You cannot do this to your own account. Ask another admin."


class LastAdmin(Refusal):
    """Somebody has to be able to look after the accounts."""

    sentence = "%(username)s is the last admin who can sign in. Make someone else an admin first."


class BeyondOwnScope(Refusal):
    """An admin of one warehouse or some states is no admin of the others."""

    status = 403
    sentence = "Your own account covers %(access)s only, so you cannot do this to one that covers more."


class NeedsLink(Refusal):
    """Somebody without a password cannot be let in by enabling them."""

    sentence = "%(username)s has no password yet. Make a link instead; it enables the account."


def find(session: Session, user_id: int) -> User:
    """The member of staff with that number. Raises NotFound."""
    user: User | None = session.get(User, user_id)
    if user is None:
        raise NotFound(what="account", name=user_id)
    return user


def named(session: Session, username: str) -> User:
    """The member of staff of that name. Raises NotFound."""
    user: User | None = session.scalar(select(User).where(User.username == username))
    if user is None:
        raise NotFound(what="account", name=username[:64])
    return user


def everyone(session: Session) -> Sequence[User]:
    """All of the staff by name."""
    return session.scalars(select(User).order_by(User.username)).all()


def change_access(
    session: Session,
    user: User,
    *,
    role: Role,
    site_code: str | None,
    state_codes: Sequence[str],
    by: str,
    at: datetime,
) -> None:
    """Give someone another role, warehouse or states; it holds from their next click.

    Raises NotYourself, LastAdmin, BeyondOwnScope.
    """
    require_not_self(user, by)
    lock(session, user)
    require_in_scope(session, by, user.site_code, user.state_codes)
    require_in_scope(session, by, site_code, state_codes)
    if role != Role.ADMIN:
        require_another_admin(session, user)
    before = access_of(user)
    user.role, user.site_code, user.state_codes = role, site_code, list(state_codes)
    reason = f"{before} -> {access_of(user)}"
    audit.record(session, actor=by, action="change user", subject=user.username, reason=reason, at=at)


def disable(session: Session, user: User, *, by: str, at: datetime) -> None:
    """Let someone in no more: their sessions end now and their links work no more. Raises NotYourself, LastAdmin,
    BeyondOwnScope."""
    require_not_self(user, by)
    lock(session, user)
    require_in_scope(session, by, user.site_code, user.state_codes)
    require_another_admin(session, user)
    user.active = False
    void_links(session, user, at)
    sessions.end_all(session, user, at)
    audit.record(session, actor=by, action="disable user", subject=user.username, at=at)


def enable(session: Session, user: User, *, by: str, at: datetime) -> None:
    """Let someone in again as before. Raises NeedsLink for who has no way in yet, or any more; BeyondOwnScope."""
    require_not_self(user, by)
    lock(session, user)
    require_in_scope(session, by, user.site_code, user.state_codes)
    if not can_sign_in(user):
        raise NeedsLink(username=user.username)
    user.active, user.failures, user.locked_until = True, 0, None
    audit.record(session, actor=by, action="enable user", subject=user.username, at=at)


def end_sessions(session: Session, user: User, *, by: str, at: datetime, but: str | None = None) -> None:
    """Sign someone out everywhere; `but` is the token of a session that goes on."""
    sessions.end_all(session, user, at, but=but)
    audit.record(session, actor=by, action="end sessions", subject=user.username, at=at)


def sessions_open(session: Session, user: User, at: datetime) -> int:
    """At how many browsers someone is signed in, or was until they left it alone."""
    since = at - sessions.ABSOLUTE
    query = select(func.count()).where(
        StaffSession.user_id == user.id, StaffSession.ended_at.is_(None), StaffSession.begun_at > since
    )
    return session.scalar(query) or 0


def access_of(user: User) -> str:
    """What someone may see, in a few words."""
    where = f" at {user.site_code}" if user.site_code else ""
    return f"{user.role}{where}{' for ' + ', '.join(user.state_codes) if user.state_codes else ''}"


def checked_states(typed: str, known: Sequence[str]) -> list[str]:
    """State codes as typed, with commas or spaces between; none: all. Raises InvalidInput for one we do not know."""
    found = sorted(set(typed.upper().replace(",", " ").split()))
    wrong = [code for code in found if code not in known]
    if wrong:
        raise InvalidInput(field="states", problem=f"There is no state “{wrong[0][:20]}”. Type codes such as OH, KY.")
    return found


def can_sign_in(user: User) -> bool:
    """Whether someone has a way in, once they are enabled: a password or the provider."""
    return bool(user.password_hash or user.oidc_subject)


def void_links(session: Session, user: User, at: datetime) -> None:
    """Make every link of a user one that works no more."""
    session.execute(
        update(Invitation).where(Invitation.user_id == user.id, Invitation.used_at.is_(None)).values(used_at=at)
    )


def lock(session: Session, user: User) -> None:
    """Hold a user and every admin as they stand now, in one order, so that of two admins at once the second waits."""
    session.flush()
    held = select(User).where(or_(User.id == user.id, User.role == Role.ADMIN)).order_by(User.id)
    session.scalars(held.with_for_update().execution_options(populate_existing=True)).all()


def require_not_self(user: User, by: str) -> None:
    """Raises NotYourself."""
    if user.username == by:
        raise NotYourself


def require_in_scope(session: Session, by: str, site_code: str | None, state_codes: Sequence[str]) -> None:
    """Raises BeyondOwnScope if someone would hand out, or look after, more than they may see themselves."""
    admin = session.scalar(select(User).where(User.username == by))  # none: a command at the shell
    if admin is None:
        return
    is_elsewhere = admin.site_code is not None and site_code != admin.site_code
    is_wider = bool(admin.state_codes) and not (state_codes and set(state_codes) <= set(admin.state_codes))
    if is_elsewhere or is_wider:
        raise BeyondOwnScope(access=access_of(admin))


def require_another_admin(session: Session, user: User) -> None:
    """Raises LastAdmin if a user is the last admin who may sign in, as the service is set up now."""
    by_provider = Provider.of(current_settings()) is not None

    def comes_in(admin: User) -> bool:
        return bool(admin.password_hash or (by_provider and admin.oidc_subject))

    if user.role == Role.ADMIN and user.active and comes_in(user):
        admins = session.scalars(select(User).where(User.role == Role.ADMIN, User.active))
        if not any(comes_in(admin) for admin in admins if admin.id != user.id):
            raise LastAdmin(username=user.username)

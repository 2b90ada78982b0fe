"""Links that work once: to join the staff, or to set password and second factor anew.

The database keeps a link's hash. The link itself is shown once, and mailed where we have an address.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from distro import audit, outbox
from distro.accounts import passwords, sessions
from distro.accounts.own_account import require_free
from distro.accounts.people import (
    access_of,
    can_sign_in,
    lock,
    require_another_admin,
    require_in_scope,
    require_not_self,
    void_links,
)
from distro.auth import Invitation, Role, User, check_name
from distro.errors import Refusal

LINK_LIVES = timedelta(hours=72)
MAIL_SUBJECT = "Your sign-in"
MAIL_BODY = (
    "Hello,\n\nopen this address within three days to set up your sign-in. It works once.\n\n{link}\n\n"
    "If you did not expect this, you need not do anything.\n"
)
_TOKEN_BYTES = 32


class LinkOver(Refusal):
    """A link that was used, is too old, or never was."""

    status = 404
    sentence = "This link does not work, or not any more. Ask the person who sent it for a new one."


class Disabled(Refusal):
    """A link for somebody who is not to come in."""

    sentence = "%(username)s is disabled. Enable the account first."


def invite(
    session: Session,
    *,
    username: str,
    role: Role,
    email: str = "",
    site_code: str | None = None,
    state_codes: Sequence[str] = (),
    by: str,
    at: datetime,
) -> tuple[User, str]:
    """Add someone who cannot sign in until they have followed their link; gives them and the link's token.

    Raises InvalidInput if a value cannot be used or the name is taken, BeyondOwnScope.
    """
    require_in_scope(session, by, site_code, state_codes)
    check_name(session, username=username, email=email)
    user = User(username=username, role=role, email=email, site_code=site_code, state_codes=list(state_codes))
    user.password_hash, user.active = "", False
    session.add(user)
    session.flush()
    token = _new_link(session, user, by, at)
    audit.record(session, actor=by, action="invite user", subject=username, reason=access_of(user), at=at)
    return user, token


def reset(session: Session, user: User, *, by: str, at: datetime) -> str:
    """Take password, second factor and link to the provider away, end all sessions; gives the token of a new link.

    Raises NotYourself, LastAdmin or BeyondOwnScope, or Disabled for someone who was.
    """
    require_not_self(user, by)
    lock(session, user)
    require_in_scope(session, by, user.site_code, user.state_codes)
    if not user.active and can_sign_in(user):
        raise Disabled(username=user.username)
    require_another_admin(session, user)
    user.password_hash, user.totp_secret, user.oidc_subject = "", "", None
    user.recovery_hashes, user.active = [], False
    sessions.end_all(session, user, at)
    token = _new_link(session, user, by, at)
    audit.record(session, actor=by, action="reset user", subject=user.username, at=at)
    return token


def send_link(session: Session, user: User, link: str, at: datetime) -> bool:
    """Mail someone their link, in words that say nothing of what we do; False if we know no address of theirs."""
    if not user.email:
        return False
    outbox.post(session, to=user.email, subject=MAIL_SUBJECT, body=MAIL_BODY.format(link=link), at=at)
    return True


def invitation(session: Session, token: str, at: datetime) -> Invitation:
    """The link with this token, if it works. Raises LinkOver, one answer for all that do not."""
    wanted = hashlib.sha256(token.encode()).digest()
    found = session.scalar(
        select(Invitation).where(Invitation.token_hash == wanted).options(joinedload(Invitation.user))
    )
    if found is None or found.used_at is not None or at >= found.expires_at:
        raise LinkOver
    return found


def join(session: Session, link: Invitation, *, password: str | None, subject: str | None = None, at: datetime) -> User:
    """Use a link up: its user may sign in, with a new password or (None) as `subject` of the provider.

    The caller keeps their second factor in the same transaction. Raises LinkOver if somebody was faster, InvalidInput
    for a weak password, LinkedToSomeoneElse.
    """
    used = session.execute(
        update(Invitation).where(Invitation.id == link.id, Invitation.used_at.is_(None)).values(used_at=at)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise LinkOver
    user = link.user
    if password is not None:
        user.password_hash = passwords.hash_new(password, username=user.username, known=passwords.place_words(session))
    if subject is not None:
        require_free(session, user, subject)
        user.oidc_subject = subject
    user.active, user.failures, user.locked_until = True, 0, None
    sessions.end_all(session, user, at)
    how = "with a password" if password is not None else "by the provider"
    audit.record(session, actor=user.username, action="join", subject=user.username, reason=how, at=at)
    return user


def links_open(session: Session, at: datetime) -> dict[int, datetime]:
    """Who has a link that works, by user id, and until when."""
    query = select(Invitation.user_id, Invitation.expires_at).where(
        Invitation.used_at.is_(None), Invitation.expires_at > at
    )
    return {row.user_id: row.expires_at for row in session.execute(query)}


def standing(user: User, open_links: Mapping[int, datetime]) -> str:
    """`active`, `disabled`, `invited` (a link is open) or `no link` (it ran out, or was never used)."""
    if can_sign_in(user):
        return "active" if user.active else "disabled"
    return "invited" if user.id in open_links else "no link"


def _new_link(session: Session, user: User, by: str, at: datetime) -> str:
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    void_links(session, user, at)
    kept = hashlib.sha256(token.encode()).digest()
    session.add(Invitation(user_id=user.id, token_hash=kept, made_by=by, made_at=at, expires_at=at + LINK_LIVES))
    session.flush()
    return token

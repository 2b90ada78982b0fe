"""One's own account: proving once more who one is, and what one may change after that."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.accounts import passwords, secondfactor, sessions
from distro.accounts.people import void_links
from distro.auth import User
from distro.errors import Refusal


class WrongProof(Refusal):
    """The password or the code that was asked once more does not fit."""

    status = 403
    sentence = (
        "That password and code do not fit, the code was used before, or there were too many tries. Nothing was "
        "changed. Wait for the next code; after five wrong tries, wait five minutes, and longer after more."
    )


class NoPassword(Refusal):
    """Somebody who signs in by the provider alone."""

    sentence = "You sign in by the sign-in service and have no password here. Ask an admin for a link to set one."


class AlreadyLinked(Refusal):
    """A link is not put in the place of another."""

    sentence = "Your account is linked already. Take that link away first."


class LinkedToSomeoneElse(Refusal):
    """One person at the provider is one person here."""

    sentence = "That sign-in is linked to another account here. Nothing was changed."


def prove(session: Session, user: User, *, password: str, code: str, staff_key: str, at: datetime) -> bool:
    """Whether the one at this browser still is this user: their password and a code, as far as they have them.

    A wrong try counts as one at signing in does, so the caller commits also on False. Raises NoPassword for who has
    neither: there would be nothing to prove it by.
    """
    session.refresh(user, with_for_update=True)
    if not (user.password_hash or user.totp_secret):
        raise NoPassword
    if passwords.waits(user, at):
        return False
    right = not user.password_hash or passwords.fits(user.password_hash, password)
    right = (not user.totp_secret or secondfactor.check(user, code, staff_key, at)) and right
    if not right:
        passwords.note_failure(user, at)
    return right


def change_password(session: Session, user: User, *, new: str, keep: str, at: datetime) -> None:
    """Give oneself another password, after `prove`; all sessions but `keep` end. Raises InvalidInput, NoPassword."""
    if not user.password_hash:
        raise NoPassword
    user.password_hash = passwords.hash_new(new, username=user.username, known=passwords.place_words(session))
    void_links(session, user, at)
    sessions.end_all(session, user, at, but=keep)
    audit.record(session, actor=user.username, action="change password", subject=user.username, at=at)


def new_recovery_codes(session: Session, user: User, *, keep: str, at: datetime) -> list[str]:
    """Ten new codes, after `prove`; the old ones count no more, and all sessions but `keep` end."""
    codes, user.recovery_hashes = secondfactor.new_recovery_codes()
    sessions.end_all(session, user, at, but=keep)
    audit.record(session, actor=user.username, action="new recovery codes", subject=user.username, at=at)
    return codes


def link(session: Session, user: User, subject: str, *, at: datetime) -> None:
    """Let someone of the provider sign in as this user, after `prove`. Raises AlreadyLinked, LinkedToSomeoneElse."""
    session.refresh(user, with_for_update=True)
    require_unlinked(user)
    require_free(session, user, subject)
    user.oidc_subject = subject
    audit.record(session, actor=user.username, action="link provider", subject=user.username, at=at)


def unlink(session: Session, user: User, *, keep: str, at: datetime) -> None:
    """The provider counts no more for this user, after `prove`; all sessions but `keep` end.

    Raises NoPassword if there is no other way in.
    """
    if not user.password_hash:
        raise NoPassword
    user.oidc_subject = None
    sessions.end_all(session, user, at, but=keep)
    audit.record(session, actor=user.username, action="unlink provider", subject=user.username, at=at)


def by_subject(session: Session, subject: str) -> User | None:
    """The user whom someone of the provider may sign in as, if there is one."""
    return session.scalar(select(User).where(User.oidc_subject == subject, User.active).with_for_update())


def require_unlinked(user: User) -> None:
    """Raises AlreadyLinked."""
    if user.oidc_subject is not None:
        raise AlreadyLinked


def require_free(session: Session, user: User, subject: str) -> None:
    """Raises LinkedToSomeoneElse if someone of the provider is another user here."""
    taken = session.scalar(select(User.id).where(User.oidc_subject == subject))
    if taken not in (None, user.id):
        raise LinkedToSomeoneElse

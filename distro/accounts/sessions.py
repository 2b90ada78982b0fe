"""Sessions of staff: who is signed in at which browser, since when, and until when.

The signed cookie holds a token and the time of its last use, the database the token's hash: so a session can be ended
from here, and a page that is only read needs no write.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from flask import session as cookie
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session, joinedload

from distro import clock
from distro.auth import StaffSession, User, login_manager
from distro.db import db

IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=10)
_FRESH = 60  # seconds: the time of last use is written again after that
_TOKEN, _USED = "_user_id", "used"  # in the cookie; the first name is flask-login's
_TOKEN_BYTES = 32


def begin(session: Session, user: User, at: datetime) -> str:
    """Begin a session and give back its token of 256 bits. What is left of this user's sessions of old is removed."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    session.execute(delete(StaffSession).where(StaffSession.user_id == user.id, StaffSession.begun_at <= at - ABSOLUTE))
    session.add(StaffSession(user_id=user.id, token_hash=_hash(token), begun_at=at))
    session.flush()
    return token


def find(session: Session, token: str, at: datetime) -> StaffSession | None:
    """The session with this token, unless it was ended, is ten hours old, or its user may not sign in any more."""
    found = session.scalar(
        select(StaffSession).where(StaffSession.token_hash == _hash(token)).options(joinedload(StaffSession.user))
    )
    if found is None or found.ended_at is not None or at >= found.begun_at + ABSOLUTE or not found.user.active:
        return None
    return found


def end(session: Session, token: str, at: datetime) -> None:
    """End one session, if it goes on."""
    _end(session, at, StaffSession.token_hash == _hash(token))


def end_all(session: Session, user: User, at: datetime, but: str | None = None) -> None:
    """End every session of a user, save the one with the token `but` (`current_user.get_id()` is that of this page).

    Whoever changes a password or a second factor, or disables someone, calls this in the same transaction.
    """
    kept = [] if but is None else [StaffSession.token_hash != _hash(but)]
    _end(session, at, StaffSession.user_id == user.id, *kept)


def end_here(session: Session, at: datetime) -> None:
    """End the session of this browser, also one that has idled out, and empty the cookie. The caller commits."""
    token = cookie.get(_TOKEN)
    if isinstance(token, str):
        end(session, token, at)
    cookie.clear()


def put_in_cookie(token: str, at: datetime) -> None:
    """Make this browser the one that is signed in."""
    cookie[_TOKEN] = token
    cookie[_USED] = int(at.timestamp())


@login_manager.user_loader  # type: ignore[untyped-decorator]  # flask-login carries no types
def _load_user(token: str) -> User | None:
    now, used = clock.now(), cookie.get(_USED)
    if not isinstance(used, int) or now.timestamp() - used > IDLE.total_seconds():
        return None
    found = find(db.session(), token, now)
    if found is None:
        return None
    if now.timestamp() - used >= _FRESH:
        cookie[_USED] = int(now.timestamp())
    found.user.token = token
    return found.user


def _end(session: Session, at: datetime, *which: object) -> None:
    session.execute(
        update(StaffSession).where(StaffSession.ended_at.is_(None), *which).values(ended_at=at)  # type: ignore[arg-type]
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

"""Passwords of staff: which may be set, how they are kept, and whether a typed one fits.

Only staff processes and commands load this module; the public pages know no password.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import JSON, func, or_, select, text
from sqlalchemy.orm import Session, object_session
from zxcvbn import zxcvbn

from distro import audit, outbox
from distro.accounts import admins
from distro.auth import Role, User, check_name
from distro.errors import InvalidInput

FEWEST, MOST = 15, 1_000  # characters
FAILURES_BEFORE_WAIT = 5
WAIT_AFTER_FAILURES, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=1)
WARNING_SUBJECT = "Five wrong codes"
WARNING = (
    "Hello,\n\nsomebody typed five wrong codes for the account {username}, with its password or at its open page.\n\n"
    "If that was not its owner, the password is known to somebody: change it, or have an admin make a new link.\n"
)
_LOOKED_AT = 64  # characters: zxcvbn took up to 0.1 s for 64 random ones, 0.45 s for 100
_STRONG_ENOUGH = 3  # of zxcvbn's 0 to 4: more than 10^8 guesses
_OWN_WORDS = (  # what somebody tries first who knows where they are
    *("distro", "naloxone", "narcan", "fentanyl", "syringe", "needle", "harm", "reduction", "supplies", "supply"),
    *("warehouse", "depot", "packer", "manager", "reviewer", "admin", "password", "welcome", "letmein", "qwerty"),
    *("january", "february", "march", "april", "june", "july", "august", "september", "october", "november"),
    *("december", "spring", "summer", "autumn", "winter", "monday", "tuesday", "wednesday", "thursday", "friday"),
    *("saturday", "sunday", "correct", "horse", "battery", "staple"),
)
_YEAR = re.compile(r"(19|20)[0-9]{2}")
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # OWASP's least for Argon2id: 19 MiB


def hash_new(password: str, *, username: str = "", known: Iterable[str] = ()) -> str:
    """The Argon2id hash of a password someone chooses. Raises InvalidInput, which says what to choose instead.

    `known` are more words that a stranger would try, such as those of `place_words`.

    At least 15 characters of any kind, and none of the common ones: zxcvbn knows lists of leaked passwords, keyboard
    rows, dates and repetitions (https://github.com/dwolfhub/zxcvbn-python). NIST SP 800-63B, 3.1.1.2.
    """
    if len(password) < FEWEST:
        raise InvalidInput(field="password", problem=f"A password needs at least {FEWEST} characters.")
    if len(password) > MOST:
        raise InvalidInput(field="password", problem=f"A password has at most {MOST:,} characters.")
    if _is_common(password, (username, *known)):
        raise InvalidInput(
            field="password",
            problem="This password is easy to guess. Try four or five words that have nothing to do with each other.",
        )
    return _hasher.hash(password)


def place_words(session: Session) -> set[str]:
    """The words of our states' and warehouses' names and return addresses; by their tables' names, which are above."""
    names = [*session.scalars(text("SELECT name FROM states")), *session.scalars(text("SELECT name FROM sites"))]
    for lines in session.scalars(text("SELECT return_lines FROM sites").columns(return_lines=JSON)):
        names += lines
    return {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}


def fits(kept: str, password: str) -> bool:
    """Whether a typed password is the one kept as `kept`. It takes as long if nothing is kept."""
    try:
        return _hasher.verify(kept or _nobody_hash(), password) and bool(kept)
    except (VerificationError, InvalidHashError):
        return False


def check_password(session: Session, *, username: str, password: str) -> User | None:
    """The user if name and password fit, else None: one answer and one cost for every way to be wrong.

    Nothing is written, so no name that is known shows by it, and nobody is locked out by what a stranger types:
    `distro.accounts.tries` counts by account and network.
    """
    folded = or_(User.username == username, func.lower(User.username) == username.lower())
    user: User | None = session.scalar(select(User).where(folded).order_by((User.username == username).desc()).limit(1))
    right = fits(user.password_hash if user else "", password)
    return user if right and user is not None and user.active else None


def waits(user: User, at: datetime) -> bool:
    """Whether there were so many wrong second factors that this person has to wait."""
    return user.locked_until is not None and at < user.locked_until


def note_failure(user: User, at: datetime) -> None:
    """Count a wrong second factor. Every five begin a wait on record, each twice as long, and the first is mailed.

    Only who has the password, or an open page of the account, gets this far. Tries in a wait do not prolong it, and
    a whole sign-in forgets them all (`login.finish_sign_in`). The caller commits.
    """
    user.failures += 1
    waits_so_far, left = divmod(user.failures, FAILURES_BEFORE_WAIT)
    if left:
        return
    user.locked_until = at + min(WAIT_AFTER_FAILURES * 2 ** min(waits_so_far - 1, 10), LONGEST_WAIT)
    database = object_session(user)
    if database is not None:
        audit.record(database, actor="system", action="too many tries", subject=user.username, at=at)
        if waits_so_far == 1:
            _warn(database, user, at)


def _warn(session: Session, user: User, at: datetime) -> None:
    body = WARNING.format(username=user.username)
    if user.email and user.role != Role.ADMIN:
        outbox.post(session, to=user.email, subject=WARNING_SUBJECT, body=body, at=at)
    admins.tell(session, subject=WARNING_SUBJECT, body=body, at=at)


def add_user(
    session: Session, *, username: str, role: Role, password: str, email: str = "", site_code: str | None = None
) -> User:
    """Add a member of staff. Raises InvalidInput if a value cannot be used or the name is taken."""
    check_name(session, username=username, email=email)
    kept = hash_new(password, username=username, known=place_words(session))
    user = User(username=username, role=role, email=email, site_code=site_code, password_hash=kept)
    session.add(user)
    session.flush()
    return user


def _is_common(password: str, known: Iterable[str]) -> bool:
    """Whether it is of few guesses, or little is left of it without the words and years that anybody would try."""
    words = sorted({word.casefold() for word in (*_OWN_WORDS, *known) if len(word) > 2}, key=len, reverse=True)
    rest = _YEAR.sub("", password.casefold())
    for word in words:
        rest = rest.replace(word, "")
    if len("".join(rest.split())) < FEWEST // 2:
        return True
    score: int = zxcvbn(password[:_LOOKED_AT], user_inputs=words, max_length=_LOOKED_AT)["score"]
    return score < _STRONG_ENOUGH


@lru_cache(maxsize=1)
def _nobody_hash() -> str:
    return _hasher.hash("nobody has this password")

"""What the scheduler does about keys: make them ahead, and tell the admins when something is wrong with them."""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from distro import audit, clock, slots
from distro.accounts import admins
from distro.clock import week_of
from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keycheck, keyring
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import PublicKeys

log = logging.getLogger(__name__)


def tend(
    session: Session, settings: Settings, *, at: datetime, used: Collection[str] = (), known: Sequence[str] = ()
) -> list[str]:
    """Make the keys of the weeks ahead, each on record; gives back what is wrong, a sentence each. Commits nothing.

    `used` has the names no new key may have, `known` what the caller found wrong with the keys. What is wrong goes to
    the log every time and to the admins by mail at most once a day; it does not stop the rest of the scheduler's work.
    """
    ring = Keyring.of(settings)
    try:
        for sentence in keyring.upgrade(ring, PublicKeys.of(settings)):
            audit.record(session, actor="system", action="upgrade keys", subject="keys", reason=sentence, at=at)
        for epoch in keyring.make_keys(ring, PublicKeys.of(settings), at.date(), used=used):
            audit.record(session, actor="system", action="make key", subject=epoch, at=at)
        for week in (at, at + timedelta(weeks=1)):  # so that triage need not make one while the copy is away
            keyring.pepper(ring, week_of(week.date()))
        refused = []
    except (Refusal, OSError) as problem:
        refused = [_in_words(problem)]
    found = list(dict.fromkeys([*refused, *keycheck.problems(ring, PublicKeys.of(settings), at.date()), *known]))
    for sentence in found:
        log.error("keys: %s", sentence)
    if found and slots.claim(session, "keys alarm", slots.slot_of(at, clock.DAY)):
        listed = "\n".join(f"- {sentence}" for sentence in found)
        body = f"{listed}\n\nWhat to do, step by step: {keycheck.GUIDE}. `distro keys check` says what is left.\n"
        admins.tell(session, subject="Something is wrong with the keys", body=body, at=at)
    return found


def _in_words(problem: Refusal | OSError) -> str:
    return str(problem) if isinstance(problem, Refusal) else f"{problem.filename}: {problem.strerror}"

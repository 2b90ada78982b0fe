"""Anchors of the record: where it ended each day, kept where whoever holds the database cannot reach.

An anchor is two short lines of text, so that it survives a mail, a printer and a person who copies it by hand.
`read` finds them anywhere in a text: an anchor file, saved mails, both.
"""

import logging
import os
import re
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from distro import audit, clock, slots
from distro.accounts import admins
from distro.audit import Anchor
from distro.errors import where_it_broke

log = logging.getLogger(__name__)
_ANCHOR = re.compile(
    r"anchor[\s>]+(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)[\s>]+entries[\s>]+(\d{1,12})[\s>]+last[\s>]+(\d{1,12})[\s>]+"
    r"hash[\s>]+([0-9a-f]{64})",
    re.ASCII,
)


def as_text(anchor: Anchor) -> str:
    """The anchor in two lines of less than 76 letters each, which no mail program wraps."""
    at = anchor.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"anchor {at} entries {anchor.entries} last {anchor.last}\nhash {anchor.hash}\n"


def read(text: str) -> list[Anchor]:
    """Every anchor in a text, in the order of the record. Raises ValueError for a day that no calendar has."""
    found = [
        Anchor(datetime.strptime(at, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC), int(entries), int(last), digest)
        for at, entries, last, digest in _ANCHOR.findall(text)
    ]
    return sorted(set(found), key=lambda anchor: (anchor.entries, anchor.at))


def append(path: Path, anchor: Anchor) -> None:
    """Add an anchor to the end of a file, on the disk when this returns. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, as_text(anchor).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def leave(session: Session, path: Path | None, *, at: datetime) -> Anchor | None:
    """Once a day: bring the end of the record out of the host, to the file if there is one, else to every admin.

    A file that cannot be written is logged, and the admins get that day's anchor instead. The caller commits.
    """
    if not slots.claim(session, "anchor", slots.slot_of(at, clock.DAY)):
        return None
    anchor = audit.head(session, at=at)
    if anchor is None:
        return None
    if path is not None:
        try:
            append(path, anchor)
        except OSError as problem:
            log.error("the anchor file cannot be written: %s", where_it_broke(problem))
        else:
            return anchor
    admins.tell(session, subject="Daily mark", body=_letter(anchor), at=at)
    return anchor


def _letter(anchor: Anchor) -> str:
    return (
        "This is where the record of Distro ends today. Keep this mail: with it, “distro audit verify --anchors FILE” "
        f"shows\nwhether anyone has changed the record since.\n\n{as_text(anchor)}"
    )

"""Sealed requests taken while the database was away: one file each, written durably, stored by the scheduler."""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path

from distro.clock import week_of
from distro.errors import Unavailable
from distro.files import write_durably
from orders.intake import SealedRequest

log = logging.getLogger(__name__)
EPOCH = re.compile(r"\d{4}-W\d\d[b-z]?")


def keep(spool: Path, request: SealedRequest) -> bool:
    """Write a sealed request to the spool; False if its form is there already. Raises Unavailable if even that fails:
    then nothing was taken.

    The file is named by the epoch, for when it cannot be read, and by the form's nonce tag, so sending the same form
    again keeps one file.
    """
    try:
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        tag = request.nonce_tag.translate(str.maketrans("+/=", "-_."))
        new = not any(spool.glob(f"*{tag}.json"))
        if new:
            write_durably(spool / f"{request.epoch}.{tag}.json", json.dumps(asdict(request)).encode())
    except OSError as problem:
        log.error("spool cannot be written: %s", type(problem).__name__)
        raise Unavailable from None
    return new


def waiting(spool: Path) -> Iterator[tuple[Path, SealedRequest]]:
    """The spooled requests, oldest first; a file that cannot be read is named in the log and left for a person."""
    for path in sorted(spool.glob("*.json"), key=_written_at):
        try:
            request = _read(path)
        except FileNotFoundError:  # another process has just stored it
            continue
        except (OSError, ValueError, TypeError) as problem:
            log.error("spool file %s cannot be read: %s", path.name[:24], type(problem).__name__)
            continue
        yield path, request


def epochs(spool: Path) -> set[str]:
    """The epochs whose keys the spooled requests need."""
    return {_epoch_of(path) for path in spool.glob("*.json")}


def oldest(spool: Path) -> date | None:
    """The day of the oldest file that waits; None if there is none."""
    written = [_written_at(path) for path in spool.glob("*.json")]
    return datetime.fromtimestamp(min(written), UTC).date() if written else None


def forget_old(spool: Path, before: datetime) -> int:
    """Erase what was spooled before an instant and never stored, and what a crash left half-written; gives how many.

    Each was named in the log at every try; once its key is gone nobody could open it anyway.
    """
    forgotten = 0
    for path in [*spool.glob("*.json"), *spool.glob(".*.json.*")]:
        if _written_at(path) < before.timestamp():
            log.error("spool file %s was never stored, and is erased", path.name[:24])
            path.unlink(missing_ok=True)
            forgotten += 1
    return forgotten


def _read(path: Path) -> SealedRequest:
    kept = json.loads(path.read_text())
    return SealedRequest(**{**kept, "flags": tuple(kept.get("flags", ()))})


def _epoch_of(path: Path) -> str:
    """The epoch that a file's name begins with; of one from before names did, what it says, or the week it is from."""
    epoch, dot, _tag = path.name.removesuffix(".json").partition(".")
    if dot and EPOCH.fullmatch(epoch):
        return epoch
    try:
        return str(_read(path).epoch)
    except (OSError, ValueError, TypeError):
        return week_of(datetime.fromtimestamp(_written_at(path), UTC).date())


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0

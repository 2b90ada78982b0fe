"""Sealed requests taken while the database was away: one file each, written durably, stored by the scheduler."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from distro.errors import Unavailable
from distro.keyring import write_durably
from orders.intake import SealedRequest

log = logging.getLogger(__name__)


def keep(spool: Path, request: SealedRequest) -> None:
    """Write a sealed request to the spool. Raises Unavailable if even that fails: then nothing was taken.

    The file is named by the form's nonce tag, so sending the same form again keeps one file.
    """
    try:
        spool.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = spool / f"{request.nonce_tag.translate(str.maketrans('+/=', '-_.'))}.json"
        if not path.exists():
            write_durably(path, json.dumps(asdict(request)).encode())
    except OSError as problem:
        log.error("spool cannot be written: %s", type(problem).__name__)
        raise Unavailable from None


def waiting(spool: Path) -> Iterator[tuple[Path, SealedRequest]]:
    """The spooled requests, oldest first; a file that cannot be read is named in the log and left for a person."""
    for path in sorted(spool.glob("*.json"), key=_written_at):
        try:
            request = _read(path)
        except FileNotFoundError:  # another process has just stored it
            continue
        except (OSError, ValueError, TypeError) as problem:
            log.error("spool file %s cannot be read: %s", path.name[:12], type(problem).__name__)
            continue
        yield path, request


def epochs(spool: Path) -> set[str] | None:
    """The weeks whose keys the spooled requests need; None if a file cannot be read, so that nobody knows."""
    needed = set()
    for path in spool.glob("*.json"):
        try:
            needed.add(str(_read(path).epoch))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, TypeError):
            return None
    return needed


def _read(path: Path) -> SealedRequest:
    return SealedRequest(**json.loads(path.read_text()))


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0

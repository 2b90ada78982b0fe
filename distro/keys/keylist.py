"""The public halves of the epoch keys: a list signed by the root key, which intake checks before it seals anything.

An *epoch* is a week such as `2026-W47`; a key that replaced another one of that week has a letter behind, `2026-W47b`.

The list is one JSON file, `{"list": {"serial", "made_on", "keys"}, "signature"}`; the signature is Ed25519 (RFC 8032)
over the compact JSON of `list` with sorted names. The root's public half is pinned where the list is read.
"""

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from distro.clock import week_of
from distro.config import Settings
from distro.errors import Refusal, Unavailable
from distro.files import write_durably

WEEK_LETTERS = 8  # of `2026-W47`
_A_DAY = 1_000  # lists that are numbered apart
_DIGITS = 18


class KeysUntrusted(Refusal):
    """The list of public keys is damaged, or not signed by the root that this machine trusts."""

    status = 503
    sentence = (
        "%(path)s is not signed by the pinned root key, or is damaged. No request is taken until it is put right: "
        "copy it again from the staff side, and compare the root with `distro keys root`."
    )


class KeysReplayed(KeysUntrusted):
    """The list is older than one that was seen here."""

    sentence = (
        "%(path)s is number %(serial)s, but number %(newest)s was seen here before: somebody put an old list back. "
        "No request is taken until the newest one is copied here from the staff side."
    )


@dataclass(frozen=True)
class KeyList:
    """What is published: the public half of each epoch, and the list's number, which only grows."""

    serial: int
    made_on: date
    keys: dict[str, X25519PublicKey]

    def epoch(self, day: date) -> str | None:
        """The epoch that requests of that day are sealed to: the newest key of its week. None without one."""
        week = week_of(day)
        return max((epoch for epoch in self.keys if epoch[:WEEK_LETTERS] == week), default=None)

    def weeks_ahead(self, day: date) -> int:
        """How many weeks from this one on have a key without a gap, less this one; -1 if this week has none."""
        ahead = -1
        while self.epoch(day + timedelta(weeks=ahead + 1)):
            ahead += 1
        return ahead


@dataclass(frozen=True)
class PublicKeys:
    """Where the list lies, and the pinned root: base64 of an Ed25519 public key."""

    path: Path
    root: str

    @classmethod
    def of(cls, settings: Settings) -> "PublicKeys":
        """The list of an instance. Its root is ROOT_KEY, or `root.pub` beside the list; empty without either."""
        return cls(settings.public_keys, settings.root_key or _text(settings.root_pub))


def read(public: PublicKeys) -> KeyList:
    """The list, its signature checked; empty if none was made yet. Raises KeysUntrusted, or KeysReplayed.

    The file is read again when it changed, and the number of the newest list is kept beside it.
    """
    try:
        stat = public.path.stat()
    except FileNotFoundError:
        return KeyList(0, date.min, {})
    except OSError:
        raise KeysUntrusted(path=public.path) from None
    published = _read(public, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    newest = _newest.get(public.path, 0)
    if published.serial < newest:
        raise KeysReplayed(path=public.path, serial=published.serial, newest=newest)
    return published


def today(public: PublicKeys, day: date) -> tuple[str, X25519PublicKey]:
    """The epoch and key that requests of a day are sealed to.

    Raises Unavailable without a valid one, so that nothing is ever stored unsealed.
    """
    try:
        published = read(public)
    except KeysUntrusted:
        raise Unavailable from None
    epoch = published.epoch(day)
    if epoch is None:
        raise Unavailable
    return epoch, published.keys[epoch]


def publish(path: Path, root: Ed25519PrivateKey, *, keys: dict[str, X25519PublicKey], on: date) -> None:
    """Sign and write a list, whole or not at all. Its number grows, also where the list before it was lost."""
    serial = max(_seen(path) + 1, on.toordinal() * _A_DAY)
    body = {
        "serial": serial,
        "made_on": on.isoformat(),
        "keys": {epoch: as_text(key.public_bytes_raw()) for epoch, key in sorted(keys.items())},
    }
    signed = {"list": body, "signature": as_text(root.sign(_canonical(body)))}
    write_durably(path, json.dumps(signed, indent=1).encode(), mode=0o644)
    _remember(path, serial)


def as_text(raw: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(raw).decode()


@lru_cache(maxsize=8)
def _read(public: PublicKeys, _version: tuple[int, int, int]) -> KeyList:
    try:
        signed = json.loads(public.path.read_bytes())
        body = signed["list"]
        root = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.root, validate=True))
        root.verify(base64.b64decode(signed["signature"], validate=True), _canonical(body))
        keys = {
            epoch: X25519PublicKey.from_public_bytes(base64.b64decode(key, validate=True))
            for epoch, key in body["keys"].items()
        }
        found = KeyList(int(body["serial"]), date.fromisoformat(body["made_on"]), keys)
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
        raise KeysUntrusted(path=public.path) from None
    _remember(public.path, found.serial)
    return found


_newest: dict[Path, int] = {}  # the number of the newest list of each path that this process has seen


def _remember(path: Path, serial: int) -> None:
    """Keep the number of the newest list, also for the next process where the folder lets us write."""
    kept = _seen(path)
    _newest[path] = max(serial, kept)
    if serial > kept:
        with suppress(OSError):
            write_durably(path.with_suffix(".serial"), str(serial).encode(), mode=0o644)


def _seen(path: Path) -> int:
    """The number of the newest list that was seen here, by any process; 0 before the first."""
    text = _text(path.with_suffix(".serial"))
    return max(int(text) if text.isdecimal() and len(text) <= _DIGITS else 0, _newest.get(path, 0))


def _canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""

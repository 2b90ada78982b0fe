"""Sealing of names and addresses to the key of the week (an *epoch*), and the keys themselves.

A box is HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) over a padded text. Its `info` holds the order's
id and the week, so a box moved to another order or week does not open. Public halves lie in one JSON file,
which intake reads; private halves in a directory that only staff processes can read, never in the database.
"""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from distro.clock import week_of
from distro.errors import Refusal, Unavailable

WEEKS_AHEAD = 6
BOX_TEXT_BYTES = 2_048  # one size for every box, so that its length says nothing

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class KeyGone(Refusal):
    """The private key of that week is not here: destroyed, or this process may not read it."""

    status = 410
    sentence = "The key for %(epoch)s is not here. Its addresses cannot be opened."


class SealBroken(Refusal):
    """The box does not belong to this order and week, or was changed."""

    status = 409
    sentence = "The sealed address of this order was changed or swapped. Do not ship. Tell an admin."


def make_keys(directory: Path, public_keys: Path, today: date, weeks: int = WEEKS_AHEAD) -> list[str]:
    """Publish the missing keys from this week to `weeks` weeks ahead; give back the weeks published.

    A private half that lies here already is kept and its public half published. One process at a time, so that
    two never publish halves that do not fit.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(directory):
        published = published_keys(public_keys)
        epochs = [week_of(today + timedelta(weeks=ahead)) for ahead in range(weeks + 1)]
        made = [epoch for epoch in epochs if epoch not in published]
        for epoch in made:
            published[epoch] = _public_half(_private(directory, epoch) or _new_private(directory, epoch))
        if made:
            write_durably(public_keys, json.dumps(published, indent=1, sort_keys=True).encode(), mode=0o644)
    return made


def published_keys(public_keys: Path) -> dict[str, str]:
    """The public halves by week, base64; empty if none were made yet."""
    try:
        published: dict[str, str] = json.loads(public_keys.read_text())
    except FileNotFoundError:
        return {}
    return published


def private_weeks(directory: Path) -> list[str]:
    """The weeks whose private key is still here."""
    return sorted(path.stem for path in directory.glob("*.key"))


def has_key(directory: Path, epoch: str) -> bool:
    """Whether boxes of that week can be opened here: its private key lies here, and is whole."""
    return _private(directory, epoch) is not None


def lost_weeks(directory: Path, public_keys: Path, today: date) -> list[str]:
    """Weeks from this one on that are published, so that requests are sealed to them, but cannot be opened here.

    Their private half is missing, damaged, or belongs to another public half.
    """
    weeks = {epoch: key for epoch, key in published_keys(public_keys).items() if epoch >= week_of(today)}
    private = {epoch: _private(directory, epoch) for epoch in weeks}
    return sorted(epoch for epoch, half in private.items() if half is None or _public_half(half) != weeks[epoch])


def seal(public_keys: Path, epoch: str, order: UUID, text: bytes) -> bytes:
    """Seal `text` (at most 2,046 bytes) to the key of `epoch`, for the order with id `order` alone.

    Raises Unavailable if that week has no key, so that nothing is ever stored unsealed.
    """
    key = published_keys(public_keys).get(epoch)
    if key is None:
        raise Unavailable
    public = X25519PublicKey.from_public_bytes(base64.b64decode(key))
    return bytes(_SUITE.encrypt(_pad(text), public, info=_bound_to(epoch, order)))


def open_box(directory: Path, epoch: str, order: UUID, box: bytes) -> bytes:
    """Open what `seal` closed. Raises KeyGone or SealBroken."""
    private = _private(directory, epoch)
    if private is None:
        raise KeyGone(epoch=epoch)
    try:
        return _unpad(bytes(_SUITE.decrypt(box, private, info=_bound_to(epoch, order))))
    except (InvalidTag, ValueError):
        raise SealBroken from None


def destroy(directory: Path, epoch: str) -> bool:
    """Destroy the private key of a week; True if it was there. Every copy of its boxes dies with it."""
    path = directory / f"{epoch}.key"
    try:
        with path.open("r+b") as file:  # the same blocks, not new ones: the zeros must reach the disk over the key
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return False
    _sync(directory)
    return True


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a whole file or nothing: temporary file, fsync, rename, fsync of the directory."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")  # many threads may write the same file
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Alone with the keys, among all processes of this machine; a process that dies lets go."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _private(directory: Path, epoch: str) -> X25519PrivateKey | None:
    """The private key of a week; None if it is not here, or not whole."""
    try:
        return X25519PrivateKey.from_private_bytes((directory / f"{epoch}.key").read_bytes())
    except (OSError, ValueError):
        return None


def _new_private(directory: Path, epoch: str) -> X25519PrivateKey:
    private = X25519PrivateKey.generate()
    write_durably(directory / f"{epoch}.key", private.private_bytes_raw(), mode=0o600)
    return private


def _public_half(private: X25519PrivateKey) -> str:
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bound_to(epoch: str, order: UUID) -> bytes:
    return b"distro sealed request 1\0" + epoch.encode() + b"\0" + order.bytes


def _pad(text: bytes) -> bytes:
    if len(text) > BOX_TEXT_BYTES - 2:
        raise ValueError("too long to seal; the schema lets nothing this long through")
    return len(text).to_bytes(2, "big") + text.ljust(BOX_TEXT_BYTES - 2, b"\0")


def _unpad(padded: bytes) -> bytes:
    return padded[2 : 2 + int.from_bytes(padded[:2], "big")]

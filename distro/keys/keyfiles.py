"""The files of the keyring: 32 bytes each, wrapped by its secret, in one folder or two that say the same.

A file is a mark, a nonce, and AES-256-GCM of the bytes with the file's name bound in. `distro.keys.keysecret` has where
the secret comes from; without any, one is made on first use.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from distro.config import Settings
from distro.errors import Refusal
from distro.files import own_secret, sync, write_durably
from distro.keys.keysecret import SecretWrong, derived, told_by

ROOT = "root.key"
FILES = ("*.key", "*.pepper")
PLAIN_BYTES = 32  # of a private key as the version before this one kept it
_MARK = b"DKR1"
_NONCE_BYTES = 12


class CopyAway(Refusal):
    """The keyring's second folder cannot be reached, so that a key would outlive its destruction there."""

    status = 503
    sentence = (
        "The keyring's copy at %(path)s cannot be reached, or is empty. Bring it back (is it mounted?); until then no "
        "key is made or destroyed. If it is a new folder: distro keys copy-check --fill"
    )


class Damaged(Refusal):
    """A file of the keyring is there but cannot be unwrapped."""

    status = 503
    sentence = "%(name)s in the keyring is damaged. Put it back from the copy: distro keys make"


@dataclass(frozen=True)
class Keyring:
    """Where the private halves lie: the folder, the folder of the copy if there is one, and how to unlock them."""

    directory: Path
    copy: Path | None = None
    secret: str = ""
    command: str = ""

    @classmethod
    def of(cls, settings: Settings) -> "Keyring":
        """The keyring of an instance. Nothing is read or unlocked yet."""
        return cls(settings.keyring, settings.keyring_copy, settings.keyring_secret, settings.keyring_command)

    def __repr__(self) -> str:
        return f"Keyring({self.directory})"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder that holds the keys."""
        return (self.directory,) if self.copy is None else (self.directory, self.copy)

    @property
    def own_secret(self) -> Path:
        """The secret that is made on first use where none is set."""
        return self.directory.with_name(f"{self.directory.name}.secret")


@contextmanager
def locked(ring: Keyring) -> Iterator[None]:
    """Alone with the keys, among all processes of this machine; a process that dies lets go. Raises CopyAway."""
    ring.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    require_copy(ring)
    descriptor = os.open(ring.directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def require_copy(ring: Keyring) -> None:
    """Raises CopyAway unless the second folder, where there is one, is really there: a bare mount point is not."""
    if ring.copy is None:
        return
    if not ring.copy.is_dir() or ((ring.directory / ROOT).exists() and not (ring.copy / ROOT).exists()):
        raise CopyAway(path=ring.copy)


def names(ring: Keyring) -> list[str]:
    """The names of all files, of both folders."""
    return sorted({path.name for folder in ring.folders for kind in FILES for path in folder.glob(kind)})


def is_there(ring: Keyring, name: str) -> bool:
    """Whether a file of that name lies in any folder, whole or not."""
    return any((folder / name).exists() for folder in ring.folders)


def write(ring: Keyring, name: str, raw: bytes) -> None:
    """Wrap 32 bytes and write them to every folder. Raises SecretWrong or CopyAway."""
    require_fit(ring)
    wrapped = _wrap(_wrapping_key(ring), name, raw)
    for folder in ring.folders:
        _put(ring, folder, name, wrapped)


def read(ring: Keyring, name: str) -> bytes | None:
    """The 32 bytes of a file, from the copy if need be; None if it is nowhere. Raises Damaged or SecretWrong."""
    found = [read_in(ring, folder, name) for folder in ring.folders]
    raw = next((raw for raw in found if raw), None)
    if raw is None and b"" in found:
        require_fit(ring)
        raise Damaged(name=name)
    return raw


def read_in(ring: Keyring, folder: Path, name: str) -> bytes | None:
    """The 32 bytes of a file in one folder; empty if it does not open, None if it is not there. Raises SecretWrong."""
    try:
        wrapped = (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return b""
    return _unwrap(_wrapping_key(ring), name, wrapped)


def erase(ring: Keyring, name: str) -> bool:
    """Overwrite and remove a file in every folder; True if it was there. Raises CopyAway before anything is done."""
    require_copy(ring)
    found = False
    for folder in ring.folders:
        try:
            for path in [folder / name, *folder.glob(f".{name}.*")]:  # and what a crash left half written
                found |= _erase_one(path)
            if folder.is_dir():
                sync(folder)
        except OSError:
            raise CopyAway(path=folder) from None
    return found


def mend(ring: Keyring) -> list[str]:
    """Write what one folder lacks, or has damaged, from the other; gives back the names of what was mended."""
    mended = []
    for name in names(ring) if ring.copy else []:
        found = {folder: read_in(ring, folder, name) for folder in ring.folders}
        whole = next((folder for folder, raw in found.items() if raw), None)
        for folder, raw in found.items():
            if whole is not None and not raw:
                _put(ring, folder, name, (whole / name).read_bytes())
                mended.append(name)
    return mended


def fill_copy(ring: Keyring) -> list[str]:
    """Begin a second folder: everything of the first is written to it. Gives back the names."""
    if ring.copy is None:
        return []
    try:
        ring.copy.mkdir(exist_ok=True, mode=0o700)
    except OSError:
        raise CopyAway(path=ring.copy) from None
    require_fit(ring)
    return mend(ring)


def wrap_plain(ring: Keyring) -> list[str]:
    """Wrap the private keys that the version before this one kept plain, over themselves; gives back their names."""
    plain = [
        path for folder in ring.folders for path in sorted(folder.glob("*.key")) if path.stat().st_size == PLAIN_BYTES
    ]
    for path in plain:
        write(ring, path.name, path.read_bytes())
    return [path.name for path in plain]


def rewrap(ring: Keyring, old: Keyring) -> list[str]:
    """Wrap every file by the ring's secret that is still wrapped by the `old` one; gives back what opens with neither.

    File by file, each whole or not: after a crash it goes on where it stopped. Raises SecretWrong before anything is
    changed if neither opens any.
    """
    with locked(ring):
        if not _fits(old) and not (_has_secret(ring) and _fits(ring)):
            raise SecretWrong(problem="no file of it opens with the old secret")
        new_key, old_key, closed = _wrapping_key(ring, first=True), _wrapping_key(old), []
        for name in names(ring):
            for folder in ring.folders:
                try:
                    wrapped = (folder / name).read_bytes()
                except FileNotFoundError:
                    continue
                if _unwrap(new_key, name, wrapped):
                    continue
                raw = _unwrap(old_key, name, wrapped)
                if raw:
                    _put(ring, folder, name, _wrap(new_key, name, raw))
                else:
                    closed.append(str(folder / name))
    return closed


def _put(ring: Keyring, folder: Path, name: str, wrapped: bytes) -> None:
    """Write a file whole or not at all; the blocks of the one it replaces are overwritten."""
    path = folder / name
    try:
        with path.open("r+b") if path.is_file() else nullcontext() as old:
            write_durably(path, wrapped, mode=0o600)
            if old is not None:
                _zero(old.fileno())
    except OSError:
        if folder == ring.copy:
            raise CopyAway(path=folder) from None
        raise


def _erase_one(path: Path) -> bool:
    try:
        with path.open("r+b") as file:  # the same blocks, not new ones: the zeros must reach the disk over the key
            _zero(file.fileno())
    except FileNotFoundError:
        return False
    path.unlink(missing_ok=True)
    return True


def _zero(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _wrap(key: bytes, name: str, raw: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return _MARK + nonce + AESGCM(key).encrypt(nonce, raw, name.encode())


def _unwrap(key: bytes, name: str, wrapped: bytes) -> bytes:
    """The bytes of a wrapped file; empty if they do not open."""
    mark, nonce, sealed = wrapped[:4], wrapped[4:][:_NONCE_BYTES], wrapped[4 + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, sealed, name.encode()) if mark == _MARK else b""
    except (InvalidTag, ValueError):
        return b""


def _fits(ring: Keyring) -> bool:
    """Whether the secret opens any file, so that one which does not open is damaged; also if none is wrapped yet."""
    wrapped = False
    for name in names(ring):
        for folder in ring.folders:
            with suppress(OSError):
                wrapped |= (folder / name).read_bytes().startswith(_MARK)
                if read_in(ring, folder, name):
                    return True
    return not wrapped


def require_fit(ring: Keyring) -> None:
    """Raises SecretWrong if files are here and none opens: a file wrapped by this secret would be the odd one out."""
    if not _fits(ring):
        raise SecretWrong(problem="no file of it opens with this secret")


def _has_secret(ring: Keyring) -> bool:
    return bool(ring.command or ring.secret or ring.own_secret.exists())


def _wrapping_key(ring: Keyring, *, first: bool = False) -> bytes:
    """The key that wraps the files. The instance's own secret is made only while none is wrapped, or for the `first`
    time: one made anew would open nothing."""
    if ring.command:
        secret = told_by(ring.command)
    elif not _has_secret(ring) and not first and is_there(ring, ROOT):
        raise SecretWrong(problem=f"{ring.own_secret.name} is gone, and no other secret is set")
    else:
        try:
            secret = ring.secret or own_secret(ring.own_secret)
        except OSError as problem:
            raise SecretWrong(problem=f"{ring.own_secret.name}: {problem.strerror}") from None
    if not secret:
        raise SecretWrong(problem="the secret is empty")
    return derived(secret)

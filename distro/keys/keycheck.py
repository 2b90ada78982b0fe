"""What is wrong with the keys, in sentences: for `distro keys check`, the scheduler and the first staff page."""

import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path

from distro.errors import Refusal
from distro.keys import keyfiles, keylist, keyring
from distro.keys.keyfiles import Damaged, Keyring
from distro.keys.keylist import KeysUntrusted, PublicKeys
from distro.keys.keyring import FEWEST_AHEAD, KeyGone
from distro.keys.keysecret import SecretWrong

GUIDE = "docs/keys.md"


def problems(ring: Keyring, public: PublicKeys, today: date) -> list[str]:
    """Everything that is wrong, a sentence each with what to do; empty if all is well. Changes nothing."""
    return list(dict.fromkeys([*_of_list(public, today), *_of_folders(ring), *_of_files(ring, public, today)]))


def _of_list(public: PublicKeys, today: date) -> Iterator[str]:
    try:
        published = keylist.read(public)
    except KeysUntrusted as problem:
        yield str(problem)
        return
    ahead = published.weeks_ahead(today)
    if ahead < 0:
        yield "This week has no public key, so no request is taken. Run: distro keys make"
    elif ahead < FEWEST_AHEAD:
        yield (
            f"Keys reach {ahead} {'week' if ahead == 1 else 'weeks'} ahead; fewer than {FEWEST_AHEAD} is an alarm. "
            "Is the scheduler running? Run: distro keys make"
        )


def _of_folders(ring: Keyring) -> Iterator[str]:
    if not ring.directory.is_dir():
        yield f"There is no keyring at {ring.directory}. Put it back (is it mounted?), or begin: distro keys make"
    with suppress(FileNotFoundError):
        try:
            keyfiles.require_copy(ring)
        except keyfiles.CopyAway as problem:
            yield str(problem)
    secret = [ring.own_secret] if not (ring.secret or ring.command) else []
    paths = [path for folder in ring.folders for kind in keyfiles.FILES for path in folder.glob(kind)]
    for path in [*ring.folders, *secret, *paths]:
        with suppress(OSError):
            yield from _of_mode(path)


def _of_mode(path: Path) -> Iterator[str]:
    wanted = 0o700 if path.is_dir() else 0o600
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & ~wanted:
        yield f"{path} may be read by others (mode {mode:04o}). Run: chmod {wanted:o} {path}"


def _of_files(ring: Keyring, public: PublicKeys, today: date) -> Iterator[str]:
    try:
        if keyring.root_text(ring) != public.root:
            yield str(keyring.RootDiffers())
    except KeyGone:
        if public.root:
            yield str(keyring.RootGone(path=public.path.parent))
    except Damaged as problem:
        yield str(problem)
    except SecretWrong as problem:
        yield str(problem)
        return
    with suppress(KeysUntrusted):
        for epoch in keyring.lost_epochs(ring, public, today):
            yield (
                f"The private key of {epoch} is lost, damaged or not the published one: what is sealed to it stays "
                f"closed. Put it back from the copy; if there is none: distro keys lost {epoch} ({GUIDE})"
            )
    for name in keyfiles.names(ring):
        yield from _of_file(ring, name)


def _of_file(ring: Keyring, name: str) -> Iterator[str]:
    try:
        found = {folder: keyfiles.read_in(ring, folder, name) for folder in ring.folders}
    except SecretWrong:
        return
    for folder, raw in found.items():
        if raw == b"":
            yield f"{folder / name} is damaged, or wrapped by another secret. Put it back: distro keys make ({GUIDE})"
        if raw is None and folder.is_dir():
            yield f"{folder / name} is missing, but the other folder has it. Run: distro keys make"
    if len({raw for raw in found.values() if raw}) > 1:
        yield f"{name} differs in the two folders. One of them is of another keyring: compare them ({GUIDE})."


def of_copy(ring: Keyring) -> list[str]:
    """What the two folders do not have alike, a sentence each. Raises SecretWrong."""
    return [sentence for name in keyfiles.names(ring) for sentence in _of_file(ring, name)]


def state_of(ring: Keyring, name: str) -> str:
    """How a private half lies here: `here`, `copy` (only there), `damaged`, `locked` (wrong secret) or `lost`."""
    try:
        raw = keyfiles.read(ring, name)
        first = keyfiles.read_in(ring, ring.directory, name)
    except SecretWrong:
        return "locked"
    except Refusal:
        return "damaged"
    return "lost" if raw is None else "here" if first else "copy"

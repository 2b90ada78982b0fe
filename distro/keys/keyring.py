"""The private halves of the epoch keys, the root that signs the public ones, and the peppers of household tags.

They lie in a directory that only staff processes can read, never in the database, its backups or a log.
`distro.keys.keyfiles` wraps and keeps them; `docs/keys.md` has the procedures: making ahead, replacing, loss,
compromise.
"""

import json
import secrets
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from distro.clock import week_of
from distro.errors import Refusal
from distro.files import write_durably
from distro.keys import keyfiles, keylist, sealing
from distro.keys.keyfiles import ROOT, CopyAway, Damaged, Keyring
from distro.keys.keylist import KeysUntrusted, PublicKeys
from distro.keys.keysecret import SecretWrong

__all__ = ["CopyAway", "Damaged", "Keyring", "SecretWrong"]  # and what follows

WEEKS_AHEAD = 6
FEWEST_AHEAD = 4  # weeks; fewer is an alarm
_LETTERS: tuple[str, ...] = ("", *"bcdefghijklmnopqrstuvwxyz")


class KeyGone(Refusal):
    """The private key of that week is not here: destroyed, lost or damaged, or this process may not read it."""

    status = 410
    sentence = "The key for %(epoch)s is not here. Its addresses cannot be opened."


class RootGone(Refusal):
    """The root that signs the list of public keys is not here, though one is pinned."""

    status = 503
    sentence = (
        "The root key that %(path)s pins is not in the keyring. Put the keyring back (is it mounted?). "
        "If the root is lost for good: distro keys new-root"
    )


class RootDiffers(Refusal):
    """The keyring's root is another than the pinned one."""

    status = 503
    sentence = (
        "The keyring's root is not the pinned one. If the root is right, pin it: see `distro keys root`. "
        "If ROOT_KEY or root.pub is right, this is a foreign keyring: put the right one back."
    )


class NotPublished(Refusal):
    """There is no such key to replace."""

    status = 404
    sentence = "%(epoch)s is not in the list of public keys. `distro keys list` shows what is."


class TooOften(Refusal):
    """A week's key was replaced as often as there are letters."""

    sentence = "The key of %(week)s was replaced 25 times. Wait for the next week."


def make_keys(
    ring: Keyring, public: PublicKeys, today: date, weeks: int = WEEKS_AHEAD, *, used: Collection[str] = ()
) -> list[str]:
    """Publish the missing keys from this week to `weeks` weeks ahead; give back the epochs published.

    A private half that lies here already is kept and its public half published. No new key gets a name in `used`: what
    is sealed to one of that name would seem broken, where it is the old key that is lost. Past weeks leave the list.
    What one folder of the keyring lacks is put back from the other. One process at a time, so that two never publish
    halves that do not fit. Raises SecretWrong, CopyAway, Damaged, RootGone, RootDiffers or KeysUntrusted.
    """
    with keyfiles.locked(ring):
        keyfiles.mend(ring)
        root, trusted = _own_root(ring, public)
        published = keylist.read(trusted)
        wanted = [today + timedelta(weeks=ahead) for ahead in range(weeks + 1)]
        made = [_kept_or_new(ring, week_of(day), used) for day in wanted if published.epoch(day) is None]
        if made:
            kept = {epoch: key for epoch, key in published.keys.items() if epoch >= week_of(today)}
            keylist.publish(public.path, root, keys={**kept, **_public_halves(ring, made)}, on=today)
    return made


def upgrade(ring: Keyring, public: PublicKeys) -> list[str]:
    """Bring the keys of the version before this one up to date; gives back in words what was done.

    Its private halves were plain, and its list unsigned. Whatever such a list says, only halves that lie here are
    published again, by `make_keys`. Does nothing once there is a root. Raises SecretWrong or CopyAway.
    """
    with keyfiles.locked(ring):
        if keyfiles.is_there(ring, ROOT):
            return []
        wrapped, unsigned = keyfiles.wrap_plain(ring), _is_unsigned(public)
        if unsigned:
            public.path.unlink()
    done = (
        [f"Wrapped {len(wrapped)} private keys that lay here plain, and overwrote the plain ones."] if wrapped else []
    )
    return done + ["The unsigned list of public keys is made anew, and signed."] * unsigned


def replace_keys(
    ring: Keyring, public: PublicKeys, today: date, epochs: list[str] | None = None, *, used: Collection[str] = ()
) -> dict[str, str]:
    """Publish a fresh key instead of each of `epochs` (None: of every week from this one on); gives old -> new.

    The old private halves stay until their boxes are resealed. For a key that may be known to others, or is lost.
    `used`: as in `make_keys`.
    Raises NotPublished, or as `make_keys`, before any change.
    """
    with keyfiles.locked(ring):
        root, trusted = _own_root(ring, public)
        published = keylist.read(trusted)
        old = sorted(set(epochs or (epoch for epoch in published.keys if epoch >= week_of(today))))
        for epoch in old:
            if epoch not in published.keys:
                raise NotPublished(epoch=epoch)
        named = {*published.keys, *used}
        successors = {epoch: _new_private(ring, epoch[: keylist.WEEK_LETTERS], named) for epoch in old}
        keys = {epoch: key for epoch, key in published.keys.items() if epoch not in successors}
        keylist.publish(public.path, root, keys={**keys, **_public_halves(ring, successors.values())}, on=today)
    return successors


def new_root(ring: Keyring, public: PublicKeys, today: date, *, used: Collection[str] = ()) -> str:
    """Make another root, sign the list with it and pin it in `root.pub`; gives its public half.

    Every public machine must pin it anew. A list that the old root did not sign is made anew from the private halves.
    `used`: as in `make_keys`.
    """
    with keyfiles.locked(ring):
        keyfiles.require_fit(ring)
        try:
            keys = keylist.read(public).keys
        except KeysUntrusted:
            weeks = {epoch[: keylist.WEEK_LETTERS] for epoch in private_epochs(ring) if epoch >= week_of(today)}
            keys = _public_halves(ring, [_kept_or_new(ring, week, used) for week in sorted(weeks)])
        root = Ed25519PrivateKey.generate()
        keyfiles.write(ring, ROOT, root.private_bytes_raw())
        _pin(ring, public)
        keylist.publish(public.path, root, keys=keys, on=today)
    return root_text(ring)


def root_text(ring: Keyring) -> str:
    """The public half of the root, base64: what public machines pin.

    Raises SecretWrong or Damaged; KeyGone if none was made.
    """
    raw = keyfiles.read(ring, ROOT)
    if raw is None:
        raise KeyGone(epoch="the root")
    return keylist.as_text(Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw())


def private_epochs(ring: Keyring) -> list[str]:
    """The epochs whose private key is still here, oldest first."""
    return [name.removesuffix(".key") for name in keyfiles.names(ring) if name.endswith(".key") and name != ROOT]


def has_key(ring: Keyring, epoch: str) -> bool:
    """Whether boxes of that epoch can be opened here: its private key lies here, is whole, and can be unlocked."""
    try:
        return _private(ring, epoch) is not None
    except SecretWrong:
        return False


def lost_epochs(ring: Keyring, public: PublicKeys, today: date) -> list[str]:
    """Epochs from this week on that are published, so that requests are sealed to them, but cannot be opened here.

    Their private half is missing, damaged, or belongs to another public half. Raises SecretWrong or KeysUntrusted.
    """
    published = {epoch: key for epoch, key in keylist.read(public).keys.items() if epoch >= week_of(today)}
    halves = {epoch: _private(ring, epoch) for epoch in published}
    return sorted(
        epoch
        for epoch, half in halves.items()
        if half is None or half.public_key().public_bytes_raw() != published[epoch].public_bytes_raw()
    )


def open_box(ring: Keyring, epoch: str, order: UUID, box: bytes) -> bytes:
    """Open what was sealed for an order in an epoch. Raises KeyGone, SealBroken or SecretWrong."""
    private = _private(ring, epoch)
    if private is None:
        raise KeyGone(epoch=epoch)
    return sealing.unseal(private, epoch, order, box)


def pepper(ring: Keyring, week: str) -> bytes:
    """The secret of a week's household tags, 32 bytes, made on first use. It is destroyed with `destroy`.

    Raises SecretWrong or Damaged; CopyAway if it is not made yet, and cannot be.
    """
    name = f"{week}.pepper"
    kept = keyfiles.read(ring, name)
    if kept is None:
        with keyfiles.locked(ring):
            kept = keyfiles.read(ring, name)
            if kept is None:
                kept = secrets.token_bytes(32)
                keyfiles.write(ring, name, kept)
    return kept


def peppers(ring: Keyring) -> list[str]:
    """The weeks whose pepper is here, oldest first."""
    return [name.removesuffix(".pepper") for name in keyfiles.names(ring) if name.endswith(".pepper")]


def destroy(ring: Keyring, epoch: str, kind: str = "key") -> bool:
    """Destroy the private key (or `pepper`) of a week in every folder; True if it was there.

    Every copy of its boxes, in every backup, dies with it. Raises CopyAway before anything is destroyed if a folder
    cannot be reached.
    """
    return keyfiles.erase(ring, f"{epoch}.{kind}")


def _own_root(ring: Keyring, public: PublicKeys) -> tuple[Ed25519PrivateKey, PublicKeys]:
    """The root, and the list as it trusts it; both are made and pinned where there is none of either yet.

    Never a new root beside an old pin: a list signed by it would stop every public machine.
    """
    raw = keyfiles.read(ring, ROOT)
    if raw is None:
        if public.root:
            raise RootGone(path=public.path.parent)
        raw = Ed25519PrivateKey.generate().private_bytes_raw()
        keyfiles.write(ring, ROOT, raw)
    pinned = public.root or _pin(ring, public)
    if pinned != root_text(ring):
        raise RootDiffers
    return Ed25519PrivateKey.from_private_bytes(raw), PublicKeys(public.path, pinned)


def _pin(ring: Keyring, public: PublicKeys) -> str:
    """Write `root.pub` beside the list."""
    text = root_text(ring)
    write_durably(public.path.with_name("root.pub"), text.encode(), mode=0o644)
    return text


def _private(ring: Keyring, epoch: str) -> X25519PrivateKey | None:
    """The private key of an epoch; None if it is not here, or not whole. Raises SecretWrong."""
    try:
        raw = keyfiles.read(ring, f"{epoch}.key")
        return None if raw is None else X25519PrivateKey.from_private_bytes(raw)
    except (Damaged, ValueError):
        return None


def _public_halves(ring: Keyring, epochs: Iterable[str]) -> dict[str, X25519PublicKey]:
    halves = {epoch: _private(ring, epoch) for epoch in epochs}
    return {epoch: half.public_key() for epoch, half in halves.items() if half}


def _kept_or_new(ring: Keyring, week: str, used: Collection[str] = ()) -> str:
    """The newest epoch of a week whose private half is whole here, or a new one."""
    kept = [epoch for epoch in private_epochs(ring) if epoch.startswith(week) and _private(ring, epoch)]
    return max(kept) if kept else _new_private(ring, week, used)


def _new_private(ring: Keyring, week: str, used: Collection[str]) -> str:
    """Make a private key for a week, under the first name after those that lie here or are `used`."""
    named = {*used, *private_epochs(ring)}
    taken = [letter for letter in _LETTERS if week + letter in named]
    free = _LETTERS[_LETTERS.index(taken[-1]) + 1 :] if taken else _LETTERS
    if not free:
        raise TooOften(week=week)
    epoch = week + free[0]
    keyfiles.write(ring, f"{epoch}.key", X25519PrivateKey.generate().private_bytes_raw())
    return epoch


def _is_unsigned(public: PublicKeys) -> bool:
    """Whether the list is one of the version before this one: epochs and keys, and no signature."""
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(public.path.read_bytes())
        return bool(isinstance(content, dict) and all(isinstance(key, str) for key in content.values()))
    return False

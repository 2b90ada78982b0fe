"""A few words of a participant that are sealed by themselves: an address corrected, a message, a wish.

Sealing needs the public key alone. `orders.identity.open_words` opens them, where the keyring is.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from distro.config import Settings
from distro.keys import keylist, sealing
from distro.keys.keylist import PublicKeys


@dataclass(frozen=True)
class Words:
    """A sealed box and what opens it: the id it is bound to, and the epoch of the key."""

    uid: UUID
    epoch: str
    box: bytes


def seal(settings: Settings, uid: UUID, said: Mapping[str, Any], today: date) -> Words:
    """Seal a mapping that JSON can write to this week's key. Raises Unavailable if the week has none."""
    epoch, public = keylist.today(PublicKeys.of(settings), today)
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    return Words(uid, epoch, sealing.seal(public, epoch, uid, text))


def uid_of(secret: str, purpose: str, nonce: bytes) -> UUID:
    """The id of what a form says, so that a form sent twice says it once. `nonce` is that of the form's token."""
    return UUID(bytes=hmac.digest(secret.encode(), b"words\0" + purpose.encode() + b"\0" + nonce, hashlib.sha256)[:16])


def proof_of(secret: str, purpose: str, words: Words) -> bytes:
    """What shows that our own public side took these words, 32 bytes. `purpose` says for what, such as an order's
    number and what is wanted of it, so that they count for nothing else."""
    told = b"\0".join([purpose.encode(), words.uid.bytes, words.epoch.encode(), hashlib.sha256(words.box).digest()])
    return hmac.digest(secret.encode(), b"words proof\0" + told, hashlib.sha256)


def is_proven(secrets: Sequence[str], purpose: str, words: Words, proof: bytes | None) -> bool:
    """Whether our own public side took these words for this, under one of the secrets that are believed."""
    return any(hmac.compare_digest(proof or b"", proof_of(secret, purpose, words)) for secret in secrets)

"""Sealing: HPKE (RFC 9180: X25519, HKDF-SHA256, AES-256-GCM) over a padded text.

The `info` of a box holds the order's id and its epoch (the key's week), so a box moved to another order or week does
not open. Anyone with the public half can seal; that a row is ours, `orders.intake.proof_of` says.
"""

from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from distro.errors import Refusal

BUCKETS = (2_048, 8_192)  # bytes of padded text: a request always fits the first, so that its length says nothing
OVERHEAD = 48  # bytes: the encapsulated key and the tag

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_LENGTH_BYTES = 2
MOST = tuple(size - _LENGTH_BYTES for size in BUCKETS)  # bytes of text that fit each


class SealBroken(Refusal):
    """The box does not belong to this order and week, or was changed."""

    status = 409
    sentence = "The sealed address of this order was changed or swapped. Do not ship. Tell an admin."


def seal(public: X25519PublicKey, epoch: str, order: UUID, text: bytes) -> bytes:
    """Seal `text` for the order with id `order` alone. Raises ValueError if it fits no bucket."""
    return bytes(_SUITE.encrypt(_pad(text), public, info=bound_to(epoch, order)))


def unseal(private: X25519PrivateKey, epoch: str, order: UUID, box: bytes) -> bytes:
    """Open what `seal` closed. Raises SealBroken for a box that was cut, changed, swapped or sealed to another key."""
    if len(box) - OVERHEAD not in BUCKETS:
        raise SealBroken
    try:
        return _unpad(bytes(_SUITE.decrypt(box, private, info=bound_to(epoch, order))))
    except (InvalidTag, ValueError):
        raise SealBroken from None


def bound_to(epoch: str, order: UUID) -> bytes:
    """What a box is bound to: the version of this format, the epoch, the order."""
    return b"distro sealed request 1\0" + epoch.encode() + b"\0" + order.bytes


def _pad(text: bytes) -> bytes:
    room = next((size for size in BUCKETS if len(text) + _LENGTH_BYTES <= size), None)
    if room is None:
        raise ValueError("too long to seal; the schema lets nothing this long through")
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text.ljust(room - _LENGTH_BYTES, b"\0")


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if length > len(padded) - _LENGTH_BYTES:
        raise SealBroken
    return padded[_LENGTH_BYTES : _LENGTH_BYTES + length]

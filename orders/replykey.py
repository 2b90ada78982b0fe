"""The key that replies to a participant are sealed to. Their claim code makes its private half, so they alone open
them.
"""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orders import codes

EPOCH = "reply"  # what stands for a week in a box sealed to such a key


def reply_private(secret: str, code: str) -> X25519PrivateKey:
    """The private key of a code in whatever language it is typed: HKDF-SHA256 (RFC 5869), salted with our secret.

    Any 32 bytes are an X25519 private key (RFC 7748). Raises CodeUnknown for what cannot be a code.
    """
    salt, purpose = secret.encode(), b"distro reply key"
    made = HKDF(SHA256(), length=32, salt=salt, info=purpose).derive(codes.clean_code(code).encode())
    return X25519PrivateKey.from_private_bytes(made)


def reply_public(secret: str, code: str) -> str:
    """Its public half as `Person.reply_key` has it: hex, 32 bytes."""
    return reply_private(secret, code).public_key().public_bytes_raw().hex()


def public_of(written: str) -> X25519PublicKey | None:
    """The key that `reply_public` wrote; None for what it did not, as in requests made before there were any."""
    try:
        return X25519PublicKey.from_public_bytes(bytes.fromhex(written))
    except ValueError:
        return None

"""The second factor of staff: codes of an authenticator app (RFC 6238), and recovery codes for when it is lost.

Only staff processes and commands load this module.
"""

import secrets
from base64 import b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from datetime import datetime
from hmac import compare_digest

import pyotp
import segno
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.orm import object_session

from distro.auth import User
from distro.errors import Refusal

STEP = 30  # seconds a code lasts
RECOVERY_CODES = 10
_AROUND = (-1, 0, 1)  # steps: clocks of phones differ
_NONCE_BYTES = 12
_RECOVERY_LETTERS = 12  # of 5 bits
# 60 bits are short enough to type, and too few for a plain hash (ASVS 6.5.2 asks 112): a stolen table has to be
# guessed at Argon2id's cost. A keyed hash would leave a thief of both, table and staff key, with nothing to do.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class SecondFactorLost(Refusal):
    """A second factor cannot be read: it was wrapped with another staff key, or was tampered with."""

    status = 503
    sentence = "Your second factor cannot be read here. Ask an admin for a new invitation."


def new_secret() -> str:
    """A fresh secret for an authenticator app: 160 bits, in base32."""
    return pyotp.random_base32()


def wrap(staff_key: str, secret: str, user_id: int) -> str:
    """A secret as the database keeps it: AES-256-GCM under a key of `Settings.staff_key`, good for this user alone."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return urlsafe_b64encode(nonce + _cipher(staff_key).encrypt(nonce, secret.encode(), _bound(user_id))).decode()


def unwrap(staff_key: str, wrapped: str, user_id: int) -> str:
    """The secret that `wrap` was given. Raises SecondFactorLost if key, user or text are not the same."""
    try:
        box = urlsafe_b64decode(wrapped)
        return _cipher(staff_key).decrypt(box[:_NONCE_BYTES], box[_NONCE_BYTES:], _bound(user_id)).decode()
    except (InvalidTag, NotBase64, ValueError):
        raise SecondFactorLost from None


def check(user: User, typed: str, staff_key: str, at: datetime) -> bool:
    """Whether someone typed a code of this user's app, or one of their recovery codes; either counts once.

    A code that fits is used up by being tried, whatever the caller then says. The caller commits, also on False.
    Raises SecondFactorLost.
    """
    database = object_session(user)
    if database is not None:
        database.flush()
        database.refresh(user, with_for_update=True)  # of two who send the same code at once, one is right
    code = _clean(typed)
    if is_recovery_code(typed):
        return _use_recovery_code(user, code)
    step = fitting_step(unwrap(staff_key, user.totp_secret, user.id), code, at) if user.totp_secret else None
    if step is None or (user.totp_last is not None and step <= user.totp_last):
        return False
    user.totp_last = step
    return True


def is_recovery_code(typed: str) -> bool:
    """Whether something typed has the length of a recovery code, so that it is tried as one."""
    return len(_clean(typed)) == _RECOVERY_LETTERS


def fitting_step(secret: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is: now's, the one before or the one after; None if it is neither's."""
    app, now = pyotp.TOTP(secret, interval=STEP), int(at.timestamp()) // STEP
    right = [now + off for off in _AROUND if compare_digest(app.at((now + off) * STEP).encode(), code.encode())]
    return max(right, default=None)


def provisioning(username: str, secret: str) -> tuple[str, str]:
    """What an authenticator app reads: the otpauth address, and the same as a QR code in SVG to stand in a page."""
    uri = pyotp.TOTP(secret, interval=STEP).provisioning_uri(name=username, issuer_name="Distro")
    return uri, segno.make(uri, error="m", micro=False).svg_inline(
        scale=5, border=4, light="#fff", title="QR code for your authenticator app", svgclass="qr", lineclass=None
    )


def new_recovery_codes() -> tuple[list[str], list[str]]:
    """Ten codes of 60 bits, to be shown once, and their Argon2id hashes, to be kept."""
    codes = [b32encode(secrets.token_bytes(8)).decode()[:_RECOVERY_LETTERS] for _ in range(RECOVERY_CODES)]
    return ["-".join((code[:4], code[4:8], code[8:])) for code in codes], [_hasher.hash(code) for code in codes]


def _clean(typed: str) -> str:
    return typed.replace(" ", "").replace("-", "").upper()


def _use_recovery_code(user: User, code: str) -> bool:
    for kept in user.recovery_hashes:
        try:
            _hasher.verify(kept, code)
        except (VerificationError, InvalidHashError):
            continue
        user.recovery_hashes = [other for other in user.recovery_hashes if other != kept]
        return True
    return False


def _cipher(staff_key: str) -> AESGCM:
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=b"distro second factor").derive(staff_key.encode()))


def _bound(user_id: int) -> bytes:
    return b"user %d" % user_id

"""The form's token, and the claim code that stands for a request.

A form carries a 128-bit nonce inside a signed token. The nonce is the idempotency key, and the claim code is
derived from it, so a double click, a retry or a crash between commit and answer give one order and the same
code. The database keeps keyed hashes of both, never the values.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flask_babel import lazy_gettext as _l

from distro.errors import Refusal

FORM_LIVES = timedelta(hours=6)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_CHECK_ALPHABET = ALPHABET + "*~$=U"  # his check symbols, modulo 37
_LOOKS_LIKE = str.maketrans("ILO", "110")  # what people write for a 1 and a 0
_TAG_BYTES = 16
_CODE_LENGTH = 16  # 80 bits


class FormExpired(Refusal):
    """The form was opened too long ago."""

    status = 422
    sentence = _l("This page was open for a long time. Nothing you typed is lost. Please check it and send it again.")


class FormTampered(Refusal):
    """The form's token is missing or not ours."""

    status = 422
    sentence = _l("We could not read this page. Nothing was sent. Please check it and send it again.")


class CodeUnknown(Refusal):
    """No request goes by this code. Malformed, wrong and erased codes all get this one answer."""

    status = 404
    sentence = _l("We found no request with that code. Please check each letter and number, and try again.")


def new_form(secret: str, now: datetime) -> str:
    """A fresh form token: a random nonce and the time, signed."""
    body = secrets.token_bytes(16) + int(now.timestamp()).to_bytes(8, "big")
    return base64.urlsafe_b64encode(body + _keyed(secret, "form", body)[:_TAG_BYTES]).decode().rstrip("=")


def read_form(secret: str, token: str, now: datetime) -> bytes:
    """The nonce of a form token. Raises FormTampered, or FormExpired after six hours."""
    nonce, made = peek_form(secret, token)
    if not made - timedelta(minutes=5) <= now <= made + FORM_LIVES:
        raise FormExpired
    return nonce


def peek_form(secret: str, token: str) -> tuple[bytes, datetime]:
    """Nonce and time of a token of ours, however old. Raises FormTampered."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise FormTampered from None
    body, tag = raw[:24], raw[24:]
    if len(body) != 24 or not hmac.compare_digest(tag, _keyed(secret, "form", body)[:_TAG_BYTES]):
        raise FormTampered
    return body[:16], datetime.fromtimestamp(int.from_bytes(body[16:], "big"), tz=UTC)


def claim_code(secret: str, nonce: bytes) -> str:
    """The code for a nonce: 16 symbols of Crockford's base 32 and his check symbol, `XXXX-XXXX-XXXX-XXXX-C`."""
    number = int.from_bytes(_keyed(secret, "claim code", nonce)[:10], "big")
    symbols = "".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5))
    return "-".join([*(symbols[i : i + 4] for i in range(0, _CODE_LENGTH, 4)), _CHECK_ALPHABET[number % 37]])


def clean_code(typed: str) -> str:
    """A typed code as we write it: case, spaces and dashes do not matter. Raises CodeUnknown if it cannot be one."""
    symbols = "".join(typed.upper().split()).replace("-", "")
    body, check = symbols[:_CODE_LENGTH].translate(_LOOKS_LIKE), symbols[_CODE_LENGTH:]
    if len(symbols) != _CODE_LENGTH + 1 or any(symbol not in ALPHABET for symbol in body):
        raise CodeUnknown
    number = 0
    for symbol in body:
        number = number << 5 | ALPHABET.index(symbol)
    if _CHECK_ALPHABET[number % 37] != check:
        raise CodeUnknown
    return "-".join([*(body[i : i + 4] for i in range(0, _CODE_LENGTH, 4)), check])


def nonce_tag(secret: str, nonce: bytes) -> bytes:
    """What the database keeps of a nonce, 32 bytes."""
    return _keyed(secret, "nonce tag", nonce)


def code_tag(secret: str, code: str) -> bytes:
    """What the database keeps of a claim code, 32 bytes; `code` as `claim_code` writes it."""
    return _keyed(secret, "code tag", code.encode())


def code_tags(secrets_: Sequence[str], code: str) -> list[bytes]:
    """The tags a code may be kept by, one for each secret that is believed."""
    return [code_tag(secret, code) for secret in secrets_]


def secret_of(secrets_: Sequence[str], code: str, tag: bytes) -> str:
    """The one of the secrets under which this is the tag of the code; the first if it is none of them."""
    fitting = (secret for secret in secrets_ if hmac.compare_digest(code_tag(secret, code), tag))
    return next(fitting, secrets_[0])


def change_token(secret: str, code: str) -> bytes:
    """What shows the scheduler that a code was typed to change its order, 32 bytes; `code` as `claim_code` writes it.

    The database keeps only its hash, `change_tag`, so who reads the database cannot cancel or erase anything.
    """
    return _keyed(secret, "change token", code.encode())


def change_tag(token: bytes) -> bytes:
    """What the database keeps of a change token, 32 bytes."""
    return hashlib.sha256(token).digest()


def new_number() -> str:
    """A random order number such as `7K3M9QXA`, for staff, slips and the ledger; it does not count anything."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def _keyed(secret: str, purpose: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + body, hashlib.sha256)

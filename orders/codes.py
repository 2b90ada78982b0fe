"""The form's token, and the claim code that stands for a request.

A form carries a 128-bit nonce inside a signed token. The nonce is the idempotency key, and the claim code is
derived from it, so a double click, a retry or a crash between commit and answer give one order and the same
code. The database keeps keyed hashes of both, never the values.

A code is five numbers below 1,600, said as words (`orders.codewords`): 1,600^5 is about 1.05e16, 53 bits. Without the
server's secret it can only be guessed through the web, where a right code is always answered, however many were wrong.
At 1,000 tries a second for a year, 3.2e10, against 10,000 live requests, 0.03 of one would be hit; with four words, 48.
What is typed may stand for two codes, one in each language (`readings`), so a try may count twice.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from flask_babel import lazy_gettext as _l

from distro.errors import Refusal
from orders import codewords

FORM_LIVES = timedelta(hours=6)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_CHECK_ALPHABET = ALPHABET + "*~$=U"  # his check symbols, modulo 37
_LOOKS_LIKE = str.maketrans("ILO", "110")  # what people write for a 1 and a 0
_TAG_BYTES = 16
WORDS = 5  # of a code
LONGEST = 200  # what anybody may type as a code
READINGS = 2  # codes that what is typed may stand for at most: the same beginnings may be words of both languages
_LETTERS = 16  # of a code from before they were words: 80 bits, and a check symbol


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
    sentence = _l("We found no request with that code. Please check each word, and try again.")


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


def claim_code(secret: str, nonce: bytes, language: str = codewords.ENGLISH) -> str:
    """The code for a nonce: five words of a language, with spaces. Each language has words for the same numbers.

    Spaces, because a phone's keyboard sets them by itself.
    """
    return " ".join(codewords.say(_numbers(secret, nonce), language))


def code_of(secret: str, nonce: bytes) -> str:
    """The same code as its tags are made of: see `clean_code`."""
    return _written(_numbers(secret, nonce))


def _numbers(secret: str, nonce: bytes) -> list[int]:
    number = int.from_bytes(_keyed(secret, "claim code", nonce)[:16], "big")  # of 128 bits, so none is likelier
    return [number // codewords.MANY**place % codewords.MANY for place in range(WORDS)]


def _written(numbers: Sequence[int]) -> str:
    return "-".join(f"{number:04}" for number in numbers)


def letter_code(secret: str, nonce: bytes) -> str:
    """The code that a nonce had before codes were words: 16 symbols of Crockford's base 32, and his check symbol."""
    number = int.from_bytes(_keyed(secret, "claim code", nonce)[:10], "big")
    return _lettered("".join(ALPHABET[number >> shift & 31] for shift in range(75, -1, -5)), number)


def clean_code(typed: str) -> str:
    """What tags are made of: the five numbers of the words typed, such as `0012-1044-0007-0388-1590`.

    Raises CodeUnknown for what cannot be a code, or could be another one too.
    """
    first, *others = readings(typed)
    if others:
        raise CodeUnknown
    return first


def readings(typed: str) -> tuple[str, ...]:
    """What may be meant, one or two codes, each as `clean_code` gives it.

    Words may be of either language, with small slips (see `codewords.heard`); capitals, accents, and what stands
    between them do not matter. A code of letters from before is given as it was written; numbers, as they are. Raises
    CodeUnknown for what cannot be a code.
    """
    if len(typed) > LONGEST:
        raise CodeUnknown
    said = tuple(map(_written, codewords.heard(typed, WORDS)))
    return said or (_numbered(typed) or _clean_letters(typed),)


def _numbered(typed: str) -> str | None:
    """Five numbers, as `clean_code` gives them."""
    parts = typed.split("-")
    ours = len(parts) == WORDS and all(part.isdecimal() and part.isascii() and len(part) == 4 for part in parts)
    return typed if ours and all(int(part) < codewords.MANY for part in parts) else None


def _clean_letters(typed: str) -> str:
    symbols = "".join(typed.upper().split()).replace("-", "")
    body, check = symbols[:_LETTERS].translate(_LOOKS_LIKE), symbols[_LETTERS:]
    if len(symbols) != _LETTERS + 1 or any(symbol not in ALPHABET for symbol in body):
        raise CodeUnknown
    number = 0
    for symbol in body:
        number = number << 5 | ALPHABET.index(symbol)
    if _CHECK_ALPHABET[number % 37] != check:
        raise CodeUnknown
    return _lettered(body, number)


def _lettered(symbols: str, number: int) -> str:
    return "-".join([*(symbols[i : i + 4] for i in range(0, _LETTERS, 4)), _CHECK_ALPHABET[number % 37]])


def _canonical(code: str) -> bytes:
    """A code in the one form that tags are made of, in whatever language it is said; what is no code, as it is."""
    try:
        return readings(code)[0].encode()
    except CodeUnknown:
        return code.encode()


def nonce_tag(secret: str, nonce: bytes) -> bytes:
    """What the database keeps of a nonce, 32 bytes."""
    return _keyed(secret, "nonce tag", nonce)


def code_tag(secret: str, code: str) -> bytes:
    """What the database keeps of a claim code, 32 bytes; the same in every language."""
    return _keyed(secret, "code tag", _canonical(code))


def code_tags(secrets_: Sequence[str], typed: str) -> list[bytes]:
    """The tags that what was typed may be kept by: for each secret that is believed, and each reading.

    Always equally many; of what cannot be a code, or has one reading, the rest are tags of none.
    """
    try:
        found = readings(typed)
    except CodeUnknown:
        found = ()
    padded = [*found, *(f"no code {place}" for place in range(len(found), READINGS))]
    return [_keyed(secret, "code tag", code.encode()) for secret in secrets_ for code in padded]


def meant(secrets_: Sequence[str], typed: str, tag: bytes) -> tuple[str, str]:
    """The secret and the reading of what was typed that this is the tag of; the first of each if it is of none.

    Raises CodeUnknown for what cannot be a code.
    """
    pairs = [(secret, code) for secret in secrets_ for code in readings(typed)]
    fitting = (pair for pair in pairs if hmac.compare_digest(code_tag(*pair), tag))
    return next(fitting, pairs[0])


def change_token(secret: str, code: str) -> bytes:
    """What shows the scheduler that a code was typed to change its order, 32 bytes; the same in every language.

    The database keeps only its hash, `change_tag`, so who reads the database cannot cancel or erase anything.
    """
    return _keyed(secret, "change token", _canonical(code))


def change_tag(token: bytes) -> bytes:
    """What the database keeps of a change token, 32 bytes."""
    return hashlib.sha256(token).digest()


def new_number() -> str:
    """A random order number such as `7K3M9QXA`, for staff, slips and the ledger; it does not count anything."""
    return "".join(secrets.choice(ALPHABET) for _ in range(8))


def _keyed(secret: str, purpose: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + body, hashlib.sha256)

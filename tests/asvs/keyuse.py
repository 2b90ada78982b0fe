"""Where the code uses a key, read from its syntax: `orders/codes.py: claim code`.

A use is named by its file and its purpose, the text that keeps one use of a key apart from another, where there is
one; else by what is called.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.asvs.checks import DOCUMENT, ROOT, calls, parsed

KEYED = ("hmac.digest", "hmac.new", "HMAC")
PRIMITIVES = {  # the first or the only part of what is called
    *("AESGCM", "AESGCMSIV", "AESCCM", "ChaCha20Poly1305", "Cipher", "Fernet", "Suite"),
    *("Ed25519PrivateKey", "Ed25519PublicKey", "X25519PrivateKey", "X25519PublicKey", "rsa", "ec"),
    *("HKDF", "Scrypt", "PBKDF2HMAC", "PasswordHasher", "own_secret", "import_key"),
    *("URLSafeSerializer", "URLSafeTimedSerializer", "TimestampSigner", "Signer"),
}
DERIVED = ("hashlib.scrypt", "hashlib.pbkdf2_hmac", "pyotp.TOTP")


def uses(files: Iterable[Path], root: Path = ROOT) -> set[str]:
    """Every use of a key in these files."""
    return {f"{path.relative_to(root)}: {purpose}" for path in files for purpose in _purposes(path)}


def listed() -> set[str]:
    """The uses that the inventory in docs/asvs.md names."""
    section = DOCUMENT.read_text().split("## Every key")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return {part for row in rows for part in row.split("`")[1::2] if ".py: " in part}


def _purposes(path: Path) -> Iterator[str]:
    for name, call in calls(path):
        first = name.partition(".")[0]
        if name in KEYED or (name.rpartition(".")[2] == "_keyed" and len(call.args) > 1):
            yield next(_texts(call), name)
        elif first in PRIMITIVES or name in DERIVED:
            yield first if first in PRIMITIVES else name
        elif name == "secrets.token_bytes" and ast.unparse(call.args[0]) == "32":
            yield "secrets.token_bytes(32)"
    for node in ast.walk(parsed(path)):
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(target, ast.Subscript) and getattr(target.slice, "value", "") == "SECRET_KEY":
            yield "SECRET_KEY"


def _texts(call: ast.Call) -> Iterator[str]:
    """The texts written out in a call's arguments."""
    for argument in call.args:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value.decode() if isinstance(node.value, bytes) else node.value
                if text.strip("\0") and text not in ("big", "sha256"):
                    yield text.strip("\0")

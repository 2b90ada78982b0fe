"""The secret that wraps the keyring: from KEYRING_SECRET, a file, or a command such as a key management service's."""

import hashlib
import os
import shlex
import subprocess
import time
from contextlib import suppress
from functools import lru_cache

from distro.config import without_secrets
from distro.errors import Refusal

COMMAND_SECONDS = 20
ASK_AGAIN_S = 60  # after the command failed


class SecretWrong(Refusal):
    """The keyring cannot be unlocked."""

    status = 503
    sentence = (
        "The keyring cannot be unlocked: %(problem)s. "
        "Check KEYRING_SECRET, KEYRING_SECRET_FILE or KEYRING_SECRET_COMMAND. Nothing was changed; requests wait."
    )


@lru_cache(maxsize=8)
def derived(secret: str) -> bytes:
    """scrypt (RFC 7914), N = 2^15, r = 8, p = 1, since the secret may be a passphrase. Once a process."""
    return hashlib.scrypt(secret.encode(), salt=b"distro keyring 1", n=2**15, r=8, p=1, maxmem=2**26, dklen=32)


_told: dict[str, str] = {}
_failed: dict[str, tuple[float, str]] = {}


def told_by(command: str) -> str:
    """What the command prints; asked once a process, or again a minute after it failed. Never logged."""
    if command not in _told:
        at, why = _failed.get(command, (0.0, ""))
        if why and time.monotonic() - at < ASK_AGAIN_S:
            raise SecretWrong(problem=why)
        try:
            _told[command] = _run(command)
        except (OSError, ValueError, subprocess.SubprocessError) as problem:
            why = f"the command failed ({type(problem).__name__})"
            _failed[command] = time.monotonic(), why
            raise SecretWrong(problem=why) from None
    return _told[command]


def _run(command: str) -> str:
    """Run a command without a shell; it gets none of our own secrets."""
    told = subprocess.run(
        shlex.split(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=COMMAND_SECONDS,
        check=True,
        env=without_secrets(os.environ),
    )
    with suppress(UnicodeDecodeError):
        return told.stdout.decode().strip()
    raise ValueError

"""What `make scan` does: scanners that others wrote, on our code and on a running instance, and hostile strings.

Each says how many findings it has, and whether it finds a fault planted for it: a scanner that sees nothing proves
nothing. Pytest collects none of this.
"""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
SCAN = ROOT / ".scan"
TOOLS = SCAN / "tools" / "bin"
WAPITI = SCAN / "wapiti" / "bin"
PLANTED = Path(__file__).parent / "planted"

Finding = str


class Row(NamedTuple):
    """One line of the report: `S1 schemathesis 0 findings OK`."""

    id: str
    tool: str
    said: str
    ok: bool

    def __str__(self) -> str:
        return f"{self.id} {self.tool} {self.said} {'OK' if self.ok else 'FAILED'}"


def command(
    arguments: Sequence[object],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    most: int = 400,
) -> "subprocess.CompletedProcess[str]":
    """Run a tool to its end, for at most so many seconds. Raises subprocess.TimeoutExpired, FileNotFoundError."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        cwd=folder or ROOT,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        stdin=subprocess.DEVNULL,
        timeout=most,
        check=False,
    )

"""A real `distro serve` for tests, all of whose words go to a file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from distro.config import Settings
from distro.demo import free_port


@contextmanager
def served(settings: Settings, said: Path, *options: str, **environment: str) -> Iterator[int]:
    """The port of a server with one worker, unless `options` say otherwise; `environment` adds to what it is given."""
    port = free_port()
    given = {
        "PATH": os.environ["PATH"],
        "DISTRO_INSTANCE": str(settings.instance),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "STAFF_SECRET_KEY": settings.staff_key or settings.secret_key,
        **environment,
    }
    program = str(Path(sys.executable).with_name("distro"))
    with said.open("ab") as output:
        command = [program, "serve", "--port", str(port), "--workers", "1", *options]
        server = subprocess.Popen(command, env=given, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait_for(server, port)
            yield port
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def wait_for(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("distro serve did not answer")

"""B8: what one web worker of the public surface weighs, and how soon it answers."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.demo import free_port
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from tests.bench import Row, benchmark
from tests.depot import fill

MOST_MB = 90
MOST_SECONDS = 1.0
ANSWERS_WITHIN = 60  # seconds, or something is broken
STARTS = 3  # the quickest counts: what else the machine does only ever adds
PAGES = ("/", "/es/", "/status", "/privacy")
# What geopandas brings along: none of it may be mapped into a worker's memory.
HEAVY = ("geopandas", "pandas", "shapely", "pyogrio", "pyproj")


@benchmark
def a_public_worker() -> Iterator[Row]:
    with TemporaryDirectory(prefix="distro-bench-") as folder:
        settings = _make_instance(Path(folder) / "instance")
        starts, ages = [], []
        for _ in range(STARTS):
            began = time.perf_counter()
            with _serving(settings) as (base, server):
                starts.append(time.perf_counter() - began)
                worker = _only_child(server)
                ages.append(_age(worker))
                for page in PAGES:
                    urlopen(base + page).close()
                megabytes = _resident_kb(worker) / 1024
                heavy = [name for name in HEAVY if f"/{name}" in Path(f"/proc/{worker}/maps").read_text()]
    yield Row("B8", "memory of a public worker", f"<= {MOST_MB} MB", f"{megabytes:.1f} MB", megabytes <= MOST_MB)
    for what, seconds in (("a public worker's first answer", min(ages)), ("`distro serve`, first answer", min(starts))):
        yield Row("B8", what, f"<= {MOST_SECONDS:.1f} s", f"{seconds:.2f} s", seconds <= MOST_SECONDS)
    yield Row("B8", "geopandas in a public worker", "none", ", ".join(heavy) or "none", not heavy)


def _make_instance(instance: Path) -> Settings:
    """A small depot on SQLite with keys for its week."""
    settings = Settings.from_env({}, instance=instance)
    make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context():
        fill(db.session())
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return settings


@contextmanager
def _serving(settings: Settings) -> Iterator[tuple[str, int]]:
    """The public pages from one worker, ready: their address, and the process that keeps the worker."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "DISTRO_INSTANCE": str(settings.instance)}
    command = [sys.executable, "-m", "distro", "serve", "--surface", "public", "--workers", "1", "--port", str(port)]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for_answer(base, server)
        yield base, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _wait_for_answer(base: str, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + ANSWERS_WITHIN
    while time.monotonic() < until and server.poll() is None:
        try:
            urlopen(base, timeout=ANSWERS_WITHIN).close()
            return
        except (URLError, ConnectionError):
            time.sleep(0.01)
    raise RuntimeError("distro serve did not answer")


def _only_child(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def _age(pid: int) -> float:
    """Seconds since a process began: field 22 of its stat, in ticks since boot; see proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def _resident_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])

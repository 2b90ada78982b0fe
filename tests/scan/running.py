"""A real instance for the scanners: both surfaces as programs of their own, on this machine alone, and who is there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import requests
from flask import Flask

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings, Surface
from distro.db import db
from distro.demo import free_port
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from tests.depot import STAFF_KEY, Depot, fill, sign_in
from tests.scan import SCAN, world

SECRET_KEY = "a fixed secret for the scan alone, of no value"
READY_WITHIN = 60  # seconds
REPORTS = SCAN / "reports"
_networks = count(1)


@dataclass
class Reply:
    """An answer over HTTP, as `tests.scan.pages.Answer` has it."""

    status_code: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.data.decode("utf-8", "replace")


@dataclass
class Browser:
    """A visitor over HTTP. Each request comes from a network of its own, so that no tries add up."""

    base: str
    application: Flask
    jar: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, query_string: Mapping[str, str] | None = None, follow_redirects: bool = False) -> Reply:
        """Open a page."""
        path = f"{path}?{_form(query_string)}" if query_string else path
        return self._ask("GET", path, allow_redirects=follow_redirects)

    def post(self, path: str, data: Mapping[str, Any] | None = None, content_type: str = "") -> Reply:
        """Send a form."""
        if content_type == "multipart/form-data":
            given = dict(data or {})
            files = {
                name: (value[1], value[0], value[2]) if isinstance(value, tuple) else (None, _bytes(str(value)))
                for name, value in given.items()
            }
            return self._ask("POST", path, files=files)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, data=_form(data or {}), headers=headers)

    @property
    def cookie(self) -> str:
        """What a Cookie header of this browser says."""
        return "; ".join(f"{one.name}={one.value}" for one in self.jar.cookies)

    def another(self) -> "Browser":
        """The same person in a browser of its own, for another thread."""
        twin = Browser(self.base, self.application)
        twin.jar.cookies.update(self.jar.cookies)
        return twin

    def _ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Reply:
        sent = {"X-Forwarded-For": elsewhere(), **(headers or {})}
        answer = self.jar.request(
            method, self.base + path, headers=sent, timeout=60, **{"allow_redirects": False, **options}
        )
        return Reply(answer.status_code, answer.headers, answer.content)


@dataclass
class Running:
    """The running instance."""

    app: Flask  # the same application in this process, to read routes and rows from
    public: str
    staff: str
    folder: Path  # where the tools leave their reports
    bystander: int  # the id of somebody whose account may be changed and disabled
    browsers: dict[str, Browser] = field(default_factory=dict)  # by username; "" is anyone

    def base_of(self, username: str) -> str:
        """Where somebody goes."""
        return self.staff if username else self.public


@contextmanager
def running() -> Iterator[Running]:
    """Make an instance in a temporary folder, start both surfaces, sign everybody in; stop and forget all of it."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="scan-")))
        shutil.rmtree(REPORTS, ignore_errors=True)
        REPORTS.mkdir(parents=True)
        settings = Settings(
            instance=folder / "instance",
            database_url=f"sqlite:///{folder / 'scanned.sqlite3'}",
            secret_key=SECRET_KEY,
            staff_key=STAFF_KEY,
        )
        settings.instance.mkdir(mode=0o700)
        app = create_app(settings)
        schema.upgrade(app)
        make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
        with app.app_context():
            fill(db.session())
            db.session.commit()
            depot = Depot(db.session(), settings)
            world.furnish(depot)
            bystander = depot.user("other-packer").id
        log = stack.enter_context((REPORTS / "servers.log").open("wb"))
        bases = {one: stack.enter_context(_served(settings, one, log)) for one in (Surface.PUBLIC, Surface.STAFF)}
        made = Running(app, bases[Surface.PUBLIC], bases[Surface.STAFF], REPORTS, bystander)
        made.browsers[""] = Browser(made.public, app)
        for username in world.STAFF:
            made.browsers[username] = Browser(made.staff, app)
            signed_in = sign_in(made.browsers[username], username)  # type: ignore[arg-type]  # it gets and posts
            assert signed_in.status_code in (302, 303), (username, signed_in.status_code)
        yield made


@contextmanager
def served(command: list[str], environment: Mapping[str, str], base: str, log: Any) -> Iterator[str]:
    """Run a web server of our own until the block ends, once it answers."""
    program = subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)
    try:
        _wait_for(base, program)
        yield base
    finally:
        program.terminate()
        program.wait(timeout=30)


def elsewhere() -> str:
    """The address of a client in a network that nobody came from yet."""
    number = next(_networks)
    return f"{1 + (number >> 16 & 63)}.{number >> 8 & 255}.{number & 255}.1"


def _served(settings: Settings, surface: Surface, log: Any) -> Any:
    port = free_port()
    environment = {
        "DISTRO_INSTANCE": str(settings.instance),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "DISTRO_SURFACE": surface,
        "DISTRO_PROXIES": "1",  # the scanners say where they come from, as a proxy would
    }
    if surface is not Surface.PUBLIC:
        environment["STAFF_SECRET_KEY"] = settings.staff_key
    command = [sys.executable, "-m", "distro", "serve", "--port", str(port)]
    return served(command, environment, f"http://127.0.0.1:{port}", log)


def _wait_for(base: str, program: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until and program.poll() is None:
        try:
            if requests.get(f"{base}/livez", timeout=2).status_code < 500:
                return
        except requests.RequestException:
            time.sleep(0.2)
    raise RuntimeError(f"{base} did not start; see .scan/reports/servers.log")


def _form(values: Mapping[str, Any]) -> str:
    return urlencode({_bytes(name): _bytes(str(value)) for name, value in values.items()})


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")

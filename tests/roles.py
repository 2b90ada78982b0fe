"""A PostgreSQL with the three roles of a real installation: the owner, the staff side, and the public side."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from distro.app import create_app
from distro.config import Settings, Surface
from distro.db import db
from tests import postgres
from tests.commands import Told, run_here
from tests.depot import fill

OWNER, STAFF, PUBLIC, ROOT = "keeper", "desk", "web", "distro"
SECRET = "a fixed secret for the tests of roles, of no value"
REFUSED = "42501"  # insufficient_privilege


@dataclass(frozen=True)
class Roles:
    """The server, one database in it, and an instance beside it."""

    server: str
    instance: Path
    granted: Told = field(default_factory=lambda: Told((), 0))

    def url(self, role: str) -> str:
        return make_url(self.server).set(username=role, database="depot").render_as_string(hide_password=False)

    def run(self, role: str, *statements: str) -> str:
        """Try statements as a role in one transaction that is rolled back: the SQLSTATE of what stopped it, or ""."""
        engine = create_engine(self.url(role), poolclass=NullPool)
        with engine.connect() as connection:
            try:
                for statement in statements:
                    connection.execute(text(statement))
            except DBAPIError as problem:
                return str(getattr(problem.orig, "sqlstate", "") or "?")
            finally:
                connection.rollback()
        return ""

    def commit(self, role: str, *statements: str, database: str = "depot") -> None:
        url = make_url(self.url(role)).set(database=database)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def command(self, role: str, *arguments: str, **env: str) -> Told:
        """`distro ARGUMENTS` with the connection of a role."""
        environment = {"DISTRO_INSTANCE": str(self.instance), "DATABASE_URL": self.url(role), "SECRET_KEY": SECRET}
        return run_here(arguments, environment | env)

    def settings(self, role: str, surface: Surface) -> Settings:
        return Settings(
            instance=self.instance,
            database_url=self.url(role),
            secret_key=SECRET,
            staff_key="" if surface is Surface.PUBLIC else SECRET,
            surface=surface,
        )

    def app(self, role: str, surface: Surface) -> Flask:
        app = create_app(self.settings(role, surface))
        app.testing = True
        return app

    @property
    def log(self) -> str:
        """All that the server has logged so far."""
        return (Path(str(make_url(self.server).query["host"])) / "log").read_text(errors="replace")


def quiet_statements(told: str) -> list[str]:
    """The statements that a superuser is asked to run."""
    return [line for line in told.splitlines() if re.fullmatch(r"(ALTER ROLE|REVOKE) .*;", line)]


@pytest.fixture(scope="session")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roles]:
    """Set up as docs/deploy.md says: a database of its owner, two roles, the grants, and what a superuser adds."""
    with postgres.running() as server:
        made = Roles(server, tmp_path_factory.mktemp("roles"))
        made.commit(ROOT, *(f"CREATE ROLE {name} LOGIN" for name in (OWNER, STAFF, PUBLIC)), database="postgres")
        made.commit(ROOT, f"CREATE DATABASE depot OWNER {OWNER}", database="postgres")
        for arguments in (("migrate",), ("keys", "make")):
            told = made.command(OWNER, *arguments)
            assert told.returncode == 0, told.stderr
        app = made.app(OWNER, Surface.ALL)
        with app.app_context():
            fill(db.session())
            db.session.commit()
            db.session.remove()
            db.engine.dispose()
        told = made.command(OWNER, "database", "grants", "--public", PUBLIC, "--staff", STAFF)
        assert told.returncode == 0, told.stderr
        made.commit(ROOT, *quiet_statements(told.stdout))
        yield Roles(server, made.instance, told)

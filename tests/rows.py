"""The rows of a database, written down once and put back quickly: a made-up world for each test without making it anew.

As the database stores them, so that what comes back is the same to the byte, an empty JSON value and NULL included.
"""

from dataclasses import dataclass
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from distro.db import Base


@dataclass(frozen=True)
class Rows:
    """All rows of all tables, by table and parents first, and where the counters of PostgreSQL stand."""

    kept: dict[str, Any]
    counters: dict[str, int]

    @classmethod
    def of(cls, session: Session) -> "Rows":
        """What is committed there."""
        tables = [table.name for table in Base.metadata.sorted_tables]
        if session.get_bind().dialect.name == "sqlite":
            found = {name: [tuple(row) for row in session.execute(text(f'SELECT * FROM "{name}"'))] for name in tables}
            return cls({name: rows for name, rows in found.items() if rows}, {})
        stand = session.execute(text("SELECT sequencename, last_value FROM pg_sequences WHERE last_value > 0"))
        counters: dict[str, int] = dict(stand.all())
        copies = {}
        with _psycopg(session.connection()).cursor() as cursor:
            for name in tables:
                with cursor.copy(f'COPY "{name}" TO STDOUT') as copy:
                    copies[name] = b"".join(copy)
        return cls({name: copied for name, copied in copies.items() if copied}, counters)

    def put_into(self, session: Session) -> None:
        """Add them to a database that has the tables."""
        connection = session.connection()
        if connection.dialect.name == "sqlite":
            for name, rows in self.kept.items():
                connection.exec_driver_sql(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
            return
        with _psycopg(connection).cursor() as cursor:
            for name, rows in self.kept.items():
                with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                    copy.write(rows)
            for name, value in self.counters.items():
                cursor.execute("SELECT setval(%s, %s)", (name, value))


def _psycopg(connection: Connection) -> "psycopg.Connection[Any]":
    """The connection of the driver, which knows COPY."""
    return cast("psycopg.Connection[Any]", connection.connection.dbapi_connection)

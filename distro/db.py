"""The database: one Base, UTC instants, named constraints, and SQLite set up so that it loses nothing."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any

from flask import Flask, g, has_request_context, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Enum, MetaData, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.types import JSON, TypeDecorator

from distro.files import make_private

BUSY_TIMEOUT_MS = 5_000  # how long a writer waits for another before it gives up, on both engines
CONNECT_TIMEOUT_S = 3
MOST_STORED = 2**31 - 1  # what an INTEGER column holds on every engine


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC. SQLite gives naive ones back, so the zone is put on again here."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime: it would silently mean another instant on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the instant back as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


class Base(DeclarativeBase):
    """What every table inherits."""

    registry = registry(
        metadata=MetaData(
            naming_convention={
                "ix": "ix_%(column_0_label)s",
                "uq": "uq_%(table_name)s_%(column_0_name)s",
                "ck": "ck_%(table_name)s_%(constraint_name)s",
                "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
                "pk": "pk_%(table_name)s",
            }
        ),
        type_annotation_map={
            datetime: UtcDateTime(),
            list[str]: JSON(),
            list[dict[str, Any]]: JSON(),
            dict[str, Any]: JSON(),
            dict[str, str]: JSON(),
            StrEnum: Enum(StrEnum, native_enum=False, length=16, values_callable=_values),
        },
    )


db = SQLAlchemy(model_class=Base)


def init_db(app: Flask) -> None:
    """Bind the database to an app, and set up its connections so that none waits for ever."""
    options: dict[str, Any] = {"hide_parameters": True}  # bound values stay out of error texts
    if make_url(app.config["SQLALCHEMY_DATABASE_URI"]).get_backend_name() == "postgresql":
        options["pool_pre_ping"] = True  # a restarted server costs one new connection, not an error
        options["connect_args"] = {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "options": f"-c lock_timeout={BUSY_TIMEOUT_MS}",
        }
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _set_up_sqlite(db.engine)


def insert(session: Session, table: type[Base]) -> postgresql.Insert | sqlite.Insert:
    """An INSERT into `table` that knows ON CONFLICT, in the dialect of the session's database."""
    if session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def forget_freed_pages(engine: Engine) -> bool:
    """On SQLite, empty the write-ahead log, which still holds the old copies of erased rows; False if it is in use.

    Call it after the commit, with no transaction open: it waits for those of others, `BUSY_TIMEOUT_MS` at most.
    Other engines have nothing to do here. https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
    """
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()  # outside SQLAlchemy's transactions: a checkpoint cannot run in one
    try:
        cursor = connection.cursor()
        busy: int = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        cursor.close()
    finally:
        connection.close()
    return busy == 0


def _set_up_sqlite(engine: Engine) -> None:
    """WAL, durable commits, foreign keys, and freed pages overwritten with zeros."""

    @event.listens_for(engine, "do_connect")
    def make_file(_dialect: Dialect, _record: object, names: list[str], _options: object) -> None:
        if names and names[0] != ":memory:":  # SQLite itself would make it as the umask leaves it, its log likewise
            make_private(Path(names[0]))

    @event.listens_for(engine, "connect")
    def connect(connection: SqliteConnection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            f"busy_timeout = {BUSY_TIMEOUT_MS}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A deferred transaction that writes after reading can fail at once under load; taking the write
        # lock first makes writers queue instead. Pages that only read need no lock.
        reads_only = has_request_context() and (request.method in ("GET", "HEAD") or g.get("only_reads", False))
        connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")

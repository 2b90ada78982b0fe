"""Alembic's way into the database of the application whose context is active; see `distro.schema`."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app
from sqlalchemy import Connection

from distro.db import Base, UtcDateTime, db


def migrate() -> None:
    with db.engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            _enforce_foreign_keys(connection, "OFF")
        try:
            context.configure(
                connection=connection,
                target_metadata=Base.metadata,
                render_item=_render,
                transactional_ddl=True,  # true of SQLite too, since distro.db says BEGIN itself
                **current_app.extensions["migrate"].configure_args,
            )
            with context.begin_transaction():
                context.run_migrations()
                if sqlite:
                    _check_foreign_keys(connection)
        finally:
            if sqlite:
                connection.rollback()  # nothing is left to roll back unless a step failed
                _enforce_foreign_keys(connection, "ON")


def _enforce_foreign_keys(connection: Connection, how: Literal["ON", "OFF"]) -> None:
    # SQLite changes a table by copying and dropping it; with keys enforced, the drop would delete the rows of other
    # tables that point to it. The pragma counts only outside a transaction, so it goes past SQLAlchemy.
    driver_connection: Any = connection.connection.driver_connection
    driver_connection.execute(f"PRAGMA foreign_keys = {how}")


def _check_foreign_keys(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken:
        raise RuntimeError(f"the migration left rows of {broken[0]} that point to no row of {broken[2]}")


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # Versions outlive the code: they name the database's type, not ours.
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


migrate()

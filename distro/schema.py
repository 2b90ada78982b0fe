"""The database's schema, version by version. Apart from the app, since Alembic is heavy and no web process needs it."""

from pathlib import Path

import flask_migrate
from flask import Flask

from distro.db import db

VERSIONS = Path(__file__).parent / "migrations"


def prepare(app: Flask) -> Flask:
    """Let `flask_migrate` work on an app's database, within its context."""
    flask_migrate.Migrate(app, db, directory=str(VERSIONS), render_as_batch=True)
    return app


def upgrade(app: Flask) -> None:
    """Create the tables, or bring them to this version's schema. Safe to run again."""
    with prepare(app).app_context():
        flask_migrate.upgrade()

"""livez and readyz: for whoever keeps the service running. Neither tells anything else."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from distro import clock, keyring
from distro.auth import open_to_all
from distro.config import Surface, current_settings
from distro.db import db
from geo.publish import is_live
from orders import draft

blueprint = Blueprint("health", __name__)
open_to_all(blueprint)


@blueprint.get("/livez")
def live() -> ResponseReturnValue:
    """Say that the process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Say whether requests can be taken: the database answers with our schema, and this week has a key.

    Where participants come, there must also be live rules and something to ask for.
    """
    try:
        db.session.execute(text("SELECT 1 FROM orders WHERE 1 = 0"))
    except SQLAlchemyError:
        return jsonify(status="no database"), 503
    try:
        weeks = keyring.published_keys(current_settings().public_keys)
    except (ValueError, OSError):
        return jsonify(status="keys damaged"), 503
    if clock.week_of(clock.today()) not in weeks:
        return jsonify(status="no key for this week"), 503
    if current_settings().surface is not Surface.STAFF:
        if not is_live(db.session()):
            return jsonify(status="no live rules"), 503
        if not draft.requestable(db.session()):
            return jsonify(status="nothing to ask for"), 503
    return jsonify(status="ok")

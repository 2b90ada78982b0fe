"""livez and readyz: for whoever keeps the service running. Neither tells anything else."""

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from distro import clock
from distro.auth import open_to_all
from distro.config import Surface, current_settings
from distro.db import db
from distro.keys import keylist
from distro.keys.keylist import KeysUntrusted, PublicKeys
from geo.publish import is_live
from orders import draft, spool

blueprint = Blueprint("health", __name__)
open_to_all(blueprint)


@blueprint.get("/livez")
def live() -> ResponseReturnValue:
    """Say that the process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Say whether requests can be taken: the database answers with our schema, and this week has a key.

    Where participants come, there must also be live rules and something to ask for. `weeks_ahead` of keys should be
    4 or more: then somebody has four weeks to mend what keeps new ones from coming. `spooled_since` is the day of the
    oldest request in this machine's spool, if there is one: it must be stored before its key dies.
    """
    try:
        problem, ahead = _find_problem()
    except SQLAlchemyError:
        problem, ahead = "no database", None
    oldest = spool.oldest(current_settings().spool)
    more = {"weeks_ahead": ahead, "spooled_since": oldest.isoformat() if oldest else None}
    told = {name: value for name, value in more.items() if value is not None}
    return jsonify(status=problem or "ok", **told), 503 if problem else 200


def _find_problem() -> tuple[str, int | None]:
    """Why no request can be taken, "" if one can, and how many weeks ahead there are keys."""
    db.session.execute(text("SELECT 1 FROM orders WHERE 1 = 0"))
    try:
        published = keylist.read(PublicKeys.of(current_settings()))
    except KeysUntrusted:
        return "keys not signed by the root", None
    if published.epoch(clock.today()) is None:
        return "no key for this week", None
    if current_settings().surface is not Surface.STAFF:
        if not is_live(db.session()):
            return "no live rules", None
        if not draft.requestable(db.session()):
            return "nothing to ask for", None
    return "", published.weeks_ahead(clock.today())

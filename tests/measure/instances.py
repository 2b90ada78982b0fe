"""A depot to measure, with something on its shelves, on SQLite."""

from pathlib import Path

from flask import Flask

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from geo import referrals
from orders import tables
from tests.depot import Depot, fill

MAIL = {"SMTP_HOST": "127.0.0.1", "MAIL_FROM": "desk@example.org"}  # so that people are offered a message by e-mail


def instance(folder: Path) -> tuple[Settings, Flask]:
    """Make one in `folder`."""
    settings = Settings.from_env(MAIL, instance=folder)
    make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context():
        fill(db.session())
        depot = Depot(db.session(), settings)
        for item in ("naloxone-nasal", "fentanyl-strips", "wound-care-kit"):
            depot.shelve(item, 500, lot=f"LOT-{item[:3].upper()}")
        referrals.seed(db.session(), clock.now())
        db.session.commit()
        tables.refresh(db.session(), at=clock.now())  # as the scheduler does
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return settings, app

"""Applications for tests, lent from one to the next."""

from contextvars import Context
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask, has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from distro import db as database
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.throttle import Throttle


class VisitorClient(FlaskClient):
    """A client whose requests run as a server's do: with an application context and a session of their own.

    Flask lends the test's application context to a request if one is open; the request would then see what the
    view forgot to commit. An empty context prevents that. The test's own transaction is committed first, since
    the request could not see it, and on SQLite would wait for its write lock.
    """

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        commit_own_work()
        # Buffered: the answer is read, and its files closed, while its context lives.
        return Context().run(partial(super().open, *args, **{**kwargs, "buffered": True}))


class Applications:
    """An application that was made serves every test that asks for the same settings.

    To make one takes as long as a small test, and it is quick only once its pages and statements are compiled. Each
    test finds it as new: its own instance, the settings and views it began with, and no wrong try counted. A test
    that adds pages or hooks asks for one that is its own: on a lent one Flask refuses that.
    """

    def __init__(self) -> None:
        self._made: dict[object, tuple[Flask, dict[str, dict[Any, Any]]]] = {}

    def lend(self, settings: Settings, *, testing: bool = True) -> Flask:
        """An application with these settings; if not `testing`, exceptions are answered as in a real process."""
        wanted = (replace(settings, instance=Path()), testing, database.BUSY_TIMEOUT_MS)
        if wanted not in self._made:
            app = own_application(settings, testing=testing)
            app.test_client().get("/livez")  # after its first request Flask lets nothing be added
            self._made[wanted] = app, {name: dict(getattr(app, name)) for name in _MAY_CHANGE}
        app, as_new = self._made[wanted]
        for name, was in as_new.items():
            now = getattr(app, name)
            now.clear()
            now.update(was)
        app.config["SETTINGS"] = settings
        tries = app.extensions["wrong tries"]
        app.extensions["wrong tries"] = type(tries)(*(Throttle(one.most) for one in vars(tries).values()))
        return app


_MAY_CHANGE = ("config", "extensions", "view_functions")


def own_application(settings: Settings, *, testing: bool = True) -> Flask:
    """An application that no other test sees."""
    app = create_app(settings)
    app.testing = testing
    app.test_client_class = VisitorClient
    return app


def commit_own_work() -> None:
    """Commit what the test has written in its own session."""
    if has_app_context():
        db.session.commit()

"""The web process: gunicorn, without an access log, since a log of addresses is a list of people."""

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication


class Server(BaseApplication):  # type: ignore[misc]  # gunicorn carries no types
    """gunicorn, told by us instead of by files or the command line."""

    def __init__(self, app: Flask, **options: Any) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand our options over."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Give the application to each worker."""
        return self._app


def serve(app: Flask, *, host: str, port: int, workers: int) -> None:
    """Answer requests on host:port until told to stop."""
    Server(
        app,
        bind=f"{host}:{port}",
        workers=workers,
        worker_class="gthread",
        threads=8,
        accesslog=None,
        loglevel="warning",
        graceful_timeout=10,
        control_socket_disable=True,
    ).run()

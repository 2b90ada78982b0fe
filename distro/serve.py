"""The web process: gunicorn, without an access log, since a log of addresses is a list of people."""

import os
import sys
from typing import Any, NoReturn

from gunicorn.glogging import Logger as GunicornLogger

from distro.config import Settings
from distro.errors import where_it_broke

BOOT_FAILURE = "Exception in worker process"  # gunicorn's words; no request is in hand then


class Logger(GunicornLogger):  # type: ignore[misc]  # gunicorn carries no types
    """Gunicorn's log without what a request holds: its line may be something typed, its address is a person."""

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log a warning; one about a request only says that there was one."""
        if "request" in str(msg).lower():
            msg, args = "a malformed request was refused", ()
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """Log what broke and where; in full only while starting, since no request is in hand then."""
        if msg == BOOT_FAILURE:
            super().exception(msg, *args, **kwargs)
        else:
            self.error("a request broke: %s", where_it_broke(sys.exc_info()[1]))


def serve(settings: Settings, *, host: str, port: int, workers: int) -> NoReturn:
    """Become gunicorn and answer requests on host:port until told to stop.

    The process is replaced, so that a web worker carries nothing of the command line, geopandas above all.
    """
    options = {
        "bind": f"{host}:{port}",
        "workers": str(workers),
        "worker-class": "gthread",
        "threads": "8",
        "log-level": "warning",
        "logger-class": f"{Logger.__module__}.{Logger.__qualname__}",
        "graceful-timeout": "10",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | {"DISTRO_INSTANCE": str(settings.instance), "DISTRO_SURFACE": settings.surface}
    python = sys.executable
    os.execve(python, [python, "-m", "gunicorn", *arguments, "--no-control-socket", "wsgi:app"], environment)

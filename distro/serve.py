"""The web process: gunicorn, without an access log, since a log of addresses is a list of people."""

import os
import sys
from typing import NoReturn

from distro.config import Settings


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
        "graceful-timeout": "10",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    environment = os.environ | {"DISTRO_INSTANCE": str(settings.instance), "DISTRO_SURFACE": settings.surface}
    python = sys.executable
    os.execve(python, [python, "-m", "gunicorn", *arguments, "--no-control-socket", "wsgi:app"], environment)

"""`distro ARGUMENTS` for tests: inside this process, which is quick, or as the program that is installed."""

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context
from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import Connection, Engine, event

from distro.cli import main

Told = subprocess.CompletedProcess[str]


def run_here(arguments: Sequence[str], environment: Mapping[str, str], input: str = "") -> Told:
    """Run a command in this process as if in one of its own, which would take a second to start."""
    with engines_disposed():
        # An empty context: nothing of the test's own session is seen.
        result = Context().run(
            CliRunner().invoke,
            main,
            arguments,
            input=input,
            env=dict.fromkeys(os.environ) | dict(environment),
            prog_name="distro",
        )
    broke = result.exception is not None and not isinstance(result.exception, SystemExit)
    trace = "".join(traceback.format_exception(result.exception)) if broke else ""
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr + trace)


def run_program(arguments: Sequence[str], environment: Mapping[str, str], input: str = "") -> Told:
    """Run a command as a process: for what only the installed program shows."""
    program = Path(sys.executable).with_name("distro")
    return subprocess.run(
        [program, *arguments], input=input, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


@contextmanager
def engines_disposed() -> Iterator[None]:
    """Close the connections of every application made in the block; one left open would warn in some later test."""
    used: set[Engine] = set()

    def remember(connection: Connection) -> None:
        used.add(connection.engine)

    event.listen(Engine, "engine_connect", remember)
    try:
        yield
    finally:
        event.remove(Engine, "engine_connect", remember)
        for engine in used:
            engine.dispose()

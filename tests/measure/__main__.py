"""`python -m tests.measure [--strict] [SUBJECT ...]`: measure the goals of the participant's side, one row a line."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from tempfile import TemporaryDirectory

import click
from playwright.sync_api import sync_playwright

from distro.errors import where_it_broke
from tests import measure
from tests.bench import Row
from tests.browser.conftest import ARGUMENTS, chromium
from tests.measure import Measure, World
from tests.measure.instances import MAIL, instance
from tests.served import served

BROKEN = "P0"
PARTS = ("__main__", "instances")
SUBJECTS = sorted({module.name for module in iter_modules(measure.__path__)} - {*PARTS})


@click.command()
@click.option("--strict", is_flag=True, help="Exit with status 1 if a target is missed.")
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
def main(strict: bool, subjects: tuple[str, ...]) -> None:
    """Measure what participants were promised and print a row for each promise."""
    for subject in subjects or SUBJECTS:
        import_module(f"{measure.__name__}.{subject}")
    rows: list[Row] = []
    with world() as made:
        for taken in measure.measures:
            rows += _rows(taken, made)
            for context in made.contexts:
                context.close()
            made.contexts.clear()
    for row in sorted(rows, key=lambda row: int(row.id[1:])):
        click.echo(row)
    sys.exit(1 if strict and not all(row.ok for row in rows) else 0)


def _rows(taken: Measure, made: World) -> Iterator[Row]:
    """Its rows; if it breaks, a row that says so and where, and the others are measured nevertheless."""
    try:
        yield from taken(made)
    except Exception as problem:
        yield Row(BROKEN, taken.__name__, "measured", where_it_broke(problem), False)


@contextmanager
def world() -> Iterator[World]:
    """A depot with something on its shelves, served as in production, on SQLite."""
    with TemporaryDirectory(prefix="distro-measure-") as folder, sync_playwright() as play:
        settings, app = instance(Path(folder) / "instance")
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = play.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *sandbox])
        with served(settings, Path(folder) / "said", **MAIL) as port:
            yield World(settings, app, f"http://127.0.0.1:{port}", browser)
        browser.close()


if __name__ == "__main__":
    main()

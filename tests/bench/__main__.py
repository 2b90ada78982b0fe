"""`python -m tests.bench [--strict] [SUBJECT ...]`: run every benchmark, or those of some modules, one row a line."""

import sys
from importlib import import_module
from pkgutil import iter_modules

import click

from tests import bench

SUBJECTS = sorted(module.name for module in iter_modules(bench.__path__) if module.name != "__main__")


@click.command()
@click.option("--strict", is_flag=True, help="Exit with status 1 if a target is missed.")
@click.argument("subjects", nargs=-1, type=click.Choice(SUBJECTS))
def main(strict: bool, subjects: tuple[str, ...]) -> None:
    """Measure what was promised and print a row for each promise."""
    for subject in subjects or SUBJECTS:
        import_module(f"{bench.__name__}.{subject}")
    missed = 0
    for measure in bench.benchmarks:
        for row in measure():
            click.echo(row)
            missed += not row.ok
    sys.exit(1 if strict and missed else 0)


if __name__ == "__main__":
    main()

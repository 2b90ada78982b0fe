"""What the command line says: problems as one sentence each, and rows as text or JSON."""

import json
from typing import Any

import click
from flask import Flask
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from distro.app import create_app
from distro.config import Settings
from distro.db import MOST_STORED
from distro.errors import Refusal, where_it_broke

BAD_URL = (
    "DATABASE_URL cannot be used. Write it as postgresql+psycopg://NAME:PASSWORD@HOST/DATABASE or sqlite:////PATH."
)
NO_TABLES = "The database lacks tables of this version. Run: distro migrate"
NO_ANSWER = "The database is busy or does not answer. Is it running, and is DATABASE_URL right?"


NUMBER = click.IntRange(1, MOST_STORED)  # of a row
as_json = click.option("--json", "json_", is_flag=True, help="Print JSON, for scripts.")


class Group(click.Group):
    """Turns what can go wrong into a sentence and exit status 1, instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            problem = str(refusal)
        except (SQLAlchemyError, ModuleNotFoundError) as error:
            problem = database_problem(error)
        except json.JSONDecodeError as error:
            problem = f"A JSON file of the instance is damaged ({where_it_broke(error)}). Restore it from the backup."
        except UnicodeDecodeError:
            problem = "The file is not UTF-8 text. Save it as UTF-8 and try again."
        except ValueError as error:
            problem = f"A value cannot be used ({where_it_broke(error)})."
        except (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError) as error:
            problem = f"{error.filename}: {error.strerror}."
        raise click.ClickException(problem)


def read_settings() -> Settings:
    """The settings of the environment, with an address of a database that can be one."""
    settings = Settings.from_env()
    check_address(settings.database_url)
    return settings


def make_app() -> Flask:
    """The application for a command to work in."""
    return create_app(read_settings())


def check_address(url: str) -> None:
    """Raises ArgumentError if a database URL is none."""
    try:
        make_url(url)
    except ValueError:  # a port that is no number
        raise ArgumentError from None


def database_problem(error: Exception) -> str:
    """What to do about a database that cannot be used. Never the error's own words, which may quote the password."""
    if isinstance(error, (ArgumentError, ModuleNotFoundError)):  # no such address, or no driver for it
        return BAD_URL
    if isinstance(error, ProgrammingError) or "no such" in str(getattr(error, "orig", "")):
        return NO_TABLES
    if isinstance(error, (OperationalError, InterfaceError, PoolExhausted)):
        return NO_ANSWER
    return f"The database refused this ({where_it_broke(error)}). Nothing was changed."


def print_rows(rows: list[dict[str, Any]], json_: bool) -> None:
    """Rows as a JSON array, or one to a line under the names of the columns."""
    if json_:
        click.echo(json.dumps(rows, default=str, ensure_ascii=False, indent=1))
        return
    if rows:
        click.echo("  ".join(rows[0]))
    for row in rows:
        click.echo("  ".join(plain(value) for value in row.values()))
    click.echo(f"{len(rows)} in all.")


def print_one(row: dict[str, Any], json_: bool) -> None:
    """A row as a JSON object, or one field to a line."""
    if json_:
        click.echo(json.dumps(row, default=str, ensure_ascii=False, indent=1))
        return
    for name, value in row.items():
        click.echo(f"{name}: {plain(value)}")


def plain(value: Any) -> str:
    """A value in words."""
    if isinstance(value, list):
        return ", ".join(map(plain, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {plain(one)}" for name, one in value.items())
    return "-" if value is None else str(value)

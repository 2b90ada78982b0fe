"""`distro database`: who may do what in PostgreSQL, and whether that is so."""

import click
from flask import Flask
from sqlalchemy import Connection

from distro import databasecheck, grants
from distro.config import Surface, current_settings
from distro.console import Group, make_app
from distro.db import Base, db
from distro.errors import Refusal
from distro.grants import DatabaseRole

OWNER = "owner"
ONE_ROLE = "SQLite has one role: whoever reads its file reads all of it, sealed boxes too. See docs/deploy.md."


class NeedsPostgres(Refusal):
    """Only PostgreSQL has roles."""

    sentence = ONE_ROLE


@click.group("database", cls=Group)
def database_group() -> None:
    """Roles of PostgreSQL, what its log tells, and how it is reached."""


@database_group.command("grants")
@click.option("--public", "public_role", required=True, help="The role that the participants' pages log in with.")
@click.option("--staff", "staff_role", required=True, help="The role of the staff pages and the scheduler.")
def database_grants(public_role: str, staff_role: str) -> None:
    """Give both roles what they need and nothing else. Run it as the owner of the tables; safe to run again.

    `distro migrate` does this again for the tables it adds. Settings that only a superuser may make are printed, for
    one to run.
    """
    if public_role == staff_role:
        raise grants.NoSuchRole(name=staff_role)
    left = []
    app = make_app()
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            raise NeedsPostgres
        with db.engine.begin() as connection:
            for role, name in ((DatabaseRole.PUBLIC, public_role), (DatabaseRole.STAFF, staff_role)):
                grants.give(connection, role, name, Base.metadata)
                left += grants.keep_quiet(connection, name)
            grants.close_database(connection)
            left += grants.close_functions(connection)
    click.echo(f"{public_role} may read what answering needs and add requests; {staff_role} may do what staff do.")
    if left:
        click.echo("A superuser has to run these in this database; most keep what is typed out of the server's log:")
        for statement in left:
            click.echo(statement)


@database_group.command("check")
@click.option(
    "--as",
    "role",
    type=click.Choice([*(role.value for role in DatabaseRole), OWNER]),
    default=None,
    help="Whose process this is.  [default: that of DISTRO_SURFACE; staff for all]",
)
def database_check(role: str | None) -> None:
    """Look at the database as a process of this machine does; name what is unsafe, and exit with status 1."""
    app = make_app()
    with app.app_context():
        if role is None:
            role = DatabaseRole.PUBLIC if current_settings().surface is Surface.PUBLIC else DatabaseRole.STAFF
        with db.engine.connect() as connection:
            found = list(_unsafe(connection, role))
            if connection.dialect.name == "sqlite":
                click.echo(ONE_ROLE)
    for sentence in found:
        click.echo(sentence)
    if found:
        raise click.ClickException(f"{len(found)} things are not as they should be.")
    click.echo("The database is reached, used and logged as it should be.")


def grant_again(app: Flask) -> list[str]:
    """After a migration, give the roles that were granted before what this version needs; gives back their names."""
    with app.app_context():
        if db.engine.dialect.name != "postgresql":
            return []
        with db.engine.begin() as connection:
            found = grants.holders(connection)
            for role, names in found.items():
                for name in names:
                    grants.give(connection, role, name, Base.metadata)
    return [name for names in found.values() for name in names]


def _unsafe(connection: Connection, role: str) -> list[str]:
    return list(databasecheck.unsafe(connection, None if role == OWNER else DatabaseRole(role), Base.metadata))

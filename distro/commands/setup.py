"""`distro places` and `catalog`: what an installation is set up with before anyone can ask."""

from pathlib import Path

import click
from sqlalchemy import select

from distro import clock
from distro.auth import Role, User
from distro.console import as_json, make_app, print_rows
from distro.db import db
from distro.errors import NotFound, Refusal
from geo import crosswalk, places, referrals
from geo.load import load_places
from inventory import catalog

DAY = click.DateTime(["%Y-%m-%d"])
SYSTEM = "system"  # who the record names where nobody says
yaml_file = click.Path(exists=True, dir_okay=False, path_type=Path)
by_whom = click.option("--by", default=SYSTEM, show_default=True, help="Your staff username, for the record.")


class NotTheirRole(Refusal):
    """The command is for others."""

    status = 403
    sentence = "%(name)s is no %(roles)s, so they cannot do this. Ask one of those."


def check_staff(username: str, *roles: Role) -> None:
    """Raises NotFound unless an active member of staff goes by that name: the record should name someone.

    With `roles`, raises NotTheirRole if theirs is another.
    """
    role = db.session.scalar(select(User.role).where(User.username == username, User.active))
    if role is None:
        raise NotFound(what="member of staff", name=username)
    if roles and role not in roles:
        raise NotTheirRole(name=username, roles=" or ".join(roles))


@click.group("places")
def places_group() -> None:
    """States, counties and ZIP codes."""


@places_group.command("load")
def places_load() -> None:
    """Build the tables of states, counties and ZIP codes from the installed data packages. About ten seconds.

    Helplines that are not in the directory yet are added to it; none is changed.
    """
    with make_app().app_context():
        counts = load_places(db.session())
        referrals.seed(db.session(), clock.now())
        db.session.commit()
    click.echo(str(counts))


@places_group.command("show")
@click.argument("zips", nargs=-1, required=True)
@as_json
def places_show(zips: tuple[str, ...], json_: bool) -> None:
    """Show which states and counties each of ZIPS may lie in."""
    with make_app().app_context():
        print_rows(places.show(db.session(), zips), json_)


@places_group.command("crosswalk")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", required=True, help="Where the list is from, such as “HUD ZIP-COUNTY, 3rd quarter of 2026”.")
@click.option("--by", required=True, help="Your staff username, for the record.")
def places_crosswalk(file: Path, source: str, by: str) -> None:
    """Take the counties of ZIP codes from FILE, a CSV in the form of HUD's ZIP crosswalk."""
    with make_app().app_context():
        check_staff(by, Role.MANAGER, Role.REVIEWER, Role.ADMIN)
        at = clock.now()
        counts = crosswalk.import_crosswalk(db.session(), file, source=source, on=at.date(), by=by, at=at)
        db.session.commit()
    click.echo(str(counts))


@click.group("catalog")
def catalog_group() -> None:
    """Items, kits, warehouses, bins and funds."""


@catalog_group.command("load")
@click.argument("file", type=yaml_file)
@by_whom
def catalog_load(file: Path, by: str) -> None:
    """Add or change what FILE (YAML) names: items, kits, warehouses, bins, funds. Nothing else is touched."""
    with make_app().app_context():
        if by != SYSTEM:
            check_staff(by)
        counts = catalog.load(db.session(), file, by=by, at=clock.now())
        db.session.commit()
    click.echo(str(counts))


@catalog_group.command("export")
def catalog_export() -> None:
    """Print the catalog as a file that `catalog load` reads."""
    with make_app().app_context():
        click.echo(catalog.dump(db.session()), nl=False)

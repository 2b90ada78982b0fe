"""`distro places`, `rules` and `catalog`: what an installation is set up with before anyone can ask."""

from datetime import date
from pathlib import Path

import click
from sqlalchemy import select

from distro import clock
from distro.auth import User
from distro.console import NUMBER, as_json, make_app, print_one, print_rows
from distro.db import db
from distro.errors import NotFound
from geo import places, publish
from geo.load import load_places
from geo.models import Ruleset
from inventory import catalog

SYSTEM = "system"  # who the record names where nobody says
yaml_file = click.Path(exists=True, dir_okay=False, path_type=Path)
by_whom = click.option("--by", default=SYSTEM, show_default=True, help="Your staff username, for the record.")


def check_staff(username: str) -> None:
    """Raises NotFound unless an active member of staff goes by that name: the record should name someone."""
    if db.session.scalar(select(User.id).where(User.username == username, User.active)) is None:
        raise NotFound(what="member of staff", name=username)


@click.group("places")
def places_group() -> None:
    """States, counties and ZIP codes."""


@places_group.command("load")
def places_load() -> None:
    """Build the tables of states, counties and ZIP codes from the installed data packages. About ten seconds."""
    with make_app().app_context():
        counts = load_places(db.session())
        db.session.commit()
    click.echo(str(counts))


@places_group.command("show")
@click.argument("zips", nargs=-1, required=True)
@as_json
def places_show(zips: tuple[str, ...], json_: bool) -> None:
    """Show which states and counties each of ZIPS may lie in."""
    with make_app().app_context():
        print_rows(places.show(db.session(), zips), json_)


@click.group("rules")
def rules_group() -> None:
    """What may be sent where."""


@rules_group.command("load")
@click.argument("file", type=yaml_file, required=False)
@by_whom
def rules_load(file: Path | None, by: str) -> None:
    """Load a ruleset from FILE (YAML) as a draft; without FILE, the starter rules. Nothing goes live."""
    with make_app().app_context():
        if by != SYSTEM:
            check_staff(by)
        ruleset = publish.load_rules(db.session(), file or publish.STARTER, by=by, at=clock.now())
        db.session.commit()
        click.echo(f"Loaded as draft {ruleset.id}: {ruleset.name}. Publish it with: distro rules publish {ruleset.id}")


@rules_group.command("publish")
@click.argument("ruleset", type=NUMBER)
@click.option("--by", required=True, help="Your staff username, for the record.")
def rules_publish(ruleset: int, by: str) -> None:
    """Make the draft RULESET the live one. Refused while any of its rules is unreviewed."""
    with make_app().app_context():
        check_staff(by)
        draft = db.session.get(Ruleset, ruleset)
        if draft is None:
            raise NotFound(what="ruleset", name=ruleset)
        publish.publish(db.session(), draft, by=by, at=clock.now())
        db.session.commit()
        click.echo(f"Live now: {draft.name}.")


@rules_group.command("list")
@as_json
def rules_list(json_: bool) -> None:
    """List the live rules with their sources."""
    with make_app().app_context():
        print_rows(publish.list_rules(db.session()), json_)


@rules_group.command("explain")
@click.option("--zip", "zip_", required=True, help="Destination ZIP code.")
@click.option("--item", required=True, help="Item code, such as naloxone-nasal.")
@click.option("--on", "on_", default=None, help="Day of sending, YYYY-MM-DD.  [default: today]")
@click.option("--state", default=None, help="State, where the ZIP code lies in several.")
@as_json
def rules_explain(zip_: str, item: str, on_: str | None, state: str | None, json_: bool) -> None:
    """Say whether an item may be sent to a ZIP code on a day, and why."""
    try:
        on = date.fromisoformat(on_) if on_ else clock.today()
    except ValueError:
        raise click.BadParameter("write the day as YYYY-MM-DD, such as 2026-12-01", param_hint="--on") from None
    with make_app().app_context():
        print_one(publish.explain(db.session(), zip_text=zip_, item=item, on=on, state=state), json_)


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

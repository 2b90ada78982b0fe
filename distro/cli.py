"""The `distro` command. The instance it works on is DISTRO_INSTANCE, or ./instance."""

import secrets
from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy import select

from distro import audit, clock, demo, jobs, keyring, schema
from distro.app import create_app, routes
from distro.auth import Role, add_user
from distro.cli_credentials import credentials_group
from distro.cli_referrals import referrals_group
from distro.cli_rules import rules_group
from distro.cli_setup import catalog_group, places_group
from distro.config import Settings, Surface
from distro.console import NUMBER, Group, as_json, check_keys_file, make_app, print_rows, read_settings
from distro.db import db
from distro.errors import NotFound
from distro.serve import serve as serve_app
from inventory import ledger, stock
from inventory.models import Bin, Lot, Site
from orders import queries

PORT = click.IntRange(1, 65_535)


@click.group(cls=Group)
def main() -> None:
    """Run and look after Distro: supplies by mail, kept confidential.

    The state of one installation (database, keyring, spool, mailbox) lies in one directory, the instance:
    DISTRO_INSTANCE, or ./instance. DATABASE_URL points to PostgreSQL; without it SQLite is used.
    """


main.add_command(places_group)
main.add_command(rules_group)
main.add_command(credentials_group)
main.add_command(catalog_group)
main.add_command(referrals_group)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", type=click.IntRange(1, 100), default=2, show_default=True, help="Web processes.")
@click.option(
    "--surface",
    type=click.Choice([surface.value for surface in Surface]),
    default=None,
    help="Which pages to serve.  [default: all]",
)
def serve(host: str, port: int, workers: int, surface: str | None) -> None:
    """Start the web pages.

    `--surface public` serves the participants' pages alone and needs no keyring; `--surface staff` the rest.
    """
    settings = read_settings()
    click.echo(f"Serving http://{host}:{port} from {settings.instance}. Ctrl-C stops it.")
    serve_app(replace(settings, surface=Surface(surface or settings.surface)), host=host, port=port, workers=workers)


@main.command()
def scheduler() -> None:
    """Start the process that works by the clock: triage, allocation, alerts, mail, erasure.

    It needs the keyring. Requests wait safely while it is stopped.
    """
    settings = read_settings()
    click.echo(f"Working for {settings.instance}. Ctrl-C stops it.")
    jobs.run_scheduler(create_app(settings), settings)


@main.command()
def migrate() -> None:
    """Create the database, or bring it to this version's schema. Safe to run again."""
    schema.upgrade(make_app())
    click.echo("The database is up to date.")


@main.group("user")
def user_group() -> None:
    """Staff accounts."""


@user_group.command("add")
@click.argument("username")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What they do here.")
@click.option("--email", default="", help="Where alerts go.")
@click.option("--site", default=None, help="Limit them to one warehouse, by its code.")
def user_add(username: str, role: str, email: str, site: str | None) -> None:
    """Add USERNAME and print a generated password, once."""
    password = secrets.token_urlsafe(15)
    with make_app().app_context():
        if site is not None and db.session.scalar(select(Site.id).where(Site.code == site)) is None:
            raise NotFound(what="warehouse", name=site)
        add_user(db.session(), username=username, role=Role(role), password=password, email=email, site_code=site)
        db.session.commit()
    click.echo(f"{username} ({role}) may sign in with this password, shown only now: {password}")


@main.group("keys")
def keys_group() -> None:
    """The keys that seal addresses, one pair a week."""


@keys_group.command("make")
def keys_make() -> None:
    """Make the missing key pairs, six weeks ahead. The scheduler does this too."""
    settings = Settings.from_env()
    check_keys_file(settings.public_keys)
    made = keyring.make_keys(settings.keyring, settings.public_keys, clock.today())
    click.echo(f"Made {len(made)}: {', '.join(made)}" if made else "All keys are there.")


@keys_group.command("list")
@as_json
def keys_list(json_: bool) -> None:
    """List the weeks with a public key, and whether the private half is still here."""
    settings = Settings.from_env()
    check_keys_file(settings.public_keys)
    private = set(keyring.private_weeks(settings.keyring))
    weeks = sorted(keyring.published_keys(settings.public_keys))
    print_rows([{"week": week, "private_key": week in private} for week in weeks], json_)


@main.group("stock")
def stock_group() -> None:
    """What stands on the shelves."""


@stock_group.command("show")
@as_json
def stock_show(json_: bool) -> None:
    """List stock by item, site and lot."""
    with make_app().app_context():
        print_rows(stock.rows(db.session()), json_)


@stock_group.command("verify")
def stock_verify() -> None:
    """Prove that every balance is the sum of its ledger, and every promised unit promised to an order being packed.

    Names each that is not, and exits with status 1.
    """
    with make_app().app_context():
        wrong = list(ledger.differences(db.session()))
        for row in wrong:
            lot, bin = db.session.get_one(Lot, row.lot_id), db.session.get_one(Bin, row.bin_id)
            click.echo(
                f"lot {lot.number} ({lot.item.code}) in {bin.site.code}/{bin.code}: the ledger says on hand "
                f"{row.ledger[0]}, reserved {row.ledger[1]}; the balance says {row.balance[0]}, {row.balance[1]}"
            )
        astray = queries.promises_astray(db.session())
    for line in astray:
        click.echo(line)
    if wrong or astray:
        raise click.ClickException(f"{len(wrong)} balances differ from the ledger, {len(astray)} from the orders.")
    click.echo("Every balance is the sum of its ledger.")


@main.group("audit")
def audit_group() -> None:
    """The record of who saw or changed what."""


@audit_group.command("verify")
def audit_verify() -> None:
    """Prove that every entry follows from the one before; name the first that does not, and exit with status 1.

    An entry that was changed, put in or taken out breaks the chain there; entries cut off at the end do not show.
    """
    with make_app().app_context():
        broken = audit.broken_at(db.session())
    if broken is not None:
        raise click.ClickException(f"Entry {broken} of the record does not follow from the one before it.")
    click.echo("Every entry of the record follows from the one before.")


@main.group("orders")
def orders_group() -> None:
    """Requests and what became of them."""


@orders_group.command("list")
@click.option("--limit", type=NUMBER, default=100, show_default=True, help="How many, newest first.")
@as_json
def orders_list(limit: int, json_: bool) -> None:
    """List orders, newest first. Nothing in it is personal."""
    with make_app().app_context():
        print_rows(queries.rows(db.session(), limit=limit), json_)


@main.command("routes")
@click.option(
    "--surface", type=click.Choice([surface.value for surface in Surface]), default=Surface.ALL.value, show_default=True
)
@as_json
def routes_(surface: str, json_: bool) -> None:
    """List every address a surface answers, and which roles its guard lets in."""
    print_rows(routes(create_app(Settings.from_env(surface=Surface(surface)))), json_)


@main.command("demo")
@click.option("--port", type=PORT, default=8000, show_default=True, help="Port of the pages.")
@click.option(
    "--instance", type=click.Path(path_type=Path), default=Path("instance"), envvar="DISTRO_INSTANCE", show_default=True
)
@click.option("--reset", is_flag=True, help="Throw the demo's data away and start over.")
def demo_command(port: int, instance: Path, reset: bool) -> None:
    """Start everything with a believable depot: web, scheduler, local mailbox. Ctrl-C stops all.

    A second run keeps the data.
    """
    demo.run(instance.resolve(), port=port, reset=reset)

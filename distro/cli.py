"""The `distro` command. The instance it works on is DISTRO_INSTANCE, or ./instance."""

from dataclasses import replace
from pathlib import Path

import click

from distro import clock, demo, jobs, logbook, schema
from distro.app import create_app, routes
from distro.commands.audit import audit_group
from distro.commands.credentials import credentials_group
from distro.commands.database import database_group, grant_again
from distro.commands.holdings import holdings_command
from distro.commands.keys import keys_group
from distro.commands.orders import orders_group
from distro.commands.referrals import referrals_group
from distro.commands.rules import rules_group
from distro.commands.setup import catalog_group, places_group
from distro.commands.users import user_group
from distro.config import Settings, Surface
from distro.console import Group, as_json, make_app, print_rows, read_settings
from distro.db import db
from distro.serve import serve as serve_app
from inventory import ledger, stock
from inventory.models import Bin, Lot
from orders import forgotten, queries

PORT = click.IntRange(1, 65_535)


@click.group(cls=Group)
def main() -> None:
    """Run and look after Distro: supplies by mail, kept confidential.

    The state of one installation (database, keyring, spool, mailbox) lies in one directory, the instance:
    DISTRO_INSTANCE, or ./instance. DATABASE_URL points to PostgreSQL; without it SQLite is used.
    """


main.add_command(audit_group)
main.add_command(holdings_command)
main.add_command(places_group)
main.add_command(database_group)
main.add_command(rules_group)
main.add_command(credentials_group)
main.add_command(keys_group)
main.add_command(orders_group)
main.add_command(catalog_group)
main.add_command(referrals_group)
main.add_command(user_group)


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
    logbook.begin()
    jobs.run_scheduler(create_app(settings), settings)


@main.command()
def migrate() -> None:
    """Create the database, or bring it to this version's schema. Safe to run again."""
    app = make_app()
    schema.upgrade(app)
    again = grant_again(app)
    click.echo("The database is up to date." + (f" Granted again: {', '.join(again)}." if again else ""))


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


@orders_group.command("forget-again")
def orders_forget_again() -> None:
    """After a restore: cancel and erase again what people had cancelled or erased since that backup.

    `forgotten.jsonl` in the instance tells which; put the newest there first. Safe to run again.
    """
    settings = read_settings()
    with make_app().app_context():
        cancelled, erased, labelled = forgotten.forget_again(db.session(), settings.forgotten, at=clock.now())
        db.session.commit()
    click.echo(f"{cancelled} orders are cancelled and {erased} addresses erased again.")
    if labelled:
        click.echo(f"These are labelled: unpack or send them, then run this again: {', '.join(labelled)}")


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

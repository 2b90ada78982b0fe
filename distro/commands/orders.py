"""`distro orders`: requests, and whether their rows are ours."""

import click

from distro import clock
from distro.commands.setup import SYSTEM, by_whom, check_staff
from distro.console import NUMBER, as_json, make_app, print_rows, read_settings
from distro.db import db
from orders import queries, reprove
from orders.identity import Keys


@click.group("orders")
def orders_group() -> None:
    """Requests and what became of them."""


@orders_group.command("list")
@click.option("--limit", type=NUMBER, default=100, show_default=True, help="How many, newest first.")
@as_json
def orders_list(limit: int, json_: bool) -> None:
    """List orders, newest first. Nothing in it is personal."""
    with make_app().app_context():
        print_rows(queries.rows(db.session(), limit=limit), json_)


@orders_group.command("reprove")
@by_whom
def orders_reprove(by: str) -> None:
    """Prove rows anew after SECRET_KEY was changed: those that fit SECRET_KEY_OLD get a proof under SECRET_KEY.

    Rows that fit neither are named, and left for a person; then the exit status is 1. Safe to run again.
    docs/keys.md has the whole procedure.
    """
    keys = Keys.of(read_settings())
    with make_app().app_context():
        session = db.session()
        if by != SYSTEM:
            check_staff(by)
        done = reprove.Reproven(more=True)
        moved, neither = 0, list[str]()
        while done.more:
            done = reprove.reprove(session, keys, after=done.last_id, by=by, at=clock.now())
            session.commit()
            moved, neither = moved + done.moved, [*neither, *done.neither]
        session.expire_all()
        needed = reprove.still_needed(session)
    click.echo(f"Proven anew: {moved}.\n{needed}")
    for number in neither:
        click.echo(f"{number} fits neither secret.")
    if neither:
        raise click.ClickException(f"{len(neither)} rows are not as we wrote them. See “Tampering” in docs/keys.md.")

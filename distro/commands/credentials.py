"""`distro credentials`: the papers that let us send, for scripts and for the first set-up."""

import click
from marshmallow import ValidationError

from distro import clock
from distro.auth import Role
from distro.commands.setup import check_staff
from distro.console import NUMBER, as_json, make_app, print_rows
from distro.db import db
from distro.errors import InvalidInput
from distro.rulework.credential_scope import read_paper
from geo import credentials, expiry
from geo.credential_form import Fields

OPTIONS = {  # field -> the option it is typed in
    **{"sites": "--site", "places": "--place", "items": "--item", "valid_from": "--from", "last_day": "--last-day"},
    **{name: f"--{name}" for name in ("kind", "title", "number", "issuer", "note")},
}


@click.group("credentials")
def credentials_group() -> None:
    """Standing orders, approvals, licences: the papers that rules ask for."""


@credentials_group.command("list")
@as_json
def credentials_list(json_: bool) -> None:
    """List every paper, the first to end on top, and how it stands today (UTC)."""
    with make_app().app_context():
        lines = [expiry.line(paper, clock.today()) for paper in credentials.every(db.session())]
        print_rows([_row(line) for line in lines], json_)


@credentials_group.command("add")
@click.option("--kind", required=True, help="As rules ask for it, such as program:CA or standing-order.")
@click.option("--title", required=True, help="What the paper is called.")
@click.option("--number", default="", help="Its number.")
@click.option("--issuer", required=True, help="Who issued it.")
@click.option("--site", "sites", multiple=True, help="Warehouse it is for, by code; again for more.  [default: any]")
@click.option(
    "--place", "places", multiple=True, help="Place it lets us send to: OH, “Clark, OH”, 43215.  [default: any]"
)
@click.option(
    "--item",
    "items",
    multiple=True,
    help="Item of the catalog by code, class:syringes or form:otc; again for more.  [default: any]",
)
@click.option("--from", "valid_from", required=True, help="First day it holds, YYYY-MM-DD.")
@click.option("--last-day", default="", help="Last day it holds, YYYY-MM-DD.  [default: it does not end]")
@click.option("--note", default="", help="For staff.")
@click.option("--by", required=True, help="Your staff username, for the record.")
def credentials_add(by: str, **typed: str | tuple[str, ...]) -> None:
    """Record a paper."""
    with make_app().app_context():
        check_staff(by, Role.MANAGER, Role.REVIEWER, Role.ADMIN)
        try:
            fields = read_paper(db.session(), typed)
        except ValidationError as error:
            said = (f"{OPTIONS[name]}: {problems[0]}" for name, problems in error.messages_dict.items())
            raise InvalidInput(problem=" ".join(said)) from None
        paper = credentials.record(db.session(), by=by, at=clock.now(), **fields)
        db.session.commit()
        words = expiry.line(paper, clock.today()).words
        click.echo(f"Recorded as {paper.id}: {paper.title}, {words}. The public pages follow within seconds.")


@credentials_group.command("withdraw")
@click.argument("credential", type=NUMBER)
@click.option("--by", required=True, help="Your staff username, for the record.")
def credentials_withdraw(credential: int, by: str) -> None:
    """End the paper with the id CREDENTIAL now, for good. It cannot be undone."""
    with make_app().app_context():
        check_staff(by, Role.MANAGER, Role.REVIEWER, Role.ADMIN)
        paper = credentials.find(db.session(), credential)
        credentials.withdraw(db.session(), paper, on=clock.today(), by=by, at=clock.now())
        db.session.commit()
        click.echo(f"Withdrawn: {paper.title}. What needs it is not sent any more.")


def _row(line: expiry.Line) -> dict[str, object]:
    fields = {name: getattr(line.credential, name) for name in Fields.__annotations__ if name != "note"}
    days = {"last_day": line.last_day, "days_left": line.days}
    return {"id": line.credential.id, **fields, **days, "state": line.phase}

"""`distro holdings`: what could be handed over, about one request or of everything."""

import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

import click

from distro.config import Settings
from distro.console import as_json, make_app, print_one, read_settings
from distro.db import db
from distro.keys.keyring import Keyring
from orders import codes, holdings, queries
from orders.codes import CodeUnknown

SHOWN_IN_HISTORY = (
    "A claim code on the command line stays in the shell's history. Better: distro holdings - (it asks for the code)."
)


@click.command("holdings")
@click.argument("what", metavar="CODE|all|-")
@click.option("--all", "whole", is_flag=True, help="Of a request: every column with its meaning, not only the answer.")
@as_json
def holdings_command(what: str, whole: bool, json_: bool) -> None:
    """Say exactly what is held and could be handed over, in plain words.

    `-` asks for a claim code, or reads it from standard input, and tells what is held of its request: a short answer,
    and with --all or --json every column of it. `all` tells every table and file. No name or address is opened for it.
    """
    settings = read_settings()
    if what not in ("all", "-"):
        click.echo(SHOWN_IN_HISTORY, err=True)
    code = _typed() if what == "-" else what
    with make_app().app_context():
        told = _everything(settings) if what == "all" else _one(settings, code)
    if json_:
        print_one(told, json_)
    elif whole or what == "all":
        _say(told)
    else:
        _say_briefly(told)


def _typed() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Claim code", hide_input=True, err=True))
    return sys.stdin.readline().strip()


def _one(settings: Settings, code: str) -> dict[str, Any]:
    session = db.session()
    try:
        order = queries.by_code(session, settings.secrets, code)
    except CodeUnknown:
        tags = codes.code_tags(settings.secrets, code)
        spooled = [held for tag in tags for held in holdings.of_spool(settings.spool, tag)]
        if not spooled:
            raise
        return {"order": "", "address": [holdings.SPOOLED], "held": list(map(asdict, spooled)), "never": _never()}
    return {
        "order": order.number,
        "address": holdings.fate(order, Keyring.of(settings)),
        "held": [asdict(held) for held in holdings.of_order(session, order)],
        "never": _never(),
    }


def _everything(settings: Settings) -> dict[str, Any]:
    session, words = db.session(), holdings.words()
    return {
        "kept": [asdict(kept) for kept in holdings.everything(session, settings.instance)],
        "elsewhere": words["elsewhere"],
        "never": words["never"],
        "not_described": holdings.unlisted(session, settings.instance),
    }


def _never() -> list[str]:
    never: list[str] = holdings.words()["never"]
    return never


def _say_briefly(told: dict[str, Any]) -> None:
    click.echo(f"Order {told['order'] or 'not in the database yet'}")
    click.echo("\n".join(told["address"]))
    columns = Counter(held["table"] for held in told["held"])
    click.echo(f"Kept about it: {', '.join(f'{count} values in {table}' for table, count in columns.items())}.")
    click.echo("Each of them with its meaning, and what does not exist: the same command with --all.")


def _say(told: dict[str, Any]) -> None:
    if "order" in told:
        click.echo(f"Order {told['order'] or 'not in the database yet'}\n")
        click.echo("\n".join(told["address"]))
        table = ""
        for held in told["held"]:
            if held["table"] != table:
                table = held["table"]
                click.echo(f"\nIn {table}:")
            click.echo(f"  {held['column']}: {held['value']}\n      {held['meaning']}")
    for kept in told.get("kept", ()):
        days = f", {kept['oldest']} to {kept['newest']}" if kept["oldest"] else ""
        click.echo(f"{kept['name']} ({kept['about']}): {kept['count']:,}{days}\n    {kept['what']}")
    if "elsewhere" in told:
        click.echo("\nOutside this installation there may be:")
        click.echo("\n".join(f"- {one['name']}: {one['what']}" for one in told["elsewhere"]))
    click.echo("\nThis does not exist:")
    click.echo("\n".join(f"- {line}" for line in told["never"]))
    if told.get("not_described"):
        click.echo("\nNot described yet, tell an admin: " + ", ".join(told["not_described"]))

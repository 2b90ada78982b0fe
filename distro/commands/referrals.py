"""`distro referrals`: the programs and helplines that people can turn to."""

from pathlib import Path

import click
from sqlalchemy import select

from distro import clock
from distro.auth import Role
from distro.commands.setup import SYSTEM, by_whom, check_staff, yaml_file
from distro.console import as_json, make_app, print_rows
from distro.db import db
from geo import referrals
from geo.models import Referral


@click.group("referrals")
def referrals_group() -> None:
    """Referrals: programs and helplines that people can turn to."""


@referrals_group.command("load")
@click.argument("file", type=yaml_file, required=False)
@by_whom
def referrals_load(file: Path | None, by: str) -> None:
    """Add or change what FILE (YAML) names; without FILE, add what is missing of the starter list.

    Nothing is deleted.
    """
    with make_app().app_context():
        if by != SYSTEM:
            check_staff(by, Role.MANAGER, Role.REVIEWER, Role.ADMIN)
        session, at = db.session(), clock.now()
        counts = referrals.load(session, file, by, at) if file else {"added": referrals.seed(session, at)}
        db.session.commit()
    click.echo(", ".join(f"{count} {what}" for what, count in counts.items()) + ".")


@referrals_group.command("list")
@as_json
def referrals_list(json_: bool) -> None:
    """List the referrals, with how many days ago each entry was checked."""
    with make_app().app_context():
        today = clock.today()
        rows = [
            {
                "code": row.code,
                "kind": row.kind,
                "name": row.name,
                "phone": row.phone,
                "url": row.url,
                "areas": row.areas,
                "checked_on": row.checked_on.isoformat(),
                "checked_by": row.checked_by,
                "days_ago": (today - row.checked_on).days,
                "needs_check": referrals.is_stale(row, today),
                "withdrawn": row.withdrawn,
            }
            for row in db.session.scalars(select(Referral).order_by(Referral.code))
        ]
        print_rows(rows, json_)


@referrals_group.command("export")
def referrals_export() -> None:
    """Print the referrals as a file that `referrals load` reads."""
    with make_app().app_context():
        click.echo(referrals.export(db.session()), nl=False)

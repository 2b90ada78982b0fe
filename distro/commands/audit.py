"""`distro audit`: what the record proves."""

from datetime import datetime, timedelta
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import actions, anchors, audit, clock
from distro.audit import Anchor, AuditEntry, Report
from distro.config import Settings
from distro.console import Group, as_json, make_app, print_one, print_rows, read_settings
from distro.db import db
from distro.record import Month

NO_ANCHOR = (
    "AUDIT_ANCHOR_FILE names {path}, but no anchor is there, though the record is older than a day: what was cut off "
    "would not show. See whether its disk is there and who emptied it, or give saved mails with --anchors."
)


@click.group("audit", cls=Group)
def audit_group() -> None:
    """The record of who saw or changed what."""


@audit_group.command("verify")
@click.option(
    "--anchors",
    "files",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A file with anchors: what AUDIT_ANCHOR_FILE names, or saved mails. May be given again.",
)
@as_json
def audit_verify(files: tuple[Path, ...], json_: bool) -> None:
    """Prove that every entry follows from the one before, and hold the record against its anchors.

    Names what was changed, put in or taken out, and exits with status 1. Without --anchors, AUDIT_ANCHOR_FILE is read:
    once the record is older than a day, that must have one. What is newer than the last anchor could be cut off unseen;
    it says how many entries that are.
    """
    settings = read_settings()
    known = _read(files) if files else _default(settings)
    with make_app().app_context():
        if settings.anchor_file is not None and not files and not known and _anchor_due(db.session()):
            raise click.ClickException(NO_ANCHOR.format(path=settings.anchor_file))
        report = audit.verify(db.session(), known)
    if json_:
        print_one(_as_row(report, known), json_)
    if not report.holds:
        raise click.ClickException(" ".join(found(report)))
    if not json_:
        click.echo(f"Every entry of the record follows from the one before. {unseen(report, known)}")


@audit_group.command("list")
@click.option("--action", default="", help="Such as “release”, as --json shows it.")
@click.option("--subject", default="", help="Such as ORD-7K3M9QXA, 2026-W48 or a username.")
@click.option("--month", type=click.DateTime(["%Y-%m"]), default=None, help="Such as 2026-11.")
@as_json
def audit_list(action: str, subject: str, month: datetime | None, json_: bool) -> None:
    """List the entries of the record, the oldest first. The page /record shows the same, a month at a time."""
    query = select(AuditEntry).order_by(AuditEntry.id)
    if action:
        query = query.where(AuditEntry.action == action)
    if subject:
        query = query.where(AuditEntry.subject == subject)
    if month:
        chosen = Month.of(month.date())
        query = query.where(AuditEntry.at >= chosen.begin, AuditEntry.at < chosen.end)
    with make_app().app_context():
        rows = [_listed(entry, json_) for entry in db.session.scalars(query)]
    print_rows(rows, json_)


@audit_group.command("anchor")
def audit_anchor() -> None:
    """Print where the record ends now, to keep on paper or elsewhere."""
    with make_app().app_context():
        anchor = audit.head(db.session(), at=clock.now())
        db.session.rollback()
    click.echo(anchors.as_text(anchor).rstrip() if anchor else "The record is empty.")


def found(report: Report) -> list[str]:
    """What is wrong with the record, in sentences."""
    lines = []
    if report.broken is not None:
        lines.append(f"Entry {report.broken} of the record does not follow from the one before it.")
    for anchor in report.cut:
        gone = anchor.entries - report.entries
        lines.append(f"The anchor of {_when(anchor)} had {anchor.entries:,} entries: {gone:,} were cut off since.")
    for anchor in report.changed:
        lines.append(f"The anchor of {_when(anchor)} does not fit: its {anchor.entries:,} entries were changed since.")
    return lines


def unseen(report: Report, known: list[Anchor]) -> str:
    """What could have been done to the record without a trace, in a sentence."""
    if not known:
        return "There is no anchor: entries cut off at the end, or a record written anew as a whole, do not show."
    if report.newer:
        are = "1 entry is" if report.newer == 1 else f"{report.newer:,} entries are"
        return f"{are} newer than the last anchor: what was changed or cut off there does not show."
    return "Nothing is newer than the last anchor."


def _listed(entry: AuditEntry, json_: bool) -> dict[str, object]:
    action = entry.action if json_ else actions.in_words(entry.action)
    row = {"id": entry.id, "at": f"{entry.at:%Y-%m-%d %H:%M}", "actor": entry.actor, "action": action}
    return row | {"subject": entry.subject, "reason": entry.reason}


def _when(anchor: Anchor) -> str:
    return f"{anchor.at:%Y-%m-%d %H:%M} UTC"


def _default(settings: Settings) -> list[Anchor]:
    path = settings.anchor_file
    return anchors.read(path.read_text(errors="replace")) if path is not None and path.exists() else []


def _anchor_due(session: Session) -> bool:
    first = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
    return first is not None and first < clock.now() - timedelta(seconds=clock.DAY)


def _read(files: tuple[Path, ...]) -> list[Anchor]:
    found: list[Anchor] = []
    for path in files:
        here = anchors.read(path.read_text(errors="replace"))
        if not here:
            raise click.ClickException(f"{path} has no anchor in it.")
        found += here
    return found


def _as_row(report: Report, known: list[Anchor]) -> dict[str, object]:
    return {
        "entries": report.entries,
        "holds": report.holds,
        "broken_at": report.broken,
        "anchors": len(known),
        "cut": [anchors.as_text(anchor).split() for anchor in report.cut],
        "changed": [anchors.as_text(anchor).split() for anchor in report.changed],
        "newer_than_the_last_anchor": report.newer,
    }

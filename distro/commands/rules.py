"""`distro rules`: from a file to law by two people, what is in force, and why."""

from datetime import date, datetime
from pathlib import Path

import click
from sqlalchemy import select

from distro import clock
from distro.auth import Role
from distro.commands.setup import DAY, SYSTEM, by_whom, check_staff, yaml_file
from distro.console import NUMBER, as_json, make_app, print_one, print_rows
from distro.db import db
from distro.errors import Refusal
from geo import drafts, lint, places, publish, rulefile, ruleschema
from geo.diff import Change, rule_changes
from geo.models import Ruleset
from inventory.models import Item
from orders import chain, preview

WRITERS = (Role.MANAGER, Role.REVIEWER, Role.ADMIN)
drop_rules = click.option("--drop-rules", is_flag=True, help="Go on although many of the rules in force are dropped.")


class DropsRules(Refusal):
    """A file with a few rules would quietly take the place of all."""

    sentence = (
        "Ruleset %(id)s was left as it is: it would drop %(dropped)s of the %(all)s rules published last. Start from a "
        "copy of those (“distro rules copy live”), or say --drop-rules if it is meant so."
    )


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
            check_staff(by, *WRITERS)
        items = _catalog() if file else None  # the starter rules speak of more than one catalog holds
        draft = drafts.load_rules(db.session(), file or publish.STARTER, by=by, at=clock.now(), items=items)
        db.session.commit()
        next_step = f"distro rules propose {draft.id} --from DAY --by USER"
        click.echo(f"Loaded as draft {draft.id}: {draft.name}. When every rule has a reviewer: {next_step}")


@rules_group.command("lint")
@click.argument("path", type=yaml_file, metavar="FILE")
def rules_lint(path: Path) -> None:
    """Check FILE: faults go to standard error and make the exit status 1, notes to standard output."""
    with make_app().app_context():
        known = drafts.known(db.session(), _catalog())
        if not known.states:
            click.echo("The places are not loaded here, so places were not checked.")
            known = rulefile.Known(None, None, None, known.items)
        file = rulefile.read(drafts.text_of(path), known)
        problems = lint.lint(file, clock.today())
        before = publish.last_published(db.session())
        count, now = len(file.rules), len(before.rules) if before else 0
    for problem in problems:
        click.echo(str(problem), err=problem.sort == "fault")
    if count < now:
        click.echo(f"The file has {count} rules, and those published last are {now}: it would drop some.")
    faults = sum(problem.sort == "fault" for problem in problems)
    click.echo(f"{faults} faults, {len(problems) - faults} notes.")
    if faults:
        raise SystemExit(1)


@rules_group.command("schema")
def rules_schema() -> None:
    """Print the JSON Schema of ruleset files, for editors."""
    click.echo(ruleschema.json_text(), nl=False)


@rules_group.command("export")
@click.argument("ruleset")
def rules_export(ruleset: str) -> None:
    """Print RULESET, a number or “live”, byte for byte as it was loaded or written."""
    with make_app().app_context():
        click.echo(_ruleset(ruleset).text.encode(), nl=False)


@rules_group.command("copy")
@click.argument("ruleset")
@click.option("--by", required=True, help="Your staff username, for the record.")
def rules_copy(ruleset: str, by: str) -> None:
    """Make a new draft that says what RULESET says, a number or “live”: to change it, or to publish it again."""
    with make_app().app_context():
        check_staff(by, *WRITERS)
        draft = drafts.copy(db.session(), _ruleset(ruleset), by=by, at=clock.now())
        db.session.commit()
        click.echo(f"Copied as draft {draft.id}: {draft.name}.")


@rules_group.command("propose")
@click.argument("ruleset", type=NUMBER)
@click.option("--from", "from_", type=DAY, help="First day in force, YYYY-MM-DD.  [default: today]")
@click.option("--by", required=True, help="Your staff username, for the record.")
@drop_rules
def rules_propose(ruleset: int, from_: datetime | None, by: str, drop_rules: bool) -> None:
    """Close the draft RULESET and ask a second person to publish it; says what it changes."""
    with make_app().app_context():
        check_staff(by, *WRITERS)
        draft = publish.find(db.session(), ruleset)
        first = from_.date() if from_ else clock.today()
        said = _told_changes(draft, drop_rules)
        publish.propose(db.session(), draft, effective_on=first, by=by, at=clock.now())
        db.session.commit()
        click.echo(said)
        click.echo(f"Proposed from {draft.effective_on}. A second person: distro rules publish {draft.id} --by USER")


@rules_group.command("publish")
@click.argument("ruleset", type=NUMBER)
@click.option("--by", required=True, help="Your staff username, for the record; a reviewer's or an admin's.")
@drop_rules
def rules_publish(ruleset: int, by: str, drop_rules: bool) -> None:
    """Put the proposed RULESET in force from its day on. Refused to everyone who wrote or proposed it."""
    with make_app().app_context():
        check_staff(by, Role.REVIEWER, Role.ADMIN)
        draft = publish.find(db.session(), ruleset)
        said = _told_changes(draft, drop_rules)
        publish.publish(db.session(), draft, by=by, at=clock.now())
        db.session.commit()
        click.echo(said)
        click.echo(f"Published: {draft.name}, in force from {draft.effective_on}.")


@rules_group.command("discard")
@click.argument("ruleset", type=NUMBER)
@click.option("--by", required=True, help="Your staff username, for the record.")
def rules_discard(ruleset: int, by: str) -> None:
    """Delete the draft or proposal RULESET. What was published stays."""
    with make_app().app_context():
        check_staff(by, *WRITERS)
        drafts.discard(db.session(), publish.find(db.session(), ruleset), by=by, at=clock.now())
        db.session.commit()
    click.echo(f"Discarded ruleset {ruleset}.")


@rules_group.command("drafts")
@as_json
def rules_drafts(json_: bool) -> None:
    """List every ruleset, newest first: drafts, proposals, and what was published."""
    shown = ("id", "name", "version", "status", "effective_on", "loaded_by", "proposed_by", "published_by")
    with make_app().app_context():
        rulesets = db.session.scalars(select(Ruleset).order_by(Ruleset.id.desc())).all()
        print_rows([{name: getattr(ruleset, name) for name in shown} for ruleset in rulesets], json_)


@rules_group.command("list")
@as_json
def rules_list(json_: bool) -> None:
    """List the live rules with their sources."""
    with make_app().app_context():
        print_rows(publish.list_rules(db.session(), clock.today()), json_)


def _ruleset(named: str) -> Ruleset:
    """The ruleset in force today, or the one of that number."""
    if named == "live":
        return publish.in_force(db.session(), clock.today())
    return publish.find(db.session(), NUMBER(named))


def _told_changes(ruleset: Ruleset, drop_rules: bool) -> str:
    """What it changes of what was published last, in numbers. Raises DropsRules if it drops much and nobody said so."""
    before = publish.last_published(db.session())
    old = before.rules if before and before is not ruleset else []
    changes = [one.change for one in rule_changes(old, ruleset.rules)]
    added, changed, dropped = (changes.count(sort) for sort in (Change.ADDED, Change.CHANGED, Change.DROPPED))
    if not drop_rules and ruleset.publication is None and dropped > max(10, len(old) / 10):
        raise DropsRules(id=ruleset.id, dropped=dropped, all=len(old))
    return f"{added} rule{'' if added == 1 else 's'} added, {changed} changed, {dropped} dropped."


def _catalog() -> set[str]:
    return set(db.session.scalars(select(Item.code)))


@rules_group.command("explain")
@click.option("--zip", "zip_", required=True, help="Destination ZIP code.")
@click.option("--item", required=True, help="Item code, such as naloxone-nasal.")
@click.option("--on", "on_", default=None, help="Day of sending, YYYY-MM-DD.  [default: today]")
@click.option("--state", default=None, help="State, where the ZIP code lies in several.")
@click.option("--county", default=None, help="County (FIPS code), where the ZIP code lies in several.")
@click.option("--site", default=None, help="Warehouse it leaves from.  [default: the one that may send it]")
@click.option("--age", type=click.IntRange(0, 120), default=None, help="Age of the person, where a rule asks.")
@as_json
def rules_explain(
    zip_: str,
    item: str,
    on_: str | None,
    state: str | None,
    county: str | None,
    site: str | None,
    age: int | None,
    json_: bool,
) -> None:
    """Say whether an item may be sent to a ZIP code on a day, and why."""
    try:
        on = date.fromisoformat(on_) if on_ else None
    except ValueError:
        raise click.BadParameter("write the day as YYYY-MM-DD, such as 2026-12-01", param_hint="--on") from None
    with make_app().app_context():
        session = db.session()
        day = on or clock.today(places.find(session, zip_).zone)
        found = preview.explain_for(
            session, zip_text=zip_, item=item, on=day, state=state, county=county, site=site, age=age
        )
    if json_:
        print_one(found, json_)
    else:
        click.echo("\n".join(chain.told(found)))

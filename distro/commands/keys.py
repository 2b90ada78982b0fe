"""`distro keys`: the keys that seal addresses. Each procedure is in docs/keys.md, step by step."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import date
from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from distro import audit, clock, slots
from distro.commands.setup import SYSTEM, by_whom, check_staff
from distro.config import Settings
from distro.console import as_json, make_app, print_rows, read_settings
from distro.db import db
from distro.errors import Refusal
from distro.keys import keycheck, keyfiles, keylist, keyring
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import WEEK_LETTERS, PublicKeys
from orders import keyloss
from orders.shredding import DESTROY_KEY

AGAIN = "Copy public-keys.json to every public machine now."


@click.group("keys")
def keys_group() -> None:
    """The keys that seal addresses, one pair a week. docs/keys.md says what to do when something is wrong."""


@keys_group.command("make")
@by_whom
def keys_make(by: str) -> None:
    """Make the missing key pairs, six weeks ahead. The scheduler does this too.

    An instance of the version before this one is brought up to date: its plain private keys are wrapped, its list
    is signed. What one of the keyring's folders lacks is put back from the other.
    """
    settings = read_settings()
    with _changing(by) as session:
        ring = Keyring.of(settings)
        done = keyring.upgrade(ring, PublicKeys.of(settings))
        used = keyloss.used(session, settings.spool)
        made = keyring.make_keys(ring, PublicKeys.of(settings), clock.today(), used=used)
        for epoch in made:
            audit.record(session, actor=by, action="make key", subject=epoch, at=clock.now())
        for sentence in done:
            audit.record(session, actor=by, action="upgrade keys", subject="keys", reason=sentence, at=clock.now())
    for sentence in done:
        click.echo(sentence)
    click.echo(f"Made {len(made)}: {', '.join(made)}" if made else "All keys are there.")
    _say_problems(settings)


@keys_group.command("list")
@as_json
def keys_list(json_: bool) -> None:
    """List the keys: published or not, and where the private half is.

    `here`, `copy` (only in the second folder), `damaged`, `locked` (the secret is wrong), `lost` (nowhere, though it
    is published or an address needs it), `destroyed` (on purpose, the record says when), `superseded` (here, but
    replaced). `ahead` counts weeks from this one; `published`: new requests may be sealed to it.
    """
    settings = Settings.from_env()
    ring, today, closed, gone = Keyring.of(settings), clock.today(), dict[str, int](), set[str]()
    published = keylist.read(PublicKeys.of(settings)).keys
    with make_app().app_context(), suppress(SQLAlchemyError, Refusal):  # without the database, what lies here
        gone = audit.subjects(db.session(), action=DESTROY_KEY)
        closed = keyloss.closed(db.session(), ring)
    epochs = sorted({*published, *keyring.private_epochs(ring), *closed})
    rows = [_row(ring, epoch, epoch in published, epochs, today) for epoch in epochs]
    print_rows([row | {"private": "destroyed"} if _ended(row, gone) else row for row in rows], json_)


@keys_group.command("check")
def keys_check() -> None:
    """Check everything about the keys; exit status 1 and a sentence for each thing that is wrong."""
    settings = Settings.from_env()
    found = _problems(settings)
    for sentence in found:
        click.echo(sentence)
    if found:
        raise click.ClickException(f"{len(found)} {'thing is' if len(found) == 1 else 'things are'} wrong.")
    ahead = keylist.read(PublicKeys.of(settings)).weeks_ahead(clock.today())
    click.echo(f"All is well: keys for this week and {ahead} more.")


@keys_group.command("root")
def keys_root() -> None:
    """Print the public half of the root key, which every public machine pins, and how."""
    settings = Settings.from_env()
    text = keyring.root_text(Keyring.of(settings))
    click.echo(text)
    click.echo(f"Pin it on every public machine: set ROOT_KEY={text} and restart, or write it into root.pub there.")
    if text != PublicKeys.of(settings).root:
        raise click.ClickException("This machine pins another root (ROOT_KEY or root.pub).")


@keys_group.command("new-root")
@by_whom
def keys_new_root(by: str) -> None:
    """Make another root key and sign the list with it: for a root that is lost, or that others may know.

    Public machines take no request until they pin the new root.
    """
    settings = read_settings()
    with _changing(by) as session:
        used = keyloss.used(session, settings.spool)
        text = keyring.new_root(Keyring.of(settings), PublicKeys.of(settings), clock.today(), used=used)
        audit.record(session, actor=by, action="new root key", subject="root", reason=text, at=clock.now())
    click.echo(text)
    click.echo(f"Pin it everywhere: set ROOT_KEY={text} where ROOT_KEY is set, and restart. {AGAIN}")


@keys_group.command("replace")
@click.argument("epochs", nargs=-1)
@by_whom
def keys_replace(epochs: tuple[str, ...], by: str) -> None:
    """Publish fresh keys instead of EPOCHS, or of every week from this one on: for keys that others may know.

    The scheduler reseals what is sealed to the old ones and destroys them.
    """
    settings = read_settings()
    with _changing(by) as session:
        new = _replace(session, settings, list(epochs), by, "may be known to others")
    for old, successor in new.items():
        click.echo(f"{old} is replaced by {successor}.")
    click.echo(f"{AGAIN} Leave the scheduler running: it reseals what is open, then destroys the old keys.")


@keys_group.command("lost")
@click.argument("epoch")
@click.option("--by", required=True, help="Your staff username, for the record.")
def keys_lost(epoch: str, by: str) -> None:
    """Give up EPOCH, whose private key is nowhere: its open requests are closed.

    Their status pages say so, and ask people to ask again. A key that is published is replaced first, so that no more
    is sealed to it. Safe to run again, for requests that came in meanwhile.
    """
    settings = read_settings()
    with _changing(by) as session:
        ring, public = Keyring.of(settings), PublicKeys.of(settings)
        keyloss.require_lost(ring, public, epoch, clock.today())
        new = _replace(session, settings, [epoch], by, "lost") if epoch in keylist.read(public).keys else {}
        closed, labelled = keyloss.give_up(session, epoch, by=by, at=clock.now())
    for old, successor in new.items():
        click.echo(f"{old} is replaced by {successor}. {AGAIN}")
    click.echo(f"{closed} open requests are closed. Their status page says why, and asks them to ask again.")
    if labelled:
        click.echo(f"These are labelled and can be sent by their label, or unpacked: {', '.join(labelled)}")


@keys_group.command("rewrap")
@click.option(
    "--old-secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Holds the old one."
)
@click.option("--old-secret-command", default="", help="Prints the old one.")
@by_whom
def keys_rewrap(old_secret_file: Path | None, old_secret_command: str, by: str) -> None:
    """Wrap the keyring by a new secret: the one that is set now. Without an option the old one is keyring.secret.

    File by file, each whole; safe to run again after a crash. Then restart the scheduler and the staff pages.
    """
    settings = read_settings()
    ring = Keyring.of(settings)
    told = old_secret_file.read_text().strip() if old_secret_file else ""
    with _changing(by) as session:
        closed = keyfiles.rewrap(ring, replace(ring, secret=told, command=old_secret_command))
        audit.record(session, actor=by, action="rewrap keys", subject="keys", at=clock.now())
    if closed:
        raise click.ClickException(f"Opened with neither secret, left as they are: {', '.join(closed)}")
    click.echo(
        "Every file is wrapped by the new secret. Restart the scheduler and the staff pages; destroy the old one."
    )


@keys_group.command("copy-check")
@click.option("--fill", is_flag=True, help="Write everything to a new, empty second folder.")
@by_whom
def keys_copy_check(fill: bool, by: str) -> None:
    """Check that KEYRING_COPY holds the same keys as the keyring, file by file."""
    settings = read_settings()
    ring = Keyring.of(settings)
    if ring.copy is None:
        raise click.ClickException(
            "KEYRING_COPY is not set, so there is no copy. One disk lost is then every key lost."
        )
    if fill:
        with _changing(by) as session:
            written = keyfiles.fill_copy(ring)
            audit.record(
                session, actor=by, action="copy keys", subject="keys", reason=str(len(written)), at=clock.now()
            )
        click.echo(f"Wrote {len(written)} files to {ring.copy}.")
    keyfiles.require_copy(ring)
    keyfiles.require_fit(ring)
    found = keycheck.of_copy(ring)
    for sentence in found:
        click.echo(sentence)
    if found:
        raise click.ClickException(f"{len(found)} {'file differs' if len(found) == 1 else 'files differ'}.")
    click.echo(f"{ring.copy} holds the same {len(keyfiles.names(ring))} files.")


@contextmanager
def _changing(by: str) -> Iterator[Session]:
    """A change of keys with its line in the record: the database must take a row before any key is touched."""
    with make_app().app_context():
        session = db.session()
        if by != SYSTEM:
            check_staff(by)
        slots.claim(session, "keys by hand", clock.now())
        yield session
        session.commit()


def _replace(session: Session, settings: Settings, epochs: list[str], by: str, why: str) -> dict[str, str]:
    used = keyloss.used(session, settings.spool)
    new = keyring.replace_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today(), epochs or None, used=used)
    for old, successor in new.items():
        reason = f"{why}; {successor} instead"
        audit.record(session, actor=by, action="replace key", subject=old, reason=reason, at=clock.now())
    return new


def _ended(row: dict[str, object], gone: set[str]) -> bool:
    return row["private"] == "lost" and row["epoch"] in gone


def _row(ring: Keyring, epoch: str, published: bool, epochs: list[str], today: date) -> dict[str, object]:
    week = epoch[:WEEK_LETTERS]
    state = keycheck.state_of(ring, f"{epoch}.key")
    newer = any(other > epoch for other in epochs if other.startswith(week))
    ahead = (
        date.fromisocalendar(int(week[:4]), int(week[6:]), 1) - date.fromisocalendar(*today.isocalendar()[:2], 1)
    ).days
    return {
        "epoch": epoch,
        "published": published,
        "private": "superseded" if state == "here" and newer and not published else state,
        "ahead": ahead // 7,
    }


def _problems(settings: Settings) -> list[str]:
    """All that is wrong, and whether the database could be asked what it needs."""
    ring, public, today = Keyring.of(settings), PublicKeys.of(settings), clock.today()
    found = keycheck.problems(ring, public, today)
    try:
        with make_app().app_context():
            found += keyloss.problems(db.session(), ring, public, today)
    except SQLAlchemyError:
        found.append("The database does not answer, so nobody knows whether it needs a key of a past week.")
    return found


def _say_problems(settings: Settings) -> None:
    for sentence in _problems(settings):
        click.echo(f"But: {sentence}")

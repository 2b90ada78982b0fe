"""The record holds together, a change in it shows, and what cannot show is said."""

import os
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from distro import anchors, audit, clock, jobs
from distro.audit import Anchor, AuditEntry
from distro.config import Settings
from distro.db import db
from distro.outbox import Message
from tests.conftest import Cli
from tests.depot import Depot

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIELDS = ("at", "actor", "action", "subject", "reason", "hash")
ENTRIES, ANCHORED = 12, 8  # of the small chain that is mutated: so many, and so many of them before the anchor

Entry = dict[str, Any]


def write(session: Session, count: int) -> None:
    for number in range(count):
        audit.record(session, actor="packer", action="open address", subject=f"ORD-{number}", at=clock.now())
    session.commit()


def chain(count: int, begin: str = "") -> list[Entry]:
    """Entries that follow from each other, as `record` would write them."""
    made: list[Entry] = []
    for number in range(count):
        entry = AuditEntry(
            at=NOON + timedelta(minutes=number),
            actor="packer",
            action="open address",
            subject=f"ORD-{number}",
            reason="label",
        )
        begin = audit.chained(begin, entry)
        made.append({"id": number + 1, **{name: getattr(entry, name) for name in FIELDS[:-1]}, "hash": begin})
    return made


def store(session: Session, entries: list[Entry]) -> None:
    session.execute(delete(AuditEntry))
    if entries:
        session.execute(insert(AuditEntry), [{**entry, "id": place} for place, entry in enumerate(entries, 1)])


def rehashed(entries: list[Entry], begin: int = 0) -> list[Entry]:
    """The same entries with every hash made anew from one on, as the owner of the database can."""
    before, made = entries[begin - 1]["hash"] if begin else "", entries[:begin]
    for entry in entries[begin:]:
        before = audit.chained(before, AuditEntry(**{name: entry[name] for name in FIELDS[:-1]}))
        made.append({**entry, "hash": before})
    return made


def anchor_of(entries: list[Entry], count: int) -> Anchor:
    return Anchor(NOON, count, count, entries[count - 1]["hash"])


def test_it_holds_together(session: Session) -> None:
    assert audit.verify(session).broken is None
    write(session, 5)
    assert audit.verify(session).holds
    assert audit.count(session, action="open address", subject="ORD-3") == 1


other = st.sampled_from(["packer", "someone", "", "ORD-3", "label", "a" * 40, "0" * 40])


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, list[Entry]]:
    """A change to the chain, by its kind; the entries that are there afterwards."""
    good = chain(ENTRIES)
    kind = draw(
        st.sampled_from(
            ["edit", "delete", "reorder", "duplicate", "insert", "cut", "cut newer", "rewrite", "old", "swap end"]
        )
    )
    place = draw(st.integers(0, ENTRIES - 1))
    if kind == "edit":
        name = draw(st.sampled_from(FIELDS))
        value = draw(other) if name != "at" else NOON + timedelta(seconds=draw(st.integers(-90_000, 90_000)))
        return kind, [{**entry, name: value} if number == place else entry for number, entry in enumerate(good)]
    if kind == "delete":
        place = draw(st.integers(0, ENTRIES - 2))  # the last one is a cut
        return kind, good[:place] + good[place + 1 :]
    if kind == "reorder":
        return kind, draw(st.permutations(good))
    if kind == "duplicate":
        return kind, [*good[: place + 1], good[place], *good[place + 1 :]]
    if kind == "insert":
        forged = {**good[place], "actor": draw(other), "subject": draw(other)}
        forged["hash"] = audit.chained(
            good[place - 1]["hash"] if place else "", AuditEntry(**{name: forged[name] for name in FIELDS[:-1]})
        )
        return kind, [*good[:place], forged, *good[place:]]
    if kind == "cut":
        return kind, good[: draw(st.integers(0, ANCHORED - 1))]
    if kind == "cut newer":
        return kind, good[: draw(st.integers(ANCHORED, ENTRIES - 1))]
    if kind == "swap end":  # what is newer than the anchor, written anew
        place = draw(st.integers(ANCHORED, ENTRIES - 1))
        return kind, rehashed(good[:place] + [{**entry, "actor": "someone"} for entry in good[place:]], place)
    if kind == "old":  # an old copy of the database that went on differently
        return kind, good[: ANCHORED - 2] + rehashed(good[: ANCHORED - 2] + chain(6), ANCHORED - 2)[ANCHORED - 2 :]
    place = draw(st.integers(0, ANCHORED - 1))
    return kind, rehashed([{**e, "actor": "someone"} if number == place else e for number, e in enumerate(good)])


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations())
def test_every_change_is_found_or_said_to_be_unprovable(session: Session, mutation: tuple[str, list[Entry]]) -> None:
    session.rollback()
    kind, entries = mutation
    good = chain(ENTRIES)
    anchor = anchor_of(good, ANCHORED)
    store(session, entries)
    report = audit.verify(session, [anchor])
    if entries == good:
        assert report.holds and report.newer == ENTRIES - ANCHORED
    elif kind in ("cut newer", "swap end"):  # nobody can see it; and that is said
        assert report.holds and report.newer == len(entries) - ANCHORED
    else:
        assert not report.holds, kind
        if kind in ("cut", "rewrite", "old"):  # of these the chain alone shows nothing
            assert report.broken is None and (report.cut or report.changed) == (anchor,)
    session.rollback()


def test_control_without_an_anchor_a_cut_and_a_rewritten_chain_are_not_found(session: Session) -> None:
    good = chain(ENTRIES)
    for entries in (good[:3], rehashed([{**entry, "actor": "someone"} for entry in good])):
        store(session, entries)
        assert audit.verify(session).holds
        assert not audit.verify(session, [anchor_of(good, ANCHORED)]).holds


def test_each_anchor_is_held_against_the_record(session: Session) -> None:
    good = chain(ENTRIES)
    store(session, good[:6])
    old, middle, late = (anchor_of(good, count) for count in (3, 6, 9))
    report = audit.verify(session, [old, middle, late])
    assert (report.cut, report.changed, report.newer) == ((late,), (), 0)
    forged = replace(old, hash="0" * 64)
    assert audit.verify(session, [forged]).changed == (forged,)


def test_writers_at_once_make_one_chain(app: Flask, session: Session) -> None:
    failed: list[Exception] = []

    def writer() -> None:
        with app.app_context():
            try:
                for _ in range(8):
                    write(db.session(), 1)
            except Exception as problem:
                failed.append(problem)
            finally:
                db.session.remove()

    session.commit()
    threads = [Thread(target=writer) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert audit.verify(session) == audit.Report(entries=128, broken=None, newer=128)


def test_it_is_read_in_little_memory(session: Session) -> None:
    def peak(count: int) -> int:
        store(session, chain(count))
        session.commit()
        tracemalloc.start()
        assert audit.verify(session).entries == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)  # what is made once
    small, large = peak(3_000), peak(15_000)
    assert large < 1.5 * small, (small, large)


def test_an_anchor_survives_a_mail_and_a_file(tmp_path: Path) -> None:
    anchor = Anchor(NOON, 1_234, 1_240, "ab" * 32)
    text = anchors.as_text(anchor)
    assert max(map(len, text.splitlines())) < 76
    quoted = "".join(f"> {line}\r\n" for line in text.splitlines())
    assert anchors.read(f"Subject: Daily mark\n\nhello anchor\n{text}\n{quoted}") == [anchor]
    later = replace(anchor, entries=2_000)
    path = tmp_path / "anchors"
    anchors.append(path, later)
    anchors.append(path, anchor)
    assert anchors.read(path.read_text()) == [anchor, later]
    assert oct(path.stat().st_mode)[-3:] == "600"


def run_a_day(depot: Depot, settings: Settings, day: int) -> None:
    with clock.at(NOON + timedelta(days=day)):
        for _ in range(2):  # once a day, however often it runs
            jobs.keep_record(depot.session, settings)


def marks_sent(session: Session) -> list[Message]:
    return list(session.scalars(select(Message).where(Message.subject == "Daily mark").order_by(Message.id)))


def test_the_end_of_the_record_leaves_the_host_every_day(depot: Depot, tmp_path: Path) -> None:
    to_file = replace(depot.settings, anchor_file=tmp_path / "anchors")
    write(depot.session, 3)
    run_a_day(depot, to_file, 0)
    write(depot.session, 2)
    run_a_day(depot, to_file, 1)
    known = anchors.read((tmp_path / "anchors").read_text())
    assert len(known) == 2 and known[1].entries == known[0].entries + 2
    assert audit.verify(depot.session, known).holds and marks_sent(depot.session) == []


@pytest.mark.parametrize("file", ["", "gone/anchors"])
def test_without_a_file_that_can_be_written_the_admins_get_it(depot: Depot, tmp_path: Path, file: str) -> None:
    write(depot.session, 3)
    run_a_day(depot, replace(depot.settings, anchor_file=tmp_path / file if file else None), 0)
    [mail] = marks_sent(depot.session)
    assert mail.to == "admin@example.org" and len(anchors.read(mail.body)) == 1
    assert max(map(len, mail.body.splitlines())) <= 120


def test_the_command_holds_the_record_against_the_file(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "anchors"
    env = {"AUDIT_ANCHOR_FILE": str(path)}
    write(depot.session, 5)
    assert "There is no anchor" in cli("audit", "verify", env=env).stdout
    path.write_text(cli("audit", "anchor").stdout)
    assert "Nothing is newer" in cli("audit", "verify", env=env).stdout
    write(depot.session, 2)
    assert "2 entries are newer than the last anchor" in cli("audit", "verify", "--anchors", str(path)).stdout
    last = depot.session.scalars(select(AuditEntry.id).order_by(AuditEntry.id.desc()).limit(3)).all()
    depot.session.execute(delete(AuditEntry).where(AuditEntry.id.in_(last)))
    told = cli("audit", "verify", env=env)
    assert told.returncode == 1 and "1 were cut off since" in told.stderr
    assert cli("audit", "verify").returncode == 0  # the chain alone shows nothing
    told = cli("audit", "verify", "--json", env=env)
    assert told.returncode == 1 and '"holds": false' in told.stdout


@pytest.mark.parametrize("left", [None, b"", b"notes"])
def test_an_anchor_file_that_is_gone_or_empty_is_said(
    depot: Depot, cli: Cli, tmp_path: Path, left: bytes | None
) -> None:
    path = tmp_path / "anchors"
    if left is not None:
        path.write_bytes(left)
    env = {"AUDIT_ANCHOR_FILE": str(path)}
    write(depot.session, 1)
    assert cli("audit", "verify", env=env).returncode == 0  # none was due yet
    depot.session.execute(delete(AuditEntry))
    with clock.at(clock.now() - timedelta(days=2)):
        write(depot.session, 3)
    told = cli("audit", "verify", env=env)
    assert told.returncode == 1 and f"names {path}, but no anchor is there" in told.stderr
    saved = tmp_path / "saved"
    saved.write_text(cli("audit", "anchor").stdout)
    assert cli("audit", "verify", "--anchors", str(saved), env=env).returncode == 0
    assert cli("audit", "verify").returncode == 0  # where mails have them


def test_a_file_without_an_anchor_is_said(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_bytes(os.urandom(200))
    told = cli("audit", "verify", "--anchors", str(path))
    assert told.returncode == 1 and "has no anchor in it" in told.stderr


@pytest.mark.parametrize("field", ["actor", "reason"])
def test_a_changed_entry_is_named(session: Session, field: str) -> None:
    write(session, 5)
    session.execute(update(AuditEntry).where(AuditEntry.id == 3).values({field: "other"}))
    assert audit.verify(session).broken == 3

"""Which orders were cancelled or erased of late, kept beside the database: a restored backup must not bring them back.

A file of lines, each an order's number, what was done and the day; nothing else. It lives as long as a backup may.
"""

import json
import os
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.files import sync, write_durably
from orders import retention, workflow
from orders.instructions import CANCEL, ERASE
from orders.models import FINAL, Order

KEPT = timedelta(days=60)


def note(path: Path, done: Iterable[tuple[str, str]], today: date) -> None:
    """Append what is being done, as pairs of an order's number and `cancel` or `erase`; on the disk when this returns.

    Written before the commit, since a line too many does what somebody asked for, and one too few undoes it. Raises
    OSError: then nothing may be committed.
    """
    lines = "".join(
        json.dumps({"number": number, "kind": kind, "day": today.isoformat()}) + "\n" for number, kind in done
    )
    if not lines:
        return
    is_new = not path.exists()
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        file.write(b"\n" * _is_cut(path) + lines.encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync(path.parent)


def prune(path: Path, today: date) -> None:
    """Drop the lines that are older than any backup."""
    kept = [(number, kind, day) for number, kind, day in _read(path) if date.fromisoformat(day) >= today - KEPT]
    if len(kept) < len(_read(path)):
        text = "".join(json.dumps({"number": number, "kind": kind, "day": day}) + "\n" for number, kind, day in kept)
        write_durably(path, text.encode())


def forget_again(session: Session, path: Path, *, at: datetime) -> tuple[int, int, list[str]]:
    """Cancel and erase in a restored database what the file tells of; the caller commits.

    Gives how many were cancelled and erased, and the numbers of those that cannot be, since their label is printed.
    Safe to run again.
    """
    cancelled, erased, labelled = 0, 0, list[str]()
    wanted = dict(sorted({(number, kind) for number, kind, _day in _read(path)}))  # erasing counts more, and comes last
    for number, kind in wanted.items():
        order = session.scalar(select(Order).where(Order.number == number))
        if order is None or order.erased_on is not None:
            continue
        was_open = order.status not in FINAL
        try:
            with session.begin_nested():
                if kind == ERASE:
                    retention.erase(session, order, at=at)
                elif was_open:
                    workflow.cancel(session, order, by="participant", at=at)
        except workflow.AlreadyMoved:
            labelled.append(number)
            continue
        cancelled += kind == CANCEL and was_open
        erased += kind == ERASE
    told = f"{cancelled} cancelled, {erased} erased, {len(labelled)} labelled"
    audit.record(session, actor="system", action="forget again", subject="orders", reason=told, at=at)
    return cancelled, erased, labelled


def _read(path: Path) -> list[tuple[str, str, str]]:
    """Number, kind and day of each line; what a crash cut is left out, since its order was not committed."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            told = json.loads(line)
            found.append((str(told["number"]), str(told["kind"]), date.fromisoformat(told["day"]).isoformat()))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _is_cut(path: Path) -> bool:
    """Whether the last line was left unfinished by a crash."""
    content = path.read_bytes()
    return bool(content) and not content.endswith(b"\n")

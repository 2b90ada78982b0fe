"""What is held and could be handed over, in plain words: for one claim code, or of everything.

The words stand in `distro/data/holdings.yaml`. Whatever the database or the instance has besides is `unlisted`.
"""

import base64
import hmac
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Column, MetaData, String, Table, func, inspect, select
from sqlalchemy.orm import Session

from distro.audit import AuditEntry
from distro.db import Base
from distro.keys import keyring
from distro.keys.keyring import Keyring
from distro.outbox import Message
from inventory.models import Movement
from orders import spool
from orders.models import Allocation, Household, Instruction, Letter, Line, Notice, Order, Parcel, Reply
from orders.retention import KEEP_AFTER_SHIPPING, KEEP_AFTER_STOPPING, WEEKS_IN_BACKUPS, erase_date

SPOOLED = (
    "The request waits, sealed, in the spool of this machine until the database can take it; then it is as any other."
)
WANTED = "What the request is for, by item."
SEALED_OR_HASHED = ("nonce_tag", "code_tag", "sealed", "proof", "change_tag")
WORDS = Path(__file__).parents[1] / "distro" / "data" / "holdings.yaml"
SCHEMA_TABLE = Table("alembic_version", MetaData(), Column("version_num", String(32)))  # Alembic's own


@dataclass(frozen=True)
class Held:
    """One column of one row: what it is called, what it means and what is in it."""

    table: str
    column: str
    meaning: str
    value: str


@dataclass(frozen=True)
class Kept:
    """A table or file: what it is, how many rows or files, and the oldest and newest day."""

    name: str
    about: str
    what: str
    count: int
    oldest: str
    newest: str


def words() -> dict[str, Any]:
    """The inventory as it is written."""
    found: dict[str, Any] = yaml.safe_load(WORDS.read_text(encoding="utf-8"))
    return found


def of_order(session: Session, order: Order) -> Iterator[Held]:
    """Every column of every row about one order. What is sealed or hashed is told by its size."""
    here = Order.id == order.id
    yield from _rows(session, Order.__table__, here)
    for model in (Line, Allocation, Parcel, Household, Instruction, Letter, Reply, Notice):
        yield from _rows(session, model.__table__, model.order_id == order.id)
    before = session.scalar(select(Order).where(Order.resent_as_id == order.id))  # in whose place this one goes
    if before is not None:
        yield from of_order(session, before)
    yield from _rows(session, AuditEntry.__table__, AuditEntry.subject == order.document)
    yield from _rows(session, Movement.__table__, Movement.document == order.document)
    yield from _rows(session, Message.__table__, Message.body.contains(order.document) | (Message.uid == order.uid))


def fate(order: Order, ring: Keyring) -> list[str]:
    """Whether the address can be opened here, until when at the latest, and what becomes of copies, in sentences."""
    here = keyring.has_key(ring, order.epoch)
    if order.erased_on is not None:
        open_until = order.erased_on + timedelta(weeks=WEEKS_IN_BACKUPS)
        backups = f"Backups made before open with the key of {order.epoch} until {open_until} at the latest."
        gone = f"The key of {order.epoch} is not on this machine any more, so its backups do not open here either."
        return [f"The name and address were erased on {order.erased_on}.", backups if here else gone]
    last = erase_date(order)
    until = (
        f"They are erased on {last} at the latest, or at once if the person asks."
        if last
        else f"They are erased {KEEP_AFTER_SHIPPING.days} days after the parcel leaves, "
        f"{KEEP_AFTER_STOPPING.days} days after the request is stopped or declined, or at once if the person asks."
    )
    can = "can be opened here with" if here else "cannot be opened here: this machine does not have"
    copies = f"Backups hold the sealed box too. They open for {WEEKS_IN_BACKUPS} weeks longer at most."
    return [f"The name and address are sealed, and {can} the key of {order.epoch}.", until, copies]


def of_spool(spooled: Path, tag: bytes) -> list[Held]:
    """Every field of a request that waits in the spool under this keyed hash of its claim code."""
    told, said = words()["tables"]["orders"]["columns"], []
    for _path, request in spool.waiting(spooled):
        if hmac.compare_digest(base64.b64decode(request.code_tag), tag):
            shown = {name: value for name, value in asdict(request).items() if name not in SEALED_OR_HASHED}
            shown |= {name: f"({len(asdict(request)[name])} letters)" for name in SEALED_OR_HASHED}
            said += [Held("spool", name, told.get(name, WANTED), str(value)) for name, value in shown.items()]
    return said


def everything(session: Session, instance: Path) -> list[Kept]:
    """Every table with its rows, and every kind of file of the instance with how many there are."""
    inventory = words()
    there = set(inspect(session.connection()).get_table_names())
    tables = [
        _table(session, table, inventory["tables"].get(table.name, {}))
        for table in [*Base.metadata.sorted_tables, SCHEMA_TABLE]
        if table.name in there
    ]
    return tables + [_file(one, instance) for one in inventory["files"]]


def unlisted(session: Session, instance: Path) -> list[str]:
    """Columns that the database has and files that lie in the instance, but that the inventory does not describe."""
    inventory, schema = words(), inspect(session.connection())
    columns = [
        f"{table}.{column['name']}" for table in schema.get_table_names() for column in schema.get_columns(table)
    ]
    known = {f"{name}.{column}" for name, told in inventory["tables"].items() for column in told["columns"]}
    files = [path for path in _files(instance) if not any(fnmatch(path, one["name"]) for one in inventory["files"])]
    return sorted(set(columns) - known) + files


def _rows(session: Session, table: Any, here: Any) -> Iterator[Held]:
    told = words()["tables"][table.name]["columns"]
    for row in session.execute(select(table).where(here)).mappings():
        for column, value in row.items():
            yield Held(table.name, column, told.get(column, "Not described yet: tell an admin."), _shown(value))


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"({len(value):,} bytes)"
    return "-" if value in (None, "", [], {}) else str(value)


def _table(session: Session, table: Table, told: dict[str, Any]) -> Kept:
    days = [func.min(table.c[told["day"]]), func.max(table.c[told["day"]])] if "day" in told else []
    count, *ends = session.execute(select(func.count(), *days).select_from(table)).one()
    oldest, newest = map(_day, ends or (None, None))
    return Kept(table.name, told.get("about", "?"), told.get("what", "Not described yet."), count, oldest, newest)


def _file(told: dict[str, str], instance: Path) -> Kept:
    found = [instance / path for path in _files(instance) if fnmatch(path, told["name"])]
    days = sorted(datetime.fromtimestamp(path.stat().st_mtime, tz=UTC) for path in found)
    return Kept(
        told["name"], "file", told["what"], len(found), _day(days[0]) if days else "", _day(days[-1]) if days else ""
    )


def _files(instance: Path) -> list[str]:
    return sorted(path.relative_to(instance).as_posix() for path in instance.rglob("*") if path.is_file())


def _day(value: date | datetime | None) -> str:
    if value is None:
        return ""
    return (value.date() if isinstance(value, datetime) else value).isoformat()

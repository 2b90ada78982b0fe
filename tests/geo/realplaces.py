"""Real ZIP codes of some areas, beside the made-up ones of the depot: without loading all of them."""

import csv
from collections.abc import Mapping
from typing import Any

import zipcodes
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from geo.load import DATA, city_of, names_of
from geo.models import State, Zip, ZipKind

AREAS = "692 592 006 009 021 070 090 100 112 152 191 200 223 303 331 340 372 422 430 481 551 606 631 701 770"
AREAS += " 787 802 841 850 890 900 902 941 962 971 981 995 018 284 391 455 562 577 612 733 865 912"


def fill_places(session: Session) -> list[Zip]:
    """Put every state, and the real ZIP codes of some areas, beside the made-up ones; gives those added."""
    known = set(session.scalars(select(State.code)))
    with (DATA / "states.csv").open(encoding="utf-8", newline="") as file:
        rows = [{**row, "fips": row["fips"] or None} for row in csv.DictReader(file)]
    session.add_all(State(**row) for row in rows if row["code"] not in known)
    session.flush()
    taken, areas = set(session.scalars(select(Zip.zip))), AREAS.split()
    every = zipcodes.list_all()  # type: ignore[no-untyped-call]
    found = [row for row in every if row["active"] and row["zip_code"][:3] in areas]
    also = _crossings()
    added = [_row(row, also) for row in found if row["zip_code"] not in taken]
    session.execute(insert(Zip), added)
    session.commit()
    return [Zip(**row) for row in added]


def _crossings() -> dict[str, list[str]]:
    with (DATA / "crossings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(line for line in file if not line.startswith("#")))[1:]
    return {zip_code: states.split() for zip_code, states in rows}


def _row(record: Mapping[str, Any], also: Mapping[str, list[str]]) -> dict[str, Any]:
    kinds = {"PO BOX": ZipKind.PO_BOX, "UNIQUE": ZipKind.UNIQUE, "MILITARY": ZipKind.MILITARY}
    state = record["state"]
    return {
        "zip": record["zip_code"],
        "kind": kinds.get(record["zip_code_type"], ZipKind.STANDARD),
        "city": city_of(record),
        "states": [state, *(code for code in also.get(record["zip_code"], []) if code != state)],
        "counties": [],
        "names": names_of(record),
        "zone": record["timezone"] or "UTC",
    }

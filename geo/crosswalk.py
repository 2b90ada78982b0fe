"""Takes in a list of ZIP codes and their counties in the form of HUD's USPS ZIP crosswalk, to sharpen our own guess.

Its columns are ZIP, COUNTY (five-digit FIPS), RES_RATIO, BUS_RATIO, OTH_RATIO and TOT_RATIO, the share of all the ZIP's
addresses that lie in the county: https://www.huduser.gov/portal/datasets/usps_crosswalk.html. It is published anew
each quarter. What it says is kept in a table of its own, so that loading the places again does not lose it.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from distro import audit
from distro.db import insert
from distro.errors import InvalidInput, Refusal
from geo.models import County, Crosswalk, DecisionTable, Zip
from geo.places import state_of

LARGEST = 20_000_000  # bytes; HUD's file has about 3
FAULTS_SHOWN = 10
FIPS_SHOWN = 5
LONGEST_SOURCE = 120
_RATIOS = ("RES_RATIO", "BUS_RATIO", "OTH_RATIO", "TOT_RATIO")
_FIVE = re.compile(r"[0-9]{5}")


class ListTooLarge(Refusal):
    """Far more than any ZIP crosswalk has."""

    status = 422
    sentence = "The file is larger than 20 MB. Send the ZIP-county crosswalk alone, as CSV; it has about 3 MB."


class ListUnreadable(Refusal):
    """Not CSV text."""

    status = 422
    sentence = "The file is not CSV text in UTF-8. Open it in a spreadsheet and save it as “CSV UTF-8”."


class ColumnMissing(Refusal):
    """The first line does not name what is needed."""

    status = 422
    sentence = (
        "Line 1 does not name the column %(missing)s. "
        "It must name ZIP, COUNTY, RES_RATIO, BUS_RATIO, OTH_RATIO and TOT_RATIO."
    )


class ListWrong(Refusal):
    """Some faults were found, so none was."""

    status = 422
    sentence = "Nothing was imported: %(count)s faults were found. %(faults)s"


class ListEmpty(Refusal):
    """Only a first line."""

    status = 422
    sentence = "Nothing was imported: the list has no line below the names of its columns."


@dataclass(frozen=True)
class Counts:
    """What one import did, in ZIP codes."""

    imported: int  # now as the list has them
    changed: int  # of these, so many differ from before
    kept: int  # in use, but left as they were: the list gives them a county we do not have, or none
    not_in_use: int
    unknown_fips: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.imported:,} ZIP codes as the list has them, {self.changed:,} of them changed; "
        text += f"{self.kept:,} kept as they were; {self.not_in_use:,} not in use."
        if self.unknown_fips:
            more = "" if len(self.unknown_fips) <= FIPS_SHOWN else f" and {len(self.unknown_fips) - FIPS_SHOWN} more"
            text += f" Counties not known here: {', '.join(self.unknown_fips[:FIPS_SHOWN])}{more}."
        return text


def import_crosswalk(
    session: Session, path_or_text: Path | str, *, source: str, on: date, by: str, at: datetime
) -> Counts:
    """Give each ZIP of the list exactly the counties with a TOT_RATIO above 0, and their states beside its postal one.

    A ZIP for which the list names a county unknown here keeps what it had (HUD has Connecticut's planning regions since
    2022, our counties are of 2016), and so does one without any county above 0. ZIPs that an earlier list gave and this
    one does not stay as the earlier has them. `on` is the day of import, `by` a staff username or `system`. Raises
    ListTooLarge, ListUnreadable, ColumnMissing, ListEmpty, ListWrong (faults by line,
    the first ten shown), InvalidInput for `source`.
    """
    source = source.strip()
    if not 1 <= len(source) <= LONGEST_SOURCE:
        raise InvalidInput(field="source", problem="Say where the list is from, in 1 to 120 characters: HUD, 3/2026.")
    listed = _read(path_or_text)
    known, in_use = set(session.scalars(select(County.fips))), set(session.scalars(select(Zip.zip)))
    taken = {code: fips for code, fips in listed.items() if code in in_use and fips and fips <= known}
    _keep(session, taken, source=source, on=on)
    counts = Counts(
        imported=len(taken),
        changed=_sharpen(session, taken),
        kept=len(in_use & set(listed)) - len(taken),
        not_in_use=len(set(listed) - in_use),
        unknown_fips=tuple(sorted({one for fips in listed.values() for one in fips} - known)),
    )
    session.execute(delete(DecisionTable))  # made of other counties; the scheduler makes it anew
    audit.record(session, actor=by, action="import crosswalk", subject="CROSSWALK", reason=f"{source}: {counts}", at=at)
    return counts


def _keep(session: Session, taken: dict[str, set[str]], *, source: str, on: date) -> None:
    rows = [{"zip": c, "counties": sorted(f), "source": source, "imported_on": on} for c, f in sorted(taken.items())]
    if rows:
        new = insert(session, Crosswalk)
        columns = {name: new.excluded[name] for name in ("counties", "source", "imported_on")}
        session.execute(new.on_conflict_do_update(index_elements=["zip"], set_=columns), rows)


def apply(session: Session) -> int:
    """Put what was imported over the ZIPs as loaded, but for those with a county no longer known. How many it gives."""
    kept = {row.zip: set(row.counties) for row in session.execute(select(Crosswalk.zip, Crosswalk.counties))}
    if not kept:
        return 0
    known = set(session.scalars(select(County.fips)))
    usable = {code: fips for code, fips in kept.items() if fips <= known}
    _sharpen(session, usable)
    return len(usable)


def _sharpen(session: Session, taken: dict[str, set[str]]) -> int:
    """Write counties and states of those ZIPs where they differ; the postal state stays first. How many did."""
    changes: list[dict[str, Any]] = []
    for code, states, counties in session.execute(select(Zip.zip, Zip.states, Zip.counties)):
        if code in taken:
            found = sorted(taken[code])
            others = {state for fips in found if (state := state_of(fips))} - {states[0]}
            new = [states[0], *sorted(others)]
            if (new, found) != (states, counties):
                changes.append({"zip": code, "states": new, "counties": found})
    if changes:
        session.execute(update(Zip), changes)
    return len(changes)


def _read(path_or_text: Path | str) -> dict[str, set[str]]:
    """Each ZIP of the list with its counties above 0."""
    lines = csv.reader(io.StringIO(_text(path_or_text), newline=""))
    counties: dict[str, set[str]] = defaultdict(set)
    faults: list[str] = []
    try:
        header = [name.strip().upper() for name in next(lines, [])]
        missing = [name for name in ("ZIP", "COUNTY", *_RATIOS) if name not in header]
        if missing:
            raise ColumnMissing(missing=", ".join(missing))
        for row in lines:
            if any(cell.strip() for cell in row):
                fields = dict(zip(header, (cell.strip() for cell in row), strict=False))
                found = [f"Line {lines.line_num}: {fault}." for fault in _faults(fields)]
                faults += found
                if not found:
                    counties[fields["ZIP"]] |= {fields["COUNTY"]} if float(fields["TOT_RATIO"]) > 0 else set()
    except csv.Error:
        raise ListUnreadable from None
    if faults:
        raise ListWrong(count=f"{len(faults):,}", faults=" ".join(faults[:FAULTS_SHOWN]))
    if not counties:
        raise ListEmpty
    return counties


def _text(path_or_text: Path | str) -> str:
    if isinstance(path_or_text, str):
        if len(path_or_text) > LARGEST:
            raise ListTooLarge
        return path_or_text.removeprefix("\ufeff")
    with path_or_text.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ListTooLarge
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListUnreadable from None


def _faults(fields: dict[str, str]) -> Iterator[str]:
    """What is wrong with one line, in words."""
    for name in ("ZIP", "COUNTY"):
        value = fields.get(name, "")
        if not _FIVE.fullmatch(value):
            hint = " (spreadsheets drop leading zeros: make the column text)" if value.isdigit() else ""
            yield f"{name} “{value[:20]}” is not 5 digits{hint}"
    for name in _RATIOS:
        value = fields.get(name, "")
        if not _is_share(value):
            yield f"{name} “{value[:20]}” is not a number from 0 to 1"


def _is_share(text: str) -> bool:
    try:
        return 0 <= float(text) <= 1
    except ValueError:
        return False

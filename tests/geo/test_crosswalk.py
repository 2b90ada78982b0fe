from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import InvalidInput, Refusal
from geo import crosswalk, places
from geo.crosswalk import ColumnMissing, Counts, ListEmpty, ListTooLarge, ListUnreadable, ListWrong
from geo.models import County, Crosswalk, State, Zip, ZipKind
from tests.conftest import Cli
from tests.depot import Depot

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HEADER = "ZIP,COUNTY,USPS_ZIP_PREF_CITY,USPS_ZIP_PREF_STATE,RES_RATIO,BUS_RATIO,OTH_RATIO,TOT_RATIO\n"


def add_places(session: Session) -> None:
    for code, fips in {"AZ": "04", "NM": "35", "OH": "39", "CT": "09"}.items():
        session.add(State(code=code, name=code, name_es=code, fips=fips, kind="state"))
    session.flush()
    for fips, state in {"04001": "AZ", "35045": "NM", "39049": "OH", "39041": "OH", "09003": "CT"}.items():
        session.add(County(fips=fips, name=fips, state=state))
    kept = {"43215": ("OH", "39049"), "86514": ("AZ", "04001"), "06103": ("CT", "09003")}
    for code, (state, county) in kept.items():
        session.add(Zip(zip=code, kind=ZipKind.STANDARD, city="Example", states=[state], counties=[county]))
    session.flush()


def take(session: Session, rows: str | Path, source: str = "HUD 3/2026") -> Counts:
    text = rows if isinstance(rows, Path) else HEADER + rows
    return crosswalk.import_crosswalk(session, text, source=source, on=AT.date(), by="maria", at=AT)


def row(code: str, county: str, ratio: str = "0.5") -> str:
    return f"{code},{county},EXAMPLE,XX,{ratio},{ratio},{ratio},{ratio}\n"


def test_a_zip_has_exactly_the_counties_of_the_list_and_never_loses_its_postal_state(session: Session) -> None:
    add_places(session)
    rows = row("86514", "35045") + row("86514", "04001", "0") + row("43215", "39049", "1") + row("99999", "39049")
    counts = take(session, rows + row("06103", "09110") + row("06103", "09003"))
    assert counts == Counts(imported=2, changed=1, kept=1, not_in_use=1, unknown_fips=("09110",))
    session.expire_all()
    assert places.find(session, "86514").candidates == (("AZ", None), ("NM", "35045"))
    assert places.find(session, "43215").counties == ("39049",)
    assert places.find(session, "06103").counties == ("09003",)
    assert audit.count(session, action="import crosswalk", subject="CROSSWALK") == 1
    assert "Counties not known here: 09110." in str(counts)


def test_a_later_list_takes_the_place_of_an_earlier_one(session: Session) -> None:
    add_places(session)
    take(session, row("43215", "39041") + row("86514", "35045"))
    take(session, row("43215", "39049"), source="HUD 4/2026")
    session.expire_all()
    assert places.find(session, "43215").counties == ("39049",)
    kept = {one.zip: (one.counties, one.source) for one in session.scalars(select(Crosswalk))}
    assert kept == {"43215": (["39049"], "HUD 4/2026"), "86514": (["35045"], "HUD 3/2026")}


def test_bad_lines_are_named_and_nothing_is_imported(session: Session) -> None:
    add_places(session)
    rows = row("43215", "39049") + row("501", "36103") + row("43215", "3904X") + row("43215", "39049", "1.5")
    with pytest.raises(ListWrong) as refused:
        take(session, rows + row("43215", "39049", "nan") + "43215\n")
    text = str(refused.value)
    assert "Nothing was imported: 15 faults were found." in text
    assert "Line 3: ZIP “501” is not 5 digits (spreadsheets drop leading zeros: make the column text)." in text
    assert "Line 4: COUNTY “3904X” is not 5 digits." in text
    assert "Line 5: RES_RATIO “1.5” is not a number from 0 to 1." in text
    assert text.count("Line ") == 10
    assert session.scalar(select(func.count()).select_from(Crosswalk)) == 0
    assert audit.count(session, action="import crosswalk", subject="CROSSWALK") == 0


def test_files_that_are_no_such_list_are_refused(session: Session, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    for content, refusal in {
        b"": ColumnMissing,
        b"ZIP,TRACT,RES_RATIO\n": ColumnMissing,
        HEADER.encode(): ListEmpty,
        b"PK\x03\x04\xff\xfe": ListUnreadable,
        HEADER.encode() + b'"' + b"x" * 200_000: ListUnreadable,
        b"x" * (crosswalk.LARGEST + 1): ListTooLarge,
    }.items():
        file.write_bytes(content)
        with pytest.raises(refusal):
            take(session, file)
    with pytest.raises(InvalidInput, match="Say where the list is from"):
        take(session, row("43215", "39049"), source=" ")


def test_names_of_columns_come_in_any_case_and_behind_a_byte_order_mark(session: Session, tmp_path: Path) -> None:
    add_places(session)
    file = tmp_path / "list.csv"
    file.write_bytes(b"\xef\xbb\xbf" + HEADER.lower().encode() + row("43215", "39041").encode())
    assert take(session, file).changed == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(["43215", "39041", "39049", "0", "1", ",", "\n", '"', "\0", "x"])).map("".join),
    )
)
def test_whatever_is_sent_gives_counts_or_a_refusal(session: Session, rows: str) -> None:
    with session.begin_nested() as savepoint:
        try:
            assert take(session, rows).imported >= 0
        except Refusal as refusal:
            assert str(refusal)
        savepoint.rollback()


def test_the_command_says_what_it_did_or_why_not(cli: Cli, depot: Depot, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    command = ("places", "crosswalk", str(file), "--source", "HUD 3/2026", "--by")
    file.write_text(HEADER + row("00001", "39049"))
    told = cli(*command, "manager")
    assert told.stdout.startswith("0 ZIP codes as the list has them"), told.stderr
    assert audit.count(depot.session, action="import crosswalk", subject="CROSSWALK") == 1
    file.write_text(HEADER + row("1", "39049"))
    told = cli(*command, "manager")
    assert (told.returncode, "Line 2: ZIP “1” is not 5 digits" in told.stderr) == (1, True)

"""Papers: what may be recorded, how they change, and when they hold."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.audit import AuditEntry
from distro.auth import Role, User
from distro.errors import InvalidInput
from geo import credentials, expiry
from geo.credential_form import Fields, read
from geo.credentials import AlreadyRecorded, OtherWarehouses, Withdrawn
from geo.models import Credential
from geo.rules import Origin, Product
from tests.geo.samples import AT, TODAY, add_places

GOOD = {
    "kind": "standing-order",
    "title": "Standing order for naloxone",
    "number": "SO-1",
    "issuer": "Example Board of Health",
    "sites": "OH",
    "places": "OH",
    "items": "naloxone-nasal",
    "valid_from": "2026-01-01",
    "last_day": "2026-12-31",
}
NASAL = Product("naloxone-nasal")


def fields(**changes: object) -> Fields:
    return read({**GOOD, **changes})


def record(session: Session, **changes: object) -> Credential:
    return credentials.record(session, by="test-manager", at=AT, **fields(**changes))


def on(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@pytest.fixture
def world(session: Session) -> Session:
    add_places(session)
    session.add(User(username="test-manager", role=Role.MANAGER, email="manager@example.org", password_hash=""))
    session.flush()
    return session


@pytest.fixture
def at_ohio(world: Session) -> Session:
    """Where the manager looks after one warehouse alone."""
    world.scalars(select(User)).one().site_code = "OH"
    world.flush()
    return world


@pytest.mark.parametrize(("sites", "which"), [("", "any warehouse"), ("MN", "MN"), ("MN, OH", "MN, OH")])
def test_whoever_looks_after_one_warehouse_has_no_say_in_the_papers_of_others(
    at_ohio: Session, sites: str, which: str
) -> None:
    own = record(at_ohio)
    other = credentials.record(at_ohio, by="someone-of-all", at=AT, **fields(sites=sites))
    said, by = f"looks after warehouse OH alone, and this paper is for {which}. Ask", "test-manager"
    with pytest.raises(OtherWarehouses, match=said):
        record(at_ohio, sites=sites, number="SO-2")
    with pytest.raises(OtherWarehouses, match=said):
        credentials.change(at_ohio, other, by=by, at=AT, **fields(sites="OH"))
    with pytest.raises(OtherWarehouses, match=said):
        credentials.change(at_ohio, own, by=by, at=AT, **fields(sites=sites))
    with pytest.raises(OtherWarehouses, match=said):
        credentials.renew(at_ohio, other, expires_on=date(2028, 1, 1), number="", by=by, at=AT)
    with pytest.raises(OtherWarehouses, match=said):
        credentials.withdraw(at_ohio, other, on=TODAY, by=by, at=AT)
    assert credentials.change(at_ohio, own, by=by, at=AT, **fields(note="Ours")) == ["note"]
    credentials.withdraw(at_ohio, own, on=TODAY, by=by, at=AT)


def test_what_is_typed_is_tidied() -> None:
    typed = fields(
        title=" Standing\r\norder ", places=" oh, county: 39049;OH zip:43215 ", items=("FORM:otc", "x-1"), note=""
    )
    assert typed["title"] == "Standing order" and typed["note"] == ""
    assert typed["places"] == ["OH", "county:39049", "zip:43215"] and typed["items"] == ["form:otc", "x-1"]
    assert fields(last_day="")["expires_on"] is None and fields()["expires_on"] == date(2027, 1, 1)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("kind", "", "as rules name it"),
        ("kind", "Standing Order", "as rules name it"),
        ("kind", "program:", "as rules name it"),
        ("kind", "x" * 61, "at most 60"),
        ("title", "  ", "what the paper is called"),
        ("title", "x" * 161, "at most 160"),
        ("title", "bell \x07", "no keyboard types"),
        ("issuer", "", "who issued it"),
        ("sites", "Columbus, Ohio!", "cannot be used"),
        ("places", "OH, county:3904", "“county:3904” cannot be used"),
        ("items", "component:pipe", "“component:pipe” cannot be used"),
        ("valid_from", "", "Type the first day"),
        ("valid_from", "1.1.2026", "year-month-day"),
        ("valid_from", "0206-01-01", "Check the year"),
        ("last_day", "2025-12-31", "cannot be before its first"),
    ],
)
def test_a_fault_is_a_sentence_at_its_field(field: str, value: str, sentence: str) -> None:
    with pytest.raises(ValidationError) as fault:
        fields(**{field: value})
    assert list(fault.value.messages_dict) == [field] and sentence in str(fault.value.messages_dict[field])


@pytest.mark.parametrize(("code", "what"), [("TX", "state"), ("county:99999", "county"), ("zip:00000", "ZIP code")])
def test_a_place_that_is_not_there_is_named(world: Session, code: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=f"There is no {what}") as fault:
        record(world, places=f"OH, {code}")
    assert fault.value.facts["field"] == "places"
    record(world, places="US, OH, county:39049, zip:43215, military, area:CORE-1, MILITARY")


def test_a_paper_holds_until_the_day_before_it_ends_for_what_it_covers(world: Session) -> None:
    record(world)
    record(world, kind="program:OH", sites="", places="", items="", last_day="")
    order, program = credentials.held(world)
    ohio, minnesota, codes = Origin("OH", "OH"), Origin("MN", "MN"), frozenset({"US", "OH"})
    first, last, one = date(2026, 1, 1), date(2026, 12, 31), timedelta(days=1)
    days = (first - one, first, last, last + one)
    assert [order.covers(ohio, codes, NASAL.names, day) for day in days] == [False, True, True, False]
    assert not order.covers(minnesota, codes, NASAL.names, TODAY) and not order.covers(ohio, codes, {"x"}, TODAY)
    assert order.covers(ohio, codes, {"x", *NASAL.names}, TODAY)
    assert program.covers(minnesota, frozenset({"US", "AZ"}), {"x"}, date(2099, 1, 1))


def test_each_change_is_on_the_record_with_its_fields(world: Session) -> None:
    paper = record(world)
    with pytest.raises(AlreadyRecorded):
        record(world)
    changed = credentials.change(
        world, paper, by="b", at=AT, **fields(issuer="Another Board", places="OH, AZ", note="Safe")
    )
    assert changed == ["issuer", "places", "note"]
    assert (
        credentials.change(world, paper, by="b", at=AT, **fields(issuer="Another Board", places="OH, AZ", note="Safe"))
        == []
    )
    credentials.renew(world, paper, expires_on=date(2028, 1, 1), number="SO-2", by="c", at=AT)
    credentials.withdraw(world, paper, on=TODAY, by="d", at=AT)
    entries = world.scalars(select(AuditEntry).where(AuditEntry.subject == f"CREDENTIAL-{paper.id}")).all()
    assert [(entry.actor, entry.action) for entry in entries] == [
        ("test-manager", "record credential"),
        ("b", "change credential"),
        ("c", "renew credential"),
        ("d", "withdraw credential"),
    ]
    assert entries[1].reason == "issuer was Example Board of Health; places was OH; note"
    assert "last day 2027-12-31, was 2026-12-31" in entries[2].reason
    assert audit.verify(world).broken is None


def test_a_renewal_ends_later_and_not_in_the_past(world: Session) -> None:
    paper = record(world)
    for day, sentence in ((date(2027, 1, 1), "ends later than"), (date(2026, 3, 1), "ends later than")):
        with pytest.raises(InvalidInput, match=sentence):
            credentials.renew(world, paper, expires_on=day, number="", by="c", at=AT)
    with pytest.raises(InvalidInput, match="That day is past"):
        credentials.renew(world, paper, expires_on=date(2027, 2, 1), number="", by="c", at=on(date(2027, 3, 1)))
    endless = record(world, number="SO-9", last_day="")
    with pytest.raises(InvalidInput, match="no end to renew"):
        credentials.renew(world, endless, expires_on=date(2030, 1, 1), number="", by="c", at=AT)


def test_withdrawn_is_at_once_and_for_good(world: Session) -> None:
    paper = record(world)
    with pytest.raises(InvalidInput):
        credentials.withdraw(world, paper, on=TODAY + timedelta(days=1), by="d", at=AT)
    credentials.withdraw(world, paper, on=TODAY, by="d", at=AT)
    assert credentials.held(world) == () and expiry.line(paper, TODAY).phase == "withdrawn"
    with pytest.raises(Withdrawn):
        credentials.withdraw(world, paper, on=TODAY, by="d", at=AT)
    with pytest.raises(Withdrawn):
        credentials.renew(world, paper, expires_on=date(2029, 1, 1), number="", by="d", at=AT)
    with pytest.raises(Withdrawn):
        credentials.change(world, paper, by="d", at=AT, **fields(number="SO-3"))
    assert record(world).id != paper.id  # it may be recorded anew

"""How papers stand, and the warnings before they end."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.auth import Role, User
from distro.config import Settings
from distro.outbox import Message
from geo import credentials, expiry
from geo.models import Credential
from tests.geo.samples import AT, TODAY
from tests.geo.test_credentials import fields, on, record
from tests.geo.test_credentials import world as world


def mails(session: Session) -> list[str]:
    return list(session.scalars(select(Message.subject).order_by(Message.id)))


@pytest.mark.parametrize(
    ("end", "phase", "words"),
    [
        ("", "in force", "does not end"),
        ("2027-01-21", "in force", "61 days left"),
        ("2027-01-20", "ends soon", "60 days left"),
        ("2026-11-22", "ends soon", "last day today"),
        ("2026-11-21", "ended", "ended yesterday"),
        ("2026-11-20", "ended", "ended 2 days ago"),
    ],
)
def test_how_it_stands_is_said_in_words(end: str, phase: str, words: str) -> None:
    line = expiry.line(Credential(**fields(last_day=end)), TODAY)
    assert (line.phase, line.words) == (phase, words)
    begins = Credential(**fields(valid_from="2026-12-01", last_day="2027-12-01"))
    assert (expiry.line(begins, TODAY).phase, expiry.line(begins, TODAY).words) == ("begins later", "begins in 9 days")


END = date(2027, 1, 1)


def test_warnings_go_out_at_60_30_7_days_and_on_the_day(world: Session) -> None:
    record(world)
    record(world, kind="licence", last_day="")
    sent = {}
    for left in (400, 61, 60, 59, 31, 30, 8, 7, 1, 0, -1, -100):
        for _ in range(2):  # again within the day: nothing more
            if expiry.warn(world, at=on(END - timedelta(days=left))):
                sent[left] = mails(world)[-1]
    assert sent == {
        60: "60 days left: Standing order for naloxone",
        30: "30 days left: Standing order for naloxone",
        7: "7 days left: Standing order for naloxone",
        0: "Ended: Standing order for naloxone",
    }
    assert len(mails(world)) == 4


def test_after_downtime_the_tightest_warning_alone_goes_out(world: Session) -> None:
    record(world)
    for left in (61, 5, 5, -3, -4):
        expiry.warn(world, at=on(END - timedelta(days=left)))
    assert mails(world) == ["5 days left: Standing order for naloxone", "Ended: Standing order for naloxone"]


def test_a_renewal_and_a_corrected_end_arm_it_anew_and_withdrawn_is_silent(world: Session) -> None:
    paper = record(world)
    expiry.warn(world, at=on(END))
    credentials.renew(world, paper, expires_on=date(2028, 1, 1), number="SO-2", by="c", at=on(END))
    assert paper.warned_days is None and expiry.warn(world, at=on(END)) == []
    assert expiry.warn(world, at=on(date(2027, 12, 1))) == [paper] and paper.warned_days == 60
    credentials.change(world, paper, by="c", at=AT, **fields(last_day="2027-12-09"))
    assert expiry.warn(world, at=on(date(2027, 12, 1))) == [paper] and paper.warned_days == 30
    credentials.withdraw(world, paper, on=date(2027, 12, 2), by="c", at=on(date(2027, 12, 2)))
    assert expiry.warn(world, at=on(date(2027, 12, 10))) == [] and len(mails(world)) == 3


def test_the_mail_says_what_ends_where_and_what_to_do(world: Session) -> None:
    paper = record(world, places="county:39049, zip:43215")
    expiry.warn(world, at=on(END - timedelta(days=30)))
    body = world.scalars(select(Message.body)).one()
    assert "“Standing order for naloxone”, number SO-1, of Example Board of Health holds through" in body
    assert "through December 31, 2026, its last day: 30 days left." in body
    assert "- Warehouses: OH\n- Places: Franklin, OH; ZIP code 43215\n- Items: naloxone-nasal" in body
    assert f"/rules/credentials/{paper.id}" in body and "standing-order is not sent any more" in body


def test_those_who_may_act_are_told(world: Session) -> None:
    people = [
        (Role.REVIEWER, None),
        (Role.ADMIN, None),
        (Role.MANAGER, "OH"),
        (Role.MANAGER, "MN"),
        (Role.PACKER, None),
    ]
    for number, (role, site) in enumerate(people):
        email = f"{role}-{site}@example.org"
        world.add(User(username=f"u{number}", role=role, site_code=site, email=email, password_hash=""))
    world.add(User(username="gone", role=Role.ADMIN, email="gone@example.org", active=False, password_hash=""))
    world.add(User(username="mute", role=Role.ADMIN, password_hash=""))
    record(world)
    expiry.warn(world, at=on(END))
    told = {"manager@example.org", "reviewer-None@example.org", "admin-None@example.org", "manager-OH@example.org"}
    assert set(world.scalars(select(Message.to))) == told


@pytest.mark.parametrize(
    ("changes", "replaced"),
    [
        ({}, True),
        ({"sites": "", "places": "US", "items": ""}, True),
        ({"places": "OH", "sites": "OH, MN"}, True),
        ({"places": "county:39049"}, True),
        ({"kind": "licence"}, False),
        ({"places": "AZ"}, False),
        ({"sites": "MN"}, False),
        ({"items": "form:otc"}, False),
        ({"valid_from": "2027-02-01"}, False),
    ],
)
def test_what_has_ended_is_open_until_another_covers_it(
    world: Session, changes: dict[str, str], replaced: bool
) -> None:
    old = record(world, places="county:39049", last_day="2026-10-31")
    assert expiry.ending(world, TODAY) == [old]
    new = record(world, **{"number": "SO-2", "last_day": "2029-12-31", **changes})
    assert expiry.ending(world, TODAY) == ([] if replaced else [old])
    credentials.withdraw(world, new, on=TODAY, by="c", at=AT)
    assert expiry.ending(world, TODAY) == [old]


def test_what_ends_first_stands_first(world: Session) -> None:
    late, far, soon = (record(world, number=end, last_day=end) for end in ("2027-01-10", "2027-06-01", "2026-12-01"))
    assert expiry.ending(world, TODAY) == [soon, late] and expiry.ending(world, TODAY, within=10) == [soon]
    assert list(credentials.every(world)) == [soon, late, far]


def test_the_scheduler_warns_once_an_hour(world: Session, settings: Settings) -> None:
    record(world)
    with clock.at(on(END)):
        jobs.remind_staff(world, settings)
        record(world, number="SO-2")
        jobs.remind_staff(world, settings)
    assert len(mails(world)) == 1
    with clock.at(on(END) + timedelta(hours=1)):
        jobs.remind_staff(world, settings)
    assert len(mails(world)) == 2


@given(st.lists(st.integers(-30, 90), min_size=1, max_size=30))
def test_warnings_only_tighten_and_are_four_at_most(lefts: Sequence[int]) -> None:
    paper = Credential(**fields(), id=1)
    steps = []
    for left in sorted(lefts, reverse=True):  # the clock goes on, by whatever jumps
        step = expiry.step_due(paper, END - timedelta(days=left))
        if step is not None:
            assert max(left, 0) <= step
            paper.warned_days = step
            steps.append(step)
    assert steps == sorted(set(steps), reverse=True) and set(steps) <= set(expiry.WARN_DAYS)
    assert (steps[-1] if steps else None) == min(
        (step for step in expiry.WARN_DAYS if min(lefts) <= step), default=None
    )

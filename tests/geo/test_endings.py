"""Rules that end soon: which, and the one mail for each step."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.auth import Role, User
from distro.config import Settings
from distro.outbox import Message
from geo import drafts, endings, publish, ruletext
from geo.endings import rules_ending
from geo.models import Ruleset
from tests.geo.samples import AT, TODAY, add_places
from tests.geo.test_rulefile import GOOD

LAST = date(2027, 3, 1)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def places(session: Session) -> None:
    add_places(session)
    for role, active in ((Role.MANAGER, True), (Role.PACKER, True), (Role.ADMIN, False), (Role.REVIEWER, True)):
        session.add(User(username=role, role=role, email=f"{role}@example.org", active=active, password_hash="none"))
    session.flush()


def live(session: Session, *rules: dict[str, Any]) -> Ruleset:
    text = ruletext.new("Test rules", "1", [{**GOOD, **rule} for rule in rules])
    draft = drafts.load_rules(session, text, by="maria", at=AT)
    return publish.publish_demo(session, draft, effective_on=TODAY - DAY, by="demo", at=AT)


def ends(last: date | None, key: str = "OH-syringes") -> dict[str, Any]:
    return {"key": key, "items": [key.lower()], "valid_to": last}


def told(session: Session) -> list[str]:
    return list(session.scalars(select(Message.subject).where(Message.to == "manager@example.org")))


def test_what_ends_within_sixty_days_is_listed_the_first_on_top(session: Session) -> None:
    assert rules_ending(session, TODAY) == []  # nothing is in force yet
    lasts = (60, 61, 0, -1, 1)
    live(session, ends(None, "OH-open"), *(ends(TODAY + n * DAY, f"OH-in{n}") for n in lasts))
    found = rules_ending(session, TODAY)
    assert [(one.key, one.words) for one in found] == [
        ("OH-in0", "last day today"),
        ("OH-in1", "1 day left"),
        ("OH-in60", "60 days left"),
    ]
    assert [one.days for one in rules_ending(session, TODAY, within=7)] == [0, 1]


def test_each_step_is_mailed_once(session: Session) -> None:
    live(session, ends(LAST))
    sent = []
    for left in (61, 60, 59, 31, 30, 8, 7, 1, 0, -1):
        for _ in range(2):
            sent += [left] * len(endings.warn(session, at=AT + (LAST - left * DAY - TODAY)))
    assert sent == [60, 30, 7, 0] and told(session) == ["Rule OH-syringes ends soon"] * 4
    assert set(session.scalars(select(Message.to))) == {"manager@example.org", "reviewer@example.org"}


def test_a_later_last_day_is_told_anew_and_the_same_in_another_ruleset_is_not(session: Session) -> None:
    live(session, ends(TODAY + 5 * DAY))
    assert len(endings.warn(session, at=AT)) == 1
    live(session, ends(TODAY + 5 * DAY), ends(None, "OH-other"))
    assert endings.warn(session, at=AT) == []
    live(session, ends(TODAY + 6 * DAY))
    assert len(endings.warn(session, at=AT)) == 1


def test_one_mail_names_all_that_are_due(session: Session) -> None:
    long = "OH-" + "x" * 57
    live(session, ends(TODAY + 20 * DAY, long), ends(TODAY + DAY))
    endings.warn(session, at=AT)
    message = session.scalars(select(Message).where(Message.to == "manager@example.org")).one()
    assert message.subject == "2 rules end soon"
    assert message.body.startswith("- OH-syringes (OH): last day November 23, 2026, 1 day left\n- OH-xxx")


def test_the_scheduler_sends_them(session: Session, settings: Settings) -> None:
    live(session, ends(TODAY))
    session.commit()
    with clock.at(AT):
        jobs.remind_staff(session, settings)
        jobs.remind_staff(session, settings)
    assert told(session) == ["Rule OH-syringes ends soon"]

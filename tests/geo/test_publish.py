"""From draft to law: two people, a day, and what is in force on it."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import audit
from distro.auth import User
from distro.errors import NotFound
from geo import drafts, publish, rulefile, ruletext
from geo.lint import RulesContradict
from geo.models import Ruleset, RulesetStatus
from geo.publish import (
    DEMO_NAME,
    DayPassed,
    NoRules,
    NoRulesInIt,
    NotADraft,
    NotProposed,
    OwnDraft,
    PublishedMeanwhile,
    UnreviewedRules,
)
from geo.rules import Area
from tests.geo.samples import AT, TODAY, add_places, add_staff
from tests.geo.test_rulefile import AREA, GOOD

REVIEWED = {**GOOD, "reviewed_by": "Example Reviewer", "reviewed_on": date(2026, 11, 20)}
DAY = timedelta(days=1)
STAFF = ("Example Reviewer", "maria", "jo", "ed", "ana")


@pytest.fixture(autouse=True)
def places(session: Session) -> None:
    add_places(session)
    add_staff(session, *STAFF)


def draft(session: Session, *rules: dict[str, Any], name: str = "Test rules") -> Ruleset:
    return drafts.load_rules(session, ruletext.new(name, "1", rules), by="maria", at=AT)


def published(session: Session, *rules: dict[str, Any], on: date = TODAY, name: str = "Test rules") -> Ruleset:
    ruleset = publish.propose(session, draft(session, *rules, name=name), effective_on=on, by="maria", at=AT)
    return publish.publish(session, ruleset, by="ana", at=AT)


def name_on(session: Session, on: date) -> str:
    return publish.in_force(session, on).name


def test_two_people_put_a_reviewed_ruleset_in_force_and_both_are_recorded(session: Session) -> None:
    ruleset = published(session, REVIEWED)
    assert (ruleset.status, ruleset.proposed_by, ruleset.published_by) == (RulesetStatus.PUBLISHED, "maria", "ana")
    rule = publish.book(session, TODAY).rule("OH-syringes")
    assert rule is not None and rule.reviewed_by == "Example Reviewer"
    for action in ("propose rules", "publish rules"):
        assert audit.count(session, action=action, subject=ruleset.document) == 1


@pytest.mark.parametrize("by", ["maria", "jo", "ed"])
def test_whoever_wrote_or_proposed_it_does_not_publish_it(session: Session, by: str) -> None:
    ruleset = draft(session, REVIEWED)  # by maria
    drafts.put_heading(session, ruleset, name="Renamed", version="2", by="ed", at=AT)
    publish.propose(session, ruleset, effective_on=TODAY, by="jo", at=AT)
    with pytest.raises(OwnDraft):
        publish.publish(session, ruleset, by=by, at=AT)
    assert ruleset.status == RulesetStatus.PROPOSED


def test_what_is_not_ready_is_not_proposed(session: Session) -> None:
    ready = draft(session, REVIEWED)
    contradiction = draft(session, REVIEWED, {**REVIEWED, "key": "OH-other", "effect": "deny"})
    cases: list[tuple[Ruleset, date, type[Exception], str]] = [
        (draft(session), TODAY, NoRulesInIt, "holds no rule"),
        (draft(session, REVIEWED, {**GOOD, "key": "OH-b", "items": ["b"]}), TODAY, UnreviewedRules, "1 of 2 rules"),
        (contradiction, TODAY, RulesContradict, r"OH-syringes \(line 4\): OH-other says the opposite"),
        (ready, TODAY - 2 * DAY, DayPassed, "2026-11-20 has passed"),
    ]
    for ruleset, on, refusal, said in cases:
        with pytest.raises(refusal, match=said):
            publish.propose(session, ruleset, effective_on=on, by="maria", at=AT)
        assert ruleset.status == RulesetStatus.DRAFT
    with pytest.raises(NoRules):
        publish.book(session, TODAY)
    publish.propose(session, ready, effective_on=TODAY - DAY, by="maria", at=AT)  # it is still yesterday somewhere


@pytest.mark.parametrize(
    ("review", "why"),
    [
        ({"reviewed_by": None, "reviewed_on": None}, "no reviewer"),
        ({"reviewed_by": "nobody"}, "nobody is not on the staff"),
        ({"reviewed_on": "2026-11-23"}, "reviewed on 2026-11-23, which is still to come"),
        ({"reviewed_by": "maria"}, "maria loaded it"),
    ],
)
def test_a_review_that_anyone_could_type_does_not_count(session: Session, review: dict[str, Any], why: str) -> None:
    ruleset = draft(session, {**REVIEWED, **review}, {**REVIEWED, "key": "OH-b", "items": ["b"]})
    assert publish.unreviewed(session, ruleset, TODAY) == ["OH-syringes"]
    with pytest.raises(UnreviewedRules, match=rf"1 of 2 rules .*: OH-syringes \({why}\)\."):
        publish.propose(session, ruleset, effective_on=TODAY, by="jo", at=AT)
    ruleset.status, ruleset.effective_on, ruleset.proposed_by = RulesetStatus.PROPOSED, TODAY, "jo"
    with pytest.raises(UnreviewedRules):
        publish.publish(session, ruleset, by="ana", at=AT)


def test_the_first_rules_without_a_review_are_named(session: Session) -> None:
    ruleset = draft(session, *({**GOOD, "key": f"OH-{n}", "items": [f"i{n}"]} for n in range(7)))
    with pytest.raises(UnreviewedRules, match=r"7 of 7 .*OH-4 \(no reviewer\), and 2 more\."):
        publish.propose(session, ruleset, effective_on=TODAY, by="jo", at=AT)


def test_what_stands_unchanged_since_it_was_published_stays_reviewed(session: Session) -> None:
    published(session, {**REVIEWED, "reviewed_by": "jo"}, {**REVIEWED, "key": "OH-b", "items": ["b"]})
    for name in ("jo", "Example Reviewer"):
        session.execute(update(User).where(User.username == name).values(username=f"{name}, long gone"))
    again = drafts.copy(session, publish.in_force(session, TODAY), by="maria", at=AT)
    assert publish.unreviewed(session, again, TODAY) == []
    text = ruletext.put_rule(again.text, {**again.rules[0], "note": "changed"})
    changed = drafts.load_rules(session, text, by="maria", at=AT)
    assert publish.unreviewed(session, changed, TODAY) == ["OH-syringes"]


def test_an_area_that_lies_elsewhere_takes_the_review_of_its_rules_along(session: Session) -> None:
    """Though their text is the same as when they were published."""
    rules = [{**REVIEWED, "place": "area:city"}]
    law = drafts.load_rules(session, ruletext.new("x", "1", rules, [AREA]), by="maria", at=AT)
    publish.propose(session, law, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, law, by="ana", at=AT)
    moved = [{**AREA, "zips": ["09003"]}]
    for areas, left in (([AREA], []), (moved, ["OH-syringes"])):
        text = ruletext.new("x", "1", rules, areas)
        assert (
            publish.unreviewed(session, drafts.load_rules(session, text, by="Example Reviewer", at=AT), TODAY) == left
        )


def test_steps_are_taken_in_their_order(session: Session) -> None:
    ruleset = draft(session, REVIEWED)
    with pytest.raises(NotProposed, match="is draft"):
        publish.publish(session, ruleset, by="ana", at=AT)
    publish.propose(session, ruleset, effective_on=TODAY, by="maria", at=AT)
    with pytest.raises(NotADraft, match="is proposed"):
        publish.propose(session, ruleset, effective_on=TODAY, by="maria", at=AT)
    publish.take_back(session, ruleset, by="ana", at=AT)
    drafts.put_heading(session, ruleset, name="Better", version="2", by="maria", at=AT)
    publish.propose(session, ruleset, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, ruleset, by="ana", at=AT)
    for step in (publish.take_back, publish.publish):
        with pytest.raises(NotProposed, match="is published"):
            step(session, ruleset, by="ana", at=AT)


def test_a_proposal_read_against_older_rules_is_compared_anew(session: Session) -> None:
    waiting = publish.propose(session, draft(session, REVIEWED), effective_on=TODAY, by="maria", at=AT)
    other = published(session, REVIEWED)
    with pytest.raises(PublishedMeanwhile, match=f"Ruleset {other.id} was published"):
        publish.publish(session, waiting, by="ana", at=AT)
    publish.take_back(session, waiting, by="maria", at=AT)
    publish.propose(session, waiting, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, waiting, by="ana", at=AT)
    assert publish.in_force(session, TODAY) is waiting


def test_what_is_published_between_the_comparison_and_the_number_is_not_passed_over(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = published(session, REVIEWED)
    one, other = (
        publish.propose(session, draft(session, REVIEWED), effective_on=TODAY, by="maria", at=AT) for _ in range(2)
    )
    look, meanwhile = publish.last_published, [other]

    def look_and_lose_time(session: Session) -> Ruleset | None:
        newest = look(session)
        if meanwhile:
            publish.publish(session, meanwhile.pop(), by="ana", at=AT)
        return newest

    monkeypatch.setattr(publish, "last_published", look_and_lose_time)
    with pytest.raises(PublishedMeanwhile, match=f"Ruleset {other.id} was published"):
        publish.publish(session, one, by="ana", at=AT)
    assert publish.in_force(session, TODAY) is other and first.publication == 1


def test_days_that_are_over_stay_as_they_were_decided(session: Session) -> None:
    old = published(session, REVIEWED, name="old")
    late = publish.propose(session, draft(session, REVIEWED, name="late"), effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, late, by="ana", at=AT + 4 * DAY)
    assert late.effective_on == TODAY + 3 * DAY
    assert [name_on(session, TODAY + n * DAY) for n in (0, 2, 3)] == ["old", "old", "late"]
    again = publish.propose(session, drafts.copy(session, old, by="jo", at=AT), effective_on=TODAY, by="jo", at=AT)
    assert publish.take_back(session, again, by="ana", at=AT).effective_on is None


def test_what_does_not_hold_together_any_more_is_not_published(session: Session) -> None:
    ruleset = publish.propose(session, draft(session, REVIEWED), effective_on=TODAY, by="maria", at=AT)
    ruleset.text = ruletext.put_rule(ruleset.text, {**REVIEWED, "sentence": "Your request was denied."})
    with pytest.raises(RulesContradict, match="a word we do not use"):
        publish.publish(session, ruleset, by="ana", at=AT)
    assert ruleset.status == RulesetStatus.PROPOSED


def test_of_two_published_at_once_the_database_lets_one_through(session: Session) -> None:
    first = published(session, REVIEWED)
    second = publish.propose(session, draft(session, REVIEWED), effective_on=TODAY, by="maria", at=AT)
    second.publication, second.status = first.publication, RulesetStatus.PUBLISHED
    with pytest.raises(IntegrityError):
        session.flush()


def test_each_day_has_the_rules_published_last_for_it(session: Session) -> None:
    published(session, REVIEWED, name="first")
    published(session, REVIEWED, on=TODAY + 5 * DAY, name="later")
    assert [name_on(session, TODAY + n * DAY) for n in (0, 4, 5, 6)] == ["first", "first", "later", "later"]
    assert [ruleset.name for ruleset in publish.to_come(session, TODAY)] == ["later"]
    published(session, REVIEWED, on=TODAY + 7 * DAY, name="last")
    assert [ruleset.name for ruleset in publish.to_come(session, TODAY)] == ["later", "last"]


def test_publishing_the_older_one_again_takes_the_newer_back(session: Session) -> None:
    old = published(session, REVIEWED, name="old")
    no = {"effect": "deny", "legal_status": "prohibited", "sentence": "We can't mail this."}
    published(session, {**REVIEWED, **no}, name="new")
    assert name_on(session, TODAY) == "new"
    again = drafts.copy(session, old, by="maria", at=AT)
    assert (again.text, again.digest, again.status) == (old.text, old.digest, RulesetStatus.DRAFT)
    publish.propose(session, again, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, again, by="ana", at=AT)
    assert publish.in_force(session, TODAY) is again
    assert publish.list_rules(session, TODAY)[0]["effect"] == "allow"


def test_the_first_rules_hold_where_the_day_has_not_begun(session: Session) -> None:
    published(session, REVIEWED, on=TODAY)
    assert name_on(session, TODAY - DAY) == "Test rules"


def test_the_demo_publishes_unreviewed_rules_under_a_name_that_says_so(session: Session) -> None:
    publish.publish_demo(session, draft(session, GOOD), effective_on=TODAY - DAY, by="demo", at=AT)
    book = publish.book(session, TODAY)
    assert (book.name, book.allow_unreviewed) == (DEMO_NAME, True)
    changed = drafts.copy(session, publish.in_force(session, TODAY), by="maria", at=AT)
    drafts.put_heading(session, changed, name="Law of the land", version="2", by="maria", at=AT)
    assert (changed.name, changed.version) == (DEMO_NAME, "2")
    for each in (publish.in_force(session, TODAY), changed):
        assert rulefile.read(each.text, rulefile.ANYTHING).name == DEMO_NAME
        assert each.digest == hashlib.sha256(each.text.encode()).hexdigest()
    publish.propose(session, changed, effective_on=TODAY, by="maria", at=AT)
    assert publish.publish(session, changed, by="ana", at=AT).name == DEMO_NAME
    with pytest.raises(NoRulesInIt):
        publish.publish_demo(session, draft(session), effective_on=TODAY, by="demo", at=AT)


def test_the_book_is_read_once_and_holds_the_areas(session: Session) -> None:
    text = ruletext.new("Test rules", "1", [{**REVIEWED, "place": "area:city"}], [AREA])
    ruleset = drafts.load_rules(session, text, by="maria", at=AT)
    publish.propose(session, ruleset, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, ruleset, by="ana", at=AT)
    book = publish.book(session, TODAY)
    assert book is publish.book(session, TODAY)
    assert replace(book.areas[0], name="") == Area("city", "municipality", inside=frozenset({"43215"}))


def test_rules_are_listed_with_what_they_rest_on(session: Session) -> None:
    published(session, REVIEWED)
    assert publish.list_rules(session, TODAY) == [
        {
            "id": "OH-syringes",
            "place": "OH",
            "items": ["syringe-kit"],
            "effect": "allow",
            "citation": "1 X.Y. 2",
            "source": "A page",
            "source_date": "2025-01",
            "confidence": "high",
            "reviewed_by": "Example Reviewer",
        }
    ]


def test_a_ruleset_is_found_by_number(session: Session) -> None:
    ruleset = draft(session, GOOD)
    assert publish.find(session, ruleset.id) is ruleset
    with pytest.raises(NotFound):
        publish.find(session, ruleset.id + 1)
    assert session.scalars(select(Ruleset)).all() == [ruleset]
    assert not publish.is_live(session)

import pytest
import yaml
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import NotFound
from geo import publish
from geo.models import Ruleset, RulesetStatus
from geo.publish import DEMO_NAME, ItemUnknown, NoRules, NotADraft, UnreviewedRules
from geo.rulefile import RulesWrong
from tests.geo.samples import AT, TODAY, add_places
from tests.geo.test_rulefile import GOOD, text

REVIEWED = {**GOOD, "reviewed_by": "Example Reviewer", "reviewed_on": "2026-11-20"}


def draft(session: Session, *rules: object) -> Ruleset:
    return publish.load_rules(session, text(*rules), by="maria", at=AT)


def test_a_reviewed_ruleset_goes_live_and_is_recorded(session: Session) -> None:
    add_places(session)
    live = publish.publish(session, draft(session, REVIEWED), by="maria", at=AT)
    assert (live.status, live.published_by, live.published_at) == (RulesetStatus.LIVE, "maria", AT)
    assert publish.live_book(session).rules["OH", "syringe-kit"][0].reviewed
    assert audit.count(session, action="publish rules", subject=f"RULESET-{live.id}") == 1


def test_unreviewed_rules_stay_out_and_are_counted(session: Session) -> None:
    add_places(session)
    ruleset = draft(session, REVIEWED, {**GOOD, "key": "OH-other"})
    for allow_unreviewed in (False, True):
        with pytest.raises(UnreviewedRules, match="1 of 2 rules have no reviewer"):
            publish.publish(session, ruleset, by="maria", at=AT, allow_unreviewed=allow_unreviewed)
    assert ruleset.status == RulesetStatus.DRAFT
    with pytest.raises(NoRules):
        publish.live_book(session)


def test_the_demo_publishes_them_under_a_name_that_says_so(session: Session) -> None:
    add_places(session)
    publish.publish(session, draft(session, GOOD), by="system", at=AT, demo=True)
    book = publish.live_book(session)
    assert (book.name, book.allow_unreviewed) == (DEMO_NAME, True)


def test_publishing_retires_the_one_before_and_the_book_follows(session: Session) -> None:
    add_places(session)
    first = publish.publish(session, draft(session, REVIEWED), by="maria", at=AT)
    assert publish.live_book(session).rules["OH", "syringe-kit"][0].effect == "allow"
    second = publish.publish(session, draft(session, {**REVIEWED, "effect": "deny"}), by="maria", at=AT)
    assert (first.status, second.status) == (RulesetStatus.RETIRED, RulesetStatus.LIVE)
    assert publish.live_book(session).rules["OH", "syringe-kit"][0].effect == "deny"
    assert publish.live_book(session) is publish.live_book(session)


def test_only_a_draft_can_be_published(session: Session) -> None:
    add_places(session)
    ruleset = publish.publish(session, draft(session, REVIEWED), by="maria", at=AT)
    with pytest.raises(NotADraft, match="is live"):
        publish.publish(session, ruleset, by="maria", at=AT)


def test_the_database_holds_one_live_ruleset_at_most(session: Session) -> None:
    for _ in range(2):
        session.add(Ruleset(name="x", version="1", status=RulesetStatus.LIVE, loaded_at=AT, loaded_by="x"))
    with pytest.raises(IntegrityError):
        session.flush()


def test_a_file_with_a_fault_leaves_nothing(session: Session) -> None:
    add_places(session)
    with pytest.raises(RulesWrong):
        draft(session, {**GOOD, "effect": "maybe"})
    assert session.scalars(select(Ruleset)).all() == []


def test_rules_are_listed_with_what_they_rest_on(session: Session) -> None:
    add_places(session)
    publish.publish(session, draft(session, REVIEWED), by="maria", at=AT)
    assert publish.list_rules(session) == [
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
    assert [rule.key for rule in publish.rules(session, place="OH", item="syringe-kit")] == ["OH-syringes"]
    assert publish.rules(session, place="UT") == []


def test_a_decision_is_explained_in_plain_values(session: Session) -> None:
    add_places(session)
    live = publish.publish(session, draft(session, REVIEWED), by="maria", at=AT)
    answer = publish.explain(session, zip_text="43215", item="syringe-kit", on=TODAY)
    assert (answer["effect"], answer["ruleset"], answer["ruleset_id"]) == ("allow", "Test rules", live.id)
    assert answer["reasons"] == [
        {
            "rule": "OH-syringes",
            "effect": "allow",
            "sentence": "We can mail this.",
            "citation": "1 X.Y. 2",
            "source": "A page",
            "source_date": "2025-01",
            "confidence": "high",
        }
    ]
    with pytest.raises(ItemUnknown, match="Items with rules: syringe-kit"):
        publish.explain(session, zip_text="43215", item="syringes", on=TODAY)


def test_the_starter_file_loads_where_its_places_are_known(session: Session) -> None:
    add_places(session)
    with pytest.raises(RulesWrong, match="place: AL is not known"):
        publish.load_rules(session, publish.STARTER, by="system", at=AT)
    assert yaml.safe_load(publish.STARTER.read_text(encoding="utf-8"))["version"] == "2026-11-22"


def test_a_ruleset_is_found_by_number(session: Session) -> None:
    add_places(session)
    ruleset = draft(session, GOOD)
    assert publish.find(session, ruleset.id) is ruleset
    with pytest.raises(NotFound):
        publish.find(session, ruleset.id + 1)

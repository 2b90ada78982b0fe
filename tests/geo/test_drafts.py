"""Writing a draft: the text is what counts, and everyone who touched it is an author."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import NotFound
from geo import drafts, publish, ruletext
from geo.areas import TooManyAreas
from geo.drafts import AlreadyPublished, AreaInUse, NotText, OwnRule
from geo.models import Ruleset
from geo.publish import STARTER, NotADraft
from geo.rulefile import RulesWrong
from tests.geo.samples import AT, TODAY, add_places, add_staff
from tests.geo.test_rulefile import AREA, GOOD
from tests.geo.test_ruletext import FORMS

ITEMS = {"syringe-kit"}
STAFF = ("Example Reviewer", "maria", "jo", "ed", "ana")


@pytest.fixture(autouse=True)
def places(session: Session) -> None:
    add_places(session)
    add_staff(session, *STAFF)


def draft(session: Session, *rules: dict[str, Any]) -> Ruleset:
    return drafts.load_rules(session, ruletext.new("Test rules", "1", rules), by="maria", at=AT)


def rule(ruleset: Ruleset, key: str = "OH-syringes") -> dict[str, Any]:
    return next(rule for rule in ruleset.rules if rule["key"] == key)


@pytest.mark.parametrize("form", ["by hand", "with CRLF", "with a mark of byte order", "without a last line end"])
def test_what_was_loaded_is_kept_byte_for_byte(session: Session, tmp_path: Path, form: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(FORMS[form].replace("43216", "43215").encode())
    ruleset = drafts.load_rules(session, file, by="maria", at=AT)
    session.flush()
    session.expire(ruleset)
    assert ruleset.text.encode() == file.read_bytes()


def test_a_file_with_a_fault_leaves_nothing(session: Session, tmp_path: Path) -> None:
    with pytest.raises(RulesWrong, match=r"OH-syringes \(line 7\): effect"):
        draft(session, {**GOOD, "effect": "maybe"})
    with pytest.raises(RulesWrong, match="“syringe-kit” is not in the catalog"):
        drafts.load_rules(session, ruletext.new("x", "1", [GOOD]), by="maria", at=AT, items={"wipes"})
    with pytest.raises(RulesWrong, match="place: AL is not known"):
        drafts.load_rules(session, STARTER, by="maria", at=AT)
    no_text = tmp_path / "rules.yaml"
    no_text.write_bytes(b"name: \xff")
    with pytest.raises(NotText):
        drafts.load_rules(session, no_text, by="maria", at=AT)
    with no_text.open("wb") as file:
        file.truncate(33_000_000)
    with pytest.raises(RulesWrong, match="33,000,000 bytes"):
        drafts.load_rules(session, no_text, by="maria", at=AT)
    assert session.scalars(select(Ruleset)).all() == []


def test_a_zip_in_too_many_areas_is_refused_when_it_is_loaded(session: Session) -> None:
    square = {"type": "Polygon", "coordinates": [[[-83, 39.9], [-82.9, 39.9], [-82.9, 40.1], [-83, 40.1], [-83, 39.9]]]}
    areas = [{**AREA, "code": code, "zips": [], "shape": square} for code in "abcdef"]
    drafts.load_rules(session, ruletext.new("x", "1", [GOOD], areas[:4]), by="maria", at=AT)
    with pytest.raises(
        TooManyAreas, match=r"ZIP code 43215 lies partly in 6 areas \(a, b, c, d, e and more\); at most 4"
    ):
        drafts.load_rules(session, ruletext.new("x", "1", [GOOD], areas), by="maria", at=AT)
    areas[4:] = [{**area, "zips": ["43215"]} for area in areas[4:]]
    drafts.load_rules(session, ruletext.new("x", "1", [GOOD], areas), by="maria", at=AT)


def test_rules_are_added_changed_and_dropped_in_the_text(session: Session) -> None:
    ruleset = draft(session, GOOD)
    before, digest = ruleset.text, ruleset.digest
    drafts.put_rule(session, ruleset, {**GOOD, "key": "OH-b"}, by="jo", at=AT, items=ITEMS)
    assert [one["key"] for one in ruleset.rules] == ["OH-syringes", "OH-b"]
    assert ruleset.text.startswith(before) and ruleset.digest != digest
    assert (ruleset.authors, ruleset.editors) == (["maria", "jo"], {"OH-b": "jo"})
    drafts.put_rule(session, ruleset, {**GOOD, "key": "OH-b", "note": "x"}, by="ed", at=AT, items=ITEMS)
    assert (rule(ruleset, "OH-b")["note"], ruleset.editors) == ("x", {"OH-b": "ed"})
    drafts.drop_rule(session, ruleset, "OH-b", by="ed", at=AT)
    assert (ruleset.text, ruleset.digest, ruleset.editors) == (before, digest, {})
    with pytest.raises(NotFound):
        drafts.drop_rule(session, ruleset, "OH-b", by="ed", at=AT)


def test_a_rule_that_does_not_hold_changes_nothing(session: Session) -> None:
    ruleset = draft(session, GOOD)
    before = ruleset.text
    for change, said in (
        ({"place": "TX"}, "TX is not known"),
        ({"items": ["kit"]}, "“kit” is not"),
        ({"citation": ""}, "citation"),
    ):
        with pytest.raises(RulesWrong, match=said):
            drafts.put_rule(session, ruleset, {**GOOD, **change}, by="jo", at=AT, items=ITEMS)
    assert (ruleset.text, ruleset.authors) == (before, ["maria"])


def test_only_the_items_of_the_rule_at_hand_are_looked_for(session: Session) -> None:
    ruleset = draft(session, {**GOOD, "key": "OH-other", "items": ["not-stocked-here"]})
    drafts.put_rule(session, ruleset, GOOD, by="jo", at=AT, items=ITEMS)
    assert len(ruleset.rules) == 2


def test_a_review_is_a_second_look_and_a_change_undoes_it(session: Session) -> None:
    ruleset = draft(session, GOOD)
    with pytest.raises(OwnRule):
        drafts.review_rule(session, ruleset, "OH-syringes", by="maria", at=AT)
    drafts.review_rule(session, ruleset, "OH-syringes", by="jo", at=AT)
    assert (rule(ruleset)["reviewed_by"], rule(ruleset)["reviewed_on"]) == ("jo", "2026-11-22")
    assert ruleset.authors == ["maria"]  # who reviews writes nothing, and may publish
    drafts.put_rule(session, ruleset, {**rule(ruleset), "note": "x"}, by="jo", at=AT, items=ITEMS)
    assert rule(ruleset)["reviewed_by"] is None
    with pytest.raises(OwnRule):
        drafts.review_rule(session, ruleset, "OH-syringes", by="jo", at=AT)
    with pytest.raises(OwnRule):  # maria loaded it
        drafts.review_rule(session, ruleset, "OH-syringes", by="maria", at=AT)
    drafts.review_rule(session, ruleset, "OH-syringes", by="ed", at=AT)


def test_who_wrote_a_draft_stays_its_writer_in_a_copy(session: Session) -> None:
    mine = draft(session, GOOD)
    drafts.put_rule(session, mine, {**GOOD, "key": "OH-b", "items": ["b"]}, by="jo", at=AT, items=None)
    copied = drafts.copy(session, mine, by="ed", at=AT)
    assert (copied.authors, copied.editors) == (["maria", "jo", "ed"], {"OH-syringes": "maria", "OH-b": "jo"})
    for key, by in (("OH-syringes", "maria"), ("OH-b", "jo"), ("OH-b", "ed")):
        with pytest.raises(OwnRule):
            drafts.review_rule(session, copied, key, by=by, at=AT)
    for key in ("OH-syringes", "OH-b"):
        drafts.review_rule(session, copied, key, by="ana", at=AT)
    publish.propose(session, copied, effective_on=TODAY, by="ed", at=AT)
    for by in ("maria", "jo", "ed"):
        with pytest.raises(publish.OwnDraft):
            publish.publish(session, copied, by=by, at=AT)
    publish.publish(session, copied, by="ana", at=AT)
    fresh = drafts.copy(session, copied, by="ed", at=AT)
    assert (fresh.authors, fresh.editors) == (["ed"], {})
    drafts.review_rule(session, fresh, "OH-b", by="ed", at=AT)  # who copies law wrote nothing of it


@pytest.mark.parametrize("change", [{"zips": ["09003"]}, {"kind": "restriction"}])
def test_other_bounds_of_an_area_undo_the_review_of_its_rules(session: Session, change: dict[str, Any]) -> None:
    text = ruletext.new("x", "1", [{**GOOD, "place": "area:city"}, {**GOOD, "key": "OH-b"}], [AREA])
    ruleset = drafts.load_rules(session, text, by="maria", at=AT)
    for key in ("OH-syringes", "OH-b"):
        drafts.review_rule(session, ruleset, key, by="ana", at=AT)
    drafts.put_heading(session, ruleset, name="y", version="2", by="jo", at=AT)
    drafts.put_area(session, ruleset, {**AREA, "name": "Another name"}, by="jo", at=AT)
    assert (rule(ruleset)["reviewed_by"], publish.unreviewed(session, ruleset, TODAY)) == ("ana", [])
    drafts.put_area(session, ruleset, {**AREA, **change}, by="jo", at=AT)
    assert (rule(ruleset)["reviewed_by"], rule(ruleset, "OH-b")["reviewed_by"]) == (None, "ana")
    assert (ruleset.editors, publish.unreviewed(session, ruleset, TODAY)) == ({"area:city": "jo"}, ["OH-syringes"])
    for by in ("jo", "maria"):
        with pytest.raises(OwnRule):
            drafts.review_rule(session, ruleset, "OH-syringes", by=by, at=AT)
    drafts.review_rule(session, ruleset, "OH-syringes", by="ana", at=AT)
    assert publish.unreviewed(session, ruleset, TODAY) == []


def test_what_was_never_published_can_be_discarded(session: Session) -> None:
    old = draft(session, {**GOOD, "reviewed_by": "ana", "reviewed_on": "2026-11-20"})
    proposed = drafts.copy(session, old, by="ed", at=AT)
    publish.propose(session, proposed, effective_on=TODAY, by="ed", at=AT)
    document = proposed.document
    drafts.discard(session, proposed, by="jo", at=AT)
    assert audit.count(session, action="discard rules", subject=document) == 1
    publish.propose(session, old, effective_on=TODAY, by="maria", at=AT)
    publish.publish(session, old, by="jo", at=AT)
    with pytest.raises(AlreadyPublished, match="stays"):
        drafts.discard(session, old, by="jo", at=AT)
    assert session.scalars(select(Ruleset)).all() == [old]


def test_areas_come_and_go_but_not_while_rules_name_them(session: Session) -> None:
    ruleset = draft(session, GOOD)
    assert drafts.put_area(session, ruleset, AREA, by="jo", at=AT)["inside"] == ["43215"]
    drafts.put_rule(session, ruleset, {**GOOD, "place": "area:city"}, by="jo", at=AT, items=ITEMS)
    with pytest.raises(AreaInUse, match="OH-syringes"):
        drafts.drop_area(session, ruleset, "city", by="jo", at=AT)
    drafts.drop_rule(session, ruleset, "OH-syringes", by="jo", at=AT)
    drafts.drop_area(session, ruleset, "city", by="jo", at=AT)
    assert ruleset.areas == []
    with pytest.raises(NotFound):
        drafts.drop_area(session, ruleset, "city", by="jo", at=AT)


def test_what_was_proposed_does_not_change(session: Session) -> None:
    ruleset = draft(session, {**GOOD, "reviewed_by": "Example Reviewer", "reviewed_on": "2026-11-20"})
    publish.propose(session, ruleset, effective_on=TODAY, by="maria", at=AT)
    for change in (
        lambda: drafts.put_rule(session, ruleset, GOOD, by="jo", at=AT, items=ITEMS),
        lambda: drafts.drop_rule(session, ruleset, "OH-syringes", by="jo", at=AT),
        lambda: drafts.review_rule(session, ruleset, "OH-syringes", by="jo", at=AT),
        lambda: drafts.put_area(session, ruleset, AREA, by="jo", at=AT),
        lambda: drafts.put_heading(session, ruleset, name="x", version="2", by="jo", at=AT),
    ):
        with pytest.raises(NotADraft):
            change()

import shutil
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from distro import clock
from distro.errors import NotFound
from geo import drafts, places, publish, ruletext
from geo.diff import AnswerChange
from geo.models import County, Ruleset, Zip
from geo.rules import Effect
from inventory.models import SiteItem
from orders import chain, preview, workflow
from orders.eligibility import NO_WAREHOUSE
from orders.outlook import DEPENDS, Moved, WhatIf
from orders.preview import changed_answers, explain_for, open_orders, what_if
from tests.depot import Depot, put_in_force, rule
from tests.geo.samples import add_places, add_staff

NASAL, STRIPS, SYRINGES = "naloxone-nasal", "fentanyl-strips", "syringe-kit"


def draft(depot: Depot, *rules: dict[str, object]) -> Ruleset:
    """The rules in force, with these added or changed."""
    session, at = depot.session, clock.now()
    made = drafts.copy(session, publish.in_force(session, clock.today()), by="manager", at=at)
    for each in rules:
        drafts.put_rule(session, made, each, by="manager", at=at, items=None)
    session.commit()
    return made


def explained(depot: Depot, item: str, zip_text: str, **more: object) -> dict[str, object]:
    return explain_for(depot.session, zip_text=zip_text, item=item, on=clock.today(), **more)  # type: ignore[arg-type]


def test_it_is_explained_without_any_catalog(session: Session) -> None:
    add_places(session)
    add_staff(session, "reviewer", "ana")
    put_in_force(session, ruletext.new("Few rules", "1", [rule("OH", "thing", "deny")]))
    found = explain_for(session, zip_text="43215", item="thing", on=clock.today())
    assert (found["effect"], found["ruleset"], found["site"], found["ask"]) == ("deny", "Few rules", None, None)
    assert [(row["rule"], row["citation"], row["confidence"]) for row in found["reasons"]] == [
        ("OH-thing", "Made-up Code 1", "high")
    ]
    assert [(step["rule"], step["role"], step["where"]) for step in found["chain"]] == [
        ("OH-thing", "decides", "state Ohio")
    ]
    assert found["reads"] == "About thing in OH." and found["help"]
    with pytest.raises(preview.ItemUnknown, match="thing"):
        explain_for(session, zip_text="43215", item="elsewhat", on=clock.today())
    with pytest.raises(places.ZipUnknown):
        explain_for(session, zip_text="00000", item="thing", on=clock.today())


def test_the_warehouse_that_may_send_it_is_found_the_nearest_first(depot: Depot) -> None:
    assert explained(depot, NASAL, "43215")["site"] == "OH"
    assert explained(depot, NASAL, "55401")["site"] == "MN"
    syringes = explained(depot, SYRINGES, "55401")
    assert (syringes["effect"], syringes["site"]) == ("allow", "MN")
    from_ohio = explained(depot, SYRINGES, "55401", site="OH")
    assert (from_ohio["effect"], from_ohio["site"]) == ("deny", "OH")
    assert [(step["rule"], step["end"]) for step in from_ohio["chain"]] == [  # type: ignore[attr-defined]
        ("OH-syringe-kit", "origin"),
        ("MN-syringe-kit", "destination"),
    ]
    depot.session.query(SiteItem).delete()
    assert explained(depot, NASAL, "43215")["site"] is None


def test_what_the_rules_allow_and_no_warehouse_sends_is_said(depot: Depot) -> None:
    depot.session.query(SiteItem).delete()
    found = explained(depot, NASAL, "43215")
    assert (found["effect"], found["sent_there"]) == ("allow", False)
    assert (found["reads"], found["reads_es"]) == (
        NO_WAREHOUSE.reasons[0].sentence,
        NO_WAREHOUSE.reasons[0].sentence_es,
    )
    assert list(chain.told(found))[1].startswith("The rules allow it, but no warehouse sends it there: ")
    denied = explained(depot, SYRINGES, "43215")
    assert denied["effect"] == "deny" and chain.not_sent(denied) == "" and denied["reads"] != found["reads"]


def test_a_draft_is_explained_as_if_it_were_in_force(depot: Depot) -> None:
    made = draft(depot, rule("OH", NASAL, "deny"))
    assert explained(depot, NASAL, "43215")["effect"] == "allow"
    assert explained(depot, NASAL, "43215", ruleset=made)["effect"] == "deny"


def test_what_is_asked_wrongly_is_named(depot: Depot) -> None:
    with pytest.raises(NotFound, match="warehouse"):
        explained(depot, NASAL, "43215", site="XX")
    with pytest.raises(places.StateElsewhere):
        explained(depot, NASAL, "43215", state="MN")
    with pytest.raises(places.CountyElsewhere):
        explained(depot, NASAL, "43215", county="39049")


def test_it_reads_well_in_a_terminal(depot: Depot) -> None:
    lines = list(chain.told(explained(depot, STRIPS, "42223")))
    assert lines[0].startswith("fentanyl-strips to 42223 from OH on ") and "needs one more answer (state)" in lines[0]
    assert lines[1] == "The ZIP code may lie in: state Kentucky; state Tennessee."
    text = "\n".join(lines)
    assert "- TN-fentanyl-strips (state Tennessee): deny, decides: the rule says no [state Tennessee]" in text
    assert (
        "Made-up Code 1" in text and "The participant reads: Which state is it in?" in text and "Other help: " in text
    )


def test_the_command_says_the_same(depot: Depot, cli: Callable[..., CompletedProcess[str]]) -> None:
    asked = ("rules", "explain", "--zip", "43215", "--item", SYRINGES, "--on", "2026-12-01")
    assert '"effect": "deny"' in cli(*asked, "--json").stdout
    answer = cli(*asked)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("syringe-kit to 43215 from MN on 2026-12-01: cannot be mailed.")


def test_a_drafts_changes_are_counted_against_what_is_in_force(depot: Depot) -> None:
    made = draft(depot, rule("OH", NASAL, "deny"), rule("NY", SYRINGES, "allow"))
    assert changed_answers(depot.session, made, clock.now()) == [
        AnswerChange(NASAL, "OH", Effect.ALLOW, Effect.DENY, 1, (), ("43215",)),
        AnswerChange(SYRINGES, "NY", Effect.REVIEW, Effect.ALLOW, 1, (), ("10001",)),
    ]


def test_open_orders_are_told_by_item_and_state_and_no_address_is_opened(depot: Depot) -> None:
    depot.shelve(NASAL, lot="NAL")
    stopped = depot.allocated({NASAL: 1}, name="Canary Quill")
    depot.request({NASAL: 1}, zip="55401", state="MN")
    done = depot.request({NASAL: 1})
    workflow.cancel(depot.session, done, by="participant", at=clock.now())
    depot.session.commit()
    shutil.rmtree(depot.settings.keyring)
    [found] = open_orders(depot.session, draft(depot, rule("OH", NASAL, "deny")), clock.now())
    assert (found.item, found.requests, found.was) == (NASAL, 2, {"allow": 2})
    assert found.moved == (Moved("OH", "allow", "deny", 1),)
    assert stopped.number not in repr(found) and "Canary" not in repr(found) and "43215" not in repr(found)


def test_past_requests_are_decided_again_by_their_state(depot: Depot) -> None:
    depot.shelve(NASAL, lot="NAL")
    for _ in range(2):
        depot.allocated({NASAL: 1})
    depot.request({NASAL: 1}, zip="55401", state="MN")
    depot.session.commit()
    made = draft(depot, rule("OH", NASAL, "deny"))
    assert what_if(depot.session, made, clock.now()) == [
        WhatIf(
            NASAL,
            3,
            {"allow": 3},
            {"deny": 2, "allow": 1},
            (Moved("OH", "allow", "deny", 2),),
        )
    ]
    assert what_if(depot.session, made, clock.now(), days=-1) == []


def test_what_the_catalog_changed_since_is_not_counted_as_the_drafts_doing(depot: Depot) -> None:
    depot.shelve(NASAL, lot="NAL")
    depot.allocated({NASAL: 1})
    depot.session.query(SiteItem).delete()
    depot.session.commit()
    assert [one.moved for one in what_if(depot.session, draft(depot), clock.now())] == [()]


def test_where_the_counties_differ_it_depends(depot: Depot) -> None:
    depot.session.add_all(County(fips=fips, name=fips, state="OH") for fips in ("39049", "39035"))
    depot.session.get_one(Zip, "43215").counties = ["39049", "39035"]
    depot.request({NASAL: 1})
    made = draft(depot, rule("county:39035", NASAL, "deny", key="OH-county", scope="county"))
    assert what_if(depot.session, made, clock.now())[0].would == {DEPENDS: 1}
    assert [(one.after, one.counties) for one in changed_answers(depot.session, made, clock.now())] == [
        (Effect.ASK, ("39035",))
    ]


def test_its_cost_does_not_grow_with_the_orders(depot: Depot) -> None:
    made = draft(depot)

    def statements() -> int:
        asked: list[object] = []

        def note(*about: object) -> None:
            asked.append(about[2])

        depot.session.commit()
        event.listen(Engine, "before_cursor_execute", note)
        what_if(depot.session, made, clock.now())
        event.remove(Engine, "before_cursor_execute", note)
        return len(asked)

    depot.request({NASAL: 1})
    statements()  # reads the rules, which are then remembered
    few = statements()
    for _ in range(6):
        depot.request({NASAL: 1})
    assert statements() == few

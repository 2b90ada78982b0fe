"""The starter rules hold every row of the law table, each with what it rests on."""

import re
from collections import Counter
from typing import Any

import pytest

from geo import rulefile
from geo.publish import STARTER
from geo.rules import NATION

PLACES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY PR GU VI AS MP AA AE AP"
)
STATES = PLACES.split()
FORBIDDEN = re.compile(r"\b(denied|failed|addict|abuser?|clean|dirty|junkie|offender)\b", re.IGNORECASE)


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    return rulefile.read(STARTER.read_text(encoding="utf-8"), places={NATION, *STATES}).rules


def test_every_place_has_a_rule_for_every_kind(rules: list[dict[str, Any]]) -> None:
    of_states = [rule for rule in rules if rule["place"] != NATION]
    assert len(STATES) == 59
    assert len(of_states) == 59 * 5
    per_item = Counter((rule["place"], item) for rule in of_states for item in rule["items"])
    kinds = ("naloxone-nasal", "naloxone-im", "fentanyl-strips", "xylazine-strips", "syringe-kit", "smoking-kit")
    assert per_item == Counter({(state, kind): 1 for state in STATES for kind in kinds})


def test_the_law_table_is_kept_row_by_row(rules: list[dict[str, Any]]) -> None:
    of_states = [rule for rule in rules if rule["place"] != NATION]
    assert Counter(rule["legal_status"] for rule in of_states) == {
        "allowed": 116,
        "unclear": 86,
        "prohibited": 35,
        "program_only": 31,
        "allowed_with_conditions": 27,
    }
    assert Counter(rule["confidence"] for rule in of_states) == {"low": 112, "medium": 101, "high": 82}
    assert Counter(rule["min_age"] for rule in of_states if rule["min_age"]) == {18: 4, 15: 2}
    assert Counter(rule["scope"] for rule in of_states) == {"statewide": 278, "county": 13, "municipality": 4}


def test_effects_follow_the_law(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        if rule["place"] == NATION:
            continue
        status = rule["legal_status"]
        no_mail = any(condition.startswith("MAIL NOT FEASIBLE") for condition in rule["conditions"])
        expected = {"prohibited": "deny", "unclear": "review"}.get(status, "deny" if no_mail else "allow")
        assert rule["effect"] == expected, rule["key"]
        program = f"program:{rule['place']}" if status == "program_only" and not no_mail else None
        assert rule["credential"] == program, rule["key"]
        assert bool(rule["conditions"]) == (status in ("program_only", "allowed_with_conditions")), rule["key"]


def test_every_rule_says_what_it_rests_on_and_that_nobody_reviewed_it(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert rule["citation"] and rule["source"] and rule["source_date"] and rule["confidence"], rule["key"]
        assert rule["reviewed_by"] is None
        assert re.match(r"(https?://|host:|$)", rule["source_url"]), rule["key"]


def test_sentences_are_kind_short_and_in_both_languages(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        for sentence in (rule["sentence"], rule["sentence_es"]):
            assert len(sentence) <= 200, rule["key"]
            assert not FORBIDDEN.search(sentence), rule["key"]
        assert rule["sentence"] != rule["sentence_es"]


def test_rules_stand_in_a_stable_order(rules: list[dict[str, Any]]) -> None:
    places = list(dict.fromkeys(rule["place"] for rule in rules))
    assert places == [NATION, *STATES]

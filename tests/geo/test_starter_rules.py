"""The starter rules hold every row of the law table, each with what it rests on."""

import re
from collections import Counter
from typing import Any

import pytest

from geo import rulefile
from geo.publish import STARTER
from geo.rulefile import Known
from geo.rules import NATION

PLACES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY PR GU VI AS MP AA AE AP"
)
STATES = PLACES.split()
FORBIDDEN = re.compile(r"\b(denied|failed|addict|abuser?|clean|dirty|junkie|offender)\b", re.IGNORECASE)


NAMED_COUNTIES = {"TX": {"county:48029"}, "PA": {"county:42101", "county:42003"}}
TEXT = STARTER.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    counties = {place.removeprefix("county:") for places in NAMED_COUNTIES.values() for place in places}
    return rulefile.read(TEXT, Known({NATION, *STATES}, counties, {"42223", "86514"})).rules


def of_states(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the law table."""
    return [rule for rule in rules if rule["place"] in STATES]


def test_every_place_has_a_rule_for_every_kind(rules: list[dict[str, Any]]) -> None:
    assert len(STATES) == 59
    assert len(of_states(rules)) == 59 * 5
    per_item = Counter((rule["place"], item) for rule in of_states(rules) for item in rule["items"])
    kinds = ("naloxone-nasal", "naloxone-im", "fentanyl-strips", "xylazine-strips", "syringe-kit", "smoking-kit")
    assert per_item == Counter({(state, kind): 1 for state in STATES for kind in kinds})


def test_the_law_table_is_kept_row_by_row(rules: list[dict[str, Any]]) -> None:
    rows = of_states(rules)
    assert Counter(rule["legal_status"] for rule in rows) == {
        "allowed": 116,
        "unclear": 86,
        "prohibited": 35,
        "program_only": 31,
        "allowed_with_conditions": 27,
    }
    assert Counter(rule["confidence"] for rule in rows) == {"low": 112, "medium": 101, "high": 82}
    assert Counter(rule["min_age"] for rule in rows if rule["min_age"]) == {18: 4, 15: 2}
    assert Counter(rule["scope"] for rule in rows) == {"statewide": 278, "county": 13, "municipality": 4}


def test_effects_follow_the_law(rules: list[dict[str, Any]]) -> None:
    for rule in of_states(rules):
        status, key = rule["legal_status"], rule["key"]
        by_county = status == "program_only" and key.endswith("-syringes") and rule["place"] in NAMED_COUNTIES
        closed = by_county or any(condition.startswith("MAIL NOT FEASIBLE") for condition in rule["conditions"])
        expected = {"prohibited": "deny", "unclear": "review"}.get(status, "deny" if closed else "allow")
        assert rule["effect"] == expected, key
        program = [f"program:{rule['place']}"] if status == "program_only" and not closed else None
        assert (rule["credentials"][0] if rule["credentials"] else None) == program, key
        assert bool(rule["conditions"]) == (status in ("program_only", "allowed_with_conditions")), key


def test_counties_that_the_law_names_are_exceptions(rules: list[dict[str, Any]]) -> None:
    for state, counties in NAMED_COUNTIES.items():
        named = [rule for rule in rules if rule["place"] in counties]
        assert {rule["place"] for rule in named} == counties
        for rule in named:
            assert (rule["items"], rule["effect"]) == (["syringe-kit"], "allow")
            assert rule["credentials"] == [[f"program:{state}"]] and rule["conditions"]


def test_either_authority_or_several_together(rules: list[dict[str, Any]]) -> None:
    credentials = {rule["key"]: rule["credentials"] for rule in rules}
    assert credentials["CA-syringes"][1:] == [["local-approval:CA"], ["cdph-approval:CA"]]
    assert credentials["KY-syringes"][1:] == [["board-of-health:KY", "fiscal-court:KY", "city:KY"]]
    assert credentials["MD-syringes"][1:] == [["state-approval:MD", "local-health-officer:MD"]]


def test_overlays_and_federal_money(rules: list[dict[str, Any]]) -> None:
    by_key = {rule["key"]: rule for rule in rules}
    grants = by_key["US-federal-grants"]
    assert (grants["scope"], grants["effect"], grants["not_funds"]) == ("federal", "allow", ["federal"])
    assert not {"naloxone-nasal", "wound-care-kit"} & set(grants["items"])
    areas = {area["code"]: (area["kind"], area["zips"]) for area in rulefile.read(TEXT, rulefile.ANYTHING).areas}
    assert areas == {"fort-campbell": ("enclave", ["42223"]), "navajo-teec-nos-pos": ("tribal", ["86514"])}
    overlays = [rule for rule in rules if rule["place"].startswith("area:")]
    assert {rule["effect"] for rule in overlays} == {"review"}


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
    first = dict.fromkeys(NATION if rule["key"].startswith(NATION) else rule["key"][:2] for rule in rules)
    assert list(first) == [NATION, *STATES]

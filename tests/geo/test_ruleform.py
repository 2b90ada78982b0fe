from datetime import date
from typing import Any

import pytest
from marshmallow import ValidationError

from geo import placewords, ruleform
from geo.placewords import Names
from geo.ruleform import Around

NAMES = Names(
    {"IN": "Indiana", "MD": "Maryland"},
    {"18097": "Marion, IN", "24005": "Baltimore, MD (24005)", "24510": "Baltimore, MD (24510)"},
)
AROUND = Around(
    NAMES,
    areas={"hills": {"name": "Green Hills", "kind": "municipality"}},
    keys={"IN-old"},
    states={"zip:46202": "IN", "area:hills": "IN"},
)
FEW = {
    "place": "Marion, IN",
    "items": "syringe-kit",
    "effect": "allow",
    "valid_to": "2027-06-30",
    "citation": "Made-up Code 1",
    "source": "Made-up source",
    "source_date": "2026-11-22",
    "confidence": "high",
}


def read(**typed: str) -> dict[str, Any]:
    return ruleform.read(FEW | typed, AROUND)


def errors(**typed: str) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as raised:
        read(**typed)
    return dict(raised.value.messages_dict)


def test_a_county_approves_with_few_fields() -> None:
    rule = read()
    assert (rule["key"], rule["place"], rule["scope"]) == ("IN-marion-syringe-kit", "county:18097", "county")
    assert (rule["legal_status"], rule["valid_to"]) == ("allowed", date(2027, 6, 30))
    assert rule["sentence"] == "We can mail this to you." and "correo" in rule["sentence_es"]


@pytest.mark.parametrize(
    ("kind", "typed", "code"),
    [
        ("", "Marion, IN", "county:18097"),
        ("", "marion county, in", "county:18097"),
        ("county", "18097", "county:18097"),
        ("", "Baltimore, MD (24510)", "county:24510"),
        ("", "Indiana", "IN"),
        ("state", "in", "IN"),
        ("", "46202", "zip:46202"),
        ("zip", "zip: 46202", "zip:46202"),
        ("area", "hills", "area:hills"),
        ("", "area:hills", "area:hills"),
        ("", "hills", "area:hills"),
        ("area", "green hills", "area:hills"),
        ("nation", "", "US"),
        ("military", "", "military"),
        ("", "US", "US"),
    ],
)
def test_a_place_is_read_as_people_write_it(kind: str, typed: str, code: str) -> None:
    assert read(place_kind=kind, place=typed)["place"] == code


@pytest.mark.parametrize(
    ("kind", "typed", "said"),
    [
        ("", "", "Say which place"),
        ("nation", "Marion, IN", "Leave the place empty, or choose its kind."),
        ("military", "Indiana", "Leave the place empty, or choose its kind."),
        ("", "Baltimore, MD", "There are 2 of that name"),
        ("", "Nowhere, IN", "not a county we know"),
        ("county", "Marin, IN", "Did you mean Marion, IN?"),
        ("", "Marion County", "Which state? Marion is in IN. Type it with its state, such as Marion, IN."),
        ("", "Marion, Indianna", "“Indianna” is not a state we know. Did you mean Indiana?"),
        ("county", "99999", "not the number of a county"),
        ("state", "Atlantis", "not a state we know"),
        ("zip", "462", "5 digits"),
        ("area", "unknown", "no area “unknown”"),
    ],
)
def test_a_place_that_is_not_there_is_said_beside_it(kind: str, typed: str, said: str) -> None:
    assert said in errors(place_kind=kind, place=typed)["place"][0]


def test_each_fault_stands_by_its_field() -> None:
    found = errors(
        items="",
        effect="",
        citation="",
        valid_from="2027-07-01",
        most_units="5",
        min_age="x",
        attest="I agree",
        key="in",
    )
    assert set(found) >= {"items", "effect", "citation", "most_units", "min_age", "key"}
    assert "2026" in errors(valid_from="tomorrow")["valid_from"][0]
    assert "before it begins" in errors(valid_from="2027-07-01")["valid_to"][0]
    assert "both" in errors(attest="I agree")["attest"][0]
    assert errors(key="IN-old")["key"]


def test_lists_and_alternatives_are_read_and_shown_again() -> None:
    rule = read(
        selectors="class:syringes\nform:rx",
        credentials="standing-order\nprogram:IN and county-approval",
        conditions="One each\nNo resale",
        most_units="100",
        most_days="30",
        origins="oh, mn",
        note="Line one\nLine two",
    )
    assert rule["items"] == ["syringe-kit", "class:syringes", "form:rx"]
    assert rule["credentials"] == [["standing-order"], ["program:IN", "county-approval"]]
    assert rule["most_per_period"] == [100, 30] and rule["origins"] == ["OH", "MN"]
    assert rule["sentence"].startswith("We can't mail this")  # what is read while no paper is held
    shown = ruleform.typed_of(rule, NAMES, {"syringe-kit"})
    assert ruleform.read(shown, AROUND, key=rule["key"]) == rule


def test_a_key_is_suggested_once() -> None:
    taken = Around(NAMES, {}, {"IN-marion-syringe-kit"}, {})
    assert (
        ruleform.suggested_key({"place": "county:18097", "items": ["syringe-kit"]}, taken) == "IN-marion-syringe-kit-2"
    )
    assert (
        ruleform.suggested_key({"place": "zip:46202", "items": ["class:syringes"]}, AROUND) == "IN-46202-class-syringes"
    )
    assert ruleform.suggested_key({"place": "area:hills", "items": ["wipes"]}, AROUND) == "IN-hills-wipes"
    assert ruleform.suggested_key({"place": "US", "items": ["x" * 80]}, AROUND)[:4] == "US-x"


def test_a_rule_of_a_town_is_the_towns() -> None:
    assert read(place="Green Hills")["scope"] == "municipality"
    assert read(place="Green Hills", scope="statewide")["scope"] == "statewide"


def test_a_warehouse_that_is_not_there_is_named_beside_those_that_are() -> None:
    around = Around(NAMES, {}, set(), {}, ["MN", "OH"])
    assert ruleform.read(FEW | {"origins": "oh"}, around)["origins"] == ["OH"]
    with pytest.raises(ValidationError) as raised:
        ruleform.read(FEW | {"origins": "OH, XX"}, around)
    assert raised.value.messages_dict["origins"] == [
        "We have no warehouse “XX”, so nothing could be sent. Ours are MN, OH."
    ]


def test_places_have_names() -> None:
    said = [NAMES.of(place) for place in ("US", "IN", "county:18097", "zip:46202", "military", "area:hills")]
    assert said == ["The whole nation", "Indiana", "Marion, IN", "ZIP code 46202", "Military addresses", "area:hills"]
    assert placewords.shown("county:18097", NAMES) == "Marion, IN"


@pytest.mark.parametrize(
    ("change", "now"),
    [
        ({"effect": "deny"}, "the rule now says no."),
        ({"effect": "review"}, "the rule now says “a person decides”."),
        ({"credentials": "county-approval"}, "the rule now says no while something is missing."),
    ],
)
def test_sentences_of_another_answer_do_not_stay(change: dict[str, str], now: str) -> None:
    before = read()
    kept = ruleform.typed_of(before, NAMES, ["syringe-kit"])
    with pytest.raises(ValidationError) as raised:
        ruleform.read(kept | change, AROUND, before["key"], before)
    told = dict(raised.value.messages_dict)
    assert f"This sentence is for a yes; {now}" in told["sentence"][0] and now in told["sentence_es"][0]
    assert ("legal_status" in told) is ("effect" in change)
    anew = {"sentence": "", "sentence_es": "Otra frase.", "legal_status": ""}
    rule = ruleform.read(kept | change | anew, AROUND, before["key"], before)
    assert rule["sentence"] != before["sentence"] and rule["sentence_es"] == "Otra frase."
    assert ruleform.read(kept | {"min_age": "18"}, AROUND, before["key"], before)["min_age"] == 18


def test_one_like_another_takes_neither_its_sentences_nor_its_source() -> None:
    typed = ruleform.like(read(source_url="https://example.org"), NAMES, ["syringe-kit"])
    assert (typed["place"], typed["items"], typed["effect"]) == ("Marion, IN", "syringe-kit", "allow")
    assert not any(typed[name] for name in ("key", "citation", "source", "source_url", "sentence", "sentence_es"))


def test_faults_are_told_in_plain_words() -> None:
    told = errors(effect="", key="IN-" + "a" * 80, min_age="300", training="Two Words", ends="sideways", scope="city")
    assert told == {
        "effect": ["Choose what it says."],
        "key": ["Write at most 60 letters."],
        "min_age": ["Type a number from 0 to 120."],
        "training": ["Write it in small letters, without spaces, such as naloxone."],
        "ends": ["Choose one of: both, destination, origin."],
        "scope": ["Choose one of: nation, federal, statewide, county, municipality."],
    }
    assert "year-month-day" in errors(valid_to="20270630")["valid_to"][0]

import pytest
import yaml

from geo import rulefile
from geo.rulefile import RulesWrong

GOOD = {
    "key": "OH-syringes",
    "place": "OH",
    "scope": "county",
    "items": ["syringe-kit"],
    "effect": "allow",
    "citation": "1 X.Y. 2",
    "source": "A page",
    "source_date": "2025-01",
    "confidence": "high",
    "legal_status": "allowed",
    "sentence": "We can mail this.",
    "sentence_es": "Podemos enviarlo.",
}


def text(*rules: object) -> str:
    return yaml.safe_dump({"name": "Test rules", "version": "1", "rules": list(rules)}, sort_keys=False)


def problem(source: str) -> str:
    with pytest.raises(RulesWrong) as caught:
        rulefile.read(source, places={"US", "OH"})
    return str(caught.value)


def test_a_good_file_is_read_and_gaps_are_filled() -> None:
    file = rulefile.read(text(GOOD), places={"OH"})
    assert (file.name, file.version) == ("Test rules", "1")
    assert file.rules[0]["min_age"] is None
    assert file.rules[0]["conditions"] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"effect": "maybe"}, "effect: Must be one of: allow, deny, review"),
        ({"citation": ""}, "citation: "),
        ({"citation": None}, "citation: Field may not be null"),
        ({"confidnce": "high"}, "confidnce: Unknown field"),
        ({"place": "ZZ"}, "place: ZZ is not known"),
        ({"items": []}, "items: "),
        ({"items": ["Syringe Kit"]}, "items: "),
        ({"min_age": "18"}, "min_age: "),
        ({"source_date": 2025}, "source_date: Not a valid string"),
        ({"valid_from": "tomorrow"}, "valid_from: Write a day as 2026-12-01"),
        ({"valid_from": "2026-12-02", "valid_to": "2026-12-01"}, "valid_to: The rule ends before it begins"),
        ({"reviewed_by": "Example Reviewer"}, "reviewed_by: A review needs both a reviewer and a day"),
    ],
)
def test_a_fault_is_named_with_its_rule_and_line(change: dict[str, object], said: str) -> None:
    assert f"OH-syringes (line 4): {said}" in problem(text({**GOOD, **change}))


def test_a_missing_citation_is_named() -> None:
    without = {key: value for key, value in GOOD.items() if key != "citation"}
    assert "citation: Missing data" in problem(text(without))


def test_two_rules_with_one_key_are_named() -> None:
    assert problem(text(GOOD, GOOD)).count("key: used 2 times") == 2


def test_many_faults_are_cut_to_ten() -> None:
    said = problem(text(*({**GOOD, "key": f"OH-{n}", "effect": "maybe"} for n in range(15))))
    assert said.count("effect:") == 10
    assert said.endswith("And 5 more.")


@pytest.mark.parametrize(
    "source", ["", "[]", "rules: []", "name: x\nversion: '1'\nrules: {}", "name: 1\nversion: '1'\nrules: []"]
)
def test_a_file_of_another_shape_says_what_it_needs(source: str) -> None:
    assert "name" in problem(source)


def test_a_line_that_is_no_rule_is_named() -> None:
    assert "Line 4 is not a rule" in problem(text("hello"))


def test_broken_yaml_names_the_line() -> None:
    assert "Line 2 is not YAML" in problem("name: [\n")


def test_days_may_stand_bare_or_in_quotes() -> None:
    source = text(GOOD) + "  valid_from: 2026-12-01\n  valid_to: '2026-12-31'\n"
    rule = rulefile.read(source, places={"OH"}).rules[0]
    assert (str(rule["valid_from"]), str(rule["valid_to"])) == ("2026-12-01", "2026-12-31")

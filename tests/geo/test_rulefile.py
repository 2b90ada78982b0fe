"""What a ruleset file may say, and that each fault is named with its rule and line."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from geo import rulefile
from geo.rulefile import Known, RulesWrong
from geo.ruleschema import AreaSchema, RuleSchema, json_schema, json_text

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
AREA = {
    "code": "city",
    "name": "Example City",
    "kind": "municipality",
    "zips": ["43215"],
    "source": "A map",
    "source_date": "2025",
}
KNOWN = Known({"OH"}, {"39049"}, {"43215"}, {"syringe-kit"})
DOCS = Path(rulefile.__file__).parents[1] / "docs" / "rules.md"
SCHEMA_FILE = Path(rulefile.__file__).parent / "data" / "rules.schema.json"


def text(*rules: object, areas: tuple[object, ...] = ()) -> str:
    heading = {"name": "Test rules", "version": "1"}
    return yaml.safe_dump(
        {**heading, **({"areas": list(areas)} if areas else {}), "rules": list(rules)},
        sort_keys=False,
    )


def problem(source: str) -> str:
    with pytest.raises(RulesWrong) as caught:
        rulefile.read(source, KNOWN)
    return str(caught.value)


def test_a_good_file_is_read_and_gaps_are_filled() -> None:
    file = rulefile.read(text(GOOD, areas=(AREA,)), KNOWN)
    assert (file.name, file.version, file.lines) == ("Test rules", "1", {"area:city": 4, "OH-syringes": 12})
    assert (file.rules[0]["min_age"], file.rules[0]["conditions"], file.rules[0]["ends"]) == (None, [], "both")
    assert (file.areas[0]["counties"], file.areas[0]["shape"]) == ([], None)


# (change, what is said of it, whether the JSON Schema sees it too)
FAULTS: list[tuple[dict[str, object], str, bool]] = [
    ({"effect": "maybe"}, "effect: Must be one of: allow, deny, review", True),
    ({"citation": ""}, "citation: ", True),
    ({"citation": None}, "citation: Field may not be null", True),
    ({"confidnce": "high"}, "confidnce: Unknown field. Did you mean confidence?", True),
    ({"minimum_age": 18}, "minimum_age: Unknown field. Did you mean min_age?", True),
    ({"frobnicate": 18}, "frobnicate: Unknown field.", True),
    ({"key": "syringes"}, "key: A key is written like OH-syringes", True),
    ({"place": "Ohio"}, "place: A place is US", True),
    ({"place": "county:390"}, "place: A place is US", True),
    ({"place": "ZZ"}, "place: ZZ is not known", False),
    ({"place": "county:39999"}, "place: county:39999 is not known", False),
    ({"place": "zip:00000"}, "place: zip:00000 is not known", False),
    ({"place": "area:nowhere"}, "place: area:nowhere is not known", False),
    ({"items": []}, "items: ", True),
    ({"items": {"syringe-kit": 1}}, "items: Not a valid list", True),
    ({"items": ["Syringe Kit"]}, "items: Name items by code", True),
    ({"items": ["syringes"]}, "items: “syringes” is not in the catalog", False),
    ({"min_age": "18"}, "min_age: ", True),
    ({"min_age": True}, "min_age: ", True),
    ({"min_age": -1}, "min_age: ", True),
    ({"age_channels": ["mail", "post"]}, "age_channels: Must be one of: mail, delivery, site, pharmacy", True),
    ({"channels": ["post"]}, "channels: Must be one of: mail, delivery, site, pharmacy", True),
    ({"in_person": ["return"]}, "in_person: Must be one of: returns, identity, residency, card, presence", True),
    ({"ends": "middle"}, "ends: Must be one of: both, destination, origin", True),
    ({"credentials": ["standing-order"]}, "credentials: Not a valid list", True),
    ({"credentials": [[]]}, "credentials: ", True),
    ({"credentials": [["Standing Order"]]}, "credentials: A credential is written like", True),
    ({"most_per_period": [100]}, "most_per_period: Write it as [units, days]", True),
    ({"origins": ["ohio warehouse"]}, "origins: Name warehouses by their code", True),
    ({"conditions": "keep records"}, "conditions: Not a valid list", True),
    ({"source_date": 2025}, "source_date: Not a valid string", True),
    ({"valid_from": "tomorrow"}, "valid_from: Write a day as 2026-12-01", True),
    ({"valid_from": "20261201"}, "valid_from: Write a day as 2026-12-01", True),
    ({"valid_from": "2026-12-02", "valid_to": "2026-12-01"}, "valid_to: The rule ends (2026-12-01) before", False),
    ({"reviewed_by": "Example Reviewer"}, "reviewed_by: A review needs both a reviewer and a day", False),
    ({"attest": "It is for me."}, "attest: A statement needs both its English and its Spanish text", False),
]


@pytest.mark.parametrize(("change", "said", "_"), FAULTS)
def test_a_fault_is_named_with_its_rule_and_line(change: dict[str, object], said: str, _: bool) -> None:
    file, key = text({**GOOD, **change}), change.get("key", "OH-syringes")
    field = said.partition(":")[0]
    line = next((n for n, written in enumerate(file.splitlines(), 1) if written.lstrip(" -").startswith(f"{field}:")))
    assert f"{key} (line {line}): {said}" in problem(file)


@pytest.mark.parametrize("name", GOOD)
def test_a_missing_field_is_named(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    assert f"{name}: Missing data" in problem(text(without))
    assert not _schema_holds(text(without))


AREA_FAULTS: list[tuple[dict[str, object], str]] = [
    ({"zips": []}, "city (line 7): zips: An area needs zips, counties or a shape"),
    ({"zips": [43215]}, "city (line 7): zips: Not a valid string"),
    ({"zips": ["00000"]}, "area city: 00000 not known"),
    ({"kind": "town"}, "city (line 6): kind: Must be one of"),
    ({"counties": ["39049"]}, "city (line 11): counties: A municipality is no group of counties"),
    ({"colour": "red"}, "city (line 11): colour: Unknown field"),
]


@pytest.mark.parametrize(("change", "said"), AREA_FAULTS)
def test_a_fault_of_an_area_is_named(change: dict[str, object], said: str) -> None:
    assert said in problem(text(GOOD, areas=({**AREA, **change},)))


def test_what_stands_twice_is_named() -> None:
    assert problem(text(GOOD, GOOD)).count("key: used 2 times") == 2
    twice = text(GOOD) + "  effect: deny\n"
    assert "Line 17: effect stands here for the second time" in problem(twice)
    assert "rules and areas stand once each" in problem(text(GOOD) + "rules: []\n")
    assert "Line 17: name stands here for the second time" in problem(text(GOOD) + "name: Other\n")


TRAPS = [
    ("  " + "[" * 200_000, "Line 5: more than 50 lists or mappings stand in each other."),
    ("\n".join("  " * depth + "-" for depth in range(60)), "more than 50 lists"),
    ("  - &a {a: 1}\n  - {<<: [" + ", ".join(["*a"] * 400) + "]}\n", "Line 6: << takes in what stands elsewhere."),
    ("  - &a [*a]\n", "Line 5: the mark *a stands for too much. Write it out."),
    (
        "".join(f"  - &n{n} [{', '.join([f'*n{n - 1}'] * 9) if n else 'x'}]\n" for n in range(12)),
        "Line 10: the mark *n4",
    ),
    ("  - &a [x]\n  - &a [*a]\n", "Line 6: the mark *a"),
    ("  - {<<: {a: 1}}\n", "Line 5: << takes in"),
    ("  - " + ":".join("1" * 100_000), "Line 5: a text of 199,999 letters. Put it in quotes."),
    ("  - " + ":".join("1" * 50), "Line 5: a number of 99 digits."),
    ("  - 0x" + "f" * 9_000, "Line 5: a number of 9,002 digits."),
    ("  - !!int '" + ":".join("1" * 9_000) + "'", "Line 5: the tag tag:yaml.org,2002:int is not read here."),
]


@pytest.mark.parametrize(("trap", "said"), TRAPS)
def test_a_trap_is_named_before_it_shuts(trap: str, said: str) -> None:
    source = f"name: x\nversion: '1'\n# two\nrules:\n{trap}"
    assert said in problem(source)
    with pytest.raises(RulesWrong):
        rulefile.construct(source)


def test_marks_may_repeat_a_little() -> None:
    source = text(GOOD) + "  conditions: &long [x]\n  recorded: *long\n"
    assert rulefile.read(source, KNOWN).rules[0]["recorded"] == ["x"]


def test_quoted_and_block_texts_may_be_long() -> None:
    for long in ('"' + "1:" * 30_000 + '"', "|\n    " + "1:" * 30_000):
        assert rulefile.read(text(GOOD) + f"  note: {long}\n", KNOWN).rules[0]["note"].strip() == "1:" * 30_000


def test_many_faults_are_cut_to_ten() -> None:
    said = problem(text(*({**GOOD, "key": f"OH-{n}", "effect": "maybe"} for n in range(15))))
    assert said.count("effect:") == 10
    assert said.endswith("And 5 more.")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "The file needs name, version and rules"),
        ("[]", "The file needs name, version and rules"),
        ("rules: []", "The file needs name, version and rules"),
        ("name: x\nversion: '1'\nrules: {}", "rules and areas are lists"),
        ("name: 1\nversion: '1'\nrules: []", "name (line 1) needs text in quotes"),
        ("name: x\nversion: 2026-11-22\nrules: []", "version (line 2) needs text in quotes"),
        ("name: x\nversion: '1'\nrule: []\nrules: []", "rule (line 3) is not a key of this file"),
        ("name: [\n", "Line 2 is not YAML"),
        ("name: x\nversion: '1'\nrules:\n- hello\n", "Line 4 is not a mapping"),
        ("name: x\nversion: '1'\nrules:\n- {place: OH}\n", "An entry without a key (line 4)"),
        ("valid_from: 2026-02-30", "The file is not YAML"),
        ("name: x\x00", "is not YAML"),
        ("a: 1\n---\nb: 2\n", "is not YAML"),
        ("[" * 5000, "Line 1: more than 50 lists"),
    ],
)  # fmt: skip
def test_a_file_of_another_shape_says_what_it_needs(source: str, said: str) -> None:
    assert said in problem(source)


def test_days_may_stand_bare_or_in_quotes() -> None:
    source = text(GOOD) + "  valid_from: 2026-12-01\n  valid_to: '2026-12-31'\n"
    rule = rulefile.read(source, KNOWN).rules[0]
    assert (str(rule["valid_from"]), str(rule["valid_to"])) == ("2026-12-01", "2026-12-31")


# The JSON Schema


def test_the_schema_file_is_what_the_schemas_say() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8") == json_text(), (
        "Run: distro rules schema > geo/data/rules.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_page_on_rules_tells_every_field() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for schema in (RuleSchema(), AreaSchema()):
        for name, field in schema.fields.items():
            needed = " \\*" if field.required else ""
            assert f"| `{name}`{needed} | {field.metadata['description']} |" in page


def _schema_holds(source: str) -> bool:
    as_editors_read = json.loads(json.dumps(yaml.safe_load(source), default=str))  # days are text to them
    return bool(jsonschema.Draft202012Validator(json_schema()).is_valid(as_editors_read))


GOOD_CHANGES: list[dict[str, object]] = [
    {},
    {"place": "county:39049", "items": ["class:kits", "form:rx", "component:syringe-kit", "analyte:fentanyl"]},
    {"min_age": 18, "age_channels": ["pharmacy"], "attest": "It is for me.", "attest_es": "Es para mí."},
    {"credentials": [["board-of-health", "conditions:OH-syringes"], ["program:OH"]], "conditions": ["keep records"]},
    {"most_per_order": 100, "most_per_period": [100, 30], "enclosures": ["A card"], "in_person": ["returns"]},
    {"channels": ["mail"], "origins": ["OH"], "operators": ["nonprofit"], "not_funds": ["federal"], "ends": "origin"},
    {"valid_from": "2026-12-01", "valid_to": None, "reviewed_by": "Example", "reviewed_on": "2026-11-20"},
    {"training": "naloxone", "recorded": ["1,000 ft"], "source_url": "", "note": "x"},
]


@pytest.mark.parametrize("change", GOOD_CHANGES)
def test_schema_and_reader_agree_on_what_is_good(change: dict[str, object]) -> None:
    source = text({**GOOD, **change}, areas=(AREA, {**AREA, "code": "b", "shape": {"type": "Polygon"}}))
    assert rulefile.read(source, KNOWN).rules
    assert _schema_holds(source)


@pytest.mark.parametrize(("change", "_", "seen"), FAULTS)
def test_schema_and_reader_agree_on_what_is_wrong(change: dict[str, object], _: str, seen: bool) -> None:
    assert _schema_holds(text({**GOOD, **change})) is not seen


def test_the_schema_refuses_unknown_keys_everywhere() -> None:
    assert not _schema_holds(text(GOOD) + "rule: []\n")
    assert not _schema_holds(text(GOOD, areas=({**AREA, "colour": "red"},)))
    assert not _schema_holds(text(GOOD, areas=({**AREA, "kind": "town"},)))

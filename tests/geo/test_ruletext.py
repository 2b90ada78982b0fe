"""Writing into ruleset files: what was loaded comes out byte for byte, and a change touches its own lines alone."""

import difflib
from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from geo import rulefile, ruletext
from geo.publish import STARTER
from geo.rulefile import ANYTHING, RulesWrong
from tests.geo.test_rulefile import AREA, GOOD

HAND_WRITTEN = """\
# The rules of our program.   Two spaces, tabs	and all.
name:   'Our rules'    # ours
version: "7"

areas:
    -   code: city     # by hand
        name: Example City
        kind: municipality
        zips: ['43215',
               "43216"]
        source: A map
        source_date: '2025'
rules:

# -- Ohio --
-
    key: OH-first
    place: OH
    scope: statewide
    items:
    - syringe-kit
    - "fentanyl-strips"
    effect: allow
    legal_status: allowed
    citation: >
      Folded
      over lines
    source: A page
    source_date: "2025"
    confidence: high
    sentence: We can mail
      this to you.
    sentence_es: 'Podemos enviarlo.'
    note: |
      Line one

      Line two


# -- The last --
- {key: OH-flow, place: OH, scope: statewide, items: [naloxone-nasal], effect: allow, legal_status: allowed,
   citation: x, source: y, source_date: "2025", confidence: high, sentence: a, sentence_es: b}
- key: OH-last   # comment of its own
  place: OH
  scope: statewide
  items: [wound-care-kit]
  effect: deny
  legal_status: prohibited
  citation: x
  source: y
  source_date: "2025"
  confidence: high
  sentence: a
  sentence_es: b
  note: ""
# the end
"""


def as_json(rules: list[dict[str, Any]]) -> str:
    return yaml.safe_dump({"name": "x", "version": "1", "rules": rules}, default_flow_style=True, width=10_000)


FORMS = {
    "by hand": HAND_WRITTEN,
    "with CRLF": HAND_WRITTEN.replace("\n", "\r\n"),
    "with a mark of byte order": "\ufeff" + HAND_WRITTEN,
    "without a last line end": HAND_WRITTEN.removesuffix("\n# the end\n"),
    "starter": STARTER.read_text(encoding="utf-8"),
    "with aliases": yaml.safe_dump(
        {"name": "x", "version": "1", "rules": [{**GOOD, "key": key} for key in ("OH-first", "OH-flow", "OH-last")]}
    ),
    "as JSON": as_json([{**GOOD, "key": key, "items": ["x"]} for key in ("OH-first", "OH-flow", "OH-last")]),
}  # fmt: skip


def rules_of(text: str) -> dict[str, dict[str, Any]]:
    return {rule["key"]: rule for rule in rulefile.read(text, ANYTHING).rules}


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines taken out, and those put in."""
    marks = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return [line[1:] for line in marks if line[0] == "-"], [line[1:] for line in marks if line[0] == "+"]


@pytest.mark.parametrize("form", FORMS)
def test_changing_a_rule_changes_that_rule_alone(form: str) -> None:
    text = FORMS[form]
    before = rules_of(text)
    for key in [key for key in ("OH-first", "OH-flow", "OH-last", "OH-syringes") if key in before]:
        wanted = {**before[key], "effect": "review", "note": "New: “so”"}
        assert rules_of(ruletext.put_rule(text, wanted)) == {**before, key: wanted}
        fewer = rules_of(ruletext.drop_rule(text, key))
        assert fewer == {other: rule for other, rule in before.items() if other != key}
    fresh = {**before[key], "key": "OH-new"}
    assert list(rules_of(ruletext.put_rule(text, fresh))) == [*before, "OH-new"]


@pytest.mark.parametrize("form", ["by hand", "with CRLF", "with a mark of byte order", "without a last line end"])
def test_every_other_line_of_a_file_written_by_hand_stays(form: str) -> None:
    text = FORMS[form]
    lines = text.splitlines(keepends=True)
    rules = rules_of(text)
    first = next(index for index, line in enumerate(lines) if line.rstrip() == "-")
    last = max(index for index, line in enumerate(lines) if "Line two" in line)
    after = ruletext.put_rule(text, {**rules["OH-first"], "effect": "deny"}).splitlines(keepends=True)
    assert after[:first] == lines[:first]
    assert after[-(len(lines) - last - 1) :] == lines[last + 1 :]
    assert {line[-2:] == "\r\n" for line in after if line.endswith("\n")} == {form == "with CRLF"}
    dropped = ruletext.drop_rule(text, "OH-last")
    assert dropped.splitlines()[: len(lines) - 15] == text.splitlines()[: len(lines) - 15]
    assert ruletext.drop_rule(text, "OH-none") == text


def test_a_change_in_the_starter_file_touches_one_line() -> None:
    text = FORMS["starter"]
    taken, put = changed(text, ruletext.put_rule(text, {**rules_of(text)["OH-naloxone"], "note": "Changed."}))
    assert (len(taken), put) == (1, ['    note: "Changed."'])


def test_areas_come_and_go() -> None:
    text = ruletext.new("x", "1", [GOOD])
    area = {**AREA, "zips": ["43215"], "shape": {"type": "Point", "coordinates": [1e-05, -2.5e22]}}
    with_area = ruletext.put_area(text, area)
    read = rulefile.read(with_area, ANYTHING).areas[0]
    assert (read["shape"], read["zips"]) == (area["shape"], ["43215"])
    assert ruletext.put_area(with_area, area) == with_area
    second = ruletext.put_area(with_area, {**AREA, "code": "b"})
    assert [one["code"] for one in rulefile.read(second, ANYTHING).areas] == ["city", "b"]
    assert rulefile.read(ruletext.drop_area(with_area, "city"), ANYTHING).areas == []
    by_hand = rulefile.read(ruletext.put_area(HAND_WRITTEN, {**AREA, "name": "Other"}), ANYTHING)
    assert (by_hand.areas[0]["name"], list(rules_of(HAND_WRITTEN))) == ("Other", [r["key"] for r in by_hand.rules])


@pytest.mark.parametrize("form", FORMS)
def test_a_heading_is_changed_in_its_place(form: str) -> None:
    text = ruletext.put_heading(FORMS[form], name='New "name": #1', version="8")
    file = rulefile.read(text, ANYTHING)
    assert (file.name, file.version) == ('New "name": #1', "8")
    assert rules_of(text) == rules_of(FORMS[form])


def test_the_last_rule_may_go_and_another_come() -> None:
    text = ruletext.new("x", "1", [GOOD])
    empty = ruletext.drop_rule(text, "OH-syringes")
    assert rulefile.read(empty, ANYTHING).rules == []
    assert rules_of(ruletext.put_rule(empty, GOOD)) == rules_of(text)


def test_a_rule_that_does_not_hold_is_written_and_then_named() -> None:
    with pytest.raises(RulesWrong, match="citation"):
        rules_of(ruletext.put_rule(FORMS["as JSON"], {**GOOD, "citation": None}))


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
codes = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}", fullmatch=True) | st.sampled_from(
    ["on", "null", "123", "1e3", "2026-12-01"]
)
days = st.none() | st.dates(date(1900, 1, 1))
whole_rules = st.fixed_dictionaries(
    {
        "key": st.from_regex(r"[A-Z]{2}-[a-z0-9-]{1,9}", fullmatch=True),
        "place": st.sampled_from(["US", "NO", "ON", "county:39049", "zip:43215", "military"]),
        "scope": st.just("statewide"),
        "items": st.lists(codes | st.builds("component:{}".format, codes), min_size=1, max_size=3),
        "effect": st.sampled_from(["allow", "deny", "review"]),
        **dict.fromkeys(("citation", "source", "sentence", "sentence_es", "legal_status", "source_date"), words),
        "confidence": st.sampled_from(["high", "medium", "low"]),
    },
    optional={
        "min_age": st.none() | st.integers(0, 120),
        "conditions": st.lists(words, max_size=2),
        "credentials": st.lists(
            st.lists(st.from_regex(r"[a-z]{1,5}(:[A-Z]{2})?", fullmatch=True), min_size=1), max_size=2
        ),
        "most_per_period": st.none() | st.tuples(st.integers(1, 99), st.integers(1, 99)).map(list),
        "origins": st.lists(st.from_regex(r"[A-Z0-9-]{1,4}", fullmatch=True), max_size=2),
        "valid_from": st.none() | st.dates(date(1900, 1, 1), date(1999, 1, 1)),
        "valid_to": st.none() | st.dates(date(1999, 1, 2)),
        "note": words,
    },
)
rule_lists = st.lists(whole_rules, max_size=4, unique_by=lambda rule: rule["key"])


@settings(max_examples=60)
@given(words, rule_lists, st.integers(0, 3), whole_rules)
def test_what_is_written_reads_as_it_was_meant(
    name: str, rules: list[dict[str, Any]], index: int, other: dict[str, Any]
) -> None:
    text = ruletext.new("Any", "1", rules)
    read = rules_of(text)
    for rule in rules:
        assert {key: read[rule["key"]][key] for key in rule} == rule
        assert ruletext.rule_block(read[rule["key"]]) == ruletext.rule_block(rule)
    assert ruletext.new("Any", "1", list(read.values())) == text
    put = ruletext.put_rule(text, other)
    assert {key: rule for key, rule in rules_of(put).items() if key != other["key"]} == {
        key: rule for key, rule in read.items() if key != other["key"]
    }
    assert ruletext.put_rule(put, other) == put
    if other["key"] not in read:
        assert ruletext.drop_rule(put, other["key"]) == text

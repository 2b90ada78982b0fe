"""What `rules lint` says, and that faults keep a ruleset from being proposed."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo import lint, rulefile
from geo.decision import decide
from geo.lint import Problem
from geo.publish import STARTER
from geo.rules import Area, BookRule, Effect, Facts, Law, Origin, Product, RuleBook
from tests.geo.samples import COLUMBUS, rules_text

ON = date(2026, 11, 22)
BASE = "- key: OH-a\n  place: OH\n  items: [thing]\n  effect: allow\n"


def found(*rules: str, areas: str = "", sort: str = "fault") -> list[Problem]:
    file = rulefile.read(rules_text("\n".join(rules), areas), rulefile.ANYTHING)
    return [problem for problem in lint.lint(file, ON) if problem.sort == sort]


def notes(fields: str) -> list[str]:
    return [problem.sentence for problem in found(BASE + fields, sort="note")]


def other(effect: str, fields: str = "", *, key: str = "OH-b") -> str:
    return BASE.replace("OH-a", key).replace("allow", effect) + fields


def test_a_sound_rule_is_silent() -> None:
    assert found(BASE) == found(BASE, sort="note") == []


CONTRADICTIONS = [
    (BASE, other("deny"), "OH-b says the opposite for the same place and days: deny, where this says allow"),
    (BASE, other("review"), "OH-b says the opposite for the same place and days: review"),
    (other("review", key="OH-a"), other("deny"), "place and days: deny, where this says review"),
    (BASE, other("deny", "  valid_from: 2026-12-01\n"), "it says allow of thing, and OH-b says deny"),
    (BASE, other("review", "  valid_to: 2026-12-01\n"), "it says allow of thing, and OH-b says review"),
    (BASE.replace("[thing]", "[thing, more]"), other("deny"), "it says allow of thing, and OH-b says deny"),
    (BASE, other("deny", "  ends: origin\n"), "it says allow of thing, and OH-b says deny"),
    (BASE + "  min_age: 18\n", other("deny"), "OH-b says the opposite"),
    (BASE + "  origins: [OH]\n", other("allow", "  origins: [MN]\n"), "origins: no parcel meets both this and OH-b"),
    (BASE + "  operators: [a]\n", other("allow", "  operators: [b]\n"), "operators: no parcel meets both"),
]


@pytest.mark.parametrize(("one", "two", "said"), CONTRADICTIONS)
def test_rules_that_contradict_are_named_with_their_line(one: str, two: str, said: str) -> None:
    for order in ((one, two), (two, one)):
        faults = found(*order)
        assert [problem.key for problem in faults] == ["OH-a"] or said.startswith(("origins", "operators"))
        assert said.replace("OH-b", "") in faults[0].sentence.replace("OH-b", "").replace("OH-a", "")
    line = 8 if said.startswith(("origins", "operators")) else 4  # of the field, where one is named
    assert str(found(one, two)[0]).startswith(f"OH-a (line {line}): ")


NO_CONTRADICTION = [
    (BASE, other("deny").replace("place: OH", "place: county:39049")),  # the county wins
    (BASE, other("deny").replace("place: OH", "place: US") + "  scope: federal\n"),  # overlays all count
    (BASE, other("deny").replace("[thing]", "[more]")),
    (BASE + "  valid_to: 2026-11-30\n", other("deny", "  valid_from: 2026-12-01\n")),
    (BASE + "  ends: destination\n", other("deny", "  ends: origin\n")),
    (BASE + "  conditions: [keep records]\n", other("review", "  valid_to: 2026-12-01\n")),  # a person, either way
    (BASE + "  credentials: [[a]]\n", other("allow", "  credentials: [[b]]\n")),  # both are needed, and can be
    (BASE + "  origins: [OH, MN]\n", other("allow", "  origins: [MN]\n")),
]


@pytest.mark.parametrize(("one", "two"), NO_CONTRADICTION)
def test_rules_that_differ_in_when_where_or_what_do_not_contradict(one: str, two: str) -> None:
    assert found(one, two) == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (BASE + "  scope: federal\n", "scope: federal is for the place US"),
        (BASE + "  credentials: [['conditions:OH-none']]\n", "credentials: conditions:OH-none names no rule"),
        (BASE + "  sentence: Your request was denied.\n", "sentence: “denied” is a word we do not use"),
        (BASE + "  attest: I am no user.\n  attest_es: x\n", "attest: “user” is a word we do not use"),
        (BASE + "  enclosures: [Keep it clean]\n", "enclosures: “clean” is a word we do not use"),
    ],
)
def test_other_faults_of_a_rule(rules: str, said: str) -> None:
    (fault,) = found(rules)
    assert fault.sentence.startswith(said)
    assert found(BASE + "  credentials: [['conditions:OH-a']]\n  source: The denied requests page\n") == []


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (BASE + "  legal_status: prohibited\n", "effect: it says allow, and legal_status says prohibited"),
        (other("deny", "  legal_status: allowed\n"), "effect: it says deny, and legal_status says allowed"),
        (other("deny", "  sentence: We can mail this.\n"), "sentence: it is read where nothing is mailed, so it must"),
        (BASE + "  credentials: [[a]]\n  sentence: We can mail this.\n", "sentence: it is read where nothing is"),
        (BASE + "  in_person: [card]\n  sentence: We can mail this.\n", "sentence: it is read where nothing is"),
        (BASE + "  sentence: We can't mail this.\n", "sentence: it is read where this is mailed"),
        (BASE + "  conditions: [x]\n  sentence: We can’t mail this.\n", "sentence: it is read where this is mailed"),
    ],
)
def test_a_sentence_that_says_the_opposite_is_a_fault(rules: str, said: str) -> None:
    (fault,) = found(rules)
    assert fault.sentence.startswith(said)


def test_a_sentence_is_measured_by_what_it_is_for() -> None:
    for sound in (
        other("deny", "  legal_status: program_only\n"),
        BASE + "  credentials: [[a]]\n  sentence: We can't mail this.\n",
        BASE + "  channels: [site]\n  sentence: We can't mail this.\n",
        other("review", "  legal_status: prohibited\n  sentence: We can't mail this.\n"),
    ):
        assert found(sound) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("  not_funds: [federal, feds]\n", "not_funds: “feds” is none of federal, state"),
        ("  valid_to: 2027-01-21\n", "valid_to: it ends on 2027-01-21, within 60 days"),
        ("  valid_to: 2026-11-22\n", "valid_to: it ends on 2026-11-22, within 60 days"),
        ("  valid_to: 2026-11-21\n", "valid_to: it ended on 2026-11-21"),
        ("  reviewed_by: x\n  reviewed_on: 2025-11-21\n", "reviewed_on: the review of 2025-11-21 is more than a year"),
        ("  source_date: undated\n", "source_date: “undated” is no date"),
        ('  source_date: "2024-03 (law to 2023-08-01)"\n', "source_date: the source of 2024-03 (law to 2023-08-01) is"),
        ("  confidence: low\n", "confidence: low never allows by itself"),
        ("  in_person: [returns]\n", "in_person: nothing is mailed, since returns needs someone there"),
        ("  channels: [site]\n", "channels: nothing is mailed"),
        ("  age_channels: [pharmacy]\n  min_age: 18\n", "age_channels: no age is asked for"),
        ("  sentence_es: We can mail this.\n", "sentence_es: the same text stands in both languages"),
        (f"  sentence: {'long ' * 41}\n", "sentence: it has 204 letters"),
    ],
)
def test_notes(fields: str, said: str) -> None:
    (note,) = notes(fields)
    assert note.startswith(said)


@pytest.mark.parametrize(
    "fields",
    [
        "  valid_to: 2027-01-22\n",
        "  reviewed_by: x\n  reviewed_on: 2025-11-22\n",
        '  source_date: "2024"\n',
        '  source_date: "2019-2025"\n',
        '  source_date: "c.2024-12"\n',
        "  age_channels: [mail]\n  min_age: 18\n",
    ],
)
def test_what_is_recent_enough_is_not_noted(fields: str) -> None:
    assert notes(fields) == []


def test_what_has_no_effect_is_noted() -> None:
    assert found(other("deny", "  origins: [OH]\n  min_age: 18\n"), sort="note")[0].sentence.startswith(
        "min_age: a rule that says deny denies everyone; min_age and origins"
    )
    again = found(BASE, other("allow"), sort="note")
    assert [(one.key, one.sentence) for one in again] == [("OH-a", "OH-b says the same again.")]


def test_areas_are_looked_at_as_they_lie_on_the_map() -> None:
    area = "- {code: a, name: A, kind: region, zips: ['43215'], source: x, source_date: '2026'}"
    rule = BASE.replace("place: OH", "place: area:a")
    assert found(rule, areas=area) == found(rule, areas=area, sort="note") == []
    assert [(p.key, p.line, p.sentence) for p in found(BASE, areas=area, sort="note")] == [
        ("area:a", 4, "no rule names it.")
    ]
    file = rulefile.read(rules_text(rule, area), rulefile.ANYTHING)
    located = [{**file.areas[0], "zips": [], "inside": [], "partly": []}]
    assert "no ZIP code and no county" in lint.lint(replace(file, areas=located), ON)[0].sentence
    many = [{**file.areas[0], "code": code, "inside": [], "partly": ["43215"]} for code in "abcde"]
    faults = [p for p in lint.lint(replace(file, areas=many), ON) if p.sort == "fault"]
    assert len(faults) == 5 and "43215 lies partly in 5 areas" in faults[0].sentence
    assert all(p.sort == "note" for p in lint.lint(replace(file, areas=many[:4]), ON))


@pytest.mark.parametrize("word", ["denied", "FAILED", "dirty", "users", "limpia", "sucios"])
def test_words_we_do_not_use_are_found_in_both_languages(word: str) -> None:
    assert [problem.sort for problem in found(BASE + f"  sentence_es: Por favor, {word}.\n")] == ["fault"]
    assert found(BASE + f"  citation: An act on the {word}\n") == []  # official names keep their wording


def test_the_starter_rules_have_no_fault() -> None:
    file = rulefile.read(STARTER.read_text(encoding="utf-8"), rulefile.ANYTHING)
    assert [str(problem) for problem in lint.lint(file, ON) if problem.sort == "fault"] == []


def test_the_example_on_the_page_is_sound() -> None:
    page = (Path(lint.__file__).parents[1] / "docs" / "rules.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    file = rulefile.read('name: Our rules\nversion: "1"\nrules:\n' + example, rulefile.ANYTHING)
    assert (file.rules[0]["place"], lint.lint(file, ON)) == ("county:18019", [])


pairs = st.lists(
    st.builds(
        dict,
        items=st.sampled_from([["thing"], ["more"], ["thing", "more"]]),
        effect=st.sampled_from(["allow", "deny", "review"]),
        ends=st.sampled_from(["both", "destination", "origin"]),
        valid_from=st.sampled_from([None, date(2026, 12, 1)]),
        valid_to=st.sampled_from([None, date(2026, 12, 31)]),
        origins=st.sampled_from([[], ["OH"], ["MN"]]),
        min_age=st.sampled_from([None, 18]),
    ),
    min_size=2,
    max_size=2,
)


@given(pairs)
def test_what_lint_says_never_wins_really_never_does(two: list[dict[str, object]]) -> None:
    rules = [
        BookRule.of({"key": f"OH-{name}", "place": "OH", "reviewed_by": "x", **fields})
        for name, fields in zip("ab", two, strict=True)
    ]
    found = lint._between(rules, {})
    lost = {key for key, sort, said in found if sort == "fault" and "never counts" in said}
    law = Law(RuleBook.of(rules, (Area("x", "region"),)))
    for rule in (rule for rule in rules if rule.key in lost):
        for item in rule.items:
            decision = decide(law, COLUMBUS, Product(item), Origin("OH", "OH"), Facts(age=20), date(2026, 12, 15))
            assert decision.effect is not Effect.ALLOW

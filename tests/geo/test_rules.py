from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.places import StateElsewhere
from geo.rules import BookRule, Effect, Facts, RuleBook, decide, strictest
from tests.geo.samples import COLUMBUS, FOUR_CORNERS, TODAY, rule

ORDER = [Effect.ALLOW, Effect.REVIEW, Effect.ASK, Effect.DENY]


def effect(*rules: BookRule, facts: Facts = Facts(), on: date = TODAY, allow_unreviewed: bool = False) -> Effect:  # noqa: B008
    return decide(RuleBook.of(rules, allow_unreviewed=allow_unreviewed), COLUMBUS, "thing", facts, on).effect


def test_a_clear_reviewed_rule_allows() -> None:
    assert effect(rule("OH-a")) == Effect.ALLOW


def test_silence_sends_to_a_person() -> None:
    assert effect() == Effect.REVIEW
    assert effect(rule("TX-a")) == Effect.REVIEW


def test_a_rule_of_the_nation_allows_but_a_federal_one_only_tightens() -> None:
    assert effect(rule("US-a", scope="nation")) == Effect.ALLOW
    assert effect(rule("US-a", scope="federal")) == Effect.REVIEW
    assert effect(rule("US-a", scope="federal"), rule("OH-a")) == Effect.ALLOW
    assert effect(rule("US-a", Effect.DENY, scope="federal"), rule("OH-a")) == Effect.DENY


@pytest.mark.parametrize("first", [Effect.ALLOW, Effect.REVIEW, Effect.DENY])
@pytest.mark.parametrize("second", [Effect.ALLOW, Effect.REVIEW, Effect.DENY])
def test_the_strictest_wins(first: Effect, second: Effect) -> None:
    assert effect(rule("OH-a", first), rule("US-b", second)) == max(first, second, key=ORDER.index)


def test_a_rule_counts_on_its_first_and_last_day_only() -> None:
    first, last = date(2026, 12, 1), date(2026, 12, 31)
    dated = rule("OH-a", valid_from=first, valid_to=last)
    one = timedelta(days=1)
    assert [effect(dated, on=day) for day in (first - one, first, last, last + one)] == [
        Effect.REVIEW,
        Effect.ALLOW,
        Effect.ALLOW,
        Effect.REVIEW,
    ]


def test_a_credential_opens_what_the_law_leaves_to_programs() -> None:
    program = rule("OH-a", credential="program:OH")
    assert effect(program) == Effect.DENY
    assert effect(program, facts=Facts(credentials=frozenset({"program:OH"}))) == Effect.ALLOW


def test_conditions_go_to_a_person_until_they_are_met() -> None:
    with_conditions = rule("OH-a", conditions=("keep records",))
    assert effect(with_conditions) == Effect.REVIEW
    assert effect(with_conditions, facts=Facts(credentials=frozenset({"conditions:OH-a"}))) == Effect.ALLOW


@pytest.mark.parametrize(
    ("age", "expected"), [(None, Effect.ASK), (17, Effect.DENY), (18, Effect.ALLOW), (80, Effect.ALLOW)]
)
def test_an_age_is_asked_and_held_to(age: int | None, expected: Effect) -> None:
    decision = decide(RuleBook.of([rule("OH-a", min_age=18)]), COLUMBUS, "thing", Facts(age=age), TODAY)
    assert decision.effect == expected
    assert decision.min_age == 18
    assert decision.ask == ("age" if age is None else None)


def test_no_age_is_asked_where_it_would_not_help() -> None:
    assert effect(rule("OH-a", min_age=18, credential="program:OH")) == Effect.DENY


def test_doubt_never_allows() -> None:
    assert effect(rule("OH-a", confidence="low")) == Effect.REVIEW
    assert effect(rule("OH-a", reviewed=False)) == Effect.REVIEW
    assert effect(rule("OH-a", reviewed=False), allow_unreviewed=True) == Effect.ALLOW
    assert effect(rule("OH-a", reviewed=False, confidence="low"), allow_unreviewed=True) == Effect.REVIEW


def test_doubt_never_softens_a_deny() -> None:
    assert effect(rule("OH-a", Effect.DENY, confidence="low", reviewed=False)) == Effect.DENY


def test_states_that_agree_need_no_question() -> None:
    book = RuleBook.of([rule("AZ-a"), rule("NM-a"), rule("UT-a")])
    decision = decide(book, FOUR_CORNERS, "thing", Facts(), TODAY)
    assert (decision.effect, decision.ask) == (Effect.ALLOW, None)
    assert [reason.rule_key for reason in decision.reasons] == ["AZ-a", "NM-a", "UT-a"]


def test_states_that_differ_are_asked_for_and_the_answer_decides() -> None:
    book = RuleBook.of([rule("AZ-a"), rule("NM-a", Effect.DENY), rule("UT-a")])
    decision = decide(book, FOUR_CORNERS, "thing", Facts(), TODAY)
    assert (decision.effect, decision.ask) == (Effect.ASK, "state")
    assert decide(book, FOUR_CORNERS, "thing", Facts(state="AZ"), TODAY).effect == Effect.ALLOW
    assert decide(book, FOUR_CORNERS, "thing", Facts(state="NM"), TODAY).effect == Effect.DENY
    with pytest.raises(StateElsewhere):
        decide(book, FOUR_CORNERS, "thing", Facts(state="OH"), TODAY)


def test_where_nobody_answers_the_strictest_holds() -> None:
    book = RuleBook.of([rule("AZ-a"), rule("NM-a", Effect.DENY), rule("UT-a")])
    assert strictest(book, FOUR_CORNERS, "thing", Facts(), TODAY).effect == Effect.DENY
    aged = RuleBook.of([rule("OH-a", min_age=18)])
    assert strictest(aged, COLUMBUS, "thing", Facts(), TODAY).effect == Effect.DENY
    assert strictest(aged, COLUMBUS, "thing", Facts(age=20), TODAY).effect == Effect.ALLOW


def test_the_strictest_reason_stands_first_and_cites_its_source() -> None:
    cited = rule("US-b", Effect.DENY, citation="1 X.Y. 2", source="a page", source_date="2025", confidence="high")
    decision = decide(RuleBook.of([rule("OH-a"), cited]), COLUMBUS, "thing", Facts(), TODAY)
    first = decision.reasons[0]
    assert (first.rule_key, first.sentence, first.citation, first.source_date) == (
        "US-b",
        "US-b says",
        "1 X.Y. 2",
        "2025",
    )


def test_a_sentence_is_only_said_where_it_is_true() -> None:
    program = rule("OH-a", credential="program:OH")
    closed, opened = (
        decide(RuleBook.of([program]), COLUMBUS, "thing", Facts(credentials=held), TODAY).reasons[0]
        for held in (frozenset[str](), frozenset({"program:OH"}))
    )
    assert closed.sentence == "OH-a says"
    assert (opened.sentence, opened.sentence_es) == ("We can mail this to you.", "Podemos enviarle esto por correo.")


rules = st.builds(
    lambda place, number, **fields: rule(f"{place}-{number}", **fields),
    st.sampled_from(["US", "AZ", "NM", "UT"]),
    st.integers(0, 99),
    effect=st.sampled_from([Effect.ALLOW, Effect.REVIEW, Effect.DENY]),
    scope=st.sampled_from(["statewide", "federal"]),
    confidence=st.sampled_from(["high", "medium", "low"]),
    reviewed=st.booleans(),
    min_age=st.sampled_from([None, None, 18]),
    conditions=st.sampled_from([(), (), ("keep records",)]),
    credential=st.sampled_from([None, None, "program:AZ"]),
    valid_from=st.sampled_from([None, TODAY, TODAY + timedelta(days=1)]),
    valid_to=st.sampled_from([None, TODAY, TODAY - timedelta(days=1)]),
)
facts = st.builds(
    Facts,
    state=st.sampled_from([None, "AZ", "NM", "UT"]),
    age=st.sampled_from([None, 17, 18]),
    credentials=st.sampled_from([frozenset[str](), frozenset({"program:AZ"})]),
)


@given(st.lists(rules, max_size=8), facts, st.booleans())
def test_nothing_is_allowed_against_a_rule_that_counts_or_in_doubt(
    some: list[BookRule], facts: Facts, allow_unreviewed: bool
) -> None:
    book = RuleBook.of(some, allow_unreviewed=allow_unreviewed)
    decision = decide(book, FOUR_CORNERS, "thing", facts, TODAY)
    places = {"US", *([facts.state] if facts.state else FOUR_CORNERS.states)}
    counting = [r for r in some if r.place in places and r.counts_on(TODAY)]
    if decision.effect == Effect.ALLOW:
        assert all(r.effect == Effect.ALLOW and r.confidence != "low" for r in counting)
        assert all(r.reviewed or allow_unreviewed for r in counting)
        assert all(r.min_age is None or (facts.age or 0) >= r.min_age for r in counting)
        assert all(r.credential in (None, *facts.credentials) and not r.conditions for r in counting)
    assert decision.reasons
    assert (decision.ask is not None) == (decision.effect == Effect.ASK)


@given(st.lists(rules, max_size=8), facts)
def test_one_more_rule_never_loosens_and_nobody_answering_never_does(some: list[BookRule], facts: Facts) -> None:
    known = replace(facts, state=facts.state or "AZ")
    base = rule("US-base", scope="nation")
    fewer = decide(RuleBook.of([base, *some[1:]]), FOUR_CORNERS, "thing", known, TODAY).effect
    more = decide(RuleBook.of([base, *some]), FOUR_CORNERS, "thing", known, TODAY).effect
    assert ORDER.index(more) >= ORDER.index(fewer)
    answered = decide(RuleBook.of(some), FOUR_CORNERS, "thing", known, TODAY).effect
    unanswered = strictest(RuleBook.of(some), FOUR_CORNERS, "thing", facts, TODAY).effect
    assert unanswered != Effect.ASK
    assert ORDER.index(unanswered) >= ORDER.index(answered)

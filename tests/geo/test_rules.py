"""How rules combine, point by point of `geo.rules`; the shapes of the law are in test_shapes.

Length: the nine points in their order, and what holds whatever the rules.
"""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo.decision import Decision, decide, strictest
from geo.models import ZipKind
from geo.places import Place, StateElsewhere
from geo.rules import Area, BookRule, Effect, End, Facts, Held, Law, Origin, Product, RuleBook
from tests.geo.samples import COLUMBUS, FOUR_CORNERS, TODAY, place, rule

ALLOW, REVIEW, ASK, DENY = Effect.ALLOW, Effect.REVIEW, Effect.ASK, Effect.DENY
ORDER = [ALLOW, REVIEW, ASK, DENY]
THING = Product("thing", "things")
NOBODY = Facts()
BUCKEYE = Origin("OH", "OH", "39049", "nonprofit")


def law(*rules: BookRule, areas: tuple[Area, ...] = (), held: tuple[Held, ...] = (), demo: bool = False) -> Law:
    return Law(RuleBook.of(rules, areas, allow_unreviewed=demo), held)


def answer(
    *rules: BookRule,
    at: Place = COLUMBUS,
    facts: Facts = NOBODY,
    origin: Origin | None = None,
    on: date = TODAY,
    units: int = 1,
    product: Product = THING,
    areas: tuple[Area, ...] = (),
    held: tuple[Held, ...] = (),
    demo: bool = False,
) -> Decision:
    return decide(law(*rules, areas=areas, held=held, demo=demo), at, product, origin, facts, on, units)


# 1. Place


LADDER = [
    ("US", rule("US-a", scope="nation")),
    ("state", rule("OH-state")),
    ("district", rule("OH-district", place="area:north")),
    ("county", rule("OH-county", place="county:39049")),
    ("municipality", rule("OH-city", place="area:city")),
    ("zip", rule("OH-zip", place="zip:43215")),
]
AREAS = (
    Area("north", "district", counties=frozenset({"39049"})),
    Area("city", "municipality", inside=frozenset({"43215"})),
    Area("patch", "region", inside=frozenset({"43215"})),
)


@pytest.mark.parametrize("step", range(1, len(LADDER)))
def test_the_most_specific_place_wins_whole(step: int) -> None:
    wider, narrower = LADDER[step - 1][1], LADDER[step][1]
    for wide, narrow in ((DENY, ALLOW), (ALLOW, DENY)):
        decision = answer(replace(wider, effect=wide), replace(narrower, effect=narrow), areas=AREAS)
        assert decision.effect == narrow
        assert [reason.rule_key for reason in decision.reasons] == [narrower.key]


def test_a_zip_and_a_region_are_equal_and_the_strictest_of_equals_holds() -> None:
    region = rule("OH-region", DENY, place="area:patch")
    assert answer(rule("OH-zip", place="zip:43215"), region, areas=AREAS).effect == DENY


@pytest.mark.parametrize("first", [ALLOW, REVIEW, DENY])
@pytest.mark.parametrize("second", [ALLOW, REVIEW, DENY])
def test_of_several_rules_at_one_place_the_strictest_holds(first: Effect, second: Effect) -> None:
    assert answer(rule("OH-a", first), rule("OH-b", second)).effect == max(first, second, key=ORDER.index)


# 2. Overlays


@pytest.mark.parametrize("kind", ["tribal", "enclave", "restriction"])
def test_an_overlay_tightens_and_never_opens(kind: str) -> None:
    land = Area("land", kind, inside=frozenset({"43215"}))
    for own, over, expected in (
        (ALLOW, REVIEW, REVIEW),
        (ALLOW, DENY, DENY),
        (DENY, ALLOW, DENY),
        (REVIEW, ALLOW, REVIEW),
    ):
        overlay = rule("US-land", over, place="area:land")
        assert answer(rule("OH-a", own), overlay, areas=(land,)).effect == expected
    assert answer(rule("US-land", place="area:land"), areas=(land,)).effect == REVIEW


def test_federal_rules_and_those_for_the_military_are_overlays() -> None:
    federal = rule("US-a", scope="federal")
    assert answer(federal).effect == REVIEW
    assert answer(federal, rule("OH-a")).effect == ALLOW
    assert answer(replace(federal, effect=DENY), rule("OH-zip", place="zip:43215")).effect == DENY
    army = place("09003", "AE", kind=ZipKind.MILITARY)
    assert answer(rule("AE-a"), rule("US-m", REVIEW, place="military"), at=army).effect == REVIEW
    assert answer(rule("OH-a"), rule("US-m", REVIEW, place="military")).effect == ALLOW


# 3. Items


@pytest.mark.parametrize("selector", ["vial", "class:naloxone", "form:rx"])
def test_an_item_is_named_by_code_class_or_form(selector: str) -> None:
    vial = Product("vial", "naloxone", "rx")
    assert answer(rule("OH-a", items=(selector,)), product=vial).effect == ALLOW
    assert answer(rule("OH-a", items=(selector,)), product=THING).effect == REVIEW


def test_a_kit_passes_only_if_every_part_does_and_silence_on_a_part_is_covered_by_the_whole() -> None:
    inner = Product("pouch", parts=((Product("needle"), 5),))
    kit = Product("kit", parts=((Product("wipe"), 2), (inner, 1)))
    whole, wipes = rule("OH-kit", items=("kit",)), rule("OH-wipes", items=("wipe",))
    assert answer(whole, product=kit).effect == ALLOW
    assert answer(wipes, product=kit).effect == REVIEW  # nothing is said of the pouch
    assert answer(whole, rule("OH-needles", DENY, items=("component:needle",)), product=kit).effect == DENY
    pouch, needles = rule("OH-pouch", items=("pouch",)), rule("OH-needles", items=("needle",))
    assert answer(wipes, pouch, product=kit).effect == ALLOW  # the pouch covers its needles
    assert answer(wipes, needles, product=kit).effect == ALLOW  # and is no more than they are
    assert answer(pouch, needles, product=kit).effect == REVIEW  # nothing is said of the wipes
    assert answer(wipes, replace(pouch, effect=DENY), needles, product=kit).effect == DENY


# 4. Days


def test_a_rule_counts_on_its_first_and_last_day_and_no_other() -> None:
    first, last = date(2026, 12, 1), date(2026, 12, 31)
    dated = rule("OH-a", valid_from=first, valid_to=last)
    one = timedelta(days=1)
    days = (first - one, first, last, last + one)
    assert [answer(dated, on=day).effect for day in days] == [REVIEW, ALLOW, ALLOW, REVIEW]
    under = rule("US-a", DENY, scope="nation")
    assert [answer(dated, under, on=day).effect for day in days] == [DENY, ALLOW, ALLOW, DENY]


# 5. Silence


def test_silence_sends_to_a_person_and_says_so() -> None:
    decision = answer(rule("TX-a"))
    assert (decision.effect, decision.reasons[0].rule_key) == (REVIEW, "no-rule")


# 6. What a rule allows


@pytest.mark.parametrize(
    ("fields", "origin", "expected"),
    [
        ({"in_person": ("returns",)}, BUCKEYE, DENY),
        ({"channels": ("site", "delivery")}, BUCKEYE, DENY),
        ({"channels": ("site", "mail")}, BUCKEYE, ALLOW),
        ({"origins": ("MN",)}, BUCKEYE, DENY),
        ({"origins": ("OH",)}, BUCKEYE, ALLOW),
        ({"origins": ("MN",)}, None, ALLOW),
        ({"operators": ("government",)}, BUCKEYE, DENY),
        ({"operators": ("nonprofit",)}, BUCKEYE, ALLOW),
        ({"operators": ("nonprofit",)}, replace(BUCKEYE, operator=""), REVIEW),
        ({"credentials": (("a", "b"), ("c",))}, BUCKEYE, DENY),
        ({"conditions": ("keep records",)}, BUCKEYE, REVIEW),
        ({"recorded": ("1,000 ft from schools",)}, BUCKEYE, ALLOW),
    ],
)
def test_a_rule_allows_only_what_it_says(fields: dict[str, object], origin: Origin | None, expected: Effect) -> None:
    assert answer(rule("OH-a", **fields), origin=origin).effect == expected


@pytest.mark.parametrize(("kinds", "expected"), [("ab", ALLOW), ("c", ALLOW), ("a", DENY), ("b", DENY), ("", DENY)])
def test_one_alternative_has_to_be_held_in_full(kinds: str, expected: Effect) -> None:
    wanted = rule("OH-a", credentials=(("a", "b"), ("c",)))
    assert answer(wanted, held=tuple(map(Held, kinds))).effect == expected


@pytest.mark.parametrize(
    ("limits", "covers"),
    [
        ({"sites": frozenset({"OH"})}, True),
        ({"sites": frozenset({"MN"})}, False),
        ({"places": frozenset({"county:39049"})}, True),
        ({"places": frozenset({"PA"})}, False),
        ({"items": frozenset({"class:things"})}, True),
        ({"items": frozenset({"other"})}, False),
        ({"valid_from": TODAY}, True),
        ({"valid_from": TODAY + timedelta(days=1)}, False),
        ({"expires_on": TODAY + timedelta(days=1)}, True),
        ({"expires_on": TODAY}, False),
    ],
)
def test_a_paper_covers_warehouses_places_items_and_days(limits: dict[str, object], covers: bool) -> None:
    paper = Held("licence", **limits)  # type: ignore[arg-type]
    decision = answer(rule("OH-a", credentials=(("licence",),)), origin=BUCKEYE, held=(paper,))
    assert decision.effect == (ALLOW if covers else DENY)


def test_conditions_go_to_a_person_until_they_are_met() -> None:
    met = (Held("conditions:OH-a"),)
    assert answer(rule("OH-a", conditions=("keep records",)), held=met).effect == ALLOW
    assert answer(rule("OH-a", conditions=("keep records",), confidence="low"), held=met).effect == REVIEW


@pytest.mark.parametrize(("age", "expected"), [(None, ASK), (17, DENY), (18, ALLOW), (80, ALLOW)])
def test_an_age_is_asked_and_held_to(age: int | None, expected: Effect) -> None:
    decision = answer(rule("OH-a", min_age=18), facts=Facts(age=age))
    assert (decision.effect, decision.min_age) == (expected, 18)
    assert decision.asks == (("age",) if age is None else ())


def test_no_age_is_asked_where_it_would_not_help() -> None:
    assert answer(rule("OH-a", min_age=18, credentials=(("program:OH",),))).effect == DENY
    assert answer(rule("OH-a", min_age=18, age_channels=("pharmacy",))).effect == ALLOW


def test_limits_count_units_of_what_the_rule_names() -> None:
    pack = Product("pack", parts=((Product("needle"), 10),))
    capped = rule("OH-a", items=("needle",), most_per_order=25)
    assert [answer(capped, rule("OH-b", items=("pack",)), product=pack, units=n).effect for n in (2, 3)] == [
        ALLOW,
        DENY,
    ]
    assert answer(capped, rule("OH-b", items=("pack",)), product=pack).most == 2


def test_what_a_household_gets_over_time_is_never_a_no() -> None:
    monthly = rule("OH-a", most_per_period=(5, 30))
    for sent, expected in (({"OH-a": 5}, ALLOW), ({"OH-a": 6}, REVIEW), ({}, REVIEW), (None, ALLOW)):
        assert answer(monthly, facts=Facts(sent=sent)).effect == expected
    assert answer(monthly, facts=Facts(sent={"OH-a": 6})).reasons[0].why == "period"
    assert answer(monthly, facts=Facts(sent={"OH-b": 1})).reasons[0].why == "sent"  # it could not be counted
    assert answer(monthly, units=5).effect == ALLOW
    assert answer(monthly, units=6).effect == DENY  # in one request: they can ask for fewer at once


# 7. Doubt


def test_doubt_never_allows_and_never_softens() -> None:
    assert answer(rule("OH-a", confidence="low")).effect == REVIEW
    unread = rule("OH-a", reviewed_by=None)
    assert [answer(unread, demo=demo).effect for demo in (False, True)] == [REVIEW, ALLOW]
    assert answer(replace(unread, confidence="low"), demo=True).effect == REVIEW
    assert answer(rule("OH-a", DENY, confidence="low", reviewed_by=None)).effect == DENY


# 8. Both ends


def test_what_concerns_the_person_does_not_count_at_the_warehouse() -> None:
    personal = rule(
        "MN-a",
        min_age=18,
        attest="x",
        training="naloxone",
        most_per_order=1,
        most_per_period=(1, 30),
        in_person=("returns",),
    )
    assert answer(rule("OH-a"), personal, origin=Origin("MN", "MN"), units=9).effect == ALLOW


@pytest.mark.parametrize(("end", "expected"), [(End.BOTH, DENY), (End.DESTINATION, ALLOW), (End.ORIGIN, DENY)])
def test_a_rule_may_bind_one_end_alone(end: End, expected: Effect) -> None:
    rules = (rule("OH-a"), rule("MN-a", ends=End.BOTH), rule("MN-b", DENY, ends=end))
    assert answer(*rules, origin=Origin("MN", "MN")).effect == expected


def test_the_county_and_the_areas_of_the_warehouse_count() -> None:
    banned = rule("OH-b", DENY, place="area:north", ends=End.ORIGIN)
    there = place("45001", "OH", counties=("39061",))
    assert answer(rule("OH-a"), banned, at=there, origin=BUCKEYE, areas=AREAS).effect == DENY
    elsewhere = replace(BUCKEYE, county="39061")
    assert answer(rule("OH-a"), banned, at=there, origin=elsewhere, areas=AREAS).effect == ALLOW


# 9. Places that may be several


def test_states_that_agree_need_no_question() -> None:
    decision = answer(rule("AZ-a"), rule("NM-a"), rule("UT-a"), at=FOUR_CORNERS)
    assert (decision.effect, decision.asks) == (ALLOW, ())
    assert [reason.rule_key for reason in decision.reasons] == ["AZ-a", "NM-a", "UT-a"]


def test_states_that_differ_are_asked_for_and_the_answer_decides() -> None:
    rules = (rule("AZ-a"), rule("NM-a", DENY), rule("UT-a"))
    decision = answer(*rules, at=FOUR_CORNERS)
    assert (decision.effect, decision.asks) == (ASK, ("state",))
    told = [answer(*rules, at=FOUR_CORNERS, facts=Facts(state=state)).effect for state in ("AZ", "NM")]
    assert told == [ALLOW, DENY]
    with pytest.raises(StateElsewhere):
        answer(*rules, at=FOUR_CORNERS, facts=Facts(state="OH"))


def test_counties_that_differ_are_asked_for_and_not_knowing_takes_the_stricter() -> None:
    border = place("43000", "OH", counties=("39049", "39041"))
    rules = (rule("OH-a"), rule("OH-b", DENY, place="county:39041"))
    assert answer(*rules, at=border).asks == ("county",)
    told = [answer(*rules, at=border, facts=Facts(county=county)).effect for county in ("39049", "39041", "")]
    assert told == [ALLOW, DENY, DENY]


def test_partly_in_an_area_counts_as_in_and_as_out() -> None:
    edge = Area("edge", "municipality", partly=frozenset({"43215"}))
    for own, inside, expected in ((ALLOW, DENY, DENY), (DENY, ALLOW, DENY), (ALLOW, ALLOW, ALLOW)):
        rules = (rule("OH-a", own), rule("OH-b", inside, place="area:edge"))
        assert answer(*rules, areas=(edge,)).effect == expected


def test_where_nobody_answers_the_strictest_of_all_holds() -> None:
    split = law(rule("AZ-a"), rule("NM-a", DENY), rule("UT-a"))
    assert strictest(split, FOUR_CORNERS, THING, None, NOBODY, TODAY).effect == DENY
    aged = law(rule("OH-a", min_age=18))
    assert strictest(aged, COLUMBUS, THING, None, NOBODY, TODAY).effect == DENY
    assert strictest(aged, COLUMBUS, THING, None, Facts(age=20), TODAY).effect == ALLOW
    # One state speaks as a whole, the other by county: the county's no still counts.
    corner = place("86514", "AZ", "NM", counties=("04001", "35001", "35003"))
    by_county = law(rule("AZ-a"), rule("NM-a"), rule("NM-b", DENY, place="county:35001"))
    for facts in (NOBODY, Facts(county="")):
        assert strictest(by_county, corner, THING, None, facts, TODAY).effect == DENY
    assert strictest(by_county, corner, THING, None, Facts(state="NM", county="35003"), TODAY).effect == ALLOW


# What is said


def test_the_strictest_reason_stands_first_and_cites_its_source() -> None:
    cited = rule("OH-b", DENY, citation="1 X.Y. 2", source="a page", source_date="2025")
    first = answer(rule("OH-a"), cited).reasons[0]
    assert (first.rule_key, first.sentence, first.citation, first.source_date) == (
        "OH-b",
        "OH-b says",
        "1 X.Y. 2",
        "2025",
    )


def test_a_sentence_is_only_said_where_it_is_true() -> None:
    program = rule("OH-a", credentials=(("program:OH",),))
    closed = answer(program).reasons[0]
    opened = answer(program, held=(Held("program:OH"),)).reasons[0]
    assert closed.sentence == "OH-a says"
    assert (opened.sentence, opened.sentence_es) == ("We can mail this to you.", "Podemos enviarle esto por correo.")
    capped = answer(rule("OH-a", most_per_order=2), units=3).reasons[0]
    assert "at most 2" in capped.sentence and "como máximo 2" in capped.sentence_es
    pack = Product("pack", parts=((Product("needle"), 10),))
    never = answer(rule("OH-a", items=("needle",), most_per_order=5), product=pack).reasons[0]
    assert (never.effect, "at most" in never.sentence) == (DENY, False)


def test_what_decides_speaks_before_what_tightens() -> None:
    decision = answer(rule("US-a", scope="federal"), rule("OH-b", place="county:39049"))
    assert [reason.rule_key for reason in decision.reasons] == ["OH-b", "US-a"]


# Whatever the rules


WHERE = ["US", "AZ", "NM", "UT", "county:04001", "zip:86514", "area:land", "area:edge"]
LANDS = (
    Area("land", "tribal", inside=frozenset({"86514"})),
    Area("edge", "municipality", partly=frozenset({"86514"})),
)
some_rules = st.lists(
    st.builds(
        lambda where, number, **fields: rule(f"AZ-{number}", place=where, **fields),
        st.sampled_from(WHERE),
        st.integers(0, 99),
        effect=st.sampled_from([ALLOW, REVIEW, DENY]),
        scope=st.sampled_from(["statewide", "statewide", "federal"]),
        confidence=st.sampled_from(["high", "medium", "low"]),
        reviewed_by=st.sampled_from([None, "Example Reviewer"]),
        min_age=st.sampled_from([None, None, 18]),
        conditions=st.sampled_from([(), (), ("keep records",)]),
        credentials=st.sampled_from([(), (), (("program:AZ",),)]),
        valid_from=st.sampled_from([None, TODAY, TODAY + timedelta(days=1)]),
        valid_to=st.sampled_from([None, TODAY, TODAY - timedelta(days=1)]),
    ),
    max_size=8,
)
some_facts = st.builds(
    Facts,
    state=st.sampled_from([None, "AZ", "NM", "UT"]),
    age=st.sampled_from([None, 17, 18]),
    county=st.sampled_from([None, "", "04001"]),
)
PAPER = (Held("program:AZ"),)


@given(some_rules, some_facts, st.booleans(), st.booleans())
def test_nothing_is_allowed_without_a_sound_yes(rules: list[BookRule], facts: Facts, demo: bool, paper: bool) -> None:
    held = PAPER if paper else ()
    decision = answer(*rules, at=FOUR_CORNERS, facts=facts, areas=LANDS, held=held, demo=demo)
    assert decision.reasons
    assert bool(decision.asks) == (decision.effect == ASK)
    if decision.effect == ALLOW:
        by_key = {(r.key, r.effect, r.confidence): r for r in rules if r.counts_on(TODAY)}
        said = [r for r in by_key.values() if r.key in {reason.rule_key for reason in decision.reasons}]
        assert any(r.effect == ALLOW and r.scope != "federal" and r.place != "area:land" for r in said)
        assert all(reason.effect == ALLOW for reason in decision.reasons)


@given(some_rules, some_facts, st.sampled_from([ALLOW, REVIEW, DENY]))
def test_one_more_overlay_never_loosens(rules: list[BookRule], facts: Facts, effect: Effect) -> None:
    known = replace(facts, state=facts.state or "AZ")
    overlay = rule("US-land", effect, place="area:land")
    fewer = answer(*rules, at=FOUR_CORNERS, facts=known, areas=LANDS).effect
    more = answer(*rules, overlay, at=FOUR_CORNERS, facts=known, areas=LANDS).effect
    assert ORDER.index(more) >= ORDER.index(fewer) or fewer == ASK


@given(some_rules, some_facts, st.permutations(range(8)))
def test_the_order_of_the_file_means_nothing(rules: list[BookRule], facts: Facts, order: list[int]) -> None:
    mixed = [rules[index] for index in order if index < len(rules)]
    one, other = (answer(*some, at=FOUR_CORNERS, facts=facts, areas=LANDS) for some in (rules, mixed))
    assert (one.effect, one.asks, one.min_age) == (other.effect, other.asks, other.min_age)


@given(some_rules, some_facts)
def test_nobody_answering_is_never_looser_than_an_answer(rules: list[BookRule], facts: Facts) -> None:
    book = law(*rules, areas=LANDS)
    silent = strictest(book, FOUR_CORNERS, THING, None, facts, TODAY).effect
    assert silent != ASK
    for state in [facts.state] if facts.state else FOUR_CORNERS.states:
        told = decide(book, FOUR_CORNERS, THING, None, replace(facts, state=state), TODAY).effect
        assert ORDER.index(silent) >= ORDER.index(told)

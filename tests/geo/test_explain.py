from dataclasses import replace
from datetime import date, timedelta

from geo.explain import Explanation, Role, best, explain, place_words
from geo.models import ZipKind
from geo.places import Place
from geo.rules import Area, BookRule, Effect, End, Facts, Law, Origin, Product, RuleBook
from tests.geo.samples import COLUMBUS, FOUR_CORNERS, TODAY, rule

NAMES = {"OH": "Ohio", "AZ": "Arizona", "NM": "New Mexico", "UT": "Utah", "county:39049": "Franklin, OH"}
THING = Product("thing")
TWO_COUNTIES = Place("43004", ZipKind.STANDARD, "Blacklick", ("OH",), ("39049", "39089"))


def law(*rules: BookRule, areas: tuple[Area, ...] = ()) -> Law:
    return Law(RuleBook.of(rules, areas))


def told(
    *rules: BookRule,
    place: Place = COLUMBUS,
    product: Product = THING,
    origin: Origin | None = None,
    facts: Facts = Facts(),  # noqa: B008
    areas: tuple[Area, ...] = (),
    units: int = 1,
) -> Explanation:
    return explain(law(*rules, areas=areas), place, product, origin, facts, TODAY, units, names=NAMES)


def roles(found: Explanation) -> dict[str, tuple[Role, str]]:
    return {step.rule.key: (step.role, step.why) for step in found.chain}


def test_the_chain_says_what_became_of_every_rule_and_those_that_decide_stand_first() -> None:
    yesterday, tomorrow = TODAY - timedelta(days=1), TODAY + timedelta(days=1)
    found = told(
        rule("OH-state", Effect.DENY),
        rule("OH-past", place="county:39049", valid_to=yesterday),
        rule("OH-later", place="county:39049", valid_from=tomorrow),
        rule("OH-leaving", place="county:39049", ends=End.ORIGIN),
        rule("OH-county", place="county:39049", note="the board said so"),
        rule("US-drugs", scope="federal"),
        rule("US-other", items=("elsewhat",)),
        rule("TX-far"),
    )
    assert found.decision.effect is Effect.ALLOW
    assert roles(found) == {
        "OH-county": (Role.DECIDES, "the rule says yes"),
        "US-drugs": (Role.TIGHTENS, "takes nothing away here"),
        "OH-state": (Role.LESS_SPECIFIC, "overruled by OH-county"),
        "OH-leaving": (Role.ONLY_ORIGIN, "says nothing about the destination"),
        "OH-later": (Role.NOT_YET, f"from {tomorrow}"),
        "OH-past": (Role.NO_LONGER, f"since {TODAY}"),
    }
    assert [step.rule.key for step in found.chain] == list(roles(found))
    assert [step.where for step in found.chain[:3]] == ["county Franklin, OH", "the nation", "state Ohio"]


def test_the_strictest_of_one_place_decides_and_an_overlay_can() -> None:
    found = told(rule("OH-yes"), rule("OH-no", Effect.DENY))
    assert roles(found) == {"OH-no": (Role.DECIDES, "the rule says no"), "OH-yes": (Role.COUNTS, "the rule says yes")}
    overlay = told(rule("OH-yes"), rule("US-no", Effect.DENY, scope="federal"))
    assert [(step.rule.key, step.role) for step in overlay.chain] == [("US-no", Role.DECIDES), ("OH-yes", Role.COUNTS)]


def test_silence_is_told() -> None:
    found = told(rule("US-drugs", scope="federal"))
    assert found.decision.effect is Effect.REVIEW
    assert found.silent == ("no rule says anything here",) and found.chain[0].role is Role.TIGHTENS


def test_why_is_told_of_this_person() -> None:
    aged = rule("OH-a", min_age=18, most_per_order=3)
    assert roles(told(aged))["OH-a"][1] == "from 18 years on; the age is not known"
    assert roles(told(aged, facts=Facts(age=17)))["OH-a"][1] == "from 18 years on"
    assert roles(told(aged, facts=Facts(age=20), units=4))["OH-a"] == (Role.DECIDES, "at most 3 in one order")
    assert roles(told(rule("OH-a", training="overdose")))["OH-a"][1] == "the training overdose is not recorded"
    assert roles(told(rule("OH-a", confidence="low")))["OH-a"][1] == "low confidence"
    assert roles(told(rule("OH-a", credentials=(("program:OH",),))))["OH-a"][1] == "not held: program:OH"


def test_each_part_of_a_kit_has_its_own_chain() -> None:
    kit = Product("kit", parts=((THING, 2),))
    found = told(rule("OH-kit", items=("kit",)), rule("OH-part", Effect.DENY, items=("component:thing",)), product=kit)
    assert [(step.rule.key, step.part, step.role) for step in found.chain] == [
        ("OH-part", "thing", Role.DECIDES),
        ("OH-kit", "", Role.COUNTS),
    ]


def test_both_ends_are_told_apart() -> None:
    found = told(rule("OH-a"), rule("AZ-a", Effect.REVIEW), origin=Origin("AZ1", "AZ"))
    assert [(step.rule.key, step.end, step.role) for step in found.chain] == [
        ("AZ-a", End.ORIGIN, Role.DECIDES),
        ("OH-a", End.DESTINATION, Role.COUNTS),
    ]


def test_where_a_place_is_ambiguous_the_spots_are_named() -> None:
    rules = rule("AZ-a"), rule("NM-a", Effect.DENY), rule("UT-a"), rule("US-a", scope="federal")
    found = told(*rules, place=FOUR_CORNERS)
    assert found.decision.asks == ("state",)
    assert found.spots == ("state Arizona", "state New Mexico", "state Utah")
    assert {step.rule.key: step.at for step in found.chain} == {
        "NM-a": ("state New Mexico",),
        "AZ-a": ("state Arizona",),
        "UT-a": ("state Utah",),
        "US-a": (),
    }
    known = told(*rules, place=FOUR_CORNERS, facts=Facts(state="UT"))
    assert known.spots == () and set(roles(known)) == {"UT-a", "US-a"}


def test_a_county_rule_overrules_its_state_in_that_county_alone() -> None:
    rules = rule("OH-state", Effect.DENY), rule("OH-county", place="county:39049")
    found = told(*rules, place=TWO_COUNTIES)
    assert found.decision.asks == ("county",)
    assert [(step.rule.key, step.role, step.at) for step in found.chain] == [
        ("OH-state", Role.DECIDES, ("county 39089",)),
        ("OH-county", Role.DECIDES, ("county Franklin, OH",)),
        ("OH-state", Role.LESS_SPECIFIC, ("county Franklin, OH",)),
    ]
    known = told(*rules, place=TWO_COUNTIES, facts=Facts(county="39049"))
    assert known.decision.effect is Effect.ALLOW and roles(known)["OH-county"][0] is Role.DECIDES


def test_a_place_partly_in_an_area_is_told_with_and_without_it() -> None:
    area = Area("camp", "enclave", "Camp Sample", partly=frozenset({"43215"}))
    found = told(rule("OH-a"), rule("OH-camp", Effect.DENY, place="area:camp"), areas=(area,))
    assert found.spots == ("state Ohio, outside Camp Sample", "state Ohio, in Camp Sample")
    assert found.chain[0].where == "enclave Camp Sample" and found.chain[0].at == (found.spots[1],)


def test_the_least_strict_warehouse_comes_first_then_the_order_given() -> None:
    here = law(rule("OH-a"), rule("AZ-a", Effect.DENY), rule("NM-a"), rule("UT-a"))
    sites = [Origin(state, state) for state in ("AZ", "NM", "UT")]
    origin, decision = best(here, COLUMBUS, THING, sites, Facts(), TODAY)
    assert origin == sites[1] and decision.effect is Effect.ALLOW
    assert best(here, COLUMBUS, THING, [], Facts(), TODAY)[0] is None


def test_places_in_words() -> None:
    areas = [Area("east", "district", "East Health District")]
    assert [
        place_words(code, areas, NAMES) for code in ("US", "OH", "TX", "county:39049", "zip:43215", "military")
    ] == [
        "the nation",
        "state Ohio",
        "state TX",
        "county Franklin, OH",
        "ZIP code 43215",
        "military ZIP codes",
    ]
    assert place_words("area:east", areas) == "district East Health District"


def test_a_day_is_the_destinations() -> None:
    dated = rule("OH-a", valid_from=date(2026, 12, 1))
    later = explain(law(replace(dated)), COLUMBUS, THING, None, Facts(), date(2026, 12, 1))
    assert later.chain[0].role is Role.DECIDES

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from geo.decision import decide
from geo.diff import AnswerChange, Change, answer_changes, area_changes, by_county, by_state, rule_changes, sentence
from geo.models import ZipKind
from geo.places import Place
from geo.rules import STRICTNESS, Area, BookRule, Effect, Facts, Held, Law, Origin, Product, RuleBook
from tests.geo.samples import COLUMBUS, FOUR_CORNERS, TODAY, rule

NAMES = {"OH": "Ohio", "county:39049": "Franklin, OH", "thing": "Things"}
THING = Product("thing")
KIT = Product("kit", kind="kits", parts=((THING, 2),))
OTHER = Product("other")


def zip_code(code: str, *counties: str) -> Place:
    return Place(code, ZipKind.STANDARD, "Sampleton", ("OH",), counties)


OHIO = [COLUMBUS, zip_code("43004", "39049", "39089"), zip_code("44101", "39035"), zip_code("43201", "39049")]


def law(*rules: BookRule, areas: tuple[Area, ...] = (), held: tuple[Held, ...] = (), demo: bool = False) -> Law:
    return Law(RuleBook.of(rules, areas, allow_unreviewed=demo), held)


def changes(old: Law | None, new: Law, *origins: Origin) -> list[AnswerChange]:
    return answer_changes(old, new, [*OHIO, FOUR_CORNERS], [THING, OTHER], origins, TODAY)


def test_rules_added_dropped_and_changed_are_told_in_words() -> None:
    row = {"key": "OH-a", "place": "OH", "items": ["thing"], "effect": "deny", "valid_to": None, "credentials": []}
    found = rule_changes(
        [row, {**row, "key": "OH-b"}, {**row, "key": "OH-c"}],
        [
            {**row, "valid_to": "2027-06-30", "credentials": [["a", "b"], ["c"]]},
            {**row, "key": "OH-d", "effect": "allow"},
            {**row, "key": "OH-c"},
        ],
    )
    assert [(one.key, one.change) for one in found] == [
        ("OH-a", Change.CHANGED),
        ("OH-d", Change.ADDED),
        ("OH-b", Change.DROPPED),
    ]
    assert found[0].fields["valid_to"] == (None, "2027-06-30")
    assert found[0].sentences == ("valid_to: none -> 2027-06-30", "credentials: none -> a and b; or c")
    assert found[1].sentences == ("added (place: OH; items: thing; effect: allow)",)


def test_an_areas_zip_codes_are_counted_and_its_shape_is_not_printed() -> None:
    before = {"code": "east", "kind": "district", "inside": ["43215", "43201"], "shape": {"type": "Point"}}
    after = {**before, "inside": ["43215", "43004"], "shape": {"type": "Polygon"}}
    assert area_changes([before], [after])[0].sentences == (
        "inside: 2 -> 2 (plus 43004; less 43201)",
        "shape: changed",
    )


def test_one_county_changes_its_zip_codes_alone() -> None:
    old = law(rule("OH-a", Effect.DENY))
    found = changes(old, law(rule("OH-a", Effect.DENY), rule("OH-b", place="county:39049")))
    assert found == [
        AnswerChange("thing", "OH", Effect.DENY, Effect.ALLOW, 2, ("39049",), ("43201", "43215")),
        AnswerChange("thing", "OH", Effect.DENY, Effect.ASK, 1, ("39049",), ("43004",)),
    ]
    assert [sentence(one, NAMES) for one in found] == [
        "Things: 2 ZIP codes in Ohio (Franklin, OH) go from cannot be mailed to can be mailed.",
        "Things: 1 ZIP code in Ohio (Franklin, OH) goes from cannot be mailed to needs one more answer.",
    ]


def test_a_neighbour_states_change_is_no_change_of_this_states_counties() -> None:
    rules = rule("AZ-a"), rule("NM-a"), rule("UT-a")
    found = changes(law(*rules), law(*rules[::2], rule("NM-b", Effect.DENY)))
    assert found == [AnswerChange("thing", "AZ", Effect.ALLOW, Effect.ASK, 1, (), ("86514",))]


def test_two_spots_of_one_county_are_not_two_counties() -> None:
    camp = Area("camp", "enclave", partly=frozenset({"43215"}))
    new = law(
        rule("OH-a"),
        rule("OH-b", Effect.DENY, place="area:camp"),
        rule("OH-c", Effect.DENY, place="county:39089"),
        areas=(camp,),
    )
    found = changes(law(rule("OH-a"), areas=(camp,)), new)
    assert {one.samples: one.after for one in found} == {("43215",): Effect.DENY, ("43004",): Effect.ASK}


def test_what_says_the_same_changes_nothing() -> None:
    old = law(rule("OH-a", citation="Code 1"))
    assert changes(old, law(rule("OH-a", citation="Code 2", note="newer"))) == []
    assert changes(old, law(rule("OH-a"), rule("OH-b", valid_from=date(2027, 1, 1)))) == []


def test_where_nothing_is_in_force_everything_is_new_and_counted() -> None:
    found = changes(None, law(rule("OH-a")))
    here = next(one for one in found if (one.item, one.state) == ("thing", "OH"))
    assert here == AnswerChange("thing", "OH", None, Effect.ALLOW, 4, (), ("43004", "43201", "43215", "44101"))
    assert sentence(here, NAMES) == "Things: 4 ZIP codes in Ohio get their first answer: can be mailed."


def test_a_paper_an_area_and_a_demo_change_answers_too() -> None:
    needs = rule("OH-a", credentials=(("program:OH",),))
    paper = Held("program:OH", places=frozenset({"county:39035"}))
    assert [one.samples for one in changes(law(needs), law(needs, held=(paper,)))] == [("44101",)]
    city = rule("OH-b", Effect.DENY, place="area:city")
    small, large = (Area("city", "municipality", inside=frozenset(some)) for some in ({"43215"}, {"43215", "43201"}))
    found = changes(law(rule("OH-a"), city, areas=(small,)), law(rule("OH-a"), city, areas=(large,)))
    assert [(one.after, one.samples) for one in found] == [(Effect.DENY, ("43201",))]
    doubtful = replace(rule("OH-a"), reviewed_by=None)
    assert [one.zips for one in changes(law(doubtful), law(doubtful, demo=True))] == [4]


def test_a_rule_on_where_a_parcel_leaves_changes_answers_elsewhere() -> None:
    old, new = law(rule("OH-a")), law(rule("OH-a"), rule("NM-a", Effect.DENY))
    leaving = [one for one in changes(old, new, Origin("NM1", "NM")) if one.state == "OH"]
    assert [(one.before, one.after, one.zips) for one in leaving] == [(Effect.REVIEW, Effect.DENY, 4)]
    assert [one for one in changes(old, new, Origin("NM1", "NM"), Origin("UT1", "UT")) if one.state == "OH"] == []


def test_a_map_shows_the_tightest_change_first() -> None:
    small = AnswerChange("thing", "OH", Effect.ALLOW, Effect.DENY, 1, ("39049",), ("43215",))
    large = AnswerChange("other", "OH", Effect.DENY, Effect.ALLOW, 9, ("39049", "39035"), ("44101",))
    assert by_state([large, small]) == {"OH": small}
    assert by_county([large, small]) == {"39049": small, "39035": large}


some_rules = st.lists(
    st.builds(
        lambda number, place, effect, item, scope, ends: rule(
            f"XX-{number}", effect, place=place, items=(item,), scope=scope, ends=ends
        ),
        st.integers(0, 5),
        st.sampled_from(["US", "OH", "AZ", "NM", "county:39049", "county:39035", "zip:43201", "area:a", "area:b"]),
        st.sampled_from([Effect.ALLOW, Effect.DENY, Effect.REVIEW]),
        st.sampled_from(["thing", "other", "kit", "class:kits", "component:thing"]),
        st.sampled_from(["statewide", "federal"]),
        st.sampled_from(["both", "destination", "origin"]),
    ),
    max_size=6,
    unique_by=lambda one: one.key,
)
AREAS = (
    Area("a", "tribal", inside=frozenset({"86514"}), partly=frozenset({"43215"})),
    Area("b", "district", counties=frozenset({"39035", "04001"})),
)
SITES = (Origin("OH1", "OH", "39049"), Origin("AZ1", "AZ"))


@given(some_rules, some_rules)
@settings(max_examples=150, deadline=None)
def test_it_finds_what_asking_for_every_zip_code_finds(before: list[BookRule], after: list[BookRule]) -> None:
    old, new = law(*before, areas=AREAS), law(*after, areas=AREAS)
    every = [*OHIO, FOUR_CORNERS]

    def answer(here: Law, place: Place, product: Product) -> Effect:
        effects = [decide(here, place, product, site, Facts(), TODAY).effect for site in SITES]
        return min(effects, key=STRICTNESS.__getitem__)

    expected: dict[tuple[str, str, Effect | None, Effect], int] = {}
    for product in (THING, OTHER, KIT):
        for place in every:
            was, will = answer(old, place, product), answer(new, place, product)
            if was is not will:
                key = product.code, place.states[0], was, will
                expected[key] = expected.get(key, 0) + 1
    found = answer_changes(old, new, every, [THING, OTHER, KIT], SITES, TODAY)
    assert {(one.item, one.state, one.before, one.after): one.zips for one in found} == expected

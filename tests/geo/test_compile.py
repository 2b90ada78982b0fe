"""The compiled table against the interpreter and the slow reference; broken compilers; days and midnights."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import pytest

import geo.compile
import geo.recompile
import geo.table
from distro import clock
from geo import decision
from geo.compile import compile_table, digest_of
from geo.decision import Decision
from geo.models import ZipKind
from geo.places import Place, StateElsewhere, ZipUnknown
from geo.rules import BookRule, Effect, Facts, Law, RuleBook
from geo.standing import Finding, Standing, candidates, spots, standing
from geo.table import NOBODY, NotCompiled, Table
from geo.tablefile import TableUnreadable
from tests.geo import reference, worlds
from tests.geo.reference import Answer
from tests.geo.worlds import ORIGINS, PRODUCTS, TODAY, World

WORLDS, CASES, PEOPLE = 60, 84, 10  # asked before and after a change: 60 * 2 * 84 * 10 = 100,800 decisions
DAY = date.min


def compiled(world: World, before: Table | None = None) -> Table:
    return compile_table(world.law, world.places, world.products, world.origins, before=before)


def differences(seeds: Iterable[int], seen: Counter[str]) -> Iterator[str]:
    """Where table, interpreter and reference do not say the same; `seen` counts what was decided."""
    for seed in seeds:
        random = Random(seed)
        first = worlds.world(random)
        second = worlds.changed(random, first)
        before = compiled(first)
        after = compiled(second, Table.from_bytes(before.to_bytes()))
        for world, table in ((first, before), (second, Table.from_bytes(after.to_bytes()))):
            for _ in range(CASES):
                yield from differences_in(random, worlds.case(random, world), table, seen)


def differences_in(random: Random, case: reference.Case, table: Table, seen: Counter[str]) -> Iterator[str]:
    lie = reference.lie_of(case)
    found = candidates(case.law, spots(case.law, case.place), case.product, case.origin, case.on)
    asked = (case.place.zip, case.product.code, case.origin.code if case.origin else None)
    for number in range(PEOPLE):
        facts, units = worlds.person(random, case)
        if number:
            expected = reference.decide(lie, facts, units)
            said, looked_up = decision.conclude(found, facts, units), table.decide(*asked, facts, case.on, units)
        else:
            expected = reference.strictest(lie, facts, units)
            said, looked_up = (
                decision.conclude_strictly(found, facts, units),
                table.strictest(*asked, facts, case.on, units),
            )
        if plain(said) != expected:
            yield f"{asked} {case.on} {facts} x{units}: reference {expected}, interpreter {plain(said)}"
        if said != looked_up:
            yield f"{asked} {case.on} {facts} x{units}: interpreter {said}, table {looked_up}"
        seen.update(("decisions", str(said.effect), *(f"ask {one}" for one in said.asks)))
        seen.update(reason.why[:16] for reason in said.reasons)


def plain(said: Decision) -> Answer:
    return Answer(
        effect=str(said.effect),
        asks=set(said.asks),
        min_age=said.min_age,
        most=said.most,
        not_funds=set(said.not_funds),
        enclosures=set(said.enclosures),
        statements={statement.key for statement in said.statements},
        reasons={(reason.rule_key, str(reason.effect), str(reason.end)) for reason in said.reasons},
    )


REACHED = {  # every effect, question and cause that a decision can have, by how its words begin
    *("allow", "review", "ask", "deny", "ask state", "ask county", "ask age", "ask statement"),
    *("age", "statement", "training", "sent", "period", "most", "the rule says no", "the rule leaves it to a person"),
    *("no rule says anything", "someone must be there", "only by site", "only from", "only for", "not held"),
    *("low confidence", "not reviewed", "conditions to check"),
}


def test_table_interpreter_and_reference_agree_on_a_hundred_thousand_random_decisions() -> None:
    seen: Counter[str] = Counter()
    assert next(differences(range(WORLDS), seen), None) is None
    assert seen["decisions"] >= 100_000
    assert {what for what in REACHED if sum(n for said, n in seen.items() if said.startswith(what[:16])) < 100} == set()


def without(found: Standing, dropped: Callable[[Finding], bool]) -> Standing:
    return tuple(finding for finding in found if not dropped(finding)) or found[:1]


MUTANTS: dict[str, tuple[Any, str, Any]] = {
    "a rule ends a day early": (
        geo.compile,
        "turns_of_rule",
        lambda rule: (rule.valid_from or DAY, rule.valid_to or DAY),
    ),
    "a paper holds on its last day": (
        geo.compile,
        "turns_of_paper",
        lambda paper: (paper.valid_from, (paper.expires_on or DAY) + timedelta(days=1)),
    ),
    "federal rules are dropped": (
        geo.compile,
        "standing",
        lambda *asked: without(standing(*asked), lambda f: f.rule is not None and f.rule.scope == "federal"),
    ),
    "military ZIP codes are like others": (
        geo.compile,
        "spots",
        lambda law, place: spots(law, replace(place, kind=ZipKind.STANDARD)),
    ),
    "ZIP codes partly in an area are grouped with those outside": (
        geo.compile,
        "named_alone",
        lambda law: {zip_code for area in law.book.areas for zip_code in area.inside},
    ),
    "counties become one though their rules differ": (geo.compile, "alike", lambda counties: True),
    "the warehouse is ignored": (
        geo.compile,
        "standing",
        lambda law, codes, it, origin, on: standing(law, codes, it, None, on),
    ),
    "days at the warehouse's end are ignored": (geo.compile, "origin_codes", lambda law, origin: frozenset()),
    "parts of a kit are ignored": (geo.compile, "selectors_of", lambda product: frozenset(product.names)),
    "papers for conditions are ignored": (
        geo.compile,
        "kinds_asked",
        lambda rule: {kind for kinds in rule.credentials for kind in kinds},
    ),
    "old cells stay when papers change": (geo.recompile, "changed_kinds", lambda before, now: set()),
    "old cells stay when rules of the warehouse change": (
        geo.recompile,
        "origin_codes",
        lambda law, origin: frozenset(),
    ),
    "the person is ignored": (geo.table, "depends_on_person", lambda finding: False),
    "a change is seen a day late": (geo.table, "bisect_right", bisect_left),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_compiler_is_caught_by_the_same_comparison(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, function, broken = MUTANTS[name]
    assert callable(getattr(module, function))
    monkeypatch.setattr(module, function, broken)
    assert next(differences(range(WORLDS), Counter()), None) is not None


def test_compiling_anew_after_a_change_gives_the_same_bytes_as_from_nothing() -> None:
    for seed in range(100, 105):
        random = Random(seed)
        world = worlds.world(random)
        table = compiled(world)
        for change in (*[worlds.changed] * 3, *worlds.CHANGES):
            world = change(random, world)
            table = compiled(world, Table.from_bytes(table.to_bytes()))
            assert table.to_bytes() == compiled(world).to_bytes(), (seed, change)


def test_a_digest_tells_what_went_in() -> None:
    random = Random(1)
    worlds_made = [worlds.world(random)]
    for change in (worlds.changed, *worlds.CHANGES):
        worlds_made.append(change(random, worlds_made[-1]))
    text = [str(world.law.book.rules) for world in worlds_made]  # stands for the digest of the file
    told = [
        digest_of(t, w.law, w.products, w.origins, places=str(w.places)) for t, w in zip(text, worlds_made, strict=True)
    ]
    assert len(set(told)) == len(told)
    assert told[0] == digest_of(
        text[0], replace(worlds_made[0].law), PRODUCTS, ORIGINS, places=str(worlds_made[0].places)
    )


def one_rule(**fields: Any) -> World:
    rule = BookRule("OH-spray", "OH", ("spray",), Effect.ALLOW, reviewed_by="someone", sentence="Yes.", **fields)
    return replace(worlds.world(Random(1)), law=Law(RuleBook.of([rule])))


@pytest.mark.parametrize("asked", ["99999", "4321", "432155", " 4321", "+4321", "-4321", "4_321", "", "4321x"])
def test_a_zip_code_that_is_not_in_use_is_named(asked: str) -> None:
    table = compiled(one_rule())
    assert table.decide("43215", "spray", "A", NOBODY, TODAY).effect == Effect.ALLOW
    for decide in (table.decide, table.strictest):
        with pytest.raises(ZipUnknown):
            decide(asked, "spray", "A", NOBODY, TODAY)


def test_a_product_a_warehouse_and_a_state_that_are_not_there_are_named() -> None:
    table = compiled(one_rule())
    for decide in (table.decide, table.strictest):
        with pytest.raises(NotCompiled, match="item “boots”"):
            decide("43215", "boots", None, NOBODY, TODAY)
        with pytest.raises(NotCompiled, match="warehouse “Z”"):
            decide("43215", "spray", "Z", NOBODY, TODAY)
        with pytest.raises(StateElsewhere):
            decide("43215", "spray", None, Facts(state="KY"), TODAY)


@pytest.mark.parametrize(
    "spoilt", [lambda b: b[:-1], lambda b: b + b"1", lambda b: b[:100], lambda b: b"1" + b, lambda b: b""]
)
def test_bytes_of_no_table_are_named(spoilt: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TableUnreadable):
        Table.from_bytes(spoilt(compiled(one_rule()).to_bytes()))


def test_a_table_stays_right_when_it_forgets_what_it_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geo.table, "KEPT", 3)
    assert next(differences(range(200, 201), Counter()), None) is None


@pytest.mark.parametrize(
    ("zone", "day", "first", "over"),  # the instants, in UTC, at which the day begins there and is over
    [
        ("America/New_York", date(2026, 11, 1), datetime(2026, 11, 1, 4), datetime(2026, 11, 2, 5)),  # 25 hours
        ("America/Phoenix", date(2026, 11, 1), datetime(2026, 11, 1, 7), datetime(2026, 11, 2, 7)),
        ("Pacific/Honolulu", date(2026, 11, 1), datetime(2026, 11, 1, 10), datetime(2026, 11, 2, 10)),
        ("Pacific/Guam", date(2026, 11, 1), datetime(2026, 10, 31, 14), datetime(2026, 11, 1, 14)),
        ("America/New_York", date(2027, 3, 14), datetime(2027, 3, 14, 5), datetime(2027, 3, 15, 4)),  # 23 hours
        ("America/Phoenix", date(2027, 3, 14), datetime(2027, 3, 14, 7), datetime(2027, 3, 15, 7)),
        ("Pacific/Honolulu", date(2027, 3, 14), datetime(2027, 3, 14, 10), datetime(2027, 3, 15, 10)),
        ("Pacific/Guam", date(2027, 3, 14), datetime(2027, 3, 13, 14), datetime(2027, 3, 14, 14)),
    ],
)
def test_a_rule_of_one_day_counts_from_midnight_to_midnight_at_the_destination(
    zone: str, day: date, first: datetime, over: datetime
) -> None:
    place = Place("43215", ZipKind.STANDARD, "", ("OH",), ("39049",), zone=zone)
    world = replace(one_rule(valid_from=day, valid_to=day), places=(place,))
    table, second = compiled(world), timedelta(seconds=1)

    def effects(moment: datetime) -> set[Effect]:
        with clock.at(moment.replace(tzinfo=UTC)):
            on = clock.today(place.zone)
        said = decision.decide(world.law, place, PRODUCTS[0], None, NOBODY, on)
        return {said.effect, table.decide(place.zip, "spray", None, NOBODY, on).effect}

    assert [effects(moment) for moment in (first - second, first, over - second, over)] == [
        {Effect.REVIEW},
        {Effect.ALLOW},
        {Effect.ALLOW},
        {Effect.REVIEW},
    ]

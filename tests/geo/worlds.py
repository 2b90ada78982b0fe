"""Random laws, papers, places, products, warehouses and people, so mixed that every rule of `geo.rules` is met."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from geo.models import ZipKind
from geo.places import Place
from geo.rules import AREA_KINDS, Area, BookRule, Effect, End, Facts, Held, Law, Origin, Product, RuleBook
from geo.table import NOBODY
from tests.geo.reference import Case

TODAY = date(2026, 11, 22)
COUNTIES = ("39049", "39041", "39089", "21047", "21221", "47125", "47161", "04001", "35031")
PLACES = {  # ZIP code -> states and counties; names of real places do not matter here
    "43215": (("OH",), ("39049",)),
    "43065": (("OH",), ("39049", "39041")),
    "43062": (("OH",), ("39041", "39049", "39089")),
    "42223": (("KY", "TN"), ("21047", "21221", "47125", "47161")),
    "42079": (("KY", "TN"), ("21047", "47125")),
    "38079": (("TN", "KY"), ("47125", "47161")),
    "86514": (("AZ", "NM", "OH"), ("04001",)),
    "87301": (("NM",), ("35031",)),
    "96799": (("AS",), ()),
    "09003": (("AE",), ()),
    "34002": (("AA",), ()),
}
PLACES |= {"43216": PLACES["43215"], "42224": PLACES["42223"], "09004": PLACES["09003"]}  # twins, to share a profile
SYRINGE = Product("syringe", "syringes")
STRIPS = Product("strips", "strips", analytes=("fentanyl", "xylazine"))
PRODUCTS = (
    Product("spray", "naloxone", "otc"),
    STRIPS,
    Product("syringe-kit", "syringes", parts=((SYRINGE, 10), (Product("cooker"), 2))),
    Product("party-kit", "kits", parts=((Product("pack", parts=((STRIPS, 2), (SYRINGE, 1))), 2), (SYRINGE, 1))),
    Product("thin-kit", "syringes", parts=((Product("thin", "syringes"), 10),), family="syringe-kit"),
)
SELECTORS = (
    *("spray", "strips", "syringe-kit", "party-kit", "syringe", "pack", "form:otc", "class:naloxone", "class:syringes"),
    *("class:strips", "class:kits", "component:syringe", "component:cooker", "component:strips", "component:pack"),
    *("analyte:fentanyl", "analyte:xylazine"),
)
ORIGINS = (
    Origin("A", "OH", "39049", "nonprofit"),
    Origin("B", "KY", "21047", ""),
    Origin("C", "NM", None, "government"),
)


@dataclass(frozen=True)
class World:
    """All that a table is made from."""

    law: Law
    places: tuple[Place, ...]
    products: tuple[Product, ...] = PRODUCTS
    origins: tuple[Origin, ...] = ORIGINS


def world(random: Random) -> World:
    """A random one."""
    areas = tuple(_area(random, number) for number in range(random.randrange(5)))
    codes = ["US", "US", "military", "OH", "KY", "TN", "AZ", "NM", "AE", *(f"county:{code}" for code in COUNTIES)]
    codes += [f"zip:{random.choice(list(PLACES))}", *(f"area:{area.code}" for area in areas)] * 2
    busy = random.randint(1, 5)  # how much of it is said at few places, so that they meet
    codes = [*random.sample(codes, len(codes) // busy), "US", "OH"]
    rules = [_rule(random, number, codes) for number in range(random.randint(5, 30))]
    held = tuple(_paper(random, rules, codes) for _ in range(random.randrange(12)))
    book = RuleBook.of(rules, areas, allow_unreviewed=random.random() < 0.5)
    kinds = {"AE": ZipKind.MILITARY, "AA": ZipKind.MILITARY}
    places = (
        Place(code, kinds.get(states[0], ZipKind.STANDARD), "", states, counties)
        for code, (states, counties) in PLACES.items()
    )
    return World(Law(book, held), tuple(places))


def changed(random: Random, world: World) -> World:
    """The same with a rule or a paper changed, gone or new."""
    rules, held = list(world.law.book.rules), list(world.law.held)
    places = [rule.place for rule in rules]
    at = random.randrange(len(rules))
    match random.randrange(5):
        case 0:
            rules[at] = replace(_rule(random, at, places), key=rules[at].key)
        case 1 if len(rules) > 1:
            rules.pop(at)
        case 2:
            rules.append(_rule(random, len(rules), [*places, *("NM", "county:39089", "zip:42079")]))
        case _:
            kept = random.randrange(len(held) + 1)
            held = held[:kept] + [_paper(random, rules, places) for _ in range(random.randint(1, 6))]
    book = RuleBook.of(rules, world.law.book.areas, allow_unreviewed=world.law.book.allow_unreviewed)
    return replace(world, law=Law(book, tuple(held)))


def _other_areas(random: Random, world: World) -> World:
    areas = [_area(random, number) for number in range(max(len(world.law.book.areas), 1))]
    book = RuleBook.of(world.law.book.rules, areas, allow_unreviewed=world.law.book.allow_unreviewed)
    return replace(world, law=Law(book, world.law.held))


def _other_trust(random: Random, world: World) -> World:
    book = RuleBook.of(world.law.book.rules, world.law.book.areas, allow_unreviewed=not world.law.book.allow_unreviewed)
    return replace(world, law=Law(book, world.law.held))


def _other_products(random: Random, world: World) -> World:
    return replace(world, products=(*world.products[1:], replace(world.products[0], form="rx"), SYRINGE))


def _other_origins(random: Random, world: World) -> World:
    return replace(world, origins=(Origin("D", "TN"), replace(world.origins[0], state="KY"), *world.origins[1:]))


def _other_places(random: Random, world: World) -> World:
    return replace(world, places=(*world.places[2:], replace(world.places[0], counties=("39041",))))


CHANGES = (_other_areas, _other_trust, _other_products, _other_origins, _other_places)


def case(random: Random, world: World) -> Case:
    """Something to decide there."""
    place, product = random.choice(world.places), random.choices(world.products, (3, 3, 3, 1, 1))[0]
    origin = random.choice((None, *world.origins))
    return Case(world.law, place, product, origin, TODAY + timedelta(random.randint(-4, 4)))


def person(random: Random, case: Case) -> tuple[Facts, int]:
    """Somebody who asks, and for how many."""
    if random.random() < 0.3:
        return NOBODY, random.choice((1, 1, 2))
    facts = Facts(
        state=random.choice((None, random.choice(case.place.states))),
        county=random.choice((None, None, "", random.choice(case.place.counties or ("",)), random.choice(COUNTIES))),
        age=random.choice((None, 14, 17, 18, 40)),
        attested=frozenset(rule.statement for rule in case.law.book.rules if rule.attest and random.random() < 0.5),
        trained=frozenset(random.choice(((), ("naloxone",)))),
        sent=_sent(random, case),
    )
    return facts, random.choice((1, 1, 2, 3))


def _sent(random: Random, case: Case) -> dict[str, int] | None:
    """What the household gets in the period of each limit that could be counted; None if nobody looked."""
    limits = [rule.key for rule in case.law.book.rules if rule.most_per_period]
    counted = {key: random.choice((1, 3, 31)) for key in limits if random.random() < 0.8}
    return random.choice((None, counted, counted))


def _area(random: Random, number: int) -> Area:
    zips = frozenset(random.sample(list(PLACES), random.randrange(4)))
    partly = frozenset(random.sample(list(PLACES), random.randrange(5)))
    counties = frozenset(random.sample(COUNTIES, random.randrange(3)))
    return Area(f"area-{number}", random.choice(AREA_KINDS), "", zips, partly, counties)


def _rule(random: Random, number: int, codes: Sequence[str]) -> BookRule:
    key = f"OH-{number}"
    rule = BookRule(
        key=key,
        place=random.choice(codes),
        items=tuple(random.sample(SELECTORS, random.choice((1, 2, 3, 6)))),
        effect=random.choices((Effect.ALLOW, Effect.REVIEW, Effect.DENY), (12, 1, 1))[0],
        scope=random.choices(("statewide", "federal"), (6, 1))[0],
        ends=random.choices(tuple(End), (5, 4, 1))[0],
        valid_from=random.choice((None, None, None, _day(random))),
        valid_to=random.choice((None, None, None, _day(random))),
        legal_status=random.choices(("allowed", "unclear"), (12, 1))[0],
        confidence=random.choices(("high", "medium", "low"), (6, 6, 1))[0],
        reviewed_by=None if random.random() < 0.05 else "someone",
        sentence=f"{key} says",
        sentence_es=f"{key} dice",
        enclosures=random.choice(((), (), ("card",), ("card", "leaflet"))),
        not_funds=random.choice(((), (), ("federal",), ("state", "federal"))),
    )
    wants: dict[str, Any] = {
        "min_age": random.choice((15, 18)),
        "age_channels": random.choice((("pharmacy",), ("mail", "pharmacy"))),
        "attest": "I agree.",
        "training": "naloxone",
        "credentials": random.choice(((("program",),), (("program", "license"),), (("license",), ("program",)))),
        "conditions": ("keep records",),
        "most_per_order": random.choice((1, 2, 10, 25)),
        "most_per_period": (random.choice((2, 4, 30)), 30),
        "in_person": ("returns",),
        "channels": random.choice((("site",), ("mail", "site"))),
        "origins": random.choice((("A",), ("B", "C"))),
        "operators": random.choice((("nonprofit",), ("government", "pharmacy"))),
    }
    asked = random.sample([*wants, "credentials", "conditions"], random.choice((0, 0, 1, 2)))
    return replace(rule, **{name: wants[name] for name in asked})


def _paper(random: Random, rules: Sequence[BookRule], codes: Sequence[str]) -> Held:
    kinds = ["program", "program", "license", f"conditions:{random.choice(rules).key}"]
    kinds += [f"conditions:{rule.key}" for rule in rules if rule.conditions]
    return Held(
        kind=random.choice(kinds),
        sites=frozenset(random.choice(((), (), ("A",), ("B", "C")))),
        places=frozenset(random.choice(((), (), (random.choice(codes), "OH"), ("KY", "county:47125")))),
        items=frozenset(random.choice(((), (), ("class:syringes",), ("spray", "strips", "party-kit")))),
        valid_from=random.choice((date.min, _day(random))),
        expires_on=random.choice((None, _day(random))),
    )


def _day(random: Random) -> date:
    return TODAY + timedelta(random.choice((-2, 0, 3)))

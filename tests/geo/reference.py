"""The slow, obvious way to decide: the page at the top of `geo.rules`, sentence by sentence, in plain loops.

It shares no code with the interpreter or the table, only the values they are asked with. Numbers in brackets are the
points of that page. First `lie_of` finds what counts, whoever asks; then `decide` and `strictest` ask it for a person.
"""

from dataclasses import dataclass, field
from datetime import date
from itertools import product as every
from typing import NamedTuple

from geo.places import Place
from geo.rules import BookRule, Facts, Held, Law, Origin, Product

STRICT = ["allow", "review", "ask", "deny"]
SPECIFIC = ["nation", "state", "district", "county", "municipality", "region"]
FIPS = {"39": "OH", "21": "KY", "47": "TN", "04": "AZ", "35": "NM"}  # the states that the tests use


@dataclass
class Answer:
    """What `Decision` says, as far as it can be compared without an order."""

    effect: str = "allow"
    asks: set[str] = field(default_factory=set)
    min_age: int | None = None
    most: int | None = None
    not_funds: set[str] = field(default_factory=set)
    enclosures: set[str] = field(default_factory=set)
    statements: set[str] = field(default_factory=set)
    reasons: set[tuple[str, str, str]] = field(default_factory=set)  # rule key, effect, end


@dataclass(frozen=True)
class Case:
    """What to decide, but for the person."""

    law: Law
    place: Place
    product: Product
    origin: Origin | None
    on: date


class Counted(NamedTuple):
    """A rule that counts (None: nothing does), what it says to anybody, and how many units one product has of it."""

    rule: BookRule | None
    effect: str
    per: int
    end: str
    inner: bool  # about a part of the product


Lie = dict[str, dict[str | None, list[list[Counted]]]]  # state -> county -> each way its areas may hold it


def decide(lie: Lie, facts: Facts, units: int) -> Answer:
    """One answer for all the states and counties where the place may lie (9)."""
    answers = []
    for state in [facts.state] if facts.state else list(lie):
        by_county = {
            county: together([answer(counted, facts, units) for counted in ways]) for county, ways in lie[state].items()
        }
        if facts.county is None:
            answers.append(agreed(list(by_county.values()), "county"))
        elif facts.county in by_county:
            answers.append(by_county[facts.county])
        else:
            answers.append(together(list(by_county.values())))
    if any("county" in one.asks for one in answers) and len(answers) > 1:
        return asking(answers, "state")
    return agreed(answers, "state")


def strictest(lie: Lie, facts: Facts, units: int) -> Answer:
    """The strictest of every place that fits what is known; a question that is still open means no (9)."""
    answers = []
    for state in [facts.state] if facts.state else list(lie):
        for county in [facts.county] if facts.county in lie[state] else list(lie[state]):
            answers += [answer(counted, facts, units) for counted in lie[state][county]]
    joined = together(answers)
    joined.asks = set()
    if joined.effect == "ask":
        joined.effect = "deny"
    return joined


def lie_of(case: Case) -> Lie:
    """What counts in each state and county where the place may lie."""
    lie: Lie = {}
    for state in case.place.states:
        here: list[str | None] = [county for county in case.place.counties if FIPS[county[:2]] == state]
        named = named_in(case.law, state)
        here = here or (["other", *named] if named else [None])
        lie[state] = {county: [spot(case, codes) for codes in ways(case, state, county)] for county in here}
    return lie


def named_in(law: Law, state: str) -> list[str]:
    """Every county of a state that a rule, a paper or a named area names: where none is known, each may be it (9)."""
    found = {rule.place[7:] for rule in law.book.rules if rule.place.startswith("county:")}
    found |= {code[7:] for paper in law.held for code in paper.places if code.startswith("county:")}
    named = {rule.place for rule in law.book.rules} | {code for paper in law.held for code in paper.places}
    found |= {fips for area in law.book.areas if f"area:{area.code}" in named for fips in area.counties}
    return sorted(fips for fips in found if FIPS[fips[:2]] == state)


def ways(case: Case, state: str, county: str | None) -> list[set[str]]:
    """The codes of the places it lies in: one set for each way in which areas may hold it or not (9)."""
    choices: list[list[set[str]]] = []
    for area in case.law.book.areas:
        if case.place.zip in area.inside or county in area.counties:
            choices.append([{f"area:{area.code}"}])
        elif case.place.zip in area.partly:
            choices.append([{f"area:{area.code}"}, set()])
    codes = {"US", state, f"zip:{case.place.zip}", f"county:{county}"}
    if case.place.kind == "military":
        codes.add("military")
    return [codes.union(*chosen) for chosen in every(*choices)]


def spot(case: Case, codes: set[str]) -> list[Counted]:
    """What counts at one spot: both ends have to say yes (8)."""
    found = thing(case, codes, case.product, case.product.names, 1, "destination", False)
    if case.origin is not None:
        own = {"US", case.origin.state, f"county:{case.origin.county}"}
        own |= {f"area:{area.code}" for area in case.law.book.areas if case.origin.county in area.counties}
        found += thing(case, own, case.product, case.product.names, 1, "origin", False)
    return found


def thing(
    case: Case, codes: set[str], it: Product, names: tuple[str, ...], per: int, end: str, covered: bool
) -> list[Counted]:
    """What counts for a product or a part of one, and its own parts; `covered` by a rule for what it is in (3)."""
    inner = it is not case.product
    found, spoken = rules_for(case, codes, names, per, end, inner)
    covered = covered or spoken
    nothing = Counted(None, "review", per, end, inner)  # (5)
    for analyte in it.analytes:
        about, spoken = rules_for(case, codes, (f"analyte:{analyte}",), per, end, True)
        found += about if spoken or covered else [*about, nothing]
    for part, count in it.parts:
        found += thing(case, codes, part, (*part.names, f"component:{part.code}"), per * count, end, covered)
    return found if covered or it.analytes or it.parts else [*found, nothing]


def rules_for(
    case: Case, codes: set[str], names: tuple[str, ...], per: int, end: str, inner: bool
) -> tuple[list[Counted], bool]:
    """Every rule that counts, and whether any but overlays does."""
    overlays: list[BookRule] = []
    others: list[BookRule] = []
    for rule in case.law.book.rules:
        if rule.place not in codes or not any(name in rule.items for name in names):
            continue
        began = rule.valid_from is None or rule.valid_from <= case.on  # (4)
        over = rule.valid_to is not None and rule.valid_to < case.on
        if rule.ends in ("both", end) and began and not over:
            kind = kind_of(case.law, rule)
            overlay = rule.scope == "federal" or kind in ("military", "tribal", "enclave", "restriction")  # (2)
            (overlays if overlay else others).append(rule)
    best = max((SPECIFIC.index(kind_of(case.law, rule)) for rule in others), default=-1)
    winning = [rule for rule in others if SPECIFIC.index(kind_of(case.law, rule)) == best]  # (1)
    told = [Counted(rule, said(case, codes, names, rule, end), per, end, inner) for rule in overlays + winning]
    return told, bool(others)


def kind_of(law: Law, rule: BookRule) -> str:
    sort, _, code = rule.place.partition(":")
    if sort == "area":
        return next(area.kind for area in law.book.areas if area.code == code)
    return {"US": "nation", "military": "military", "county": "county", "zip": "region"}.get(sort, "state")


def said(case: Case, codes: set[str], names: tuple[str, ...], rule: BookRule, end: str) -> str:
    """What a rule says to anybody there about a thing with these names (6, 7, 8)."""
    effects = [str(rule.effect)]
    every_kind = [all(held(case, codes, names, kind) for kind in kinds) for kinds in rule.credentials]
    if rule.credentials and not any(every_kind):
        effects.append("deny")
    if rule.in_person and end == "destination":
        effects.append("deny")
    if rule.channels and "mail" not in rule.channels:
        effects.append("deny")
    if case.origin is not None and rule.origins and case.origin.code not in rule.origins:
        effects.append("deny")
    if case.origin is not None and rule.operators and case.origin.operator not in rule.operators:
        effects.append("deny" if case.origin.operator else "review")
    if rule.conditions and not held(case, codes, names, f"conditions:{rule.key}"):
        effects.append("review")
    unreviewed = rule.reviewed_by is None and not case.law.book.allow_unreviewed
    if rule.confidence == "low" or rule.legal_status == "unclear" or unreviewed:
        effects.append("review")
    return max(effects, key=STRICT.index)


def held(case: Case, codes: set[str], names: tuple[str, ...], kind: str) -> bool:
    """Whether a paper of that kind holds there that day, for the thing or for the product it is in."""
    return any(paper.kind == kind and holds(case, codes, names, paper) for paper in case.law.held)


def holds(case: Case, codes: set[str], names: tuple[str, ...], paper: Held) -> bool:
    if case.on < paper.valid_from or (paper.expires_on is not None and paper.expires_on <= case.on):
        return False
    if paper.sites and case.origin is not None and case.origin.code not in paper.sites:
        return False
    if paper.places and not paper.places & codes:
        return False
    return not paper.items or bool(paper.items & {*case.product.names, *names})


def answer(counted: list[Counted], facts: Facts, units: int) -> Answer:
    """What that comes to for a person; the strictest holds."""
    found = Answer()
    for one in counted:
        mine = [each for each in counted if each.rule == one.rule and each.end == "destination" and each.inner]
        person(found, one, facts, units, sum(each.per for each in mine) or 1)
    if found.effect != "ask":
        found.asks = set()
    return found


def person(found: Answer, one: Counted, facts: Facts, units: int, per: int) -> None:
    """Add what one rule says to a person, and what it wants (6, 8); a product has `per` units of what it names."""
    rule, effects = one.rule, [one.effect]
    asks: set[str] = set()
    if rule is not None and one.end == "destination":
        age = rule.min_age if not rule.age_channels or "mail" in rule.age_channels else None
        most = None if rule.most_per_order is None else rule.most_per_order // per
        if most is not None and units > most:
            effects.append("deny")
        if rule.most_per_period is not None:
            most_in_period = rule.most_per_period[0]
            if units * per > most_in_period:
                effects.append("deny")
            if facts.sent is not None and (rule.key not in facts.sent or facts.sent[rule.key] > most_in_period):
                effects.append("review")
        if rule.training and rule.training not in facts.trained:
            effects.append("review")
        if age is not None and facts.age is not None and facts.age < age:
            effects.append("deny")
        if rule.attest and rule.statement not in facts.attested:
            asks.add("statement")
        if age is not None and facts.age is None:
            asks.add("age")
        found.enclosures |= set(rule.enclosures)
        found.statements |= {rule.statement} if rule.attest else set()
        found.min_age = max((known for known in (found.min_age, age) if known is not None), default=None)
        found.most = min((known for known in (found.most, most) if known is not None), default=None)
    effect = max([*effects, "ask"] if asks else effects, key=STRICT.index)
    found.asks |= asks if effect == "ask" else set()
    found.not_funds |= set(rule.not_funds) if rule else set()
    found.reasons.add((rule.key if rule else "no-rule", effect, one.end))
    found.effect = max(found.effect, effect, key=STRICT.index)


def together(answers: list[Answer]) -> Answer:
    """The strictest of several, with what each of them wants."""
    ages = [answer.min_age for answer in answers if answer.min_age is not None]
    caps = [answer.most for answer in answers if answer.most is not None]
    joined = Answer(min_age=max(ages, default=None), most=min(caps, default=None))
    joined.effect = max((answer.effect for answer in answers), key=STRICT.index)
    for answer in answers:
        joined.asks |= answer.asks if joined.effect == "ask" else set()
        joined.not_funds |= answer.not_funds
        joined.enclosures |= answer.enclosures
        joined.statements |= answer.statements
        joined.reasons |= answer.reasons
    return joined


def agreed(answers: list[Answer], what: str) -> Answer:
    """The answer if all say the same, else a question (9)."""
    return together(answers) if len({answer.effect for answer in answers}) == 1 else asking(answers, what)


def asking(answers: list[Answer], what: str) -> Answer:
    """All of them with a question which it is."""
    joined = together(answers)
    joined.effect, joined.asks = "ask", {what}
    return joined

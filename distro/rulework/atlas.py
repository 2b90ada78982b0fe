"""The answer for an item in every county, for tables and maps. A county can hold several, where areas cross it."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from geo.alike import asker
from geo.maps import Paint
from geo.models import County, StateKind, Zip, ZipKind
from geo.places import CountyRow, Place, StateRow
from geo.rules import Effect, Law, Origin, Product
from geo.standing import named_alone, spots
from orders import outlook

Answers = dict[str, dict[str, frozenset[Effect]]]  # state -> county (FIPS; "" where none is known) -> answers in it
Link = Callable[[str], str]
ROWS_ASKED = 500  # bound values in one query

WORDS = {
    Effect.ALLOW: "can be mailed",
    Effect.ASK: "needs one more answer",
    Effect.REVIEW: "a person decides",
    Effect.DENY: "cannot be mailed",
}
CLASSES = {
    Effect.ALLOW: "map-allow",
    Effect.ASK: "map-ask",
    Effect.REVIEW: "map-review",
    Effect.DENY: "map-deny",
}


_ALSO = {outlook.DEPENDS: "depends on the place in the state", outlook.NOTHING: "nothing in force"}


def effect_words(value: str) -> str:
    """An effect, or what `orders.outlook` says instead of one, in the words of all rule pages."""
    return _ALSO.get(value) or WORDS[Effect(value)]


def answers(
    session: Session, states: Sequence[StateRow], law: Law, product: Product, origins: Sequence[Origin], on: date
) -> Answers:
    """The answers in each county of these states, from the warehouse with the least strict one.

    Each county is asked for by itself, and each ZIP code that a rule or an area sets apart in each of its counties.
    """
    ask, wanted = asker(law, product, origins, on), {state.code: state for state in states}
    found: dict[str, dict[str, set[Effect]]] = {code: {} for code in wanted}
    rows = select(County.fips, County.state).where(County.state.in_(wanted)).order_by(County.fips)
    for fips, code in session.execute(rows):
        found[code].setdefault(fips, set()).add(ask(spots(law, _place(wanted[code], fips))))
    for code, state in wanted.items():
        if not found[code]:
            found[code][""] = {ask(spots(law, _place(state, "")))}
    for place in _apart(session, law):
        for code, county in place.candidates:
            if code in wanted:
                at = spots(law, Place(place.zip, place.kind, "", (code,), (county,) if county else ()))
                found[code].setdefault(county or "", set()).add(ask(at))
    return {code: {fips: frozenset(some) for fips, some in inner.items()} for code, inner in found.items()}


def _place(state: StateRow, fips: str) -> Place:
    kind = ZipKind.MILITARY if state.kind == StateKind.MILITARY else ZipKind.STANDARD
    return Place("", kind, "", (state.code,), (fips,) if fips else ())


def _apart(session: Session, law: Law) -> Iterator[Place]:
    """The ZIP codes that rules, papers or areas tell apart from their counties."""
    codes = sorted(named_alone(law))
    for first in range(0, len(codes), ROWS_ASKED):
        some = codes[first : first + ROWS_ASKED]
        for row in session.execute(select(Zip.zip, Zip.kind, Zip.states, Zip.counties).where(Zip.zip.in_(some))):
            yield Place(row.zip, ZipKind(row.kind), "", tuple(row.states), tuple(row.counties))


def zips_of(session: Session, fips: str) -> list[str]:
    """The ZIP codes that may lie in a county."""
    holds = cast(Zip.counties, String).contains(f'"{fips}"', autoescape=True)  # as JSON writes it
    return list(session.scalars(select(Zip.zip).where(holds).order_by(Zip.zip)))


def told(found: Collection[Effect]) -> str:
    """The answers of a place in words."""
    return " or ".join(words for effect, words in WORDS.items() if effect in found)


def one_of(inner: Mapping[str, frozenset[Effect]]) -> frozenset[Effect]:
    """All answers within a state."""
    return frozenset(effect for some in inner.values() for effect in some)


def painted(found: Collection[Effect]) -> str:
    """The class for the map: of the one answer, or that it depends."""
    return CLASSES[next(iter(found))] if len(found) == 1 else CLASSES[Effect.ASK]


def paint_states(states: Sequence[StateRow], found: Answers, link: Link) -> dict[str, Paint]:
    """How each state is shown: its one answer, or that it depends on the county or another answer."""
    return {s.code: _paint(s.name, one_of(found[s.code]), link(s.code)) for s in states if s.code in found}


def paint_counties(
    counties: Sequence[CountyRow], found: Mapping[str, frozenset[Effect]], link: Link
) -> dict[str, Paint]:
    """How each county of a state is shown."""
    return {c.fips: _paint(c.name, found[c.fips], link(c.fips)) for c in counties if c.fips in found}


def _paint(name: str, found: frozenset[Effect], href: str) -> Paint:
    words = told(found) if len(found) == 1 else f"depends on the place: {told(found)}"
    return Paint(painted(found), f"{name}: {words}", href)

"""The compiled tables: made by the scheduler when anything they rest on changed, looked up by the public pages."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo import places, publish
from geo.compile import compile_table, digest_of
from geo.decision import Decision
from geo.models import DecisionTable, Ruleset
from geo.places import Place
from geo.rules import NATION, Facts, Law, Product
from geo.standing import standing
from geo.table import NOBODY, Table
from geo.tablefile import TableUnreadable
from inventory.models import Fund
from orders.authority import Decider, by_rules, law_of, origins, products

TABLES_KEPT = 3  # of today here, of where it is still yesterday, of the one to come


@dataclass(frozen=True)
class ByTable:
    """Looks the answer up in the compiled table."""

    ruleset_id: int
    table: Table

    def knows(self, items: Iterable[str], sites: Iterable[str]) -> bool:
        """Whether the table was made with all of these."""
        parts = self.table.parts
        return set(items) <= set(parts.products) and set(sites) <= set(parts.origins)

    def decide(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.decide`."""
        return self.table.decide(place.zip, item, site, NOBODY if facts == NOBODY else facts, on, units)

    def strictest(self, place: Place, item: str, site: str | None, facts: Facts, on: date, units: int = 1) -> Decision:
        """As `geo.decision.strictest`."""
        return self.table.strictest(place.zip, item, site, facts, on, units)


def looked_up(session: Session, on: date, items: Iterable[str] = (), sites: Iterable[str] = ()) -> Decider:
    """The decider of a day for the public pages: the compiled table, or the rules while it is not made yet.

    `items` and `sites` are what it will be asked about; a table older than one of them is not used.
    """
    ruleset = publish.in_force(session, on)
    query = select(DecisionTable.digest, DecisionTable.made_at).where(DecisionTable.ruleset_id == ruleset.id)
    made = session.execute(query).one_or_none()
    known = _known(session, ruleset.id, *made) if made is not None else None
    if known is None or not known.knows(items, sites):
        return by_rules(session, law_of(session, ruleset))
    return known


def _known(session: Session, ruleset_id: int, digest: str, made_at: datetime) -> ByTable | None:
    """The table made then, from memory if it was read before; None if this version cannot read it."""
    key = (ruleset_id, digest, made_at)
    if key not in _tables:
        row = session.get_one(DecisionTable, ruleset_id, populate_existing=True)
        while len(_tables) >= TABLES_KEPT:
            _tables.pop(next(iter(_tables)))
        try:
            table = Table.from_bytes(row.content)
        except TableUnreadable:
            return None
        key = (ruleset_id, row.digest, row.made_at)
        _tables[key] = ByTable(ruleset_id, table)
    return _tables[key]


_tables: dict[tuple[int, str, datetime], ByTable] = {}  # a table made never changes, so each process reads it once


def refresh(session: Session, *, at: datetime) -> list[int]:
    """Compile the rulesets in force today or to come whose table is missing or stale; gives back their ids.

    Its digest tells what a table was made from: rules, papers, catalog, warehouses and places.
    """
    if not publish.is_live(session):
        return []
    made, stock, sites = [], tuple(products(session).values()), tuple(origins(session).values())
    where = places.version(session)
    for ruleset in _wanted(session, at.date()):
        decides = law_of(session, ruleset)
        digest = digest_of(ruleset.digest, decides, stock, sites, places=where)
        row = session.get(DecisionTable, ruleset.id)
        if row is not None and row.digest == digest:
            continue
        before = None
        older = row or session.scalar(select(DecisionTable).order_by(DecisionTable.made_at.desc()).limit(1))
        if older is not None:
            with suppress(TableUnreadable):  # another version made it
                before = Table.from_bytes(older.content)
        table = compile_table(decides, places.all_places(session), stock, sites, before=before)
        session.merge(DecisionTable(ruleset_id=ruleset.id, digest=digest, made_at=at, content=table.to_bytes()))
        made.append(ruleset.id)
    session.flush()
    return made


def _wanted(session: Session, today: date) -> list[Ruleset]:
    """What may be in force somewhere on earth today, and what is to come."""
    days = (today - timedelta(days=1), today, today + timedelta(days=1))
    found = {}
    for day in days:
        with suppress(publish.NoRules):
            ruleset = publish.in_force(session, day)
            found[ruleset.id] = ruleset
    found |= {ruleset.id: ruleset for ruleset in publish.to_come(session, today)}
    return list(found.values())


def note_funds(session: Session, *, at: datetime) -> None:
    """Write down on each fund where the rules in force leave it, so that cover does not count what may not be sent.

    By state: what differs from county to county is left to the decision of each order.
    """
    try:
        decides = law_of(session, publish.in_force(session, at.date()))
    except publish.NoRules:
        return
    barring = any(rule.not_funds for rule in decides.book.rules)
    states = [state.code for state in places.states(session)] if barring else []
    stock = products(session)
    barred = {
        (state, code): found
        for state in states
        for code, product in stock.items()
        if (found := _barred(decides, state, product, at.date()))
    }
    for fund in session.scalars(select(Fund).order_by(Fund.id)):
        codes = {code for (_, code), kinds in barred.items() if fund.kind in kinds}
        lawful = {
            code: [state for state in states if fund.kind not in barred.get((state, code), ())]
            for code in sorted(codes)
        }
        if fund.lawful_states != lawful:
            fund.lawful_states = lawful


def _barred(law: Law, state: str, product: Product, on: date) -> frozenset[str]:
    found = standing(law, frozenset({NATION, state}), product, None, on)
    return frozenset(kind for finding in found if finding.rule for kind in finding.rule.not_funds)

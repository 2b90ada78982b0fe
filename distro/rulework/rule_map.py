"""Staff pages that show on a map where an item can be mailed: the country, and the counties of one state."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from distro import clock
from distro.auth import guard
from distro.db import db
from distro.errors import NotFound
from distro.rulework import atlas
from distro.rulework.drafting import DAY_WRONG, NO_RULES_THEN, WRITERS, Errors, asked_for, catalog, place_name
from geo import maps, places, placewords, publish
from geo.explain import COUNTING, Explanation, best, explain
from geo.formwords import read_day
from geo.models import Ruleset, ZipKind
from geo.places import Place, StateRow
from geo.rules import End, Facts, Law, Product
from orders import authority, preview
from orders.reach import Reach, reach

blueprint = Blueprint("rule_map", __name__, url_prefix="/rules/map")
guard(blueprint, *WRITERS)


@dataclass(frozen=True)
class Sheet:
    """What a map is drawn for: the ruleset (a draft, if one was asked for), its law, the item, and the day."""

    ruleset: Ruleset
    draft: int | None
    law: Law
    catalog: dict[str, str]
    item: str
    product: Product
    sends: Reach
    on: date
    day: str | None  # as `?on=` has it, for the links
    errors: Errors

    @property
    def status(self) -> int:
        """What the page answers with: a day that cannot be shown is a fault of the form."""
        return 422 if self.errors else 200

    def sent(self, state: str) -> tuple[str, ...]:
        """The warehouses that send the item to a state, by the catalog alone."""
        return self.sends(self.item, state)


@blueprint.get("")
def country() -> ResponseReturnValue:
    """How many counties of each state have which answer for `?item=`, and the map; of `?draft=` or what is in force."""
    session = db.session()
    sheet, states = _sheet(session), places.states(session)
    found = _answers(session, sheet, states)

    def link(code: str) -> str:
        return url_for("rule_map.state", code=code, item=sheet.item, draft=sheet.draft, on=sheet.day)

    label = f"{sheet.catalog[sheet.item]}: where the rules let it be mailed. The table says the same."
    page = render_template(
        "rules/map.html",
        sheet=sheet,
        states=states,
        counts={code: Counter(atlas.painted(some) for some in inner.values()) for code, inner in found.items()},
        told={code: atlas.told(atlas.one_of(inner)) for code, inner in found.items()},
        paint={code: atlas.painted(atlas.one_of(inner)) for code, inner in found.items()},
        opened=link,
        map=maps.us_map(states, atlas.paint_states(states, found, link), label=label),
    )
    return page, sheet.status


@blueprint.get("/<code>")
def state(code: str) -> ResponseReturnValue:
    """The answer in each county of a state, the map of its counties, and the areas of the ruleset over them."""
    session = db.session()
    sheet = _sheet(session)
    row = _state(session, code)
    found = _answers(session, sheet, [row])[row.code]
    counties = places.counties_of(session, row.code)

    def link(fips: str) -> str:
        return url_for("rule_map.county", fips=fips, item=sheet.item, draft=sheet.draft, on=sheet.day)

    over = [(a.get("outline") or "", "map-none", f"{a['name']}, {a['kind']}") for a in sheet.ruleset.areas]
    label = f"{sheet.catalog[sheet.item]}: where the rules let it be mailed in {row.name}. The table says the same."
    page = render_template(
        "rules/state.html",
        sheet=sheet,
        state=row,
        counties=counties,
        found=found,
        atlas=atlas,
        opened=link,
        map=maps.state_map(row, counties, atlas.paint_counties(counties, found, link), label=label, areas=over),
    )
    return page, sheet.status


@blueprint.get("/county/<fips>")
def county(fips: str) -> ResponseReturnValue:
    """The rules that speak of a county: its own, its state's and the nation's, and those of areas that hold it."""
    session = db.session()
    sheet = _sheet(session)
    code = places.state_of(fips)
    row = _state(session, code or fips)
    here = next((each for each in places.counties_of(session, row.code) if each.fips == fips), None)
    if here is None:
        raise NotFound(what="county", name=fips)
    zips = atlas.zips_of(session, fips)
    around = {"US", row.code, f"county:{fips}"} | _areas_over(sheet.ruleset, fips, set(zips))
    around |= {f"zip:{zip_code}" for zip_code in zips}
    mine, names = set(sheet.product.names), placewords.names(session)
    found = _explained(session, sheet, row, fips)
    page = render_template(
        "rules/county.html",
        sheet=sheet,
        state=row,
        county=here,
        rules=[r for r in sheet.ruleset.rules if r["place"] in around and not mine.isdisjoint(r["items"])],
        steps={step.rule.key: step for step in reversed(found.chain) if step.end is End.DESTINATION},
        counting=COUNTING,
        place_of={place: place_name(sheet.ruleset, place, names) for place in around},
        zips=zips,
        found=_answers(session, sheet, [row])[row.code].get(fips, frozenset()),
        atlas=atlas,
    )
    return page, sheet.status


def _areas_over(ruleset: Ruleset, fips: str, zips: set[str]) -> set[str]:
    """The areas that hold a county or one of its ZIP codes, also in part, as rules name them."""
    return {
        f"area:{area['code']}"
        for area in ruleset.areas
        if fips in (area.get("counties") or ())
        or not zips.isdisjoint([*(area.get("inside") or ()), *(area.get("partly") or ())])
    }


def _explained(session: Session, sheet: Sheet, state: StateRow, fips: str) -> Explanation:
    """What decides in a county where no ZIP code and no area is set apart."""
    every, facts = authority.origins(session), Facts()
    at = Place("", ZipKind.STANDARD, "", (state.code,), (fips,))
    origins = [every[code] for code in sheet.sent(state.code)]
    origin, _ = best(sheet.law, at, sheet.product, origins, facts, sheet.on)
    return explain(sheet.law, at, sheet.product, origin, facts, sheet.on)


def _answers(session: Session, sheet: Sheet, states: list[StateRow]) -> atlas.Answers:
    """The answers that day, from the warehouses that send the item; without any, the destination alone decides."""
    every, groups, found = authority.origins(session), dict[tuple[str, ...], list[StateRow]](), dict[str, Any]()
    for state in states:
        groups.setdefault(sheet.sent(state.code), []).append(state)
    for codes, some in groups.items():
        origins = [every[code] for code in codes]
        found |= atlas.answers(session, some, sheet.law, sheet.product, origins, sheet.on)
    return found


def _state(session: Session, code: str) -> StateRow:
    row = next((row for row in places.states(session) if row.code == code.upper()), None)
    if row is None:
        raise NotFound(what="state", name=code)
    return row


def _sheet(session: Session) -> Sheet:
    """What `?item=`, `?draft=` and `?on=` ask for; without an item, the first of the catalog."""
    draft, errors = asked_for(session), dict[str, list[str]]()
    ruleset, on = _on_the_day(session, draft, errors)
    names, products = catalog(session), authority.products(session)
    named = {item for rule in ruleset.rules for item in rule["items"] if ":" not in item}
    items = names | {code: code for code in sorted(named - set(names))}
    item = request.args.get("item", "") or next(iter(items), "")
    if item not in items:
        raise NotFound(what="item", name=item[:40])
    product, law = products.get(item) or Product(item), preview.law_if_published(session, ruleset)
    number, day = draft.id if draft else None, request.args.get("on", "").strip() or None
    return Sheet(ruleset, number, law, items, item, product, reach(session), on, day, errors)


def _on_the_day(session: Session, draft: Ruleset | None, errors: Errors) -> tuple[Ruleset, date]:
    """The draft, or what is in force on the day that `?on=` names; a day that cannot be is told in `errors`.

    Without a day it is today, and of a draft its first day, if that is still to come.
    """
    text = request.args.get("on", "").strip()
    usual = preview.first_day(draft, clock.now()) if draft else clock.today()
    try:
        on = read_day(text) if text else usual
    except ValueError:
        errors["on"], on = [DAY_WRONG], usual
    try:
        return draft or publish.in_force(session, on), on
    except publish.NoRules:
        errors["on"] = [NO_RULES_THEN]
        return publish.in_force(session, usual), usual

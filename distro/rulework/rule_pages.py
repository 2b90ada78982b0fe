"""Staff pages that show the rules in force, and what they come to for one place."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import clock
from distro.auth import guard
from distro.db import db
from distro.errors import Refusal
from distro.rulework import atlas
from distro.rulework.draft_pages import in_force
from distro.rulework.drafting import DAY_WRONG, NO_RULES_THEN, WRITERS, Errors, asked_for, catalog
from geo import places, placewords, publish
from geo.formwords import read_day
from geo.models import Ruleset, RulesetStatus
from geo.places import Place
from orders import chain, preview

PAGE = 100  # rules on a page
OLDEST = 120  # years
blueprint = Blueprint("rules", __name__, url_prefix="/rules")
guard(blueprint, *WRITERS)
blueprint.add_app_template_filter(atlas.effect_words, "effect_words")


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The rules in force today and what comes when, filtered by `?state=` and `?item=`."""
    session, today = db.session(), clock.today()
    ruleset = in_force(session, today)
    state, item = request.args.get("state", ""), request.args.get("item", "")
    rules = _filtered(ruleset, state, item) if ruleset else []
    pages = -(-len(rules) // PAGE)
    page = min(max(request.args.get("page", 1, type=int), 1), max(1, pages))
    proposed = select(func.count()).where(Ruleset.status == RulesetStatus.PROPOSED)
    return render_template(
        "rules/index.html",
        ruleset=ruleset,
        coming=publish.to_come(session, today),
        waiting=session.scalar(proposed),
        states=places.states(session),
        names=placewords.names(session),
        items=sorted({code for rule in (ruleset.rules if ruleset else ()) for code in rule["items"]}),
        state=state,
        item=item,
        rules=rules[(page - 1) * PAGE : page * PAGE],
        count=len(rules),
        page=page,
        pages=pages,
    )


def _filtered(ruleset: Ruleset, state: str, item: str) -> list[dict[str, Any]]:
    """The rules of a state, by its code or the letters their keys begin with, and of an item."""
    return [
        rule
        for rule in ruleset.rules
        if (not state or state in (rule["place"], rule["key"][:2])) and (not item or item in rule["items"])
    ]


@blueprint.get("/place")
def place() -> ResponseReturnValue:
    """What the rules come to at `?zip=` for each item (or `?item=`) and why; `?state=`, `?county=`, `?on=`, `?age=`.

    By what is in force, or by `?draft=`.
    """
    session, today = db.session(), clock.today()
    draft = asked_for(session)
    typed = {name: request.args.get(name, "").strip() for name in ("zip", "item", "on", "age", "state", "county")}
    errors: Errors = {}
    on, age = _day(typed["on"], today, errors), _age(typed["age"], errors)
    found, told = None, []
    try:
        found = places.find(session, typed["zip"]) if typed["zip"] else None
        if found and not errors:
            told = _explained(session, found, typed, on, age, draft)
    except publish.NoRules:
        if on == today:
            raise
        errors["on"], status = [NO_RULES_THEN], 422
    except Refusal as refusal:
        errors.setdefault("item" if isinstance(refusal, preview.ItemUnknown) else "zip", [str(refusal)])
        status = refusal.status
    else:
        status = 422 if errors else 200
    known = placewords.names(session)
    page = render_template(
        "rules/place.html",
        typed=typed,
        errors=errors,
        place=found if told else None,
        on=on,
        told=told,
        items=catalog(session),
        states={code: known.states.get(code, code) for code in (found.states if found else ())},
        counties={fips: known.counties.get(fips, fips) for fips in (found.counties if found else ())},
        words=atlas.WORDS,
        draft=draft,
        not_sent=chain.not_sent,
    )
    return page, status


def _explained(
    session: Session, found: Place, typed: Mapping[str, str], on: date, age: int | None, draft: Ruleset | None
) -> list[dict[str, Any]]:
    """For each item what `preview.explain_for` tells."""
    state, county = typed["state"] or None, typed["county"] or None
    if county and not state:
        state = places.state_of(county)
    return [
        preview.explain_for(
            session, zip_text=found.zip, item=item, on=on, state=state, county=county, age=age, ruleset=draft
        )
        for item in ([typed["item"]] if typed["item"] else catalog(session))
    ]


def _day(text: str, today: date, errors: Errors) -> date:
    try:
        return read_day(text) if text else today
    except ValueError:
        errors["on"] = [DAY_WRONG]
        return today


def _age(text: str, errors: Errors) -> int | None:
    if text and not (text.isascii() and text.isdecimal() and int(text[:4]) <= OLDEST):
        errors["age"] = ["Type an age in years, or leave it empty."]
        return None
    return int(text) if text else None

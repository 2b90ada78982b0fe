"""Staff pages: the live rules, what they mean for one ZIP code, and a map by item."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from distro import clock
from distro.auth import Role, guard
from distro.db import db
from geo import places, publish
from geo.maps import Paint, us_map
from geo.models import ZipKind
from geo.places import Place, StateRow
from geo.referrals import nearest_help
from geo.rules import Decision, Effect, Facts, RuleBook, decide

blueprint = Blueprint("rules", __name__, url_prefix="/rules")
guard(blueprint, Role.MANAGER, Role.REVIEWER, Role.ADMIN)

WORDS = {
    Effect.ALLOW: "Can be mailed",
    Effect.REVIEW: "A person decides",
    Effect.ASK: "Needs one more answer",
    Effect.DENY: "Cannot be mailed",
}
_MAP_CLASSES = {
    Effect.ALLOW: "map-allow",
    Effect.REVIEW: "map-review",
    Effect.ASK: "map-review",
    Effect.DENY: "map-deny",
}


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """The live rules, filtered by `?state=` and `?item=`; with an item also what each state's answer is, on a map."""
    session = db.session()
    book = publish.live_book(session)
    items, states = publish.items(book), places.states(session)
    item = request.args.get("item", "")
    state = request.args.get("state", "")
    answers = _answers(book, states, item) if item in items else {}
    return render_template(
        "geo/index.html",
        book=book,
        ruleset=publish.live_ruleset(session),
        items=items,
        states=states,
        item=item,
        state=state,
        rules=publish.rules(session, place=state or None, item=item or None),
        answers=answers,
        words=WORDS,
        map=_map(states, answers, item) if answers else "",
    )


@blueprint.get("/place")
def place() -> ResponseReturnValue:
    """What each item's answer is at `?zip=` today, with the rules behind it; in `?state=` where there are several."""
    session = db.session()
    book = publish.live_book(session)
    typed = request.args.get("zip", "")
    found = places.find(session, typed) if typed else None
    state = request.args.get("state") or None
    decisions: dict[str, Decision] = {}
    if found:
        facts = Facts(state=state)
        decisions = {item: decide(book, found, item, facts, clock.today()) for item in publish.items(book)}
    return render_template(
        "geo/place.html",
        book=book,
        typed=typed,
        place=found,
        state=state,
        state_names={code: places.state_name(session, code) for code in (found.states if found else ())},
        counties=places.county_names(session, found) if found else [],
        decisions=decisions,
        words=WORDS,
        help=nearest_help(state or (found.states[0] if found else None)) if found else [],
    )


def _answers(book: RuleBook, states: list[StateRow], item: str) -> dict[str, Decision]:
    """State code -> the answer for a place that lies in that state alone."""
    return {
        state.code: decide(book, Place("", ZipKind.STANDARD, "", (state.code,), ()), item, Facts(), clock.today())
        for state in states
    }


def _map(states: list[StateRow], answers: dict[str, Decision], item: str) -> str:
    paint = {
        state.code: Paint(
            css_class=_MAP_CLASSES[answers[state.code].effect],
            title=f"{state.name}: {WORDS[answers[state.code].effect].lower()}",
            href=url_for("rules.index", state=state.code, item=item),
        )
        for state in states
    }
    return us_map(states, paint, label=f"Map of the states: where {item} can be mailed. The table above says the same.")

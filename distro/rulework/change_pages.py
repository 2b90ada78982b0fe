"""Staff pages where a draft is compared with the rules it would follow, proposed, taken back and published."""

from collections.abc import Mapping
from datetime import date, timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session

from distro import clock
from distro.db import db
from distro.errors import NotFound, Refusal
from distro.rulework import change_words
from distro.rulework.drafting import (
    DRAFT,
    Errors,
    NotAPublisher,
    catalog,
    locked,
    may_publish,
    pages,
    place_name,
    require_read,
    shown,
)
from distro.rulework.own_states import require_own_changes
from geo import diff, lint, maps, places, placewords, publish
from geo.diff import AnswerChange
from geo.formwords import read_day
from geo.models import Ruleset, RulesetStatus
from geo.rules import Effect
from orders import chain, preview
from orders.reach import Reach, reach

SENTENCES = 60  # changed answers told in words at once
TOLD_IN_FULL = 400  # added rules with all they say

blueprint = pages("changes", __name__, f"/rules/drafts{DRAFT}/changes")


@blueprint.get("")
def one(draft_id: int) -> ResponseReturnValue:
    """What a ruleset changes: rules in words, answers in numbers, orders, past requests, and where, on a map."""
    return _page(draft_id, {}, {})


@blueprint.get("/<code>")
def state(draft_id: int, code: str) -> ResponseReturnValue:
    """The counties of a state in which answers change."""
    session, now = db.session(), clock.now()
    ruleset = publish.find(session, draft_id)
    row = next((row for row in places.states(session) if row.code == code.upper()), None)
    if row is None:
        raise NotFound(what="state", name=code)
    item = request.args.get("item", "")
    sends = reach(session)
    changes = [
        change
        for change in preview.changed_answers(session, ruleset, now)
        if item in ("", change.item) and (change.state == row.code or _in_state(change, row.code))
    ]
    counties = places.counties_of(session, row.code)
    told = {fips: change for fips, change in diff.by_county(changes).items() if places.state_of(fips) == row.code}
    words = chain.names(session)
    paint = {c.fips: maps.Paint("map-change", f"{c.name}: {_short(told[c.fips])}") for c in counties if c.fips in told}
    label = f"Counties of {row.name} where answers change. The table above says the same."
    return render_template(
        "drafts/changes_state.html",
        ruleset=ruleset,
        state=row,
        item=item,
        told=[(county.name, diff.sentence(told[county.fips], words)) for county in counties if county.fips in told],
        sentences=[" ".join([diff.sentence(change, words), _unsent(change, words, sends)]) for change in changes],
        map=maps.state_map(row, counties, paint, label=label),
    )


@blueprint.post("/propose")
def propose(draft_id: int) -> ResponseReturnValue:
    """Close the draft and ask a second person to publish it, at once or from a day on."""
    session, typed = db.session(), request.form.to_dict()
    try:
        day = _day(typed)
    except ValueError as problem:
        return _page(draft_id, typed, {"effective_on": [str(problem)]}), 422
    try:
        ruleset = locked(session, draft_id)
        lint.require_sound(ruleset, clock.today())  # first of all: a page that lists faults offers no way to propose
        if ruleset.status == RulesetStatus.DRAFT:
            require_read(ruleset, preview.before(session, ruleset, preview.first_day(ruleset, clock.now())), typed)
        old = preview.before(session, ruleset, max(day, clock.today()))
        require_own_changes(session, ruleset, old)
        change_words.require_meant(old, ruleset, typed)
        publish.propose(session, ruleset, effective_on=day, by=current_user.username, at=clock.now())
        session.commit()
    except publish.DayPassed as refusal:
        session.rollback()
        return _page(draft_id, typed, {"effective_on": [str(refusal)]}), refusal.status
    except Refusal as refusal:
        session.rollback()
        return _page(draft_id, typed, {"": [str(refusal)]}), refusal.status
    flash("Proposed. Another reviewer or an admin publishes it now; until then nothing changes.", "success")
    return redirect(url_for("changes.one", draft_id=draft_id), code=303)


@blueprint.post("/take-back")
def take_back(draft_id: int) -> ResponseReturnValue:
    """Make a draft again of what was proposed."""
    session = db.session()
    try:
        ruleset = locked(session, draft_id)
        require_own_changes(session, ruleset, preview.before(session, ruleset, preview.first_day(ruleset, clock.now())))
        publish.take_back(session, ruleset, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _page(draft_id, {}, {"": [str(refusal)]}), refusal.status
    flash("Taken back: it is a draft again.", "success")
    return redirect(url_for("changes.one", draft_id=draft_id), code=303)


@blueprint.post("/publish")
def put_in_force(draft_id: int) -> ResponseReturnValue:
    """Publish what someone else proposed. Of two at the same moment one goes through, and the other is told."""
    session, typed = db.session(), request.form.to_dict()
    try:
        if not may_publish():
            raise NotAPublisher
        ruleset = locked(session, draft_id)
        old = preview.before(session, ruleset, preview.first_day(ruleset, clock.now()))
        require_own_changes(session, ruleset, old)
        if ruleset.status == RulesetStatus.PROPOSED and current_user.username not in _wrote(ruleset):
            require_read(ruleset, old, typed)
            change_words.require_meant(old, ruleset, typed)
        publish.publish(session, ruleset, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _page(draft_id, {}, {"": [str(refusal)]}), refusal.status
    begins = "in force now"
    if ruleset.effective_on and ruleset.effective_on >= clock.today():
        begins = f"in force from {ruleset.effective_on} on, at each place's own midnight"
    flash(f"Published: {ruleset.name}, {begins}.", "success")
    return redirect(url_for("rules.index"), code=303)


def _day(typed: Mapping[str, str]) -> date:
    """The day it is proposed for: yesterday by UTC is a day that has begun everywhere. Raises ValueError."""
    if typed.get("when") == "now":
        return clock.today() - timedelta(days=1)
    if typed.get("when") != "day":
        raise ValueError("Choose from when it holds.")
    try:
        return read_day(typed.get("effective_on", "").strip())
    except ValueError:
        raise ValueError("Type the day as year-month-day, such as 2027-01-31.") from None


def _in_state(change: AnswerChange, code: str) -> bool:
    return any(places.state_of(fips) == code for fips in change.counties)


def _unsent(change: AnswerChange, words: Mapping[str, str], sends: Reach) -> str:
    """That the catalog has no warehouse that sends it there, where the rules would not stand in the way."""
    if change.after is Effect.DENY or sends(change.item, change.state):
        return ""
    item, state = words.get(change.item, change.item), words.get(change.state, change.state)
    return f"No warehouse sends {item} to {state} yet: people are told so."


def _wrote(ruleset: Ruleset) -> set[str | None]:
    return {*ruleset.authors, ruleset.proposed_by}


def _short(change: AnswerChange) -> str:
    before = "no answer" if change.before is None else diff.EFFECT_WORDS[change.before]
    return f"{change.item}: {before}, then {diff.EFFECT_WORDS[change.after]}"


def _page(draft_id: int, typed: Mapping[str, str], errors: Errors) -> str:
    session, now = db.session(), clock.now()
    ruleset = publish.find(session, draft_id)
    old = preview.before(session, ruleset, preview.first_day(ruleset, now))
    every, sends = places.all_places(session), reach(session)
    answers = preview.changed_answers(session, ruleset, now, every)
    asked = request.args.get("item", "")
    told = sorted((change for change in answers if asked in ("", change.item)), key=lambda change: -change.zips)
    names, items = placewords.names(session), catalog(session)
    words = chain.names(session)
    rules = diff.rule_changes(old.rules if old else [], ruleset.rules)
    areas = diff.area_changes(old.areas if old else [], ruleset.areas)
    faults = [found for found in lint.lint_ruleset(ruleset, now.date()) if found.sort == "fault"]
    return render_template(
        "drafts/changes.html",
        ruleset=ruleset,
        old=old,
        rules=rules,
        areas=areas,
        totals=change_words.totals(rules, areas),
        drops=change_words.dropped(old, ruleset),
        facts={
            change.key: change_words.facts(
                change.entry,
                items,
                ruleset.editors.get(change.key, ""),
                place_name(ruleset, change.entry["place"], names),
            )
            for change in [one for one in rules if one.change == "added"][:TOLD_IN_FULL]
        },
        answers=told,
        items=sorted({change.item for change in answers}),
        asked=asked,
        sentences=[
            (change, diff.sentence(change, words), _unsent(change, words, sends)) for change in told[:SENTENCES]
        ],
        map=_map(session, ruleset, told, asked),
        orders=preview.open_orders(session, ruleset, now, every=every),
        past=preview.what_if(session, ruleset, now, every=every),
        names=words,
        replaces=_replaces(session, ruleset, now.date()),
        faults=faults,
        unreviewed=len(publish.unreviewed(session, ruleset, now.date())),
        own=current_user.username in _wrote(ruleset),
        may_publish=may_publish(),
        today=now.date(),
        compared_on=preview.first_day(ruleset, now),
        seen=shown(ruleset, old),
        typed=typed,
        errors=errors,
        draft=ruleset.status == RulesetStatus.DRAFT,
        proposed=ruleset.status == RulesetStatus.PROPOSED,
    )


def _replaces(session: Session, ruleset: Ruleset, today: date) -> list[Ruleset]:
    """What is planned and would not come, or would end sooner, if this were published."""
    return [] if ruleset.publication else list(publish.to_come(session, today))


def _map(session: Session, ruleset: Ruleset, changes: list[AnswerChange], item: str) -> str:
    states, told = places.states(session), diff.by_state(changes)
    paint = {
        row.code: maps.Paint(
            "map-change",
            f"{row.name}: {_short(told[row.code])}",
            url_for("changes.state", draft_id=ruleset.id, code=row.code, item=item or None),
        )
        for row in states
        if row.code in told
    }
    label = "States where answers change. The table above says the same."
    return maps.us_map(states, paint, label=label) if told else ""

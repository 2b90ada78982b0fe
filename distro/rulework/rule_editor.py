"""Staff pages for one rule of a draft: what it says, writing, changing, reviewing and dropping it."""

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock
from distro.db import db
from distro.errors import Refusal
from distro.rulework.drafting import (
    DRAFT,
    ChangedMeanwhile,
    Errors,
    catalog,
    locked,
    mark,
    only_tightens,
    pages,
    place_name,
    rule_of,
)
from distro.rulework.own_states import require_own_place
from geo import drafts, places, placewords, publish, reviews, rulefile, ruleform
from geo.lint import lint_ruleset
from geo.models import Ruleset, RulesetStatus, Zip
from inventory.models import Site

KEY = "/<string(maxlength=60):key>"
SURE = "Tick the box if you mean it. Nothing was dropped."
SUGGESTED = {effect: ruleform.suggestion({"effect": effect}) for effect in ("allow", "deny", "review")}

blueprint = pages("rule_editor", __name__, f"/rules/drafts{DRAFT}/rules")


@blueprint.get("/new")
def new(draft_id: int) -> ResponseReturnValue:
    """The form of a new rule; `?like=` fills it in from another, `?area=` with an area for its place."""
    session = db.session()
    draft = publish.find(session, draft_id)
    if draft.status != RulesetStatus.DRAFT:
        raise publish.NotADraft(id=draft.id, status=draft.status)
    area = next((area for area in draft.areas if area["code"] == request.args.get("area")), None)
    typed = ruleform.blank() | ({"place_kind": "area", "place": str(area["name"])} if area else {})
    if like := request.args.get("like"):
        known = placewords.names(session)
        typed = ruleform.like(rule_of(draft, like), known, catalog(session))
    return _form(draft, "", typed, {})


@blueprint.post("/new")
def add(draft_id: int) -> ResponseReturnValue:
    """Add the rule to the draft."""
    return _save(draft_id, "")


@blueprint.get(KEY)
def one(draft_id: int, key: str) -> ResponseReturnValue:
    """A rule with all it says, who wrote it, and what can be done with it."""
    return _one(draft_id, key, {})


@blueprint.get(f"{KEY}/change")
def correct(draft_id: int, key: str) -> ResponseReturnValue:
    """The form that changes a rule."""
    session = db.session()
    draft = publish.find(session, draft_id)
    if draft.status != RulesetStatus.DRAFT:
        raise publish.NotADraft(id=draft.id, status=draft.status)
    rule = rule_of(draft, key)
    typed = ruleform.typed_of(rule, placewords.names(session), catalog(session)) | {"seen": mark(rule)}
    return _form(draft, key, typed, {})


@blueprint.post(f"{KEY}/change")
def change(draft_id: int, key: str) -> ResponseReturnValue:
    """Save the changed rule. It needs a review anew."""
    return _save(draft_id, key)


@blueprint.post(f"{KEY}/review")
def review(draft_id: int, key: str) -> ResponseReturnValue:
    """Record that the signed-in person checked the rule against its source."""
    session = db.session()
    try:
        draft = locked(session, draft_id)
        require_own_place(session, draft, rule_of(draft, key)["place"], f"Rule {key}")
        if request.form.get("seen") != mark(rule_of(draft, key)):
            raise ChangedMeanwhile
        drafts.review_rule(session, draft, key, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(draft_id, key, {"": [str(refusal)]}), refusal.status
    waiting = publish.unreviewed(session, draft, clock.today())
    flash(f"Reviewed: {key}. {len(waiting)} of {len(draft.rules)} rules wait for a review.", "success")
    return redirect(url_for("rule_editor.one", draft_id=draft_id, key=key), code=303)


@blueprint.post(f"{KEY}/drop")
def drop(draft_id: int, key: str) -> ResponseReturnValue:
    """Take the rule out of the draft; the box has to be ticked."""
    session = db.session()
    try:
        draft = locked(session, draft_id)
        require_own_place(session, draft, rule_of(draft, key)["place"], f"Rule {key}")
        if request.form.get("sure") != "yes":
            session.rollback()
            return _one(draft_id, key, {"sure": [SURE]}), 422
        drafts.drop_rule(session, draft, key, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(draft_id, key, {"": [str(refusal)]}), refusal.status
    flash(f"Dropped: {key}.", "success")
    return redirect(url_for("drafts.one", draft_id=draft_id), code=303)


def _save(draft_id: int, key: str) -> ResponseReturnValue:
    session, typed = db.session(), _typed()
    try:
        draft = locked(session, draft_id)
        if key:
            require_own_place(session, draft, rule_of(draft, key)["place"], f"Rule {key}")
        if key and typed.get("seen") != mark(rule_of(draft, key)):
            raise ChangedMeanwhile
        rule = _read(session, draft, key, typed)
        require_own_place(session, draft, rule["place"], f"Rule {rule['key']}")
        items = list(catalog(session))
        drafts.put_rule(session, draft, rule, by=current_user.username, at=clock.now(), items=items)
        session.commit()
    except ValidationError as error:
        session.rollback()
        return _form(publish.find(session, draft_id), key, typed, dict(error.messages_dict)), 422
    except Refusal as refusal:
        session.rollback()
        return _form(publish.find(session, draft_id), key, typed, {"": [str(refusal)]}), refusal.status
    _told(draft, rule["key"], "Changed" if key else "Added")
    return redirect(url_for("rule_editor.one", draft_id=draft_id, key=rule["key"]), code=303)


def _told(draft: Ruleset, key: str, done: str) -> None:
    """Say that the rule is saved, and what is wrong with the draft since, if anything is."""
    faults = [found for found in lint_ruleset(draft, clock.today()) if found.sort == "fault"]
    mine = [found.sentence for found in faults if found.key == key]
    others = [f"{found.key}: {found.sentence}" for found in faults if found.key != key and key in found.sentence]
    if mine or others:
        flash(f"{done}: {key}, but it cannot be proposed like this. {' '.join(mine + others)}", "warning")
    else:
        flash(f"{done}: {key}. Someone else reviews it next.", "success")


def _typed() -> dict[str, str]:
    """The form as it came; the ticked items and warehouses in lists."""
    lists = {"items": "\n".join(request.form.getlist("items")), "origins": ", ".join(request.form.getlist("origins"))}
    return request.form.to_dict() | lists


def _read(session: Session, draft: Ruleset, key: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """The rule that was typed. Raises ValidationError, also for places and items that are not known."""
    areas = {area["code"]: area for area in draft.areas}
    around = ruleform.Around(
        names=placewords.names(session),
        areas=areas,
        keys={rule["key"] for rule in draft.rules},
        states=_states(session, draft, typed.get("place", "")[-5:]),
        sites=session.scalars(select(Site.code).order_by(Site.code)).all(),
    )
    rule = ruleform.read(typed, around, key, rule_of(draft, key) if key else None)
    told = rulefile.unknowns(rule, areas, drafts.known(session, list(catalog(session))))
    if told:
        raise ValidationError({sentence.partition(": ")[0]: [sentence.partition(": ")[2]] for sentence in told})
    return rule


def _states(session: Session, draft: Ruleset, zip_code: str) -> dict[str, str]:
    """The postal state of a ZIP code, and of each area by one of its counties or ZIP codes; for keys."""
    firsts = {
        f"area:{a['code']}": next(iter((a.get("inside") or []) + (a.get("partly") or [])), "") for a in draft.areas
    }
    firsts[f"zip:{zip_code}"] = zip_code
    rows = session.execute(select(Zip.zip, Zip.states).where(Zip.zip.in_(firsts.values())))
    known = {code: states[0] for code, states in rows}
    counties = {f"area:{a['code']}": places.state_of(a["counties"][0]) for a in draft.areas if a.get("counties")}
    found = {place: known.get(code) for place, code in firsts.items()} | counties
    return {place: state for place, state in found.items() if state}


def _form(draft: Ruleset, key: str, typed: Mapping[str, str], errors: Errors) -> str:
    session = db.session()
    return render_template(
        "drafts/rule_form.html",
        draft=draft,
        key=key,
        typed=typed,
        errors=errors,
        ticked=typed.get("items", "").split(),
        from_sites=typed.get("origins", "").replace(",", " ").upper().split(),
        catalog=catalog(session),
        sites=_sites(session, typed),
        kinds=placewords.KINDS,
        names=placewords.names(session),
        statuses=ruleform.STATUSES,
        scopes=ruleform.SCOPES,
        suggested=SUGGESTED,
        unfold=_unfold(typed, errors),
    )


def _sites(session: Session, typed: Mapping[str, str]) -> dict[str, str]:
    """Our warehouses by code, and those that the rule names and that we do not have."""
    ours = {
        code: f"{name} ({code})" for code, name in session.execute(select(Site.code, Site.name).order_by(Site.code))
    }
    named = [code for code in typed.get("origins", "").replace(",", " ").upper().split() if code not in ours]
    return ours | {code: f"{code}: we have no such warehouse" for code in named}


def _unfold(typed: Mapping[str, str], errors: Errors) -> bool:
    """Whether the conditions are shown from the start: some are typed, or one of them is wrong."""
    names = {*ruleform.WORDS, *ruleform.LINES, *ruleform.NUMBERS, "attest", "attest_es", "training", "credentials"}
    names |= {"most_units", "most_days"}
    folded = names | {"legal_status", "scope", "ends"}
    return any(typed.get(name) for name in names) or not folded.isdisjoint(errors)


def _one(draft_id: int, key: str, errors: Errors) -> str:
    session = db.session()
    draft = publish.find(session, draft_id)
    rule = rule_of(draft, key)
    keys = [each["key"] for each in draft.rules]
    unreviewed = set(publish.unreviewed(session, draft, clock.today()))
    after = draft.rules[keys.index(key) + 1 :] + draft.rules[: keys.index(key)]
    return render_template(
        "drafts/rule.html",
        draft=draft,
        rule=rule,
        place=place_name(draft, rule["place"], placewords.names(session)),
        writer=draft.editors.get(key),
        seen=mark(rule),
        waiting=[each["key"] for each in after if each["key"] in unreviewed],
        mine=reviews.wrote(session, draft, rule, current_user.username),
        faults=[found for found in lint_ruleset(draft, clock.today()) if found.key == key and found.sort == "fault"],
        tightens=only_tightens(draft, rule),
        editable=draft.status == RulesetStatus.DRAFT,
        errors=errors,
    )

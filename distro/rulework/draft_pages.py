"""Staff pages for drafts: the list of all rulesets, starting one, loading one from a file, and what one holds."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock
from distro.audit import AuditEntry
from distro.db import db
from distro.errors import InvalidInput, Refusal
from distro.rulework.drafting import DRAFT, Errors, catalog, locked, pages
from distro.rulework.own_states import require_own_changes
from geo import drafts, places, placewords, publish, rulefile
from geo.lint import Problem, lint_ruleset
from geo.models import Ruleset, RulesetStatus

PAGE = 100  # rules on a page
EARLIER = 30  # published rulesets listed

blueprint = pages("drafts", __name__, "/rules/drafts")


@blueprint.get("/")
def listing() -> ResponseReturnValue:
    """Every draft and proposal, what is planned and in force, and the earlier ones."""
    return _listing({})


@blueprint.post("/copy")
def copy() -> ResponseReturnValue:
    """Start a draft that says what the ruleset `from` says: the one in force, or an earlier one to go back to."""
    session, number = db.session(), request.form.get("from", "")
    if not number.isdecimal() or len(number) > 9:
        return _listing({"copy": ["Choose a ruleset to start from."]}), 422
    draft = drafts.copy(session, publish.find(session, int(number)), by=current_user.username, at=clock.now())
    session.commit()
    flash(f"Draft {draft.id} says what ruleset {number} says. Nothing changes until it is published.", "success")
    return redirect(url_for("drafts.one", draft_id=draft.id), code=303)


@blueprint.post("/load")
def load() -> ResponseReturnValue:
    """Make a draft from a YAML file."""
    session, file = db.session(), request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInput(problem="Choose a file first.")
        text = _text(file.read(rulefile.LONGEST + 1))
        items = list(catalog(session))
        draft = drafts.load_rules(session, text, by=current_user.username, at=clock.now(), items=items)
        require_own_changes(session, draft, in_force(session, clock.today()))
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _listing({"file": [str(refusal)]}), refusal.status
    flash(f"Draft {draft.id} holds the {len(draft.rules)} rules of the file.", "success")
    return redirect(url_for("drafts.one", draft_id=draft.id), code=303)


@blueprint.get(DRAFT)
def one(draft_id: int) -> ResponseReturnValue:
    """A ruleset of any status: its rules, filtered by `?place=`, `?item=` and `?show=`, and what is wrong with them."""
    return _one(draft_id, {}, {})


@blueprint.post(f"{DRAFT}/heading")
def heading(draft_id: int) -> ResponseReturnValue:
    """Give a draft another name and version."""
    session = db.session()
    name, version = (" ".join(request.form.get(field, "").split()) for field in ("name", "version"))
    errors: Errors = {}
    if not 0 < len(name) <= 80:
        errors["name"] = ["Give it a name of at most 80 letters."]
    if not 0 < len(version) <= 20:
        errors["version"] = ["Give it a version of at most 20 letters, such as 2026-11-22."]
    if errors:
        return _one(draft_id, {"name": name, "version": version}, errors), 422
    try:
        draft = locked(session, draft_id)
        drafts.put_heading(session, draft, name=name, version=version, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(draft_id, {"name": name, "version": version}, {"name": [str(refusal)]}), refusal.status
    flash("Saved.", "success")
    return redirect(url_for("drafts.one", draft_id=draft_id), code=303)


@blueprint.get(f"{DRAFT}/export.yaml")
def export(draft_id: int) -> ResponseReturnValue:
    """The file of a ruleset, byte for byte."""
    ruleset = publish.find(db.session(), draft_id)
    headers = {"Content-Disposition": f'attachment; filename="rules-{ruleset.id}.yaml"'}
    return Response(ruleset.text.encode(), content_type="text/yaml; charset=utf-8", headers=headers)


@blueprint.post(f"{DRAFT}/discard")
def discard(draft_id: int) -> ResponseReturnValue:
    """Delete what was never published; the box has to be ticked."""
    session = db.session()
    if request.form.get("sure") != "yes":
        return _one(draft_id, {}, {"sure": ["Tick the box if you mean it. Nothing was deleted."]}), 422
    try:
        draft = locked(session, draft_id)
        require_own_changes(session, draft, in_force(session, clock.today()))
        drafts.discard(session, draft, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(draft_id, {}, {"sure": [str(refusal)]}), refusal.status
    flash(f"Deleted: draft {draft_id}. What is in force stays as it is.", "success")
    return redirect(url_for("drafts.listing"), code=303)


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise drafts.NotText from None


def _listing(errors: Errors) -> str:
    session, today = db.session(), clock.today()
    everything = session.scalars(select(Ruleset).order_by(Ruleset.id.desc())).all()
    published = [ruleset for ruleset in everything if ruleset.publication is not None]
    published.sort(key=lambda ruleset: -(ruleset.publication or 0))
    coming = publish.to_come(session, today)
    live = in_force(session, today)
    earlier = [ruleset for ruleset in published if ruleset is not live and ruleset not in coming]
    return render_template(
        "drafts/listing.html",
        open=[ruleset for ruleset in everything if ruleset.publication is None],
        coming=coming,
        live=live,
        earlier=earlier[:EARLIER],
        errors=errors,
    )


def in_force(session: Session, on: date) -> Ruleset | None:
    """The ruleset in force on a day, or None where there is none yet."""
    try:
        return publish.in_force(session, on)
    except publish.NoRules:
        return None


def _one(draft_id: int, typed: Mapping[str, str], errors: Errors) -> str:
    session = db.session()
    ruleset = publish.find(session, draft_id)
    found = sorted(lint_ruleset(ruleset, clock.today()), key=lambda problem: problem.sort != "fault")
    asked = {name: request.args.get(name, "") for name in ("place", "item", "show")}
    unreviewed = set(publish.unreviewed(session, ruleset, clock.today()))
    rules = _filtered(ruleset, found, unreviewed, **asked)
    page = min(max(request.args.get("page", 1, type=int), 1), max(1, -(-len(rules) // PAGE)))
    return render_template(
        "drafts/one.html",
        ruleset=ruleset,
        rules=rules[(page - 1) * PAGE : page * PAGE],
        count=len(rules),
        page=page,
        pages=-(-len(rules) // PAGE),
        asked=asked,
        faults=[problem for problem in found if problem.sort == "fault"],
        notes=[problem for problem in found if problem.sort != "fault"],
        keys={rule["key"] for rule in ruleset.rules},
        faulty={problem.key for problem in found if problem.sort == "fault"},
        unreviewed=len(unreviewed),
        states=places.states(session),
        items=sorted({item for rule in ruleset.rules for item in rule["items"]}),
        names=placewords.names(session),
        history=_history(session, ruleset),
        editable=ruleset.status == RulesetStatus.DRAFT,
        typed={"name": ruleset.name, "version": ruleset.version} | dict(typed),
        errors=errors,
    )


def _filtered(
    ruleset: Ruleset, found: Sequence[Problem], unreviewed: Collection[str], *, place: str, item: str, show: str
) -> list[dict[str, Any]]:
    """The rules of a state (by the letters its keys begin with, or its place), of an item, and of one sort."""
    faulty = {problem.key for problem in found}
    return [
        rule
        for rule in ruleset.rules
        if (not place or place in (rule["place"], rule["key"][:2]))
        and (not item or item in rule["items"])
        and (show != "unreviewed" or rule["key"] in unreviewed)
        and (show != "problems" or rule["key"] in faulty)
        and (show != "written" or rule["key"] in ruleset.editors)
    ]


def _history(session: Session, ruleset: Ruleset) -> Sequence[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.subject == ruleset.document).order_by(AuditEntry.id.desc())
    return session.scalars(query.limit(50)).all()

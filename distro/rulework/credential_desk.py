"""Staff pages for the papers that let us send: list, add, correct, renew, withdraw."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, get_args

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError, fields, validates_schema
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock
from distro.audit import AuditEntry
from distro.auth import Role, guard
from distro.db import MOST_STORED, db
from distro.errors import Refusal
from distro.rulework.credential_scope import choices, read_paper
from geo import credentials, expiry, placewords, publish
from geo.credential_form import CredentialForm, Fields, day_after, day_field, line_field
from geo.models import Credential
from geo.placewords import Names

PAPER = f"/<int(max={MOST_STORED}):paper>"
SOON = "The public pages follow within seconds."
MET = "conditions:"  # the kind of a paper that says: the conditions of that rule are met
SURE = "Tick the box if you mean it. Nothing was withdrawn."

blueprint = Blueprint("credentials", __name__, url_prefix="/rules/credentials")
guard(blueprint, Role.MANAGER, Role.REVIEWER, Role.ADMIN)

Errors = dict[str, list[str]]


class ChangedMeanwhile(Refusal):
    """Somebody else corrected or renewed the paper between looking and sending."""

    sentence = "Someone else changed this paper meanwhile. Nothing was saved. Open it again and look first."


class PageForm(CredentialForm):
    """On the page, no end has to be said: a day forgotten must not let a paper hold for ever."""

    endless = fields.String(load_default="")

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def one_end(self, _data: Mapping[str, Any], typed: Mapping[str, str], **_: Any) -> None:
        """Either a day or the tick."""
        if bool(typed.get("last_day", "").strip()) == bool(typed.get("endless", "").strip()):
            raise ValidationError("Type its last day, or tick that it does not end: one of the two.", "last_day")


class RenewForm(CredentialForm):
    """A later end, and the number of the new paper."""

    class Meta(CredentialForm.Meta):
        """Only these two of its fields."""

        fields = ("last_day", "number")

    last_day = day_field("Type the last day the new paper holds.")
    number = line_field(80)


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """Every paper, the first to end on top; filtered by `?kind=` and `?state=`."""
    session, today = db.session(), clock.today()
    kind, state = request.args.get("kind", ""), request.args.get("state", "")
    lines = [expiry.line(paper, today) for paper in credentials.every(session)]
    lines.sort(key=lambda line: line.phase == "withdrawn")
    shown = [line for line in lines if kind in ("", line.credential.kind) and state in ("", line.phase)]
    good = {line.credential.kind for line in lines if line.phase in ("in force", "ends soon")}
    missing = {wanted: keys for wanted, keys in _asking(session).items() if wanted not in good}
    return render_template(
        "credentials/listing.html",
        lines=shown,
        scopes=_scopes(session, [line.credential for line in shown]),
        kinds=sorted({line.credential.kind for line in lines}),
        states=get_args(expiry.Phase),
        kind=kind,
        state=state,
        papers={wanted: keys for wanted, keys in missing.items() if not wanted.startswith(MET)},
        conditions={wanted: keys for wanted, keys in missing.items() if wanted.startswith(MET)},
    )


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """The form for a new paper; `?kind=` fills in its kind."""
    typed = {"kind": request.args.get("kind", ""), "valid_from": clock.today().isoformat()}
    return _form_page(None, typed, {})


@blueprint.post("/new")
def add() -> ResponseReturnValue:
    """Record a paper; what cannot be is said by its field, and nothing typed is lost."""
    session, typed = db.session(), _sent()
    try:
        values = read_paper(session, typed, PageForm)
        paper = credentials.record(session, by=current_user.username, at=clock.now(), **values)
        session.commit()
    except ValidationError as error:
        return _form_page(None, typed, dict(error.messages_dict)), 422
    except Refusal as refusal:
        session.rollback()
        return _form_page(None, typed, _by_field(refusal)), refusal.status
    flash(f"Recorded: {paper.title}, {expiry.line(paper, clock.today()).words}. {SOON}", "success")
    return redirect(url_for("credentials.one", paper=paper.id), code=303)


@blueprint.get(PAPER)
def one(paper: int) -> ResponseReturnValue:
    """A paper: what it says, which rules ask for it, its renewal and its history."""
    return _paper_page(paper, {}, {})


@blueprint.get(f"{PAPER}/change")
def correct(paper: int) -> ResponseReturnValue:
    """The form that corrects a paper."""
    session = db.session()
    credential = credentials.find(session, paper)
    return _form_page(credential, _typed(credential, placewords.names(session)), {})


@blueprint.post(f"{PAPER}/change")
def change(paper: int) -> ResponseReturnValue:
    """Correct a paper."""
    session, typed = db.session(), _sent()
    credential = credentials.find(session, paper)
    try:
        values = read_paper(session, typed, PageForm)
        credentials.lock(session, credential)
        if typed.get("seen") != _seen(credential):
            raise ChangedMeanwhile
        changed = credentials.change(session, credential, by=current_user.username, at=clock.now(), **values)
        session.commit()
    except ValidationError as error:
        return _form_page(credential, typed, dict(error.messages_dict)), 422
    except Refusal as refusal:
        session.rollback()
        return _form_page(credential, typed, _by_field(refusal)), refusal.status
    corrected = f"Corrected: {', '.join(_LABELS[name] for name in changed)}. {SOON}"
    flash(corrected if changed else "Nothing differs.", "success")
    return redirect(url_for("credentials.one", paper=paper), code=303)


@blueprint.post(f"{PAPER}/renew")
def renew(paper: int) -> ResponseReturnValue:
    """Record a paper's new end and number."""
    session, typed = db.session(), request.form.to_dict()
    credential = credentials.find(session, paper)
    try:
        values = RenewForm().load(typed)
        end, number = day_after(values["last_day"]) or date.max, values["number"]
        credentials.renew(session, credential, expires_on=end, number=number, by=current_user.username, at=clock.now())
        session.commit()
    except ValidationError as error:
        return _paper_page(paper, typed, dict(error.messages_dict)), 422
    except Refusal as refusal:
        session.rollback()
        return _paper_page(paper, typed, _by_field(refusal)), refusal.status
    flash(f"Renewed: {credential.title}, {expiry.line(credential, clock.today()).words}. {SOON}", "success")
    return redirect(url_for("credentials.one", paper=paper), code=303)


@blueprint.post(f"{PAPER}/withdraw")
def withdraw(paper: int) -> ResponseReturnValue:
    """End a paper now, for good; the box has to be ticked."""
    session = db.session()
    credential = credentials.find(session, paper)
    if request.form.get("sure") != "yes":
        return _paper_page(paper, {}, {"sure": [SURE]}), 422
    try:
        credentials.withdraw(session, credential, on=clock.today(), by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _paper_page(paper, {}, _by_field(refusal)), refusal.status
    flash(f"Withdrawn: {credential.title}. What needs it is not sent any more. {SOON}", "success")
    return redirect(url_for("credentials.one", paper=paper), code=303)


_LABELS = {
    "kind": "kind",
    "title": "title",
    "number": "number",
    "issuer": "issuer",
    "sites": "warehouses",
    "places": "places",
    "items": "items",
    "valid_from": "first day",
    "expires_on": "last day",
    "note": "note",
}


def _form_page(credential: Credential | None, typed: Mapping[str, Any], errors: Errors) -> str:
    session = db.session()
    known = {paper.kind for paper in credentials.every(session)} | set(_asking(session))
    return render_template(
        "credentials/form.html",
        credential=credential,
        typed=typed,
        errors=errors,
        kinds=sorted(known),
        choices=choices(session),
        seen=typed.get("seen") or (_seen(credential) if credential else ""),
    )


def _paper_page(number: int, typed: Mapping[str, str], errors: Errors) -> str:
    session = db.session()
    credential = credentials.find(session, number)
    history = select(AuditEntry).where(AuditEntry.subject == credentials.document(credential))
    return render_template(
        "credentials/one.html",
        line=expiry.line(credential, clock.today()),
        credential=credential,
        theirs=current_user.site_code is None or set(credential.sites) == {current_user.site_code},
        scope=_scopes(session, [credential])[credential.id],
        rules=_asking(session).get(credential.kind, []),
        history=session.scalars(history.order_by(AuditEntry.id.desc())).all(),
        typed=typed,
        errors=errors,
    )


def _scopes(session: Session, papers: list[Credential]) -> dict[int, dict[str, str]]:
    names = placewords.names(session)
    return {paper.id: expiry.scope(paper, names) for paper in papers}


def _asking(session: Session) -> dict[str, list[str]]:
    """Kind -> keys of the rules in force today that ask for it; nothing where no rules are."""
    try:
        rules = publish.in_force(session, clock.today()).rules
    except publish.NoRules:
        return {}
    asking: dict[str, list[str]] = {}
    for rule in rules:
        met = [f"conditions:{rule['key']}"] if rule.get("conditions") else []
        for kind in sorted({kind for kinds in rule.get("credentials") or [] for kind in kinds}) + met:
            asking.setdefault(kind, []).append(rule["key"])
    return dict(sorted(asking.items()))


def _sent() -> dict[str, Any]:
    """What the form sent; its check boxes as lists."""
    return request.form.to_dict() | {name: request.form.getlist(name) for name in ("sites", "items")}


def _typed(credential: Credential, known: Names) -> dict[str, Any]:
    """A paper as its form shows it."""
    typed = {name: getattr(credential, name) for name in Fields.__annotations__}
    shown = {name: value if isinstance(value, list) else str(value or "") for name, value in typed.items()}
    last = str(credentials.last_day(credential) or "")
    return shown | {
        "places": placewords.written(credential.places, known),
        "last_day": last,
        "endless": "" if last else "yes",
    }


def _seen(credential: Credential) -> str:
    """A mark of what the paper says now: another one means that somebody changed it."""
    said = [getattr(credential, name) for name in Fields.__annotations__]
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


def _by_field(refusal: Refusal) -> Errors:
    return {str(refusal.facts.get("field", "")): [str(refusal)]}

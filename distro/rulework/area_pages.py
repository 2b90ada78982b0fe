"""Staff pages for the named areas of a draft: list, add by upload or by codes, draw back on the map, drop."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError
from sqlalchemy.orm import Session

from distro import clock
from distro.db import db
from distro.errors import NotFound, Refusal
from distro.rulework.drafting import DRAFT, AreaChangedMeanwhile, Errors, locked, mark, only_tightens, pages
from distro.rulework.own_states import require_own_area, require_own_place
from geo import areas, drafts, maps, places, placewords, publish
from geo.formwords import plain
from geo.models import RulesetStatus
from geo.placewords import Names
from geo.rulefile import first_said
from geo.rules import AREA_KINDS
from geo.ruleschema import AreaSchema
from geo.shapes import LARGEST, ShapeWrong

CODE = "/<string(maxlength=40):code>"
STATES_DRAWN = 4  # an area in more of them is drawn on the map of the country
KINDS = {
    "district": "Several counties or part of a state. It wins over the state, and a county wins over it.",
    "municipality": "A city or town. It wins over its county and state.",
    "region": "A few streets or ZIP codes. It wins over all others.",
    "enclave": "Land under another law, such as a military base. It only tightens.",
    "restriction": "A place where less is allowed, whoever says so. It only tightens.",
    "tribal": "Tribal land. It only tightens.",
}
EMPTY = {"code": "Give it a short code, such as marion-north.", "name": "Give it a name."}
EMPTY |= {"kind": "Choose a kind."}
TAKEN = "This draft has an area of that code. Choose another, or open that area and change it."
EMPTY |= {"source": "Say where the outline is from.", "source_date": "Say when it was made, such as 2026-11-22."}

blueprint = pages("areas", __name__, f"/rules/drafts{DRAFT}/areas")


@blueprint.get("/")
def listing(draft_id: int) -> ResponseReturnValue:
    """The areas of a ruleset, and the form that adds one."""
    return _listing(draft_id, {}, {})


@blueprint.post("/")
def put(draft_id: int) -> ResponseReturnValue:
    """Add an area, or change the one that `changing` names; what was mended in its shape is said on its page."""
    session, typed = db.session(), request.form.to_dict()
    try:
        draft = locked(session, draft_id)
        if draft.status != RulesetStatus.DRAFT:
            raise publish.NotADraft(id=draft.id, status=draft.status)
        before = _changed(draft.areas, typed)
        area = _read(typed, placewords.names(session), before)
        if before is None and any(each["code"] == area["code"] for each in draft.areas):
            raise ValidationError({"code": [TAKEN]})
        found = drafts.put_area(session, draft, area, by=current_user.username, at=clock.now())
        for each in filter(None, (found, before)):
            require_own_area(session, each)
        session.commit()
    except ValidationError as error:
        session.rollback()
        return _listing(draft_id, typed, dict(error.messages_dict)), 422
    except Refusal as refusal:
        session.rollback()
        field = "shape" if isinstance(refusal, ShapeWrong | areas.OverlayFailed) else ""
        return _listing(draft_id, typed, {field: [str(refusal)]}), refusal.status
    flash(f"Saved: {area['name']}. Check below that it lies where it should.", "success")
    return redirect(url_for("areas.one", draft_id=draft_id, code=area["code"]), code=303)


@blueprint.get(CODE)
def one(draft_id: int, code: str) -> ResponseReturnValue:
    """An area drawn back on the map, with the ZIP codes in it."""
    return _one(draft_id, code, {})


@blueprint.post(f"{CODE}/drop")
def drop(draft_id: int, code: str) -> ResponseReturnValue:
    """Take an area out of the draft, if no rule names it."""
    session = db.session()
    try:
        draft = locked(session, draft_id)
        require_own_place(session, draft, f"area:{code}", f"Area {code}")
        drafts.drop_area(session, draft, code, by=current_user.username, at=clock.now())
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _one(draft_id, code, {"": [str(refusal)]}), refusal.status
    flash(f"Dropped: area {code}.", "success")
    return redirect(url_for("areas.listing", draft_id=draft_id), code=303)


def _changed(known: Sequence[Mapping[str, Any]], typed: Mapping[str, str]) -> Mapping[str, Any] | None:
    """The area that is changed; None for a new one. Raises AreaChangedMeanwhile if it is not what was shown."""
    if not typed.get("changing"):
        return None
    before = next((area for area in known if area["code"] == typed["changing"]), None)
    if before is None or typed.get("seen") != mark(before):
        raise AreaChangedMeanwhile
    return before


def _read(typed: Mapping[str, str], names: Names, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The area that was typed. Raises ValidationError by field, or ShapeWrong.

    Without a new file, an area that is changed keeps its shape.
    """
    errors: Errors = {}
    area: dict[str, Any] = {
        name: " ".join(typed.get(name, "").split()) for name in ("code", "name", "kind", "source", "source_date")
    }
    area["code"] = area["code"].lower().replace(" ", "-")
    area["zips"] = re.findall(r"[^\s,;]+", typed.get("zips", ""))
    area["counties"] = []
    for line in filter(str.strip, re.split(r"[\n;]", typed.get("counties", ""))):
        try:
            area["counties"].append(placewords.read(line, "county", names).removeprefix("county:"))
        except ValidationError as problem:
            errors.setdefault("counties", [first_said(problem.messages)])
    file = request.files.get("shape")
    if before and area["code"] != before["code"]:
        errors["code"] = ["Its code stays, since rules name it by that. For another code, add another area."]
    if file is not None and file.filename:
        area["shape"] = areas.read_shape(file.stream)
    elif before and typed.get("keep_shape"):
        area["shape"] = before.get("shape")
    area = {name: value for name, value in area.items() if value}
    try:
        AreaSchema().load(area)
    except ValidationError as problem:
        for name, told in problem.messages_dict.items():
            sentence = plain(first_said(told))
            errors.setdefault(name, [EMPTY.get(name, sentence) if name not in area else sentence])
    if errors:
        raise ValidationError(dict(errors))
    return area


def _listing(draft_id: int, typed: Mapping[str, str], errors: Errors) -> str:
    session = db.session()
    draft = publish.find(session, draft_id)
    code = typed.get("changing", "") if typed else request.args.get("code", "")
    found = next((area for area in draft.areas if area["code"] == code), None)
    names = placewords.names(session)
    return render_template(
        "drafts/areas.html",
        draft=draft,
        kinds=[(kind, kind) for kind in AREA_KINDS],
        kind_words=KINDS,
        typed=typed or (_typed_of(found, names) if found else {"source_date": clock.today().isoformat()}),
        changing=found,
        seen=typed.get("seen", "") if typed else mark(found or {}),
        keeps=not typed or typed.get("keep_shape") == "yes",
        errors=errors,
        most=LARGEST,
        editable=draft.status == RulesetStatus.DRAFT,
    )


def _typed_of(area: Mapping[str, Any], names: Names) -> dict[str, str]:
    typed = {name: str(area.get(name) or "") for name in ("code", "name", "kind", "source", "source_date")}
    counties = "\n".join(names.counties.get(fips, fips) for fips in area.get("counties") or ())
    return typed | {"zips": ", ".join(area.get("zips") or ()), "counties": counties}


def _one(draft_id: int, code: str, errors: Errors) -> str:
    session = db.session()
    draft = publish.find(session, draft_id)
    area = next((area for area in draft.areas if area["code"] == code), None)
    if area is None:
        raise NotFound(what="area", name=code)
    states = touched(session, area)
    using = [rule for rule in draft.rules if rule["place"] == f"area:{code}"]
    return render_template(
        "drafts/area.html",
        draft=draft,
        area=area,
        counties=[placewords.names(session).counties.get(fips, fips) for fips in area.get("counties") or ()],
        maps=_drawn(session, area, states),
        using=[rule["key"] for rule in using],
        tightening=[rule["key"] for rule in using if only_tightens(draft, rule)],
        kind_words=KINDS[area["kind"]],
        editable=draft.status == RulesetStatus.DRAFT,
        errors=errors,
    )


def touched(session: Session, area: Mapping[str, Any]) -> list[str]:
    """The states in which an area lies, as far as its counties and ZIP codes tell."""
    found = {places.state_of(fips) or "" for fips in area.get("counties") or ()}
    for zip_code in [*(area.get("inside") or ()), *(area.get("partly") or ())][:2_000]:
        found |= set(places.find(session, zip_code).states[:1])
    return sorted(found - {""})


def _drawn(session: Session, area: Mapping[str, Any], states: Sequence[str]) -> list[str]:
    """The area over the counties around it, or on the map of the country; its own counties painted."""
    over = [(area.get("outline") or "", "map-change", str(area["name"]))]
    rows = {row.code: row for row in places.states(session)}
    own, label = set(area.get("counties") or ()), f"{area['name']} and the counties around it"
    counties = [c for code in states if len(states) <= STATES_DRAWN for c in places.counties_of(session, code)]
    paint = {c.fips: maps.Paint("map-change", f"{c.name}: in the area") for c in counties if c.fips in own}
    near = [over[0][0], *(c.outline for c in counties if c.fips in own)]
    drawn = maps.state_map(rows[states[0]], counties, paint, label=label, areas=over, close_to=near) if counties else ""
    whole = f"{area['name']} on the map of the country"
    return [drawn or maps.us_map(rows.values(), {}, label=whole, areas=over)]

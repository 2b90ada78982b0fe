"""The pages on which a group asks for supplies in bulk: in cases, with its plan. A person decides about each.

As with a person's request, what was typed travels in hidden fields, each page checks all that came before it, and what
may be sent to the place is told before anybody is asked for a name. Nothing is stored until the last page.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from distro import clock, languages
from distro.config import current_settings
from distro.db import db
from geo import places
from geo.publish import is_live
from orders import cards, cases, codes, donepage, draft, groupform, intake, pages, retention, signals
from orders.draft import AskAgain, Draft, Errors
from orders.eligibility import Judgement, needed
from orders.intake import Person
from orders.models import Door

PAGES = {"start": "groups", "answer": "groups_answer", "where": "groups_where", "check": "groups_check"}
GROUP = ("organisation", "plan", "email", "phone")  # the fields of a group, on the page with its address
KINDS = (("home", _l("A street address")), ("other", _l("Someone else’s address")), ("box", _l("A PO box")))


def add_to(blueprint: Blueprint) -> None:
    """Put these pages among the others of participants."""
    blueprint.route("/groups", methods=["GET", "POST"])(groups)
    for page, view in (
        ("answer", groups_answer),
        ("where", groups_where),
        ("check", groups_check),
        ("done", groups_done),
    ):
        blueprint.post(f"/groups/{page}")(view)
    blueprint.get("/groups/<any(answer, where, check, done):page>")(groups_begin)


def _asking(view: Callable[[], ResponseReturnValue]) -> Callable[[], ResponseReturnValue]:
    """Let a page of these come again where something is missing."""

    @wraps(view)
    def answered() -> ResponseReturnValue:
        try:
            return view()
        except AskAgain as problem:
            typed = _with_form(Draft.read(request.form))
            status = 422 if problem.errors else 200
            return _show(problem.page, typed, status=status, errors=problem.errors, **problem.facts)

    return answered


def groups() -> ResponseReturnValue:
    """What there is in cases, and to which ZIP code it should go."""
    return _show("start", _with_form(Draft.read(request.form)))


@_asking
def groups_answer() -> ResponseReturnValue:
    """What can be sent there, before anyone says who they are."""
    typed = Draft.read(request.form)
    counted, zip_code = _counted(typed, page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    if typed.typed["state"] not in place.states and not draft.sure_of_state(typed):
        typed.typed["state"] = ""
    return _show("answer", typed, place=place, judgement=_judge(typed, counted, place))


@_asking
def groups_where() -> ResponseReturnValue:
    """The group, its plan, and where the parcel goes."""
    typed = Draft.read(request.form)
    counted, zip_code = _counted(typed, page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    _settle(typed, counted, place)
    return _show("where", typed, place=place)


@_asking
def groups_check() -> ResponseReturnValue:
    """Everything on one page, before it is sent."""
    typed = Draft.read(request.form)
    _check_all(typed)
    return _show("check", typed)


@_asking
def groups_done() -> ResponseReturnValue:
    """Seal and store it, exactly once, and show the code."""
    typed = Draft.read(request.form)
    try:
        nonce = donepage.nonce_of(typed.typed["form"])
    except (codes.FormExpired, codes.FormTampered) as refusal:
        return _form_refused(typed, refusal)
    again = donepage.is_stored(nonce) or not _store(typed, nonce)
    db.session.commit()
    return _done(nonce, again=again)


def groups_begin(page: str) -> ResponseReturnValue:
    """A later page without what was typed: begin at the first."""
    return redirect(url_for(".groups"), 303)


def _store(typed: Draft, nonce: bytes) -> bool:
    settings, now = current_settings(), clock.now()
    counted, group, address, judgement = _check_all(typed)
    reached, _below = draft.read_age(typed)
    person = Person(
        **address,
        **group,
        language=languages.current(),
        at_least=reached,
        county=typed.county,
        **needed(judgement, typed.agreed, cards.done(typed.trained)),
    )
    _nonce, made = codes.peek_form(settings.secret_key, typed.typed["form"])
    seen = signals.flags(trap=request.form.get("more", ""), made=made, now=now, effort=None)
    sealed = intake.seal_request(
        settings,
        nonce=nonce,
        wanted=_units(counted),
        person=person,
        ruleset_id=judgement.ruleset_id,
        decision=judgement.record(),
        flags=[signals.GROUP, *seen],
        door=Door.GROUP,
        now=now,
    )
    return intake.store(db.session(), sealed, secret=settings.secret_key)


def _check_all(typed: Draft) -> tuple[dict[str, int], dict[str, Any], dict[str, Any], Judgement]:
    """Cases, the group, the address, and what the rules say; or AskAgain with the page to go back to."""
    counted, zip_code = _counted(typed, page="where")
    group, address = groupform.check_where(typed)
    place = draft.check_place(db.session(), typed, zip_code, page="where")
    draft.check_doubts(db.session(), typed, place)
    return counted, group, address, _settle(typed, counted, place)


def _counted(typed: Draft, *, page: str) -> tuple[dict[str, int], str]:
    """Cases by item code, and the ZIP code."""
    return draft.check_need(typed, most=cases.most(cases.offered(db.session())), page=page)


def _units(counted: dict[str, int]) -> dict[str, int]:
    return cases.in_units(cases.offered(db.session()), counted)


def _judge(typed: Draft, counted: dict[str, int], place: places.Place) -> Judgement:
    return draft.answer(db.session(), typed, _units(counted), place, clock.now())


def _settle(typed: Draft, counted: dict[str, int], place: places.Place) -> Judgement:
    """The decision, once it leaves no question and no item out; else the answer page comes again."""
    return draft.settle(db.session(), typed, _units(counted), place, clock.now())


def _form_refused(typed: Draft, refusal: codes.FormExpired | codes.FormTampered) -> ResponseReturnValue:
    """A form too old or not ours: the check page with a fresh one."""
    typed.typed["form"] = codes.new_form(current_settings().secret_key, signals.made_again(clock.now()))
    _check_all(typed)
    return _show("check", typed, status=refusal.status, errors={"request": [refusal.sentence]})


def _done(nonce: bytes, *, again: bool) -> ResponseReturnValue:
    return render_template(
        "public/groups_done.html",
        code=codes.claim_code(current_settings().secret_key, nonce, languages.current()),
        again=again,
        after_shipping=retention.KEEP_AFTER_SHIPPING.days,
        after_stopping=retention.KEEP_AFTER_STOPPING.days,
    )


def _show(
    page: str, typed: Draft, *, status: int = 200, errors: Errors | None = None, **facts: Any
) -> ResponseReturnValue:
    return render_template(f"public/{PAGES[page]}.html", **_context(page, typed, errors, **facts)), status


def _context(page: str, typed: Draft, errors: Errors | None, **facts: Any) -> dict[str, Any]:
    """As `pages.context`, with the things in cases."""
    items = [item for item in cases.offered(db.session()) if page == "start" or item.code in typed.wanted]
    chosen = [(item, typed.wanted.get(item.code, "1")) for item in items]
    boxes = [
        {
            "code": item.code,
            "family": item.family,
            "sort": item.kind,
            "name": languages.pick(item.name, item.name_es),
            "detail": languages.pick(item.detail, item.detail_es),
            "per_case": item.case_units,
            "most": item.cases_most,
            "cases": count,
            "units": int(count) * (item.case_units or 0) if count.isdecimal() else 0,
            "chosen": item.code in typed.wanted,
        }
        for item, count in chosen
    ]
    if page == "answer":
        return _answer(typed, boxes, errors, **facts)
    if page == "start":
        kept = typed.carried("item", "zip", "age")
        told = {name: [str(one) for one in found] for name, found in (errors or {}).items()}
        live = bool(boxes) and is_live(db.session())
        return {"typed": typed.typed, "kept": kept, "errors": told, "boxes": boxes, "live": live}
    shown = GROUP if page == "where" else ()
    found = pages.context(page, typed, errors, shown=shown, **facts)
    kind = dict(KINDS).get(typed.typed["kind"] or "home", found["kind"])
    own = {"kinds": KINDS} if page == "where" else {"kind": kind}
    return {**found, **own, "boxes": boxes, "most": groupform.PLAN_MOST}


def _answer(
    typed: Draft, boxes: list[dict[str, Any]], errors: Errors | None, *, place: places.Place, judgement: Judgement
) -> dict[str, Any]:
    in_units = replace(typed, wanted={box["code"]: str(box["units"]) for box in boxes})
    found = pages.context("answer", in_units, errors, place=place, judgement=judgement)
    lawful = found["lawful"]
    only = replace(typed, wanted={code: typed.wanted[code] for code in lawful})
    return {
        **found,
        "boxes": {box["code"]: box for box in boxes},
        "kept": typed.carried("state", "county", "age", "agree"),
        "kept_lawful": only.carried(),
    }


def _with_form(typed: Draft) -> Draft:
    if not typed.typed["form"]:
        typed.typed["form"] = codes.new_form(current_settings().secret_key, clock.now())
    return typed

"""A request by phone or on paper, keyed in by staff for the person who asks.

It goes the way of the public pages: what, where to, and the answer before anybody is asked for a name. What is typed
travels in hidden fields and is sealed as it is sent; it stands in no session, no log and no record, and no page shows
it again. The record has who keyed it, and the order's number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from distro import audit, clock, languages
from distro.auth import Role, guard
from distro.config import Surface, current_settings
from distro.db import db
from geo import places
from orders import cards, codes, donepage, draft, intake, pages, queries
from orders.draft import AskAgain, Draft, Errors
from orders.eligibility import Judgement, needed
from orders.intake import Person
from orders.models import Door

KEYED = "key request"  # the action in the record
DOORS = {Door.PHONE: "By phone", Door.PAPER: "On paper"}
SHOWN = {"start": ("door", "speaks"), "where": ("contact", "email", "phone", "says")}  # besides what the public's show

KINDS = (  # of address, as staff read them
    ("home", "Their home"),
    ("other", "Someone else’s address"),
    ("general", "A post office, where they pick it up (General Delivery)"),
    ("box", "A PO box"),
    ("military", "Military or diplomatic mail (APO, FPO, DPO)"),
)

blueprint = Blueprint("keyed", __name__, url_prefix="/requests")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True)
class Lesson:
    """A training to read out, in the person's language, and the mark that it was done."""

    mark: str
    cards: tuple[tuple[str, tuple[str, ...]], ...]
    questions: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...]


@blueprint.get("/new")
def new() -> ResponseReturnValue:
    """How it came, in which language, what is wanted, and the ZIP code."""
    typed = Draft()
    typed.typed["speaks"] = languages.SOURCE
    return _show("start", typed)


@blueprint.post("/new")
def change() -> ResponseReturnValue:
    """The first page again, with everything kept."""
    return _show("start", Draft.read(request.form))


@blueprint.post("/answer")
def answer() -> ResponseReturnValue:
    """What can be sent there, and what has to be asked first."""
    typed = _read()
    wanted, zip_code = _wanted(typed, page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    if typed.typed["state"] not in place.states and not draft.sure_of_state(typed):
        typed.typed["state"] = ""
    judgement = draft.answer(db.session(), typed, wanted, place, clock.now())
    return _show("answer", typed, place=place, judgement=judgement)


@blueprint.post("/where")
def where() -> ResponseReturnValue:
    """The name and address for the label, and whether we may write."""
    typed = _read()
    wanted, zip_code = _wanted(typed, page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    draft.settle(db.session(), typed, wanted, place, clock.now())
    return _show("where", typed, place=place)


@blueprint.post("/check")
def check() -> ResponseReturnValue:
    """Everything on one page, to read out before it is sent."""
    typed = _read()
    _check_all(typed)
    return _show("check", typed)


@blueprint.post("/done")
def done() -> ResponseReturnValue:
    """Seal and store it, exactly once, and show the code to read out. Nothing of what was typed."""
    typed = _read()
    try:
        nonce = donepage.nonce_of(typed.typed["form"])
    except (codes.FormExpired, codes.FormTampered) as refusal:
        return _form_refused(typed, refusal)
    again = donepage.is_stored(nonce) or not _store(typed, nonce)
    db.session.commit()
    return _done(typed, nonce, again=again)


@blueprint.errorhandler(AskAgain)
def _ask_again(problem: AskAgain) -> ResponseReturnValue:
    page = "where" if problem.page == "contact" else problem.page
    typed = Draft.read(request.form)
    return _show(page, typed, 422 if problem.errors else 200, problem.errors, **problem.facts)


def _read() -> Draft:
    """What was typed; or AskAgain with the first page, if it does not say how it came or in which language."""
    typed, errors = Draft.read(request.form), {}
    if typed.typed["door"] not in DOORS:
        errors["door"] = ["Choose how it came."]
    if typed.typed["speaks"] not in languages.codes():
        errors["speaks"] = ["Choose the language of the person."]
    if errors:
        raise AskAgain("start", errors)
    return typed


def _wanted(typed: Draft, *, page: str) -> tuple[dict[str, int], str]:
    return draft.check_need(typed, items=draft.requestable(db.session()), page=page)


def _check_all(typed: Draft) -> tuple[dict[str, int], dict[str, Any], Judgement]:
    """What is wanted, the person as far as it was typed, and what the rules say; or AskAgain."""
    wanted, zip_code = _wanted(typed, page="where")
    person: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for ask in (draft.check_address, draft.check_contact):
        try:
            person.update(ask(typed))
        except AskAgain as problem:
            errors.update(problem.errors)
    if errors:
        raise AskAgain("where", errors)
    place = draft.check_place(db.session(), typed, zip_code, page="where")
    draft.check_doubts(db.session(), typed, place)
    return wanted, person, draft.settle(db.session(), typed, wanted, place, clock.now())


def _store(typed: Draft, nonce: bytes) -> bool:
    """Whether it was stored, which the record then says; False if its form was stored before."""
    session, settings, now = db.session(), current_settings(), clock.now()
    wanted, known, judgement = _check_all(typed)
    reached, _below = draft.read_age(typed)
    person = Person(
        **known,
        language=typed.typed["speaks"],
        at_least=reached,
        county=typed.county,
        **needed(judgement, typed.agreed, cards.done(typed.trained)),
        substitutes=tuple(draft.other_kinds(session, typed)),
    )
    door = Door(typed.typed["door"])
    sealed = intake.seal_request(
        settings,
        nonce=nonce,
        wanted=wanted,
        person=person,
        ruleset_id=judgement.ruleset_id,
        decision=judgement.record(),
        door=door,
        now=now,
    )
    if not intake.store(session, sealed, secret=settings.secret_key):
        return False
    order = queries.by_form(session, settings.secret_key, nonce)
    audit.record(
        session, actor=current_user.username, action=KEYED, subject=order.document, reason=DOORS[door].lower(), at=now
    )
    return True


def _form_refused(typed: Draft, refusal: codes.FormExpired | codes.FormTampered) -> ResponseReturnValue:
    """A form too old or not ours: the check page with a fresh one."""
    typed.typed["form"] = codes.new_form(current_settings().secret_key, clock.now())
    _check_all(typed)
    return _show("check", typed, refusal.status, {"request": [refusal.sentence]})


def _done(typed: Draft, nonce: bytes, *, again: bool) -> ResponseReturnValue:
    """The code, what to read out, and a card for a reply on paper, all in the person's language."""
    language = typed.typed["speaks"]
    code = codes.claim_code(current_settings().secret_key, nonce, language)
    with languages.speaking(language):
        said = {
            "code": code,
            "read": _(
                "Your code is: %(code)s. Please write it down. It is the only way back to your request.", code=code
            ),
            "title": _("Your request"),
            "label": _("Your code"),
            "use": _("With this code you can see how your request is doing, change it, or erase your address."),
            "keep": _("Keep this card in a safe place. Whoever has the code can do the same."),
        }
    facts = {"address": _status_address(language), "language": language, "again": again, "door": typed.typed["door"]}
    return render_template("keyed/done.html", said=said, **facts)


def _status_address(language: str) -> str:
    """Where a code is typed in, in a language; empty where this machine does not know the address of those pages."""
    settings = current_settings()
    home = settings.public_url or (request.host_url.rstrip("/") if settings.surface is Surface.ALL else "")
    prefix = "" if language == languages.SOURCE else f"/{language}"
    return f"{home}{prefix}/status" if home else ""


def _show(
    page: str, typed: Draft, status: int = 200, errors: Errors | None = None, **facts: Any
) -> ResponseReturnValue:
    if not typed.typed["form"]:
        typed.typed["form"] = codes.new_form(current_settings().secret_key, clock.now())
    context = pages.context(page, typed, errors, shown=SHOWN.get(page, ()), **facts)
    context |= {"doors": DOORS, "spoken": languages.spoken_by(current_app)}
    context |= {"kinds": KINDS, "kind_words": dict(KINDS)}
    if page == "answer":
        context |= _to_read_out(typed, facts["judgement"], facts["place"])
    return render_template(f"keyed/{page}.html", **context), status


def _to_read_out(typed: Draft, judgement: Judgement, place: places.Place) -> Mapping[str, Any]:
    """Statements and trainings, as the person has to hear them."""
    with languages.speaking(typed.typed["speaks"]):
        statements = [(each.key, languages.pick(each.text, each.text_es)) for each in draft.statements(judgement)]
        lessons = [_lesson(key) for key in draft.trainings(typed, judgement)]
    return {"statements": statements, "lessons": lessons, "several": len(place.states) > 1}


def _lesson(key: str) -> Lesson:
    training = cards.deck().trainings[key]
    return Lesson(
        mark=cards.mark(key),
        cards=tuple((str(card.title), tuple(str(line.text) for line in card.lines)) for card in training.cards),
        questions=tuple(
            (str(one.text), tuple((str(choice.text), choice.right) for choice in one.choices))
            for one in training.questions
        ),
    )

"""The pages of a participant's request, from start to claim code. No cookie, no script, no session.

What was typed travels in hidden fields from page to page. Each page checks all that came before it, so it does not
matter which way someone got there. Nothing is stored until the last one.

Length: the pages of one request, and every address of the participants' side, are looked for in one place.
"""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from distro import clock, languages
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal, Unavailable
from geo import places
from geo.nearest import arrange, shipped
from geo.publish import NoRules, is_live
from inventory.models import Item
from orders import (
    again_pages,
    cards,
    code_pages,
    codes,
    donepage,
    draft,
    effort,
    group_pages,
    intake,
    links,
    lookup,
    pages,
    reading_pages,
    retention,
    signals,
    spool,
    voice_pages,
    voices,
    wish_pages,
    wishes,
)
from orders.draft import AskAgain, Draft
from orders.eligibility import Judgement, needed
from orders.intake import Person, SealedRequest

AWAY = (DatabaseError, InterfaceError, PoolExhausted)  # the database is locked, full, damaged, read-only or gone
NEVER_FITS = (DataError, IntegrityError)  # of those, what would not be stored later either
# The views here that store something.
WRITES = ("done", "groups_done", "again", "cancel", "erase", "correct", "lost", "message", "tell", "reversal", "voice")

blueprint = Blueprint("public", __name__)


class NotOpenYet(Refusal):
    """There is nothing to ask for, or no rules are live."""

    status = 503
    sentence = _l("We cannot take requests yet. Please come back later.")


class CannotAnswer(Refusal):
    """No page can be made now, because the database or the rules are away."""

    status = 503
    sentence = _l("We cannot open this page just now. Nothing is lost. Please try again in a few minutes.")


@blueprint.get("/")
@blueprint.get("/v/<via>")
def start(via: str = "") -> ResponseReturnValue:
    """What we send, and the two questions that need no name: what, and to which ZIP code. `via`: a link's code."""
    if not (is_live(db.session()) and draft.requestable(db.session())):
        raise NotOpenYet
    typed = _with_form(Draft())
    typed.typed["via"] = links.clean(via)
    return pages.show("start", typed)


@blueprint.post("/")
def change_need() -> ResponseReturnValue:
    """The first page again, with everything kept."""
    return pages.show("start", _with_form(Draft.read(request.form)))


@blueprint.post("/answer")
def answer() -> ResponseReturnValue:
    """What can be sent there, item by item, before anyone says who they are."""
    typed = Draft.read(request.form)
    wanted, zip_code = draft.check_need(typed, items=_items(), page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    if typed.typed["state"] not in place.states and not draft.sure_of_state(typed):
        typed.typed["state"] = ""
    return pages.show("answer", typed, place=place, judgement=_judge(typed, wanted, place))


@blueprint.post("/where")
def where() -> ResponseReturnValue:
    """The name and address for the label."""
    typed = Draft.read(request.form)
    wanted, zip_code = draft.check_need(typed, items=_items(), page="start")
    place = draft.check_place(db.session(), typed, zip_code, page="start")
    _settle(typed, wanted, place)
    return pages.show("where", typed, place=place)


@blueprint.post("/contact")
def contact() -> ResponseReturnValue:
    """Whether we may write or call."""
    typed = Draft.read(request.form)
    _check_so_far(typed)
    return pages.show("contact", typed)


@blueprint.post("/check")
def check() -> ResponseReturnValue:
    """Everything on one page, before it is sent."""
    typed = Draft.read(request.form)
    _check_so_far(typed)
    draft.check_contact(typed)
    return pages.show("check", typed)


@blueprint.post("/done")
def done() -> ResponseReturnValue:
    """Seal and store the request, exactly once, and show the claim code."""
    typed, settings = Draft.read(request.form), current_settings()
    try:
        nonce = donepage.nonce_of(typed.typed["form"])
    except (codes.FormExpired, codes.FormTampered) as refusal:
        return _form_refused(typed, refusal)
    try:
        again = donepage.is_stored(nonce)
        if not again:
            again = not intake.store(db.session(), _sealed(typed, nonce), secret=settings.secret_key)
        db.session.commit()
        stored = True
    except NEVER_FITS:
        raise
    except AWAY:
        db.session.rollback()
        again = not spool.keep(settings.spool, _sealed(typed, nonce, tables=False))
        stored = False
    return _show_code(nonce, typed, again=again, tables=stored)


@blueprint.get("/answer")
@blueprint.get("/where")
@blueprint.get("/contact")
@blueprint.get("/check")
@blueprint.get("/done")
@blueprint.get("/tell")
def begin() -> ResponseReturnValue:
    """A page of the request without what was typed: begin at the start."""
    return redirect(url_for(".start"), 303)


@blueprint.get("/privacy")
def privacy() -> ResponseReturnValue:
    """What is kept, who sees it, and when it is erased."""
    return render_template(
        "public/privacy.html",
        after_shipping=retention.KEEP_AFTER_SHIPPING.days,
        after_stopping=retention.KEEP_AFTER_STOPPING.days,
        open_most=retention.OPEN_MOST.days,
        weeks_in_backups=retention.WEEKS_IN_BACKUPS,
        wishes_kept=wishes.KEPT.days,
        voices_kept=voices.KEPT.days,
    )


@blueprint.get("/leave")
def leave() -> ResponseReturnValue:
    """Away to a page about the weather; the browser is told to forget this site's pages."""
    response = redirect(current_settings().leave_url, 303)
    # Not "cookies": these pages set none, and it would sign out staff, and people at other sites of this domain.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


group_pages.add_to(blueprint)
blueprint.get("/cards")(reading_pages.cards)
blueprint.get("/cards/<name>")(reading_pages.card)
blueprint.get("/cards.pdf")(reading_pages.cards_pdf)
blueprint.route("/law", methods=["GET", "POST"])(reading_pages.law)
blueprint.route("/learn", methods=["GET", "POST"])(reading_pages.learn)
blueprint.get("/safety")(reading_pages.safety)
blueprint.get("/status")(lookup.ask)
blueprint.post("/tell")(wish_pages.tell)
blueprint.route("/told", methods=["GET", "POST"])(voice_pages.reversal)
blueprint.route("/voice", methods=["GET", "POST"])(voice_pages.voice)
blueprint.get("/again")(lookup.need_code)
blueprint.get("/cancel")(lookup.need_code)
blueprint.get("/correct")(lookup.need_code)
blueprint.get("/erase")(lookup.need_code)
blueprint.get("/lost")(lookup.need_code)
blueprint.get("/message")(lookup.need_code)
blueprint.post("/status")(lookup.status)
blueprint.post("/again")(again_pages.again)
blueprint.post("/cancel")(code_pages.cancel)
blueprint.post("/correct")(code_pages.correct)
blueprint.post("/erase")(code_pages.erase)
blueprint.post("/lost")(code_pages.lost)
blueprint.post("/message")(code_pages.message)


@blueprint.errorhandler(AskAgain)
def _ask_again(problem: AskAgain) -> ResponseReturnValue:
    typed = Draft.read(request.form)
    status = 422 if problem.errors else 200
    try:
        return pages.show(problem.page, _with_form(typed), status=status, errors=problem.errors, **problem.facts)
    except AWAY as away:
        return _try_later(away)


@blueprint.errorhandler(NoRules)
@blueprint.errorhandler(Unavailable)
@blueprint.errorhandler(DatabaseError)
@blueprint.errorhandler(InterfaceError)
@blueprint.errorhandler(PoolExhausted)
def _try_later(problem: Exception) -> ResponseReturnValue:
    """Nothing can be done now: say so, and keep everything typed for another try."""
    db.session.rollback()
    sentence = str(problem if isinstance(problem, Unavailable) else CannotAnswer())
    names = ("code", "yes", "things", "effort", "more", "text", "wish", "tell", "month", "people", *wish_pages.FIELDS)
    besides = [(name, request.form[name]) for name in names if name in request.form]
    kept = Draft.read(request.form).carried() + besides
    help = arrange(shipped(), state=request.form.get("state", ""))  # from no table, since none may answer
    return render_template("public/again.html", sentence=sentence, kept=kept, help=help), 503


@blueprint.before_request
def _only_reads() -> None:
    """Most forms here only look things up, so on SQLite they need not wait for writers."""
    g.only_reads = (request.endpoint or "").rpartition(".")[2] not in WRITES


def _check_so_far(typed: Draft, *, tables: bool = True) -> tuple[dict[str, int], dict[str, Any], Judgement | None]:
    """What is wanted, the address, and what the rules say; or AskAgain with the page to go back to.

    Without `tables` nothing is looked up; triage decides it later.
    """
    wanted, zip_code = draft.check_need(typed, items=_items() if tables else None, page="where")
    address = draft.check_address(typed)
    if not tables:
        return wanted, address, None
    place = draft.check_place(db.session(), typed, zip_code, page="where")
    draft.check_doubts(db.session(), typed, place)
    return wanted, address, _settle(typed, wanted, place)


def _settle(typed: Draft, wanted: dict[str, int], place: places.Place) -> Judgement:
    """The decision, once it leaves no question and no item out; else the answer page comes again."""
    return draft.settle(db.session(), typed, wanted, place, clock.now())


def _judge(typed: Draft, wanted: dict[str, int], place: places.Place) -> Judgement:
    return draft.answer(db.session(), typed, wanted, place, clock.now())


def _sealed(typed: Draft, nonce: bytes, *, tables: bool = True) -> SealedRequest:
    wanted, address, judgement = _check_so_far(typed, tables=tables)
    reached, _below = draft.read_age(typed)
    person = Person(
        **address,
        **draft.check_contact(typed),
        language=languages.current(),
        at_least=reached,
        county=typed.county,
        **needed(judgement, typed.agreed, cards.done(typed.trained)),
        substitutes=tuple(draft.other_kinds(db.session(), typed)) if tables else typed.takes,
    )
    return intake.seal_request(
        current_settings(),
        nonce=nonce,
        wanted=wanted,
        person=person,
        ruleset_id=judgement.ruleset_id if judgement else None,
        decision=judgement.record() if judgement else None,
        flags=_flags(typed.typed["form"]),
        via=links.open_code(db.session(), typed.typed["via"]) if tables else links.clean(typed.typed["via"]),
        now=clock.now(),
    )


def _flags(form: str) -> list[str]:
    """What makes a person look first. The answer is the same as everybody's, and the request is taken."""
    settings = current_settings()
    _nonce, made = codes.peek_form(settings.secret_key, form)
    bits, answer = settings.effort_bits, request.form.get("effort", "")
    return signals.flags(
        trap=request.form.get("more", ""),
        made=made,
        now=clock.now(),
        effort=effort.is_solved(form, answer, bits) if bits else None,
    )


def _form_refused(typed: Draft, refusal: Refusal) -> ResponseReturnValue:
    """A form too old or not ours: the check page with a fresh one."""
    typed.typed["form"] = ""
    if isinstance(refusal, codes.FormExpired):
        typed.typed["form"] = codes.new_form(current_settings().secret_key, signals.made_again(clock.now()))
    _check_so_far(typed)
    draft.check_contact(typed)
    return pages.show("check", _with_form(typed), status=refusal.status, errors={"request": [str(refusal)]})


def _show_code(nonce: bytes, typed: Draft, *, again: bool, tables: bool = True) -> ResponseReturnValue:
    lines, state = pages.help_near(typed, tables=tables), typed.typed["state"]
    return donepage.show(
        nonce, again=again, state=state, wanted=typed.wanted, takes=typed.takes, help=lines, tables=tables
    )


def _with_form(typed: Draft) -> Draft:
    if not typed.typed["form"]:
        typed.typed["form"] = codes.new_form(current_settings().secret_key, clock.now())
    return typed


def _items() -> Sequence[Item]:
    return draft.requestable(db.session())

"""Asking again with the code of an earlier request: the same things, or others, to the same name and address.

Three pages and one thing to type: the code, this one, the new code. This machine can read neither the old address nor
what was asked for; it seals a mark that stands for them, and the scheduler fills it in (`orders.again`).
"""

from collections.abc import Sequence

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from distro.languages import current, pick
from geo.referrals import nearest_help
from geo.rules import Effect
from orders import choices, codes, donepage, draft, instructions, intake, statewide
from orders.draft import AskAgain, Draft, Errors
from orders.intake import Person
from orders.lookup import TooManyTries, find, refused, typed_code
from orders.models import FINAL, Door, Order

SAME, OTHER = "same", "other"
REST = "rest"  # the answer to what the rules do not let us send: only what is left


def again() -> ResponseReturnValue:
    """What to send again; and with `yes`, seal and store it, exactly once, and show the new code."""
    typed, settings = Draft.read(request.form), current_settings()
    nonce, problem = _read_form(typed) if "yes" in request.form else (b"", None)
    if nonce and donepage.is_stored(nonce):
        return _show(nonce, typed, sent_again=True)
    try:
        order = find(typed_code())
    except (codes.CodeUnknown, TooManyTries) as refusal:
        return refused(refusal)
    if order is None or order.status not in FINAL:
        state = order.state if order else None
        lines = nearest_help(db.session(), state=state)
        return render_template("public/still_open.html", code=typed_code(), help=lines)
    instructions.require_kept(db.session(), order)
    if problem or not nonce:
        return _page(typed, {"again": [problem.sentence]} if problem else {})
    try:
        wanted = _lawful(order.state, _wanted(typed))
    except AskAgain as asked:
        return _page(typed, asked.errors, **asked.facts)
    request_ = intake.seal_request(
        settings,
        nonce=nonce,
        wanted=wanted,
        person=_person(order, typed),
        ruleset_id=None,
        decision=None,
        door=Door.AGAIN,
        now=clock.now(),
    )
    stored = intake.store(db.session(), request_, secret=settings.secret_key)
    db.session.commit()
    return _show(nonce, typed, sent_again=not stored)


def _read_form(typed: Draft) -> tuple[bytes, Refusal | None]:
    """The nonce of the form, or why it cannot be taken; then the page comes again with a fresh one."""
    try:
        return donepage.nonce_of(typed.typed["form"]), None
    except (codes.FormExpired, codes.FormTampered) as refusal:
        typed.typed["form"] = ""
        return b"", refusal


def _wanted(typed: Draft) -> dict[str, int]:
    """Other things by item code, as they were chosen; nothing for the same ones. Raises AskAgain."""
    if request.form.get("things") != OTHER:
        return {}
    return draft.check_things(typed, items=draft.requestable(db.session()), page="again")


def _lawful(state: str, wanted: dict[str, int]) -> dict[str, int]:
    """What the rules of the state let us send, if that is all of it, or all that they want (`REST`); else AskAgain."""
    if not wanted:
        return wanted
    session, now = db.session(), clock.now()
    found = statewide.judgement(session, state, wanted, now)
    barred, to_ask = found.items(Effect.DENY), statewide.to_ask(found)
    rest = {code: units for code, units in wanted.items() if code not in (*barred, *to_ask)}
    if rest == wanted or (rest and request.form.get("yes") == REST):
        return rest
    names = {item.code: pick(item.name, item.name_es) for item in draft.requestable(session)}
    why = {code: found.by_item[code].reasons[0] for code in barred}
    problems = [f"{names[code]}: {pick(one.sentence, one.sentence_es)}" for code, one in why.items()]
    problems += [_("%(item)s: we have to ask you something first.", item=names[code]) for code in to_ask]
    raise AskAgain("again", {"wanted": problems}, rest=[names[code] for code in rest], asks=bool(to_ask))


def _person(order: Order, typed: Draft) -> Person:
    """Who stands for the person of the earlier request until it is filled in."""
    token = codes.change_token(*codes.meant(current_settings().secrets, typed_code(), order.code_tag))
    return Person(
        name="",
        line1="",
        line2="",
        city="",
        state=order.state,
        zip="",
        language=current(),
        substitutes=tuple(draft.other_kinds(db.session(), typed)),
        again=f"{order.number}:{token.hex()}",
    )


def _page(typed: Draft, errors: Errors, *, rest: Sequence[str] = (), asks: bool = False) -> ResponseReturnValue:
    items = draft.requestable(db.session())
    form = typed.typed["form"] or codes.new_form(current_settings().secret_key, clock.now())
    page = render_template(
        "public/once_more.html",
        code=typed_code(),
        form=form,
        other=request.form.get("things") == OTHER,
        rest=rest,
        asks=asks,
        typed=typed.typed,
        things=choices.choices(db.session(), items, typed.wanted, clock.today(), takes=typed.takes),
        errors={name: [str(sentence) for sentence in found] for name, found in errors.items()},
    )
    return page, 422 if errors else 200


def _show(nonce: bytes, typed: Draft, *, sent_again: bool) -> ResponseReturnValue:
    """The new code. What is said of it rests on the form and on what is stored, so it is the same each time."""
    state = donepage.state_of(nonce)
    same = request.form.get("things") != OTHER
    try:
        wanted = _lawful(state, _wanted(typed))
    except AskAgain:  # changed since; the first one counts
        wanted, same = {}, True
    lines = nearest_help(db.session(), state=state or None)
    takes = () if same else typed.takes
    return donepage.show(nonce, again=sent_again, state=state, wanted=wanted, takes=takes, help=lines, unknown=same)

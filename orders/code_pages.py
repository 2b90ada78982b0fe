"""What can be done with a code: cancel, correct the address, say that it never came, erase, write to the program.

Each page asks before it does anything. What is wanted is written down here, sealed where it says who or where, and done
by the scheduler (`orders.following`), since this machine may change nothing.
"""

from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo.referrals import nearest_help
from geo.rules import Effect
from orders import choices, codes, draft, instructions, pages, resend, retention, words
from orders.draft import AskAgain, Draft
from orders.instructions import CANCEL, CORRECT, ERASE, LOST, MESSAGE
from orders.lookup import StillStored, TooManyTries, find, refused, typed_code
from orders.models import FINAL, Order
from orders.words import Words

LETTERS_MOST = 1_000  # signs in one message
_NO_FORM = (codes.FormExpired, codes.FormTampered)


class TooLate(Refusal):
    """The label is printed; the package leaves, and needs its address until then."""

    sentence = _l("It is too late to change this one. The package is ready for the mail. Please look again tomorrow.")


class NotYet(Refusal):
    """A parcel is not missed yet, or was before."""

    sentence = _l("Please give the mail a little more time. You can tell us once it has been on its way for 10 days.")


_NO_ORDER = (codes.CodeUnknown, TooManyTries, StillStored)


def cancel() -> ResponseReturnValue:
    """Stop a request, after asking whether that is meant."""
    return _change(CANCEL)


def erase() -> ResponseReturnValue:
    """Erase the address, after asking whether that is meant."""
    return _change(ERASE)


def lost() -> ResponseReturnValue:
    """Say that it never came, after a few words on where it may be."""
    return _change(LOST)


def correct() -> ResponseReturnValue:
    """Another address for a request without a label. What we have is not shown: this machine cannot open it."""
    try:
        order = _found(CORRECT)
    except _NO_ORDER as refusal:
        return refused(refusal)
    if not instructions.may(order, CORRECT):
        raise TooLate
    typed, settings = Draft.read(request.form), current_settings()
    if "yes" not in request.form:
        typed.typed["form"] = typed.typed["form"] or codes.new_form(settings.secret_key, clock.now())
        return pages.show("correct", typed)
    try:
        address = draft.check_address(typed)
        _check_place(typed, address["zip"], address["state"], order)
    except AskAgain as problem:
        raise AskAgain("correct", problem.errors, **problem.facts) from None
    try:
        return _done(order, CORRECT, _sealed(CORRECT, address))
    except _NO_FORM as refusal:
        typed.typed["form"] = codes.new_form(settings.secret_key, clock.now())
        return pages.show("correct", typed, status=refusal.status, errors={"request": [str(refusal)]})


def message() -> ResponseReturnValue:
    """A few words to the program."""
    try:
        order = _found(MESSAGE)
    except _NO_ORDER as refusal:
        return refused(refusal)
    text = request.form.get("text", "").replace("\r\n", "\n").strip()
    if "yes" not in request.form:
        return _message_page(text)
    if not text:
        return _message_page(text, _("Please write your message first.")), 422
    if len(text) > LETTERS_MOST:
        most, count = f"{LETTERS_MOST:,}", f"{len(text):,}"
        problem = _("Please use at most %(most)s letters. Now it has %(count)s.", most=most, count=count)
        return _message_page(text, problem), 422
    try:
        return _done(order, MESSAGE, _sealed(MESSAGE, {"text": text}))
    except _NO_FORM as refusal:
        return _message_page(text, str(refusal), anew=True), refusal.status


def _change(what: str) -> ResponseReturnValue:
    try:
        order = _found(what)
    except _NO_ORDER as refusal:
        return refused(refusal)
    if what == LOST and not resend.may_tell(order, clock.today()):
        raise NotYet
    if "yes" not in request.form:
        days = retention.KEEP_AFTER_STOPPING.days
        return render_template(
            f"public/{what}.html",
            code=typed_code(),
            is_open=order.status not in FINAL,
            after_stopping=days,
            help=nearest_help(db.session(), state=order.state),
        )
    if not instructions.may(order, what):
        raise TooLate
    return _done(order, what)


def _done(order: Order, what: str, said: Words | None = None) -> ResponseReturnValue:
    """Write down what is wanted, and say that it is under way."""
    session, settings = db.session(), current_settings()
    lines = nearest_help(session, state=order.state)
    token = codes.change_token(*codes.meant(settings.secrets, typed_code(), order.code_tag))
    instructions.ask(session, order, what, token, at=clock.now(), said=said, secret=settings.secret_key)
    session.commit()
    days = retention.KEEP_AFTER_STOPPING.days
    return render_template("public/changed.html", what=what, code=typed_code(), after_stopping=days, help=lines)


def _found(what: str) -> Order:
    """The order of the code typed. One that is still in the spool can be changed once it is stored, and of one that is
    about to be erased nothing else can be wanted."""
    order = find(typed_code())
    if order is None:
        raise StillStored
    if what != ERASE:
        instructions.require_kept(db.session(), order)
    return order


def _sealed(kind: str, said: dict[str, Any]) -> Words:
    """What a form says, once however often it is sent. Raises FormExpired or FormTampered."""
    settings = current_settings()
    nonce = codes.read_form(settings.secret_key, request.form.get("form", ""), clock.now())
    uid = words.uid_of(settings.secret_key, kind, nonce)
    return words.seal(settings, uid, said, clock.today())


def _check_place(typed: Draft, zip_code: str, state: str, order: Order) -> None:
    """What looks odd is asked about once, and so is another state, where the rules may say no to some of it.

    This machine does not know what was asked for; triage decides it anyway.
    """
    session = db.session()
    place = draft.check_place(session, typed, zip_code, page="correct")
    draft.check_doubts(session, typed, place)
    mark = f"barred:{state}:{place.zip}"
    if state == order.state or mark in typed.typed["sure"].split():
        return
    items = {item.code: item for item in draft.requestable(session)}
    every = dict.fromkeys(items, 1)
    judgement = draft.answer(session, Draft(typed.typed, dict.fromkeys(items, "1")), every, place, clock.now())
    denied = judgement.items(Effect.DENY)
    if len(denied) == len(items):
        raise AskAgain("correct", {"zip": [_l("We cannot send anything to that place. Please give another address.")]})
    barred = choices.named(items.values(), denied)
    if barred:
        problem = _l(
            "We may not send some things there. If you asked for one of them, nothing can go there. If not, press the "
            "button once more. They are: %(items)s",
            items=", ".join(barred),
        )
        sure = f"{typed.typed['sure']} {mark}".strip()
        raise AskAgain("correct", {"request": [problem]}, sure=sure, doubted=True)


def _message_page(text: str, problem: str = "", *, anew: bool = False) -> str:
    form = ("" if anew else request.form.get("form", "")) or codes.new_form(current_settings().secret_key, clock.now())
    return render_template(
        "public/message.html",
        code=typed_code(),
        form=form,
        text=text,
        most=LETTERS_MOST,
        errors={"text": [problem]} if problem else {},
    )

"""“Tell me when”: someone who left a safe way to be reached wants to hear when a thing can be sent to them.

What they leave is kept by `orders.wishes`.
"""

from typing import Any

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from marshmallow import ValidationError

from distro import clock, languages
from distro.config import current_settings
from distro.db import db
from geo.places import Place
from geo.referrals import nearest_help
from geo.rules import Effect
from inventory.models import Item
from orders import codes, draft, instead, wishes
from orders.draft import AskAgain, Draft, Errors
from orders.schemas import ContactSchema

FIELDS = {"by": "contact", "by-email": "email", "by-phone": "phone", "by-says": "says"}  # as on the page of a request


def tell() -> ResponseReturnValue:
    """How to reach them, and then a word of thanks. What was typed of the request is carried along."""
    typed, session, settings = Draft.read(request.form), db.session(), current_settings()
    items = {item.code: item for item in draft.requestable(session)}
    item = items.get(request.form.get("wish", ""))
    if item is None:
        return redirect(url_for(".start"), 303)
    wanted, zip_code = draft.check_need(typed, items=list(items.values()), page="start")
    place = draft.check_place(session, typed, zip_code, page="start")
    if _never_goes(typed, item, place) or _can_be_asked_for(typed, item, place):  # the law says no, or it has come
        raise AskAgain("answer", place=place, judgement=draft.answer(session, typed, wanted, place, clock.now()))
    if "tell" not in request.form:
        return _show(typed, item, place)
    try:
        contact = _contact()
        nonce, _made = codes.peek_form(settings.secret_key, typed.typed["form"])
    except ValidationError as problem:
        return _show(typed, item, place, _by_field(problem))
    except codes.FormTampered as refusal:
        typed.typed["form"] = codes.new_form(settings.secret_key, clock.now())
        return _show(typed, item, place, {"by": [str(refusal)]})
    where = {"state": _state(typed, place), "zip_code": place.zip}
    language, today = languages.current(), clock.today()
    wishes.ask(session, settings, nonce=nonce, item=item, contact=contact, language=language, today=today, **where)
    session.commit()
    return _show(typed, item, place, stored=True)


def _never_goes(typed: Draft, item: Item, place: Place) -> bool:
    """Whether no stock would help: the answer page offers no message then."""
    judgement = draft.answer(db.session(), typed, {item.code: 1}, place, clock.now())
    return item.code in judgement.items(Effect.DENY)


def _can_be_asked_for(typed: Draft, item: Item, place: Place) -> bool:
    """Whether one unit of it can be asked for now, as the answer page says it."""
    least, _below = draft.read_age(typed)
    on = clock.day_at(clock.now(), place.zone)
    facts, today = typed.facts(place, least), clock.today()
    return item.code in instead.ready(db.session(), place, facts, [item.code], on=on, today=today)


def _contact() -> dict[str, Any]:
    """The way they chose. Raises ValidationError, with the fields as the schema names them."""
    contact: dict[str, Any] = ContactSchema().load(
        {name: request.form.get(field, "") for field, name in FIELDS.items()}
    )
    if not (contact["email"] or contact["phone"]):
        raise ValidationError({"contact": [_l("Please choose one.")]})
    return contact


def _by_field(problem: ValidationError) -> Errors:
    messages: Any = problem.messages
    return {field: messages[name] for field, name in FIELDS.items() if name in messages}


def _state(typed: Draft, place: Place) -> str:
    return typed.typed["state"] if typed.typed["state"] in place.states else place.states[0]


def _show(
    typed: Draft, item: Item, place: Place, errors: Errors | None = None, *, stored: bool = False
) -> ResponseReturnValue:
    page = render_template(
        "public/tell.html",
        typed=typed.typed,
        said={field: request.form.get(field, "") for field in FIELDS},
        kept=typed.carried(),
        errors={name: [str(sentence) for sentence in found] for name, found in (errors or {}).items()},
        code=item.code,
        name=languages.pick(item.name, item.name_es),
        days=wishes.KEPT.days,
        stored=stored,
        help=nearest_help(db.session(), place, state=_state(typed, place)) if stored else (),
    )
    return page, 422 if errors else 200

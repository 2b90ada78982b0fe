"""Two public pages without a name or code: someone came back, and what people want the program to know.

Nothing is stored until the button is pressed; a mistake, or a database that is away, keeps what was typed.
"""

from datetime import date
from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema
from sqlalchemy.exc import SQLAlchemyError

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo import places
from geo.nearest import Help, arrange, shipped
from geo.referrals import nearest_help
from orders import codes, signals, tallies, voices

FIELDS = ("form", "state", "month", "people", "text")
PEOPLE = [str(number) for number in range(1, voices.PEOPLE_MOST + 1)]
NOT_OFFERED = {
    "state": _l("Please choose a state from the list."),
    "month": _l("Please choose a month from the list."),
    "people": _l("Please choose a number from 1 to 9."),
}
COUNTS = _l("If you leave the words out, we can count it now.")


class SentAtOnce(codes.FormExpired):
    """Sent sooner than anybody can read the page."""

    sentence = _l("That was very quick. Please look at it once more, and send it again.")


class TooMany(Refusal):
    """More waits to be read than people can read."""

    status = 503
    sentence = _l("We have many messages to read, and cannot take one more now. Please try again in a few days.")


class Words(fields.Field[str]):
    """A few lines of text."""

    def __init__(self, *, needed: bool) -> None:
        super().__init__(load_default="")
        self.needed = needed

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(value).replace("\r\n", "\n").strip()
        if self.needed and not text:
            raise ValidationError([_l("Please write your message first.")])
        if len(text) > voices.TEXT_MOST:
            most, count = f"{voices.TEXT_MOST:,}", f"{len(text):,}"
            raise ValidationError(
                [_l("Please use at most %(most)s letters. Now it has %(count)s.", most=most, count=count)]
            )
        return text


class VoiceSchema(Schema):
    """Words alone."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    text = Words(needed=True)


class ReversalSchema(Schema):
    """Where, when and how many; words if they like. `states` and `months` are what can be chosen."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    state = fields.String(load_default="")
    month = fields.String(load_default="")
    people = fields.String(load_default="")
    text = Words(needed=False)

    def __init__(self, *, states: list[str], months: list[str]) -> None:
        super().__init__()
        self.states, self.months = states, months

    @validates_schema(skip_on_field_errors=False)
    def check_choices(self, data: dict[str, Any], **kwargs: Any) -> None:
        """What was chosen was offered."""
        offered = {"state": ["", *self.states], "month": self.months, "people": PEOPLE}
        wrong = {name: [NOT_OFFERED[name]] for name, known in offered.items() if data.get(name, "") not in known}
        if wrong:
            raise ValidationError(wrong)


def reversal() -> ResponseReturnValue:
    """Someone came back: in which state, in which month, and how many."""
    return _answer(voices.REVERSAL)


def voice() -> ResponseReturnValue:
    """What somebody wants the program to know."""
    return _answer(voices.FEEDBACK)


def _answer(kind: str) -> ResponseReturnValue:
    if "yes" not in request.form:
        return _page(kind)
    if request.form.get("more", "").strip():  # a program filled in what people do not see
        return _thanks(kind)
    try:
        typed = _read(kind)
        nonce = _nonce()
    except ValidationError as problem:
        return _page(kind, problem.messages), 422  # type: ignore[arg-type]
    except SentAtOnce as refusal:
        return _page(kind, {"request": [refusal]}), 422
    except (codes.FormExpired, codes.FormTampered) as refusal:
        return _page(kind, {"request": [refusal]}, anew=True), refusal.status
    if typed["text"] and voices.is_full(db.session()):
        counts = [COUNTS] if kind == voices.REVERSAL else []
        return _page(kind, {"request": [TooMany.sentence, *counts]}), TooMany.status
    _keep(kind, typed, nonce)
    return _thanks(kind)


def _keep(kind: str, typed: dict[str, Any], nonce: bytes) -> None:
    session, settings, today = db.session(), current_settings(), clock.today()
    if kind == voices.REVERSAL:
        voices.tell_reversal(
            session,
            settings,
            nonce=nonce,
            state=typed["state"] or tallies.NO_STATE,
            month=date.fromisoformat(typed["month"]),
            people=int(typed["people"]),
            text=typed["text"],
            today=today,
        )
    else:
        voices.say(session, settings, kind, nonce=nonce, text=typed["text"], today=today)
    session.commit()


def _read(kind: str) -> dict[str, Any]:
    """What was typed, clean. Raises ValidationError."""
    if kind == voices.FEEDBACK:
        schema: Schema = VoiceSchema()
    else:
        months = [month.isoformat() for month in voices.months(clock.today())]
        schema = ReversalSchema(states=[code for _name, code in _states()], months=months)
    found: dict[str, Any] = schema.load({name: request.form[name] for name in FIELDS if name in request.form})
    return found


def _nonce() -> bytes:
    """The nonce of the form. Raises FormExpired, FormTampered or SentAtOnce."""
    secret, form, now = current_settings().secret_key, request.form.get("form", ""), clock.now()
    nonce = codes.read_form(secret, form, now)
    if signals.FAST in signals.flags(trap="", made=codes.peek_form(secret, form)[1], now=now, effort=None):
        raise SentAtOnce
    return nonce


def _page(kind: str, errors: dict[str, list[Any]] | None = None, *, anew: bool = False) -> str:
    typed = {name: request.form.get(name, "") for name in FIELDS}
    if anew or not typed["form"]:
        moment = signals.made_again(clock.now()) if anew else clock.now()
        typed["form"] = codes.new_form(current_settings().secret_key, moment)
    return render_template(
        "public/told.html" if kind == voices.REVERSAL else "public/voice.html",
        typed=typed,
        **(_choices() if kind == voices.REVERSAL else {}),
        most=voices.TEXT_MOST,
        days=voices.KEPT.days,
        errors={name: [str(sentence) for sentence in found] for name, found in (errors or {}).items()},
        help=_help(),
    )


def _choices() -> dict[str, list[tuple[str, str]]]:
    """What can be chosen, each with its words in the reader's language."""
    months = voices.months(clock.today())
    return {
        "people": [(number, number) for number in PEOPLE],
        "months": [
            (month.isoformat(), _("%(month)s %(year)s", month=format_date(month, "LLLL"), year=month.year))
            for month in months
        ],
        "states": [("", _("I would rather not say")), *((code, name) for name, code in _states())],
    }


def _thanks(kind: str) -> str:
    return render_template("public/thanks.html", kind=kind, help=_help())


def _states() -> list[tuple[str, str]]:
    """Names and codes of the states, by name in the reader's language."""
    return places.names(db.session())


def _help() -> list[Help]:
    """The lines of the whole nation."""
    g.only_reads = True  # what was stored is committed; this must not wait for other writers
    try:
        return nearest_help(db.session())
    except SQLAlchemyError:
        db.session.rollback()
        return arrange(shipped())

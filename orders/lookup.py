"""Coming back with a code: see how far a request is, cancel it, erase its address. Never shows who, where or what."""

import base64
import hmac
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo.referrals import nearest_help
from orders import codes, instructions, queries, retention, spool
from orders.models import FINAL, KEY_LOST, TOO_OLD, Order, Status

WRONG_CODES_A_MINUTE = 30  # over the whole process: with 80-bit codes guessing stays hopeless, and no address is kept

# One for all of these: if a request that a person looks at read otherwise, anyone could learn what an address got
# before, by asking for it and for the one next door.
_GETTING_READY = _l("We have your request and are getting it ready.")
_NEWS = {
    Status.RECEIVED: _GETTING_READY,
    Status.HELD: _GETTING_READY,
    Status.WAITING: _l("Your request is fine. We wait for more supplies, and then we pack it."),
    Status.ALLOCATED: _GETTING_READY,
    Status.PICKING: _GETTING_READY,
    Status.PACKED: _l("It is packed. It goes to the post next."),
    Status.SHIPPED: _l("It is in the mail."),
    Status.DECLINED: _l("We could not send this request. You can ask again, or call one of the helplines."),
    Status.CANCELLED: _l("This request is cancelled. Nothing will be sent."),
}
_WHY_NOT = {  # said of the request, never of what anybody else asked for: a limit is no reason here
    "law": _l("We could not send this request. The rules there do not let us. See who else can help."),
    "address": _l("We could not be sure that the package would arrive. Please ask again with the full address."),
    "group": _l("This read like a request for a group. We send to one person at a time. See who else can help."),
    KEY_LOST: _l(
        "We are sorry. We lost the key to your request, so we cannot read it, and nobody else can. Nothing will be "
        "sent. Please ask again, or call one of the helplines."
    ),
    TOO_OLD: _l(
        "We are sorry. We could not send this in time, so we have closed it. Please ask again, or call one of the "
        "helplines."
    ),
}
_UNDER_WAY = {
    instructions.CANCEL: _l("We are stopping it now. Look again in a minute."),
    instructions.ERASE: _l("We are erasing your address now. Look again in a minute."),
}
_LEAVING = _l("Your package is ready to go. We erase your address as soon as it is in the mail.")


class TooManyTries(Refusal):
    """Too many wrong codes in a short time, from anyone."""

    status = 429
    sentence = _l("Many wrong codes were tried just now. Please wait a minute, and try again.")


class TooLate(Refusal):
    """The label is printed; the package leaves, and needs its address until then."""

    sentence = _l("It is too late to change this one. The package is ready for the mail. Please look again tomorrow.")


@dataclass
class Bucket:
    """Tokens for wrong tries: `size` at most, refilled over a minute. It knows nobody."""

    size: float
    left: float
    filled_at: datetime
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, now: datetime) -> bool:
        """Count a wrong try; False if there were too many."""
        with self.lock:
            gained = max(0.0, (now - self.filled_at) / timedelta(minutes=1)) * self.size
            self.left, self.filled_at = min(self.size, self.left + gained), now
            if self.left < 1:
                return False
            self.left -= 1
            return True


def ask() -> ResponseReturnValue:
    """The field for the code."""
    return render_template("public/status.html", code="", sentence="", help=())


def need_code() -> ResponseReturnValue:
    """A page that needs a code first."""
    return redirect(url_for(".ask"), 303)


def status() -> ResponseReturnValue:
    """How far a request is, in plain words."""
    try:
        order = _find(_typed_code())
    except (codes.CodeUnknown, TooManyTries) as refusal:
        return _refused(refusal)
    return _news(order)


def cancel() -> ResponseReturnValue:
    """Stop a request, after asking whether that is meant."""
    return _change("cancel")


def erase() -> ResponseReturnValue:
    """Erase the address, after asking whether that is meant."""
    return _change("erase")


def _change(what: str) -> ResponseReturnValue:
    try:
        order = _find(_typed_code())
        if order is None:
            raise codes.CodeUnknown
        if "yes" not in request.form:
            is_open, days = order.status not in FINAL, retention.KEEP_AFTER_STOPPING.days
            return render_template(f"public/{what}.html", code=_typed_code(), is_open=is_open, after_stopping=days)
    except (codes.CodeUnknown, TooManyTries) as refusal:
        return _refused(refusal)
    if not instructions.may(order, what):
        raise TooLate
    lines = nearest_help(db.session(), state=order.state)
    code = codes.clean_code(_typed_code())
    token = codes.change_token(codes.secret_of(current_settings().secrets, code, order.code_tag), code)
    instructions.ask(db.session(), order, what, token, at=clock.now())
    db.session.commit()
    days = retention.KEEP_AFTER_STOPPING.days
    return render_template("public/changed.html", what=what, code=_typed_code(), after_stopping=days, help=lines)


def _find(typed: str) -> Order | None:
    """The order of a code; None if it is still in the spool. Erased ones are unknown, as wrong codes are.

    For codes that are malformed, wrong, erased or of another place the same is done, so that it takes the same time.
    Raises TooManyTries or CodeUnknown.
    """
    tags = _tags(typed)
    order = queries.told_of(db.session(), tags)
    if order is None and not _is_spooled(tags):
        raise _wrong()
    return order


def _tags(typed: str) -> list[bytes]:
    """What the database may keep of a code; of what cannot be one, what it keeps of none."""
    try:
        code = codes.clean_code(typed)
    except codes.CodeUnknown:
        code = "no code"
    return codes.code_tags(current_settings().secrets, code)


def _wrong() -> Refusal:
    """The answer to a wrong code. A right one is never refused for other people's wrong ones."""
    return codes.CodeUnknown() if _bucket().take(clock.now()) else TooManyTries()


def _is_spooled(tags: Sequence[bytes]) -> bool:
    kept = [base64.b64decode(request.code_tag) for _path, request in spool.waiting(current_settings().spool)]
    fits = [hmac.compare_digest(tag, other) for tag in tags for other in kept]
    return any(fits)


def _news(order: Order | None) -> ResponseReturnValue:
    step = Status(order.status) if order else Status.RECEIVED
    asked = instructions.asked(db.session(), order) if order else None
    return render_template(
        "public/news.html",
        code=_typed_code(),
        sentence=_told(order, step, asked),
        week=_monday((order.closed_on or order.received_on) if order else clock.today()),
        can_cancel=order is not None and asked is None and step not in FINAL and step is not Status.PACKED,
        can_erase=order is not None and asked != instructions.ERASE,
        erased_in=_monday(day) if order and (day := retention.erase_date(order)) else None,
        help=nearest_help(db.session(), state=order.state if order else None),
    )


def _told(order: Order | None, step: Status, asked: str | None) -> LazyString:
    """The sentence of a step, or of what is asked for; of a request that was declined, or whose key is lost, why."""
    if order is not None and asked == instructions.ERASE and not instructions.may(order, asked):
        return _LEAVING
    if asked:
        return _UNDER_WAY[asked]
    return _WHY_NOT.get(order.why_not if order else "", _NEWS[step])


def _refused(refusal: Refusal) -> ResponseReturnValue:
    lines = nearest_help(db.session())  # the nation's, whichever code was typed
    page = render_template("public/status.html", code=_typed_code(), sentence=str(refusal), help=lines)
    return page, refusal.status


def _typed_code() -> str:
    return request.form.get("code", "")


def _monday(day: date) -> date:
    """The first day of its week: nobody needs to know the day."""
    return day - timedelta(days=day.weekday())


def _bucket() -> Bucket:
    bucket: Bucket = current_app.extensions.setdefault(
        "wrong codes", Bucket(WRONG_CODES_A_MINUTE, WRONG_CODES_A_MINUTE, clock.now())
    )
    return bucket

"""Coming back with a code: see how far a request is, cancel it, erase its address. Never shows who, where or what."""

import base64
import threading
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l

from distro import clock
from distro.config import current_settings
from distro.db import db, forget_freed_pages
from distro.errors import Refusal
from geo.referrals import nearest_help
from orders import codes, queries, retention, spool, workflow
from orders.models import FINAL, Order, Status

WRONG_CODES_A_MINUTE = 30  # over the whole process: with 80-bit codes guessing stays hopeless, and no address is kept

_NEWS = {
    Status.RECEIVED: _l("We have your request. We check it next."),
    Status.HELD: _l("We have your request. A person is looking at it."),
    Status.WAITING: _l("Your request is fine. We wait for more supplies, and then we pack it."),
    Status.ALLOCATED: _l("Your supplies are set aside. We pack them next."),
    Status.PICKING: _l("We are packing it now."),
    Status.PACKED: _l("It is packed. It goes to the post next."),
    Status.SHIPPED: _l("It is in the mail."),
    Status.DECLINED: _l("We could not send this request. You can ask again, or call one of the helplines."),
    Status.CANCELLED: _l("This request is cancelled. Nothing will be sent."),
}


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
            return render_template(f"public/{what}.html", code=_typed_code(), is_open=order.status not in FINAL)
        lines = nearest_help(db.session(), state=order.state)
        if what == "cancel":
            workflow.cancel(db.session(), order, by="participant", at=clock.now())
        else:
            retention.erase(db.session(), order, at=clock.now())
    except (codes.CodeUnknown, TooManyTries) as refusal:
        return _refused(refusal)
    except workflow.AlreadyMoved:
        raise TooLate from None
    db.session.commit()
    if what == "erase":
        forget_freed_pages(db.engine)
    return render_template("public/changed.html", what=what, help=lines)


def _find(typed: str) -> Order | None:
    """The order of a code; None if it is still in the spool. Erased ones are unknown, as wrong codes are.

    Raises TooManyTries or CodeUnknown.
    """
    try:
        order = queries.by_code(db.session(), current_settings().secret_key, typed)
    except codes.CodeUnknown:
        if _is_spooled(typed):
            return None
        raise _wrong() from None
    if order.sealed is None:
        raise _wrong()
    return order


def _wrong() -> Refusal:
    """The answer to a wrong code. A right one is never refused for other people's wrong ones."""
    return codes.CodeUnknown() if _bucket().take(clock.now()) else TooManyTries()


def _is_spooled(typed: str) -> bool:
    settings = current_settings()
    try:
        tag = codes.code_tag(settings.secret_key, codes.clean_code(typed))
        return any(base64.b64decode(kept.code_tag) == tag for _path, kept in spool.waiting(settings.spool))
    except (codes.CodeUnknown, FileNotFoundError):  # not a code, or the scheduler has just stored what lay there
        return False


def _news(order: Order | None) -> ResponseReturnValue:
    step = Status(order.status) if order else Status.RECEIVED
    return render_template(
        "public/news.html",
        code=_typed_code(),
        sentence=_NEWS[step],
        week=_monday((order.closed_on or order.received_on) if order else clock.today()),
        can_cancel=order is not None and step not in FINAL and step is not Status.PACKED,
        can_erase=order is not None,
        erased_in=_monday(day) if order and (day := retention.erase_date(order)) else None,
        help=nearest_help(db.session(), state=order.state if order else None),
    )


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

"""Coming back with a code: how far a request is, and what can be done with it. Never shows who, where or what.

`orders.code_pages` has the pages of what can be done.
"""

import base64
import hmac
import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from flask import current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from distro.keys import sealing
from distro.keys.sealing import SealBroken
from geo.referrals import nearest_help
from orders import (
    codes,
    codewords,
    donepage,
    instructions,
    newswords,
    notices,
    queries,
    replykey,
    resend,
    retention,
    shipping_estimate,
    spool,
)
from orders.models import FINAL, Order, Status
from orders.shipping_estimate import Days

WRONG_CODES_A_MINUTE = 30  # over the whole process: with 53-bit codes guessing stays hopeless, and no address is kept


class TooManyTries(Refusal):
    """Too many wrong codes in a short time, from anyone."""

    status = 429
    sentence = _l("Many wrong codes were tried just now. Please wait a minute, and try again.")


class StillStored(Refusal):
    """A request taken while the database was away: the scheduler has it within a minute or so."""

    sentence = _l("We have your request and are still storing it. Please try again in a minute.")


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


@dataclass(frozen=True)
class Said:
    """What the program wrote to them, and in which week."""

    week: date
    text: str


def ask() -> ResponseReturnValue:
    """The field for the code."""
    return render_template("public/status.html", code="", sentence="", gone=False, help=())


def need_code() -> ResponseReturnValue:
    """A page that needs a code first."""
    return redirect(url_for(".ask"), 303)


def status() -> ResponseReturnValue:
    """How far a request is, in plain words; of one that is erased, whether some of what it got was recalled."""
    recalled = notices.of_tags(db.session(), _tags(typed_code()))
    try:
        order = find(typed_code())
    except (codes.CodeUnknown, TooManyTries) as refusal:
        return _recalled(recalled) if recalled else refused(refusal)
    return _news(order, recalled)


def find(typed: str) -> Order | None:
    """The order of a code; None if it is still in the spool. Erased ones are unknown, as wrong codes are.

    For codes that are malformed, wrong, erased or of another place the same is done, so that it takes the same time.
    Raises TooManyTries or CodeUnknown.
    """
    tags = _tags(typed)
    order = queries.told_of(db.session(), tags)
    if order is None and not _is_spooled(tags):
        raise _wrong()
    return order


def refused(refusal: Refusal) -> ResponseReturnValue:
    """The page for the code again, with why."""
    gone = not isinstance(refusal, StillStored)
    lines = nearest_help(db.session())  # the nation's, whichever code was typed
    count = codewords.too_few(typed_code(), codes.WORDS) if isinstance(refusal, codes.CodeUnknown) else 0
    sentence = _("The code has %(all)s words. You wrote %(count)s.", all=codes.WORDS, count=count) if count else refusal
    page = render_template("public/status.html", code=typed_code(), sentence=str(sentence), gone=gone, help=lines)
    return page, refusal.status


def typed_code() -> str:
    """The code as it was typed."""
    return request.form.get("code", "")


def _tags(typed: str) -> list[bytes]:
    """What the database may keep of a code; of what cannot be one, what it keeps of none."""
    return codes.code_tags(current_settings().secrets, typed)


def _wrong() -> Refusal:
    """The answer to a wrong code. A right one is never refused for other people's wrong ones."""
    return codes.CodeUnknown() if _bucket().take(clock.now()) else TooManyTries()


def _is_spooled(tags: Sequence[bytes]) -> bool:
    kept = [base64.b64decode(request.code_tag) for _path, request in spool.waiting(current_settings().spool)]
    fits = [hmac.compare_digest(tag, other) for tag in tags for other in kept]
    return any(fits)


def _recalled(texts: list[str]) -> ResponseReturnValue:
    """What a code says whose address is erased, if something of it was recalled: that, and nothing of the request."""
    return render_template("public/recalled.html", code=typed_code(), notices=texts, help=nearest_help(db.session()))


def _news(order: Order | None, recalled: list[str]) -> ResponseReturnValue:
    session, today = db.session(), clock.today()
    step = Status(order.status) if order else Status.RECEIVED
    asked = instructions.asked(session, order) if order else set[str]()
    erasing = instructions.ERASE in asked
    open_still = order is not None and not asked & {instructions.ERASE, instructions.CANCEL}
    is_again = order is not None and queries.is_resent(session, order)
    return render_template(
        "public/news.html",
        code=typed_code(),
        notices=recalled,
        sentence=_told(order, step, asked, is_again=is_again),
        when=_when(order, step, today),
        next_up=_next_up(order, step, asked),
        ships="" if asked & newswords.UNDER_WAY.keys() else _ships(order, step, today),
        no_longer=order is not None and step is Status.PACKED and not instructions.may(order, instructions.CORRECT),
        tell_from=None if erasing else _tell_from(order, today),
        heard=instructions.MESSAGE in asked,
        replies=_replies(order) if order else [],
        can_correct=order is not None and open_still and instructions.may(order, instructions.CORRECT),
        can_tell=open_still and instructions.LOST not in asked and order is not None and resend.may_tell(order, today),
        can_write=open_still,
        can_ask_again=step in FINAL and not erasing,
        can_cancel=open_still and step not in FINAL and step is not Status.PACKED,
        can_erase=order is not None and not erasing,
        erased_in=monday_of(day) if order and not erasing and (day := retention.erase_date(order)) else None,
        says_no=step in (Status.DECLINED, Status.WAITING),
        help=nearest_help(session, state=order.state if order else None),
    )


def _told(order: Order | None, step: Status, asked: set[str], *, is_again: bool) -> LazyString:
    """The sentence of a step, or of what is asked for; of a request that was declined, or whose key is lost, why."""
    if order is not None and instructions.ERASE in asked and not instructions.may(order, instructions.ERASE):
        return newswords.LEAVING
    for kind, sentence in newswords.UNDER_WAY.items():  # what counts more comes first
        if kind in asked:
            return sentence
    if is_again and newswords.NEWS[step] is newswords.GETTING_READY:
        return newswords.AGAIN
    return newswords.WHY_NOT.get(order.why_not if order else "", newswords.NEWS[step])


def _next_up(order: Order | None, step: Status, asked: set[str]) -> LazyString:
    """What comes next: of the step, or of what is asked for; a package that leaves first is a step still."""
    if order is None or (instructions.ERASE in asked and not instructions.may(order, instructions.ERASE)):
        return newswords.NEXT[step]
    return next((words for kind, words in newswords.NEXT_AFTER.items() if kind in asked), newswords.NEXT[step])


def _ships(order: Order | None, step: Status, today: date) -> str:
    """When it may be mailed: what was told on its day, less the days since. By its day and state alone, so that what a
    person looks at reads like any other. Nothing once that is past."""
    if order is None or newswords.NEWS[step] is not newswords.GETTING_READY:
        return ""
    found, since = donepage.ships_in(order.state), (today - order.received_on).days
    if found is None or since >= found.most:
        return ""
    return str(shipping_estimate.in_words(Days(max(1, found.least - since), max(2, found.most - since))))


def _when(order: Order | None, step: Status, today: date) -> str:
    day = order.closed_on if order and order.closed_on else order.received_on if order else today
    sentence = newswords.WHEN.get(step, newswords.WHEN[Status.PACKED])
    return str(sentence) % {"monday": format_date(monday_of(day), "long")}


def _tell_from(order: Order | None, today: date) -> date | None:
    """The week in which it can be said that it never came, while it is too early."""
    day = resend.told_from(order) if order else None
    if order is None or day is None or day <= today or order.lost_on is not None:
        return None
    return monday_of(day)


def _replies(order: Order) -> list[Said]:
    """What the program wrote, opened with the key that the code makes. What it does not open is left out."""
    found = queries.replies(db.session(), order)
    if not found:
        return []
    key = replykey.reply_private(*codes.meant(current_settings().secrets, typed_code(), order.code_tag))
    said = []
    for reply in found:
        with suppress(SealBroken, ValueError, KeyError):
            text = json.loads(sealing.unseal(key, replykey.EPOCH, reply.uid, reply.sealed))["text"]
            said.append(Said(monday_of(reply.written_on), str(text)))
    return said


def monday_of(day: date) -> date:
    """The first day of its week: nobody needs to know the day."""
    return day - timedelta(days=day.weekday())


def _bucket() -> Bucket:
    bucket: Bucket = current_app.extensions.setdefault(
        "wrong codes", Bucket(WRONG_CODES_A_MINUTE, WRONG_CODES_A_MINUTE, clock.now())
    )
    return bucket

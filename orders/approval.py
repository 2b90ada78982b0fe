"""A manager approves what a group asks for, or fewer cases of it. The law is asked again after that, as for all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from flask_babel import gettext as _
from sqlalchemy.orm import Session

from distro import audit, languages
from distro.errors import InvalidInput, Refusal
from orders import cases, letters, telling, triage, workflow
from orders.cases import Cases
from orders.identity import Keys, open_person, prove
from orders.models import Order, Status
from orders.telling import News

FEWER = "fewer cases"  # the action in the record


class NoGroup(Refusal):
    """A step for groups, at the order of a person."""

    status = 422
    sentence = (
        "Order %(number)s is not a request in cases, so there is no plan to read and no number of cases to lower."
    )


def in_cases(order: Order) -> list[Cases]:
    """The order of a group in cases. Raises NoGroup for any other."""
    found = cases.of_order(order)
    if not found:
        raise NoGroup(number=order.number)
    return found


def approve(
    session: Session, order: Order, keys: Keys, typed: Mapping[str, str], *, reason: str, by: str, at: datetime
) -> None:
    """A held group gets its supplies, in the cases typed by item code; what is not typed stays as asked.

    Fewer cases change the lines, and the row is proven anew, once it was proven to be ours; the group reads how many
    on its status page. Raises InvalidInput, NoGroup, AlreadyMoved, and as `open_person`.
    """
    workflow.lock(session, order, Status.HELD)
    asked = in_cases(order)
    wanted = {one.line.id: _number(one, typed) for one in asked}
    fewer = [one for one in asked if wanted[one.line.id] < one.cases]
    if not any(wanted[one.line.id] or not one.cases for one in asked):  # a case may hold more now than they asked for
        raise InvalidInput(field="cases", problem="Nothing would be left. Leave at least one case, or decline it.")
    if fewer:
        person = open_person(order, keys)  # raises SealBroken before a row that is not ours is proven
        text = _fewer_in_words(fewer, wanted, person.language)
        told = ", ".join(f"{one.line.item.code} {one.cases} to {wanted[one.line.id]}" for one in fewer)
        for one in fewer:
            if wanted[one.line.id]:
                one.line.quantity = wanted[one.line.id] * one.per_case
            else:
                session.delete(one.line)
        session.flush()
        session.expire(order, ["lines"])
        prove(order, keys)
        audit.record(session, actor=by, action=FEWER, subject=order.document, reason=f"{told}. {reason}"[:200], at=at)
        with suppress(letters.NoReply):  # from before there were replies
            letters.write(session, order, person, text, by=by, at=at)
            telling.note(session, order, News.REPLY)
    triage.release(session, order, reason=reason, by=by, at=at)


def _fewer_in_words(fewer: Sequence[Cases], wanted: Mapping[int, int], language: str) -> str:
    """What a group reads of the lines it gets fewer cases of, a line each, in its language."""
    with languages.speaking(language):
        return "\n".join(_in_words(one, wanted[one.line.id]) for one in fewer)


def _in_words(one: Cases, cases: int) -> str:
    item = languages.pick(one.line.item.name, one.line.item.name_es)
    if not cases:
        return str(_("%(item)s: we cannot send any of the cases you asked for.", item=item))
    told = _("%(item)s: we send %(sent)s of the %(asked)s cases you asked for.", item=item, sent=cases, asked=one.cases)
    return str(told)


def _number(one: Cases, typed: Mapping[str, str]) -> int:
    """How many cases of a line were typed; as many as asked for if none."""
    text = typed.get(one.line.item.code, str(one.cases)).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 5 and int(text) <= one.cases):
        problem = f"Type 0 to {one.cases} cases of {one.line.item.name}."
        raise InvalidInput(field="cases", problem=problem)
    return int(text)

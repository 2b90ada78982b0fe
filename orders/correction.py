"""Correcting an address: sealed anew for the same order, to this week's key, with a line in the record."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from distro import audit
from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keylist
from distro.keys.keylist import PublicKeys
from orders import retention, workflow
from orders.identity import Keys, open_person, prove, seal_anew
from orders.models import FINAL, RESERVING, Order, Status

EDITED = "edit address"  # the action in the record
PARTICIPANT = "participant"  # who corrected their own, with the code
_PLACE = ("line1", "line2", "urbanization", "state", "zip")  # what the household is told by


class CorrectedSince(Refusal):
    """What was typed was used before, or the address was corrected after it."""

    sentence = "The address of order %(number)s was corrected after that. Open it again."


def correct(
    session: Session,
    order: Order,
    settings: Settings,
    address: Mapping[str, Any],
    *,
    reason: str,
    by: str,
    at: datetime,
    typed_at: datetime | None = None,
) -> None:
    """Seal a corrected address (the fields of `AddressSchema`) for the same order; what else was told stays.

    A held order goes back to be decided anew; so does any whose state or ZIP code changed, and its stock back to the
    shelf; and if a participant corrects it, one that nobody packs yet, and one on the table that goes to another home:
    triage has to look at what it has not seen. `typed_at` is when they typed it, if that was earlier than `at`.
    Raises workflow.AlreadyMoved once it has left or was stopped, CorrectedSince, Unavailable without a key to seal to,
    and as `open_person`.
    """
    workflow.lock(session, order, *(set(Status) - FINAL))
    keys = Keys.of(settings)
    before = open_person(order, keys)
    typed_at = typed_at or at
    if by == PARTICIPANT and before.corrected_at and typed_at <= datetime.fromisoformat(before.corrected_at):
        raise CorrectedSince(number=order.number)
    moved = (address["state"], address["zip"]) != (before.state, before.zip)
    asked = ("untracked",) if by == PARTICIPANT else ()  # their page does not ask for it again
    typed: dict[str, Any] = {name: value for name, value in address.items() if name not in asked}
    person = replace(
        before, **typed, county=None if moved else before.county, corrected_at=typed_at.astimezone(UTC).isoformat()
    )
    elsewhere = any(getattr(person, name) != getattr(before, name) for name in _PLACE)
    unseen = by == PARTICIPANT and (order.status in (Status.WAITING, Status.ALLOCATED) or elsewhere)
    if order.status == Status.HELD or ((unseen or moved) and order.status != Status.RECEIVED):
        _decide_anew(session, order, at)
    if order.parcel is not None:
        order.parcel.labelled_on = None  # that label has another address
    retention.forget_homes(session, [order.id])
    order.state = person.state
    seal_anew(order, person.to_text(), *keylist.today(PublicKeys.of(settings), at.date()))
    prove(order, keys)
    audit.record(session, actor=by, action=EDITED, subject=order.document, reason=reason, at=at)


def _decide_anew(session: Session, order: Order, at: datetime) -> None:
    if order.status in RESERVING or order.status == Status.WAITING:
        workflow.hold(session, order, note="", at=at)
    workflow.move(session, order, Status.RECEIVED, released=False, released_for=[], note="")

"""Correcting an address: sealed anew for the same order, to this week's key, with a line in the record."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from distro import audit
from distro.config import Settings
from distro.keys import keylist
from distro.keys.keylist import PublicKeys
from orders import retention, workflow
from orders.identity import Keys, open_person, prove, seal_anew
from orders.models import FINAL, RESERVING, Order, Status

EDITED = "edit address"  # the action in the record


def correct(
    session: Session,
    order: Order,
    settings: Settings,
    address: Mapping[str, str],
    *,
    reason: str,
    by: str,
    at: datetime,
) -> None:
    """Seal a corrected address (the fields of `AddressSchema`) for the same order; what else was told stays.

    A held order goes back to be decided anew; so does any whose state or ZIP code changed, and its stock back to the
    shelf. Raises workflow.AlreadyMoved once it has left or was stopped, Unavailable without a key to seal to, and as
    `open_person`.
    """
    workflow.lock(session, order, *(set(Status) - FINAL))
    keys = Keys.of(settings)
    before = open_person(order, keys)
    moved = (address["state"], address["zip"]) != (before.state, before.zip)
    typed: dict[str, Any] = dict(address)
    person = replace(before, **typed, county=None if moved else before.county)
    if order.status == Status.HELD or (moved and order.status != Status.RECEIVED):
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

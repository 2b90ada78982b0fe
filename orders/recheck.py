"""The rules once more on the day of packing: they may have changed since triage."""

from sqlalchemy.orm import Session

from geo import places
from geo.rules import Effect
from orders import triage
from orders.models import Order
from orders.triage import Desk


def why_barred(session: Session, order: Order, desk: Desk) -> str:
    """What today's rules say against sending this; empty if nothing. A person's release covers review, never deny.

    Opens the address for its place alone; nothing of it is given back. Raises KeyGone, SealBroken or AddressErased.
    """
    person = triage.open_person(order, desk.keyring)
    judgement = triage.judge_order(order, person, places.find(session, person.zip), desk)
    denied, unsure = judgement.items(Effect.DENY), judgement.items(Effect.REVIEW, Effect.ASK)
    if denied:
        return f"The rules of today bar {', '.join(denied)} for {order.state}."
    if unsure and not order.released:
        return f"A person has to check {', '.join(unsure)} for {order.state}."
    return ""

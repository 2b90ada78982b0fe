"""Goods coming in: a lot, where it is put, and which fund paid."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.errors import InvalidInput
from inventory import gs1, ledger, recalls
from inventory.models import Bin, Fund, Item, Lot


def receive_lot(
    session: Session,
    *,
    item: Item,
    number: str,
    expires_on: date,
    fund: Fund,
    bin: Bin,
    quantity: int,
    document: str,
    by: str,
    at: datetime,
) -> Lot:
    """Put `quantity` units of a lot into a bin; the lot is made if it is new, on hold if it is recalled.

    Raises InvalidInput if the lot has expired, is known with another expiry date, or has a number that no scan
    could name.
    """
    if not gs1.is_scannable(number):
        problem = "This number reads as another kind of barcode, so it could not be picked. Type only the lot number."
        raise InvalidInput(field="lot", problem=problem)
    if expires_on <= at.date():
        raise InvalidInput(field="expires_on", problem="This lot has expired. Check the box; do not shelve it.")
    lot = session.scalar(select(Lot).where(Lot.item_id == item.id, Lot.number == number, Lot.fund_id == fund.id))
    if lot is None:
        lot = Lot(item=item, number=number, fund=fund, expires_on=expires_on, held=False)
        session.add(lot)
        session.flush()
        recalls.follow(session, lot, at=at)
    elif lot.expires_on != expires_on:
        known = f"{lot.expires_on:%b %-d, %Y}"
        problem = f"Lot {number} is already here with the expiry date {known}. Check the box, or ask a manager."
        raise InvalidInput(field="expires_on", problem=problem)
    ledger.receive(session, lot, bin, quantity, ledger.Document(document, by, at))
    return lot

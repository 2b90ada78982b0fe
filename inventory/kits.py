"""Putting kits together from what is on the shelf."""

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.errors import InvalidInput, Refusal
from inventory import ledger
from inventory.ledger import Document
from inventory.models import Balance, Bin, Fund, Item, KitComponent, Lot
from inventory.receiving import receive_lot


class PartsLimited(Refusal):
    """The parts were paid by a fund with limits of its own, which a kit of another fund would escape."""

    sentence = (
        "%(units)s more of %(part)s are needed, and the rest here was paid by %(funds)s, which limits what and where "
        "it may serve. It cannot go into a kit of %(kit_fund)s. Choose that fund for the kit, or get other parts."
    )


def assemble(
    session: Session, *, kit: Item, number: str, fund: Fund, bin: Bin, quantity: int, by: str, at: datetime
) -> Lot:
    """Make `quantity` kits at the bin's site as a lot of their own, taking the parts first expired first out.

    The kit expires with its first part, and serves where its fund may: so its parts come from that fund, or from
    one without limits. Raises InvalidInput if it has no parts list or a part is short, PartsLimited if there would
    be enough from another fund.
    """
    document = Document(f"KIT-{number}"[:40], by, at, reason=f"put into {quantity} x {kit.code}")
    parts = session.scalars(select(KitComponent).where(KitComponent.kit_id == kit.id)).all()
    if not parts:
        raise InvalidInput(field="kit", problem=f"{kit.name} has no parts list.")
    expires_on = min(_take(session, part, bin.site_id, fund, part.quantity * quantity, document) for part in parts)
    return receive_lot(
        session,
        item=kit,
        number=number,
        expires_on=expires_on,
        fund=fund,
        bin=bin,
        quantity=quantity,
        document=document.name,
        by=by,
        at=at,
    )


def _take(session: Session, part: KitComponent, site_id: int, fund: Fund, units: int, document: Document) -> date:
    """Take units of a part off the site's shelves; gives back the first expiry date among them."""
    rows = session.scalars(
        select(Balance)
        .join(Balance.lot)
        .where(Balance.site_id == site_id, Lot.item_id == part.component_id, Lot.held.is_(False))
        .where(Balance.on_hand > Balance.reserved, Lot.expires_on > document.at.date())
        .order_by(Lot.expires_on, Balance.id)
        .execution_options(populate_existing=True)
    ).all()
    expiries, limited = [], set()
    for balance in rows:
        paid_by = balance.lot.fund
        if paid_by.id != fund.id and (paid_by.item_codes or paid_by.states):
            limited.add(paid_by.name)
        elif units:
            taken = min(units, balance.available)
            ledger.adjust(session, balance.lot, balance.bin, -taken, document)
            expiries.append(balance.lot.expires_on)
            units -= taken
    if units and limited:
        raise PartsLimited(units=units, part=part.component.name, funds=", ".join(sorted(limited)), kit_fund=fund.name)
    if units:
        problem = f"{units} more of {part.component.name} are needed here for that many kits."
        raise InvalidInput(field="quantity", problem=problem)
    return min(expiries)

"""Lots that must not leave, and lots that must not be used: putting on hold, taking off, and recalls.

A recall is about a maker's lot, whichever fund paid for it, wherever it stands and however its number was typed, large
or small. It stays: what was recalled is never sent again, and what comes in of it later is recalled too. Each lot of
ours has its own row, with the same words. Who has some of it is told by `orders.recalling`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import InvalidInput, Refusal
from inventory import alerts
from inventory.models import Balance, Item, KitComponent, Lot, Recall

TEXT_MOST = 400
READY_MADE = (  # what a manager starts from: the item's name and the lot's number, in the language of the sentence
    (
        "Please do not use this: {item}, lot number {lot}. It may not work as it should.",
        "Por favor no use esto: {item}, número de lote {lot}. Puede que no funcione como debe.",
    ),
    (
        "Please do not use this: {item}, lot number {lot}. It may be damaged or not clean.",
        "Por favor no use esto: {item}, número de lote {lot}. Puede estar dañado o no estar limpio.",
    ),
    (
        "Please do not use this, even if it looks fine: {item}, lot number {lot}. It shows a wrong date.",
        "Por favor no use esto, aunque parezca bien: {item}, número de lote {lot}. Tiene una fecha equivocada.",
    ),
)
NALOXONE = "naloxone"  # a kind of item: whoever puts the only dose away because of our words may die
READY_FOR_NALOXONE = (
    (
        "About {item}, lot number {lot}: it may not work as well as it should. Keep it until a new one is here. In an "
        "emergency, use it and call 911. Ask for a new one with your code.",
        "Sobre {item}, número de lote {lot}: puede que no funcione tan bien como debe. Guárdelo hasta que llegue uno "
        "nuevo. En una emergencia, úselo y llame al 911. Pida uno nuevo con su código.",
    ),
    (
        "About {item}, lot number {lot}: it may be damaged. Keep it until a new one is here. In an emergency, use it "
        "and call 911. Ask for a new one with your code.",
        "Sobre {item}, número de lote {lot}: puede estar dañado. Guárdelo hasta que llegue uno nuevo. En una "
        "emergencia, úselo y llame al 911. Pida uno nuevo con su código.",
    ),
    (
        "About {item}, lot number {lot}: it shows a wrong date. Keep it until a new one is here. In an emergency, use "
        "it and call 911. Ask for a new one with your code.",
        "Sobre {item}, número de lote {lot}: tiene una fecha equivocada. Guárdelo hasta que llegue uno nuevo. En una "
        "emergencia, úselo y llame al 911. Pida uno nuevo con su código.",
    ),
)


class LotRecalled(Refusal):
    """A recalled lot stays on hold."""

    sentence = "Lot %(lot)s is recalled, so it stays on hold."


def hold(session: Session, lot: Lot, *, held: bool, reason: str, by: str, at: datetime) -> None:
    """Put a lot on hold everywhere, or take it off: a held lot is not allocated, picked or sent.

    Raises LotRecalled for one that is recalled.
    """
    if not held:
        _lock(session, lot)
        if of_lot(session, lot) is not None:
            raise LotRecalled(lot=lot.number)
    lot.held = held
    action = "hold lot" if held else "unhold lot"
    audit.record(session, actor=by, action=action, subject=f"LOT-{lot.number}", reason=reason, at=at)
    standing = select(Balance.site_id).where(Balance.lot_id == lot.id)
    alerts.check(session, at=at, pairs={(site_id, lot.item_id) for site_id in session.scalars(standing)})


def recall(session: Session, lot: Lot, *, text: str, text_es: str, by: str, at: datetime) -> Sequence[Recall]:
    """Recall a maker's lot: hold it whoever paid for it, and keep what people are told. Again: the words are put right.

    Raises InvalidInput unless both texts have between 1 and `TEXT_MOST` characters.
    """
    for field, said in (("text", text), ("text_es", text_es)):
        if not 1 <= len(said) <= TEXT_MOST:
            raise InvalidInput(
                field=field, problem=f"Say in both languages what to do, in at most {TEXT_MOST} letters."
            )
    _lock(session, lot)
    made = [
        _of_one(session, one, Recall(text=text, text_es=text_es, made_on=at.date(), made_by=by), at=at)
        for one in same_lot(session, lot)
    ]
    for one in made:
        one.text, one.text_es = text, text_es
    session.flush()
    audit.record(session, actor=by, action="recall lot", subject=f"LOT-{lot.number}", reason=text[:200], at=at)
    return made


def follow(session: Session, lot: Lot, *, at: datetime) -> None:
    """Hold a lot that has just come in if its maker's lot is recalled, with a recall of its own that says the same."""
    _lock(session, lot)
    found = of_lot(session, lot)
    if found is not None:
        _of_one(session, lot, found, at=at)


def of_lot(session: Session, lot: Lot) -> Recall | None:
    """The recall of a maker's lot, if there is one: the oldest row of it."""
    query = select(Recall).join(Recall.lot).where(*_same(lot))
    return session.scalar(query.order_by(Recall.id).limit(1))


def same_lot(session: Session, lot: Lot) -> Sequence[Lot]:
    """The maker's lot: the same item and number, by whichever fund and however typed."""
    return session.scalars(select(Lot).where(*_same(lot)).order_by(Lot.id)).all()


def ready_made(session: Session, lot: Lot) -> list[tuple[str, str]]:
    """The sentences to start from, filled in for a lot: English and Spanish. Of naloxone none says not to use it."""
    sentences = READY_FOR_NALOXONE if is_naloxone(session, lot.item) else READY_MADE
    return [
        (english.format(item=lot.item.name, lot=lot.number), spanish.format(item=lot.item.name_es, lot=lot.number))
        for english, spanish in sentences
    ]


def is_naloxone(session: Session, item: Item) -> bool:
    """Whether it is naloxone, or a kit with some in it."""
    parts = select(Item.id).join(KitComponent, KitComponent.component_id == Item.id)
    inside = parts.where(KitComponent.kit_id == item.id, Item.kind == NALOXONE)
    return item.kind == NALOXONE or session.scalar(inside.limit(1)) is not None


def _of_one(session: Session, lot: Lot, like: Recall, *, at: datetime) -> Recall:
    """The row of one lot of ours, which is held: the one it has, or a new one like another."""
    if not lot.held:
        hold(session, lot, held=True, reason="recalled", by=like.made_by, at=at)
    found = session.scalar(select(Recall).where(Recall.lot_id == lot.id))
    if found is None:
        found = Recall(lot_id=lot.id, text=like.text, text_es=like.text_es, made_on=like.made_on, made_by=like.made_by)
        session.add(found)
        session.flush()
    return found


def _same(lot: Lot) -> tuple[ColumnElement[bool], ...]:
    return Lot.item_id == lot.item_id, func.upper(Lot.number) == func.upper(lot.number)


def _lock(session: Session, lot: Lot) -> None:
    """Until the commit nobody else recalls, receives or frees a lot of this item; orders for it are not held up."""
    session.execute(select(Item.id).where(Item.id == lot.item_id).with_for_update(key_share=True))

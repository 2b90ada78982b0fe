"""The warehouse's stock pages: what stands where, receiving, correcting, and each lot with its ledger."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from marshmallow import ValidationError
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response

from distro import audit, clock
from distro.auth import Role, guard
from distro.db import MOST_STORED, db
from distro.errors import InvalidInput, NotFound, Refusal
from inventory import alerts, ledger, recalls, shelves, stock
from inventory.ledger import Document
from inventory.models import Balance, Bin, Fund, Item, Lot, Movement, MovementKind, Site
from inventory.receiving import receive_lot
from inventory.schemas import AdjustForm, ReceiveForm

PAGE = 50  # ledger lines on a page
PAGES = 100_000  # no ledger is longer
LOT_ID = f"<int(max={MOST_STORED}):lot_id>"

blueprint = Blueprint("stockroom", __name__, url_prefix="/stock")
guard(blueprint, Role.PACKER, Role.MANAGER, Role.ADMIN)

Errors = dict[str, list[str]]


class AlreadyReceived(Refusal):
    """The same delivery of the same lot was put into the same bin before."""

    sentence = (
        "Delivery %(document)s of lot %(lot)s is already in bin %(bin)s, so nothing was added. "
        "If more of it came, add a letter to the delivery number."
    )


class StockMoved(Refusal):
    """The shelf changed between looking and correcting."""

    sentence = "The stock changed meanwhile: %(now)s units stand there now. Nothing was corrected. Count and try again."


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """The stock, filtered by `?item=`, `?site=`, `?state=` (warehouses that send there), `?lot=`, `?show=usable`."""
    session, own = db.session(), _own()
    wanted = shelves.read_filter(session, request.args, own)
    return render_template(
        "stockroom/listing.html",
        rows=shelves.rows(session, wanted, clock.now().date()),
        items=shelves.items(session),
        sites=shelves.own_sites(session, own),
        asked=request.args.to_dict(),
        wanted=wanted,
    )


@blueprint.get("/export.csv")
def export() -> Response:
    """Exactly the rows of the list, as CSV."""
    session = db.session()
    found = shelves.rows(session, shelves.read_filter(session, request.args, _own()), clock.now().date())
    headers = {"Content-Disposition": 'attachment; filename="stock.csv"'}
    return Response(shelves.as_csv(found), mimetype="text/csv", headers=headers)


@blueprint.get("/receive")
def receive() -> ResponseReturnValue:
    """The form for goods that come in."""
    return _receive_page({}, {})


@blueprint.post("/receive")
def take_in() -> ResponseReturnValue:
    """Put a delivery on the shelf; what cannot be is said by its field, and nothing typed is lost."""
    session, typed = db.session(), request.form.to_dict()
    try:
        form = ReceiveForm().load(typed)
        lot = _receive(session, form)
        session.commit()
    except ValidationError as error:
        return _receive_page(typed, _messages(error)), 422
    except Refusal as refusal:
        session.rollback()
        return _receive_page(typed, _by_field(refusal)), refusal.status
    except IntegrityError:  # two people made the same lot in the same instant
        session.rollback()
        return _receive_page(typed, {"": ["Someone else saved this lot just now. Send the form again."]}), 409
    flash(f"Received {form['quantity']} of lot {lot.number} into {form['bin'].replace(':', ' ')}.", "success")
    return redirect(url_for("stockroom.lot", lot_id=lot.id), code=303)


@blueprint.get(f"/lots/{LOT_ID}")
def lot(lot_id: int) -> ResponseReturnValue:
    """A lot: where it stands, and every change of it, newest first."""
    return _lot_page(lot_id, {}, {})


@blueprint.post(f"/lots/{LOT_ID}/adjust")
def adjust(lot_id: int) -> ResponseReturnValue:
    """Correct what stands in a bin, with a reason."""
    session, typed = db.session(), request.form.to_dict()
    try:
        form = AdjustForm().load(typed)
        _adjust(session, _lot(lot_id), form)
        session.commit()
    except ValidationError as error:
        return _lot_page(lot_id, typed, _messages(error)), 422
    except Refusal as refusal:
        session.rollback()
        return _lot_page(lot_id, typed, _by_field(refusal)), refusal.status
    flash(f"Corrected by {form['quantity']:+}: {form['reason']}", "success")
    return redirect(url_for("stockroom.lot", lot_id=lot_id), code=303)


@blueprint.post(f"/lots/{LOT_ID}/hold")
def hold(lot_id: int) -> ResponseReturnValue:
    """Put a lot on hold, or take it off: a held lot is not allocated or picked. Managers only."""
    session, lot, at = db.session(), _lot(lot_id), clock.now()
    held, reason = request.form.get("held") == "1", request.form.get("reason", "").strip()[:200]
    if current_user.role == Role.PACKER:
        return _lot_page(lot_id, {}, {"hold": ["Ask a manager: they put lots on hold and take them off."]}), 403
    if not _stands_here(session, lot):
        problem = "This lot stands in other warehouses only. Ask a manager there, or one of all warehouses."
        return _lot_page(lot_id, {}, {"hold": [problem]}), 403
    if not reason:
        return _lot_page(lot_id, {}, {"hold": ["Say why, such as “the maker asks to check the seals”."]}), 422
    try:
        recalls.hold(session, lot, held=held, reason=reason, by=current_user.username, at=at)
        session.commit()
    except recalls.LotRecalled as refusal:
        session.rollback()
        return _lot_page(lot_id, {}, {"hold": [str(refusal)]}), refusal.status
    flash("The lot is on hold. It is not sent." if held else "The lot may be sent again.", "success")
    return redirect(url_for("stockroom.lot", lot_id=lot_id), code=303)


def _receive(session: Session, form: Mapping[str, Any]) -> Lot:
    by, at = current_user.username, clock.now()
    item = session.scalar(select(Item).where(Item.code == form["item"]))
    fund = session.scalar(select(Fund).where(Fund.code == form["fund"]))
    bin = next((bin for bin in shelves.bins(session, _own()) if f"{bin.site.code}:{bin.code}" == form["bin"]), None)
    if item is None:
        raise InvalidInput(field="item", problem="There is no such item. Choose one from the list.")
    if fund is None:
        raise InvalidInput(field="fund", problem="There is no such fund. Choose one from the list.")
    if bin is None:
        raise InvalidInput(field="bin", problem="There is no such bin here. Choose one from the list.")
    lot = receive_lot(
        session,
        item=item,
        number=form["lot"],
        expires_on=form["expires_on"],
        fund=fund,
        bin=bin,
        quantity=form["quantity"],
        document=form["document"],
        by=by,
        at=at,
    )
    same = (Movement.lot_id == lot.id, Movement.bin_id == bin.id, Movement.document == form["document"])
    # Counted after the write, which holds the balance's lock: of two at once the second sees the first.
    if (session.scalar(select(func.count()).where(*same, Movement.kind == MovementKind.RECEIVE)) or 0) > 1:
        raise AlreadyReceived(document=form["document"], lot=lot.number, bin=bin.code)
    reason = f"{form['quantity']} into {bin.site.code} {bin.code}, {form['document']}"
    audit.record(session, actor=by, action="receive", subject=f"LOT-{lot.number}", reason=reason, at=at)
    alerts.check(session, at=at, pairs={(bin.site_id, item.id)})
    return lot


def _adjust(session: Session, lot: Lot, form: Mapping[str, Any]) -> None:
    by, at, own = current_user.username, clock.now(), _own()
    bin = session.get(Bin, form["bin"])
    if bin is None or (own is not None and bin.site_id != own.id):
        raise InvalidInput(field="bin", problem="There is no such bin here. Choose one from the list.")
    document = Document(f"ADJ-{at:%Y%m%d-%H%M%S}", by, at, form["reason"])
    ledger.adjust(session, lot, bin, form["quantity"], document)
    stands = session.scalar(select(Balance.on_hand).where(Balance.lot_id == lot.id, Balance.bin_id == bin.id)) or 0
    if stands != form["seen"] + form["quantity"]:  # sent twice, or a parcel left meanwhile
        raise StockMoved(now=stands - form["quantity"])
    reason = f"{form['quantity']:+} in {bin.site.code} {bin.code}: {form['reason']}"
    audit.record(session, actor=by, action="adjust", subject=f"LOT-{lot.number}", reason=reason, at=at)
    alerts.check(session, at=at, pairs={(bin.site_id, lot.item_id)})


def _messages(error: ValidationError) -> Errors:
    return dict(error.messages_dict)


def _by_field(refusal: Refusal) -> Errors:
    return {str(refusal.facts.get("field", "")): [str(refusal)]}


def _receive_page(typed: Mapping[str, str], errors: Errors) -> str:
    session = db.session()
    return render_template(
        "stockroom/receive.html",
        typed=typed,
        errors=errors,
        items=shelves.items(session),
        funds=shelves.funds(session),
        bins=shelves.bins(session, _own()),
    )


def _lot_page(lot_id: int, typed: Mapping[str, str], errors: Errors) -> str:
    session, lot, own = db.session(), _lot(lot_id), _own()
    page = min(max(1, request.args.get("page", 1, type=int)), PAGES)
    lines = (
        select(Movement)
        .where(Movement.lot_id == lot.id)
        .order_by(Movement.id.desc())
        .offset((page - 1) * PAGE)
        .limit(PAGE + 1)
        .options(joinedload(Movement.bin).joinedload(Bin.site))
    )
    if own is not None:
        lines = lines.where(Movement.site_id == own.id)
    found = session.scalars(lines).all()
    return render_template(
        "stockroom/lot.html",
        lot=lot,
        life=shelves.life(lot, clock.now().date()),
        balances=stock.balances(session, lot_id=lot.id, site_id=own.id if own else None),
        lines=found[:PAGE],
        page=page,
        more=len(found) > PAGE,
        typed=typed,
        errors=errors,
        may_hold=current_user.role != Role.PACKER,
        recall=recalls.of_lot(session, lot),
    )


def _lot(lot_id: int) -> Lot:
    lot = db.session.get(Lot, lot_id)
    if lot is None:
        raise NotFound(what="lot", name=lot_id)
    return lot


def _stands_here(session: Session, lot: Lot) -> bool:
    """Whether some of a lot stands where this person works; always, for those who work everywhere."""
    own = _own()
    here = stock.balances(session, lot_id=lot.id, site_id=own.id) if own else []
    return own is None or any(balance.on_hand for balance in here)


def _own() -> Site | None:
    return shelves.own_site(db.session(), current_user)

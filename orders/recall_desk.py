"""Recalling a lot: for a manager, with the words that everyone reads who has some of it."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from distro import clock
from distro.auth import Role, guard
from distro.db import db
from distro.errors import NotAllowed, NotFound, Refusal
from distro.spreadsheet import as_csv
from inventory import recalls, shelves, stock
from inventory.models import Lot
from inventory.stockroom import LOT_ID
from orders import recalling, scope

COLUMNS = ("order", "status", "state", "closed")

blueprint = Blueprint("recalls", __name__, url_prefix=f"/stock/lots/{LOT_ID}/recall")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@blueprint.get("")
def page(lot_id: int) -> ResponseReturnValue:
    """How many parcels have some of it, and the form with the words."""
    return _page(_lot(lot_id), {}, "")


@blueprint.post("")
def recall(lot_id: int) -> ResponseReturnValue:
    """Recall it. A mistake keeps the page with what was typed, and changes nothing."""
    session, lot, typed = db.session(), _lot(lot_id), request.form.to_dict()
    if not _stands_here(session, lot):
        raise NotAllowed
    texts = {name: " ".join(typed.get(name, "").split()) for name in ("text", "text_es")}
    again = recalls.of_lot(session, lot) is not None
    try:
        made = recalls.recall(session, lot, **texts, by=current_user.username, at=clock.now())
        told = recalling.warn(session, made)
        session.commit()
    except Refusal as refusal:
        session.rollback()
        return _page(_lot(lot_id), typed, str(refusal)), refusal.status
    packages = "1 package" if told == 1 else f"{told:,} packages"
    done = f"The words are changed, and {packages} more got" if again else f"The lot is recalled, and {packages} got"
    flash(f"{done} a notice. What has not left gets other lots within seconds.", "success")
    return redirect(url_for("recalls.page", lot_id=lot.id), 303)


@blueprint.get("/orders.csv")
def export(lot_id: int) -> Response:
    """The numbers of these orders, for a list to work through. Nobody is named."""
    session, lot = db.session(), _lot(lot_id)
    ids = [one.id for one in recalls.same_lot(session, lot)]
    rows = recalling.numbers(session, ids, scope.of(session, current_user))
    headers = {"Content-Disposition": f'attachment; filename="recall-lot-{lot.id}.csv"'}
    return Response(as_csv(COLUMNS, rows), mimetype="text/csv", headers=headers)


def _page(lot: Lot, typed: Mapping[str, str], problem: str) -> str:
    session = db.session()
    ids, made = [one.id for one in recalls.same_lot(session, lot)], recalls.of_lot(session, lot)
    if made is not None:
        typed = {"text": made.text, "text_es": made.text_es, **typed}
    return render_template(
        "stockroom/recall.html",
        lot=lot,
        recall=made,
        touched=recalling.touched(session, ids, scope.of(session, current_user)),
        in_doubt=recalling.in_doubt(session, scope.of(session, current_user), ids),
        ready_made=recalls.ready_made(session, lot),
        is_naloxone=recalls.is_naloxone(session, lot.item),
        typed=typed,
        problem=problem,
        most=recalls.TEXT_MOST,
        may_recall=_stands_here(session, lot),
    )


def _lot(lot_id: int) -> Lot:
    lot = db.session.get(Lot, lot_id)
    if lot is None:
        raise NotFound(what="lot", name=lot_id)
    return lot


def _stands_here(session: Session, lot: Lot) -> bool:
    """Whether some of a lot stands or stood where this person works; always, for those who work everywhere."""
    own = shelves.own_site(session, current_user)
    return own is None or bool(stock.balances(session, lot_id=lot.id, site_id=own.id))

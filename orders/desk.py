"""Packing: the queue, one order at a time by scanner or click, its label, and the pick sheet.

No name or address is on any screen here; the label alone shows it, after a line in the audit record.

Length: every step of one order's page stands here.

Length: the steps of a packer, from the queue to the post, are looked for in one place.
"""

from collections.abc import Callable
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from distro import clock
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, NotAllowed, Refusal
from inventory.shelves import own_site
from orders import identity, labelling, labels, queries, reading_pages, recalling, scope, tampering, triage, workflow
from orders.authority import laws
from orders.identity import Keys, Task
from orders.models import Allocation, Order, Status
from orders.triage import Desk

blueprint = Blueprint("desk", __name__, url_prefix="/desk")
guard(blueprint, Role.PACKER, Role.MANAGER, Role.ADMIN)


@blueprint.get("")
def queue() -> ResponseReturnValue:
    """What there is to pack, oldest first; `?status=` lists the orders at one step instead."""
    return _queue_page()


@blueprint.post("/open")
def open_order() -> ResponseReturnValue:
    """Open an order by its number, and start it if nobody has; refused if a colleague packs it."""
    typed = request.form.get("scan", "")
    try:
        order = _own_order(typed)
        if order.status == Status.ALLOCATED or (order.status == Status.PICKING and order.packer_id != current_user.id):
            workflow.claim(db.session(), order, current_user)
    except Refusal as refusal:
        db.session.rollback()
        return _queue_page(problem=str(refusal), typed=typed[:40]), refusal.status
    number = order.number
    db.session.commit()
    return redirect(url_for("desk.order", number=number), code=303)


@blueprint.get("/pick-sheet")
def pick_sheet() -> ResponseReturnValue:
    """The queue's lots on paper, by order and bin."""
    site = own_site(db.session(), current_user)
    found = queries.queue(db.session(), scope.of(db.session(), current_user))
    orders = [order for order in found if order.status != Status.PACKED]
    sections = [labels.Section(order.number, tuple(map(labels.line_of, order.allocations))) for order in orders]
    title = f"Pick sheet, {site.name if site else 'all warehouses'}, {clock.today():%b %-d, %Y}"
    return _pdf(labels.pick_sheet(title, sections))


@blueprint.get("/orders/<number>")
def order(number: str) -> ResponseReturnValue:
    """One order: what to take from where, and the next step."""
    return _order_page(_own_order(number))


@blueprint.post("/orders/<number>/scan")
def scan(number: str) -> ResponseReturnValue:
    """The one scan field: a lot to pick, then the order's number or nothing to pack, then the number to ship."""

    def step(order: Order) -> str:
        typed = request.form.get("scan", "").strip()
        if order.status == Status.PACKED:
            _require_number(order, typed)
            return _ship(order)
        if _all_picked(order) and (not typed or _is_number(order, typed)):
            return _pack(order)
        return _pick(order, typed)

    return _answer(number, step)


@blueprint.post("/orders/<number>/label")
def print_label(number: str) -> ResponseReturnValue:
    """The label and slip as one PDF. The line in the record is committed before the address is opened."""
    session, order = db.session(), _own_order(number)
    try:
        workflow.lock(session, order, Status.PACKED)
        _still_allowed(order)
        with labelling.attempt(session, [order]):
            return _pdf(_label(order))
    except Refusal as refusal:
        return _refused(number, refusal)


@blueprint.get("/orders/<number>/insert")
def insert_sheet(number: str) -> ResponseReturnValue:
    """The cards for what is in the box, in the language chosen; both by default, since no address is opened for it."""
    found = _own_order(number)
    wanted = request.args.get("language", "")
    languages = [wanted] if wanted in ("en", "es") else ["en", "es"]
    return _pdf(reading_pages.insert_for(queries.codes_in(db.session(), found), languages))


@blueprint.post("/orders/<number>/unpack")
def unpack(number: str) -> ResponseReturnValue:
    """Open a packed box again; it is planned anew."""

    def step(order: Order) -> str:
        workflow.unpack(db.session(), order, by=current_user.username, at=clock.now())
        return f"Order {order.number} is unpacked and planned again. Tear up its label; put everything back."

    return _answer(number, step, then="desk.queue")


@blueprint.post("/orders/<number>/ship")
def ship(number: str) -> ResponseReturnValue:
    """The parcel leaves."""
    return _answer(number, _ship)


@blueprint.post("/orders/<number>/gone")
def gone(number: str) -> ResponseReturnValue:
    """A labelled box with a lot on hold has left already: a manager says so, and why. Its person gets the notice."""
    if current_user.role == Role.PACKER:
        raise NotAllowed

    def step(order: Order) -> str:
        session, reason = db.session(), " ".join(request.form.get("reason", "").split())
        if not reason:
            raise InvalidInput(field="reason", problem="Say how you know that the box has left.")
        workflow.ship(session, order, by=current_user.username, at=clock.now(), today=_today(order), gone=reason)
        recalling.warn(session, recalling.of_order(session, order))
        return f"Order {order.number} is marked shipped. If its lot is recalled, its person sees the notice."

    return _answer(number, step)


@blueprint.post("/orders/<number>/put-back")
def put_back(number: str) -> ResponseReturnValue:
    """Back to the queue, for whoever comes next."""

    def step(order: Order) -> str:
        _require_own(order)
        workflow.unclaim(db.session(), order)
        return f"Order {order.number} is back in the queue. Put what you took back on the shelf."

    return _answer(number, step, then="desk.queue")


@blueprint.post("/orders/<number>/missing")
def missing(number: str) -> ResponseReturnValue:
    """Fewer good units stand there than promised: the stock is corrected and the order planned again."""

    def step(order: Order) -> str:
        _require_own(order)
        pick = next((pick for pick in order.allocations if str(pick.id) == request.form.get("allocation")), None)
        if pick is None:
            raise workflow.AlreadyMoved(number=order.number, status=order.status)
        found = request.form.get("found", "").strip()
        if found not in {str(units) for units in range(pick.quantity)}:
            problem = f"Type how many good units of lot {pick.lot.number} you found: 0 to {pick.quantity - 1}."
            raise InvalidInput(field="found", problem=problem)
        workflow.report_missing(
            db.session(), pick, found=int(found), by=current_user.username, at=clock.now(), today=_today(order)
        )
        return f"Thank you. Order {order.number} waits for other stock and comes back by itself. Take the next one."

    return _answer(number, step, then="desk.queue")


def _label(order: Order) -> bytes:
    session, at, keys = db.session(), clock.now(), Keys.of(current_settings())
    task = Task.LABEL_AGAIN if workflow.note_label(session, order, at=at) else Task.LABEL
    person = identity.view(session, order, keys, task=task, by=current_user.username, at=at)
    contents = [(line.item.letter, line.quantity) for line in order.lines]
    return_lines = order.site.return_lines if order.site else []
    return labels.label_and_slip(person, number=order.number, return_lines=return_lines, contents=contents)


def _pick(order: Order, typed: str) -> str:
    if not typed:
        raise InvalidInput(field="scan", problem="Scan a lot, or press “Pick” beside the one you took.")
    if order.status not in (Status.ALLOCATED, Status.PICKING):
        raise workflow.AlreadyMoved(number=order.number, status=order.status)
    session, seen = db.session(), request.form.get("seen", "")
    workflow.claim(session, order, current_user)
    before = session.scalar(select(func.sum(Allocation.picked)).where(Allocation.order_id == order.id)) or 0
    marked = next((pick for pick in order.allocations if str(pick.id) == request.form.get("allocation")), None)
    if marked is None:
        pick = workflow.pick(session, order, typed, packer=current_user, today=_today(order))
    else:
        pick = workflow.take(session, marked, packer=current_user, today=_today(order))
    if seen not in ("", str(before)):
        raise workflow.AlreadyCounted(picked=before, quantity=sum(each.quantity for each in order.allocations))
    done = f"{pick.picked} of {pick.quantity} of lot {pick.lot.number} picked."
    return done + (" All is picked: pack the box." if _all_picked(order) else " Scan the next one.")


def _pack(order: Order) -> str:
    workflow.claim(db.session(), order, current_user)
    _still_allowed(order)
    workflow.pack(db.session(), order, packer=current_user, today=_today(order))
    return f"Order {order.number} is packed. Print the label."


def _still_allowed(order: Order) -> None:
    """Ask today's rules again. A no leaves the order with a person, whatever comes next."""
    session, now = db.session(), clock.now()
    with tampering.told(session):
        barred = triage.objection_today(session, order, Desk(Keys.of(current_settings()), laws(session), now))
    if barred:
        workflow.hold(session, order, note=barred, at=now)
        session.commit()
        raise workflow.NoLongerAllowed(why=barred)


def _ship(order: Order) -> str:
    workflow.require_label(db.session(), order)
    _still_allowed(order)
    workflow.ship(db.session(), order, by=current_user.username, at=clock.now(), today=_today(order))
    return f"Order {order.number} is shipped. Take the next one from the queue."


def _answer(number: str, step: Callable[[Order], str], *, then: str = "") -> ResponseReturnValue:
    """Take a step, commit it and say what to do next; a refusal keeps the page and changes nothing."""
    order = _own_order(number)
    try:
        done = step(order)
    except Refusal as refusal:
        return _refused(number, refusal)
    over = then or order.status == Status.SHIPPED
    db.session.commit()
    flash(done, "success")
    return redirect(url_for("desk.queue") if over else url_for("desk.order", number=number), code=303)


def _refused(number: str, refusal: Refusal) -> ResponseReturnValue:
    db.session.rollback()
    return _order_page(_own_order(number), problem=str(refusal)), refusal.status


def _order_page(order: Order, problem: str = "") -> str:
    picks = sorted(order.allocations, key=lambda pick: (pick.bin.code, pick.lot.expires_on, pick.id))
    return render_template(
        "desk/order.html",
        order=order,
        picks=picks,
        picked=sum(pick.picked for pick in picks),
        wanted=sum(pick.quantity for pick in picks),
        today=_today(order),
        mine=order.packer_id == current_user.id,
        may_see_address=current_user.role in (Role.MANAGER, Role.ADMIN) and order.closed_on is None,
        held=order.status == Status.PACKED and any(pick.lot.held for pick in picks),
        may_say_gone=current_user.role != Role.PACKER,
        may_put_back=order.status == Status.PICKING and _may_step_in(order),
        problem=problem,
    )


def _queue_page(problem: str = "", typed: str = "") -> str:
    session = db.session()
    site, status = own_site(session, current_user), request.args.get("status", "")
    own = scope.of(session, current_user)
    if status in set(Status):
        orders = queries.queue(session, own, statuses=(Status(status),))
    else:
        status, orders = "", queries.queue(session, own)
    found = queries.count_by_status(session, own)
    return render_template(
        "desk/queue.html",
        orders=orders,
        counts={str(step): found.get(step, 0) for step in queries.TO_PACK},
        status=status,
        site=site,
        in_doubt=recalling.in_doubt(session, own),
        listed=queries.LISTED,
        problem=problem,
        typed=typed,
    )


def _own_order(number: str) -> Order:
    """The order, if it is at this person's warehouse and goes to their states. Raises NotFound, also for others'."""
    return queries.by_number(db.session(), number, scope.of(db.session(), current_user))


def _may_step_in(order: Order) -> bool:
    return order.packer_id in (None, current_user.id) or current_user.role != Role.PACKER


def _require_own(order: Order) -> None:
    if order.packer is not None and not _may_step_in(order):
        raise workflow.TakenBySomeone(number=order.number, packer=order.packer.username)


def _require_number(order: Order, typed: str) -> None:
    if not _is_number(order, typed):
        raise workflow.WrongParcel(number=order.number, scanned=f"“{typed[:20]}”" if typed else "nothing")


def _is_number(order: Order, typed: str) -> bool:
    return typed.upper().removeprefix("ORD-") == order.number


def _all_picked(order: Order) -> bool:
    return bool(order.allocations) and all(pick.picked >= pick.quantity for pick in order.allocations)


def _today(order: Order) -> date:
    return clock.today(order.site.zone if order.site else "UTC")


def _pdf(content: bytes) -> Response:
    """A PDF to print at once, under a name that says nothing, kept nowhere."""
    headers = {"Content-Disposition": 'inline; filename="print.pdf"', "Cache-Control": "no-store"}
    return Response(content, mimetype="application/pdf", headers=headers)

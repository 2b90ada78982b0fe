"""Requests that a person decides. The page shows what can decide it, and nothing of who asked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from distro import clock, reasons
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import InvalidInput, Refusal
from inventory import shelves, stock
from inventory.models import Site
from orders import approval, cases, household, identity, queries, scope, signals, triage, workflow
from orders.cases import Cases
from orders.identity import Keys, Task
from orders.intake import Person
from orders.models import Order, Status
from orders.signals import Finding

TO_RELEASE = {
    "fine": "I looked at it, and it is fine",
    "more": "More is needed there: several people, or a loss",
    "law": "The law lets us, as counsel said",
    "other": "Another reason to say yes, in your words",
}
TO_APPROVE = {  # what a group asks for in cases
    "plan": "I read the plan, and it is fine",
    "less": "We send what we can now",
    "other": "Another reason to say yes, in your words",
}
TO_DECLINE = {
    "law": "The rules there do not let us",
    "limit": "It is more than we can send there for now",
    "address": "The address cannot be made sure",
    "robot": "It looks like a program or a duplicate",
    "group": "It is for a group: tell them where groups get supplies",
    "other": "Another reason to say no, in your words",
}
NOT_TO_GROUPS = {
    "law": TO_DECLINE["law"],
    "limit": TO_DECLINE["limit"],
    "plan": "The plan does not fit what we do, or is not clear",
    "address": TO_DECLINE["address"],
    "robot": TO_DECLINE["robot"],
    "other": TO_DECLINE["other"],
}
KINDS = {  # the word over each sentence that says why an order is held
    signals.ROBOT: "Robot?",
    signals.FAST: "Robot?",
    signals.NO_EFFORT: "Robot?",
    signals.LOST: "Lost",
    signals.OFF_LIST: "Off the list",
    signals.GROUP: "Group?",
    signals.BULK: "Group?",
    signals.MOST: "Limit",
    signals.OFTEN: "Limit",
    signals.LIMIT: "Limit",
    signals.PERIOD: "Limit",
}
SAYS = {  # what one rule, and what several, say of an item
    "review": ("leaves it to a person", "leave it to a person"),
    "ask": ("wants one more answer", "want one more answer"),
    "deny": ("forbids it", "forbid it"),
}
Usable = Mapping[tuple[int, int], Mapping[frozenset[str], int]]  # as `stock.usable` gives it
HOMES = (signals.OFTEN, signals.LIMIT, signals.PERIOD)  # what does not count where many share an address

blueprint = Blueprint("review", __name__, url_prefix="/review")
guard(blueprint, Role.MANAGER, Role.ADMIN)
blueprint.add_app_template_filter(cases.of_order, "cases")
blueprint.add_app_template_filter(workflow.units_a_scan, "units_a_scan")


@dataclass(frozen=True)
class Told:
    """What the rules say of an item, in a sentence, and which rules."""

    sentence: str
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A held order with why it is: a word and a sentence each. `by_home`: some of it counts what the address got."""

    order: Order
    why: tuple[tuple[str, str], ...]
    by_home: bool
    rules: tuple[Told, ...]
    cases: tuple[Cases, ...]  # of a group
    is_group: bool
    here: Mapping[int, int]  # of a group: units by item id that one warehouse can send to its state today
    plan: Person | None = None  # who asks for a group and why, once somebody asked to read it


@blueprint.get("")
def held() -> ResponseReturnValue:
    """What waits for a person, oldest first."""
    return _page()


@blueprint.post("/<number>/release")
def release(number: str) -> ResponseReturnValue:
    """Yes: it is checked once more and goes on, unless the law forbids it."""
    order = _own_order(number)
    try:
        _why, reason = _reason("yes", TO_RELEASE)
        triage.release(db.session(), order, reason=reason, by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(f"Order {order.number} goes on. It is checked again within seconds; what the law forbids comes back.")


@blueprint.post("/<number>/decline")
def decline(number: str) -> ResponseReturnValue:
    """No, with a reason for the record."""
    order = _own_order(number)
    try:
        why, reason = _reason("no", NOT_TO_GROUPS if signals.is_group(order) else TO_DECLINE)
        triage.decline(db.session(), order, reason=reason, why=why, by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(f"Order {order.number} is declined. Its status page says so, and where else to ask.")


@blueprint.post("/<number>/plan")
def plan(number: str) -> ResponseReturnValue:
    """Who asks for a group, how to ask them, and what they plan, after a line in the record. Not where it goes."""
    order, keys = _own_order(number), Keys.of(current_settings())
    try:
        if order.status != Status.HELD:
            raise workflow.AlreadyMoved(number=order.number, status=order.status)
        if not signals.is_group(order):
            raise approval.NoGroup(number=order.number)
        who, at = current_user.username, clock.now()
        person = identity.view(db.session(), order, keys, task=Task.PLAN, by=who, at=at)
    except Refusal as refusal:
        return _refused(number, refusal)
    return _page(number=order.number, plan=person)


@blueprint.post("/<number>/approve")
def approve(number: str) -> ResponseReturnValue:
    """Yes to a group, to all the cases or to fewer; it is checked once more and goes on, unless the law forbids it."""
    order, keys = _own_order(number), Keys.of(current_settings())
    typed = {name.removeprefix("cases-"): text for name, text in request.form.items() if name.startswith("cases-")}
    try:
        _why, reason = _reason("yes", TO_APPROVE)
        approval.approve(db.session(), order, keys, typed, reason=reason, by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(
        f"Order {order.number} is approved. It is checked again within seconds; what the law forbids comes back."
    )


@blueprint.post("/<number>/shared")
def shared(number: str) -> ResponseReturnValue:
    """Many share this address, so nothing is counted for it; the order is checked again."""
    order, keys = _own_order(number), Keys.of(current_settings())
    try:
        household.mark_shared(db.session(), order, keys, by=current_user.username, at=clock.now())
    except Refusal as refusal:
        return _refused(number, refusal)
    return _done(f"The address of order {order.number} counts as shared for some weeks. It is checked again now.")


def _reason(answer: str, known: Mapping[str, str]) -> tuple[str, str]:
    """The reason chosen from the list for `answer` (yes, no), and its text for the record with what was written."""
    chosen, text = request.form.get("why", ""), reasons.checked(request.form.get("reason", "")[:200])
    said, _, why = chosen.partition("-")
    if chosen and (said != answer or why not in known):
        wanted = "releasing" if answer == "yes" else "declining"
        raise InvalidInput(field="why", problem=f"The reason you chose is not one for {wanted} it. Choose again.")
    if why in ("", "other"):
        if not text:
            problem = (
                "Say why in the field beside it." if why else "Choose a reason, or say one in the field beside it."
            )
            raise InvalidInput(field="reason" if why else "why", problem=problem)
        return "other", text
    return why, f"{known[why]}. {text}".strip()


def _done(sentence: str) -> ResponseReturnValue:
    db.session.commit()
    flash(sentence, "success")
    return redirect(url_for("review.held"), code=303)


def _refused(number: str, refusal: Refusal) -> ResponseReturnValue:
    db.session.rollback()
    return _page(number=number.upper(), problem=str(refusal)), refusal.status


def _page(number: str = "", problem: str = "", plan: Person | None = None) -> str:
    orders = _held()
    units = stock.usable(db.session(), clock.today()) if any(map(signals.is_group, orders)) else {}
    sites = shelves.own_sites(db.session()) if units else ()
    return render_template(
        "review/held.html",
        cases=[_case(order, units, sites, plan if order.number == number else None) for order in orders],
        to_release=TO_RELEASE,
        to_decline=TO_DECLINE,
        to_approve=TO_APPROVE,
        not_to_groups=NOT_TO_GROUPS,
        number=number,
        problem=problem,
        reason=request.form.get("reason", ""),
        why=request.form.get("why", ""),
    )


def _case(order: Order, units: Usable, sites: Sequence[Site], plan: Person | None) -> Case:
    found: Sequence[Finding] = signals.told(order)
    why = [("Group" if one.sentence == signals.IN_BULK else KINDS.get(one.sign, "Look"), one.sentence) for one in found]
    if order.note and not any(order.note.startswith(one.sentence[:100]) for one in found):
        why.insert(0, ("Address" if order.note.startswith(triage.UNCHECKED) else "Rules", order.note))
    by_home, is_group = any(one.sign in HOMES for one in found), signals.is_group(order)
    here = _here(order, units, sites) if is_group else {}
    return Case(order, tuple(why), by_home, tuple(_told(order)), tuple(cases.of_order(order)), is_group, here, plan)


def _here(order: Order, units: Usable, sites: Sequence[Site]) -> dict[int, int]:
    """What can go to the state of an order today, in units by item id, from the warehouse that has most of it.

    An order leaves from one warehouse.
    """
    found = {}
    for line in order.lines:
        pools = [units.get((site.id, line.item_id), {}) for site in shelves.senders(sites, order.state, line.item_id)]
        sums = (sum(count for states, count in pool.items() if not states or order.state in states) for pool in pools)
        found[line.item_id] = max(sums, default=0)
    return found


def _told(order: Order) -> Iterator[Told]:
    names = {line.item.code: line.item.name for line in order.lines}
    for code, decided in (order.decision or {}).items():
        rules = tuple(decided.get("rules") or ())
        if rules and decided["effect"] in SAYS:
            more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
            says = SAYS[decided["effect"]][len(rules) > 1]
            yield Told(f"{names.get(code, code)}: rule {rules[0]}{more} {says}.", rules)


def _held() -> Sequence[Order]:
    """Held orders of this person's warehouse and states, and those that have no warehouse yet."""
    own = scope.of(db.session(), current_user, unplaced=True)
    return [order for order in triage.held(db.session()) if own.covers(order)]


def _own_order(number: str) -> Order:
    return queries.by_number(db.session(), number, scope.of(db.session(), current_user, unplaced=True))

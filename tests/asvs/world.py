"""What several checks need: both surfaces at their own host names, and a box ready for the post."""

import re
from datetime import date

from flask import Flask
from sqlalchemy import func, select

from distro import clock
from distro.app import routes
from distro.audit import AuditEntry
from distro.auth import StaffSession
from orders import workflow
from orders.models import Order
from tests.depot import Depot

PUBLIC, STAFF = "https://supplies.example.org", "https://depot.example.org"


def public_paths(app: Flask) -> list[str]:
    """An address of every page for participants, in both languages, and one that leads nowhere."""
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(("en.", "es."))]
    return [path_of(rule.rule) for rule in ours] + ["/nowhere"]


def guarded(app: Flask, method: str) -> list[str]:
    """An address of every page that only staff may reach, by this method."""
    staff = [row for row in routes(app) if row["guard"] not in ("none", None)]
    return [path_of(str(row["path"])) for row in staff if method in row["methods"]]  # type: ignore[operator]


def path_of(rule: str) -> str:
    """An address that a rule answers: `/desk/<number>` -> `/desk/1`."""
    return re.sub(r"<[^>]+>", "1", rule)


def counted(depot: Depot) -> list[int | None]:
    """How long the record is, how many sessions there are, and how many orders."""
    depot.session.expire_all()
    return [depot.session.scalar(select(func.count(one.id))) for one in (AuditEntry, StaffSession, Order)]


def labelled(depot: Depot) -> Order:
    """An order of two boxes that is packed and has its label."""
    order, session, packer = depot.allocated({"naloxone-nasal": 2}), depot.session, depot.user("packer")
    for allocation in order.allocations:
        for _ in range(allocation.quantity):
            workflow.pick(session, order, allocation.lot.number, packer=packer, today=clock.today())
    workflow.pack(session, order, packer=packer, today=clock.today())
    workflow.note_label(session, order, at=clock.now())
    session.commit()
    return order


def ship(depot: Depot, order: Order, today: date | None = None) -> None:
    """Hand it to the post."""
    workflow.ship(depot.session, order, by="packer", at=clock.now(), today=today or clock.today())

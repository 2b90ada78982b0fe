"""A depot with something of everything in it, so that every page has its forms: what is scanned."""

from datetime import timedelta

from sqlalchemy import select

from distro import clock
from geo import credentials, drafts, publish, referrals
from orders import workflow
from orders.models import Order, Status
from tests.depot import Depot

HELD = 60  # requests that wait for a person; a decision uses one up
PICKED = 3  # requests at each step of packing

STAFF = ("packer", "manager", "reviewer", "admin")


def furnish(depot: Depot) -> None:
    """Lots, requests at each step, a paper, referrals, and a draft of the rules; commits."""
    session, now = depot.session, clock.now()
    for item, site in (("naloxone-nasal", "OH"), ("fentanyl-strips", "OH"), ("syringe-kit", "MN")):
        depot.shelve(item, 400, site=site, lot=f"LOT-{item[:3].upper()}")
    for _ in range(HELD):
        depot.request({"syringe-kit": 1}, zip="10001", state="NY")
    for _ in range(3 * PICKED):
        depot.request({"naloxone-nasal": 1})
    depot.settle()
    _pack(depot)
    referrals.seed(session, now)
    credentials.record(
        session,
        kind="program:OH",
        title="Sample certificate",
        number="SAMPLE-1",
        issuer="Sample health department",
        sites=["OH"],
        places=["OH"],
        items=["smoking-kit"],
        valid_from=now.date(),
        expires_on=now.date() + timedelta(days=45),
        note="Made up.",
        by="manager",
        at=now,
    )
    drafts.copy(session, publish.in_force(session, now.date()), by="manager", at=now)
    session.commit()


def _pack(depot: Depot) -> None:
    """Some orders in hand, and some packed."""
    session, packer, today = depot.session, depot.user("packer"), clock.today()
    ready = session.scalars(select(Order).where(Order.status == Status.ALLOCATED)).all()
    for number, order in enumerate(ready[: 2 * PICKED]):
        workflow.claim(session, order, packer)
        if number < PICKED:
            continue
        for allocation in order.allocations:
            workflow.pick(session, order, allocation.lot.number, packer=packer, today=today)
        workflow.pack(session, order, packer=packer, today=today)
    session.commit()

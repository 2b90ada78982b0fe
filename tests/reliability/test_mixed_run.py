"""Two thousand orders of every kind of luck, and then the books must balance."""

from collections import Counter
from datetime import timedelta
from random import Random

from sqlalchemy import select, update

from distro import audit, clock
from inventory import ledger
from inventory.models import Balance
from inventory.receiving import receive_lot
from orders import retention, triage, workflow
from orders.models import Order, Status
from tests.conftest import Cli
from tests.depot import Depot

ORDERS = {"sqlite": 2_000, "postgresql": 600}  # the same code and ledger; there the way is longer, not harder
PLACES = (("43215", "OH"), ("55401", "MN"), ("10001", "NY"), ("42223", "TN"))
WISHES = (
    {"naloxone-nasal": 1},
    {"naloxone-nasal": 2, "fentanyl-strips": 1},
    {"wound-care-kit": 1},
    {"syringe-kit": 1, "naloxone-nasal": 1},
)


def live(depot: Depot, random: Random) -> Counter[str]:
    """Ask, triage, pack, ship, cancel, erase, miss, count and receive, hundreds of orders long."""
    fates: Counter[str] = Counter()
    for number in range(ORDERS[depot.session.get_bind().dialect.name]):
        if number % 100 == 0:
            _deliver(depot, random, number)
            desk = depot.desk()  # as the scheduler has it: one for a batch
        zip, state = random.choice(PLACES)
        order = depot.request(random.choice(WISHES), zip=zip, state=state)
        triage.settle(depot.session, order, desk)
        fates[_let_happen(depot, random, order)] += 1
        depot.session.commit()
    return fates


def _deliver(depot: Depot, random: Random, number: int) -> None:
    for site in ("OH", "MN"):
        for item in ("naloxone-nasal", "fentanyl-strips", "wound-care-kit", "syringe-kit"):
            receive_lot(
                depot.session,
                item=depot.item(item),
                number=f"{site}{number}",
                expires_on=clock.today() + timedelta(days=random.randrange(30, 900)),
                fund=depot.fund(),
                bin=depot.bin(site, random.choice(["A-01", "B-01"])),
                quantity=random.randrange(10, 60),
                document=f"DEL-{number}",
                by="packer",
                at=clock.now(),
            )


def _let_happen(depot: Depot, random: Random, order: Order) -> str:
    session, now, luck = depot.session, clock.now(), random.random()
    packer = depot.user("packer")
    if order.status != Status.ALLOCATED:
        if luck < 0.3:
            retention.erase(session, order, at=now)
            return "erased"
        return str(order.status)
    if luck < 0.1:
        workflow.cancel(session, order, by="participant", at=now)
        return "cancelled"
    for allocation in list(order.allocations):
        for _ in range(allocation.quantity):
            workflow.take(session, allocation, packer=packer, today=now.date())
    if luck < 0.15:
        workflow.report_missing(session, order.allocations[0], found=0, by="packer", at=now, today=now.date())
        return "missing"
    if luck < 0.2:
        workflow.unclaim(session, order)
        return "put back"
    if luck < 0.25:
        workflow.hold(session, order, note="The rule changed.", at=now)
        return "barred"
    workflow.pack(session, order, packer=packer, today=now.date())
    workflow.note_label(session, order, at=now)
    workflow.ship(session, order, by="packer", at=now, today=now.date())
    return "shipped"


def test_the_books_balance(depot: Depot, cli_process: Cli) -> None:
    fates = live(depot, Random(7))
    assert min(fates[fate] for fate in ("shipped", "cancelled", "missing", "put back", "barred", "erased")) > 10, fates
    told = cli_process("stock", "verify")
    assert told.returncode == 0, told.stdout
    assert audit.verify(depot.session).broken is None
    reserved = {balance.id: balance.reserved for balance in depot.session.scalars(select(Balance))}
    for order in depot.session.scalars(select(Order).where(Order.status == Status.ALLOCATED)):
        for allocation in order.allocations:
            row = depot.session.scalars(
                select(Balance).where(Balance.lot_id == allocation.lot_id, Balance.bin_id == allocation.bin_id)
            ).one()
            reserved[row.id] -= allocation.quantity
    assert set(reserved.values()) == {0}  # what is promised is promised to an open order, unit for unit

    # The control: a balance doctored behind the ledger's back is named, and the exit status says so.
    wrong = depot.session.scalars(select(Balance).where(Balance.on_hand > 0)).first()
    assert wrong is not None
    depot.session.execute(update(Balance).where(Balance.id == wrong.id).values(on_hand=wrong.on_hand + 1))
    told = cli_process("stock", "verify")
    assert told.returncode == 1 and wrong.lot.number in told.stdout
    assert len(list(ledger.differences(depot.session))) == 1

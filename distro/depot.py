"""A believable made-up depot for the demo: the catalog of `data/demo-catalog.yaml`, and lots in its bins.

Every name and address is invented. Expiry dates are counted from the day the demo is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo import credentials
from inventory import catalog, catalogfile
from inventory.catalogfile import Catalog
from inventory.kits import assemble
from inventory.models import Bin, Fund, Item, Site
from inventory.receiving import receive_lot

CATALOG = Path(__file__).parent / "data" / "demo-catalog.yaml"
UNITS = {  # at the start of the twelve weeks, in two lots; 120 where nothing is said
    ("OH", "naloxone-nasal"): 212,
    ("OH", "fentanyl-strips"): 260,
    ("MN", "naloxone-nasal"): 300,
    ("MN", "sharps-container"): 300,
    ("NM", "naloxone-nasal"): 140,
    ("NM", "fentanyl-strips"): 60,
    **{(site, "xylazine-strips"): 0 for site in ("MN", "NM")},  # out, so that who asks for them waits
    **{("MN", part): 6_000 for part in ("syringe-27g", "alcohol-pad", "sterile-water")},
    **{("MN", part): 0 for part in ("syringe-29g", "syringe-30g")},  # the first comes below; the other is out
}


@dataclass(frozen=True)
class Delivery:
    """One lot to receive."""

    site: str
    item: str
    fund: str
    quantity: int
    days_left: int


def build(session: Session, *, at: datetime) -> None:
    """Load the demo catalog, receive about forty lots and record one paper, at `at`."""
    catalog.load(session, CATALOG, by="demo", at=at)
    items = {item.code: item for item in session.scalars(select(Item))}
    funds = {fund.code: fund for fund in session.scalars(select(Fund))}
    bins: dict[str, list[Bin]] = {}
    for site, bin in session.execute(select(Site.code, Bin).join(Bin.site).order_by(Bin.id)):
        bins.setdefault(site, []).append(bin)
    file = catalogfile.read(CATALOG.read_text(encoding="utf-8"))
    for number, delivery in enumerate(deliveries(file)):
        receive_lot(
            session,
            item=items[delivery.item],
            number=f"{delivery.item[:2].upper()}{delivery.site}{100 + number}",
            expires_on=at.date() + timedelta(days=delivery.days_left),
            fund=funds[delivery.fund],
            bin=bins[delivery.site][number % len(bins[delivery.site])],
            quantity=delivery.quantity,
            document=f"DEL-{1000 + number}",
            by="demo",
            at=at,
        )
    session.expire_all()
    for kit, lot, quantity in (("syringe-kit", "KITMN001", 100), ("syringe-kit-29g", "KITMN002", 40)):
        assemble(
            session,
            kit=items[kit],
            number=lot,
            fund=funds["STATE"],
            bin=bins["MN"][0],
            quantity=quantity,
            by="demo",
            at=at,
        )
    credentials.record(
        session,
        kind="program:NM",
        title="Sample certificate of a harm reduction program",
        number="SAMPLE-1",
        issuer="Sample state health department",
        sites=["NM"],
        places=["NM"],
        items=["smoking-kit"],
        valid_from=at.date(),
        expires_on=at.date() + timedelta(days=84 + 45),  # in 45 days, so that the demo shows a paper that ends soon
        note="Made up for the demo.",
        by="demo",
        at=at,
    )


def deliveries(file: Catalog) -> Iterator[Delivery]:
    """What stands in the demo's shelves: two lots of what a site sends, some federally paid, and two about to go."""
    random = Random(2026)
    federal = next(fund["item_codes"] for fund in file.funds if fund["code"] == "FED")
    for site, code in ((one["code"], code) for one in file.sites for code in one["stocks"]):
        units = 0 if code in file.kits else UNITS.get((site, code), 120)
        if units:
            fund = "FED" if code in federal else "STATE"
            # The older lot leaves first; it still has to outlive the demo's twelve weeks of history.
            yield Delivery(site, code, fund, units // 2, random.randrange(240, 400))
            yield Delivery(site, code, "STATE", units // 2, random.randrange(500, 1_100))
    yield Delivery("OH", "wound-care-kit", "STATE", 40, 84 + 40)  # too little life left to be sent today
    yield Delivery("NM", "hygiene-kit", "STATE", 12, 84 - 14)  # expired two weeks ago
    yield Delivery("MN", "syringe-29g", "STATE", 3_000, 900)

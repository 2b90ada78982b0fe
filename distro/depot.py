"""A believable made-up depot for the demo: sites, items, kits, funds, lots and staff, made through the use-cases.

Every name and address is invented. Expiry dates are counted from the day the demo is made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy.orm import Session

from inventory.kits import assemble
from inventory.models import Bin, Fund, Item, KitComponent, Site, SiteItem
from inventory.receiving import receive_lot

ITEMS: list[dict[str, Any]] = [
    {
        "code": "naloxone-nasal",
        "letter": "A",
        "unit": "boxes of 2 doses",
        "most_per_request": 3,
        "min_life_days": 90,
        "gtin": "00300000000018",
        "name": "Naloxone nasal spray",
        "name_es": "Naloxona en aerosol nasal",
        "detail": "Reverses an opioid overdose. 2 doses of 4 mg.",
        "detail_es": "Revierte una sobredosis de opioides. 2 dosis de 4 mg.",
    },
    {
        "code": "naloxone-im",
        "letter": "B",
        "unit": "kits of 2 vials",
        "min_life_days": 90,
        "name": "Naloxone to inject",
        "name_es": "Naloxona inyectable",
        "detail": "Reverses an opioid overdose. 2 vials and 2 syringes.",
        "detail_es": "Revierte una sobredosis de opioides. 2 frascos y 2 jeringas.",
    },
    {
        "code": "fentanyl-strips",
        "letter": "C",
        "unit": "packs of 10",
        "most_per_request": 3,
        "name": "Fentanyl test strips",
        "name_es": "Tiras para detectar fentanilo",
        "detail": "Show if fentanyl is there. Pack of 10.",
        "detail_es": "Muestran si hay fentanilo. Paquete de 10.",
    },
    {
        "code": "xylazine-strips",
        "letter": "D",
        "unit": "packs of 10",
        "most_per_request": 3,
        "name": "Xylazine test strips",
        "name_es": "Tiras para detectar xilacina",
        "detail": "Show if xylazine is there. Pack of 10.",
        "detail_es": "Muestran si hay xilacina. Paquete de 10.",
    },
    {
        "code": "syringe-kit",
        "letter": "E",
        "unit": "kits",
        "name": "Syringe kit",
        "name_es": "Kit de jeringas",
        "detail": "30 new syringes, swabs, water and a box for used ones.",
        "detail_es": "30 jeringas nuevas, toallitas, agua y una caja para las usadas.",
    },
    {
        "code": "smoking-kit",
        "letter": "F",
        "unit": "kits",
        "name": "Safer smoking kit",
        "name_es": "Kit para fumar con menos riesgo",
        "detail": "Mouthpieces, screens and lip balm.",
        "detail_es": "Boquillas, filtros y bálsamo para labios.",
    },
    {
        "code": "wound-care-kit",
        "letter": "G",
        "unit": "kits",
        "name": "Wound care kit",
        "name_es": "Kit para curar heridas",
        "detail": "Dressings, tape, saline and gloves.",
        "detail_es": "Vendas, cinta, solución salina y guantes.",
    },
    {
        "code": "sharps-container",
        "letter": "H",
        "unit": "containers",
        "min_life_days": 0,
        "name": "Sharps container",
        "name_es": "Recipiente para agujas usadas",
        "detail": "A hard box for used needles, 1 quart.",
        "detail_es": "Una caja dura para agujas usadas, 1 litro.",
    },
    {
        "code": "hygiene-kit",
        "letter": "J",
        "unit": "kits",
        "min_life_days": 30,
        "name": "Hygiene kit",
        "name_es": "Kit de higiene",
        "detail": "Soap, toothbrush, wipes and socks.",
        "detail_es": "Jabón, cepillo de dientes, toallitas y calcetines.",
    },
    {
        "code": "syringe-27g",
        "letter": "S",
        "unit": "syringes",
        "requestable": False,
        "name": "Syringe 27G 1 mL",
        "name_es": "Jeringa 27G 1 mL",
        "detail": "Part of the syringe kit.",
        "detail_es": "Parte del kit de jeringas.",
    },
    {
        "code": "alcohol-pad",
        "letter": "T",
        "unit": "pads",
        "requestable": False,
        "name": "Alcohol pad",
        "name_es": "Toallita con alcohol",
        "detail": "Part of kits.",
        "detail_es": "Parte de los kits.",
    },
    {
        "code": "sterile-water",
        "letter": "W",
        "unit": "vials",
        "requestable": False,
        "name": "Sterile water 3 mL",
        "name_es": "Agua estéril 3 mL",
        "detail": "Part of the syringe kit.",
        "detail_es": "Parte del kit de jeringas.",
    },
]
KITS = {"syringe-kit": {"syringe-27g": 30, "alcohol-pad": 30, "sterile-water": 30, "sharps-container": 1}}
SITES: list[dict[str, Any]] = [
    {
        "code": "OH",
        "name": "Columbus",
        "state": "OH",
        "latitude": 39.96,
        "longitude": -83.0,
        "zone": "America/New_York",
    },
    {
        "code": "MN",
        "name": "Minneapolis",
        "state": "MN",
        "latitude": 44.98,
        "longitude": -93.27,
        "zone": "America/Chicago",
    },
    {
        "code": "NM",
        "name": "Albuquerque",
        "state": "NM",
        "latitude": 35.08,
        "longitude": -106.65,
        "zone": "America/Denver",
    },
]
SHIPS_TO = {  # each serves its part of the country; Minneapolis also helps out in Michigan and Indiana
    "OH": "OH IN MI KY WV PA NY NJ CT RI MA VT NH ME DE MD DC VA NC SC GA FL AL TN MS PR VI AA AE AP",
    "MN": "MN WI IA IL MO ND SD NE KS AR LA OK MI IN",
    "NM": "NM CO AZ UT NV CA OR WA ID MT WY TX AK HI GU AS MP FM MH PW",
}
RETURN_LINES = {
    "OH": ["Supply Desk", "PO Box 1000", "Columbus, OH 43216"],
    "MN": ["Supply Desk", "PO Box 2000", "Minneapolis, MN 55401"],
    "NM": ["Supply Desk", "PO Box 3000", "Albuquerque, NM 87103"],
}
BINS = ["A-01", "A-02", "A-03", "B-01", "B-02", "C-01"]
PARTS = ["syringe-27g", "alcohol-pad", "sterile-water"]
EVERYWHERE = [
    "naloxone-nasal",
    "fentanyl-strips",
    "xylazine-strips",
    "wound-care-kit",
    "sharps-container",
    "hygiene-kit",
]
STOCKED = {
    "OH": EVERYWHERE,
    "MN": [*EVERYWHERE, "naloxone-im", "syringe-kit", "smoking-kit", *PARTS],
    "NM": [*EVERYWHERE, "smoking-kit"],
}
UNITS = {  # at the start of the twelve weeks, in two lots; 120 where nothing is said
    ("OH", "naloxone-nasal"): 212,
    ("OH", "fentanyl-strips"): 260,
    ("MN", "naloxone-nasal"): 300,
    ("MN", "sharps-container"): 300,
    ("NM", "naloxone-nasal"): 140,
    ("NM", "fentanyl-strips"): 60,
    **{(site, "xylazine-strips"): 0 for site in ("OH", "MN", "NM")},  # out, so that who asks for them waits
    **{("MN", part): 6_000 for part in PARTS},
}
FUNDS: list[dict[str, Any]] = [
    {"code": "STATE", "name": "State opioid settlement", "item_codes": [], "states": []},
    {
        "code": "FED",
        "name": "Federal grant",
        # What SAMHSA's letter of 2026-04-24 leaves: no strips, syringes or smoking kits from federal grant money.
        "item_codes": ["naloxone-nasal", "naloxone-im", "wound-care-kit", "sharps-container", "hygiene-kit"],
        "states": [],
    },
]
LEAD_DAYS = {"naloxone-nasal": 21, "naloxone-im": 28, "fentanyl-strips": 14, "xylazine-strips": 21}


@dataclass(frozen=True)
class Delivery:
    """One lot to receive."""

    site: str
    item: str
    fund: str
    quantity: int
    days_left: int


def build(session: Session, *, at: datetime) -> None:
    """Make items, kits, sites, bins, funds and about forty lots, received at `at`."""
    items = {item["code"]: Item(position=place, **item) for place, item in enumerate(ITEMS)}
    sites = {
        site["code"]: Site(ships_to=SHIPS_TO[site["code"]].split(), return_lines=RETURN_LINES[site["code"]], **site)
        for site in SITES
    }
    funds = {fund["code"]: Fund(**fund) for fund in FUNDS}
    session.add_all([*items.values(), *sites.values(), *funds.values()])
    session.flush()
    bins = {}
    for code, site in sites.items():
        bins[code] = [Bin(site_id=site.id, code=bin) for bin in BINS]
        session.add_all(bins[code])
        for item_code in STOCKED[code]:
            lead = LEAD_DAYS.get(item_code, 10)
            session.add(SiteItem(site_id=site.id, item_id=items[item_code].id, lead_time_days=lead, safety_days=7))
    for kit, parts in KITS.items():
        for part, units in parts.items():
            session.add(KitComponent(kit_id=items[kit].id, component_id=items[part].id, quantity=units))
    session.flush()
    for number, delivery in enumerate(deliveries()):
        receive_lot(
            session,
            item=items[delivery.item],
            number=f"{delivery.item[:2].upper()}{delivery.site}{100 + number}",
            expires_on=at.date() + timedelta(days=delivery.days_left),
            fund=funds[delivery.fund],
            bin=bins[delivery.site][number % len(BINS)],
            quantity=delivery.quantity,
            document=f"DEL-{1000 + number}",
            by="demo",
            at=at,
        )
    session.expire_all()
    assemble(
        session,
        kit=items["syringe-kit"],
        number="KITMN001",
        fund=funds["STATE"],
        bin=bins["MN"][0],
        quantity=100,
        by="demo",
        at=at,
    )


def deliveries() -> Iterator[Delivery]:
    """What stands in the demo's shelves: two lots of what a site sends, some federally paid, and two about to go."""
    random = Random(2026)
    for site, codes in STOCKED.items():
        for code in codes:
            units = 0 if code in KITS else UNITS.get((site, code), 120)
            if units:
                fund = "FED" if code in FUNDS[1]["item_codes"] else "STATE"
                # The older lot leaves first; it still has to outlive the demo's twelve weeks of history.
                yield Delivery(site, code, fund, units // 2, random.randrange(240, 400))
                yield Delivery(site, code, "STATE", units // 2, random.randrange(500, 1_100))
    yield Delivery("OH", "wound-care-kit", "STATE", 40, 84 + 40)  # too little life left to be sent today
    yield Delivery("NM", "hygiene-kit", "STATE", 12, 84 - 14)  # expired two weeks ago

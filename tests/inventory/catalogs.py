"""A small made-up catalog, and ways to load it."""

from typing import Any

import pytest
import yaml
from sqlalchemy.orm import Session

from distro import clock
from inventory import catalog
from inventory.catalogfile import CatalogWrong


def small() -> dict[str, Any]:
    """A complete file: two items, one a kit of the other, two sites, one fund."""
    item = {"unit": "boxes", "name": "Sample spray", "name_es": "Aerosol de muestra"}
    site = {"state": "OH", "latitude": 39.96, "longitude": -83.0, "zone": "America/New_York", "ships_to": []}
    site |= {"return_lines": ["Supply Desk"], "bins": ["A-01", "A-02"]}
    days = {"lead_time_days": 14, "safety_days": 7}
    return {
        "items": [
            {**item, "code": "spray", "letter": "A", "gtin": "00300000000018"},
            {**item, "code": "spray-kit", "letter": "B", "requestable": False},
        ],
        "kits": {"spray-kit": {"spray": 2}},
        "sites": [
            {**site, "code": "OH", "name": "Sampleton", "stocks": {"spray": dict(days), "spray-kit": dict(days)}},
            {**site, "code": "MN", "name": "Exampleville", "stocks": {"spray": dict(days)}},
        ],
        "funds": [{"code": "OPEN", "name": "Open fund", "item_codes": ["spray"], "states": ["OH"]}],
    }


def load(session: Session, data: object) -> catalog.Counts:
    text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
    return catalog.load(session, text, by="admin", at=clock.now())


def refused(session: Session, data: object) -> str:
    with pytest.raises(CatalogWrong) as caught:
        load(session, data)
    return str(caught.value)

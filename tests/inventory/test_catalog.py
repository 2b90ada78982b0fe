from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import clock, depot
from distro.audit import AuditEntry
from inventory import catalog, catalogfile
from inventory.ledger import Document, adjust
from inventory.models import Alert, Balance, Bin, Fund, Item, KitComponent, Site, SiteItem
from inventory.receiving import receive_lot
from tests.inventory.catalogs import load, refused, small

EXAMPLE = Path(__file__).parents[2] / "docs" / "catalog.md"


def one(session: Session, model: Any, code: str) -> Any:
    return session.scalars(select(model).where(model.code == code)).one()


def shelve(session: Session, *, site: str, item: str, quantity: int) -> Balance:
    """Goods received in the site's first bin."""
    bin = session.scalars(select(Bin).join(Bin.site).where(Site.code == site).order_by(Bin.id)).first()
    assert bin
    receive_lot(
        session,
        item=one(session, Item, item),
        number="LOT1",
        expires_on=clock.today() + timedelta(days=400),
        fund=one(session, Fund, "OPEN"),
        bin=bin,
        quantity=quantity,
        document="DEL-1",
        by="admin",
        at=clock.now(),
    )
    return session.scalars(select(Balance).where(Balance.bin_id == bin.id)).one()


def test_an_empty_database_is_set_up_from_one_file(session: Session) -> None:
    counts = load(session, small())
    assert str(counts) == "Items: 2, kits: 1, sites: 2, bins: 4, funds: 1. Added 13, changed 0, removed 0."
    spray, kit, site = one(session, Item, "spray"), one(session, Item, "spray-kit"), one(session, Site, "OH")
    assert (spray.letter, spray.gtin, spray.most_per_request, spray.min_life_days) == ("A", "00300000000018", 2, 60)
    assert (spray.requestable, kit.requestable) == (True, False)
    assert session.scalars(select(KitComponent)).one().quantity == 2
    assert (site.zone, site.ships_to, site.return_lines) == ("America/New_York", [], ["Supply Desk"])
    assert site.may_send({spray.id, kit.id}, "TN")
    assert one(session, Fund, "OPEN").item_codes == ["spray"]


def test_goods_can_be_received_right_after(session: Session) -> None:
    load(session, small())
    assert shelve(session, site="MN", item="spray", quantity=24).on_hand == 24


def test_loading_is_in_the_record_once(session: Session) -> None:
    counts = load(session, small())
    entry = session.scalars(select(AuditEntry)).one()
    assert (entry.actor, entry.action, entry.subject, entry.reason) == ("admin", "load catalog", "CATALOG", str(counts))


def test_loading_again_changes_nothing(session: Session) -> None:
    load(session, small())
    before = catalog.dump(session)
    counts = load(session, small())
    assert (counts.added, counts.changed, counts.removed) == (0, 0, 0)
    assert catalog.dump(session) == before


def test_what_is_written_back_loads_without_a_change(session: Session) -> None:
    catalog.load(session, depot.CATALOG, by="demo", at=clock.now())
    written = catalog.dump(session)
    counts = load(session, written)
    assert (counts.added, counts.changed, counts.removed) == (0, 0, 0)
    assert catalog.dump(session) == written
    assert catalogfile.read(written) == catalogfile.read(depot.CATALOG.read_text(encoding="utf-8"))


def test_names_limits_and_new_rows_are_taken_over(session: Session) -> None:
    load(session, small())
    data = small()
    data["items"][0] |= {"name": "New name", "most_per_request": 5, "gtin": None}
    data["kits"]["spray-kit"]["spray"] = 3
    data["sites"][0] |= {"ships_to": ["OH", "KY"], "bins": ["C-01"]}
    data["sites"][0]["stocks"]["spray"]["lead_time_days"] = 30
    data["funds"].append({"code": "STATE", "name": "State", "item_codes": [], "states": []})
    counts = load(session, data)
    assert (counts.added, counts.changed, counts.removed) == (2, 4, 0)
    spray, site = one(session, Item, "spray"), one(session, Site, "OH")
    assert (spray.name, spray.most_per_request, spray.gtin) == ("New name", 5, None)
    assert session.scalars(select(KitComponent)).one().quantity == 3
    assert site.ships_to == ["OH", "KY"]
    assert session.get_one(SiteItem, (site.id, spray.id)).lead_time_days == 30
    bins = session.scalars(select(Bin.code).where(Bin.site_id == site.id).order_by(Bin.id)).all()
    assert bins == ["A-01", "A-02", "C-01"]


def test_what_a_file_does_not_list_stays(session: Session) -> None:
    load(session, small())
    before = catalog.dump(session)
    counts = load(session, {"funds": small()["funds"]})
    assert (counts.items, counts.funds, counts.changed) == (0, 1, 0)
    assert catalog.dump(session) == before


def test_a_file_may_name_what_was_loaded_before(session: Session) -> None:
    load(session, small())
    item = {**small()["items"][0], "code": "spray-box", "letter": "C", "gtin": None}
    load(session, {"items": [item], "kits": {"spray-box": {"spray": 4}}})
    assert session.scalar(select(func.count()).select_from(KitComponent)) == 2


def test_a_part_that_is_no_longer_listed_leaves_its_kit(session: Session) -> None:
    data = small()
    data["items"].append({**data["items"][0], "code": "pad", "letter": "C", "gtin": None})
    data["kits"]["spray-kit"]["pad"] = 1
    load(session, data)
    del data["kits"]["spray-kit"]["pad"]
    assert load(session, data).removed == 1
    assert yaml.safe_load(catalog.dump(session))["kits"] == {"spray-kit": {"spray": 2}}


def test_a_site_stops_sending_what_it_has_none_of_and_its_alert_closes(session: Session) -> None:
    load(session, small())
    site, kit = one(session, Site, "OH"), one(session, Item, "spray-kit")
    numbers = {"available": 0, "daily_demand": 1.0, "cover_days": 0.0, "reorder_days": 21, "suggested": 30}
    session.add(Alert(site_id=site.id, item_id=kit.id, opened_at=clock.now(), **numbers))
    data = small()
    del data["sites"][0]["stocks"]["spray-kit"]
    assert load(session, data).removed == 1
    assert not site.may_send({kit.id}, "OH")
    assert session.scalars(select(Alert)).one().closed_at is not None


def test_a_site_does_not_stop_sending_what_stands_there(session: Session) -> None:
    load(session, small())
    balance = shelve(session, site="MN", item="spray", quantity=24)
    data = small()
    data["items"][0]["name"] = "Another name"
    data["sites"][1]["stocks"] = {}
    said = 'sites[1] "MN": "stocks" leaves out spray, and 24 of it stand there. Count them out first, or list it again.'
    assert said in refused(session, data)
    assert one(session, Item, "spray").name == "Sample spray"
    adjust(session, balance.lot, balance.bin, -24, Document("ADJ-1", "admin", clock.now(), reason="counted"))
    assert load(session, data).removed == 1


def test_pages_show_items_as_the_file_lists_them(session: Session) -> None:
    load(session, small())
    data = small()
    new = {**data["items"][0], "code": "pad", "letter": "C", "gtin": None}
    data["items"] = [data["items"][1], new, data["items"][0]]
    load(session, data)
    assert _codes(session) == ["spray-kit", "pad", "spray"]
    load(session, {"items": [{**new, "code": "late", "letter": "D"}, new]})
    assert _codes(session) == ["spray-kit", "late", "pad", "spray"]
    load(session, {"items": [{**new, "code": "last", "letter": "E"}]})
    assert _codes(session) == ["spray-kit", "late", "pad", "spray", "last"]


def _codes(session: Session) -> list[str]:
    return list(session.scalars(select(Item.code).order_by(Item.position, Item.id)))


@pytest.mark.parametrize(("name", "value"), [("letter", "A"), ("gtin", "00300000000018")])
def test_a_letter_or_gtin_of_another_item_is_refused(session: Session, name: str, value: str) -> None:
    load(session, small())
    item = {**small()["items"][1], "code": "pad", "letter": "C", name: value}
    said = f'items[0] "pad": "{name}" {value} is that of spray, which is here already.'
    assert said in refused(session, {"items": [item]})


def test_a_kit_that_would_hold_itself_by_what_was_loaded_before_is_refused(session: Session) -> None:
    load(session, small())
    assert 'kits "spray": contains itself.' in refused(session, {"kits": {"spray": {"spray-kit": 1}}})


def test_the_example_in_the_documentation_can_be_loaded(session: Session) -> None:
    example = EXAMPLE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    counts = load(session, example)
    assert counts.items and counts.kits and counts.sites and counts.funds
    assert load(session, catalog.dump(session)).changed == 0


def test_a_limit_for_one_address_is_loaded_written_back_and_taken_away(session: Session) -> None:
    data = small()
    data["items"][0]["household_limit"] = {"units": 6, "days": 30}
    load(session, data)
    spray = session.scalars(select(Item).where(Item.code == "spray")).one()
    assert (spray.household_most, spray.household_days) == (6, 30)
    assert "household_limit: {units: 6, days: 30}" in catalog.dump(session)
    assert load(session, catalog.dump(session)).changed == 0
    load(session, small())
    assert spray.household_limit is None and spray.household_most is None


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ({"units": 6, "days": 36}, '"household_limit" "days" needs a whole number from 1 to 35.'),
        ({"units": 0, "days": 30}, '"household_limit" "units" needs a whole number from 1 to 1000.'),
        ({"units": 6}, '"household_limit" "days" is missing.'),
        (6, '"household_limit" needs names with values under it.'),
    ],
)
def test_a_wrong_limit_is_named(session: Session, limit: object, told: str) -> None:
    data = small()
    data["items"][0]["household_limit"] = limit
    assert told in refused(session, data)

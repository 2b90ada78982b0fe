"""The catalog: items, kits, sites with their bins, and funds, loaded from one file and written back to one."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import audit
from inventory import catalogfile
from inventory.catalogchecks import Known, entry
from inventory.catalogfile import Catalog, CatalogWrong
from inventory.catalogschema import FundSchema, ItemSchema, SiteSchema
from inventory.models import Alert, Balance, Bin, Fund, Item, KitComponent, Lot, Site, SiteItem

_Row = TypeVar("_Row", Item, Site, Fund)
_Part = TypeVar("_Part", KitComponent, SiteItem)
_OWN_TABLES = {"bins", "stocks"}  # what the file says of a site that is not in its row


@dataclass(frozen=True)
class Counts:
    """What a file lists, and how many rows one load added, changed and removed."""

    items: int
    kits: int
    sites: int
    bins: int
    funds: int
    added: int
    changed: int
    removed: int

    def __str__(self) -> str:
        listed = f"Items: {self.items}, kits: {self.kits}, sites: {self.sites}, bins: {self.bins}, funds: {self.funds}."
        return f"{listed} Added {self.added}, changed {self.changed}, removed {self.removed}."


def load(session: Session, source: Path | str, *, by: str, at: datetime) -> Counts:
    """Bring the catalog to what a YAML file, or its text, says. `by` is a staff username or `system`.

    What the file does not list stays as it is. Within a listed site or kit, an item that is no longer listed is
    no longer sent from there or no longer a part of it. Raises CatalogWrong with each fault by its place, also if
    such an item still stands at the site; then nothing is changed.
    """
    file = catalogfile.read(_text_of(source), _known(session))
    catalogfile.refuse(_still_there(session, file))
    tally: Counter[str] = Counter()
    order = _order([item["code"] for item in file.items], _in_order(session))
    items = _put(session, Item, file.items, tally)
    sites = _put(session, Site, [_own(site) for site in file.sites], tally)
    _put(session, Fund, file.funds, tally)
    for position, code in enumerate(order):
        items[code].position = position
    session.flush()
    known_kits = _kits(session)
    for kit, parts in file.kits.items():
        _put_parts(session, items, items[kit], known_kits.get(items[kit].id, []), parts, tally)
    for site in file.sites:
        _put_bins(session, sites[site["code"]], site["bins"], tally)
        _put_stocks(session, items, sites[site["code"]], site["stocks"], at, tally)
    session.flush()
    counts = Counts(
        items=len(file.items),
        kits=len(file.kits),
        sites=len(file.sites),
        bins=sum(len(site["bins"]) for site in file.sites),
        funds=len(file.funds),
        **{name: tally[name] for name in ("added", "changed", "removed")},
    )
    audit.record(session, actor=by, action="load catalog", subject="CATALOG", reason=str(counts), at=at)
    return counts


def dump(session: Session) -> str:
    """The catalog as a file that `load` reads: loading it changes nothing."""
    items = _in_order(session)
    kits = _kits(session)
    document = {
        "items": [_fields(item, ItemSchema) for item in items],
        "kits": {item.code: _quantities(kits[item.id]) for item in items if item.id in kits},
        "sites": [_site(session, site, items) for site in session.scalars(select(Site).order_by(Site.id))],
        "funds": [_fields(fund, FundSchema) for fund in session.scalars(select(Fund).order_by(Fund.id))],
    }
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


class _Dumper(yaml.SafeDumper):
    """Lists of texts and blocks of numbers on one line, digits that are a name in quotes, no references."""

    def represent_str(self, data: str) -> yaml.ScalarNode:
        return self.represent_scalar("tag:yaml.org,2002:str", data, style='"' if data.isdigit() else None)

    def represent_sequence(self, tag: str, sequence: Any, flow_style: bool | None = None) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, all(isinstance(one, str) for one in sequence))

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, all(isinstance(one, int) for one in mapping.values()))

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(str, _Dumper.represent_str)


def _text_of(source: Path | str) -> str:
    try:
        return source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    except UnicodeDecodeError:
        raise CatalogWrong(problem="The file is not text in UTF-8. Save it as UTF-8.") from None


def _known(session: Session) -> Known:
    items, kits = _in_order(session), _kits(session)
    return Known(
        items={item.code: (item.letter, item.gtin) for item in items},
        kits={item.code: _quantities(kits[item.id]) for item in items if item.id in kits},
        kinds={item.code: (item.family, item.variant) for item in items},
    )


def _kits(session: Session) -> dict[int, list[KitComponent]]:
    """The parts of each kit, by its item id."""
    kits: dict[int, list[KitComponent]] = {}
    for part in session.scalars(select(KitComponent).order_by(KitComponent.id)):
        kits.setdefault(part.kit_id, []).append(part)
    return kits


def _quantities(parts: list[KitComponent]) -> dict[str, int]:
    return {part.component.code: part.quantity for part in parts}


def _still_there(session: Session, file: Catalog) -> list[str]:
    """A sentence for each item that a site would no longer send while some of it stands there."""
    on_hand = (
        select(Site.code, Item.code, func.sum(Balance.on_hand))
        .join(Balance, Balance.site_id == Site.id)
        .join(Lot, Lot.id == Balance.lot_id)
        .join(Item, Item.id == Lot.item_id)
        .join(SiteItem, (SiteItem.site_id == Site.id) & (SiteItem.item_id == Item.id))
        .group_by(Site.code, Item.code)
        .having(func.sum(Balance.on_hand) > 0)
        .order_by(Site.code, Item.code)
    )
    listed = {site["code"]: (place, site["stocks"]) for place, site in enumerate(file.sites)}
    return [
        f'{entry({"sites": file.sites}, "sites", listed[site][0])}: "stocks" leaves out {item}, and {units} of it '
        "stand there. Count them out first, or list it again."
        for site, item, units in session.execute(on_hand)
        if site in listed and item not in listed[site][1]
    ]


def _in_order(session: Session) -> list[Item]:
    return list(session.scalars(select(Item).order_by(Item.position, Item.id)))


def _order(listed: list[str], items: list[Item]) -> list[str]:
    """The item codes as pages show them: as the file lists them, each other one still after the one before it."""
    order, before = list(listed), None
    for item in items:
        if item.code not in listed:
            order.insert(order.index(before) + 1 if before else 0, item.code)
        before = item.code
    return order


def _own(site: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in site.items() if name not in _OWN_TABLES}


def _put(session: Session, model: type[_Row], entries: list[dict[str, Any]], tally: Counter[str]) -> dict[str, _Row]:
    """Add or change rows by code; gives back all rows of the table, by code."""
    rows = {row.code: row for row in session.scalars(select(model))}
    for values in entries:
        if values["code"] in rows:
            _change(rows[values["code"]], values, tally)
        else:
            rows[values["code"]] = _add(session, model(**values), tally)
    return rows


def _add(session: Session, row: Any, tally: Counter[str]) -> Any:
    session.add(row)
    tally["added"] += 1
    return row


def _change(row: Any, values: Mapping[str, Any], tally: Counter[str]) -> None:
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in new.items():
        setattr(row, name, value)
    tally["changed"] += bool(new)


def _match(
    session: Session,
    rows: dict[str, _Part],
    wanted: Mapping[str, Mapping[str, int]],
    make: Callable[[str], _Part],
    tally: Counter[str],
) -> list[_Part]:
    """Add, change and remove the rows of one kit or site, by item code; gives back those removed."""
    for code, values in wanted.items():
        if code in rows:
            _change(rows[code], values, tally)
        else:
            row = _add(session, make(code), tally)
            for name, value in values.items():
                setattr(row, name, value)
    gone = [row for code, row in rows.items() if code not in wanted]
    for row in gone:
        session.delete(row)
    tally["removed"] += len(gone)
    return gone


def _put_parts(
    session: Session,
    items: dict[str, Item],
    kit: Item,
    known: list[KitComponent],
    parts: Mapping[str, int],
    tally: Counter[str],
) -> None:
    rows = {part.component.code: part for part in known}
    wanted = {code: {"quantity": units} for code, units in parts.items()}
    _match(session, rows, wanted, lambda code: KitComponent(kit_id=kit.id, component_id=items[code].id), tally)


def _put_bins(session: Session, site: Site, codes: list[str], tally: Counter[str]) -> None:
    known = set(session.scalars(select(Bin.code).where(Bin.site_id == site.id)))
    for code in codes:
        if code not in known:
            _add(session, Bin(site_id=site.id, code=code), tally)


def _put_stocks(
    session: Session,
    items: dict[str, Item],
    site: Site,
    stocks: Mapping[str, Mapping[str, int]],
    at: datetime,
    tally: Counter[str],
) -> None:
    rows = {stocked.item.code: stocked for stocked in site.stocked}
    gone = _match(session, rows, stocks, lambda code: SiteItem(site_id=site.id, item_id=items[code].id), tally)
    items_gone = [stocked.item_id for stocked in gone]
    # Nothing would ever close an alert for an item that the site no longer sends.
    open_alerts = select(Alert).where(
        Alert.site_id == site.id, Alert.item_id.in_(items_gone), Alert.closed_at.is_(None)
    )
    for alert in session.scalars(open_alerts):
        alert.closed_at = at
    session.flush()
    session.expire(site, ["stocked"])


def _site(session: Session, site: Site, items: list[Item]) -> dict[str, Any]:
    stocked = {one.item_id: one for one in site.stocked}
    return {
        **{name: getattr(site, name) for name in SiteSchema().fields if name not in _OWN_TABLES},
        "bins": list(session.scalars(select(Bin.code).where(Bin.site_id == site.id).order_by(Bin.id))),
        "stocks": {
            item.code: {"lead_time_days": one.lead_time_days, "safety_days": one.safety_days}
            for item in items
            if (one := stocked.get(item.id))
        },
    }


def _fields(row: Item | Fund, schema: type[ItemSchema] | type[FundSchema]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in schema().fields}

"""What we have and where: items, kits, sites, bins, funds, lots, and the two stock tables.

Only `inventory.ledger` writes Movement and Balance.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from distro.db import Base


class Item(Base):
    """A thing we send or keep: a product, or a kit made of others. Quantities count `unit`s of it."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    name_es: Mapped[str] = mapped_column(String(80))
    detail: Mapped[str] = mapped_column(String(160))
    detail_es: Mapped[str] = mapped_column(String(160))
    unit: Mapped[str] = mapped_column(String(40))
    letter: Mapped[str] = mapped_column(String(2), unique=True)  # stands for the item on slips
    requestable: Mapped[bool] = mapped_column(default=True)  # participants can ask for it
    household_most: Mapped[int | None]  # units a household may get in `household_days` before a person looks
    household_days: Mapped[int | None]
    most_per_request: Mapped[int] = mapped_column(default=2)
    min_life_days: Mapped[int] = mapped_column(default=60)  # life a lot must have left when we send it
    gtin: Mapped[str | None] = mapped_column(String(14), unique=True)
    kind: Mapped[str] = mapped_column(String(20), default="")  # the class that rules name: naloxone, strips, syringes
    form: Mapped[str] = mapped_column(String(3), default="")  # otc or rx, for medicines (USPS Publication 52, 473)
    analytes: Mapped[list[str]] = mapped_column(default=list)  # what a test strip finds: fentanyl, xylazine
    position: Mapped[int] = mapped_column(default=0)
    family: Mapped[str] = mapped_column(String(40), default="")  # kinds of one thing share it, such as gauges
    variant: Mapped[str] = mapped_column(String(60), default="")  # what tells it from the others of its family
    variant_es: Mapped[str] = mapped_column(String(60), default="")
    case_units: Mapped[int | None]  # units in a case; None: groups cannot ask for it
    cases_most: Mapped[int | None]  # cases a group may ask for at once

    @property
    def household_limit(self) -> dict[str, int] | None:
        """`household_most` units in `household_days`, as the catalog file writes it; None: no limit."""
        if self.household_most is None or self.household_days is None:
            return None
        return {"units": self.household_most, "days": self.household_days}

    @household_limit.setter
    def household_limit(self, limit: dict[str, int] | None) -> None:
        self.household_most, self.household_days = (limit["units"], limit["days"]) if limit else (None, None)


class KitComponent(Base):
    """`quantity` units of a component go into one kit."""

    __tablename__ = "kit_components"
    __table_args__ = (UniqueConstraint("kit_id", "component_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kit_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    component_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]

    component: Mapped[Item] = relationship(foreign_keys=[component_id])


class Site(Base):
    """A warehouse. `ships_to` lists state codes, empty for everywhere; the return lines stand on labels.

    `county` (FIPS) and `operator` (what sort of organization runs it) are for rules that ask.
    """

    __tablename__ = "sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(2))
    county: Mapped[str | None] = mapped_column(String(5))
    operator: Mapped[str] = mapped_column(String(24), default="")
    latitude: Mapped[float]
    longitude: Mapped[float]
    zone: Mapped[str] = mapped_column(String(40))  # IANA time zone
    ships_to: Mapped[list[str]]
    return_lines: Mapped[list[str]]

    stocked: Mapped[list["SiteItem"]] = relationship(back_populates="site")

    def may_send(self, item_ids: set[int], state: str) -> bool:
        """Whether it sends all of these items, and sends to that state."""
        return (not self.ships_to or state in self.ships_to) and item_ids <= {one.item_id for one in self.stocked}


class SiteItem(Base):
    """A site may send this item, and reorders it with this lead time."""

    __tablename__ = "site_items"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    lead_time_days: Mapped[int]  # from ordering to standing on the shelf
    safety_days: Mapped[int]  # days of stock kept against surprises

    site: Mapped[Site] = relationship(back_populates="stocked")
    item: Mapped[Item] = relationship()


class Bin(Base):
    """A shelf place in a site."""

    __tablename__ = "bins"
    __table_args__ = (UniqueConstraint("site_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    code: Mapped[str] = mapped_column(String(16))

    site: Mapped[Site] = relationship()


class Fund(Base):
    """Money that bought stock. `item_codes` and `states` limit what and where it may serve; empty means any.

    `kind` is the sort of money, which rules can bar: federal, state, private. `lawful_states` says where they leave it:
    item code -> states (an item that is not there: anywhere). `orders.tables` keeps it true to the rules in force.
    """

    __tablename__ = "funds"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(16), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(12), default="")
    item_codes: Mapped[list[str]]
    states: Mapped[list[str]]
    lawful_states: Mapped[dict[str, Any]] = mapped_column(default=dict)

    def serves(self, item_code: str) -> frozenset[str] | None:
        """The states it may serve with an item, by its own terms and by the rules; empty: any, None: none at all."""
        if self.item_codes and item_code not in self.item_codes:
            return None
        own, lawful = frozenset(self.states), self.lawful_states.get(item_code)
        if lawful is None:
            return own
        return (own & frozenset(lawful) if own else frozenset(lawful)) or None


class Lot(Base):
    """A maker's batch of one item, bought by one fund. A held lot is not allocated or picked."""

    __tablename__ = "lots"
    __table_args__ = (UniqueConstraint("item_id", "number", "fund_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    fund_id: Mapped[int] = mapped_column(ForeignKey("funds.id"))
    number: Mapped[str] = mapped_column(String(20), index=True)
    expires_on: Mapped[date]
    held: Mapped[bool] = mapped_column(default=False)

    item: Mapped[Item] = relationship()
    fund: Mapped[Fund] = relationship()

    @property
    def send_until(self) -> date:
        """The last day it may leave, so that enough life is left when it arrives."""
        return self.expires_on - timedelta(days=self.item.min_life_days)


class Recall(Base):
    """A lot that must not be used, and what people who have some of it are to do, in both languages."""

    __tablename__ = "recalls"

    id: Mapped[int] = mapped_column(primary_key=True)
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"), unique=True)
    text: Mapped[str] = mapped_column(String(400))
    text_es: Mapped[str] = mapped_column(String(400))
    made_on: Mapped[date]
    made_by: Mapped[str] = mapped_column(String(64))

    lot: Mapped[Lot] = relationship()


class Balance(Base):
    """What stands in one bin of one lot now. `reserved` is promised to orders; the rest is available."""

    __tablename__ = "balances"
    __table_args__ = (
        UniqueConstraint("lot_id", "bin_id"),
        CheckConstraint("0 <= reserved AND reserved <= on_hand", name="reserved_within_on_hand"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), index=True)
    bin_id: Mapped[int] = mapped_column(ForeignKey("bins.id"), index=True)
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)

    lot: Mapped[Lot] = relationship()
    site: Mapped[Site] = relationship()
    bin: Mapped[Bin] = relationship()

    @property
    def available(self) -> int:
        """Units not promised to any order."""
        return self.on_hand - self.reserved


class MovementKind(StrEnum):
    """Why stock changed."""

    RECEIVE = "receive"
    RESERVE = "reserve"
    RELEASE = "release"
    SHIP = "ship"
    ADJUST = "adjust"
    MOVE = "move"


class Movement(Base):
    """One line of the ledger: signed changes, and the document they belong to. Never changed or deleted."""

    __tablename__ = "movements"
    __table_args__ = (Index("ix_movements_sum", "lot_id", "bin_id", "on_hand", "reserved"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[MovementKind]
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"))
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    bin_id: Mapped[int] = mapped_column(ForeignKey("bins.id"))
    on_hand: Mapped[int]
    reserved: Mapped[int]
    document: Mapped[str] = mapped_column(String(40), index=True)
    reason: Mapped[str] = mapped_column(String(200), default="")
    by: Mapped[str] = mapped_column(String(64), default="system")  # a staff username

    lot: Mapped[Lot] = relationship()
    bin: Mapped[Bin] = relationship()


class Demand(Base):
    """Units of an item asked for in one ISO week, by state, counted on the site that should serve it.

    Kept as weekly sums, so that a forecast costs the same after a million orders.
    """

    __tablename__ = "demand"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(2), primary_key=True)
    week: Mapped[date] = mapped_column(primary_key=True)  # its Monday
    quantity: Mapped[int]


class Alert(Base):
    """An item at a site whose stock will not last until a new order could arrive. Open while `closed_at` is None."""

    __tablename__ = "alerts"
    __table_args__ = (
        Index(
            "uq_alerts_open",
            "site_id",
            "item_id",
            unique=True,
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    available: Mapped[int]
    daily_demand: Mapped[float]
    cover_days: Mapped[float]
    reorder_days: Mapped[int]  # lead time + safety days when it opened
    suggested: Mapped[int]  # units to order

    site: Mapped[Site] = relationship()
    item: Mapped[Item] = relationship()

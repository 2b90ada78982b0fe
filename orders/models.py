"""What is asked for and what becomes of it. Who asked lies only in `Order.sealed`."""

from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from distro.auth import User
from distro.db import Base
from inventory.models import Bin, Item, Lot, Site


class Status(StrEnum):
    """Where an order stands."""

    RECEIVED = "received"  # sealed and stored; triage comes next
    HELD = "held"  # a person decides
    WAITING = "waiting"  # allowed, but stock is short
    ALLOCATED = "allocated"  # lots are reserved; in the packing queue
    PICKING = "picking"  # a packer has it
    PACKED = "packed"  # checked and closed; label next
    SHIPPED = "shipped"
    DECLINED = "declined"
    CANCELLED = "cancelled"


MOVES: dict[Status, frozenset[Status]] = {
    Status.RECEIVED: frozenset({Status.HELD, Status.WAITING, Status.ALLOCATED, Status.DECLINED, Status.CANCELLED}),
    Status.HELD: frozenset({Status.RECEIVED, Status.WAITING, Status.ALLOCATED, Status.DECLINED, Status.CANCELLED}),
    Status.WAITING: frozenset({Status.HELD, Status.ALLOCATED, Status.DECLINED, Status.CANCELLED}),
    Status.ALLOCATED: frozenset({Status.PICKING, Status.WAITING, Status.HELD, Status.CANCELLED}),
    Status.PICKING: frozenset({Status.ALLOCATED, Status.PACKED, Status.WAITING, Status.HELD, Status.CANCELLED}),
    Status.PACKED: frozenset({Status.SHIPPED, Status.WAITING, Status.HELD, Status.CANCELLED}),
    Status.SHIPPED: frozenset(),
    Status.DECLINED: frozenset(),
    Status.CANCELLED: frozenset(),
}
RESERVING = frozenset({Status.ALLOCATED, Status.PICKING, Status.PACKED})  # states that hold stock
FINAL = frozenset({Status.SHIPPED, Status.DECLINED, Status.CANCELLED})


class Order(Base):
    """One request. Outside the sealed box stand only what, which state, which day, and how far it is."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(unique=True)  # the sealed box is bound to it
    number: Mapped[str] = mapped_column(String(12), unique=True)  # random; staff and slips use it
    nonce_tag: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # keyed hash: one form, one order
    code_tag: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # keyed hash of the claim code
    status: Mapped[Status] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(2))
    received_on: Mapped[date]
    closed_on: Mapped[date | None] = mapped_column(index=True)  # shipped, declined or cancelled
    epoch: Mapped[str] = mapped_column(String(8), index=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # None once erased
    ruleset_id: Mapped[int | None]  # the ruleset the last decision came from
    decision: Mapped[dict[str, Any] | None]  # item code -> {effect, reasons}
    released: Mapped[bool] = mapped_column(default=False)  # a person has said yes to what triage held
    released_for: Mapped[list[str]] = mapped_column(default=list)  # the doubts that they had before them
    note: Mapped[str] = mapped_column(String(200), default="")  # why it is held or declined; nothing personal
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), index=True)
    packer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    counted: Mapped[bool] = mapped_column(default=False)  # its demand has been counted

    lines: Mapped[list["Line"]] = relationship(back_populates="order", order_by="Line.id")
    allocations: Mapped[list["Allocation"]] = relationship(
        back_populates="order", order_by="Allocation.id", cascade="all, delete-orphan"
    )
    parcel: Mapped["Parcel | None"] = relationship(back_populates="order")
    site: Mapped[Site | None] = relationship()
    packer: Mapped[User | None] = relationship()

    @property
    def document(self) -> str:
        """How the ledger and the audit name this order."""
        return f"ORD-{self.number}"

    @property
    def enclosures(self) -> list[str]:
        """What the rules want in the box besides the items."""
        kept = [text for found in (self.decision or {}).values() for text in found.get("enclosures", ())]
        return list(dict.fromkeys(kept))


class Line(Base):
    """So many of an item."""

    __tablename__ = "lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]

    order: Mapped[Order] = relationship(back_populates="lines")
    item: Mapped[Item] = relationship()


class Allocation(Base):
    """Units of one lot in one bin promised to an order; `picked` of them have been scanned."""

    __tablename__ = "allocations"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"))
    lot_id: Mapped[int] = mapped_column(ForeignKey("lots.id"), index=True)
    bin_id: Mapped[int] = mapped_column(ForeignKey("bins.id"))
    quantity: Mapped[int]
    picked: Mapped[int] = mapped_column(default=0)

    order: Mapped[Order] = relationship(back_populates="allocations")
    lot: Mapped[Lot] = relationship()
    bin: Mapped[Bin] = relationship()


class Parcel(Base):
    """The box an order was packed into."""

    __tablename__ = "parcels"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), unique=True)
    packed_on: Mapped[date]
    labelled_on: Mapped[date | None]
    shipped_on: Mapped[date | None]

    order: Mapped[Order] = relationship(back_populates="parcel")

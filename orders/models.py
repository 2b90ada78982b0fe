"""What is asked for and what becomes of it. Who asked, and what they wrote, lies only in sealed boxes.

Length: all tables of this package are looked for in one place.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from distro.auth import User
from distro.db import Base
from inventory.models import Bin, Item, Lot, Recall, Site


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
WHY_NOT = frozenset({"law", "address", "group"})  # why a person says no: see Order.why_not. Never that of a limit
KEY_LOST = "key lost"  # the same of a request that nobody can read any more
TOO_OLD = "too old"  # the same of one that nobody could settle in time
GONE = "gone"  # the same of one asked again, when the address of the earlier one was erased meanwhile
FINAL = frozenset({Status.SHIPPED, Status.DECLINED, Status.CANCELLED})
NO_UID = UUID(int=0)  # of an instruction that carries nothing


class Door(StrEnum):
    """By which way a request came."""

    WEB = "web"
    AGAIN = "again"  # with the code of an earlier one
    RESEND = "resend"  # in place of one that never came
    PHONE = "phone"  # keyed by staff, as are letters on paper
    PAPER = "paper"
    GROUP = "group"  # an organisation, in cases


class Order(Base):
    """One request. Outside the sealed box stand only what, which state, which day, and how far it is."""

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_news", "news", sqlite_where=text("news <> ''"), postgresql_where=text("news <> ''")),
        Index(
            "ix_orders_lost_on",
            "lost_on",
            sqlite_where=text("lost_on IS NOT NULL"),
            postgresql_where=text("lost_on IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(unique=True)  # the sealed box is bound to it
    number: Mapped[str] = mapped_column(String(12), unique=True)  # random; staff and slips use it
    nonce_tag: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # keyed hash: one form, one order
    code_tag: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)  # keyed hash of the claim code
    status: Mapped[Status] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(2))
    received_on: Mapped[date] = mapped_column(index=True)
    closed_on: Mapped[date | None] = mapped_column(index=True)  # shipped, declined or cancelled
    epoch: Mapped[str] = mapped_column(String(12), index=True)
    # The box and the proof that intake or triage wrote its row; None once erased. The public side may not read them.
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, deferred_group="box")
    proof: Mapped[bytes | None] = mapped_column(LargeBinary(32), deferred=True, deferred_group="box")
    change_tag: Mapped[bytes | None] = mapped_column(LargeBinary(32))  # whoever knows the code can make what fits it
    erased_on: Mapped[date | None]
    flags: Mapped[list[str]] = mapped_column(default=list)  # why a person looks at it, apart from the law
    ruleset_id: Mapped[int | None]  # the ruleset the last decision came from
    decision: Mapped[dict[str, Any] | None]  # item code -> {effect, reasons}
    released: Mapped[bool] = mapped_column(default=False)  # a person has said yes to what triage held
    released_for: Mapped[list[str]] = mapped_column(default=list)  # the doubts that they had before them
    note: Mapped[str] = mapped_column(String(200), default="")  # why it is held; nothing personal
    why_not: Mapped[str] = mapped_column(String(16), default="")  # why nothing is sent, as its status page tells it
    site_id: Mapped[int | None] = mapped_column(ForeignKey("sites.id"), index=True)
    packer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    counted: Mapped[bool] = mapped_column(default=False)  # its demand has been counted
    door: Mapped[str] = mapped_column(String(8), default=Door.WEB)
    news: Mapped[str] = mapped_column(String(12), default="")  # what its person is still to be told, if they left a way
    lost_on: Mapped[date | None]  # the day its person said that it never came
    resent_as_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), unique=True)  # its code means that now

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


class Instruction(Base):
    """What someone with a claim code wants done with their order. The scheduler does it within seconds.

    The public side may only insert it. `token` shows that the code was typed: its hash is the order's `change_tag`.
    What was written with it is sealed: a box bound to `uid`, which the form decides, and a proof that intake made it.
    """

    __tablename__ = "instructions"
    __table_args__ = (UniqueConstraint("order_id", "kind", "token", "uid"),)  # asked twice is asked once

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))  # see orders.instructions
    token: Mapped[bytes] = mapped_column(LargeBinary(32))
    asked_at: Mapped[datetime]
    uid: Mapped[UUID] = mapped_column(default=NO_UID)
    epoch: Mapped[str] = mapped_column(String(12), default="")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    proof: Mapped[bytes | None] = mapped_column(LargeBinary(32))

    order: Mapped[Order] = relationship()


class Household(Base):
    """The keyed tag of the address an order goes to, under the pepper of its week; it goes when the pepper does."""

    __tablename__ = "households"
    __table_args__ = (Index("ix_households_week_tag", "week", "tag"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    week: Mapped[str] = mapped_column(String(8))
    tag: Mapped[bytes] = mapped_column(
        LargeBinary(4)
    )  # short on purpose: a person decides, so a collision harms no one


class Line(Base):
    """So many of an item."""

    __tablename__ = "lines"
    __table_args__ = (UniqueConstraint("order_id", "item_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    quantity: Mapped[int]
    asked_item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))  # what was asked for, if it is another

    order: Mapped[Order] = relationship(back_populates="lines")
    item: Mapped[Item] = relationship(foreign_keys=item_id)
    asked_item: Mapped[Item | None] = relationship(foreign_keys=asked_item_id)


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


class Letter(Base):
    """A message of a participant to the program. Sealed; it goes with the address, or with its week's key before."""

    __tablename__ = "letters"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    uid: Mapped[UUID] = mapped_column(unique=True)
    epoch: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    proof: Mapped[bytes] = mapped_column(LargeBinary(32))  # that the scheduler took it for this order
    written_on: Mapped[date]
    read_on: Mapped[date | None]

    order: Mapped[Order] = relationship()


class Reply(Base):
    """A message of the program to a participant, sealed to the key that their code makes. It goes with the address."""

    __tablename__ = "replies"

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    uid: Mapped[UUID] = mapped_column(unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    written_on: Mapped[date]

    order: Mapped[Order] = relationship()


class Notice(Base):
    """A recall that a parcel is touched by. It is shown to whoever has the code, also after the address is erased."""

    __tablename__ = "notices"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    recall_id: Mapped[int] = mapped_column(ForeignKey("recalls.id"), primary_key=True)

    recall: Mapped[Recall] = relationship()


class Wish(Base):
    """Someone wants to hear when an item can be sent to their state. How to reach them is sealed; the key ends it."""

    __tablename__ = "wishes"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(unique=True)
    state: Mapped[str] = mapped_column(String(2))
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), index=True)
    epoch: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    made_on: Mapped[date]

    item: Mapped[Item] = relationship()


class Remark(Base):
    """What somebody wants the program to know, without a name, a code or an order. Sealed, since people name people."""

    __tablename__ = "remarks"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(unique=True)
    kind: Mapped[str] = mapped_column(String(12))  # reversal, feedback
    epoch: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    written_on: Mapped[date]
    read_on: Mapped[date | None]


class Link(Base):
    """An address of ours for a partner or a campaign, which only counts how many requests came by it."""

    __tablename__ = "links"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    made_on: Mapped[date]
    closed_on: Mapped[date | None]


class Tally(Base):
    """One thing to count, until the scheduler adds it to its Count within seconds. Names no order."""

    __tablename__ = "tallies"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[UUID] = mapped_column(unique=True)  # one form counts once
    kind: Mapped[str] = mapped_column(String(12))  # link, reversal
    key: Mapped[str] = mapped_column(String(20))  # the link's code, or the state
    month: Mapped[date]  # its first day
    number: Mapped[int] = mapped_column(default=1)


class Count(Base):
    """How many, by month: requests by a link, reversals in a state."""

    __tablename__ = "counts"

    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    number: Mapped[int]

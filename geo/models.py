"""Where things may be sent: states, counties, ZIP codes, and the rulesets that say what may go there."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from distro.db import Base


class StateKind(StrEnum):
    """What sort of postal state a two-letter code names."""

    STATE = "state"
    DISTRICT = "district"
    TERRITORY = "territory"
    FREELY_ASSOCIATED = "freely_associated"
    MILITARY = "military"


class ZipKind(StrEnum):
    """What the Postal Service uses a ZIP code for. `unique` is one organization's own."""

    STANDARD = "standard"
    PO_BOX = "po_box"
    UNIQUE = "unique"
    MILITARY = "military"


class RulesetStatus(StrEnum):
    """The life of a ruleset; at most one is live."""

    DRAFT = "draft"
    LIVE = "live"
    RETIRED = "retired"


class State(Base):
    """A postal state. `outline` is an SVG path on the drawing plane of `geo.outlines`, empty where none is drawn."""

    __tablename__ = "states"

    code: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    name_es: Mapped[str] = mapped_column(String(60))
    fips: Mapped[str | None] = mapped_column(String(2), unique=True)
    kind: Mapped[StateKind] = mapped_column(String(20))
    outline: Mapped[str] = mapped_column(Text, default="")
    label_x: Mapped[float | None]
    label_y: Mapped[float | None]


class County(Base):
    """A county or its equal (parish, borough, municipio, independent city), by its Census FIPS code of 2016."""

    __tablename__ = "counties"

    fips: Mapped[str] = mapped_column(String(5), primary_key=True)
    name: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(ForeignKey("states.code"), index=True)


class Zip(Base):
    """An active ZIP code with every state and county it may lie in; the postal state stands first."""

    __tablename__ = "zips"

    zip: Mapped[str] = mapped_column(String(5), primary_key=True)
    kind: Mapped[ZipKind] = mapped_column(String(10))
    city: Mapped[str] = mapped_column(String(60))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    states: Mapped[list[str]]
    counties: Mapped[list[str]]


class Ruleset(Base):
    """A set of rules that is drafted, published and retired as one. Frozen once live."""

    __tablename__ = "rulesets"
    __table_args__ = (
        Index(
            "uq_rulesets_one_live",
            "status",
            unique=True,
            sqlite_where=text("status = 'live'"),
            postgresql_where=text("status = 'live'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    version: Mapped[str] = mapped_column(String(20))  # the day its author says it stands for
    status: Mapped[RulesetStatus] = mapped_column(String(8), default=RulesetStatus.DRAFT)
    allow_unreviewed: Mapped[bool] = mapped_column(default=False)
    digest: Mapped[str] = mapped_column(String(64), default="")  # SHA-256 of the rules, taken when published
    loaded_at: Mapped[datetime]
    loaded_by: Mapped[str] = mapped_column(String(64))
    published_at: Mapped[datetime | None]
    published_by: Mapped[str | None] = mapped_column(String(64))

    rules: Mapped[list["Rule"]] = relationship(back_populates="ruleset", order_by="Rule.id")


class Rule(Base):
    """What the law of one place says about some items, with the text it rests on. Meaning: `geo.rules`."""

    __tablename__ = "rules"
    __table_args__ = (
        UniqueConstraint("ruleset_id", "key"),
        CheckConstraint("effect IN ('allow', 'deny', 'review')", name="effect"),
        CheckConstraint("confidence IN ('high', 'medium', 'low')", name="confidence"),
        Index("ix_rules_ruleset_id_place", "ruleset_id", "place"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ruleset_id: Mapped[int] = mapped_column(ForeignKey("rulesets.id"))
    key: Mapped[str] = mapped_column(String(60))  # stable across rulesets, such as OH-syringes
    place: Mapped[str] = mapped_column(String(2))  # a state code, or US
    scope: Mapped[str] = mapped_column(String(16))
    items: Mapped[list[str]]
    effect: Mapped[str] = mapped_column(String(8))
    min_age: Mapped[int | None]
    conditions: Mapped[list[str]]
    credential: Mapped[str | None] = mapped_column(String(60))
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_to: Mapped[date | None] = mapped_column(Date)  # the last day it counts
    citation: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    source_url: Mapped[str] = mapped_column(Text, default="")
    source_date: Mapped[str] = mapped_column(String(40))  # as the source gives it: a year, a day, "undated"
    confidence: Mapped[str] = mapped_column(String(8))
    legal_status: Mapped[str] = mapped_column(String(40))
    reviewed_by: Mapped[str | None] = mapped_column(String(80))
    reviewed_on: Mapped[date | None] = mapped_column(Date)
    sentence: Mapped[str] = mapped_column(Text)
    sentence_es: Mapped[str] = mapped_column(Text)
    note: Mapped[str] = mapped_column(Text, default="")

    ruleset: Mapped[Ruleset] = relationship(back_populates="rules")

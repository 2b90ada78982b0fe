"""Where things may be sent: places, the rules that say what may go there, the papers we hold, and other help."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Date, ForeignKey, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

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
    """The life of a ruleset."""

    DRAFT = "draft"  # being written
    PROPOSED = "proposed"  # complete; waits for a second person
    PUBLISHED = "published"  # in force from its day on, until a later one is


class State(Base):
    """A postal state. `outline` is an SVG path on the plane of `geo.plane`, empty where none is drawn."""

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
    outline: Mapped[str] = mapped_column(Text, default="")  # SVG path on the same plane as the states, drawn finer


class Zip(Base):
    """An active ZIP code with every state and county it may lie in; the postal state stands first."""

    __tablename__ = "zips"

    zip: Mapped[str] = mapped_column(String(5), primary_key=True)
    kind: Mapped[ZipKind] = mapped_column(String(10))
    city: Mapped[str] = mapped_column(String(60))
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    radius: Mapped[float | None]  # metres: of a circle about as large as its area, around its point
    zone: Mapped[str] = mapped_column(String(40), default="UTC")  # IANA time zone; UTC where no one gives it
    states: Mapped[list[str]]
    counties: Mapped[list[str]]
    names: Mapped[list[str]] = mapped_column(default=list)  # what else people write as its city


class Crosswalk(Base):
    """The counties of one ZIP code as an imported list gives them (HUD's form); they take the place of our guess."""

    __tablename__ = "crosswalk"

    zip: Mapped[str] = mapped_column(String(5), primary_key=True)
    counties: Mapped[list[str]]
    source: Mapped[str] = mapped_column(String(120))
    imported_on: Mapped[date] = mapped_column(Date)


class Ruleset(Base):
    """Rules that are drafted, proposed, published and in force as one. Nothing of it changes once published.

    `text` is the file, byte for byte; `rules` and `areas` are what it says (see `geo.rulefile`), with the ZIP codes
    each area holds. A published ruleset is in force from `effective_on` until a later one is.
    """

    __tablename__ = "rulesets"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    version: Mapped[str] = mapped_column(String(20))  # the day its author says it stands for
    status: Mapped[RulesetStatus] = mapped_column(String(9), default=RulesetStatus.DRAFT)
    allow_unreviewed: Mapped[bool] = mapped_column(default=False)  # a demo's: see geo.publish
    text: Mapped[str] = mapped_column(Text, deferred=True)
    rules: Mapped[list[dict[str, Any]]] = mapped_column(deferred=True)
    areas: Mapped[list[dict[str, Any]]] = mapped_column(deferred=True)
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of the text
    authors: Mapped[list[str]]  # everyone who loaded or changed it; none of them may publish it
    editors: Mapped[dict[str, str]]  # rule key -> who wrote it last, here; they do not review their own
    loaded_at: Mapped[datetime]
    loaded_by: Mapped[str] = mapped_column(String(64))
    proposed_at: Mapped[datetime | None]
    proposed_by: Mapped[str | None] = mapped_column(String(64))
    compared_with: Mapped[int | None]  # id of the ruleset published last when this one was proposed; None: none was
    effective_on: Mapped[date | None] = mapped_column(Date)  # first day in force, at the destination
    published_at: Mapped[datetime | None]
    published_by: Mapped[str | None] = mapped_column(String(64))
    publication: Mapped[int | None] = mapped_column(unique=True)  # 1, 2, 3 ...: two people cannot publish at once

    @property
    def document(self) -> str:
        """How the audit record names it."""
        return f"RULESET-{self.id}"


class DecisionTable(Base):
    """A ruleset compiled with the catalog and papers of a moment, shared by every process. See `geo.compile`."""

    __tablename__ = "decision_tables"

    ruleset_id: Mapped[int] = mapped_column(ForeignKey("rulesets.id"), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))  # of everything it was made from
    made_at: Mapped[datetime]
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Credential(Base):
    """A paper that lets us send: a standing order, an approval, a licence, a registration. See `geo.credentials`.

    Empty `sites`, `places` or `items` mean any. It holds from `valid_from` until the day before `expires_on`.
    """

    __tablename__ = "credentials"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(60), index=True)  # what rules ask for, such as program:CA
    title: Mapped[str] = mapped_column(String(160))
    number: Mapped[str] = mapped_column(String(80), default="")
    issuer: Mapped[str] = mapped_column(String(160))
    sites: Mapped[list[str]]
    places: Mapped[list[str]]  # as rules name them
    items: Mapped[list[str]]  # as rules name them
    valid_from: Mapped[date] = mapped_column(Date)
    expires_on: Mapped[date | None] = mapped_column(Date)  # the first day without it; None: it does not end
    note: Mapped[str] = mapped_column(Text, default="")
    recorded_by: Mapped[str] = mapped_column(String(64))
    recorded_at: Mapped[datetime]
    withdrawn_on: Mapped[date | None] = mapped_column(Date)
    warned_days: Mapped[int | None]  # the last warning sent: 60, 30, 7 or 0 days before it ends


class Referral(Base):
    """A program or helpline that people can turn to. See `geo.referrals`."""

    __tablename__ = "referrals"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(12))  # program or helpline
    name: Mapped[str] = mapped_column(String(120))
    name_es: Mapped[str] = mapped_column(String(120))
    detail: Mapped[str] = mapped_column(String(240), default="")
    detail_es: Mapped[str] = mapped_column(String(240), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    phone_es: Mapped[str] = mapped_column(String(40), default="")  # where Spanish has a number of its own
    url: Mapped[str] = mapped_column(String(300), default="")
    areas: Mapped[list[str]]  # places served, as rules name them: US, OH, county:39049
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    source: Mapped[str] = mapped_column(String(300))
    checked_on: Mapped[date] = mapped_column(Date)
    checked_by: Mapped[str] = mapped_column(String(64), default="")
    withdrawn: Mapped[bool] = mapped_column(default=False)

"""Accepting a request: sealed, stored and acknowledged, exactly once. It never waits for stock.

When the database cannot take it, the sealed order goes to the spool and the scheduler stores it later.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from distro import keyring
from distro.clock import week_of
from distro.config import Settings
from distro.errors import Refusal
from geo.rules import Facts
from inventory.models import Item
from orders import codes
from orders.models import Line, Order, Status


class PersonUnreadable(Refusal):
    """What was sealed is not written the way this version writes it."""

    sentence = "The sealed address of this order cannot be read by this version. Do not ship. Tell an admin."


@dataclass(frozen=True)
class Person:
    """What is sealed: who gets the parcel, where, and how they may be reached (both empty: not at all).

    `at_least` is the age in years they said they have reached, asked only where a rule needs it; so are `county` (FIPS
    code; "" if they do not know it) and `agreed`, the keys of the rules whose statement they agreed to.
    """

    name: str
    line1: str
    line2: str
    city: str
    state: str
    zip: str
    email: str = ""
    phone: str = ""
    language: str = "en"
    at_least: int | None = None
    county: str | None = None
    agreed: tuple[str, ...] = ()

    @property
    def facts(self) -> Facts:
        """What rules need to know of them."""
        return Facts(state=self.state, county=self.county, age=self.at_least, attested=frozenset(self.agreed))

    def to_text(self) -> bytes:
        """As it is sealed: compact JSON, UTF-8."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_text(cls, text: bytes) -> "Person":
        """Read what `to_text` wrote. Raises PersonUnreadable, without a word of it."""
        try:
            person = cls(**json.loads(text))
            return replace(person, agreed=tuple(person.agreed))
        except (ValueError, TypeError):
            raise PersonUnreadable from None


@dataclass(frozen=True)
class SealedRequest:
    """All that is stored of a request. Nothing in it names anyone."""

    uid: str
    number: str
    nonce_tag: str
    code_tag: str
    epoch: str
    sealed: str  # this and both tags: base64
    state: str
    received_on: str
    wanted: Mapping[str, int]
    ruleset_id: int | None
    decision: dict[str, Any] | None


def seal_request(
    settings: Settings,
    *,
    nonce: bytes,
    wanted: Mapping[str, int],
    person: Person,
    ruleset_id: int | None,
    decision: dict[str, Any] | None,
    now: datetime,
) -> SealedRequest:
    """Seal a checked request to this week's key. `wanted` is units by item code.

    Raises Unavailable if the week has no key: then nothing may be stored.
    """
    uid, epoch = uuid4(), week_of(now.date())
    box = keyring.seal(settings.public_keys, epoch, uid, person.to_text())
    code = codes.claim_code(settings.secret_key, nonce)
    return SealedRequest(
        uid=str(uid),
        number=codes.new_number(),
        nonce_tag=_text(codes.nonce_tag(settings.secret_key, nonce)),
        code_tag=_text(codes.code_tag(settings.secret_key, code)),
        epoch=epoch,
        sealed=_text(box),
        state=person.state,
        received_on=now.date().isoformat(),
        wanted=dict(wanted),
        ruleset_id=ruleset_id,
        decision=decision,
    )


def store(session: Session, request: SealedRequest) -> bool:
    """Insert a sealed request; False if its form was stored before, which changes nothing.

    The unique nonce tag decides, so two answers to one form cannot both win. A number that is taken is drawn again.
    Raises LookupError for an unknown item, and IntegrityError for any other clash: then nothing was stored.
    """
    items = {item.code: item.id for item in session.scalars(select(Item).where(Item.code.in_(request.wanted)))}
    while True:
        try:
            with session.begin_nested():
                session.add(_order(request, items))
        except IntegrityError:
            if _is_taken(session, Order.nonce_tag, _bytes(request.nonce_tag)):
                return False
            if not _is_taken(session, Order.number, request.number):
                raise
            request = replace(request, number=codes.new_number())
        else:
            return True


def _order(request: SealedRequest, items: Mapping[str, int]) -> Order:
    return Order(
        uid=UUID(request.uid),
        number=request.number,
        nonce_tag=_bytes(request.nonce_tag),
        code_tag=_bytes(request.code_tag),
        status=Status.RECEIVED,
        state=request.state,
        received_on=date.fromisoformat(request.received_on),
        epoch=request.epoch,
        sealed=_bytes(request.sealed),
        ruleset_id=request.ruleset_id,
        decision=request.decision,
        lines=[Line(item_id=items[code], quantity=units) for code, units in request.wanted.items()],
    )


def _is_taken(session: Session, column: InstrumentedAttribute[Any], value: object) -> bool:
    return session.scalar(select(Order.id).where(column == value)) is not None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)

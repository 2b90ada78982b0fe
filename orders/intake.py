"""Accepting a request: sealed, stored and acknowledged, exactly once. It never waits for stock.

When the database cannot take it, the sealed order goes to the spool and the scheduler stores it later.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from distro.config import Settings
from distro.errors import Refusal
from distro.keys import keylist, sealing
from distro.keys.keylist import PublicKeys
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
    flags: tuple[str, ...] = ()
    proof: str = ""  # this and the next: base64
    change_tag: str = ""


def seal_request(
    settings: Settings,
    *,
    nonce: bytes,
    wanted: Mapping[str, int],
    person: Person,
    ruleset_id: int | None,
    decision: dict[str, Any] | None,
    flags: Sequence[str] = (),
    now: datetime,
) -> SealedRequest:
    """Seal a checked request to this week's key. `wanted` is units by item code; `flags` say why a person looks at it.

    Raises Unavailable if the week has no valid key: then nothing may be stored.
    """
    uid, day = uuid4(), now.date()
    epoch, public = keylist.today(PublicKeys.of(settings), day)
    box = sealing.seal(public, epoch, uid, person.to_text())
    code = codes.claim_code(settings.secret_key, nonce)
    request = SealedRequest(
        uid=str(uid),
        number=codes.new_number(),
        nonce_tag=_text(codes.nonce_tag(settings.secret_key, nonce)),
        code_tag=_text(codes.code_tag(settings.secret_key, code)),
        epoch=epoch,
        sealed=_text(box),
        state=person.state,
        received_on=day.isoformat(),
        wanted=dict(wanted),
        ruleset_id=ruleset_id,
        decision=decision,
        flags=tuple(flags),
        change_tag=_text(codes.change_tag(codes.change_token(settings.secret_key, code))),
    )
    return _proven(settings.secret_key, request)


def proof_of(secret: str, order: Order, box: bytes) -> bytes:
    """What `Order.proof` has to be: a keyed hash over all that intake says of an order and over its box, 32 bytes.

    Whoever can write the database but has no secret can seal a box of their own; they cannot make this.
    """
    names = [str(order.uid), order.number]
    tags = [order.nonce_tag, order.code_tag, order.change_tag]
    lines = [(line.item.code, line.quantity) for line in order.lines]
    where = [order.epoch, order.state, order.received_on.isoformat()]
    return _proof(secret, names, tags, where, lines, order.flags, box)


def _proven(secret: str, request: SealedRequest) -> SealedRequest:
    """The request with the proof of the row it becomes."""
    names = [request.uid, request.number]
    tags = [_bytes(request.nonce_tag), _bytes(request.code_tag), _bytes(request.change_tag) or None]
    where = [request.epoch, request.state, request.received_on]
    proof = _proof(secret, names, tags, where, request.wanted.items(), request.flags, _bytes(request.sealed))
    return replace(request, proof=_text(proof))


def _proof(
    secret: str,
    names: Sequence[str],
    tags: Sequence[bytes | None],
    where: Sequence[str],
    lines: Iterable[tuple[str, int]],
    flags: Sequence[str],
    box: bytes,
) -> bytes:
    hexed = [tag.hex() if tag is not None else None for tag in tags]
    told = [*names, *hexed, *where, sorted(map(list, lines)), list(flags), hashlib.sha256(box).hexdigest()]
    text = json.dumps(told, separators=(",", ":"))
    return hmac.digest(secret.encode(), b"row proof\0" + text.encode(), hashlib.sha256)


def store(session: Session, request: SealedRequest, *, secret: str) -> bool:
    """Insert a sealed request; False if its form was stored before, which changes nothing.

    The unique nonce tag decides, so two answers to one form cannot both win. A number that is taken is drawn again,
    and proven anew. What an older version spooled has no proof yet and gets one: our own disk is believed.
    Raises LookupError for an unknown item, and IntegrityError for any other clash: then nothing was stored.
    """
    items = {item.code: item.id for item in session.scalars(select(Item).where(Item.code.in_(request.wanted)))}
    if not request.proof:
        request = _proven(secret, request)
    while True:
        try:
            with session.begin_nested():
                session.add(_order(request, items))
        except IntegrityError:
            if _is_taken(session, Order.nonce_tag, _bytes(request.nonce_tag)):
                return False
            if not _is_taken(session, Order.number, request.number):
                raise
            request = _proven(secret, replace(request, number=codes.new_number()))
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
        flags=list(request.flags),
        proof=_bytes(request.proof),
        change_tag=_bytes(request.change_tag) or None,
        lines=[Line(item_id=items[code], quantity=units) for code, units in request.wanted.items()],
    )


def _is_taken(session: Session, column: InstrumentedAttribute[Any], value: object) -> bool:
    return session.scalar(select(Order.id).where(column == value)) is not None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)

"""Accepting a request: sealed, stored and acknowledged, exactly once. It never waits for stock.

When the database cannot take it, the sealed order goes to the spool and the scheduler stores it later.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
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
from orders import codes, replykey
from orders.models import Door, Line, Order, Status, Tally

LINK = "link"  # the kind of a Tally
ANY = "*"  # every family, in `Person.substitutes` of an early box


class PersonUnreadable(Refusal):
    """What was sealed is not written the way this version writes it."""

    sentence = "The sealed address of this order cannot be read by this version. Do not ship. Tell an admin."


@dataclass(frozen=True)
class Person:
    """What is sealed: who gets the parcel, where, and how they may be reached (both empty: not at all).

    `at_least` is the age in years they said they have reached, asked only where a rule needs it; so are `county` (FIPS
    code; "" if they do not know it), `agreed`, the keys of the rules whose statement they agreed to, and `trained`, the
    trainings they have done. `care_of` is at whose address they get mail, `urbanization` a part of an address in
    Puerto Rico.
    `substitutes` has the families of which they take the closest kind, where the kind they asked for is out.
    `says`: a message may say what it is about. `reply_key` is the public key (hex) that replies are sealed to.
    `again` stands for all of it where someone asks again with an earlier code, until triage fills it in: that order's
    number and change token, as `NUMBER:hex`. A group also tells its name and what it plans. `corrected_at` is when the
    address was last typed anew (ISO 8601): what was typed before that is not believed again.
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
    trained: tuple[str, ...] = ()
    care_of: str = ""
    urbanization: str = ""
    untracked: bool = False
    substitutes: tuple[str, ...] = ()
    says: bool = False
    reply_key: str = ""
    again: str = ""
    organisation: str = ""
    plan: str = ""
    corrected_at: str = ""

    @property
    def facts(self) -> Facts:
        """What rules need to know of them."""
        return Facts(
            state=self.state,
            county=self.county,
            age=self.at_least,
            attested=frozenset(self.agreed),
            trained=frozenset(self.trained),
        )

    def takes_other(self, family: str) -> bool:
        """Whether another kind of a thing may go to them, by its family."""
        return bool(family) and (family in self.substitutes or ANY in self.substitutes)

    def to_text(self) -> bytes:
        """As it is sealed: compact JSON, UTF-8, without what was not told.

        It always fits the first bucket, or a group's the second, so that its length says nothing: lists for which there
        is no room are cut. Where a statement or a training is missed then, a person decides.
        """
        most, told = sealing.MOST[bool(self.organisation)], self
        for name in ("substitutes", "trained", "agreed"):
            while len(told._written()) > most and getattr(told, name):
                told = replace(told, **{name: getattr(told, name)[:-1]})
        return told._written()

    def _written(self) -> bytes:
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        told = {each.name: told[each.name] for each in fields(self) if told[each.name] != each.default}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_text(cls, text: bytes) -> "Person":
        """Read what `to_text` wrote. Raises PersonUnreadable, without a word of it."""
        try:
            told = json.loads(text)
            if isinstance(told.get("substitutes"), bool):  # one word for all, as it was first written
                told["substitutes"] = (ANY,) if told["substitutes"] else ()
            person = cls(**told)
            agreed, trained, takes = map(tuple, (person.agreed, person.trained, person.substitutes))
            return replace(person, agreed=agreed, trained=trained, substitutes=takes)
        except (ValueError, TypeError, AttributeError):
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
    door: str = Door.WEB
    via: str = ""  # the code of the link it came by, which is counted and not kept


def seal_request(
    settings: Settings,
    *,
    nonce: bytes,
    wanted: Mapping[str, int],
    person: Person,
    ruleset_id: int | None,
    decision: dict[str, Any] | None,
    flags: Sequence[str] = (),
    door: Door = Door.WEB,
    via: str = "",
    now: datetime,
) -> SealedRequest:
    """Seal a checked request to this week's key. `wanted` is units by item code; `flags` say why a person looks at it.

    `via` is the code of the link someone came by.

    Raises Unavailable if the week has no valid key: then nothing may be stored.
    """
    uid, day = uuid4(), now.date()
    epoch, public = keylist.today(PublicKeys.of(settings), day)
    code = codes.code_of(settings.secret_key, nonce)
    person = replace(person, reply_key=replykey.reply_public(settings.secret_key, code))
    box = sealing.seal(public, epoch, uid, person.to_text())
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
        door=door,
        via=via,
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
                _count_link(session, request)
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
        door=request.door,
        lines=[Line(item_id=items[code], quantity=units) for code, units in request.wanted.items()],
    )


def _count_link(session: Session, request: SealedRequest) -> None:
    """Let the link it came by be counted, in the month; the scheduler adds it up.

    The number is drawn, so that nothing joins it to the order; its form counts once with it, in one transaction.
    """
    if request.via:
        month = date.fromisoformat(request.received_on).replace(day=1)
        session.add(Tally(uid=uuid4(), kind=LINK, key=request.via, month=month, number=1))


def _is_taken(session: Session, column: InstrumentedAttribute[Any], value: object) -> bool:
    return session.scalar(select(Order.id).where(column == value)) is not None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)

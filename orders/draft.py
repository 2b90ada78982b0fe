"""A request before it is sent: what was typed so far, which each page carries in hidden fields, and its checks.

Nothing of it is stored. A check gives back clean values, or raises AskAgain with the page to show once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from geo import places
from geo.places import Place, ZipUnknown
from geo.publish import live_book
from geo.rules import Effect, Facts
from inventory.models import Item
from orders.eligibility import Judgement, at_once, judge, served
from orders.schemas import AddressSchema, AgeSchema, ContactSchema, NeedSchema

FIELDS = ("form", "zip", "state", "age", "name", "line1", "line2", "city", "sure", "contact", "email", "phone", "then")

Errors = Mapping[str, Sequence[str | LazyString]]


@dataclass
class Draft:
    """Everything as typed, uncut: one text for each field, and the units wanted by item code."""

    typed: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    wanted: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "Draft":
        """Read a posted form; fields we do not know are left alone."""
        wanted = {code: form.get(f"many-{code}", "1") for code in form.getlist("item")}
        return cls({name: form.get(name, "") for name in FIELDS}, wanted)

    def carried(self, *shown: str) -> list[tuple[str, str]]:
        """Names and values of the hidden fields of a page which itself shows the fields `shown`."""
        pairs = [(name, text) for name, text in self.typed.items() if text and name not in shown]
        if "item" not in shown:
            for code, units in self.wanted.items():
                pairs += [("item", code), (f"many-{code}", units)]
        return pairs


class AskAgain(Exception):
    """The page `page` has to be shown again, with what was typed and the sentences by field."""

    def __init__(self, page: str, errors: Errors | None = None, **facts: Any) -> None:
        super().__init__()
        self.page, self.errors, self.facts = page, errors or {}, facts


def requestable(session: Session) -> Sequence[Item]:
    """What can be asked for, in the order it is shown."""
    return session.scalars(select(Item).where(Item.requestable).order_by(Item.position, Item.id)).all()


def check_need(draft: Draft, *, most: Mapping[str, int] | None, page: str) -> tuple[dict[str, int], str]:
    """Units by item code, and the ZIP code, checked by shape alone.

    `page` is where the ZIP code was typed: `start`, or `where` once an address was given.
    """
    try:
        need = NeedSchema(most=most).load({"wanted": draft.wanted, "zip": draft.typed["zip"]})
    except ValidationError as problem:
        errors = _by_field(problem)
        raise AskAgain("start" if "wanted" in errors else page, errors) from None
    return {code: int(units) for code, units in need["wanted"].items()}, need["zip"]


def check_place(session: Session, draft: Draft, zip_code: str, *, page: str) -> Place:
    """The place of the ZIP code; raises AskAgain if there is none."""
    try:
        return places.find(session, zip_code)
    except ZipUnknown as problem:
        raise AskAgain(page, {"zip": [str(problem)]}) from None


def answer(session: Session, draft: Draft, wanted: Mapping[str, int], place: Place, on: date) -> Judgement:
    """What the live rules say to this request. Raises NoRules while none are live."""
    book = live_book(session)
    state = draft.typed["state"] if draft.typed["state"] in place.states else None
    least, below = read_age(draft)
    there = served(session, place, Facts(state=state), wanted)
    judgement = judge(book, place, wanted, Facts(state=state, age=least), on, served=there)
    if least is not None and any(least < age < below for age in min_ages(judgement)):
        return judge(book, place, wanted, Facts(state=state), on, served=there)  # another age counts here: ask again
    return judgement


def in_stock(session: Session, draft: Draft, place: Place, on: date) -> frozenset[str]:
    """Codes of the wanted items, in the units wanted, that could leave together today."""
    state = draft.typed["state"] if draft.typed["state"] in place.states else None
    wanted = {code: int(units) for code, units in draft.wanted.items() if units.isdecimal()}
    return at_once(session, place, Facts(state=state), wanted, on)


def min_ages(judgement: Judgement) -> list[int]:
    """The ages that the rules name for these items, youngest first."""
    return sorted({found.min_age for found in judgement.by_item.values() if found.min_age is not None})


def age_bands(judgement: Judgement) -> list[tuple[int, int | None]]:
    """The answers to offer where an age is asked: from this age on, and below that one (None: or older)."""
    ages = [0, *min_ages(judgement)]
    return list(zip(ages, [*ages[1:], None], strict=True))


def check_address(draft: Draft) -> dict[str, str]:
    """The address, clean."""
    return _load(AddressSchema(), draft, "where")


def check_state(draft: Draft, address: Mapping[str, str], place: Place) -> None:
    """A state in which the ZIP code does not lie is asked about once, then taken as it is: a person looks at it."""
    pair = f"{address['zip']} {address['state']}"
    if address["state"] not in place.states and draft.typed["sure"] != pair:
        problem = _l(
            "As far as we know, this ZIP code is not in that state. Please check both. If they are right, go on."
        )
        raise AskAgain("where", {"state": [problem]}, sure=pair)


def check_contact(draft: Draft) -> dict[str, str]:
    """E-mail and phone, at most one of them filled."""
    return _load(ContactSchema(), draft, "contact")


def read_age(draft: Draft) -> tuple[int | None, float]:
    """Between which ages they said they are, if a rule made us ask: reached the first, below the second."""
    return AgeSchema().load({"age": draft.typed["age"]})["age"]  # type: ignore[no-any-return]


def lawful(judgement: Judgement) -> list[str]:
    """Codes of the items that can go on: allowed, or for a person to decide."""
    return judgement.items(Effect.ALLOW, Effect.REVIEW)


def _load(schema: Schema, draft: Draft, page: str) -> dict[str, str]:
    try:
        values: dict[str, str] = schema.load(draft.typed)
    except ValidationError as problem:
        raise AskAgain(page, _by_field(problem)) from None
    return values


def _by_field(problem: ValidationError) -> Errors:
    messages: Any = problem.messages
    shown = ("wanted", "name", "line1", "line2", "city", "state", "zip", *messages)  # as they stand on the page
    return {name: _flat(messages[name]) for name in dict.fromkeys(shown) if name in messages}


def _flat(found: Any) -> list[str | LazyString]:
    if isinstance(found, dict):
        return [sentence for part in found.values() for sentence in _flat(part)]
    return list(found) if isinstance(found, list) else [found]

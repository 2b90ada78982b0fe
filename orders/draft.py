"""A request before it is sent: what was typed so far, which each page carries in hidden fields, and its checks.

Nothing of it is stored. A check gives back clean values, or raises AskAgain with the page to show once more.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from distro import clock
from geo import places
from geo.decision import Statement
from geo.places import Place, ZipUnknown, state_of
from geo.rules import Effect, Facts
from inventory.models import Item
from orders.authority import products
from orders.eligibility import Judgement, at_once, judge, senders
from orders.schemas import ITEMS_MOST, AddressSchema, AgeSchema, ContactSchema, NeedSchema
from orders.tables import looked_up

_FIPS = re.compile(r"\d{5}", re.ASCII)
UNSURE = "unsure"  # the answer of someone who does not know their county

FIELDS = (
    "form",
    "zip",
    "state",
    "county",
    "age",
    "name",
    "line1",
    "line2",
    "city",
    "sure",
    "contact",
    "email",
    "phone",
    "then",
)

Errors = Mapping[str, Sequence[str | LazyString]]


@dataclass
class Draft:
    """Everything as typed, uncut: a text for each field, the units wanted by item code, the statements agreed to."""

    typed: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    wanted: dict[str, str] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()  # keys of the rules that ask for a statement

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "Draft":
        """Read a posted form; fields we do not know are left alone."""
        wanted = {code: form.get(f"many-{code}", "1") for code in form.getlist("item")}
        agreed = tuple(dict.fromkeys(key[:60] for key in form.getlist("agree")[:ITEMS_MOST]))
        return cls({name: form.get(name, "") for name in FIELDS}, wanted, agreed)

    def carried(self, *shown: str) -> list[tuple[str, str]]:
        """Names and values of the hidden fields of a page which itself shows the fields `shown`."""
        pairs = [(name, text) for name, text in self.typed.items() if text and name not in shown]
        if "item" not in shown:
            for code, units in self.wanted.items():
                pairs += [("item", code), (f"many-{code}", units)]
        if "agree" not in shown:
            pairs += [("agree", key) for key in self.agreed]
        return pairs

    def facts(self, place: Place, age: int | None) -> Facts:
        """What rules need to know, as far as it was answered and fits the place."""
        state = self.typed["state"] if self.typed["state"] in place.states else None
        county = self.county
        if county and (county not in place.counties or state not in (None, state_of(county))):
            county = None
        return Facts(state=state, county=county, age=age, attested=frozenset(self.agreed))

    @property
    def county(self) -> str | None:
        """The county they chose, as a FIPS code; "" if they do not know it, None if they were not asked."""
        typed = self.typed["county"]
        return "" if typed == UNSURE else typed if _FIPS.fullmatch(typed) else None


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


def answer(session: Session, draft: Draft, wanted: Mapping[str, int], place: Place, moment: datetime) -> Judgement:
    """What the rules in force there and then say to this request. Raises NoRules while none are."""
    on = clock.day_at(moment, place.zone)
    least, below = read_age(draft)
    facts = draft.facts(place, least)
    there = senders(session, place, facts, wanted)
    decider = looked_up(session, on, wanted, (site for sites in there.values() for site in sites))
    judgement = judge(decider, place, wanted, facts, on, senders=there)
    if least is not None and any(least < age < below for age in min_ages(judgement)):
        # another age counts here: ask again
        return judge(decider, place, wanted, replace(facts, age=None), on, senders=there)
    return judgement


def lawful_parts(
    session: Session, draft: Draft, place: Place, judgement: Judgement, moment: datetime
) -> dict[str, list[str]]:
    """Kit -> those of its parts that can be asked for alone and go there, for each kit that cannot go as a whole."""
    alone = {item.code for item in requestable(session)} - set(draft.wanted)
    known = products(session) if judgement.items(Effect.DENY) else {}
    parts = {
        kit: [part.code for part, _ in known[kit].parts if part.code in alone]
        for kit in judgement.items(Effect.DENY)
        if kit in known
    }
    wanted = {code: 1 for codes in parts.values() for code in codes}
    can_go = set(lawful(answer(session, draft, wanted, place, moment))) if wanted else set()
    return {kit: found for kit, codes in parts.items() if (found := [code for code in codes if code in can_go])}


def in_stock(session: Session, draft: Draft, place: Place, judgement: Judgement, on: date) -> frozenset[str]:
    """Codes of the wanted items, in the units wanted, that could leave together today."""
    wanted = {code: int(units) for code, units in draft.wanted.items() if units.isdecimal()}
    return at_once(session, place, draft.facts(place, None), wanted, judgement, on)


def statements(judgement: Judgement) -> list[Statement]:
    """What has to be agreed to for these items, each once."""
    return list(dict.fromkeys(one for found in judgement.by_item.values() for one in found.statements))


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

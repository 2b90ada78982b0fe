"""A request before it is sent: what was typed so far, which each page carries in hidden fields, and its checks.

Nothing of it is stored. A check gives back clean values, or raises AskAgain with the page to show once more.

Length: each answer of a request and its check stand side by side.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from marshmallow import Schema, ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from distro import clock
from distro.languages import pick
from geo import places
from geo.decision import Statement
from geo.places import Place, ZipUnknown, state_of
from geo.rules import Effect, Facts
from inventory.models import Item
from orders import addresscheck, cards, choices
from orders.eligibility import Judgement, judge, senders
from orders.intake import ANY
from orders.schemas import ITEMS_MOST, AddressSchema, AgeSchema, ContactSchema, NeedSchema, tidy
from orders.tables import looked_up

_FIPS = re.compile(r"\d{5}", re.ASCII)
_SEEN_MOST = 60  # doubts that a page remembers as shown
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
    "kind",
    "care_of",
    "box",
    "urbanization",
    "untracked",
    "city",
    "filled",  # the city that the page wrote down by itself
    "sure",
    "contact",
    "email",
    "phone",
    "says",
    "then",
    "organisation",  # these two: of a group
    "plan",
    "door",  # these two: of a request that staff key in for somebody
    "speaks",
    "via",  # the code of the link they came by: see orders.links
)

ADDRESS = (*addresscheck.FIELDS, "untracked")  # those of the page that asks where it goes

Errors = Mapping[str, Sequence[str | LazyString]]


@dataclass
class Draft:
    """Everything as typed, uncut: a text for each field, the units wanted by item code, the statements agreed to."""

    typed: dict[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))
    wanted: dict[str, str] = field(default_factory=dict)
    agreed: tuple[str, ...] = ()  # keys of the rules that ask for a statement
    trained: tuple[str, ...] = ()  # marks of the trainings they did: see orders.cards
    takes: tuple[str, ...] = ()  # families of which the closest kind may go; the field is `substitutes`

    @classmethod
    def read(cls, form: MultiDict[str, str]) -> "Draft":
        """Read a posted form; fields we do not know are left alone."""
        wanted = {form.get(f"kind-{code}") or code: form.get(f"many-{code}", "1") for code in form.getlist("item")}
        agreed = tuple(dict.fromkeys(key[:80] for key in form.getlist("agree")[:ITEMS_MOST]))
        trained = tuple(dict.fromkeys(mark[:80] for mark in form.getlist("trained")[:ITEMS_MOST]))
        takes = tuple(sorted({name[:40] for name in form.getlist("substitutes")[:ITEMS_MOST]} - {"", ANY}))
        return cls({name: form.get(name, "") for name in FIELDS}, wanted, agreed, trained, takes)

    def carried(self, *shown: str) -> list[tuple[str, str]]:
        """Names and values of the hidden fields of a page which itself shows the fields `shown`."""
        pairs = [(name, text) for name, text in self.typed.items() if text and name not in shown]
        if "item" not in shown:
            for code, units in self.wanted.items():
                pairs += [("item", code), (f"many-{code}", units)]
        if "agree" not in shown:
            pairs += [("agree", key) for key in self.agreed]
        if "substitutes" not in shown:
            pairs += [("substitutes", family) for family in self.takes]
        return pairs + [("trained", mark) for mark in self.trained]

    def facts(self, place: Place, age: int | None) -> Facts:
        """What rules need to know, as far as it was answered and fits the place."""
        state = self.typed["state"] if self.typed["state"] in place.states else None
        county = self.county
        if county and (county not in place.counties or state not in (None, state_of(county))):
            county = None
        trained = frozenset(cards.done(self.trained))
        return Facts(state=state, county=county, age=age, attested=frozenset(self.agreed), trained=trained)

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


def check_need(
    draft: Draft, *, page: str, items: Sequence[Item] | None = None, most: Mapping[str, int] | None = None
) -> tuple[dict[str, int], str]:
    """Units by item code, and the ZIP code, checked by shape alone.

    `items` is what can be asked for, each thing in one kind; else `most` has each item's limit, if they can be looked
    up. `page` is where the ZIP code was typed: `start`, or `where` once an address was given.
    """
    most = _most(items) if items is not None else most
    try:
        need = NeedSchema(most=most).load({"wanted": draft.wanted, "zip": draft.typed["zip"]})
    except ValidationError as problem:
        errors = _by_field(problem)
        raise AskAgain("start" if "wanted" in errors else page, errors) from None
    _check_kinds(draft, items or (), page="start")
    return {code: int(units) for code, units in need["wanted"].items()}, need["zip"]


def check_things(draft: Draft, *, items: Sequence[Item], page: str) -> dict[str, int]:
    """Units by item code alone, for a request to a place that we have already."""
    try:
        need = NeedSchema(most=_most(items), only=("wanted",)).load({"wanted": draft.wanted})
    except ValidationError as problem:
        raise AskAgain(page, _by_field(problem)) from None
    _check_kinds(draft, items, page=page)
    return {code: int(units) for code, units in need["wanted"].items()}


def _most(items: Sequence[Item]) -> dict[str, int]:
    return {item.code: item.most_per_request for item in items}


def _check_kinds(draft: Draft, items: Sequence[Item], *, page: str) -> None:
    several = choices.more_than_one_kind(items, draft.wanted)
    if several:
        names = ", ".join(pick(item.name, item.name_es) for item in several)
        sentence = _l(
            "You chose more than one kind of the same thing. Please choose one here. You can ask for the other in a "
            "second request. You chose: %(names)s",
            names=names,
        )
        raise AskAgain(page, {"wanted": [sentence]})


def other_kinds(session: Session, draft: Draft) -> dict[str, list[Item]]:
    """By family, the kinds of what they want and take in another kind; what they said of other things is over."""
    return choices.several_kinds(requestable(session), draft.wanted, draft.takes) if draft.takes else {}


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


def settle(session: Session, draft: Draft, wanted: Mapping[str, int], place: Place, moment: datetime) -> Judgement:
    """The decision, once it leaves no question and no item out; else AskAgain with the answer page."""
    judgement = answer(session, draft, wanted, place, moment)
    if set(lawful(judgement)) != set(wanted):
        raise AskAgain("answer", place=place, judgement=judgement)
    return judgement


def statements(judgement: Judgement) -> list[Statement]:
    """What has to be agreed to for these items, each once."""
    return list(dict.fromkeys(one for found in judgement.by_item.values() for one in found.statements))


def trainings(draft: Draft, judgement: Judgement) -> list[str]:
    """What can be learnt here that a rule for these items wants learnt first, and is not yet, each once."""
    wanted = [one for found in judgement.by_item.values() for one in found.trainings]
    return [one for one in cards.taught(wanted) if one not in cards.done(draft.trained)]


def min_ages(judgement: Judgement) -> list[int]:
    """The ages that the rules name for these items, youngest first."""
    return sorted({found.min_age for found in judgement.by_item.values() if found.min_age is not None})


def age_bands(judgement: Judgement) -> list[tuple[int, int | None]]:
    """The answers to offer where an age is asked: from this age on, and below that one (None: or older)."""
    ages = [0, *min_ages(judgement)]
    return list(zip(ages, [*ages[1:], None], strict=True))


def check_address(draft: Draft) -> dict[str, Any]:
    """The address, clean, as fields of `Person`."""
    return _load(AddressSchema(), draft, "where")


def check_doubts(session: Session, draft: Draft, place: Place) -> None:
    """What looks odd in the address is asked about once, then taken as it was typed: see `orders.addresscheck`.

    `sure` tells which doubts they have seen; what they change since is a doubt of its own.
    """
    doubts = addresscheck.warnings(_tidied(draft), place, lambda: places.cities_around(session, place))
    marks = {doubt: _mark(draft, doubt) for doubt in doubts}
    seen = draft.typed["sure"].split()[:_SEEN_MOST]
    new = [doubt for doubt in doubts if marks[doubt] not in seen]
    if new:
        errors = {
            field: [addresscheck.SENTENCES[doubt.key] for doubt in new if doubt.field == field]
            for field in addresscheck.FIELDS
            if any(doubt.field == field for doubt in new)
        }
        raise AskAgain("where", errors, sure=" ".join(dict.fromkeys([*marks.values(), *seen])), doubted=True)


def sure_of_state(draft: Draft) -> bool:
    """Whether they were asked about their state and ZIP code, which do not fit, and went on."""
    return _mark(draft, addresscheck.ELSEWHERE) in draft.typed["sure"].split()


def _mark(draft: Draft, doubt: addresscheck.Doubt) -> str:
    """A doubt in a hidden field: another once what it is about was changed."""
    about = "\0".join(_tidied(draft)[name] for name in doubt.about)
    return f"{doubt.key}:{hashlib.sha256(about.encode()).hexdigest()[:8]}"


def _tidied(draft: Draft) -> dict[str, str]:
    return {name: tidy(draft.typed[name]) for name in addresscheck.FIELDS}


def check_contact(draft: Draft) -> dict[str, Any]:
    """E-mail and phone, at most one of them filled, and whether a message may say what it is about."""
    return _load(ContactSchema(), draft, "contact")


def read_age(draft: Draft) -> tuple[int | None, float]:
    """Between which ages they said they are, if a rule made us ask: reached the first, below the second."""
    return AgeSchema().load({"age": draft.typed["age"]})["age"]  # type: ignore[no-any-return]


def lawful(judgement: Judgement) -> list[str]:
    """Codes of the items that can go on: allowed, or for a person to decide."""
    return judgement.items(Effect.ALLOW, Effect.REVIEW)


def _load(schema: Schema, draft: Draft, page: str) -> dict[str, Any]:
    try:
        values: dict[str, Any] = schema.load(draft.typed)
    except ValidationError as problem:
        raise AskAgain(page, _by_field(problem)) from None
    return values


def _by_field(problem: ValidationError) -> Errors:
    messages: Any = problem.messages
    shown = ("wanted", *addresscheck.FIELDS, *messages)  # as they stand on the page
    return {name: _flat(messages[name]) for name in dict.fromkeys(shown) if name in messages}


def _flat(found: Any) -> list[str | LazyString]:
    if isinstance(found, dict):
        return [sentence for part in found.values() for sentence in _flat(part)]
    return list(found) if isinstance(found, list) else [found]

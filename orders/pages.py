"""What each question page of a request shows besides what was typed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from distro.languages import pick
from geo import places
from geo.decision import Decision
from geo.models import ZipKind
from geo.nearest import Help, arrange, shipped
from geo.places import Place
from geo.referrals import nearest_help
from geo.rules import Effect
from inventory.models import Item
from orders import choices, draft, effort, instead, retention
from orders.draft import Draft, Errors
from orders.eligibility import NO_RULES, Judgement

_SHOWN = {
    "start": ("item", "zip", "age", "substitutes"),
    "answer": ("state", "county", "age", "agree"),
    "where": (*draft.ADDRESS, "sure", "filled"),
    "correct": (*draft.ADDRESS, "sure"),
    "contact": ("contact", "email", "phone", "says"),
    "check": ("then",),
}


KINDS = (
    ("home", _l("My home")),
    ("other", _l("Someone else’s address")),
    ("general", _l("A post office, to pick it up there (General Delivery)")),
    ("box", _l("A PO box")),
    ("military", _l("Military or diplomatic mail (APO, FPO, DPO)")),
)


@dataclass(frozen=True)
class Thing:
    """An item in the reader's language, with the units typed and, once asked, the answer and its reasons."""

    code: str
    name: str
    detail: str
    most: int
    units: str
    effect: str = ""
    reasons: tuple[str, ...] = ()
    barred: bool = False  # a rule says no, rather than that none of our warehouses sends it
    there: bool = True  # it stands on a shelf now, in this kind or, with `other`, the closest
    other: bool = False
    takes: bool = False  # they take the closest kind of it
    parts: tuple[str, ...] = ()  # of a kit that cannot go: names of the parts that can
    wish: bool = False  # it may go there, but not one of it is here: they may want to hear when it is


def show(
    page: str, typed: Draft, *, status: int = 200, errors: Errors | None = None, **facts: Any
) -> ResponseReturnValue:
    """A question page: `typed` in its fields and hidden fields, `errors` beside them and on top."""
    return render_template(f"public/{page}.html", **context(page, typed, errors, **facts)), status


def context(
    page: str, typed: Draft, errors: Errors | None = None, *, shown: Sequence[str] = (), **facts: Any
) -> dict[str, Any]:
    """What a question page is made of; `shown` names fields that it shows besides its own."""
    typed = replace(typed, takes=tuple(draft.other_kinds(db.session(), typed)))
    return {
        **_FACTS[page](typed, **facts),
        "typed": typed.typed,
        "kept": typed.carried(*_SHOWN[page], *shown),
        "errors": {name: [str(sentence) for sentence in found] for name, found in (errors or {}).items()},
    }


def help_near(typed: Draft, *, tables: bool = True) -> list[Help]:
    """Help near the address typed, for the page after it is stored; from no table where the database is away."""
    g.only_reads = True  # what was stored is committed; this must not wait for other writers
    state = typed.typed["state"]
    try:
        if tables:
            place = places.find(db.session(), typed.typed["zip"])
            return nearest_help(db.session(), place, state=state if state in place.states else None)
    except (Refusal, SQLAlchemyError):  # the code must be shown, whatever becomes of this
        db.session.rollback()
    return arrange(shipped(), state=state)


def _start(typed: Draft) -> dict[str, Any]:
    items = draft.requestable(db.session())
    return {
        "things": choices.choices(db.session(), items, typed.wanted, clock.today(), takes=typed.takes),
        "limits": choices.limits(items),
        "after_shipping": retention.KEEP_AFTER_SHIPPING.days,
    }


def _answer(typed: Draft, *, place: Place, judgement: Judgement) -> dict[str, Any]:
    known = len(place.states) == 1 or typed.typed["state"] in place.states
    here = _here(typed, place, judgement)
    things = [
        _thing(item, typed, judgement.by_item[item.code], known=known, here=here)
        for item in draft.requestable(db.session())
        if item.code in judgement.by_item
    ]
    parts = instead.lawful_parts(db.session(), typed, place, judgement, clock.now())
    named = {item.code: pick(item.name, item.name_es) for item in draft.requestable(db.session())}
    things = [replace(one, parts=tuple(named[code] for code in parts.get(one.code, ()))) for one in things]
    more = dict.fromkeys((code for codes in parts.values() for code in codes), "1")
    state = typed.typed["state"] if typed.typed["state"] in place.states else place.states[0]
    asked = {ask for decision in judgement.by_item.values() for ask in decision.asks}
    ok = draft.lawful(judgement)
    now = _ready(typed, place) if any(one.code not in ok or not one.there for one in things) else {}
    short = [one.code for one in things if (one.code not in ok and one.effect != Effect.ASK) or not one.there]
    things = [replace(one, wish=known and one.code in set(short) & set(ok) and one.code not in now) for one in things]
    at_once = [thing.code for thing in things if thing.effect == Effect.ALLOW and thing.there]
    return {
        "things": things,
        "lawful": ok,
        "kept_lawful": _only(typed, ok),
        "offers": [_offer(typed, offer, ok) for offer in _offers(typed, short, now)] if known and not asked else [],
        "kept_elsewhere": [pair for pair in typed.carried() if pair[0] not in ("state", "county", "agree")]
        if typed.county is not None or (known and len(place.states) > 1)
        else [],
        "kept_with_parts": replace(typed, wanted={**{code: typed.wanted[code] for code in ok}, **more}).carried()
        if more
        else [],
        "at_once": at_once,
        "kept_at_once": _only(typed, at_once),
        "asked": asked,
        "unanswered": bool(asked) and "asking" in request.form,
        "states": [(code, _state_name(code)) for code in place.states],
        "counties": places.counties(db.session(), place, state if known else None) if "county" in asked else [],
        "bands": draft.age_bands(judgement),
        "agreed": typed.agreed,
        "trainings": draft.trainings(typed, judgement) if known else [],
        "kept_all": typed.carried(),
        "statements": [(each.key, pick(each.text, each.text_es)) for each in draft.statements(judgement)],
        "place": place,
        "state_name": _state_name(state) if known else "",
        "county_name": dict(places.counties(db.session(), place)).get(typed.county or "", ""),
        "help": nearest_help(db.session(), place, state=state if known else None) if len(ok) < len(things) else (),
    }


def _only(typed: Draft, codes: Sequence[str]) -> list[tuple[str, str]]:
    return replace(typed, wanted={code: typed.wanted[code] for code in codes}).carried()


def _here(typed: Draft, place: Place, judgement: Judgement) -> instead.Here:
    """How much of it could leave now, and what of it in another kind."""
    items, (least, _below) = draft.requestable(db.session()), draft.read_age(typed)
    return instead.here(
        db.session(),
        place,
        typed.facts(place, least),
        {code: int(units) for code, units in typed.wanted.items() if units.isdecimal()},
        judgement,
        draft.other_kinds(db.session(), typed),
        items=items,
        on=clock.day_at(clock.now(), place.zone),
        today=clock.today(),
    )


def _ready(typed: Draft, place: Place) -> dict[str, Effect]:
    """What one unit of can be asked for there now, of all that can be asked for."""
    least, _below = draft.read_age(typed)
    codes = [item.code for item in draft.requestable(db.session())]
    on = clock.day_at(clock.now(), place.zone)
    return instead.ready(db.session(), place, typed.facts(place, least), codes, on=on, today=clock.today())


def _offers(typed: Draft, short: Sequence[str], now: Mapping[str, Effect]) -> list[instead.Offer]:
    return instead.offers(draft.requestable(db.session()), typed.wanted, short, now)


def _offer(typed: Draft, offer: instead.Offer, ok: Sequence[str]) -> tuple[str, bool, list[tuple[str, str]]]:
    """What it is called, whether it takes the place of another kind, and the fields that ask for it."""
    item, units = offer.item, typed.wanted.get(offer.for_code, "1")
    kept = {code: typed.wanted[code] for code in ok if code != offer.for_code}
    most = str(min(int(units), item.most_per_request)) if units.isdecimal() else "1"
    pairs = replace(typed, wanted={**kept, item.code: most}).carried()
    return pick(item.name, item.name_es), bool(offer.for_code), pairs


def _where(typed: Draft, *, place: Place | None = None, sure: str = "", doubted: bool = False) -> dict[str, Any]:
    soldier = place is not None and place.kind is ZipKind.MILITARY
    city = place.city if place and place.zip == typed.typed["zip"].strip()[:5] else ""
    known = "" if city and typed.typed["city"] == typed.typed["filled"] else typed.typed["city"]
    return {
        "states": places.names(db.session()),
        "filled": typed.typed["filled"] if known else city,
        "sure": sure or typed.typed["sure"],
        "doubted": doubted,
        "kinds": KINDS,
        "kind": typed.typed["kind"] or ("military" if soldier else "home"),
        "city": known or city,
        "state": typed.typed["state"] or (place.states[0] if place else ""),
    }


def _contact(typed: Draft) -> dict[str, Any]:
    return {"way": typed.typed["contact"] or "none"}


def _check(typed: Draft) -> dict[str, Any]:
    things = [_thing(item, typed) for item in draft.requestable(db.session()) if item.code in typed.wanted]
    bits = current_settings().effort_bits
    return {
        "things": things,
        "address": draft.check_address(typed),
        "kind": dict(KINDS).get(typed.typed["kind"] or "home", ""),
        "state_name": _state_name(typed.typed["state"]),
        "puzzle": effort.puzzle(typed.typed["form"]) if bits else "",
        "bits": bits,
    }


_FACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "start": _start,
    "answer": _answer,
    "where": _where,
    "correct": _where,
    "contact": _contact,
    "check": _check,
}


def _thing(
    item: Item, typed: Draft, decision: Decision | None = None, *, known: bool = True, here: instead.Here | None = None
) -> Thing:
    return Thing(
        code=item.code,
        name=pick(item.name, item.name_es),
        detail=pick(item.detail, item.detail_es),
        most=item.most_per_request,
        units=typed.wanted.get(item.code, "1"),
        effect=str(decision.effect) if decision else "",
        reasons=_reasons(decision) if decision and known else (),
        barred=decision is not None and _barred(decision),
        there=here is None or item.code in here.codes,
        other=here is not None and item.code in here.other,
        takes=item.family in typed.takes,
    )


def _barred(decision: Decision) -> bool:
    return any(reason.effect is Effect.DENY and reason.rule_key not in NO_RULES for reason in decision.reasons)


def _reasons(decision: Decision) -> tuple[str, ...]:
    """The sentences that decide, strictest first; none where only the state is missing, which is asked below."""
    if {"state", "county"} & set(decision.asks):
        return ()
    binding = [reason for reason in decision.reasons if reason.effect is decision.effect]
    return tuple(dict.fromkeys(pick(reason.sentence, reason.sentence_es) for reason in binding))[:1]


def _state_name(code: str) -> str:
    return places.state_name(db.session(), code)

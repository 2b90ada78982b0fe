"""What each question page of a request shows besides what was typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale
from sqlalchemy.exc import SQLAlchemyError

from distro import clock
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo import places
from geo.decision import Decision
from geo.nearest import Help, arrange, shipped
from geo.places import Place
from geo.referrals import nearest_help
from geo.rules import Effect
from inventory.models import Item
from orders import draft, effort
from orders.draft import Draft, Errors
from orders.eligibility import NO_RULES, Judgement

_SHOWN = {
    "start": ("item", "zip", "age"),
    "answer": ("state", "county", "age", "agree"),
    "where": ("name", "line1", "line2", "city", "state", "zip", "sure"),
    "contact": ("contact", "email", "phone"),
    "check": ("then",),
}


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
    there: bool = True  # some of it stands on a shelf now
    parts: tuple[str, ...] = ()  # of a kit that cannot go: names of the parts that can


def show(
    page: str, typed: Draft, *, status: int = 200, errors: Errors | None = None, **facts: Any
) -> ResponseReturnValue:
    """A question page: `typed` in its fields and hidden fields, `errors` beside them and on top."""
    shown = _FACTS[page](typed, **facts)
    return (
        render_template(
            f"public/{page}.html",
            typed=typed.typed,
            kept=typed.carried(*_SHOWN[page]),
            errors={name: [str(sentence) for sentence in found] for name, found in (errors or {}).items()},
            **shown,
        ),
        status,
    )


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
    return {"things": [_thing(item, typed) for item in draft.requestable(db.session())], "chosen": set(typed.wanted)}


def _answer(typed: Draft, *, place: Place, judgement: Judgement) -> dict[str, Any]:
    known = len(place.states) == 1 or typed.typed["state"] in place.states
    there = draft.in_stock(db.session(), typed, place, judgement, clock.today())
    things = [
        _thing(item, typed, judgement.by_item[item.code], known=known, there=item.code in there)
        for item in draft.requestable(db.session())
        if item.code in judgement.by_item
    ]
    parts = draft.lawful_parts(db.session(), typed, place, judgement, clock.now())
    named = {item.code: item.name_es if _spanish() else item.name for item in draft.requestable(db.session())}
    things = [replace(one, parts=tuple(named[code] for code in parts.get(one.code, ()))) for one in things]
    more = dict.fromkeys((code for codes in parts.values() for code in codes), "1")
    state = typed.typed["state"] if typed.typed["state"] in place.states else place.states[0]
    asked = {ask for decision in judgement.by_item.values() for ask in decision.asks}
    ok = draft.lawful(judgement)
    at_once = [thing.code for thing in things if thing.effect == Effect.ALLOW and thing.there]
    return {
        "things": things,
        "lawful": ok,
        "kept_lawful": _only(typed, ok),
        "kept_elsewhere": [pair for pair in typed.carried() if pair[0] not in ("state", "county", "agree")]
        if typed.county is not None or (known and len(place.states) > 1)
        else [],
        "kept_with_parts": Draft(
            typed.typed, {**{code: typed.wanted[code] for code in ok}, **more}, typed.agreed
        ).carried()
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
        "statements": [(each.key, each.text_es if _spanish() else each.text) for each in draft.statements(judgement)],
        "place": place,
        "state_name": _state_name(state) if known else "",
        "county_name": dict(places.counties(db.session(), place)).get(typed.county or "", ""),
        "help": nearest_help(db.session(), place, state=state if known else None) if len(ok) < len(things) else (),
    }


def _only(typed: Draft, codes: Sequence[str]) -> list[tuple[str, str]]:
    return Draft(typed.typed, {code: typed.wanted[code] for code in codes}, typed.agreed).carried()


def _where(typed: Draft, *, place: Place | None = None, sure: str = "") -> dict[str, Any]:
    rows = places.states(db.session())
    names = sorted(((row.name_es if _spanish() else row.name), row.code) for row in rows)
    city = place.city if place and place.zip == typed.typed["zip"].strip()[:5] else ""
    return {
        "states": names,
        "sure": sure or typed.typed["sure"],
        "city": typed.typed["city"] or city,
        "state": typed.typed["state"] or (place.states[0] if place else ""),
    }


def _contact(typed: Draft) -> dict[str, Any]:
    return {"way": typed.typed["contact"] or "none"}


def _check(typed: Draft) -> dict[str, Any]:
    things = [_thing(item, typed) for item in draft.requestable(db.session()) if item.code in typed.wanted]
    bits = current_settings().effort_bits
    g.scripted = bits > 0
    return {
        "things": things,
        "state_name": _state_name(typed.typed["state"]),
        "puzzle": effort.puzzle(typed.typed["form"]) if bits else "",
        "bits": bits,
    }


_FACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "start": _start,
    "answer": _answer,
    "where": _where,
    "contact": _contact,
    "check": _check,
}


def _thing(
    item: Item, typed: Draft, decision: Decision | None = None, *, known: bool = True, there: bool = True
) -> Thing:
    spanish = _spanish()
    return Thing(
        code=item.code,
        name=item.name_es if spanish else item.name,
        detail=item.detail_es if spanish else item.detail,
        most=item.most_per_request,
        units=typed.wanted.get(item.code, "1"),
        effect=str(decision.effect) if decision else "",
        reasons=_reasons(decision, spanish) if decision and known else (),
        barred=decision is not None and _barred(decision),
        there=there,
    )


def _barred(decision: Decision) -> bool:
    return any(reason.effect is Effect.DENY and reason.rule_key not in NO_RULES for reason in decision.reasons)


def _reasons(decision: Decision, spanish: bool) -> tuple[str, ...]:
    """The sentences that decide, strictest first; none where only the state is missing, which is asked below."""
    if {"state", "county"} & set(decision.asks):
        return ()
    binding = [reason for reason in decision.reasons if reason.effect is decision.effect]
    return tuple(dict.fromkeys(reason.sentence_es if spanish else reason.sentence for reason in binding))[:1]


def _state_name(code: str) -> str:
    return places.state_name(db.session(), code, spanish=_spanish())


def _spanish() -> bool:
    locale = get_locale()
    return locale is not None and locale.language == "es"

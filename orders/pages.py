"""What each question page of a request shows besides what was typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import get_locale

from distro import clock
from distro.db import db
from geo import places
from geo.places import Place
from geo.referrals import nearest_help
from geo.rules import Decision, Effect
from inventory.models import Item
from orders import draft
from orders.draft import Draft, Errors
from orders.eligibility import Judgement

_SHOWN = {
    "start": ("item", "zip", "age"),
    "answer": ("state", "age"),
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
    there: bool = True  # some of it stands on a shelf now


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


def _start(typed: Draft) -> dict[str, Any]:
    return {"things": [_thing(item, typed) for item in draft.requestable(db.session())], "chosen": set(typed.wanted)}


def _answer(typed: Draft, *, place: Place, judgement: Judgement) -> dict[str, Any]:
    known = len(place.states) == 1 or typed.typed["state"] in place.states
    there = draft.in_stock(db.session(), typed, place, clock.today())
    things = [
        _thing(item, typed, judgement.by_item[item.code], known=known, there=item.code in there)
        for item in draft.requestable(db.session())
        if item.code in judgement.by_item
    ]
    state = typed.typed["state"] if typed.typed["state"] in place.states else place.states[0]
    asked = {decision.ask for decision in judgement.by_item.values() if decision.ask}
    ok = draft.lawful(judgement)
    at_once = [thing.code for thing in things if thing.effect == Effect.ALLOW and thing.there]
    return {
        "things": things,
        "lawful": ok,
        "kept_lawful": _only(typed, ok),
        "at_once": at_once,
        "kept_at_once": _only(typed, at_once),
        "asked": asked,
        "unanswered": bool(asked) and "asking" in request.form,
        "states": [(code, _state_name(code)) for code in place.states],
        "bands": draft.age_bands(judgement),
        "place": place,
        "state_name": _state_name(state) if known else "",
        "help": nearest_help(state) if len(ok) < len(things) else (),
    }


def _only(typed: Draft, codes: Sequence[str]) -> list[tuple[str, str]]:
    return Draft(typed.typed, {code: typed.wanted[code] for code in codes}).carried()


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
    return {"things": things, "state_name": _state_name(typed.typed["state"])}


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
        there=there,
    )


def _reasons(decision: Decision, spanish: bool) -> tuple[str, ...]:
    """The sentences that decide, strictest first; none where only the state is missing, which is asked below."""
    if decision.ask == "state":
        return ()
    binding = [reason for reason in decision.reasons if reason.effect is decision.effect]
    return tuple(dict.fromkeys(reason.sentence_es if spanish else reason.sentence for reason in binding))[:1]


def _state_name(code: str) -> str:
    return places.state_name(db.session(), code, spanish=_spanish())


def _spanish() -> bool:
    locale = get_locale()
    return locale is not None and locale.language == "es"

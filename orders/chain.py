"""An explanation as plain values, for JSON and pages, and as lines of text for a terminal."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo import placewords
from geo.decision import Decision, Reason
from geo.diff import EFFECT_WORDS
from geo.explain import COUNTING, Explanation, Step
from geo.nearest import Help
from geo.places import Place
from geo.rules import Effect, Law, Origin
from inventory.models import Item
from orders.eligibility import NO_WAREHOUSE

_QUESTIONS = {
    "state": (
        "Which state is it in? The rules of the states differ.",
        "¿En qué estado está? Las reglas de los estados son distintas.",
    ),
    "county": (
        "Which county is it in? The rules of the counties differ.",
        "¿En qué condado está? Las reglas de los condados son distintas.",
    ),
}
_DOES = {True: "does not send it", False: "sends it"}
_SEE = "see the catalog's ships_to and stocks."


def names(session: Session) -> dict[str, str]:
    """Names for people: OH -> Ohio, county:39049 -> Franklin, OH, and each item's code -> its name."""
    known = placewords.names(session)
    counties = {f"county:{fips}": name for fips, name in known.counties.items()}
    return {**known.states, **counties, **dict(session.execute(select(Item.code, Item.name)).all())}


def row(
    law: Law,
    place: Place,
    item: str,
    origin: Origin | None,
    on: date,
    found: Explanation,
    helps: Sequence[Help],
    *,
    able: Collection[str],
) -> dict[str, Any]:
    """The whole answer as plain values.

    `effect` and `reasons` (strictest first) are the decision, `ask` its first question and `asks` all, `chain` every
    rule with what became of it, `reads` what the participant reads (`reads_es` in Spanish), `help` where else to turn.
    `able` has the warehouses that send the item there by the catalog; `sent_there` says whether the one of the answer
    is among them, or any is. What the rules say is one thing, and that somebody sends it another.
    """
    decision = found.decision
    nobody = decision.effect is not Effect.DENY and not able
    reads, reads_es = _reads(NO_WAREHOUSE if nobody else decision)
    return {
        "zip": place.zip,
        "item": item,
        "on": on.isoformat(),
        "effect": str(decision.effect),
        "ask": decision.asks[0] if decision.asks else None,
        "asks": list(decision.asks),
        "min_age": decision.min_age,
        "most": decision.most,
        "site": origin.code if origin else None,
        "sent_there": origin.code in able if origin else bool(able),
        "reasons": [_reason(reason) for reason in decision.reasons],
        "chain": [_step(step) for step in found.chain],
        "silent": list(found.silent),
        "spots": list(found.spots),
        "reads": reads,
        "reads_es": reads_es,
        "help": [{"name": one.name, "phone": one.phone, "url": one.url} for one in helps],
        "ruleset": law.book.name,
        "ruleset_id": law.book.id,
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {
        "rule": reason.rule_key,
        "effect": str(reason.effect),
        "sentence": reason.sentence,
        "citation": reason.citation,
        "source": reason.source,
        "source_date": reason.source_date,
        "confidence": reason.confidence,
        "why": reason.why,
        "end": str(reason.end),
    }


def _step(step: Step) -> dict[str, Any]:
    rule = step.rule
    return {
        "rule": rule.key,
        "role": str(step.role),
        "counts": step.role in COUNTING,
        "where": step.where,
        "end": str(step.end),
        "part": step.part,
        "effect": str(step.effect),
        "why": step.why,
        "at": list(step.at),
        "citation": rule.citation,
        "source": rule.source,
        "source_url": rule.source_url,
        "source_date": rule.source_date,
        "confidence": rule.confidence,
        "reviewed_by": rule.reviewed_by,
        "valid_from": rule.valid_from and rule.valid_from.isoformat(),
        "valid_to": rule.valid_to and rule.valid_to.isoformat(),
        "note": rule.note,
    }


def _reads(decision: Decision) -> tuple[str, str]:
    """What the participant reads, in English and Spanish."""
    asked = [_QUESTIONS[ask] for ask in decision.asks if ask in _QUESTIONS]
    first = decision.reasons[0]
    return asked[0] if asked else (first.sentence, first.sentence_es)


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """What `row` gave, in lines to read: the answer, the chain, what the participant reads, the next best place."""
    asked = f" ({', '.join(found['asks'])})" if found["asks"] else ""
    sent = f" from {found['site']}" if found["site"] else ""
    answer = EFFECT_WORDS[Effect(found["effect"])]
    yield f"{found['item']} to {found['zip']}{sent} on {found['on']}: {answer}{asked}. Ruleset: {found['ruleset']}."
    if unsent := not_sent(found):
        yield unsent
    if found["spots"]:
        yield f"The ZIP code may lie in: {'; '.join(found['spots'])}."
    yield ""
    for step in found["chain"]:
        yield from _told(step)
    yield from (f"- {text}: a person decides" for text in found["silent"])
    yield ""
    yield f"The participant reads: {found['reads']}"
    for one in found["help"]:
        yield f"Other help: {one['name']}{', ' + one['phone'] if one['phone'] else ''}"


def not_sent(found: Mapping[str, Any]) -> str:
    """That the rules do not stand in the way and still nothing is sent there, and what to look at; else nothing."""
    if found["sent_there"] or found["effect"] == Effect.DENY:
        return ""
    allow = "The rules allow it" if found["effect"] == Effect.ALLOW else "The rules do not forbid it"
    return f"{allow}, but {found['site'] or 'no warehouse'} {_DOES[bool(found['site'])]} there: {_SEE}"


def _told(step: Mapping[str, Any]) -> Iterator[str]:
    part = f", {step['part']}" if step["part"] else ""
    end = ", at the warehouse" if step["end"] == "origin" else ""
    at = f" [{'; '.join(step['at'])}]" if step["at"] else ""
    yield f"- {step['rule']} ({step['where']}{end}{part}): {step['effect']}, {step['role']}: {step['why']}{at}"
    yield f"    {step['citation']} ({step['source']}, {step['source_date']}; confidence {step['confidence']})"

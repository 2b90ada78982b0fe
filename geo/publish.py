"""Rulesets: load one as a draft, publish it, hand out the live one, and explain what it decides."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import NotFound, Refusal
from geo import places, rulefile
from geo.models import Rule, Ruleset, RulesetStatus, State
from geo.rules import NATION, BookRule, Decision, Effect, Facts, RuleBook, decide

STARTER = Path(__file__).parent / "data" / "starter-rules.yaml"
DEMO_NAME = "Demo ruleset, not reviewed by a lawyer"


class UnreviewedRules(Refusal):
    """Outside the demo every rule needs a reviewer before it goes live."""

    sentence = "%(count)s of %(all)s rules have no reviewer, so the ruleset was not published. Review them first."


class NoRulesInIt(Refusal):
    """An empty ruleset would take the place of one that says something."""

    sentence = "Ruleset %(id)s holds no rule, so it was not published."


class NotADraft(Refusal):
    """Only a draft can be published."""

    sentence = "Ruleset %(id)s is %(status)s. Only a draft can be published: load its file again."


class NoRules(Refusal):
    """Nothing may be decided until a ruleset is live."""

    status = 503
    sentence = "No ruleset is live. Load one with “distro rules load” and publish it."


class ItemUnknown(Refusal):
    """No rule names the item."""

    status = 422
    sentence = "No rule names the item “%(item)s”. Items with rules: %(known)s."


def find(session: Session, ruleset_id: int) -> Ruleset:
    """The ruleset with that number. Raises NotFound."""
    ruleset = session.get(Ruleset, ruleset_id)
    if ruleset is None:
        raise NotFound(what="ruleset", name=ruleset_id)
    return ruleset


def load_rules(session: Session, source: Path | str, *, by: str, at: datetime) -> Ruleset:
    """A draft from a YAML file, or from its text. `by` is a staff username or `system`.

    Needs the places loaded. Raises rulefile.RulesWrong with every fault by rule and line; then nothing is stored.
    """
    text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
    file = rulefile.read(text, places={NATION, *session.scalars(select(State.code))})
    ruleset = Ruleset(name=file.name, version=file.version, status=RulesetStatus.DRAFT, loaded_by=by, loaded_at=at)
    ruleset.rules = [Rule(**rule) for rule in file.rules]
    session.add(ruleset)
    session.flush()
    audit.record(session, actor=by, action="load rules", subject=_document(ruleset), reason=file.name, at=at)
    return ruleset


def publish(
    session: Session,
    ruleset: Ruleset,
    *,
    by: str,
    at: datetime,
    name: str | None = None,
    allow_unreviewed: bool = False,
    demo: bool = False,
) -> Ruleset:
    """Make a draft the live ruleset, retire the one before, and give the live one back.

    Unreviewed rules go live only in a demo: `demo` allows them and calls the ruleset so. Raises UnreviewedRules
    for them otherwise (even with `allow_unreviewed`), NotADraft if it is not one.
    """
    if ruleset.status != RulesetStatus.DRAFT:
        raise NotADraft(id=ruleset.id, status=ruleset.status)
    if not ruleset.rules:
        raise NoRulesInIt(id=ruleset.id)
    unreviewed = sum(rule.reviewed_by is None for rule in ruleset.rules)
    if not demo and (unreviewed or allow_unreviewed):
        raise UnreviewedRules(count=unreviewed, all=len(ruleset.rules))
    for before in session.scalars(select(Ruleset).where(Ruleset.status == RulesetStatus.LIVE)):
        before.status = RulesetStatus.RETIRED
    session.flush()
    ruleset.name = name or (DEMO_NAME if demo else ruleset.name)
    ruleset.allow_unreviewed = demo
    ruleset.digest = _digest(ruleset.rules)
    ruleset.status, ruleset.published_by, ruleset.published_at = RulesetStatus.LIVE, by, at
    session.flush()
    audit.record(session, actor=by, action="publish rules", subject=_document(ruleset), reason=ruleset.name, at=at)
    return ruleset


def live_ruleset(session: Session) -> Ruleset:
    """The one ruleset that is live. Raises NoRules if there is none."""
    ruleset = session.scalar(select(Ruleset).where(Ruleset.status == RulesetStatus.LIVE))
    if ruleset is None:
        raise NoRules
    return ruleset


def is_live(session: Session) -> bool:
    """Whether any ruleset is live."""
    return session.scalar(select(Ruleset.id).where(Ruleset.status == RulesetStatus.LIVE)) is not None


# A live ruleset never changes, so each process reads it once; the key holds a digest of what was read.
_books: dict[tuple[int, str, str, bool], RuleBook] = {}


def live_book(session: Session) -> RuleBook:
    """The live ruleset, ready to decide with: one small query, the rules from memory. Raises NoRules."""
    live = live_ruleset(session)
    key = (live.id, live.name, live.digest, live.allow_unreviewed)
    if key not in _books:
        _books.clear()
        _books[key] = RuleBook.of(
            (_book_rule(rule) for rule in live.rules),
            id=live.id,
            name=live.name,
            allow_unreviewed=live.allow_unreviewed,
        )
    return _books[key]


def rules(session: Session, *, place: str | None = None, item: str | None = None) -> list[Rule]:
    """The rules of the live ruleset in the order of its file, for one place or one item if given. Raises NoRules."""
    found: Sequence[Rule] = live_ruleset(session).rules
    return [rule for rule in found if place in (None, rule.place) and (item is None or item in rule.items)]


def list_rules(session: Session) -> list[dict[str, object]]:
    """The live rules as rows for the command line. Raises NoRules."""
    return [
        {
            "id": rule.key,
            "place": rule.place,
            "items": rule.items,
            "effect": rule.effect,
            "citation": rule.citation,
            "source": rule.source,
            "source_date": rule.source_date,
            "confidence": rule.confidence,
            "reviewed_by": rule.reviewed_by,
        }
        for rule in rules(session)
    ]


def items(book: RuleBook) -> list[str]:
    """Every item that some rule names, by code."""
    return sorted({item for _, item in book.rules})


def explain(
    session: Session, *, zip_text: str, item: str, on: date, state: str | None = None, age: int | None = None
) -> dict[str, object]:
    """The decision for one ZIP and item as plain values: effect, ask, min_age, reasons (strictest first), ruleset.

    Raises places.ZipMalformed, ZipUnknown, StateElsewhere, ItemUnknown, NoRules.
    """
    book = live_book(session)
    if item not in items(book):
        raise ItemUnknown(item=item, known=", ".join(items(book)))
    decision = decide(book, places.find(session, zip_text), item, Facts(state=state, age=age), on)
    return {
        "effect": str(decision.effect),
        "ask": decision.ask,
        "min_age": decision.min_age,
        "reasons": _reason_rows(decision),
        "ruleset": book.name,
        "ruleset_id": book.id,
    }


def _reason_rows(decision: Decision) -> list[dict[str, str]]:
    return [
        {
            "rule": reason.rule_key,
            "effect": str(reason.effect),
            "sentence": reason.sentence,
            "citation": reason.citation,
            "source": reason.source,
            "source_date": reason.source_date,
            "confidence": reason.confidence,
        }
        for reason in decision.reasons
    ]


def _book_rule(rule: Rule) -> BookRule:
    return BookRule(
        key=rule.key,
        place=rule.place,
        items=tuple(rule.items),
        effect=Effect(rule.effect),
        scope=rule.scope,
        min_age=rule.min_age,
        conditions=tuple(rule.conditions),
        credential=rule.credential,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        citation=rule.citation,
        source=rule.source,
        source_date=rule.source_date,
        confidence=rule.confidence,
        reviewed=rule.reviewed_by is not None,
        sentence=rule.sentence,
        sentence_es=rule.sentence_es,
    )


def _digest(rows: Sequence[Rule]) -> str:
    """SHA-256 of what the rules say, whatever their row numbers."""
    content = [repr(_book_rule(rule)) for rule in rows]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _document(ruleset: Ruleset) -> str:
    return f"RULESET-{ruleset.id}"

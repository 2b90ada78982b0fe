"""From draft to law: propose, publish by a second person, and hand out what is in force on a day.

What was published last, and is effective by then, is in force. So publishing an older ruleset again takes back the
newer one, and a ruleset with a day in the future waits for it.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import NotFound, Refusal
from geo import lint, reviews, rulefile, ruletext
from geo.models import Ruleset, RulesetStatus
from geo.rules import Area, BookRule, RuleBook

STARTER = Path(__file__).parent / "data" / "starter-rules.yaml"
DEMO_NAME = "Demo ruleset, not reviewed by a lawyer"
NAMED = 5  # rules that a refusal names


class UnreviewedRules(Refusal):
    """Outside the demo every rule needs a review that counts before it is published."""

    sentence = (
        "%(count)s of %(all)s rules have no review that counts, so the ruleset was not published: %(named)s. "
        "Have each reviewed by someone on the staff who neither wrote nor loaded it."
    )


class NoRulesInIt(Refusal):
    """An empty ruleset would take the place of one that says something."""

    sentence = "Ruleset %(id)s holds no rule, so it was not published."


class NotADraft(Refusal):
    """Only a draft can be changed or proposed."""

    sentence = "Ruleset %(id)s is %(status)s, so it does not change any more. Make a new draft from it."


class NotProposed(Refusal):
    """Only what was proposed can be published."""

    sentence = "Ruleset %(id)s is %(status)s. Its author proposes it first; then a second person publishes it."


class OwnDraft(Refusal):
    """Two people publish: whoever wrote or proposed a draft is not the second."""

    status = 403
    sentence = "You wrote or proposed ruleset %(id)s, so someone else has to publish it. Ask another reviewer."


class PublishedMeanwhile(Refusal):
    """The comparison that the proposal was read with does not hold any more."""

    sentence = (
        "Ruleset %(other)s was published after this one was proposed, so what it would change is not what was shown. "
        "Take it back, compare it anew, and propose it again."
    )


class DayPassed(Refusal):
    """A ruleset cannot begin in the past."""

    status = 422
    sentence = "%(day)s has passed. Choose today or a later day."


class NoRules(Refusal):
    """Nothing may be decided until a ruleset is in force."""

    status = 503
    sentence = "No ruleset is live. Load one with “distro rules load”, propose it, and let a second person publish it."


def find(session: Session, ruleset_id: int) -> Ruleset:
    """The ruleset with that number. Raises NotFound."""
    ruleset = session.get(Ruleset, ruleset_id)
    if ruleset is None:
        raise NotFound(what="ruleset", name=ruleset_id)
    return ruleset


def hold(session: Session, ruleset: Ruleset) -> Ruleset:
    """The ruleset as it stands now; no one else changes it until the commit. Raises NotFound if it was discarded.

    SQLite lets one transaction write at a time, so there it is held from the beginning.
    """
    session.flush()
    query = select(Ruleset.id).where(Ruleset.id == ruleset.id).with_for_update()
    if session.scalar(query) is None:
        raise NotFound(what="ruleset", name=ruleset.id)
    session.expire(ruleset)
    return ruleset


def unreviewed(session: Session, ruleset: Ruleset, on: date) -> list[str]:
    """The keys of the rules without a review that counts (see `geo.reviews`), as of a day."""
    return list(reviews.faults(session, ruleset, on))


def propose(session: Session, ruleset: Ruleset, *, effective_on: date, by: str, at: datetime) -> Ruleset:
    """Close a draft and ask a second person to publish it from a day on.

    Raises NotADraft, NoRulesInIt, UnreviewedRules, lint.RulesContradict, or DayPassed if the day is over everywhere.
    """
    _require_draft(hold(session, ruleset))
    _require_reviewed(session, ruleset, at.date())
    lint.require_sound(ruleset, at.date())
    if effective_on < at.date() - timedelta(days=1):
        raise DayPassed(day=effective_on)
    ruleset.status, ruleset.effective_on = RulesetStatus.PROPOSED, effective_on
    ruleset.proposed_by, ruleset.proposed_at = by, at
    newest = last_published(session)
    ruleset.compared_with = newest.id if newest else None
    audit.record(session, actor=by, action="propose rules", subject=ruleset.document, reason=ruleset.name, at=at)
    return ruleset


def take_back(session: Session, ruleset: Ruleset, *, by: str, at: datetime) -> Ruleset:
    """Make a draft again of what was proposed and not yet published. Raises NotProposed."""
    if hold(session, ruleset).status != RulesetStatus.PROPOSED:
        raise NotProposed(id=ruleset.id, status=ruleset.status)
    ruleset.status, ruleset.proposed_by, ruleset.proposed_at = RulesetStatus.DRAFT, None, None
    ruleset.effective_on = None
    audit.record(session, actor=by, action="take back rules", subject=ruleset.document, at=at)
    return ruleset


def publish(session: Session, ruleset: Ruleset, *, by: str, at: datetime) -> Ruleset:
    """Put a proposed ruleset in force from its day on, or from yesterday, which is not over everywhere, if that has
    passed: what was decided stays decided. `by` is the second person.

    Raises NotProposed, OwnDraft, UnreviewedRules, lint.RulesContradict, or PublishedMeanwhile, also to the second of
    two who publish at the same moment.
    """
    if hold(session, ruleset).status != RulesetStatus.PROPOSED:
        raise NotProposed(id=ruleset.id, status=ruleset.status)
    if by in {*ruleset.authors, ruleset.proposed_by}:
        raise OwnDraft(id=ruleset.id)
    _require_reviewed(session, ruleset, at.date())
    lint.require_sound(ruleset, at.date())
    newest = last_published(session)
    if newest is not None and newest.id != ruleset.compared_with:
        raise PublishedMeanwhile(other=newest.id)
    yesterday = at.date() - timedelta(days=1)
    ruleset.effective_on = max(ruleset.effective_on or yesterday, yesterday)
    return _put_in_force(session, ruleset, newest, by=by, at=at)


def publish_demo(session: Session, ruleset: Ruleset, *, effective_on: date, by: str, at: datetime) -> Ruleset:
    """Put a draft in force in a demo, by one person, unreviewed rules and all, under a name that says so."""
    _require_draft(hold(session, ruleset))
    ruleset.allow_unreviewed, ruleset.effective_on = True, effective_on
    _require_reviewed(session, ruleset, at.date())
    return _put_in_force(session, ruleset, last_published(session), by=by, at=at)


def _put_in_force(session: Session, ruleset: Ruleset, newest: Ruleset | None, *, by: str, at: datetime) -> Ruleset:
    """Publish a ruleset after `newest`, which it was compared with: one that came meanwhile has its number already."""
    number = (newest.publication or 0) + 1 if newest else 1
    yesterday = at.date() - timedelta(days=1)  # where the day has not begun yet, today's rules still hold
    if newest is None and (ruleset.effective_on or yesterday) <= at.date():
        ruleset.effective_on = min(ruleset.effective_on or yesterday, yesterday)
    ruleset.effective_on = ruleset.effective_on or at.date()
    if ruleset.allow_unreviewed:
        name_demo(ruleset)
    session.flush()
    try:
        with session.begin_nested():
            ruleset.publication, ruleset.status = number, RulesetStatus.PUBLISHED
            ruleset.published_by, ruleset.published_at = by, at
    except IntegrityError:  # the number is unique, and another took it
        newest = last_published(session)
        raise PublishedMeanwhile(other=newest.id if newest else "") from None
    reason = f"{ruleset.name}, from {ruleset.effective_on}"
    audit.record(session, actor=by, action="publish rules", subject=ruleset.document, reason=reason, at=at)
    return ruleset


def name_demo(ruleset: Ruleset) -> None:
    """Write into the text of a demo's ruleset, whatever its file is called, the name that says what it is."""
    if ruleset.name != DEMO_NAME or rulefile.construct(ruleset.text)["name"] != DEMO_NAME:
        ruleset.text = ruletext.put_heading(ruleset.text, name=DEMO_NAME, version=ruleset.version)
        ruleset.name, ruleset.digest = DEMO_NAME, hashlib.sha256(ruleset.text.encode()).hexdigest()


def _require_draft(ruleset: Ruleset) -> None:
    if ruleset.status != RulesetStatus.DRAFT:
        raise NotADraft(id=ruleset.id, status=ruleset.status)


def _require_reviewed(session: Session, ruleset: Ruleset, on: date) -> None:
    if not ruleset.rules:
        raise NoRulesInIt(id=ruleset.id)
    found = {} if ruleset.allow_unreviewed else reviews.faults(session, ruleset, on)
    if found:
        named = ", ".join(f"{key} ({why})" for key, why in list(found.items())[:NAMED])
        more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
        raise UnreviewedRules(count=len(found), all=len(ruleset.rules), named=named + more)


def last_published(session: Session) -> Ruleset | None:
    """The ruleset published last, in force or still to come."""
    query = select(Ruleset).where(Ruleset.publication.is_not(None))
    return session.scalar(query.order_by(Ruleset.publication.desc()).limit(1))


def in_force(session: Session, on: date) -> Ruleset:
    """The ruleset in force on a day at the destination. Raises NoRules if there is none."""
    query = select(Ruleset).where(Ruleset.publication.is_not(None), Ruleset.effective_on <= on)
    ruleset = session.scalar(query.order_by(Ruleset.publication.desc()).limit(1))
    if ruleset is None:
        raise NoRules
    return ruleset


def to_come(session: Session, on: date) -> Sequence[Ruleset]:
    """Published rulesets whose day is later, soonest first, that no other published after them forestalls."""
    query = select(Ruleset).where(Ruleset.publication.is_not(None), Ruleset.effective_on > on)
    coming: list[Ruleset] = []
    for ruleset in session.scalars(query.order_by(Ruleset.publication.desc())):
        if all((ruleset.effective_on or on) < (other.effective_on or on) for other in coming):
            coming.append(ruleset)
    newest = last_published(session)
    if newest is not None and newest not in coming:
        return []  # it is in force already, and what was planned before it does not come
    return coming[::-1]


def is_live(session: Session) -> bool:
    """Whether any ruleset is in force or has a day when it will be."""
    return session.scalar(select(func.count()).where(Ruleset.publication.is_not(None))) != 0


_books: dict[tuple[int, str, bool], RuleBook] = {}  # a published ruleset never changes, so each process reads it once
_BOOKS_KEPT = 4


def book(session: Session, on: date) -> RuleBook:
    """The ruleset in force on a day, ready to decide with: one small query, the rules from memory. Raises NoRules."""
    return book_of(in_force(session, on))


def book_of(ruleset: Ruleset) -> RuleBook:
    """Any ruleset, ready to decide with."""
    key = (ruleset.id, ruleset.digest, ruleset.allow_unreviewed)
    if key not in _books:
        while len(_books) >= _BOOKS_KEPT:
            _books.pop(next(iter(_books)))
        _books[key] = RuleBook.of(
            (BookRule.of(rule) for rule in ruleset.rules),
            (area_of(area) for area in ruleset.areas),
            id=ruleset.id,
            name=ruleset.name,
            version=ruleset.version,
            allow_unreviewed=ruleset.allow_unreviewed,
        )
    return _books[key]


def area_of(area: dict[str, object]) -> Area:
    """An area as a ruleset keeps it, ready to decide with."""
    sets = {name: frozenset(area.get(name) or ()) for name in ("inside", "partly", "counties")}  # type: ignore[call-overload]
    return Area(code=str(area["code"]), kind=str(area["kind"]), name=str(area.get("name", "")), **sets)


def list_rules(session: Session, on: date) -> list[dict[str, object]]:
    """The rules in force on a day as rows for the command line. Raises NoRules."""
    return [
        {
            "id": rule["key"],
            "place": rule["place"],
            "items": rule["items"],
            "effect": rule["effect"],
            "citation": rule["citation"],
            "source": rule["source"],
            "source_date": rule["source_date"],
            "confidence": rule["confidence"],
            "reviewed_by": rule["reviewed_by"],
        }
        for rule in in_force(session, on).rules
    ]

"""Rules of the ruleset in force that end soon: which, and the warnings by mail."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import outbox, slots
from distro.auth import User
from geo import publish
from geo.expiry import TOLD, WARN_DAYS

SOON = WARN_DAYS[0]


@dataclass(frozen=True, slots=True)
class Ending:
    """A rule that ends soon. `days` are left after today: 0 on its last day."""

    key: str
    place: str
    last_day: date
    days: int

    @property
    def words(self) -> str:
        """How long it holds, in words."""
        return "last day today" if self.days == 0 else "1 day left" if self.days == 1 else f"{self.days} days left"


def rules_ending(session: Session, today: date, within: int = SOON) -> list[Ending]:
    """The rules in force today whose last day comes within that many days, the first to end on top.

    What has ended is left out: another rule, or none, speaks in its place since. Empty while nothing is in force.
    """
    try:
        rules = publish.in_force(session, today).rules
    except publish.NoRules:
        return []
    return _ending(rules, today, within)


def _ending(rules: Iterable[Mapping[str, Any]], today: date, within: int) -> list[Ending]:
    lasts = [(rule, date.fromisoformat(rule["valid_to"])) for rule in rules if rule["valid_to"]]
    found = [Ending(rule["key"], rule["place"], last, (last - today).days) for rule, last in lasts]
    return sorted((one for one in found if 0 <= one.days <= within), key=lambda one: (one.days, one.key))


def warn(session: Session, *, at: datetime) -> list[Ending]:
    """Write one mail about the rules that came within 60, 30, 7 or 0 days of their last day; gives those back.

    Managers, reviewers and admins get it, once for each rule and step; of steps missed, the tightest alone.
    """
    due = [one for one in rules_ending(session, at.date()) if _claim(session, one)]
    if due:
        subject, body = mail(due)
        query = select(User).where(User.role.in_(TOLD), User.active, User.email != "").order_by(User.id)
        for user in session.scalars(query):
            outbox.post(session, to=user.email, subject=subject, body=body, at=at)
    session.flush()
    return due


def mail(due: list[Ending]) -> tuple[str, str]:
    """Subject and text of a warning: which rules end when, and what to do."""
    count = f"{len(due)} rules end" if len(due) > 1 else f"Rule {due[0].key} ends"
    listed = "\n".join(f"- {one.key} ({one.place}): last day {one.last_day:%B %-d, %Y}, {one.words}" for one in due)
    return f"{count} soon", (
        f"{listed}\n\nAfter its last day a rule says nothing any more: a wider rule decides, or, where there is none, "
        "a person. Find out whether the law goes on. Then make a draft in Distro, under /rules/drafts, with a later "
        "last day or a new rule, and have it reviewed and published.\n"
    )


def _claim(session: Session, one: Ending) -> bool:
    """Whether the tightest step that a rule has reached was not told yet of this last day, or a later one."""
    step = min(step for step in WARN_DAYS if one.days <= step)
    named = hashlib.sha256(one.key.encode()).hexdigest()[:24]  # a key may be longer than the name of a slot
    return slots.claim(session, f"ends {step} {named}", datetime.combine(one.last_day, time(), UTC))

"""When the papers that let us send end: how each stands, which end soon, and the warnings by mail."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import outbox
from distro.auth import Role, User
from geo import credentials, places, placewords
from geo.models import Credential
from geo.placewords import Names
from geo.rules import NATION

WARN_DAYS = (60, 30, 7, 0)  # before the end; 0: on the day itself
TOLD = (Role.MANAGER, Role.REVIEWER, Role.ADMIN)
Phase = Literal["in force", "ends soon", "ended", "begins later", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Line:
    """A credential as it stands on one day. `days` are left before it ends, negative after, None if it does not end."""

    credential: Credential
    phase: Phase
    days: int | None
    words: str

    @property
    def last_day(self) -> date | None:
        """The last day it holds; None if it does not end."""
        return credentials.last_day(self.credential)


def days_left(credential: Credential, today: date) -> int | None:
    """Days until the first one without it: 0 on that day, negative after; None if it does not end."""
    return None if credential.expires_on is None else (credential.expires_on - today).days


def line(credential: Credential, today: date) -> Line:
    """How a credential stands today, and the days it has left in words."""
    days = days_left(credential, today)
    if credential.withdrawn_on is not None:
        return Line(credential, "withdrawn", days, "withdrawn")
    if days is not None and days <= 0:
        return Line(credential, "ended", days, "ended yesterday" if days == 0 else f"ended {_days(1 - days)} ago")
    if credential.valid_from > today:
        return Line(credential, "begins later", days, f"begins in {_days((credential.valid_from - today).days)}")
    words = "does not end" if days is None else "last day today" if days == 1 else f"{_days(days)} left"
    return Line(credential, "ends soon" if days is not None and days <= WARN_DAYS[0] else "in force", days, words)


def ending(session: Session, today: date, within: int = WARN_DAYS[0]) -> list[Credential]:
    """What ends within that many days, or has ended and no paper in force took its place; the first to end on top."""
    return _ending(credentials.every(session), today, within)


def warn(session: Session, *, at: datetime) -> list[Credential]:
    """Write the mails about papers that came within 60, 30, 7 or 0 days of their end; gives those papers back.

    Managers, reviewers and admins get one mail for each: the tightest that is due, whatever was missed before it.
    """
    locked = select(Credential).order_by(Credential.id).with_for_update()  # so that a renewal is seen, or waits
    papers = session.scalars(locked.execution_options(populate_existing=True)).all()
    due = []
    for paper in _ending(papers, at.date(), WARN_DAYS[0]):
        step = step_due(paper, at.date())
        if step is not None:
            paper.warned_days = step
            due.append(paper)
    names = placewords.names(session) if due else Names({}, {})
    for paper in due:
        _write_mails(session, paper, mail(paper, papers, names, at.date()), at)
    session.flush()
    return due


def step_due(paper: Credential, today: date) -> int | None:
    """Which of WARN_DAYS to warn of today, the tightest that is reached; None if that was done, or none is."""
    days = days_left(paper, today)
    step = min((step for step in WARN_DAYS if days is not None and days <= step), default=None)
    return step if step is not None and (paper.warned_days is None or step < paper.warned_days) else None


def mail(paper: Credential, papers: Sequence[Credential], names: Names, today: date) -> tuple[str, str]:
    """Subject and text of a warning: what ends when, what is then not sent and where, and what to do."""
    days, last = days_left(paper, today) or 0, f"{credentials.last_day(paper):%B %-d, %Y}"
    called = f"“{paper.title}”" + (f", number {paper.number}," if paper.number else "") + f" of {paper.issuer}"
    covers = "\n".join(f"- {what}: {which}" for what, which in scope(paper, names).items())
    if _replaced(paper, papers, today):
        then = f"Another paper of the kind {paper.kind} covers all of this, so nothing stops."
    elif days > 0:
        then = f"After that day, what a rule lets us send only with {paper.kind} is not sent any more:"
    else:
        then = f"What a rule lets us send only with {paper.kind} is not sent now, unless another paper covers it:"
    subject = f"{_days(days)} left: {paper.title}" if days > 0 else f"Ended: {paper.title}"
    holds = f"holds through {last}, its last day: {_days(days)} left" if days > 0 else f"ended. Its last day was {last}"
    return subject, (
        f"{called} {holds}.\n\n{then}\n{covers}\n\n"
        f"Ask {paper.issuer} to renew it. When you hold the new paper, record its number and last day in Distro, under "
        f"/rules/credentials/{paper.id}. If you do not need it any more, withdraw it there.\n"
    )


def scope(credential: Credential, names: Names) -> dict[str, str]:
    """What a credential covers, in words: Warehouses, Places, Items."""
    return {
        "Warehouses": ", ".join(credential.sites) or "any",
        "Places": "; ".join(names.of(code) for code in credential.places) or "any",
        "Items": ", ".join(credential.items) or "any",
    }


def _ending(papers: Sequence[Credential], today: date, within: int) -> list[Credential]:
    soon = [
        paper
        for paper in papers
        if paper.withdrawn_on is None and paper.expires_on is not None and (paper.expires_on - today).days <= within
    ]
    open_ = [paper for paper in soon if line(paper, today).phase != "ended" or not _replaced(paper, papers, today)]
    return sorted(open_, key=lambda paper: (paper.expires_on or date.max, paper.id))


def _replaced(paper: Credential, papers: Sequence[Credential], today: date) -> bool:
    """Whether another paper of its kind covers all it covers: on the day it ends, or today if that is later."""
    end = paper.expires_on or date.max
    return any(
        other.id != paper.id
        and other.withdrawn_on is None
        and other.kind == paper.kind
        and _covers(other, paper)
        and any(other.valid_from <= day < (other.expires_on or date.max) for day in (end, max(end, today)))
        for other in papers
    )


def _covers(other: Credential, paper: Credential) -> bool:
    """Whether all that `paper` is for, `other` is for too. Empty means any; a state holds its counties."""
    some = ((paper.sites, other.sites), (paper.places, other.places), (paper.items, other.items))
    if any(wide and not narrow for narrow, wide in some):
        return False
    return (
        (not other.sites or set(paper.sites) <= set(other.sites))
        and (not other.items or set(paper.items) <= set(other.items))
        and (not other.places or all(_wider(code) & set(other.places) for code in paper.places))
    )


def _wider(code: str) -> set[str]:
    """A place and those that surely hold it."""
    state = places.state_of(code.removeprefix("county:")) if code.startswith("county:") else None
    return {code, NATION} | ({state} if state else set())


def _write_mails(session: Session, paper: Credential, written: tuple[str, str], at: datetime) -> None:
    """To everyone who looks after all warehouses, or one that the paper is for."""
    query = select(User).where(User.role.in_(TOLD), User.active, User.email != "").order_by(User.id)
    for user in session.scalars(query):
        if user.site_code is None or not paper.sites or user.site_code in paper.sites:
            outbox.post(session, to=user.email, subject=written[0], body=written[1], at=at)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"

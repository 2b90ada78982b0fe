"""A month of the record: who opened which address and why, and all else. For the page, its CSV and the monthly mail."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from distro import actions, slots
from distro.accounts import admins
from distro.audit import AuditEntry
from orders.correction import EDITED
from orders.identity import FAILED, READ, REFUSED, VIEW, Task
from orders.models import Order
from orders.shredding import DESTROY_KEY

ACTIONS = {
    VIEW: "opened",
    FAILED: "did not open",
    REFUSED: "refused: limit",
    EDITED: "corrected",
    READ: "read a letter",
}
TASKS = (*(str(task) for task in Task), "other")
SORTS = ("time", "person", "order", "task")
VIEWS, REST, ALL = "", "else", "all"  # which lines a page shows
WHAT = {VIEWS: "Address views", REST: "Everything else", ALL: "All"}
COLUMNS = ("time (UTC)", "person", "about", "what", "task", "reason")


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, day: date) -> "Month":
        """The month of a day."""
        return cls(day.year, day.month)

    @classmethod
    def read(cls, typed: str, today: date) -> "Month":
        """A month as `2026-11`; the present one if that is not a month of the last hundred years."""
        try:
            month = cls.of(datetime.strptime(typed, "%Y-%m").date())
        except ValueError:
            return cls.of(today)
        return month if today.year - 100 < month.year <= today.year else cls.of(today)

    @property
    def begin(self) -> datetime:
        """Its first instant."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return (self.begin + timedelta(days=32)).replace(day=1)

    @property
    def before(self) -> "Month":
        """The month before."""
        return Month.of((self.begin - timedelta(days=1)).date())

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"

    @property
    def words(self) -> str:
        """Such as `November 2026`."""
        return f"{self.begin:%B %Y}"


@dataclass(frozen=True)
class Row:
    """One line. `task` is `other` where an older version wrote one about an address, and empty if it is about none."""

    at: datetime
    person: str
    about: str  # an order's number, or what else was dealt with
    is_order: bool
    what: str
    task: str
    reason: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As the CSV has it."""
        return f"{self.at:%Y-%m-%d %H:%M}", self.person, self.about, self.what, self.task, self.reason


def rows(
    session: Session, month: Month, *, show: str = VIEWS, person: str = "", task: str = "", sort: str = "time"
) -> list[Row]:
    """The lines of a month that `show` names (VIEWS, REST, ALL), filtered and sorted; the newest on top.

    `task` is one of TASKS, or an action in words.
    """
    query = _of(month, show).order_by(AuditEntry.id.desc())
    if person:
        query = query.where(AuditEntry.actor == person)
    found = [row for row in map(_row, session.scalars(query)) if task in ("", row.task, row.what)]
    keys = {"person": lambda row: row.person, "order": lambda row: row.about, "task": lambda row: (row.task, row.what)}
    return sorted(found, key=keys[sort]) if sort in keys else found


def kinds(session: Session, month: Month, show: str) -> tuple[str, ...]:
    """What rows may be filtered by: tasks of address views, and the actions of the month in words."""
    query = select(AuditEntry.action).where(*_within(month, REST)).distinct()
    done = () if show == VIEWS else sorted(map(actions.in_words, session.scalars(query)))
    return (*(() if show == REST else TASKS), *done)


def totals(found: Sequence[Row]) -> list[tuple[str, Counter[str]]]:
    """How many addresses each person opened, by task, and under `corrected`, `did not open`, `refused: limit` the rest.

    Who opened most stands on top. `opened` is the sum of the tasks but `letter`, where no address was opened. What did
    not open is in neither, though it has its line.
    """
    people: dict[str, Counter[str]] = {}
    for row in found:
        count = people.setdefault(row.person, Counter())
        count[row.what] += 1
        if row.what in (ACTIONS[VIEW], ACTIONS[READ]):
            count[row.task] += 1
        elif row.what == ACTIONS[FAILED]:
            count.subtract({ACTIONS[VIEW]: 1, row.task: 1})
    return sorted(people.items(), key=lambda pair: (-pair[1]["opened"], pair[0]))


def destroyed(session: Session, month: Month) -> list[AuditEntry]:
    """The destructions of keys in a month."""
    query = _of(month, REST).where(AuditEntry.action == DESTROY_KEY)
    return list(session.scalars(query.order_by(AuditEntry.id)))


def erased(session: Session, month: Month) -> int:
    """How many addresses were erased in a month."""
    query = select(func.count()).where(Order.erased_on >= month.begin.date(), Order.erased_on < month.end.date())
    return session.scalar(query) or 0


def people(session: Session, month: Month, show: str = VIEWS) -> list[str]:
    """Who has a line in a month."""
    query = select(AuditEntry.actor).where(*_within(month, show)).distinct().order_by(AuditEntry.actor)
    return list(session.scalars(query))


def months(session: Session, today: date) -> list[Month]:
    """From the present month back to that of the first entry."""
    first = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
    month, found = Month.of(today), [Month.of(today)]
    while first is not None and month.begin > first:
        month = month.before
        found.append(month)
    return found


def write_mail(session: Session, *, at: datetime) -> bool:
    """On the 1st, or as soon after it as this runs: to every admin, who opened how many in the month before.

    True if it was written now. Nothing is written of months before the record began. The caller commits.
    """
    month = Month.of(at.date())
    began = session.scalar(select(AuditEntry.at).order_by(AuditEntry.id).limit(1))
    if began is None or began >= month.begin or not slots.claim(session, "monthly record", month.begin):
        return False
    last = month.before
    admins.tell(session, subject=f"Monthly record, {last.words}", body=_letter(session, last), at=at)
    return True


def _letter(session: Session, month: Month) -> str:
    lines = [
        f"- {person}: {count['opened']} opened, {count['corrected']} corrected, "
        f"{count['did not open'] + count['refused: limit']} not shown"
        for person, count in totals(rows(session, month))
    ]
    listed = "\n".join(lines) or "Nobody opened any."
    return (
        f"Who opened addresses in {month.words}:\n\n{listed}\n\nWhich, when and why stands in Distro, under "
        f"/record?month={month}. Ask whoever opened more than their work needs.\n"
    )


def _of(month: Month, show: str) -> Select[Any]:
    return select(AuditEntry).where(*_within(month, show))


def _within(month: Month, show: str) -> tuple[Any, ...]:
    views = AuditEntry.action.in_(ACTIONS)
    here = {VIEWS: (views,), REST: (~views,), ALL: ()}[show]
    return *here, AuditEntry.at >= month.begin, AuditEntry.at < month.end


def _row(entry: AuditEntry) -> Row:
    about, is_order = entry.subject.removeprefix("ORD-"), entry.subject.startswith("ORD-")
    if entry.action not in ACTIONS:
        return Row(entry.at, entry.actor, about, is_order, actions.in_words(entry.action), "", entry.reason)
    task, _, reason = entry.reason.partition(": ")
    if entry.action == EDITED:
        task, reason = Task.EDIT, entry.reason
    elif task not in TASKS:
        task, reason = "other", entry.reason
    return Row(entry.at, entry.actor, about, is_order, ACTIONS[entry.action], task, reason)

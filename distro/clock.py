"""The only clock. Everything else takes the time as an argument; tests move it here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

DAY = 24 * 60 * 60  # seconds
_fixed: datetime | None = None


def now() -> datetime:
    """The present instant, in UTC."""
    return _fixed or datetime.now(UTC)


def today(zone: str = "UTC") -> date:
    """The calendar day at a site: `zone` is an IANA name such as `America/New_York`."""
    return day_at(now(), zone)


def day_at(moment: datetime, zone: str) -> date:
    """The calendar day of an instant in an IANA time zone: where it counts, a day begins at midnight there."""
    return moment.astimezone(ZoneInfo(zone)).date()


def week_of(day: date) -> str:
    """The ISO 8601 week of a day, as `2026-W47`."""
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Hold the clock still at `moment` (aware) inside the block; for tests and the demo's history."""
    global _fixed
    before, _fixed = _fixed, moment
    try:
        yield
    finally:
        _fixed = before

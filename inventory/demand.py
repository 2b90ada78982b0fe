"""What is asked for, week by week: counted when a request is checked, shipped or not."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro.db import insert
from inventory.models import Demand

WINDOW_WEEKS = 12
_FIRST_WEEKS = select(Demand.site_id, func.min(Demand.week)).group_by(Demand.site_id)


def count(session: Session, *, item_id: int, site_id: int, state: str, day: date, quantity: int) -> None:
    """Add units asked for on `day` to the week's sum, on the site that should serve them."""
    new = insert(session, Demand).values(
        item_id=item_id, site_id=site_id, state=state, week=monday(day), quantity=quantity
    )
    session.execute(
        new.on_conflict_do_update(
            index_elements=["item_id", "site_id", "state", "week"],
            set_={"quantity": Demand.quantity + new.excluded.quantity},
        )
    )


def daily(session: Session, today: date) -> dict[tuple[int, int], dict[str, float]]:
    """Mean units a day by (site id, item id), then by the state that asks; only what was asked for is named.

    The mean is over the last twelve whole weeks and this one so far, or for a site that opened later over the days
    since the first week in which anything was asked of it, seven at least: at launch, ten a day reads as ten a day.
    """
    days = {site: _days(first, today) for site, first in session.execute(_FIRST_WEEKS)}
    query = select(Demand.site_id, Demand.item_id, Demand.state, func.sum(Demand.quantity)).group_by(
        Demand.site_id, Demand.item_id, Demand.state
    )
    means: dict[tuple[int, int], dict[str, float]] = defaultdict(dict)
    for site, item, state, units in session.execute(query.where(_recent(today), Demand.quantity > 0)):
        means[site, item][state] = units / days[site]
    return means


def by_state(session: Session, today: date) -> Mapping[tuple[str, int], int]:
    """Units asked for by (state, item id) over the same window."""
    query = select(Demand.state, Demand.item_id, func.sum(Demand.quantity)).group_by(Demand.state, Demand.item_id)
    sums: dict[tuple[str, int], int] = defaultdict(int)
    for state, item, units in session.execute(query.where(_recent(today))):
        sums[state, item] = int(units)
    return sums


def monday(day: date) -> date:
    """The first day of the ISO week of `day`."""
    return day - timedelta(days=day.weekday())


def _recent(today: date):  # type: ignore[no-untyped-def]
    return Demand.week >= _window(today)


def _window(today: date) -> date:
    return monday(today) - timedelta(weeks=WINDOW_WEEKS)


def _days(first: date, today: date) -> int:
    return max(7, (today - max(first, _window(today))).days + 1)

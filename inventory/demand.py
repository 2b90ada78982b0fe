"""What is asked for, week by week: counted when a request is checked, shipped or not."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from inventory.models import Demand

WINDOW_WEEKS = 12


def count(session: Session, *, item_id: int, site_id: int, state: str, day: date, quantity: int) -> None:
    """Add units asked for on `day` to the week's sum, on the site that should serve them."""
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(Demand).values(
        item_id=item_id, site_id=site_id, state=state, week=monday(day), quantity=quantity
    )
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["item_id", "site_id", "state", "week"],
            set_={"quantity": Demand.quantity + insert.excluded.quantity},
        )
    )


def daily_by_site(session: Session, today: date) -> dict[tuple[int, int], float]:
    """Mean units a day by (site id, item id), over the last twelve whole weeks and this one so far."""
    query = select(Demand.site_id, Demand.item_id, func.sum(Demand.quantity)).group_by(Demand.site_id, Demand.item_id)
    days = _days(today)
    return {(site, item): units / days for site, item, units in session.execute(query.where(_recent(today)))}


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
    return Demand.week >= monday(today) - timedelta(weeks=WINDOW_WEEKS)


def _days(today: date) -> int:
    return WINDOW_WEEKS * 7 + today.weekday() + 1

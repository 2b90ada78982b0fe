"""Reorder alerts: one opens when stock will not last until an order could arrive, and closes by itself."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session, joinedload

from distro import outbox
from distro.auth import Role, User
from distro.db import insert
from inventory import stock
from inventory.models import Alert, Item, Site
from inventory.reorder import Cover

LONGEST_DAYS = 36_500.0


def check(session: Session, *, at: datetime, pairs: set[tuple[int, int]] | None = None) -> list[Alert]:
    """Compare cover with lead time, open and close alerts, and write the mails; gives back those that opened.

    An open alert keeps saying how things stand now.

    `pairs` of (site id, item id) limits it to what an allocation touched; None checks everything.
    """
    sites = None if pairs is None else {site for site, _ in pairs}
    open_now = {(alert.site_id, alert.item_id): alert for alert in open_alerts(session)}
    opened = []
    for pair, cover in sorted(stock.cover(session, at.date(), sites).items()):
        if pairs is not None and pair not in pairs:
            continue
        alert = open_now.get(pair)
        if alert is not None:
            alert.closed_at = at if cover.clears else None
            for name, value in _figures(cover).items():
                setattr(alert, name, value)
        elif cover.is_low and (new := _open(session, pair, cover, at)):
            opened.append(new)
            _write_mails(session, new, at)
    return opened


def open_alerts(session: Session) -> Sequence[Alert]:
    """Alerts not closed yet, the emptiest shelf first."""
    query = select(Alert).where(Alert.closed_at.is_(None)).order_by(Alert.cover_days, Alert.id)
    return session.scalars(query.options(joinedload(Alert.site), joinedload(Alert.item))).all()


def sentence(alert: Alert) -> str:
    """What the alert says, in words that explain themselves."""
    left = (
        f"{alert.available} {alert.item.unit} left, {alert.cover_days:.1f} days at {alert.daily_demand:.1f} a day"
        if alert.available
        else f"none left, and {alert.daily_demand * 7:.1f} {alert.item.unit} a week are asked for"
    )
    if alert.available - alert.cover_days * alert.daily_demand >= 1:
        left += ", because funds keep some of it from states that ask for it too"
    return (
        f"{alert.item.name} at {alert.site.name}: {left}. A new order takes {alert.reorder_days} days with the "
        f"reserve. Order about {alert.suggested} now."
    )


def _open(session: Session, pair: tuple[int, int], cover: Cover, at: datetime) -> Alert | None:
    """Open an alert; None if another process has just opened it, and writes its mails."""
    new = insert(session, Alert).values(
        site_id=pair[0],
        item_id=pair[1],
        opened_at=at,
        **_figures(cover),
    )
    only_one = new.on_conflict_do_nothing(index_elements=["site_id", "item_id"], index_where=text("closed_at IS NULL"))
    return session.scalars(only_one.returning(Alert)).one_or_none()


def _figures(cover: Cover) -> dict[str, float]:
    """What an alert says of a shelf. A shelf nobody asks of lasts for ever; a database keeps that as a large number."""
    return {
        "available": cover.available,
        "daily_demand": cover.daily_demand,
        "cover_days": min(cover.days, LONGEST_DAYS),
        "reorder_days": cover.reorder_days,
        "suggested": cover.suggested,
    }


def _write_mails(session: Session, alert: Alert, at: datetime) -> None:
    site, item = session.get_one(Site, alert.site_id), session.get_one(Item, alert.item_id)
    managers = session.scalars(
        select(User)
        .where(User.role == Role.MANAGER, User.active, User.email != "")
        .where(User.site_code.is_(None) | (User.site_code == site.code))
    )
    for manager in managers:
        outbox.post(
            session, to=manager.email, subject=f"Reorder {item.name} at {site.name}", body=sentence(alert) + "\n", at=at
        )

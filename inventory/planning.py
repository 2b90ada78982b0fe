"""The manager's planning pages: reorder alerts, how long each shelf lasts, and mail that did not leave."""

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from distro import clock, outbox
from distro.auth import Role, guard
from distro.db import db
from distro.outbox import Message
from inventory import alerts, demand, shelves, stock
from inventory.models import Alert, Demand, Item, Site

CLOSED_SHOWN = timedelta(days=30)

blueprint = Blueprint("planning", __name__, url_prefix="/planning")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@blueprint.get("")
def cover() -> ResponseReturnValue:
    """Alerts, then every item at every warehouse that sends it, the shortest cover first."""
    session, now = db.session(), clock.now()
    own = shelves.own_site(session, current_user)
    sites = {site.id: site for site in shelves.own_sites(session, own)}
    items = {item.id: item for item in shelves.items(session)}
    covers = [
        (sites[site_id], items[item_id], each)
        for (site_id, item_id), each in stock.cover(session, now.date(), set(sites)).items()
    ]
    return render_template(
        "planning/cover.html",
        covers=sorted(covers, key=lambda row: (row[2].days - row[2].reorder_days, row[0].code, row[1].position)),
        alerts=[(alert, alerts.sentence(alert)) for alert in alerts.open_alerts(session) if alert.site_id in sites],
        closed=[alert for alert in _recently_closed(session) if alert.site_id in sites],
        # Mail may be about any warehouse, so only those who look after all of them see it.
        stuck=_stuck(session) if own is None else [],
    )


@blueprint.get("/demand")
def asked_for() -> ResponseReturnValue:
    """The weekly sums behind a demand figure, filtered by `?item=`, `?site=` and `?state=`."""
    session = db.session()
    own = shelves.own_site(session, current_user)
    asked = request.args
    since = demand.monday(clock.now().date()) - timedelta(weeks=demand.WINDOW_WEEKS)
    query = (
        select(Demand, Item, Site)
        .join(Item, Demand.item_id == Item.id)
        .join(Site, Demand.site_id == Site.id)
        .where(Demand.week >= since)
        .order_by(Demand.week.desc(), Item.position, Demand.state, Site.code)
    )
    for column, value in ((Item.code, asked.get("item")), (Demand.state, asked.get("state"))):
        query = query.where(column == value) if value else query
    if mine := shelves.own_states(current_user):
        query = query.where(Demand.state.in_(mine))
    if own is not None or asked.get("site"):
        query = query.where(Site.code == (own.code if own is not None else asked["site"]))
    rows = session.execute(query).all()
    return render_template(
        "planning/demand.html", rows=rows, total=sum(row.quantity for row, _, _ in rows), since=since, asked=asked
    )


def _stuck(session: Session) -> list[str]:
    """What did not leave: each mail to staff, and how many messages to participants, of whom nothing is told."""
    kinds = {outbox.MAIL: "mails", outbox.TEXT: "text messages"}
    told = [
        f"{count:,} {kinds[channel]} to participants did not leave so far ({problem or 'on their way'})."
        for channel, problem, count in outbox.stuck_boxes(session)
    ]
    return [mail_sentence(message) for message in outbox.stuck(session)] + told


def mail_sentence(message: Message) -> str:
    """What went wrong with a message, and what happens next."""
    again = (
        f"It is tried again at {message.due_at:%b %-d, %H:%M} UTC."
        if message.due_at
        else "It is not tried again: tell the person another way, and ask an admin to check the mail server."
    )
    tries = "try" if message.tries == 1 else "tries"
    return (
        f"“{message.subject}” to {message.to} did not leave after {message.tries} {tries} ({message.problem}). {again}"
    )


def _recently_closed(session: Session) -> list[Alert]:
    query = (
        select(Alert)
        .where(Alert.closed_at >= clock.now() - CLOSED_SHOWN)
        .order_by(Alert.closed_at.desc())
        .options(joinedload(Alert.site), joinedload(Alert.item))
    )
    return list(session.scalars(query))

"""Everything that runs by the clock, in the scheduler process: the only one with keyring and no visitors."""

import logging
from collections.abc import Callable
from contextlib import suppress

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask
from sqlalchemy.orm import Session

from distro import clock, keyring, outbox, slots
from distro.config import Settings
from distro.db import db
from distro.errors import Refusal, where_it_broke
from geo import publish
from inventory import alerts
from inventory.ledger import NotEnough
from orders import retention, spool, triage
from orders.intake import store
from orders.models import Order

log = logging.getLogger(__name__)
Job = Callable[[Session, Settings], None]
REORDER_EVERY = 15 * 60
HOUSEKEEPING_EVERY = 60 * 60


def drain_spool(session: Session, settings: Settings) -> None:
    """Store what intake spooled while the database was away; each file goes once its order is committed."""
    for path, request in spool.waiting(settings.spool):
        try:
            store(session, request)
        except LookupError:  # an item that is no longer in the catalog
            session.rollback()
            log.error("spool file %s asks for an unknown item; it stays for a person", path.name[:12])
            continue
        session.commit()
        path.unlink(missing_ok=True)


def check_requests(session: Session, settings: Settings) -> None:
    """Triage what came in."""
    slots.claim(session, "triage", clock.now())
    session.commit()
    _settle(session, settings, triage.to_check(session))


def retry_waiting(session: Session, settings: Settings) -> None:
    """Try waiting orders again for which there is stock now."""
    _settle(session, settings, triage.to_retry(session))


def check_stock(session: Session, settings: Settings) -> None:
    """Open and close reorder alerts, everywhere."""
    now = clock.now()
    if slots.claim(session, "reorder", slots.slot_of(now, REORDER_EVERY)):
        alerts.check(session, at=now)
    session.commit()


def deliver_mail(session: Session, settings: Settings) -> None:
    """Send what is in the outbox."""
    for message_id in outbox.due(session, clock.now()):
        outbox.deliver(session, settings, message_id, clock.now())
        session.commit()


def keep_house(session: Session, settings: Settings) -> None:
    """Make the keys of the weeks ahead; erase what is due; destroy keys no address needs."""
    now = clock.now()
    keyring.make_keys(settings.keyring, settings.public_keys, now.date())
    if slots.claim(session, "housekeeping", slots.slot_of(now, HOUSEKEEPING_EVERY)):
        retention.erase_due(session, now.date())
        session.commit()  # first, so that no key dies before its addresses are gone
        retention.destroy_keys(session, settings.keyring, at=now)
    session.commit()


JOBS: dict[Job, int] = {  # seconds between runs
    keep_house: 600,
    drain_spool: 2,
    check_requests: 1,
    retry_waiting: 10,
    check_stock: 60,
    deliver_mail: 3,
}


def run_once(app: Flask, settings: Settings, job: Job) -> None:
    """Run one job in a session of its own. What goes wrong is logged without its message, and tried again later."""
    with app.app_context():
        try:
            job(db.session(), settings)
        except Exception as problem:
            db.session.rollback()
            log.error("job %s: %s", job.__name__, where_it_broke(problem))
        finally:
            db.session.remove()


def run_scheduler(app: Flask, settings: Settings) -> None:
    """Run all jobs until the process is told to stop; one at a time, so none meets itself."""
    scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="UTC")
    for job, seconds in JOBS.items():
        run_once(app, settings, job)
        scheduler.add_job(
            run_once,
            "interval",
            args=[app, settings, job],
            seconds=seconds,
            coalesce=True,
            misfire_grace_time=None,
            id=job.__name__,
        )
    with suppress(KeyboardInterrupt, SystemExit):
        scheduler.start()


def _settle(session: Session, settings: Settings, order_ids: list[int]) -> None:
    if not order_ids:
        return
    if not keyring.private_weeks(settings.keyring):
        log.error("no private key in the keyring: %s requests wait for it", len(order_ids))
        return
    touched: set[tuple[int, int]] = set()
    desk = triage.Desk(settings.keyring, publish.live_book(session), clock.now())
    for order_id in order_ids:
        order = session.get_one(Order, order_id)
        try:
            triage.settle(session, order, desk)
            session.commit()
        except NotEnough:  # the shelf changed while we planned; the next run plans again
            session.rollback()
            continue
        except Refusal as refusal:
            session.rollback()
            log.error("order %s: %s", order_id, type(refusal).__name__)
            continue
        if order.site_id is not None:
            touched |= {(order.site_id, line.item_id) for line in order.lines}
    if touched:
        alerts.check(session, at=clock.now(), pairs=touched)
        session.commit()

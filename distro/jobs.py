"""Everything that runs by the clock, in the scheduler process: the only one with keyring and no visitors.

Length: every job stands here, with how often it runs and what it does when one thing of many is bad.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.orm import Session, undefer_group

from distro import anchors, audit, clock, outbox, record, slots
from distro.config import Settings
from distro.db import db, forget_freed_pages
from distro.delivery import deliver_mail
from distro.errors import where_it_broke
from distro.keys import keyring, keywatch
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring
from geo import endings, expiry, referrals
from geo.publish import NoRules
from inventory import alerts
from inventory.ledger import NotEnough
from orders import (
    again,
    following,
    forgotten,
    household,
    instructions,
    keyloss,
    letters,
    order_news,
    recalling,
    retention,
    shredding,
    spool,
    tables,
    tallies,
    triage,
    voices,
    wishing,
)
from orders.authority import laws
from orders.identity import Keys
from orders.intake import store
from orders.models import Door, Order, Status
from orders.workflow import AlreadyMoved

log = logging.getLogger(__name__)
Job = Callable[[Session, Settings], None]
REORDER_EVERY = 15 * 60
HOUSEKEEPING_EVERY = 60 * 60
TELL_EVERY = 10 * 60
AT_ONCE = 500  # requests triaged in one run
FOLLOWED_AT_ONCE = 1_000  # instructions tried in one run
AWAY = (OperationalError, InterfaceError, InternalError, PoolExhausted)  # the database is gone, full or read-only
LOCKED = ("55P03", "40P01", "40001")  # PostgreSQL: another holds the row, a deadlock, a serialization failure
OPEN = (Status.RECEIVED, Status.WAITING)  # what triage carries on


def drain_spool(session: Session, settings: Settings) -> None:
    """Store what intake spooled while the database was away; each file goes once its order is committed.

    A file that cannot be stored, say for an item no longer in the catalog, stays for a person.
    """
    for path, request in spool.waiting(settings.spool):
        with _apart(session, f"spool file {path.name[:24]} stays for a person"):
            store(session, request, secret=settings.secret_key)
            session.commit()
            path.unlink(missing_ok=True)


def check_requests(session: Session, settings: Settings) -> None:
    """Triage what came in, and leave a sign that it was done."""
    lost = _lost_weeks(session, settings)
    if lost and slots.claim(session, "lost keys", slots.slot_of(clock.now(), TELL_EVERY)):
        for epoch, requests in lost.items():
            log.error("no private key for %s, and nobody destroyed it: %s requests wait for it", epoch, requests)
    session.commit()
    _settle(session, settings, triage.oldest(session, Status.RECEIVED, AT_ONCE + sum(lost.values())), lost)
    slots.claim(session, "triage", slots.slot_of(clock.now(), 10))
    session.commit()


def retry_waiting(session: Session, settings: Settings) -> None:
    """Try waiting orders again for which there is stock now; once an hour all, since rules and warehouses change."""
    everything = slots.claim(session, "judge waiting", slots.slot_of(clock.now(), HOUSEKEEPING_EVERY))
    session.commit()
    ids = triage.oldest(session, Status.WAITING) if everything else triage.to_retry(session, clock.today())
    _settle(session, settings, ids, _lost_weeks(session, settings))


def check_stock(session: Session, settings: Settings) -> None:
    """Open and close reorder alerts, everywhere."""
    now = clock.now()
    if slots.claim(session, "reorder", slots.slot_of(now, REORDER_EVERY)):
        alerts.check(session, at=now)
    session.commit()


def compile_rules(session: Session, settings: Settings) -> None:
    """Make the decision tables anew if rules, papers, catalog or places have changed, and tell the funds."""
    now = clock.now()
    made = tables.refresh(session, at=now)
    session.commit()
    if slots.claim(session, "funds", slots.slot_of(now, HOUSEKEEPING_EVERY)) or made:
        tables.note_funds(session, at=now)
    session.commit()


def remind_staff(session: Session, settings: Settings) -> None:
    """Write the mails about papers and rules that end soon, and helplines and programs nobody has checked for long."""
    now = clock.now()
    if slots.claim(session, "credentials", slots.slot_of(now, HOUSEKEEPING_EVERY)):
        expiry.warn(session, at=now)
        endings.warn(session, at=now)
    session.commit()
    referrals.warn(session, at=now)
    session.commit()


def tell_participants(session: Session, settings: Settings) -> None:
    """Post what happened to orders to their people, where they left a way to be reached."""
    ids = order_news.waiting(session, clock.now())
    session.commit()
    for order_id in ids:
        with _apart(session, f"news of order {order_id}"):
            order_news.pass_on(session, order_id, settings, at=clock.now())
            session.commit()


def withdraw_recalled(session: Session, settings: Settings) -> None:
    """Take recalled lots out of what has not left, and warn who was sent some in the instant of the recall."""
    for order_id in recalling.to_take_back(session):
        with _apart(session, f"recalled order {order_id}"):
            recalling.take_back(session, order_id, at=clock.now())
            session.commit()
    if slots.claim(session, "late recalls", slots.slot_of(clock.now(), HOUSEKEEPING_EVERY)):
        recalling.warn(session, recalling.late(session, clock.now()))
    session.commit()


def grant_wishes(session: Session, settings: Settings) -> None:
    """Tell those who asked to hear when a thing can be sent to them, once it can."""
    if wishing.waiting(session, clock.today(), 1):
        with _apart(session, "wishes left more than once"):
            wishing.sort_out(session, Keys.of(settings))
            session.commit()
    for wish_id in wishing.waiting(session, clock.today()):
        with _apart(session, f"wish {wish_id}"):
            wishing.grant(session, wish_id, settings, at=clock.now())
            session.commit()
    session.commit()


def count_tallies(session: Session, settings: Settings) -> None:
    """Add up what the public side left to count, and forget the blank ones of long ago."""
    while tallies.fold(session) == tallies.AT_ONCE:
        session.commit()
    session.commit()
    if slots.claim(session, "tallies", slots.slot_of(clock.now(), tallies.FORGET_EVERY)):
        tallies.sweep(session)
    session.commit()


def keep_house(session: Session, settings: Settings) -> None:
    """Make the keys of the weeks ahead; erase what is due; reseal boxes of past weeks, then destroy their keys."""
    now, ring, public = clock.now(), Keyring.of(settings), PublicKeys.of(settings)
    used, lost = keyloss.used(session, settings.spool), keyloss.problems(session, ring, public, now.date())
    keywatch.tend(session, settings, at=now, used=used, known=lost)
    steady = slots.is_steady(session, now)
    session.commit()
    if slots.claim(session, "housekeeping", slots.slot_of(now, HOUSEKEEPING_EVERY)):
        _erase(session, settings, now, steady=steady)
        with _apart(session, "household tags"):
            household.expire(session, ring, at=now)
            session.commit()
        with _apart(session, "letters"):
            letters.expire(session, ring, at=now)
            session.commit()
        spool.forget_old(settings.spool, now - shredding.TIME_TO_MEND)
        if not forget_freed_pages(db.engine):
            log.warning("the database was busy: copies of erased rows stay in its log until the next hour")
    session.commit()
    broken = _reseal(session, settings)
    if steady:
        _destroy_keys(session, settings, broken)


def follow_instructions(session: Session, settings: Settings) -> None:
    """Do what people with a code asked for on the public pages, each by itself."""
    erased, tried = False, set[int]()
    while len(tried) < FOLLOWED_AT_ONCE and (ids := following.waiting(session, tried)):
        tried |= set(ids)  # what cannot be done now keeps nothing away that can
        for instruction_id in ids:
            with _apart(session, f"instruction {instruction_id}"):
                done = following.carry_out(session, instruction_id, settings, at=clock.now())
                forgotten.note(settings.forgotten, done, clock.today())
                session.commit()
                erased |= any(kind == instructions.ERASE for _number, kind in done)
    session.commit()
    if erased:
        forget_freed_pages(db.engine)  # what is left of them in the log goes within the hour


def keep_record(session: Session, settings: Settings) -> None:
    """Bring the end of the record out of the host once a day, and write the admins who saw what once a month."""
    anchors.leave(session, settings.anchor_file, at=clock.now())
    session.commit()
    record.write_mail(session, at=clock.now())
    session.commit()


JOBS: dict[Job, int] = {  # seconds between runs; at the start each runs once, in this order
    drain_spool: 2,  # before keep_house, which destroys keys
    keep_house: 600,
    compile_rules: 10,
    follow_instructions: 1,
    withdraw_recalled: 5,  # before retry_waiting, which plans them anew
    check_requests: 1,
    retry_waiting: 10,
    check_stock: 60,
    remind_staff: 600,
    keep_record: 600,
    grant_wishes: 300,
    count_tallies: 10,
    tell_participants: 5,
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


def _erase(session: Session, settings: Settings, now: datetime, *, steady: bool) -> None:
    """Close what is open for too long and erase what is due, by the clock."""
    if steady:
        retention.decline_old(session, at=now)
    due = retention.erase_due(session, at=now)
    forgotten.note(settings.forgotten, [(number, instructions.ERASE) for number in due], now.date())
    outbox.forget_old(session, now - retention.KEEP_MAIL)
    outbox.forget_boxes(session, now)
    wishing.forget_old(session, now.date())
    voices.forget_old(session, now.date())
    session.commit()  # first, so that nothing erased is sealed anew
    forgotten.prune(settings.forgotten, now.date())


def _reseal(session: Session, settings: Settings) -> dict[str, set[int]]:
    """Seal the boxes of keys out of use to the present week's; gives the orders whose box did not open, by epoch."""
    keys, public, now = Keys.of(settings), PublicKeys.of(settings), clock.now()
    broken: dict[str, set[int]] = {}
    for epoch in shredding.out_of_use(keys.ring, public, now.date()):
        done = shredding.reseal(session, keys, public, epoch, at=now)
        session.commit()
        broken[epoch] = set(done.broken)
        while done.more:
            done = shredding.reseal(session, keys, public, epoch, after=done.last_id, at=now)
            session.commit()
            broken[epoch] |= set(done.broken)
    return broken


def _destroy_keys(session: Session, settings: Settings, broken: dict[str, set[int]]) -> None:
    """Destroy the keys whose time has come, each with its line in the audit record."""
    ring, public, now = Keyring.of(settings), PublicKeys.of(settings), clock.now()
    shredding.note_gone(session, ring, at=now)
    session.commit()
    for epoch in shredding.keys_to_destroy(session, ring, public, settings.spool, broken=broken, at=now):
        shredding.destroy_key(session, ring, epoch, at=now)
        session.commit()


def _settle(session: Session, settings: Settings, order_ids: list[int], lost: Collection[str]) -> None:
    """Settle each of these orders by itself; those of the `lost` weeks stay as they are."""
    closed = set(session.scalars(select(Order.id).where(Order.status.in_(OPEN), Order.epoch.in_(lost))))
    order_ids = [order_id for order_id in order_ids if order_id not in closed]
    if not order_ids:
        return
    touched: set[tuple[int, int]] = set()
    desk = triage.Desk(Keys.of(settings), laws(session), clock.now())
    for order_id in order_ids:
        with _apart(session, f"order {order_id}"):
            # Read anew, since the list may be old by now.
            order = session.get_one(Order, order_id, populate_existing=True, options=[undefer_group("box")])
            if order.door == Door.AGAIN:
                again.fill(session, order, settings, at=desk.now)
            triage.settle(session, order, desk)
            session.commit()
            if order.site_id is not None:
                touched |= {(order.site_id, line.item_id) for line in order.lines}
    if touched:
        alerts.check(session, at=clock.now(), pairs=touched)
        session.commit()


def _lost_weeks(session: Session, settings: Settings) -> dict[str, int]:
    """Weeks whose private key is away though nobody destroyed it, and how many open requests wait for it."""
    query = select(Order.epoch, func.count()).where(Order.status.in_(OPEN))
    return {
        epoch: requests
        for epoch, requests in session.execute(query.group_by(Order.epoch).order_by(Order.epoch))
        if not keyring.has_key(Keyring.of(settings), epoch)
        and not audit.count(session, action=shredding.DESTROY_KEY, subject=epoch)
    }


@contextmanager
def _apart(session: Session, what: str) -> Iterator[None]:
    """One bad record is logged, without its message, and does not stop the others. A database that is away does."""
    try:
        yield
    except AWAY as problem:
        if getattr(getattr(problem, "orig", None), "sqlstate", None) not in LOCKED:
            raise
        session.rollback()
    except (NotEnough, AlreadyMoved, NoRules):  # somebody was quicker, or no rules are in force yet: the next run
        session.rollback()
    except Exception as problem:
        session.rollback()
        log.error("%s: %s", what, where_it_broke(problem))

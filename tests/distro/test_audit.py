"""The record holds together, and a change in it shows."""

from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from distro import audit, clock
from distro.audit import AuditEntry
from distro.db import db


def write(session: Session, count: int) -> None:
    for number in range(count):
        audit.record(session, actor="packer", action="open address", subject=f"ORD-{number}", at=clock.now())
    session.commit()


def test_it_holds_together(session: Session) -> None:
    assert audit.broken_at(session) is None
    write(session, 5)
    assert audit.broken_at(session) is None
    assert audit.count(session, action="open address", subject="ORD-3") == 1


@pytest.mark.parametrize(
    "change",
    [
        update(AuditEntry).where(AuditEntry.id == 3).values(actor="somebody"),
        update(AuditEntry).where(AuditEntry.id == 3).values(reason="other"),
        delete(AuditEntry).where(AuditEntry.id == 3),
    ],
)
def test_a_changed_or_missing_entry_is_named(session: Session, change: object) -> None:
    write(session, 5)
    session.execute(change)  # type: ignore[call-overload]
    session.commit()
    session.expire_all()
    assert audit.broken_at(session) in (3, 4)


def test_writers_at_once_make_one_chain(app: Flask, session: Session) -> None:
    def writer() -> None:
        with app.app_context():
            for _ in range(5):
                write(db.session(), 1)
            db.session.remove()

    session.commit()
    threads = [Thread(target=writer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(session.scalars(select(AuditEntry)).all()) == 30
    assert audit.broken_at(session) is None

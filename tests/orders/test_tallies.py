"""What is left to count is counted once, whatever comes in between and however often a form is sent."""

import threading
from collections import Counter
from datetime import date, timedelta
from uuid import UUID

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from distro import clock, jobs
from distro.db import db
from orders import tallies
from orders.models import Count, Link, Tally
from tests.depot import Depot

MAY, JUNE = date(2026, 5, 1), date(2026, 6, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 9), st.sampled_from(("OH", "--")), st.sampled_from((MAY, JUNE)), st.integers(1, 9)),
        st.sampled_from(("fold", "fold 2", "crash")),
    ),
    max_size=30,
)


def counts(session: Session) -> dict[tuple[str, str, date], int]:
    session.expire_all()
    return {(one.kind, one.key, one.month): one.number for one in session.scalars(select(Count))}


def by_link(session: Session, number: int, code: str = "fhjkm", kind: str = tallies.LINK) -> None:
    session.add(Tally(uid=UUID(int=number), kind=kind, key=code, month=MAY, number=1))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_sum_is_kept_over_any_interleaving(session: Session, steps: list[object]) -> None:
    session.execute(delete(Tally))
    session.execute(delete(Count))
    session.commit()
    expected: Counter[tuple[str, str, date]] = Counter()
    seen: set[int] = set()
    for step in steps:
        if isinstance(step, tuple):
            form, state, month, number = step
            tallies.add_reversal(session, UUID(int=form), state=state, month=month, number=number)
            if form not in seen:
                expected[tallies.REVERSAL, state, month] += number
                seen.add(form)
            session.commit()
        elif step == "crash":  # killed before the commit: nothing of it stays
            tallies.fold(session)
            session.rollback()
        else:
            tallies.fold(session, 2 if step == "fold 2" else tallies.AT_ONCE)
            session.commit()
    while tallies.fold(session):
        session.commit()
    session.commit()
    assert counts(session) == expected


def test_of_two_schedulers_each_counts_what_the_other_did_not(app: Flask, session: Session) -> None:
    session.add(Link(code="fhjkm", name="Partner", made_on=MAY))
    for number in range(60):
        by_link(session, number)
        tallies.add_reversal(session, UUID(int=1_000 + number), state="OH", month=JUNE, number=2)
    session.commit()
    problems: list[BaseException] = []

    def run() -> None:
        with app.app_context():
            try:
                while tallies.fold(db.session(), 7):
                    db.session.commit()
                db.session.commit()
            except BaseException as problem:
                problems.append(problem)
            finally:
                db.session.remove()

    both = [threading.Thread(target=run) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert problems == []
    assert counts(session) == {("link", "fhjkm", MAY): 60, ("reversal", "OH", JUNE): 120}


def test_a_row_of_a_link_goes_at_once_and_one_of_a_reversal_stays_blank_for_a_day(depot: Depot) -> None:
    """A link's row could be held against the forms of orders, so it must not stay."""
    session = depot.session
    session.add(Link(code="fhjkm", name="Partner", made_on=MAY))
    by_link(session, 1)
    tallies.add_reversal(session, UUID(int=2), state="OH", month=JUNE, number=3)
    session.commit()
    start = clock.now()
    jobs.count_tallies(session, depot.settings)
    left = session.scalars(select(Tally)).one()
    assert (left.uid, left.key, left.month, left.number) == (UUID(int=2), "", date(1970, 1, 1), 0)
    for hours in range(1, 7):  # as long as a form lives, sending it again counts nothing
        with clock.at(start + timedelta(hours=hours)):
            tallies.add_reversal(session, UUID(int=2), state="OH", month=JUNE, number=3)
            session.commit()
            jobs.count_tallies(session, depot.settings)
    assert counts(session) == {("link", "fhjkm", MAY): 1, ("reversal", "OH", JUNE): 3}
    with clock.at(start + timedelta(hours=25)):
        jobs.count_tallies(session, depot.settings)
        with clock.at(start + timedelta(hours=38)):
            jobs.count_tallies(session, depot.settings)
    assert session.scalar(select(func.count(Tally.id))) == 0


def test_what_names_no_link_or_state_of_ours_is_dropped(session: Session) -> None:
    """A public side in other hands could leave anything."""
    session.add(Link(code="fhjkm", name="Partner", made_on=MAY, closed_on=JUNE))
    by_link(session, 1, "qqqqq")
    by_link(session, 2, "Robin Example", tallies.REVERSAL)
    by_link(session, 3)  # closed since, but it came by it
    session.commit()
    tallies.fold(session)
    session.commit()
    assert counts(session) == {("link", "fhjkm", MAY): 1}

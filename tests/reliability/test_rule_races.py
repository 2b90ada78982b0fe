"""Two at the same rules at once: whoever comes second sees what the first did, and is refused by name."""

from collections.abc import Callable
from threading import Event, Thread

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from distro import clock
from distro.db import db
from distro.errors import Refusal
from geo import drafts, publish
from geo.models import Ruleset, RulesetStatus
from tests.depot import Depot

Step = Callable[[Session, Ruleset], object]


def at_once(app: Flask, first: tuple[Step, int], second: tuple[Step, int]) -> list[str]:
    """Take the second step while the first is done and not committed; gives back who was refused, and with what.

    The second has read its ruleset before the first began, as a page that is already open has.
    """
    read, done, refused = Event(), Event(), []
    postgresql = False

    def take(name: str, step: Step, ruleset_id: int, *, leads: bool) -> None:
        with app.app_context():
            session = db.session()
            try:
                if leads:
                    read.wait(10)
                    step(session, publish.find(session, ruleset_id))
                    done.set()
                    Event().wait(0.4)
                else:
                    if postgresql:
                        assert publish.find(session, ruleset_id).rules
                    read.set()
                    done.wait(10)
                    step(session, publish.find(session, ruleset_id))
                session.commit()
            except Refusal as refusal:
                session.rollback()
                refused.append(f"{name}: {type(refusal).__name__}")
            finally:
                read.set()
                done.set()
                db.session.remove()

    with app.app_context():  # SQLite lets one transaction in at a time, so there reading first would be the lead
        postgresql = db.engine.dialect.name == "postgresql"
    threads = [
        Thread(target=take, args=("first", *first), kwargs={"leads": True}),
        Thread(target=take, args=("second", *second), kwargs={"leads": False}),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def propose(session: Session, ruleset: Ruleset) -> None:
    publish.propose(session, ruleset, effective_on=clock.today(), by="manager", at=clock.now())


def put_in_force(session: Session, ruleset: Ruleset) -> None:
    publish.publish(session, ruleset, by="reviewer", at=clock.now())


def take_back(session: Session, ruleset: Ruleset) -> None:
    publish.take_back(session, ruleset, by="manager", at=clock.now())


def edit(session: Session, ruleset: Ruleset) -> None:
    rule = {**ruleset.rules[0], "note": "Changed by someone else."}
    drafts.put_rule(session, ruleset, rule, by="admin", at=clock.now(), items=None)


def edit_another(session: Session, ruleset: Ruleset) -> None:
    rule = {**ruleset.rules[1], "note": "Changed too."}
    drafts.put_rule(session, ruleset, rule, by="manager", at=clock.now(), items=None)


def discard(session: Session, ruleset: Ruleset) -> None:
    drafts.discard(session, ruleset, by="manager", at=clock.now())


def made(depot: Depot, *, proposed: bool) -> int:
    law = publish.in_force(depot.session, clock.today())
    draft = drafts.copy(depot.session, law, by="manager", at=clock.now())
    if proposed:
        propose(depot.session, draft)
    number = draft.id
    depot.session.commit()
    return number


@pytest.mark.parametrize(
    ("first", "second", "proposed", "refused"),
    [
        (propose, edit, False, "second: NotADraft"),
        (edit, propose, False, "second: UnreviewedRules"),
        (propose, propose, False, "second: NotADraft"),
        (take_back, put_in_force, True, "second: NotProposed"),
        (put_in_force, take_back, True, "second: NotProposed"),
        (put_in_force, put_in_force, True, "second: NotProposed"),
        (put_in_force, discard, True, "second: AlreadyPublished"),
        (discard, put_in_force, True, "second: NotFound"),
        (discard, propose, False, "second: NotFound"),
        (discard, edit, False, "second: NotFound"),
    ],
)
def test_the_second_step_is_refused(
    app: Flask, depot: Depot, first: Step, second: Step, proposed: bool, refused: str
) -> None:
    number = made(depot, proposed=proposed)
    assert at_once(app, (first, number), (second, number)) == [refused]
    depot.session.expire_all()
    assert (depot.session.get(Ruleset, number) is None) == (first is discard)


def test_a_proposal_that_is_discarded_at_once_is_gone_whole(app: Flask, depot: Depot) -> None:
    number = made(depot, proposed=False)
    assert at_once(app, (propose, number), (discard, number)) == []
    assert depot.session.get(Ruleset, number) is None


def test_two_edits_at_once_are_both_kept(app: Flask, depot: Depot) -> None:
    number = made(depot, proposed=False)
    assert at_once(app, (edit, number), (edit_another, number)) == []
    draft = depot.session.get_one(Ruleset, number)
    assert [rule["note"] for rule in draft.rules[:2]] == ["Changed by someone else.", "Changed too."]
    assert sorted(draft.editors.values()) == ["admin", "manager"]


def test_of_two_rulesets_published_at_once_one_is(app: Flask, depot: Depot) -> None:
    one, other = made(depot, proposed=True), made(depot, proposed=True)
    assert at_once(app, (put_in_force, one), (put_in_force, other)) == ["second: PublishedMeanwhile"]
    assert depot.session.scalar(select(func.max(Ruleset.publication))) == 2
    assert depot.session.get_one(Ruleset, other).status == RulesetStatus.PROPOSED

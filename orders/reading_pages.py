"""Pages to read: the response cards, a state's law, the short training, and what leaving does. Nothing is stored.

What was typed in a request travels through the training in hidden fields, and comes back with what was learnt.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from flask import Response, abort, g, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from distro import clock, languages
from distro.config import current_settings
from distro.db import db
from distro.errors import Refusal
from geo import places, publish, samaritan
from geo.nearest import Help, arrange, shipped
from geo.referrals import nearest_help
from orders import cards as decks
from orders import insert
from orders.cards import Choice, Question
from orders.draft import Draft

MOST_TODO = 10


@dataclass(frozen=True)
class Answered:
    """A question as it was answered: `chosen` is the place of the answer among the choices, None: not yet."""

    name: str
    question: Question
    chosen: int | None

    @property
    def choice(self) -> Choice | None:
        """What was chosen."""
        return None if self.chosen is None else self.question.choices[self.chosen]

    @property
    def is_right(self) -> bool:
        """Whether there is nothing left to learn from it."""
        return self.choice is not None and self.choice.right


def cards() -> ResponseReturnValue:
    """All the cards, one link each."""
    return render_template("public/cards.html", cards=list(decks.deck().cards.values()), help=_help())


def card(name: str) -> ResponseReturnValue:
    """One card. It needs nothing else, so a saved copy of it is whole."""
    found = decks.deck().cards.get(name)
    if found is None:
        abort(404)
    return render_template("public/card.html", card=found, help=_help())


def cards_pdf() -> ResponseReturnValue:
    """Every card on paper, or for a phone without a connection; under a name that says nothing."""
    headers = {"Content-Disposition": 'inline; filename="cards.pdf"'}
    return Response(_every_card(languages.current(), *_lines(_help())), mimetype="application/pdf", headers=headers)


def law() -> ResponseReturnValue:
    """What the law of a state does for those who call for help; the reader chooses the state."""
    chosen = request.form.get("state", "")[:2]
    try:
        names = places.names(db.session())
        demo = publish.book(db.session(), clock.today()).allow_unreviewed
    except (Refusal, SQLAlchemyError):
        db.session.rollback()
        names, demo = [], False
    found = samaritan.protection(chosen, instance=current_settings().instance, demo=demo, today=clock.today())
    return render_template("public/law.html", states=names, chosen=chosen, law=found, help=_help())


def learn() -> ResponseReturnValue:
    """Cards and questions. An answer that is not right is explained, and can be chosen again as often as one likes."""
    typed = Draft.read(request.form)
    todo = decks.taught(request.form.getlist("todo")[:MOST_TODO])
    training = decks.deck().trainings[todo[0] if todo else decks.BASICS]
    answered = [_answered(f"q{place}", question) for place, question in enumerate(training.questions, 1)]
    return render_template(
        "public/learn.html",
        training=training,
        answered=answered,
        asked="asked" in request.form,
        learnt=all(each.is_right for each in answered),
        kept=[*typed.carried(), *(("todo", key) for key in todo)] if todo else [],
        back=[*typed.carried(), *(("trained", decks.mark(key)) for key in todo)] if todo else [],
        help=_help(),
    )


def safety() -> ResponseReturnValue:
    """What leaving this site does, and what it cannot do."""
    return render_template("public/safety.html")


def insert_for(codes: Collection[str], spoken: Sequence[str]) -> bytes:
    """The sheet for a parcel with these items, each language on sides of its own."""
    phones = {}
    for language in spoken:
        with languages.speaking(language):
            phones[language] = _lines(_help())
    return insert.sheet(decks.for_items(codes), spoken, phones)


def _answered(name: str, question: Question) -> Answered:
    typed = request.form.get(name, "")
    known = {str(place): place for place in range(len(question.choices))}
    return Answered(name, question, known.get(typed))


def _help() -> list[Help]:
    """The lines of the whole nation, which nobody has to say where they are for."""
    g.only_reads = True
    try:
        return nearest_help(db.session())
    except SQLAlchemyError:
        db.session.rollback()
        return arrange(shipped())


def _lines(found: list[Help]) -> tuple[insert.Phone, ...]:
    return tuple(insert.Phone(one.called, one.number) for one in found if one.number)


@lru_cache(maxsize=16)  # a page costs a tenth of a second to set
def _every_card(language: str, *phones: insert.Phone) -> bytes:
    return insert.sheet(list(decks.deck().cards.values()), [language], {language: phones}, pages=3)

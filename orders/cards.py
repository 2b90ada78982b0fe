"""The response cards and the short trainings made of them: texts with their sources, from `data/cards.yaml`. Pure.

Each text stands there in English and Spanish; a third language has it from its catalog.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from distro.languages import pick

SHIPPED = Path(__file__).parent / "data" / "cards.yaml"
BASICS = "naloxone-basics"  # what anyone may take, without a rule that asks for it


@dataclass(frozen=True)
class Text:
    """A text in the two languages that we write."""

    english: str
    spanish: str

    def __str__(self) -> str:
        """The text in the reader's language."""
        return pick(self.english, self.spanish)


@dataclass(frozen=True)
class Source:
    """Where a fact stands. `day` is the day it gives itself or, if `is_read`, the day we read it."""

    key: str
    name: str
    url: str
    day: date
    is_read: bool


@dataclass(frozen=True)
class Line:
    """One thing to know or to do, and where it is from."""

    text: Text
    source: Source
    aside: bool = False  # it is no step: it is for another day


@dataclass(frozen=True)
class Card:
    """One page. `name` is its address; `items` the codes it goes with, none: it is for everyone."""

    name: str
    title: Text
    lines: tuple[Line, ...]
    items: frozenset[str]
    steps: bool  # the lines are done one after the other
    call: bool  # 911 stands on it as a button

    @property
    def sources(self) -> tuple[Source, ...]:
        """Its sources, each once, in the order of its lines."""
        return tuple(dict.fromkeys(line.source for line in self.lines))

    def number(self, line: Line) -> int:
        """By which number a line names its source."""
        return self.sources.index(line.source) + 1


@dataclass(frozen=True)
class Choice:
    """One answer to a question, and what it teaches."""

    text: Text
    why: Text
    right: bool


@dataclass(frozen=True)
class Question:
    """A question of a training."""

    text: Text
    choices: tuple[Choice, ...]
    source: Source


@dataclass(frozen=True)
class Training:
    """Cards to read, then questions."""

    cards: tuple[Card, ...]
    questions: tuple[Question, ...]
    digest: str  # of all its words: what was done with other words is not this training


@dataclass(frozen=True)
class Deck:
    """The whole file."""

    cards: Mapping[str, Card]
    trainings: Mapping[str, Training]  # under the very word that a rule names


@lru_cache(maxsize=1)
def deck() -> Deck:
    """What comes with the software, read once."""
    return read(SHIPPED.read_text(encoding="utf-8"))


def read(text: str) -> Deck:
    """The cards of a file. Raises KeyError for a source or card that it does not have."""
    told = yaml.safe_load(text)
    sources = {key: _source(key, one) for key, one in told["sources"].items()}
    cards = {one["name"]: _card(one, sources) for one in told["cards"]}
    trainings = {key: _training(one, cards, sources) for key, one in told["trainings"].items()}
    return Deck(cards, trainings)


def for_items(codes: Collection[str]) -> list[Card]:
    """The cards that go into a parcel with these items, and those for everyone, in the order of the file."""
    return [card for card in deck().cards.values() if not card.items or card.items & set(codes)]


def mark(training: str) -> str:
    """What stands in a form, and on its way to the next page, once a training is done. KeyError: we have none such."""
    return f"{training}.{deck().trainings[training].digest}"


def done(marks: Iterable[str]) -> tuple[str, ...]:
    """The trainings that such marks stand for, each once; what is no mark, or of other words, is left out."""
    ours = {mark(key): key for key in deck().trainings}
    return tuple(dict.fromkeys(ours[text] for text in marks if text in ours))


def taught(wanted: Iterable[str]) -> list[str]:
    """Those of the trainings that rules want which can be had here, each once: no other stands in for one we lack."""
    return [key for key in dict.fromkeys(wanted) if key in deck().trainings]


def _source(key: str, told: Mapping[str, Any]) -> Source:
    return Source(key, told["name"], told["url"], told.get("date") or told["read"], "date" not in told)


def _card(told: Mapping[str, Any], sources: Mapping[str, Source]) -> Card:
    return Card(
        name=told["name"],
        title=_text(told, "title"),
        lines=tuple(Line(_text(one), sources[one["source"]], one.get("aside", False)) for one in told["lines"]),
        items=frozenset(told.get("items", ())),
        steps=told.get("steps", False),
        call=told.get("call", False),
    )


def _training(told: Mapping[str, Any], cards: Mapping[str, Card], sources: Mapping[str, Source]) -> Training:
    words = [[told["questions"]], [[line.text.english for line in cards[name].lines] for name in told["cards"]]]
    questions = [Question(_text(one), _choices(one["choices"]), sources[one["source"]]) for one in told["questions"]]
    digest = hashlib.sha256(repr(words).encode()).hexdigest()[:8]
    return Training(tuple(cards[name] for name in told["cards"]), tuple(questions), digest)


def _choices(told: Sequence[Mapping[str, Any]]) -> tuple[Choice, ...]:
    return tuple(Choice(_text(one), _text(one, "why"), one.get("right", False)) for one in told)


def _text(told: Mapping[str, Any], name: str = "text") -> Text:
    return Text(told[name], told[f"{name}_es"])

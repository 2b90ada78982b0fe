"""B4: rules compiled to a table, and how soon the table answers."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from distro.db import Base
from geo import places, publish, rulefile
from geo.compile import compile_table
from geo.load import load_places
from geo.models import County, State
from geo.places import Place
from geo.rules import BookRule, Effect, Law, Origin, Product, RuleBook
from geo.table import NOBODY, Table
from tests.bench import Row, benchmark

STRIPS = Product("fentanyl-strips", "strips", analytes=("fentanyl",))
PRODUCTS = (
    Product("naloxone-nasal", "naloxone", "otc"),
    Product("naloxone-im", "naloxone", "rx"),
    STRIPS,
    Product("xylazine-strips", "strips", analytes=("xylazine",)),
    Product("syringe-kit", "syringes", parts=((Product("syringe", "syringes"), 10), (Product("cooker"), 2))),
    Product("smoking-kit", "smoking", parts=((Product("foil"), 5), (Product("pipe", "pipes"), 1))),
    Product("wound-care-kit", "wound-care"),
    Product("sharps-container", "sharps"),
    Product("hygiene-kit", "hygiene"),
    Product("safer-sex-kit", "safer-sex"),
    Product("nitazene-strips", "strips", analytes=("nitazenes",)),
    Product("party-kit", "kits", parts=((STRIPS, 2), (Product("hygiene-kit", "hygiene"), 1))),
)
ORIGINS = (
    Origin("OH", "OH", "39049", "nonprofit"),
    Origin("MN", "MN", "27053", "nonprofit"),
    Origin("CA", "CA", "06037", "government"),
    Origin("NY", "NY", "36061", ""),
    Origin("TX", "TX", "48029", "nonprofit"),
)
FIRST = date(2026, 11, 22)
QUESTIONS = 100_000
ROUNDS = 40  # the quickest counts: what else the machine does only ever adds

T = TypeVar("T")
Question = tuple[str, str, str, date]


@benchmark
def a_table_of_rules() -> Iterator[Row]:
    everywhere, known = _places()
    file = rulefile.read(publish.STARTER.read_text(encoding="utf-8"), known)
    areas = [publish.area_of(area) for area in file.areas]
    law = Law(RuleBook.of(map(BookRule.of, rulefile.rows(file)), areas, allow_unreviewed=True))
    seconds, table = _timed(lambda: compile_table(law, everywhere, PRODUCTS, ORIGINS))
    what = f"compile {len(law.book.rules)} starter rules x 12 items x 5 sites"
    yield Row("B4", what, "<= 20 s", f"{seconds:.2f} s", seconds <= 20)

    changed = [replace(law.book.rules[0], valid_to=FIRST + timedelta(days=90)), *law.book.rules[1:]]
    later = Law(RuleBook.of(changed, areas, allow_unreviewed=True))
    seconds, _ = _timed(lambda: compile_table(later, everywhere, PRODUCTS, ORIGINS, before=table))
    yield Row("B4", "compile anew after one rule changed", "<= 2 s", f"{seconds:.2f} s", seconds <= 2)

    content, random = table.to_bytes(), Random(1)
    seconds, table = _timed(lambda: Table.from_bytes(content))
    yield Row("B4", f"load the table ({len(content) / 1e6:.1f} MB)", "<= 0.5 s", f"{seconds:.3f} s", seconds <= 0.5)
    asked = [_question(random, everywhere) for _ in range(QUESTIONS)]
    megabytes = _megabytes(content, asked)
    yield Row("B4", "the table in memory, asked 100,000 times", "<= 50 MB", f"{megabytes:.1f} MB", megabytes <= 50)
    bare, looked_up = _nanoseconds(asked, table)
    figure = f"{bare / looked_up:.2f}x ({1e9 / looked_up:,.0f} decisions/s)"
    yield Row("B4", "decisions against a bare dict lookup", ">= 0.3x", figure, bare / looked_up >= 0.3)

    few, many = (compile_table(_made_up(size, known), everywhere, PRODUCTS, ORIGINS) for size in (100, 10_000))
    _, of_few, of_many = _nanoseconds(asked, few, many)
    figure = f"{of_many / of_few:.2f}x ({of_few:.0f} and {of_many:.0f} ns)"
    yield Row("B4", "a decision with 10,000 rules against 100", "<= 1.2x", figure, of_many <= 1.2 * of_few)


def _places() -> tuple[list[Place], rulefile.Known]:
    """Every ZIP code, and what a rule may name."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        load_places(session)
        found = places.all_places(session)
        known = rulefile.Known(
            states=set(session.scalars(select(State.code))),
            counties=set(session.scalars(select(County.fips))),
            zips={place.zip for place in found},
        )
    engine.dispose()
    return found, known


def _made_up(size: int, known: rulefile.Known) -> Law:
    """A rule for each item in the nation, and for the rest one item in one county.

    As in the starter, few of them ask for an age or begin on a later day.
    """
    random = Random(2)
    said = {"reviewed_by": "someone", "sentence": "What the rule says.", "sentence_es": "Lo que dice la regla."}
    rules = [BookRule(f"US-{it.code}", "US", (it.code,), Effect.ALLOW, scope="nation", **said) for it in PRODUCTS]  # type: ignore[arg-type]
    counties = sorted(known.counties or ())
    for number in range(size - len(rules)):
        rule = BookRule(
            key=f"OH-{number}",
            place=f"county:{random.choice(counties)}",
            items=(random.choice(PRODUCTS).code,),
            effect=random.choice((Effect.ALLOW, Effect.REVIEW, Effect.DENY)),
            scope="county",
            min_age=random.choice((None,) * 19 + (18,)),
            valid_from=random.choice((None,) * 49 + (FIRST + timedelta(days=random.randrange(365)),)),
            **said,  # type: ignore[arg-type]
        )
        rules.append(rule)
    return Law(RuleBook.of(rules))


def _question(random: Random, everywhere: list[Place]) -> Question:
    day = FIRST + timedelta(days=random.randrange(365))
    return random.choice(everywhere).zip, random.choice(PRODUCTS).code, random.choice(ORIGINS).code, day


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def _megabytes(content: bytes, asked: list[Question]) -> float:
    """What a process that loads the table and answers the questions holds more than before."""
    tracemalloc.start()
    table = Table.from_bytes(content)
    for zip_code, item, site, day in asked:
        table.decide(zip_code, item, site, NOBODY, day)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6


def _nanoseconds(asked: list[Question], *tables: Table) -> list[float]:
    """The time for one question to a bare dict, then to each table, all asked in turn; every answer is known before."""
    answers = {q: tables[0].decide(q[0], q[1], q[2], NOBODY, q[3]) for q in asked}

    def bare() -> None:
        for zip_code, item, site, day in asked:
            answers[zip_code, item, site, day]

    def ask(table: Table) -> Callable[[], None]:
        def all_of_them() -> None:
            for zip_code, item, site, day in asked:
                table.decide(zip_code, item, site, NOBODY, day)

        return all_of_them

    loops = [bare, *map(ask, tables)]
    gc.disable()
    rounds = [[_timed(loop)[0] for loop in loops] for _ in range(1 + ROUNDS)][1:]
    gc.enable()
    return [min(times) / len(asked) * 1e9 for times in zip(*rounds, strict=True)]

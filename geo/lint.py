"""What is wrong or doubtful in a ruleset that can be read: a fault keeps it from being proposed, a note does not."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

from distro.errors import Refusal
from geo import rulefile, sentences
from geo.areas import MOST_IN_DOUBT
from geo.models import Ruleset
from geo.rulefile import RuleFile
from geo.rules import FEDERAL, MAIL, NATION, STRICTNESS, BookRule, Effect, End, level_of

REVIEW_HOLDS = timedelta(days=365)
SOURCE_HOLDS = timedelta(days=730)
SOON = timedelta(days=60)
LONGEST_SENTENCE = 200  # letters a participant reads at one go
NAMED = 5  # faults a refusal names
_NEVER_WORDS = Path(__file__).parent / "data" / "never-words.txt"
_YEAR = re.compile(r"(?<!\d)([12]\d{3})(?:-(0[1-9]|1[0-2])(?!\d))?(?:-([0-3]\d)(?!\d))?")
_NARROWING = ("min_age", "attest", "training", "credentials", "origins", "operators", "channels", "most_per_order")
_OPPOSITES = ((Effect.ALLOW, "prohibited"), (Effect.DENY, "allowed"))
_YES, _NO = re.compile("We can (?:mail|send)\\b"), re.compile("We (?:can['’]t|cannot)\\b")
_MONEY = ("federal", "state", "county", "private", "settlement", "foundation")

Sort = Literal["fault", "note"]


class RulesContradict(Refusal):
    """Proposing and publishing wait until what the rules say holds together."""

    sentence = "The ruleset was left as it is. %(problem)s"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to look at. `key` is the rule's, or `area:CODE`; `line`, from 1, is the field's if one is named."""

    key: str
    line: int
    sentence: str
    sort: Sort

    def __str__(self) -> str:
        return f"{self.key} (line {self.line}): {self.sentence}"


def lint(file: RuleFile, on: date) -> list[Problem]:
    """Every fault and note of a file as of a day, by line."""
    rules = [BookRule.of(rule) for rule in file.rules]
    keys = {rule.key for rule in rules}
    found: list[tuple[str, Sort, str]] = [(rule.key, "fault", said) for rule in rules for said in _faults(rule, keys)]
    found += [(rule.key, "note", said) for rule in rules for said in _notes(rule, on)]
    found += _between(rules, {f"area:{area['code']}": area["kind"] for area in file.areas})
    found += _of_areas(file.areas, {rule.place for rule in rules})
    problems = (Problem(key, _line(file, key, said), said, sort) for key, sort, said in dict.fromkeys(found))
    return sorted(problems, key=lambda problem: (problem.line, problem.sort))


def _line(file: RuleFile, key: str, said: str) -> int:
    """Where the field stands that the sentence begins with, else where the rule begins."""
    return file.fields.get(key, {}).get(said.partition(":")[0], file.lines.get(key, 1))


def lint_ruleset(ruleset: Ruleset, on: date) -> list[Problem]:
    """The same of a ruleset that is stored, whose areas have been laid over the ZIP codes."""
    return lint(replace(rulefile.read(ruleset.text, rulefile.ANYTHING), areas=ruleset.areas), on)


def require_sound(ruleset: Ruleset, on: date) -> None:
    """Raises RulesContradict, which names the first five faults, if there is any."""
    faults = [str(problem) for problem in lint_ruleset(ruleset, on) if problem.sort == "fault"]
    if faults:
        more = f" And {len(faults) - NAMED} more." if len(faults) > NAMED else ""
        raise RulesContradict(problem=" ".join(faults[:NAMED]) + more)


def _faults(rule: BookRule, keys: set[str]) -> Iterator[str]:
    if rule.scope == FEDERAL and rule.place != NATION:
        yield f"scope: federal is for the place {NATION}. To tighten in {rule.place}, make an area of kind restriction."
    if (rule.effect, rule.legal_status) in _OPPOSITES:
        yield f"effect: it says {rule.effect}, and legal_status says {rule.legal_status}. One of the two is wrong."
    yes, no = (begin.match(rule.sentence) for begin in (_YES, _NO))
    if yes and sentences.said(rule) is Effect.DENY:
        yield f"sentence: it is read where nothing is mailed, so it must not begin with “{yes[0]}”."
    if (
        no
        and rule.effect is Effect.ALLOW
        and sentences.said(rule) is not Effect.DENY
        and (MAIL in rule.channels or not rule.channels)
    ):
        yield f"sentence: it is read where this is mailed, so it must not begin with “{no[0]}”."
    for kind in sorted({kind for kinds in rule.credentials for kind in kinds}):
        sort, _, key = kind.partition(":")
        if sort == "conditions" and key not in keys:
            yield f"credentials: {kind} names no rule of this file."
    read = {"sentence": rule.sentence, "sentence_es": rule.sentence_es, "attest": rule.attest}
    read |= {"attest_es": rule.attest_es, "enclosures": " ".join(rule.enclosures)}
    for name, text in read.items():
        word = _never().search(text)
        if word:
            yield f"{name}: “{word[0]}” is a word we do not use. Put the person first, in plain words."


def _notes(rule: BookRule, on: date) -> Iterator[str]:
    if rule.valid_to is not None and rule.valid_to < on:
        yield f"valid_to: it ended on {rule.valid_to}, so it counts no more."
    elif rule.valid_to is not None and rule.valid_to - on <= SOON:
        yield f"valid_to: it ends on {rule.valid_to}, within {SOON.days} days. What holds after that?"
    if rule.reviewed_on is not None and on - rule.reviewed_on > REVIEW_HOLDS:
        yield f"reviewed_on: the review of {rule.reviewed_on} is more than a year old."
    written = _latest(rule.source_date)
    if written is None:
        yield f"source_date: “{rule.source_date}” is no date. Find out how old the source is."
    elif on - written > SOURCE_HOLDS:
        yield f"source_date: the source of {rule.source_date} is more than two years old. Has the law changed?"
    if rule.effect is Effect.ALLOW:
        yield from _not_by_mail(rule)
    else:
        yield from _without_effect(rule)
    if rule.age_channels and (rule.min_age is None or MAIL not in rule.age_channels):
        yield "age_channels: no age is asked for, since the mail is not among them or min_age is missing."
    for kind in rule.not_funds:
        if kind not in _MONEY:
            yield f"not_funds: “{kind}” is none of {', '.join(_MONEY)}. Is there a fund of that kind?"
    if rule.sentence == rule.sentence_es:
        yield "sentence_es: the same text stands in both languages."
    for name, text in (("sentence", rule.sentence), ("sentence_es", rule.sentence_es)):
        if len(text) > LONGEST_SENTENCE:
            yield f"{name}: it has {len(text)} letters; say it in at most {LONGEST_SENTENCE}."


def _not_by_mail(rule: BookRule) -> Iterator[str]:
    if rule.confidence == "low":
        yield "confidence: low never allows by itself, so a person decides."
    if rule.in_person:
        yield f"in_person: nothing is mailed, since {', '.join(rule.in_person)} needs someone there; decided as deny."
    if rule.channels and MAIL not in rule.channels:
        yield f"channels: nothing is mailed, since the law names only {', '.join(rule.channels)}; decided as deny."


def _without_effect(rule: BookRule) -> Iterator[str]:
    idle = [name for name in _NARROWING if getattr(rule, name)] if rule.effect is Effect.DENY else []
    if idle:
        yield f"{idle[0]}: a rule that says deny denies everyone; {' and '.join(idle)} changes nothing."


def _between(rules: Sequence[BookRule], kinds: Mapping[str, str]) -> Iterator[tuple[str, Sort, str]]:
    """Rules that say different things, or the same twice, of one item at one place. Overlays all count, so do not."""
    together: dict[tuple[str, str], list[BookRule]] = {}
    for rule in rules:
        if level_of(rule, kinds) is not None:
            for item in rule.items:
                together.setdefault((rule.place, item), []).append(rule)
    for (_, item), group in together.items():
        for one, other in combinations(dict.fromkeys(group), 2):
            looser, stricter = sorted((one, other), key=lambda rule: STRICTNESS[rule.effect])
            if _same_end(one, other) and _same_days(one, other):
                yield from ((looser.key, sort, said) for sort, said in _clash(looser, stricter, item))


def _clash(looser: BookRule, stricter: BookRule, item: str) -> Iterator[tuple[Sort, str]]:
    if STRICTNESS[looser.effect] < STRICTNESS[stricter.effect]:
        if _covers(stricter, looser):
            yield (
                "fault",
                f"{stricter.key} says the opposite for the same place and days: {stricter.effect}, where this says "
                f"{looser.effect}. The stricter holds, so this never counts. Drop one, or part their days.",
            )
        elif looser.effect is Effect.ALLOW and not looser.conditions and looser.confidence != "low":
            yield (
                "fault",
                f"it says {looser.effect} of {item}, and {stricter.key} says {stricter.effect}, at the same place on "
                "the same days. End one, or give each its own days, items or place.",
            )
    elif looser.effect is not Effect.DENY:
        for name in ("origins", "operators"):
            mine, others = set(getattr(looser, name)), set(getattr(stricter, name))
            if mine and others and not mine & others:
                yield "fault", f"{name}: no parcel meets both this and {stricter.key}. Write them all in one rule."
        if _covers(looser, stricter) and _said(looser) == _said(stricter):
            yield "note", f"{stricter.key} says the same again."


def _same_end(one: BookRule, other: BookRule) -> bool:
    return End.BOTH in (one.ends, other.ends) or one.ends is other.ends


def _same_days(one: BookRule, other: BookRule) -> bool:
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    return first <= min(one.valid_to or date.max, other.valid_to or date.max)


def _covers(wide: BookRule, narrow: BookRule) -> bool:
    """Whether one rule counts whenever the other does."""
    return (
        set(narrow.items) <= set(wide.items)
        and wide.ends in (End.BOTH, narrow.ends)
        and (wide.valid_from or date.min) <= (narrow.valid_from or date.min)
        and (narrow.valid_to or date.max) <= (wide.valid_to or date.max)
    )


def _said(rule: BookRule) -> BookRule:
    """A rule without what it rests on."""
    idle: dict[str, Any] = dict.fromkeys(("key", "note", "citation", "source", "source_url", "source_date"), "")
    idle |= dict.fromkeys(("sentence", "sentence_es"), "")
    idle |= dict.fromkeys(("valid_from", "valid_to", "reviewed_by", "reviewed_on"))
    return replace(rule, items=(), ends=End.BOTH, **idle)


def _of_areas(areas: Sequence[Mapping[str, Any]], places: set[str]) -> Iterator[tuple[str, Sort, str]]:
    shared = Counter(zip_code for area in areas for zip_code in area.get("partly") or ())
    for area in areas:
        key = f"area:{area['code']}"
        parts = ("inside", "partly", "counties") if "inside" in area else ("zips", "counties", "shape")
        if not any(area.get(part) for part in parts):
            yield key, "fault", "no ZIP code and no county lies in it, so its rules count nowhere."
        doubtful = sorted(code for code in area.get("partly") or () if shared[code] > MOST_IN_DOUBT)
        if doubtful:
            where = f"{doubtful[0]} lies partly in {shared[doubtful[0]]} areas"
            yield (
                key,
                "fault",
                f"{where}; at most {MOST_IN_DOUBT} can be decided. List the ZIP in those it is in.",
            )
        if key not in places:
            yield key, "note", "no rule names it."


def _latest(text: str) -> date | None:
    """The last day that a date as sources give it may mean: 2025, 2025-04, 2019-2024, 2024-03 (law to 2023-08-01)."""
    return max((_last_day(*found.groups()) for found in _YEAR.finditer(text)), default=None)


def _last_day(year: str, month: str | None, day: str | None) -> date:
    if month is None:
        return date(int(year), 12, 31)
    try:
        return date(int(year), int(month), int(day or 28))
    except ValueError:
        return date(int(year), int(month), 28)


@lru_cache(maxsize=1)
def _never() -> re.Pattern[str]:
    lines = _NEVER_WORDS.read_text(encoding="utf-8").splitlines()
    words = "|".join(line for line in lines if line and not line.startswith("#"))
    return re.compile(rf"\b(?:{words})\b", re.IGNORECASE)

"""The form of one rule: what was typed becomes the fields of `geo.rulefile.RuleSchema`, and back.

Lists are typed with commas or lines between; conditions, facts and enclosures one a line; of credentials each line is
an alternative, and "and" joins what one alternative needs.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from marshmallow import ValidationError

from geo import placewords
from geo.formwords import plain, read_day
from geo.placewords import Names
from geo.rulefile import RuleSchema, first_said
from geo.rules import MILITARY, NATION, BookRule, Effect, End
from geo.sentences import said, sentences

Typed = Mapping[str, str]
Errors = dict[str, list[str]]

WORDS = ("age_channels", "in_person", "channels", "origins", "operators", "not_funds")  # lists of single words
LINES = ("conditions", "recorded", "enclosures")  # lists of sentences
NUMBERS = ("min_age", "most_per_order")
PLAIN = (
    "effect",
    "legal_status",
    "scope",
    "ends",
    "attest",
    "attest_es",
    "training",
    "valid_from",
    "valid_to",
    "citation",
    "source",
    "source_url",
    "source_date",
    "confidence",
    "sentence",
    "sentence_es",
)
STATUSES = ("allowed", "allowed_with_conditions", "program_only", "prescription_only", "unclear", "prohibited")
SCOPES = ("nation", "federal", "statewide", "county", "municipality")
_STATUS_OF = {Effect.ALLOW: "allowed", Effect.REVIEW: "unclear", Effect.DENY: "prohibited"}
_SCOPE_OF = {"nation": "nation", "county": "county", "zip": "county", "military": "nation"}
_OF_ITS_LAW = ("key", "legal_status", "citation", "source", "source_url", "source_date", "sentence", "sentence_es")
_LONGEST_KEY = 60
_EMPTY = {
    "items": "Tick an item, or name some in the box below.",
    "effect": "Choose what it says.",
    "confidence": "Choose how sure you are.",
    "citation": "Say which law, order or approval it rests on.",
    "source": "Say where you read it.",
    "source_date": "Say when that was written, such as 2026-11-22.",
}
_UNREADABLE = ("Cc", "Cs", "Cn")
_ANSWER = {Effect.ALLOW: "a yes", Effect.DENY: "a no", Effect.REVIEW: "“a person decides”"}


@dataclass(frozen=True, slots=True)
class Around:
    """What a form is read against.

    Names of places, the draft's areas by code (each with `name` and `kind`), its rule keys, the states of some places,
    and the codes of our warehouses (None: not checked).
    """

    names: Names
    areas: Mapping[str, Mapping[str, Any]]
    keys: Collection[str]
    states: Mapping[str, str]
    sites: Collection[str] | None = None


def blank() -> dict[str, str]:
    """What the form of a new rule starts with: what tells of the source is for people to say."""
    return {"ends": End.BOTH.value}


def typed_of(rule: Mapping[str, Any], names: Names, catalog: Collection[str]) -> dict[str, str]:
    """A rule as its form shows it. Ticked items are in `items`, one a line."""
    typed = {name: str(rule.get(name) or "") for name in PLAIN}
    typed |= {name: "" if rule.get(name) is None else str(rule[name]) for name in NUMBERS}
    typed |= {name: ", ".join(rule.get(name) or ()) for name in WORDS}
    typed |= {name: "\n".join(rule.get(name) or ()) for name in LINES}
    units, days = rule.get("most_per_period") or ("", "")
    return typed | {
        "key": rule["key"],
        "place_kind": placewords.kind(rule["place"]),
        "place": placewords.shown(rule["place"], names),
        "items": "\n".join(item for item in rule["items"] if item in catalog),
        "selectors": "\n".join(item for item in rule["items"] if item not in catalog),
        "credentials": "\n".join(" and ".join(kinds) for kinds in rule.get("credentials") or ()),
        "most_units": str(units),
        "most_days": str(days),
        "note": str(rule.get("note") or ""),
    }


def like(rule: Mapping[str, Any], names: Names, catalog: Collection[str]) -> dict[str, str]:
    """What the form of a rule like another starts with: what tells of the other's law and source is left out."""
    return typed_of(rule, names, catalog) | dict.fromkeys(_OF_ITS_LAW, "")


def read(typed: Typed, around: Around, key: str = "", before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The rule that was typed, every field of RuleSchema; `key` is that of the rule that is changed, empty for a new.

    `before` is what the changed rule says now: where it says something else from now on, its sentences do not stay.
    Raises ValidationError with a sentence for each field of the form.
    """
    errors: Errors = {}
    rule: dict[str, Any] = {name: _line(typed.get(name, "")) for name in PLAIN}
    rule |= {name: _number(typed, name, errors) for name in NUMBERS}
    rule |= {name: re.split(r"[\s,;]+", _line(typed.get(name, ""))) for name in WORDS}
    rule |= {name: _lines(typed.get(name, "")) for name in LINES}
    rule["origins"] = [code.upper() for code in rule["origins"]]
    rule["items"] = re.split(r"[\s,;]+", _line(typed.get("items", "") + "\n" + typed.get("selectors", "")))
    rule["credentials"] = [re.split(r"\s+and\s+|\s*[+&]\s*", line) for line in _lines(typed.get("credentials", ""))]
    rule["most_per_period"] = _period(typed, errors)
    _days(rule, errors)
    rule["note"] = "\n".join(_line(line) for line in typed.get("note", "").strip().splitlines())
    rule = {name: _without_empty(value) for name, value in rule.items()}
    rule = {name: value for name, value in rule.items() if value not in ("", None, [])}
    try:
        rule["place"] = _place(_line(typed.get("place", "")), typed.get("place_kind", ""), around)
    except ValidationError as problem:
        errors["place"] = [first_said(problem.messages)]
    _fill_in(rule, typed, around, key, errors)
    _warehouses(rule, around, errors)
    if before is not None:
        _fits(rule, before, errors)
    return _checked(rule, errors)


def _place(text: str, kind: str, around: Around) -> str:
    """The code of a place; an area by its code or name too. Raises ValidationError."""
    if text and kind in ("nation", MILITARY):
        raise ValidationError("Leave the place empty, or choose its kind.")
    wanted = text.casefold().removeprefix("area:").strip()
    if kind in ("", "area") and text.upper() not in around.names.states:
        for code, area in around.areas.items():
            if wanted in (code, str(area.get("name", "")).casefold()):
                return f"area:{code}"
    return placewords.read(text, kind, around.names)


def _fits(rule: Mapping[str, Any], before: Mapping[str, Any], errors: Errors) -> None:
    """A fault for each sentence that stays though the rule says something else, and for the word for the law."""
    if rule.get("effect") not in set(Effect):
        return
    old, new = said(_sketch(before)), said(_sketch(rule))
    now = _ANSWER[new] if new != Effect.DENY or rule["effect"] == Effect.DENY else "no while something is missing"
    for name in ("sentence", "sentence_es"):
        if old is not new and rule.get(name) == before.get(name):
            told = f"This sentence is for {_ANSWER[old]}; the rule now says {now.removeprefix('a ')}."
            errors[name] = [f"{told} Change it, or empty it for the usual one."]
    usual = _STATUS_OF.get(Effect(before["effect"]))
    if rule["effect"] != before["effect"] and rule.get("legal_status") == before.get("legal_status") == usual:
        errors["legal_status"] = ["This fits what the rule said before. Choose another, or “As what it says”."]


def _warehouses(rule: Mapping[str, Any], around: Around, errors: Errors) -> None:
    unknown = [code for code in rule.get("origins", ()) if around.sites is not None and code not in around.sites]
    if unknown:
        ours = f"Ours are {', '.join(around.sites or ())}." if around.sites else "None is set up yet."
        errors["origins"] = [f"We have no warehouse “{unknown[0][:16]}”, so nothing could be sent. {ours}"]


def _fill_in(rule: dict[str, Any], typed: Typed, around: Around, key: str, errors: Errors) -> None:
    """What follows from the rest when it is left empty: status, scope, key and sentences."""
    place, effect = rule.get("place", ""), rule.get("effect", "")
    if place.startswith("area:") and place.removeprefix("area:") not in around.areas:
        errors["place"] = [f"This draft has no area “{place.removeprefix('area:')[:40]}”. Add it under Areas first."]
    rule.setdefault("legal_status", _STATUS_OF.get(Effect(effect), "unclear") if effect in set(Effect) else "unclear")
    rule.setdefault("scope", _scope(place, around))
    rule["key"] = key or _line(typed.get("key", "")).replace(" ", "-") or suggested_key(rule, around)
    if not key and rule["key"] in around.keys:
        errors["key"] = ["This draft has a rule of that key. Choose another, or change that rule."]
    if not rule["key"]:  # place or item are missing, and said so
        rule["key"] = "US-new"
    suggested = suggestion(rule)
    for name, text in zip(("sentence", "sentence_es"), suggested, strict=True):
        rule.setdefault(name, text)


def _scope(place: str, around: Around) -> str:
    """Whose rule it is, as far as its place tells."""
    if place.startswith("area:"):
        kind = around.areas.get(place.removeprefix("area:"), {}).get("kind")
        return "municipality" if kind == "municipality" else "county"
    return _SCOPE_OF.get(placewords.kind(place), "statewide") if place else "statewide"


def suggestion(rule: Mapping[str, Any]) -> tuple[str, str]:
    """The usual sentences, English and Spanish, for what a rule comes to for a participant."""
    if rule.get("effect") not in set(Effect):
        return "-", "-"
    sketch = _sketch(rule)
    return sentences(sketch, said(sketch), "suggested", End.DESTINATION)


def _sketch(rule: Mapping[str, Any]) -> BookRule:
    """What of a rule tells which answer its sentences are for."""
    listed = {name: rule[name] for name in ("credentials", "in_person", "conditions") if name in rule}
    bare = {"key": "US-new", "place": NATION, "items": [], "effect": rule["effect"]}
    return BookRule.of({**bare, "confidence": rule.get("confidence", "high"), **listed})


def suggested_key(rule: Mapping[str, Any], around: Around) -> str:
    """A key such as IN-marion-syringe-kit, not yet used in the draft; empty while place or items are missing."""
    place, items = rule.get("place", ""), rule.get("items", [])
    if not place or not items:
        return ""
    sort, _, code = place.partition(":")
    name = around.names.counties.get(code, code) if sort == "county" else code or (place if place == "military" else "")
    state = {
        "county": name.partition(", ")[2][:2],
        "zip": around.states.get(place, NATION),
        "area": around.states.get(place, NATION),
        "military": NATION,
    }.get(sort, place)
    words = [name.partition(",")[0] if sort == "county" else name, items[0].replace(":", "-")]
    stem = f"{state}-" + "-".join(slug for slug in map(_slug, words) if slug)
    stem = stem[: _LONGEST_KEY - 3].rstrip("-")
    numbered = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    return next(key for key in numbered if key not in around.keys)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _checked(rule: dict[str, Any], errors: Errors) -> dict[str, Any]:
    loaded: dict[str, Any] = {}
    try:
        loaded = RuleSchema().load({**rule, "place": rule.get("place", NATION)})
    except ValidationError as problem:
        for name, told in problem.messages_dict.items():
            sentence = plain(first_said(told))
            sentence = _EMPTY.get(name, sentence) if name not in rule else sentence
            errors.setdefault({"most_per_period": "most_units"}.get(name, name), [sentence])
    if errors:
        raise ValidationError(dict(errors))
    return loaded


def _line(text: str) -> str:
    """On one line, without signs that no keyboard types."""
    return " ".join("".join(" " if category(sign) in _UNREADABLE else sign for sign in text).split())


def _lines(text: str) -> list[str]:
    return [line for line in map(_line, text.splitlines()) if line]


def _without_empty(value: Any) -> Any:
    if isinstance(value, list):
        return [one for one in value if one != ""] if not any(isinstance(one, list) for one in value) else value
    return value


def _number(typed: Typed, name: str, errors: Errors) -> int | None:
    text = _line(typed.get(name, "")).replace(",", "")
    if not text:
        return None
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII):
        errors[name] = ["Type a whole number, or leave it empty."]
        return None
    return int(text)


def _days(rule: dict[str, Any], errors: Errors) -> None:
    for name in ("valid_from", "valid_to"):
        try:
            rule[name] = read_day(rule[name]) if rule[name] else None
        except ValueError:
            errors[name] = ["Type the day as year-month-day, such as 2026-12-01."]
            rule[name] = None


def _period(typed: Typed, errors: Errors) -> Sequence[int] | None:
    units, days = _number(typed, "most_units", errors), _number(typed, "most_days", errors)
    if (units is None) != (days is None):
        errors.setdefault("most_units", ["Type both: how many, and in how many days."])
        return None
    return None if units is None or days is None else [units, days]

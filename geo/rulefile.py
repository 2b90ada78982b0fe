"""The file format of rulesets: YAML with `name`, `version`, `areas` and `rules`, as `geo.ruleschema` says."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from dataclasses import field as default
from datetime import date
from difflib import get_close_matches
from typing import Any

import yaml
from marshmallow import Schema, ValidationError

from distro import plainyaml
from distro.errors import Refusal
from geo.rules import MILITARY, NATION
from geo.ruleschema import PLACE as PLACE
from geo.ruleschema import AreaSchema as AreaSchema
from geo.ruleschema import RuleSchema as RuleSchema

LONGEST = 8_000_000  # letters of a file
FAULTS_NAMED = 10


class RulesWrong(Refusal):
    """A ruleset file cannot be used; `problem` names each fault with its rule and line."""

    status = 422
    sentence = "The rules were not loaded. %(problem)s"


@dataclass(frozen=True)
class Known:
    """What a rule may name: state codes, county FIPS codes, ZIP codes, item codes. None: that is not checked."""

    states: Collection[str] | None = ()
    counties: Collection[str] | None = ()
    zips: Collection[str] | None = ()
    items: Collection[str] | None = None


ANYTHING = Known(None, None, None)  # for a text that was checked before


@dataclass(frozen=True)
class RuleFile:
    """A file that holds together: each rule has every field of `RuleSchema`, each area of `AreaSchema`."""

    name: str
    version: str
    areas: list[dict[str, Any]]
    rules: list[dict[str, Any]]
    lines: dict[str, int]  # rule key, or area:CODE -> its line, from 1
    fields: dict[str, dict[str, int]] = default(default_factory=dict)  # rule key -> field -> its line


def read(text: str, known: Known) -> RuleFile:
    """The ruleset in a YAML text. Raises RulesWrong, which names the first ten faults, each with its rule and line."""
    node, data = compose(text), construct(text)
    _check_outline(node, data)
    area_lines, rule_lines = lines_of(node, "areas"), lines_of(node, "rules")
    area_fields, rule_fields = _field_lines(node, "areas"), _field_lines(node, "rules")
    areas, wrong_areas = _checked(data.get("areas") or [], area_lines, area_fields, AreaSchema(), "code")
    rules, wrong_rules = _checked(data["rules"], rule_lines, rule_fields, RuleSchema(), "key")
    lines = {entry["key"]: line for entry, line in zip(data["rules"], rule_lines, strict=True) if _keyed(entry)}
    faults = _doubled(node) + wrong_areas + wrong_rules
    faults += [fault for area in areas for fault in _unknown_in(area, known)]
    codes = {area["code"] for area in areas}
    fields = {entry["key"]: own for entry, own in zip(data["rules"], rule_fields, strict=True) if _keyed(entry)}
    for key, rule in ((rule["key"], rule) for rule in rules):
        for fault in unknowns(rule, codes, known):
            faults.append(f"{key} (line {fields[key].get(fault.partition(':')[0], lines[key])}): {fault}")
    if faults:
        more = f" And {len(faults) - FAULTS_NAMED} more." if len(faults) > FAULTS_NAMED else ""
        raise RulesWrong(problem=" ".join(faults[:FAULTS_NAMED]) + more)
    lines |= {f"area:{area['code']}": line for area, line in zip(areas, area_lines, strict=True)}
    return RuleFile(data["name"], data["version"], areas, rules, lines, fields)


def _check_outline(node: yaml.Node | None, data: Any) -> None:
    """Raises RulesWrong unless the file is a mapping of the four keys, its lists written out."""
    if not isinstance(data, dict) or not {"name", "version", "rules"} <= set(data):
        raise RulesWrong(problem="The file needs name, version and rules.")
    strange = sorted(str(key) for key in set(data) - {"name", "version", "areas", "rules"})
    if strange:
        raise RulesWrong(problem=f"{strange[0]} (line {_line_of(node, strange[0])}) is not a key of this file.")
    for key, most in (("name", 80), ("version", 20)):
        said = data[key] if isinstance(data[key], str) else ""
        if not said.strip() or len(said) > most or not said.isprintable():
            where = f"{key} (line {_line_of(node, key)})"
            raise RulesWrong(problem=f"{where} needs text in quotes, on one line, of at most {most} characters.")
    if not isinstance(data["rules"], list) or not isinstance(data.get("areas") or [], list):
        raise RulesWrong(problem="rules and areas are lists.")
    if [len(entries(node, name)) for name in ("areas", "rules")] != [len(data.get("areas") or []), len(data["rules"])]:
        raise RulesWrong(problem="rules and areas stand once each, at the left edge of the file.")


def _doubled(node: yaml.Node | None) -> list[str]:
    """A sentence for each key that the file, a rule or an area has twice: YAML would quietly keep the last."""
    found: list[str] = []
    for entry in (node, *entries(node, "areas"), *entries(node, "rules")):
        seen: set[str] = set()
        for name, _ in entry.value if isinstance(entry, yaml.MappingNode) else ():
            if name.value in seen:
                found.append(f"Line {name.start_mark.line + 1}: {name.value} stands here for the second time.")
            seen.add(str(name.value))
    return found


def unknowns(rule: Mapping[str, Any], areas: Collection[str], known: Known) -> list[str]:
    """A sentence for each place and item of a rule that is not known here."""
    place, faults = rule["place"], []
    sort, _, code = place.partition(":")
    of = {"county": known.counties, "zip": known.zips, "area": areas}
    there = of.get(sort, known.states)
    if place not in (NATION, MILITARY) and there is not None and (code if sort in of else place) not in there:
        faults.append(f"place: {place} is not known.")
    for selector in rule["items"] if known.items is not None else ():
        sort, _, code = selector.rpartition(":")
        if sort in ("", "component") and code not in (known.items or ()):
            faults.append(f"items: “{code}” is not in the catalog. Add it there, or take it out of the rule.")
    return faults


def _unknown_in(area: Mapping[str, Any], known: Known) -> list[str]:
    named = ((area["zips"], known.zips), (area["counties"], known.counties))
    unknown = [[code for code in codes if code not in there] for codes, there in named if there is not None]
    return [f"area {area['code']}: {', '.join(some[:5])} not known." for some in unknown if some]


def rows(file: RuleFile) -> list[dict[str, Any]]:
    """The rules as a ruleset keeps them: days as text."""
    return [
        {name: value.isoformat() if isinstance(value, date) else value for name, value in rule.items()}
        for rule in file.rules
    ]


def compose(text: str) -> yaml.Node | None:
    """The YAML tree with its line numbers. Raises RulesWrong."""
    node: yaml.Node | None = _parsed(text, plainyaml.Loader.get_single_node)
    return node


def construct(text: str) -> Any:
    """What a YAML text says. Raises RulesWrong."""
    return _parsed(text, plainyaml.Loader.get_single_data)


def lines_of(node: yaml.Node | None, section: str) -> list[int]:
    """The line on which each entry of a section begins, counted from 1."""
    return [entry.start_mark.line + 1 for entry in entries(node, section)]


def entries(node: yaml.Node | None, section: str) -> list[yaml.Node]:
    """The nodes of a section's list; none if it is not there."""
    if not isinstance(node, yaml.MappingNode):
        return []
    found = next((value for key, value in node.value if key.value == section), None)
    return list(found.value) if isinstance(found, yaml.SequenceNode) else []


def _field_lines(node: yaml.Node | None, section: str) -> list[dict[str, int]]:
    """The line of each field of each entry, counted from 1."""
    return [
        {str(name.value): name.start_mark.line + 1 for name, _ in entry.value}
        if isinstance(entry, yaml.MappingNode)
        else {}
        for entry in entries(node, section)
    ]


def _parsed(text: str, how: Callable[[Any], Any]) -> Any:
    if len(text) > LONGEST:
        raise RulesWrong(problem=f"The file has {len(text):,} letters; at most {LONGEST:,} are read.")
    loader = plainyaml.Loader(text)
    try:
        if trap := plainyaml.trap(text):
            raise RulesWrong(problem=trap)
        return how(loader)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # ValueError: a day such as 2026-02-30
        mark = getattr(problem, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark else "The file"
        said = getattr(problem, "problem", None) or type(problem).__name__
        raise RulesWrong(problem=f"{where} is not YAML: {said}.") from None
    finally:
        loader.dispose()


def _line_of(node: yaml.Node | None, key: str) -> int:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((name.start_mark.line + 1 for name, _ in pairs if str(name.value) == key), 1)


def _keyed(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("key"), str)


def _checked(
    raw: list[Any], lines: list[int], fields: list[dict[str, int]], schema: Schema, key: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """The entries that hold, and a sentence for each fault."""
    held: list[dict[str, Any]] = []
    faults: list[str] = []
    keys = Counter(str(entry.get(key)) for entry in raw if isinstance(entry, dict))
    for entry, line, own in zip(raw, lines, fields, strict=True):
        if not isinstance(entry, dict):
            faults.append(f"Line {line} is not a mapping.")
            continue
        called = entry.get(key, f"An entry without a {key}")
        try:
            found = schema.load(entry)
        except ValidationError as problem:
            faults += [
                f"{called} (line {own.get(str(name), line)}): {name}: {_meant(str(name), schema, first_said(said))}"
                for name, said in problem.messages_dict.items()
            ]
            continue
        if keys[found[key]] > 1:
            faults.append(f"{called} (line {own[key]}): {key}: used {keys[found[key]]} times.")
        held.append(found)
    return held, faults


def _meant(name: str, schema: Schema, said: str) -> str:
    """The sentence about a field; about one that there is not, with the name it comes near to."""
    near = [] if name in schema.fields else get_close_matches(name, schema.fields, 1)
    return f"{said} Did you mean {near[0]}?" if near else said


def first_said(said: Any) -> str:
    """The first sentence of marshmallow's messages, however deep."""
    while not isinstance(said, str):
        said = next(iter(said.values() if isinstance(said, dict) else said))
    return said

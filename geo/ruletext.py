"""Writing rulesets: a rule or an area put into the text of a file, everything else left as it stands, byte for byte.

A file written so that single lines cannot be changed in it (as JSON, or several rules on one line) is written anew
as a whole, in the form that `new` gives. Whatever the way, what is read afterwards differs by that entry alone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from geo.rulefile import RuleSchema, RulesWrong, compose, construct, entries

_PLAIN = frozenset({"key", "place", "items", "effect", "legal_status", "scope", "confidence"})
_ALWAYS = frozenset(
    {
        "min_age",
        "conditions",
        "credentials",
        "valid_from",
        "valid_to",
        "source_url",
        "reviewed_by",
        "reviewed_on",
        "note",
    }
)
_AREA = ("code", "name", "kind", "zips", "counties", "shape", "source", "source_date")
_SIMPLE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_OTHERWISE_READ = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # no text to YAML
_UNPRINTED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")  # line ends, or no YAML at all


def new(name: str, version: str, rules: Sequence[Mapping[str, Any]], areas: Sequence[Mapping[str, Any]] = ()) -> str:
    """A whole file in the form in which everything here is written."""
    text = f"name: {_quoted(name)}\nversion: {_quoted(version)}\n"
    for section, blocks in (("areas", map(_area_block, areas)), ("rules", map(rule_block, rules))):
        written = ["\n".join(_dashed(block, "  ")) + "\n" for block in blocks]
        if written or section == "rules":
            text += f"{section}:\n" + "\n".join(written) if written else f"{section}: []\n"
    return text


def put_rule(text: str, rule: Mapping[str, Any]) -> str:
    """The text with this rule in place of the one with its key; a new one goes to the end. Raises RulesWrong."""
    return _put(text, "rules", "key", rule["key"], rule_block(rule))


def put_area(text: str, area: Mapping[str, Any]) -> str:
    """The text with this area in place of the one with its code, or added. Raises RulesWrong."""
    return _put(text, "areas", "code", area["code"], _area_block(area))


def drop_rule(text: str, key: str) -> str:
    """The text without the rule of that key. Raises RulesWrong."""
    return _put(text, "rules", "key", key, [])


def drop_area(text: str, code: str) -> str:
    """The text without the area of that code. Raises RulesWrong."""
    return _put(text, "areas", "code", code, [])


def put_heading(text: str, *, name: str, version: str) -> str:
    """The text under another name and version."""
    lines, node = text.splitlines(keepends=True), compose(text)
    wanted = {"name": name, "version": version}
    for key, value in reversed(node.value) if isinstance(node, yaml.MappingNode) else ():
        if key.value in wanted:
            first, last = key.start_mark.line, _last_line(value, lines)
            lines[first : last + 1] = _ended([f"{key.value}: {_quoted(wanted[key.value])}"], lines)
    return _sure("".join(lines), {**construct(text), **wanted})


def rule_block(rule: Mapping[str, Any]) -> list[str]:
    """A rule as lines: the fields in the order of the schema, those that say nothing left out."""
    lines = []
    for name, field in RuleSchema().fields.items():
        default = field.load_default() if callable(field.load_default) else field.load_default
        value = rule.get(name, None if field.required else default)
        if field.required or name in _ALWAYS or value != default:
            lines.append(f"{name}: {_value(name, value)}")
    return lines


def _area_block(area: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_json(area[name])}" for name in _AREA if area.get(name)]


def _value(name: str, value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, date) or (name.endswith(("_from", "_to", "_on")) and isinstance(value, str)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(name, one) for one in value) + "]"
    if isinstance(value, str):
        bare = value.replace(":", "") if name == "place" else value
        simple = name in _PLAIN and _SIMPLE.fullmatch(bare) and bare.lower() not in _OTHERWISE_READ
        return value if simple else _quoted(value)
    return str(value)


def _json(value: Any) -> str:
    """JSON that YAML reads as the same: no text that ends lines, no number such as 1e-05, which it takes for text."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(name))}: {_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_json, value)) + "]"
    if isinstance(value, float):
        plain = format(Decimal(repr(value)), "f")
        return plain if "." in plain else plain + ".0"
    return _quoted(value) if isinstance(value, str) else json.dumps(value, default=str)


def _quoted(text: str) -> str:
    return _UNPRINTED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(str(text), ensure_ascii=False))


def _dashed(block: Sequence[str], indent: str) -> list[str]:
    return [indent + ("- " if index == 0 else "  ") + line for index, line in enumerate(block)]


def _put(text: str, section: str, name: str, wanted: str, block: Sequence[str]) -> str:
    """Replace, add or (with an empty block) drop one entry of a section."""
    data = construct(text)
    fresh = yaml.safe_load("\n".join(block)) if block else None
    kept = list(data.get(section) or [])
    place = next((index for index, one in enumerate(kept) if one.get(name) == wanted), None)
    if fresh is None and place is None:
        return text
    kept[len(kept) if place is None else place : len(kept) if place is None else place + 1] = [fresh] if fresh else []
    return _sure(_by_lines(text, section, place, block), {**data, section: kept})


def _sure(text: str, wanted: Mapping[str, Any]) -> str:
    """The text if it says what is wanted, else that written anew."""
    try:
        if construct(text) == wanted:
            return text
    except RulesWrong:
        pass
    return new(wanted["name"], wanted["version"], wanted["rules"], wanted.get("areas") or ())


def _by_lines(text: str, section: str, place: int | None, block: Sequence[str]) -> str:
    """The text with the lines of one entry changed; of no use if several entries share a line."""
    node, lines = compose(text), text.splitlines(keepends=True)
    found = entries(node, section)
    if not found or (len(found) == 1 and not block):
        return "".join(_begun(lines, node, section, block))
    column = _column(node, section)
    written = _ended(_dashed(block, " " * column), lines)
    if place is None:
        last = _last_line(found[-1], lines)
        lines[last : last + 1] = _ended([lines[last].rstrip("\r\n"), ""], lines) + written
        return "".join(lines)
    first, last = _first_line(found[place], column, lines), _last_line(found[place], lines)
    if not block:  # an empty line parted it from the next, or from the one before
        if last + 1 < len(lines) and not lines[last + 1].strip():
            last += 1
        elif not lines[first - 1].strip():
            first -= 1
    lines[first : last + 1] = written
    return "".join(lines)


def _begun(lines: list[str], node: yaml.Node | None, section: str, block: Sequence[str]) -> list[str]:
    """The lines with a section holding this entry and no other, or none."""
    pairs = {key.value: (key, value) for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    written = _ended([f"{section}:", *_dashed(block, "  ")] if block else [f"{section}: []"], lines)
    first, last = pairs["rules"][0].start_mark.line, -1
    if section in pairs:
        key, value = pairs[section]
        first, last = key.start_mark.line, max(key.start_mark.line, _last_line(value, lines))
    return lines[:first] + written + lines[max(first, last + 1) :]


def _ended(written: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Lines with the ends that the file has: those of its first line."""
    end = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    return [line + end for line in written]


def _column(node: yaml.Node | None, section: str) -> int:
    """Where the dashes of a section stand."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return next((value.start_mark.column for key, value in pairs if key.value == section), 0)


def _first_line(entry: yaml.Node, column: int, lines: Sequence[str]) -> int:
    """The line with the dash of an entry, which may stand above it."""
    line: int = entry.start_mark.line
    while line > 0 and lines[line][column : column + 1] != "-":
        line -= 1
    return line


def _last_line(node: yaml.Node, lines: Sequence[str]) -> int:
    """The last line of a node that is not empty. A block's own end mark stands at the next token: ask its parts."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    end: int = node.end_mark.line
    if node.end_mark.column == 0 and end > node.start_mark.line:
        end -= 1
    while end > 0 and not lines[min(end, len(lines) - 1)].strip():
        end -= 1
    return end

"""The file format of rulesets: YAML with `name`, `version` and `rules`, each rule a block as `RuleSchema` says."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import yaml
from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from distro.errors import Refusal

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where the C library is there
_FAULTS_NAMED = 10


class RulesWrong(Refusal):
    """A ruleset file cannot be used; `problem` names each fault with its rule and line."""

    status = 422
    sentence = "The rules were not loaded. %(problem)s"


@dataclass(frozen=True)
class RuleFile:
    """A file that holds together: each rule has every field of `RuleSchema`."""

    name: str
    version: str
    rules: list[dict[str, Any]]


class Day(fields.Field[date]):
    """A calendar day as YAML reads it, or as text: 2026-12-01."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> date:
        if type(value) is date:
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            raise ValidationError("Write a day as 2026-12-01.") from None


def _words(longest: int | None = None) -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, longest))


class RuleSchema(Schema):
    """One rule of a file. What the fields do in a decision: `geo.rules`."""

    class Meta:
        """A key that is not known here is a fault: it may be a misspelt condition."""

        unknown = RAISE

    key = fields.String(required=True, validate=[validate.Regexp(r"[A-Z]{2}-[a-z0-9-]+\Z"), validate.Length(max=60)])
    place = fields.String(required=True, validate=validate.Regexp(r"[A-Z]{2}\Z"))
    scope = fields.String(
        required=True, validate=validate.OneOf(("nation", "federal", "statewide", "county", "municipality"))
    )
    items = fields.List(
        fields.String(validate=validate.Regexp(r"[a-z0-9-]+\Z")), required=True, validate=validate.Length(1)
    )
    effect = fields.String(required=True, validate=validate.OneOf(("allow", "deny", "review")))
    min_age = fields.Integer(load_default=None, strict=True, validate=validate.Range(0, 120))
    conditions = fields.List(_words(), load_default=list)
    credential = fields.String(load_default=None, validate=validate.Length(1, 60))
    valid_from = Day(load_default=None)
    valid_to = Day(load_default=None)
    citation = _words()
    source = _words()
    source_url = fields.String(load_default="")
    source_date = _words(40)
    confidence = fields.String(required=True, validate=validate.OneOf(("high", "medium", "low")))
    legal_status = _words(40)
    reviewed_by = fields.String(load_default=None, validate=validate.Length(1, 80))
    reviewed_on = Day(load_default=None)
    sentence = _words()
    sentence_es = _words()
    note = fields.String(load_default="")

    @validates_schema
    def _in_order(self, data: dict[str, Any], **kwargs: object) -> None:
        first, last = data.get("valid_from"), data.get("valid_to")
        if first and last and last < first:
            raise ValidationError("The rule ends before it begins.", "valid_to")
        if bool(data.get("reviewed_by")) != bool(data.get("reviewed_on")):
            raise ValidationError("A review needs both a reviewer and a day.", "reviewed_by")


def read(text: str, *, places: set[str]) -> RuleFile:
    """The ruleset in a YAML text; `places` are the codes a rule may name.

    Raises RulesWrong, which names the first ten faults, each with its rule and line.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
        data = yaml.load(text, Loader=_Loader)
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark else "The file"
        raise RulesWrong(problem=f"{where} is not YAML: {getattr(problem, 'problem', problem)}.") from None
    if not isinstance(data, dict) or set(data) != {"name", "version", "rules"} or not isinstance(data["rules"], list):
        raise RulesWrong(problem="The file needs exactly name, version and rules.")
    if not all(isinstance(data[key], str) and data[key] for key in ("name", "version")) or len(data["version"]) > 20:
        raise RulesWrong(problem="name and version need text in quotes; a version has at most 20 characters.")
    rules, faults = _checked(data["rules"], _lines(node), places)
    if faults:
        more = f" And {len(faults) - _FAULTS_NAMED} more." if len(faults) > _FAULTS_NAMED else ""
        raise RulesWrong(problem=" ".join(faults[:_FAULTS_NAMED]) + more)
    return RuleFile(name=data["name"][:80], version=data["version"], rules=rules)


def _lines(node: yaml.Node | None) -> list[int]:
    """The line on which each rule begins, counted from 1."""
    if not isinstance(node, yaml.MappingNode):
        return []
    rules = next(value for key, value in node.value if key.value == "rules")
    return [item.start_mark.line + 1 for item in rules.value]


def _checked(raw: list[Any], lines: list[int], places: set[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """The rules that hold, and a sentence for each fault."""
    schema, rules, faults = RuleSchema(), [], []
    keys = Counter(entry.get("key") for entry in raw if isinstance(entry, dict))
    for entry, line in zip(raw, lines, strict=True):
        if not isinstance(entry, dict):
            faults.append(f"Line {line} is not a rule.")
            continue
        where = f"{entry.get('key', 'A rule without a key')} (line {line}):"
        try:
            rule = schema.load(entry)
        except ValidationError as problem:
            faults += [f"{where} {name}: {_first(said)}" for name, said in problem.messages_dict.items()]
            continue
        if keys[rule["key"]] > 1:
            faults.append(f"{where} key: used {keys[rule['key']]} times.")
        if rule["place"] not in places:
            faults.append(f"{where} place: {rule['place']} is not known.")
        rules.append(rule)
    return rules, faults


def _first(said: Any) -> str:
    """The first sentence of marshmallow's messages, however deep."""
    while not isinstance(said, str):
        said = next(iter(said.values() if isinstance(said, dict) else said))
    return said

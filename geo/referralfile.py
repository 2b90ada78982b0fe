"""The file format of the directory of help: a YAML list, one block for each program or helpline."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any
from unicodedata import category
from urllib.parse import urlsplit

import yaml
from marshmallow import EXCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from distro.errors import Refusal

KINDS = ("helpline", "program")
NATION = "US"
AREA = re.compile(r"[A-Z]{2}|county:\d{5}", re.ASCII)
FAULTS_NAMED = 10

_PHONE = re.compile(r"(1?)([2-9]\d\d)([2-9]\d\d)(\d{4})", re.ASCII)  # area code and office begin with 2 to 9
_HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d{1,5})?")  # no name or password of anyone before it
_SHORT_PHONE = re.compile(r"[2-9]\d\d", re.ASCII)
_SAID: Any = {
    "required": "This is missing.",
    "null": "This is empty.",
    "invalid": "Write this as text; in a file, in quotes.",
    "unknown": "This name is not known here.",
}


class ReferralsWrong(Refusal):
    """A file of referrals cannot be used; `problem` names each fault by its line and entry."""

    status = 422
    sentence = "The referrals were not loaded. %(problem)s"


class _Phone(fields.String):
    """A phone number of North America in any common writing, or a short one; kept with dashes."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        number = str(value) if type(value) is int else value  # 988 without quotes in a file
        typed = super()._deserialize(number, attr, data, **kwargs).strip()
        digits = re.sub(r"[\s().-]", "", typed).removeprefix("+")
        if not typed or _SHORT_PHONE.fullmatch(digits):
            return digits
        match = _PHONE.fullmatch(digits)
        if not match:
            raise ValidationError(
                "Write a phone number with its area code, like 614-555-0123, or a short one like 988."
            )
        return "-".join(part for part in match.groups() if part)


def _tidy(value: str) -> None:
    if value != value.strip() or any(category(sign).startswith("C") for sign in value):
        raise ValidationError("Take out the spaces around it and any signs that cannot be printed.")


def _text(longest: int, **options: Any) -> fields.String:
    """Text that must be there, unless `options` say what to take instead."""
    least = 0 if options else 1
    size = validate.Length(least, longest, error=f"Use {least} to {longest} letters.")
    return fields.String(validate=[size, _tidy], error_messages=_SAID, **(options or {"required": True}))


def _url(value: str) -> None:
    """https alone: a page of help opened in the clear tells everyone on the way who looks for it."""
    try:
        parts = urlsplit(value)
        whole = parts.scheme == "https" and bool(_HOST.fullmatch(parts.netloc)) and not re.search(r"[\s\\]", value)
    except ValueError:  # brackets that hold no address
        whole = False
    if value and not (whole and len(value) <= 300):
        raise ValidationError("Write a web address such as https://example.org/help, of at most 300 letters.")


def _degrees(most: int) -> fields.Float:
    wrong = f"Write degrees from -{most} to {most}, such as 39.96."
    return fields.Float(
        load_default=None,
        allow_none=True,
        validate=validate.Range(-most, most, error=wrong),
        error_messages={"invalid": wrong, "special": wrong, "too_large": wrong},
    )


def _area(value: str) -> None:
    if not AREA.fullmatch(value):
        raise ValidationError(f"“{value[:20]}” is no area. Write US, a state or a county; in a file OH, county:39049.")


class ReferralSchema(Schema):
    """One program or helpline. What the fields do: `geo.models.Referral`."""

    class Meta:
        """A name that is not known here is a fault: it may be a misspelt one."""

        unknown = RAISE

    error_messages = {"unknown": "This name is not known here.", "type": "This needs names with values under it."}

    code = fields.String(
        required=True,
        validate=validate.Regexp(r"[a-z0-9-]{1,40}\Z", error="Use 1 to 40 small letters, digits and hyphens."),
        error_messages=_SAID,
    )
    kind = fields.String(
        required=True,
        validate=validate.OneOf(KINDS, error="Choose program or helpline."),
        error_messages={**_SAID, "required": "Choose program or helpline."},
    )
    name = _text(120)
    name_es = _text(120)
    detail = _text(240, load_default="")
    detail_es = _text(240, load_default="")
    phone = _Phone(load_default="", error_messages=_SAID)
    phone_es = _Phone(load_default="", error_messages=_SAID)
    url = fields.String(load_default="", validate=_url, error_messages=_SAID)
    areas = fields.List(
        fields.String(validate=_area, error_messages=_SAID),
        required=True,
        validate=validate.Length(1, 3_300, error="Say where it helps: US, states or counties."),
        error_messages={**_SAID, "invalid": "This needs a list, such as [US] or [OH, county:39049]."},
    )
    latitude = _degrees(90)
    longitude = _degrees(180)
    source = _text(300)
    checked_on = fields.Date(
        required=True,
        error_messages={**_SAID, "invalid": "Write a day that exists as year-month-day, such as 2026-11-22."},
    )
    checked_by = _text(64, load_default="")
    withdrawn = fields.Boolean(error_messages={**_SAID, "invalid": "Write true or false."})

    @validates_schema
    def _holds_together(self, data: dict[str, Any], **_: object) -> None:
        faults = {}
        if not (data.get("phone") or data.get("url")):
            faults["phone"] = ["Give a phone number or a web address, so that people can reach it."]
        if data.get("phone_es") and not data.get("phone"):
            faults["phone"] = ["Give the number for English too."]
        if bool(data.get("detail")) != bool(data.get("detail_es")):
            faults["detail_es" if data.get("detail") else "detail"] = ["Write it in both languages, or in none."]
        if (data.get("latitude") is None) != (data.get("longitude") is None):
            faults["longitude" if data.get("longitude") is None else "latitude"] = ["Give both degrees, or none."]
        if faults:
            raise ValidationError(faults)


def read(text: str, *, today: date) -> list[dict[str, Any]]:
    """The entries of a YAML text. Raises ReferralsWrong, which names the first ten faults by line and entry."""
    raw, nodes = _parsed(text)
    entries, faults = [], list(_twice(nodes))
    for place, (one, node) in enumerate(zip(raw, nodes, strict=True)):
        try:
            entry = ReferralSchema().load(one)
            check_day(entry["checked_on"], today)
            entries.append(entry)
        except ValidationError as problem:
            faults += [_sentence(place, one, node, name, said) for name, said in flat(problem).items()]
    refuse(faults)
    return entries


def read_form(form: Mapping[str, str], *, today: date) -> dict[str, Any]:
    """What a posted form says; empty fields count as not filled in. Raises ValidationError."""
    typed: dict[str, Any] = {name: value.strip() for name, value in form.items() if value.strip()}
    if "areas" in typed:
        typed["areas"] = [part if part.startswith("county:") else part.upper() for part in _parts(typed["areas"])]
    schema = ReferralSchema(exclude=("code", "checked_by", "withdrawn"), unknown=EXCLUDE)
    entry: dict[str, Any] = schema.load(typed)
    check_day(entry["checked_on"], today)
    return entry


def check_day(day: date, today: date) -> None:
    """Raises ValidationError if somebody says they checked on a day yet to come."""
    if day > today:
        raise ValidationError({"checked_on": ["This day is yet to come. Write the day somebody last checked."]})


def flat(problem: ValidationError) -> dict[str, list[str]]:
    """marshmallow's messages as sentences by field; those of a list's parts count as the list's."""
    return {str(name): list(_leaves(said)) for name, said in problem.messages_dict.items()}


def refuse(faults: list[str]) -> None:
    """Raise ReferralsWrong if there are any faults; the first ten are named."""
    if faults:
        more = f" And {len(faults) - FAULTS_NAMED} more." if len(faults) > FAULTS_NAMED else ""
        raise ReferralsWrong(problem=" ".join(faults[:FAULTS_NAMED]) + more)


def write(entries: list[dict[str, Any]]) -> str:
    """Entries as a text that `read` reads. Values that say nothing are left out."""
    kept = [
        {name: value for name, value in one.items() if value not in ("", None) and value is not False}
        for one in entries
    ]
    return str(yaml.safe_dump(kept, allow_unicode=True, sort_keys=False, default_flow_style=None, width=118))


class _Loader(yaml.SafeLoader):
    """YAML whose days stay text, so that a day no calendar has is named by its entry and not a fault of the file."""

    yaml_implicit_resolvers = {
        sign: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for sign, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _parsed(text: str) -> tuple[list[Any], list[yaml.Node]]:
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        data = loader.construct_document(node) if node else None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark else "The file"
        raise ReferralsWrong(problem=f"{where} is not YAML: {getattr(problem, 'problem', None) or problem}.") from None
    if not isinstance(data, list) or not isinstance(node, yaml.SequenceNode) or not data:
        raise ReferralsWrong(problem="The file needs a list: one block for each program or helpline, after a dash.")
    return data, node.value


def _twice(nodes: list[yaml.Node]) -> Iterator[str]:
    """A fault for each name that stands twice in one entry, and each code that stands twice in the file."""
    codes: dict[str, int] = {}
    for node in nodes:
        names: set[str] = set()
        for name, value in node.value if isinstance(node, yaml.MappingNode) else ():
            line, word = name.start_mark.line + 1, str(name.value)
            if word in names:
                yield f"Line {line}: “{word}” stands in this entry for the second time."
            names.add(word)
            if word == "code" and codes.setdefault(str(value.value), line) != line:
                yield f"Line {line}: the code {value.value} is that of line {codes[str(value.value)]} too."


def _sentence(place: int, one: Any, node: yaml.Node, name: str, said: list[str]) -> str:
    code = one.get("code") if isinstance(one, dict) else None
    entry = f"entry {place + 1}" + (f" ({code})" if isinstance(code, str) else "")
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    line = next((key.start_mark.line for key, _ in pairs if key.value == name), node.start_mark.line) + 1
    return f"Line {line}, {entry}{'' if name == '_schema' else f', “{name}”'}: {' '.join(said)}"


def _leaves(said: Any) -> Iterator[str]:
    if isinstance(said, str):
        yield said
    else:
        for inner in said.values() if isinstance(said, dict) else said:
            yield from _leaves(inner)


def _parts(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text) if part]

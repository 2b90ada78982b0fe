"""What a rule and an area of a file may say: the schemas that check it, and the same as a JSON Schema for editors.

What the fields do in a decision stands at the top of `geo.rules`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from geo.rules import AREA_KINDS, End

PLACE = r"(?:[A-Z]{2}|military|county:[0-9]{5}|zip:[0-9]{5}|area:[a-z0-9][a-z0-9-]*)\Z"
SELECTOR = r"(?:(?:class|form|component|analyte):)?[a-z0-9][a-z0-9-]*\Z"
CREDENTIAL = r"[a-z][a-z0-9-]*(?::[A-Za-z0-9][A-Za-z0-9:-]*)?\Z"
CHANNELS = ("mail", "delivery", "site", "pharmacy")
IN_PERSON = ("returns", "identity", "residency", "card", "presence")
_WORD = r"[a-z0-9][a-z0-9-]*\Z"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"
_SELECTORS = "Name items by code, or as class:x, form:otc, component:x or analyte:x, in small letters."
_PLACES = "A place is US, a state such as OH, county:39049, zip:43215, military, or area:CODE."
_KINDS = "A credential is written like standing-order, program:CA or conditions:OH-syringes."


class Day(fields.Field[date]):
    """A calendar day as YAML reads it, or as text: 2026-12-01."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> date:
        if type(value) is date:
            return value
        try:
            if re.match(_DAY, str(value)):
                return date.fromisoformat(str(value))
        except ValueError:
            pass
        raise ValidationError("Write a day as 2026-12-01.")


class Whole(fields.Integer):
    """A whole number; YAML's yes and no are none."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: Any) -> Any:
        if isinstance(value, bool):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


class Listed(fields.List[Any]):
    """A list and nothing else that could be walked through, such as a mapping."""

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list):
            raise self.make_error("invalid")
        return super()._deserialize(value, attr, data, **kwargs)


def _text(about: str, longest: int | None = None) -> fields.String:
    return fields.String(required=True, validate=validate.Length(1, longest), metadata={"description": about})


def _line(about: str, *checks: Any) -> fields.String:
    return fields.String(load_default="", validate=list(checks), metadata={"description": about})


def _choice(about: str, *words: str, **options: Any) -> fields.String:
    options = options or {"required": True}
    return fields.String(validate=validate.OneOf(words), metadata={"description": about}, **options)


def _list(about: str, pattern: str, hint: str, **options: Any) -> Listed:
    one = fields.String(validate=validate.Regexp(pattern, error=hint))
    return Listed(one, metadata={"description": about}, **(options if options else {"load_default": list}))


def _chosen(about: str, words: Sequence[str]) -> Listed:
    return Listed(fields.String(validate=validate.OneOf(words)), load_default=list, metadata={"description": about})


def _texts(about: str) -> Listed:
    one = fields.String(validate=validate.Length(1, 500))
    return Listed(one, load_default=list, metadata={"description": about})


def _number(about: str, least: int, most: int) -> Whole:
    check = validate.Range(least, most)
    return Whole(load_default=None, strict=True, validate=check, allow_none=True, metadata={"description": about})


def _day(about: str) -> Day:
    return Day(load_default=None, allow_none=True, metadata={"description": about})


class RuleSchema(Schema):
    """One rule of a file."""

    class Meta:
        """A key that is not known here is a fault: it may be a misspelt condition."""

        unknown = RAISE

    key = fields.String(
        required=True,
        validate=[
            validate.Regexp(r"[A-Z]{2}-[a-z0-9-]+\Z", error="A key is written like OH-syringes."),
            validate.Length(max=60),
        ],
        metadata={"description": "The rule's own name in the file: two capitals, then small letters: OH-syringes."},
    )
    place = fields.String(
        required=True,
        validate=validate.Regexp(PLACE, error=_PLACES),
        metadata={"description": "Where it counts: US, OH, county:39049, zip:43215, military, or area:CODE."},
    )
    items = _list(
        "What it is about: item codes, class:x, form:otc, form:rx, component:x, analyte:x.",
        SELECTOR,
        _SELECTORS,
        required=True,
        validate=validate.Length(1),
    )
    effect = _choice("What it says: allow, deny, or review (a person decides).", "allow", "deny", "review")
    legal_status = _text("How the source puts it, in a word: allowed, program_only, prohibited, unclear.", 40)
    scope = _choice(
        "Who grants permission. federal: the rule only tightens.",
        *("nation", "federal", "statewide", "county", "municipality"),
    )
    ends = _choice(
        "Which end of the way it binds: both, destination, or origin (our warehouse).",
        *(end.value for end in End),
        load_default="both",
    )
    min_age = _number("Years. The person is asked; unknown means ask, younger means no.", 0, 120)
    age_channels = _chosen(
        "The routes on which the age counts, of mail, delivery, site, pharmacy; empty: all.", CHANNELS
    )
    attest = _line("What the person has to agree to, in English.", validate.Length(max=500))
    attest_es = _line("The same in Spanish.", validate.Length(max=500))
    training = _line("A training the person has to have done, in one word.", validate.Regexp(r"([a-z0-9-]+)?\Z"))
    conditions = _texts("What must hold; a person decides until the credential conditions:KEY is held.")
    credentials = Listed(
        _list("One alternative: we must hold every kind in it.", CREDENTIAL, _KINDS, validate=validate.Length(1)),
        load_default=list,
        metadata={"description": "Papers we must hold: a list of alternatives, each a list of kinds. Else: no."},
    )
    recorded = _texts("Facts that bind a site or nobody; kept for people, never decided by.")
    most_per_order = _number("The most units of what the rule names in one order.", 1, 100_000)
    most_per_period = Listed(
        Whole(strict=True, validate=validate.Range(1, 100_000)),
        load_default=None,
        allow_none=True,
        validate=validate.Length(equal=2, error="Write it as [units, days], such as [100, 30]."),
        metadata={"description": "The most units for one address in so many days, else a person decides: [100, 30]."},
    )
    enclosures = _texts("What goes into the box with it.")
    in_person = _chosen(
        "What needs someone to be there, so that it cannot be mailed: returns, identity, residency, card, presence.",
        IN_PERSON,
    )
    channels = _chosen(
        "The only ways it may be handed over, of mail, delivery, site, pharmacy; without mail, no.", CHANNELS
    )
    origins = _list(
        "The only warehouses that may send it.", r"[A-Z0-9-]{1,16}\Z", "Name warehouses by their code, such as OH."
    )
    operators = _list(
        "The only sorts of organization that may send it.",
        _WORD,
        "An operator is one word, such as nonprofit, government or pharmacy.",
    )
    not_funds = _list(
        "Kinds of money that may not have bought the stock.", _WORD, "A kind of money is one word, such as federal."
    )
    valid_from = _day("First day, at the destination: 2026-12-01.")
    valid_to = _day("Last day, at the destination.")
    citation = _text("The law, order or approval it rests on.")
    source = _text("Where that was read.")
    source_url = _line("The page, or host:NAME where only the site is known.")
    source_date = _text('When the source was written, in quotes: "2026-11-22", "2025-04" or "undated".', 40)
    confidence = _choice("How sure we are; low never allows by itself.", "high", "medium", "low")
    reviewed_by = fields.String(
        load_default=None,
        validate=validate.Length(1, 80),
        allow_none=True,
        metadata={"description": "Who checked it against its source; not who wrote it."},
    )
    reviewed_on = _day("The day they did.")
    sentence = _text("What the participant reads, in plain, kind words.")
    sentence_es = _text("The same in Spanish.")
    note = _line("For staff.")

    @validates_schema
    def _in_order(self, data: dict[str, Any], **kwargs: object) -> None:
        first, last = data.get("valid_from"), data.get("valid_to")
        if first and last and last < first:
            raise ValidationError(f"The rule ends ({last}) before it begins ({first}).", "valid_to")
        if bool(data.get("reviewed_by")) != bool(data.get("reviewed_on")):
            raise ValidationError("A review needs both a reviewer and a day.", "reviewed_by")
        if bool(data.get("attest")) != bool(data.get("attest_es")):
            raise ValidationError("A statement needs both its English and its Spanish text.", "attest")


class AreaSchema(Schema):
    """A named area of a file: ZIP codes, whole counties, or a GeoJSON shape; see `geo.areas`."""

    class Meta:
        """As in a rule, an unknown key is a fault."""

        unknown = RAISE

    code = fields.String(
        required=True,
        validate=[validate.Regexp(_WORD, error="A code is written like fort-campbell."), validate.Length(max=40)],
        metadata={"description": "What rules call it: area:CODE."},
    )
    name = _text("What people call it.", 120)
    kind = _choice("district, municipality and region take part in “most specific”; the others tighten.", *AREA_KINDS)
    zips = _list("Its ZIP codes, in quotes.", r"[0-9]{5}\Z", "A ZIP code has 5 digits; write it in quotes.")
    counties = _list(
        "Whole counties by FIPS code, in quotes.",
        r"[0-9]{5}\Z",
        "A county is named by its 5-digit FIPS code; write it in quotes.",
    )
    shape = fields.Dict(load_default=None, allow_none=True, metadata={"description": "Its outline as GeoJSON."})
    source = _text("Where its bounds were read.")
    source_date = _text("When that was written, in quotes.", 40)

    @validates_schema
    def _somewhere(self, data: dict[str, Any], **kwargs: object) -> None:
        if not (data.get("zips") or data.get("counties") or data.get("shape")):
            raise ValidationError("An area needs zips, counties or a shape.", "zips")
        if data.get("kind") == "municipality" and data.get("counties"):
            raise ValidationError("A municipality is no group of counties: use the kind district.", "counties")


def json_schema() -> dict[str, Any]:
    """The file format as a JSON Schema (draft 2020-12), for editors. What compares fields with each other, places
    with the map, or rules with rules, it cannot say: that is for `distro rules lint`.
    """
    rules, areas = ({"type": "array", "items": {"$ref": f"#/$defs/{name}"}} for name in ("rule", "area"))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A ruleset of Distro",
        **_object(
            {
                "name": {"type": "string", "minLength": 1, "description": "What people call the ruleset."},
                "version": {"type": "string", "minLength": 1, "maxLength": 20, "description": "In quotes."},
                "areas": {**areas, "type": ["array", "null"]},
                "rules": rules,
            },
            required=["name", "version", "rules"],
        ),
        "$defs": {"rule": _of(RuleSchema()), "area": _of(AreaSchema())},
    }


def json_text() -> str:
    """The JSON Schema as the file `geo/data/rules.schema.json` holds it."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def _object(properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _of(schema: Schema) -> dict[str, Any]:
    required = [name for name, field in schema.fields.items() if field.required]
    return _object({name: _property(field) for name, field in schema.fields.items()}, required)


def _property(field: fields.Field[Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"description": field.metadata["description"]} if "description" in field.metadata else {}
    sort = {Whole: "integer", Listed: "array", fields.Dict: "object"}.get(type(field), "string")
    said["type"] = [sort, "null"] if field.allow_none else sort
    if isinstance(field, Day):
        said["pattern"] = _anchored(_DAY)
    if isinstance(field, Listed):
        said["items"] = _property(field.inner)
    for check in field.validators:
        said |= _keywords(check, sort)
    return said


def _keywords(check: Any, sort: str) -> dict[str, Any]:
    """One of marshmallow's validators in the words of JSON Schema."""
    if isinstance(check, validate.Regexp):
        return {"pattern": _anchored(str(check.regex.pattern))}
    if isinstance(check, validate.OneOf):
        return {"enum": list(check.choices)}
    of = "" if sort == "integer" else "Items" if sort == "array" else "Length"
    least, most = ("minimum", "maximum") if not of else (f"min{of}", f"max{of}")
    bounds = (check.min, check.max) if getattr(check, "equal", None) is None else (check.equal, check.equal)
    return {name: bound for name, bound in zip((least, most), bounds, strict=True) if bound is not None}


def _anchored(pattern: str) -> str:
    return f"^(?:{pattern.removesuffix(chr(92) + 'Z')})$"

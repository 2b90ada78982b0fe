"""The fields of a catalog file, and what each of them may hold. `inventory.catalogfile` reads the file."""

from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from inventory import gs1

_LONGEST_DAYS = 3_650
LIMIT_DAYS = 35  # addresses are counted no longer: docs/limits.md


class _Table(fields.Dict):
    """Names and what stands under each. Faults are told by the name alone, without marshmallow's `key` and `value`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(value, attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ValidationError as problem:
            if not isinstance(problem.messages, dict):
                raise
            raise ValidationError(
                {name: next(iter(said.values())) for name, said in problem.messages.items()}
            ) from None


class _Block(Schema):
    """Names and values, as YAML writes them."""

    class Meta:
        """A name that is not known here is a fault: it may be a misspelt limit."""

        unknown = RAISE

    error_messages = {"unknown": "is not known here", "type": "needs names with values under it"}


def _said(invalid: str, **more: str) -> Any:
    return {"required": "is missing", "null": "is empty", "invalid": invalid, **more}


def _tidy(value: str) -> None:
    if value != value.strip() or any(category(sign).startswith("C") for sign in value):
        raise ValidationError("has spaces around it, or signs that cannot be printed")


def _text(longest: int, *, least: int = 1, **options: Any) -> fields.String:
    sizes = validate.Length(least, longest, error=f"needs {least} to {longest} letters")
    options = options or {"required": True}
    return fields.String(validate=[sizes, _tidy], error_messages=_said("needs text; put it in quotes"), **options)


def _code(pattern: str, wanted: str) -> fields.String:
    like = validate.Regexp(rf"(?:{pattern})\Z", error=f"needs {wanted}")
    return fields.String(required=True, validate=like, error_messages=_said("needs text; put it in quotes"))


def _optional(pattern: str, wanted: str, **options: Any) -> fields.String:
    like = validate.Regexp(rf"(?:{pattern})?\Z", error=f"needs {wanted}")
    return fields.String(**{"load_default": "", **options}, validate=like, error_messages=_said("needs text"))


def _number(least: int, most: int, **options: Any) -> fields.Integer:
    within = validate.Range(least, most, error=f"needs a whole number from {least} to {most}")
    messages = _said("needs a whole number", too_large="is too large")
    return fields.Integer(strict=True, validate=within, error_messages=messages, **(options or {"required": True}))


def _degrees(most: int) -> fields.Float:
    within = validate.Range(-most, most, error=f"needs degrees from -{most} to {most}")
    messages = _said("needs degrees, such as 39.96", special="needs degrees, such as 39.96", too_large="is too large")
    return fields.Float(required=True, validate=within, error_messages=messages)


def _list(of: Any, least: int = 0, most: int | None = None) -> fields.List[Any]:
    bounds = f"{least} to {most} lines" if most else f"at least {least}"
    sizes = validate.Length(least, most, error=f"needs {bounds}")
    return fields.List(of, required=True, validate=sizes, error_messages=_said("needs a list"))


def _state() -> fields.String:
    return _code("[A-Z]{2}", "a state as two capital letters")


def _gtin(value: str) -> None:
    if not (len(value) == 14 and value.isascii() and value.isdigit()):
        raise ValidationError("needs 14 digits; put zeros in front of a shorter number")
    if not gs1.check_digit_ok(value):
        raise ValidationError("has a wrong check digit; read it off the box again")


def _zone(value: str) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # ValueError and OSError: text that is a path
        raise ValidationError("is not a time zone") from None


class LimitSchema(_Block):
    """What one home may get of an item before a person looks; over no more days than addresses are counted."""

    units = _number(1, 1_000)
    days = _number(1, LIMIT_DAYS)


class ItemSchema(_Block):
    """One item. What the fields do: `inventory.models.Item`."""

    code = _code("[a-z0-9-]{1,40}", "1 to 40 small letters, digits and hyphens")
    letter = _code("[A-Z][A-Z0-9]?", "one capital letter, or two signs such as A2")
    unit = _text(40)
    name = _text(80)
    name_es = _text(80)
    detail = _text(160, least=0, load_default="")
    detail_es = _text(160, least=0, load_default="")
    requestable = fields.Boolean(load_default=True, error_messages=_said("needs true or false"))
    most_per_request = _number(1, 1_000, load_default=2)
    household_limit = fields.Nested(LimitSchema, load_default=None, allow_none=True, error_messages=_said(""))
    min_life_days = _number(0, _LONGEST_DAYS, load_default=60)
    gtin = fields.String(
        load_default=None, allow_none=True, validate=_gtin, error_messages=_said("needs its 14 digits in quotes")
    )

    kind = _optional("[a-z0-9-]{1,20}", "one word in small letters, such as strips")
    form = _optional("otc|rx", "otc or rx")
    analytes = fields.List(
        _code("[a-z0-9-]{1,20}", "one word in small letters, such as fentanyl"),
        load_default=list,
        error_messages=_said("needs a list"),
    )
    family = _optional("[a-z0-9-]{1,40}", "1 to 40 small letters, digits and hyphens")
    variant = _text(60, least=0, load_default="")
    variant_es = _text(60, least=0, load_default="")
    case_units = _number(1, 10_000, load_default=None, allow_none=True)
    cases_most = _number(1, 1_000, load_default=None, allow_none=True)

    @validates_schema
    def _kinds_have_names(self, data: dict[str, Any], **kwargs: object) -> None:
        """What is one of several kinds says which, in both languages; what is none says nothing."""
        names = ("family", "variant", "variant_es")
        missing = [name for name in names if not data.get(name)]
        if 0 < len(missing) < len(names):
            raise ValidationError("is missing", missing[0])

    @validates_schema
    def _cases_are_whole(self, data: dict[str, Any], **kwargs: object) -> None:
        names = ("case_units", "cases_most")
        missing = [name for name in names if data.get(name) is None]
        if len(missing) == 1:
            raise ValidationError("is missing", missing[0])

    @validates_schema
    def _in_both_languages(self, data: dict[str, Any], **kwargs: object) -> None:
        if bool(data.get("detail")) != bool(data.get("detail_es")):
            raise ValidationError("is missing", "detail_es" if data.get("detail") else "detail")


class StockSchema(_Block):
    """How a site reorders one item."""

    lead_time_days = _number(0, _LONGEST_DAYS)
    safety_days = _number(0, _LONGEST_DAYS)


class SiteSchema(_Block):
    """One warehouse, its bins, and what it sends."""

    code = _code("[A-Z0-9-]{1,16}", "1 to 16 capital letters, digits and hyphens")
    name = _text(80)
    state = _state()
    county = _optional(r"\d{5}", "the five digits of its FIPS code, in quotes", load_default=None, allow_none=True)
    operator = _optional("[a-z0-9-]{1,24}", "one word in small letters, such as nonprofit")
    latitude = _degrees(90)
    longitude = _degrees(180)
    zone = fields.String(
        required=True,
        validate=[validate.Length(1, 40, error="is not a time zone"), _zone],
        error_messages=_said("is not a time zone"),
    )
    ships_to = _list(_state())
    return_lines = _list(_text(60), 1, 4)
    bins = _list(_text(16), 1)
    stocks = _Table(
        keys=fields.String(),
        values=fields.Nested(StockSchema, error_messages=_said("", null="is empty")),
        required=True,
        error_messages=_said("needs item codes with days under each"),
    )


class FundSchema(_Block):
    """Money that buys stock, and what it may serve."""

    code = _code("[A-Za-z0-9-]{1,16}", "1 to 16 letters, digits and hyphens")
    name = _text(80)
    kind = _optional("[a-z0-9-]{1,12}", "one word in small letters, such as federal")
    item_codes = _list(fields.String(error_messages=_said("needs an item code")))
    states = _list(_state())


def _section(schema: type[Schema]) -> fields.List[Any]:
    one = fields.Nested(schema, error_messages=_said("", null="is empty"))
    return fields.List(one, load_default=list, error_messages=_said("needs a list"))


class CatalogSchema(_Block):
    """The whole file. A section that is left out changes nothing."""

    items = _section(ItemSchema)
    kits = _Table(
        keys=fields.String(),
        values=_Table(
            keys=fields.String(),
            values=_number(1, 10_000, required=True),
            validate=validate.Length(1, error="needs at least one part"),
            error_messages=_said("needs part codes with a number each"),
        ),
        load_default=dict,
        error_messages=_said("needs kit codes with parts under each"),
    )
    sites = _section(SiteSchema)
    funds = _section(FundSchema)

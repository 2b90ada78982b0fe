"""The form of a credential, for page and command line: is it well-formed? What exists, the database says.

People type the last day it holds, as papers and laws write it: one “valid through June 30” holds on June 30. We keep
the day after, the first one without it.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any, TypedDict, cast
from unicodedata import category

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate, validates_schema

from geo import ruleschema

MOST_CODES = 500  # in one list; a place that large is a state, or an area of the ruleset
_SITE = re.compile(r"[A-Z0-9-]{1,16}")
_PLACE = re.compile(ruleschema.PLACE, re.ASCII)
_ITEM = re.compile(r"[a-z0-9][a-z0-9-]{0,39}|class:[a-z0-9][a-z0-9-]{0,39}|form:(otc|rx)")  # a paper is for whole items
_LINES = ("note",)  # what may have several; anything else is one line
_YEARS = validate.Range(date(1900, 1, 1), date(2199, 12, 31), error="Check the year.")


class Fields(TypedDict):
    """What a credential says. Empty `sites`, `places`, `items` mean any; `expires_on` None: it does not end."""

    kind: str
    title: str
    number: str
    issuer: str
    sites: list[str]
    places: list[str]
    items: list[str]
    valid_from: date
    expires_on: date | None
    note: str


class Codes(fields.Field[list[str]]):
    """Codes as a list, or as text with commas or spaces between: each once, in the order given."""

    def __init__(self, pattern: re.Pattern[str], tidy: Callable[[str], str], wanted: str) -> None:
        super().__init__(load_default=list)
        self._pattern, self._tidy, self._wanted = pattern, tidy, wanted

    def _deserialize(self, value: object, attr: str | None, data: object, **kwargs: object) -> list[str]:
        texts = [str(each) for each in value] if isinstance(value, list | tuple) else [str(value)]
        typed = [code for text in texts for code in re.split(r"[\s,;]+", re.sub(r":\s+", ":", text)) if code]
        codes = list(dict.fromkeys(self._tidy(code) for code in typed))
        wrong = [code for code in codes if not self._pattern.fullmatch(code)]
        if wrong:
            raise ValidationError(f"“{wrong[0][:60]}” cannot be used. Write {self._wanted}.")
        if len(codes) > MOST_CODES:
            raise ValidationError(f"That is more than {MOST_CODES}. Name a larger place, or leave it empty for any.")
        return codes


def line_field(most: int, required: str = "") -> fields.String:
    """Some words on one line; `required` is said where it is left empty, else it may be."""
    return fields.String(
        required=bool(required),
        **_absent(required, ""),
        validate=[validate.Length(max=most, error=f"Use at most {most} characters."), _typed],
        error_messages={"required": required, "null": required},
    )


def _absent(required: str, value: object) -> dict[str, Any]:
    """What stands for a field left empty; marshmallow allows none where it is required."""
    return {} if required else {"load_default": value}


def _typed(text: str) -> None:
    if any(category(sign) == "Cc" and sign not in "\r\n\t" for sign in text):
        raise ValidationError("This holds a sign that no keyboard types. Please type it anew.")


def day_field(required: str = "") -> fields.Date:
    """A day of a likely year; `required` is said where it is left empty, else it may be."""
    said: dict[str, Any] = {"required": required, "invalid": "Type the day as year-month-day, such as 2027-06-30."}
    return fields.Date(required=bool(required), **_absent(required, None), validate=_YEARS, error_messages=said)


class CredentialForm(Schema):
    """A credential as it is typed. What the fields mean: `geo.models.Credential`."""

    class Meta:
        """Fields that are not ours, such as the form's token, are left out."""

        unknown = EXCLUDE

    kind = fields.String(
        required=True,
        validate=[
            validate.Length(max=60, error="Use at most 60 characters."),
            validate.Regexp(
                ruleschema.CREDENTIAL,
                error="Write the kind as rules name it, such as standing-order or program:CA.",
            ),
        ],
        error_messages={"required": "Type the kind as rules name it, such as standing-order or program:CA."},
    )
    title = line_field(160, "Type what the paper is called.")
    number = line_field(80)
    issuer = line_field(160, "Type who issued it.")
    sites = Codes(_SITE, str.upper, "warehouse codes, such as OH or MN-2")
    places = Codes(
        _PLACE,
        lambda code: code.upper() if len(code) == 2 else code.lower(),
        "US, a state such as OH, county:39049, zip:43215, military or area:CODE",
    )
    items = Codes(_ITEM, str.lower, "an item code, form:otc, form:rx or class:syringes")
    valid_from = day_field("Type the first day it holds.")
    last_day = day_field()
    note = fields.String(
        load_default="", validate=[validate.Length(max=2_000, error="Use at most 2000 characters."), _typed]
    )

    @pre_load
    def tidy(self, data: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        """Drop what is empty and needless space; a line pasted with breaks in it is one line."""
        tidied = {
            name: (value.strip() if name in _LINES else " ".join(value.split())) if isinstance(value, str) else value
            for name, value in data.items()
        }
        return {name: value for name, value in tidied.items() if value not in ("", None)}

    @validates_schema(skip_on_field_errors=False)
    def in_order(self, data: Mapping[str, Any], **_: Any) -> None:
        """It must hold for at least a day."""
        first, last = data.get("valid_from"), data.get("last_day")
        if first and last and last < first:
            raise ValidationError("Its last day cannot be before its first.", "last_day")


def day_after(last_day: date | None) -> date | None:
    """The first day without a paper whose last day is known; None if it does not end."""
    return None if last_day is None else last_day + timedelta(days=1)


def read(typed: Mapping[str, Any], form: type[CredentialForm] = CredentialForm) -> Fields:
    """The credential that was typed. Raises marshmallow's ValidationError with a sentence for each field."""
    loaded = form().load(dict(typed))
    loaded["expires_on"] = day_after(loaded["last_day"])
    return cast(Fields, {name: loaded[name] for name in Fields.__annotations__})

"""What a participant may type, and the kind sentence where it cannot be used. They validate and never query."""

import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate, validates_schema

from orders.addresscheck import street_line

NAME_MOST = 60
LINE_MOST = 60
CITY_MOST = 40
EMAIL_MOST = 254  # RFC 5321, 4.5.3.1.3: a path of 256 with its brackets
PHONE_DIGITS = 10
UNITS_MOST = 99  # for any item, where the item's own limit cannot be read
ITEMS_MOST = 40
YES = "yes"  # what a ticked box sends

_ZIP = re.compile(r"(\d{5})(?:[- ]?\d{4})?", re.ASCII)
_AGES = re.compile(r"(\d{1,2})-(\d{0,2})", re.ASCII)
_ITEM_CODE = re.compile(r"[a-z0-9-]{1,40}")
_PHONE_SIGNS = re.compile(r"[\d\s().+-]{10,30}", re.ASCII)
_QUOTING = frozenset('"\\')  # in an e-mail address nobody has: they take twice the room in a sealed box
_ALSO_PRINTED = frozenset("‘’“”–—·ºª¡¿°")
_LATIN_ENDS = 0x2000  # past it stand only rare phonetic letters; up to it a letter takes at most 3 bytes in UTF-8


def tidy(typed: str) -> str:
    """Text as people mean it: composed letters, single spaces, no control or invisible signs."""
    spaced = "".join(" " if sign.isspace() else sign for sign in typed)
    seen = "".join(sign for sign in unicodedata.normalize("NFC", spaced) if unicodedata.category(sign)[0] not in "CM")
    return " ".join(seen.split())


def _cannot_print(text: str) -> str:
    """The first sign of `text` that mail machines do not read, or nothing. The post wants Latin letters."""
    return next((sign for sign in text if not _is_printed(sign)), "")


def _is_printed(sign: str) -> bool:
    if sign.isascii() or sign in _ALSO_PRINTED:
        return True
    return ord(sign) < _LATIN_ENDS and unicodedata.name(sign, "").startswith("LATIN")


class LabelText(fields.Field[str]):
    """A line of a mail label, tidied: at most `most` letters, all of which can be printed."""

    def __init__(self, *, most: int, empty: LazyString | None = None) -> None:
        super().__init__(load_default="")
        self.most, self.empty = most, empty

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = tidy(str(value))
        if not text and self.empty is not None:
            raise ValidationError([self.empty])
        if len(text) > self.most:
            raise ValidationError(
                [
                    _l(
                        "This is too long for a label. Please use at most %(most)s letters. Now it has %(count)s.",
                        most=self.most,
                        count=len(text),
                    )
                ]
            )
        sign = _cannot_print(text)
        if sign:
            raise ValidationError(
                [_l("We cannot print “%(sign)s” on a label. Please write it with the letters A to Z.", sign=sign)]
            )
        return text


class ZipText(fields.Field[str]):
    """Five digits; four more may follow and are dropped."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        match = _ZIP.fullmatch(tidy(str(value)[:200]))
        if not match:
            raise ValidationError([_l("A ZIP code has 5 digits, like 43215. Please check what you typed.")])
        return match[1]


class NeedSchema(Schema):
    """What is wanted, units by item code, and the ZIP code it goes to.

    `most` holds each item's limit; None means that the items cannot be looked up now, so only the shape counts.
    """

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    wanted = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    zip = ZipText(required=True)

    def __init__(self, *, most: Mapping[str, int] | None, **options: Any) -> None:
        super().__init__(**options)
        self.most = most

    @validates_schema(skip_on_field_errors=False)
    def check_wanted(self, data: dict[str, Any], **kwargs: Any) -> None:
        """Something is wanted, all of it is ours to give, and no more than the limit."""
        wanted = data.get("wanted") or {}
        if not wanted:
            raise ValidationError([_l("Please choose at least one thing.")], "wanted")
        if len(wanted) > ITEMS_MOST or not all(self._is_ours(code) for code in wanted):
            raise ValidationError(
                [_l("One of the things you chose is no longer on our list. Please choose again.")], "wanted"
            )
        for code, units in wanted.items():
            most = UNITS_MOST if self.most is None else self.most[code]
            if not (units.isascii() and units.isdigit() and len(units) < 4 and 1 <= int(units) <= most):
                raise ValidationError([_l("Please choose a number from 1 to %(most)s.", most=most)], "wanted")

    def _is_ours(self, code: str) -> bool:
        return bool(_ITEM_CODE.fullmatch(code)) if self.most is None else code in self.most


class AddressSchema(Schema):
    """Who gets the package and where."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    kind = fields.String(load_default="")
    name = LabelText(most=NAME_MOST, empty=_l("Please write a name for the package."))
    care_of = LabelText(most=NAME_MOST)
    line1 = LabelText(most=LINE_MOST)
    line2 = LabelText(most=LINE_MOST)
    box = LabelText(most=LINE_MOST // 2)
    urbanization = LabelText(most=LINE_MOST)
    city = LabelText(most=CITY_MOST, empty=_l("Please write the city or town."))
    state = fields.String(
        load_default="",
        validate=validate.Regexp(r"[A-Z]{2}\Z", error=_l("Please choose the state.")),
    )
    zip = ZipText(required=True)
    untracked = fields.Function(deserialize=lambda typed: typed == YES, load_default=False)

    @validates_schema(skip_on_field_errors=False)
    def check_street(self, data: dict[str, Any], **kwargs: Any) -> None:
        """There is a line of the street, whichever way it is made."""
        if {"line1", "box"} <= data.keys() and not self._street(data):
            if data.get("kind") == "box":
                raise ValidationError([_l("Please write the number of the PO box.")], "box")
            raise ValidationError([_l("Please write the street and number, or the PO box.")], "line1")

    @post_load
    def make(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """The address as fields of `Person`: kind and box number have become the line of the street."""
        street = self._street(data)
        return {name: value for name, value in data.items() if name not in ("kind", "box")} | {"line1": street}

    def _street(self, data: Mapping[str, Any]) -> str:
        return street_line(data.get("kind", ""), data["line1"], data["box"])


class ContactSchema(Schema):
    """Whether we may write, where, and whether that may say what it is about. Only the chosen way is kept, or none."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    contact = fields.String(
        load_default="none",
        validate=validate.OneOf(["none", "email", "phone"], error=_l("Please choose one.")),
    )
    email = fields.String(load_default="")
    phone = fields.String(load_default="")
    says = fields.Function(deserialize=lambda typed: typed == YES, load_default=False)

    @post_load
    def keep_chosen(self, data: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """The e-mail address or the ten digits that were chosen, else two empty texts that may say nothing."""
        way = data["contact"]
        return {
            "email": _email(data["email"]) if way == "email" else "",
            "phone": _phone(data["phone"]) if way == "phone" else "",
            "says": data["says"] and way != "none",
        }


class AgeSchema(Schema):
    """The ages a person says they are between, such as `18-21`, `21-`, or nothing if no rule made us ask."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    age = fields.Function(deserialize=lambda typed: _ages(str(typed)), load_default=(None, math.inf))


def _email(typed: str) -> str:
    address = tidy(typed).replace(" ", "")
    try:
        validate.Email()(address)
    except ValidationError:
        address = ""
    if not (address and address.isascii() and len(address) <= EMAIL_MOST and not set(address) & _QUOTING):
        raise ValidationError([_l("Please check the e-mail address. It should look like name@example.com.")], "email")
    return address


def _phone(typed: str) -> str:
    text = tidy(typed)
    digits = "".join(sign for sign in text if sign in "0123456789").removeprefix("1")
    if not (_PHONE_SIGNS.fullmatch(text) and len(digits) == PHONE_DIGITS):
        raise ValidationError([_l("A phone number has 10 digits, like 614-555-0123.")], "phone")
    return digits


def _ages(typed: str) -> tuple[int | None, float]:
    match = _AGES.fullmatch(typed)
    if not match:
        return None, math.inf
    return int(match[1]), float(match[2] or "inf")

"""The forms of the stock pages: are they well-formed? Whether a bin or lot exists, the database says."""

from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, fields, pre_load, validate

from distro.db import MOST_STORED

Messages = dict[str, str | list[Any] | dict[Any, Any]]
MOST = 1_000_000  # units in one step; more is a slip of the finger
_WHOLE: Messages = {
    "required": "Type a number.",
    "invalid": "Type a whole number, such as 24.",
    "too_large": "Too large.",
}


class Form(Schema):
    """A posted form: spaces around values go, and an empty field counts as not filled in."""

    class Meta:
        """Fields that are not ours, such as the form's token, are left out."""

        unknown = EXCLUDE

    @pre_load
    def tidy(self, data: Mapping[str, str], **_: Any) -> dict[str, str]:
        """Strip and drop what is empty."""
        return {name: value.strip() for name, value in data.items() if value.strip()}


class ReceiveForm(Form):
    """Goods that come in."""

    item = fields.String(required=True, error_messages={"required": "Choose the item."})
    lot = fields.String(
        required=True,
        validate=[
            validate.Length(max=20, error="A lot number has at most 20 characters."),
            validate.Regexp(r"^[!-~]+$", error="Type the lot number as printed, without spaces."),
        ],
        error_messages={"required": "Type the lot number printed on the box."},
    )
    expires_on = fields.Date(
        required=True,
        error_messages={
            "required": "Type the expiry date printed on the box.",
            "invalid": "Type the expiry date as year-month-day, such as 2028-05-31.",
        },
    )
    fund = fields.String(required=True, error_messages={"required": "Choose the fund that paid."})
    bin = fields.String(required=True, error_messages={"required": "Choose the bin you put it in."})
    quantity = fields.Integer(
        required=True,
        validate=[
            validate.Range(min=1, error="The quantity must be 1 or more."),
            validate.Range(max=MOST, error=f"The quantity must be {MOST:,} or less."),
        ],
        error_messages=_WHOLE,
    )
    document = fields.String(
        required=True,
        validate=validate.Length(max=40, error="Use at most 40 characters."),
        error_messages={"required": "Type the number of the delivery note or order."},
    )


class AdjustForm(Form):
    """A correction of what stands in one bin. `seen` is how many units stood there on the page."""

    bin = fields.Integer(
        required=True,
        validate=validate.Range(min=1, max=MOST_STORED, error="Choose the bin."),
        error_messages={"required": "Choose the bin.", "invalid": "Choose the bin."},
    )
    seen = fields.Integer(
        required=True,
        validate=validate.Range(min=0, max=MOST_STORED, error="Open the page again."),
        error_messages={"required": "Open the page again.", "invalid": "Open the page again."},
    )
    quantity = fields.Integer(
        required=True,
        validate=validate.Range(min=-MOST, max=MOST, error=f"Type a number between -{MOST:,} and {MOST:,}."),
        error_messages={
            "required": "Type how many units to add or take away, such as -2.",
            "invalid": "Type a whole number, such as -2.",
        },
    )
    reason = fields.String(
        required=True,
        validate=validate.Length(max=200, error="Use at most 200 characters."),
        error_messages={"required": "Say why the stock changes, such as “box damaged”."},
    )

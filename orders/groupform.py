"""What a group says of itself: its name, how it can be reached, and its plan. It validates and never queries."""

import unicodedata
from typing import Any

from flask_babel import lazy_gettext as _l
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from orders import draft
from orders.draft import AskAgain, Draft
from orders.schemas import NAME_MOST, ContactSchema, LabelText, tidy

PLAN_MOST = 1_000  # letters


class PlanText(fields.Field[str]):
    """Some lines of text, tidied."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = _tidy_lines(str(value))
        if not text:
            raise ValidationError([_l("Please write in a few words whom you reach, and how.")])
        if len(text) > PLAN_MOST:
            sentence = _l("Please use at most %(most)s letters. Now it has %(count)s.", most=PLAN_MOST, count=len(text))
            raise ValidationError([sentence])
        return text


class GroupSchema(Schema):
    """Who asks in bulk, and for whom."""

    class Meta:
        """Fields we did not ask for are left alone."""

        unknown = EXCLUDE

    organisation = LabelText(most=NAME_MOST, empty=_l("Please write the name of your group."))
    plan = PlanText(load_default="")
    email = fields.String(load_default="")
    phone = fields.String(load_default="")

    @validates_schema(skip_on_field_errors=False)
    def check_reach(self, data: dict[str, Any], **kwargs: Any) -> None:
        """There is a way to ask about the plan."""
        if not (data["email"].strip() or data["phone"].strip()):
            raise ValidationError([_l("Please write an e-mail address or a phone number of your group.")], "email")


def check_group(typed: Draft) -> dict[str, Any]:
    """Organisation, plan, e-mail and phone, clean, as fields of `Person`; or AskAgain with the page to show."""
    errors: dict[str, Any] = {}
    found: dict[str, Any] = {}
    try:
        found = GroupSchema().load({name: typed.typed[name] for name in ("organisation", "plan", "email", "phone")})
    except ValidationError as problem:
        errors.update(problem.normalized_messages())  # type: ignore[no-untyped-call]
    for way in ("email", "phone"):
        if typed.typed[way].strip():
            try:
                found[way] = ContactSchema().load({"contact": way, way: typed.typed[way]})[way]
            except ValidationError as problem:
                errors.update(problem.normalized_messages())  # type: ignore[no-untyped-call]
    if errors:
        raise AskAgain("where", errors)
    return {**found, "email": found["email"].strip(), "phone": found["phone"].strip()}


def check_where(typed: Draft) -> tuple[dict[str, Any], dict[str, Any]]:
    """The group, and the address its parcel goes to; or AskAgain with everything that is wrong with either."""
    errors: dict[str, Any] = {}
    checked: list[dict[str, Any]] = []
    for check in (check_group, draft.check_address):
        try:
            checked.append(check(typed))
        except AskAgain as problem:
            errors.update(problem.errors)
    if errors:
        raise AskAgain("where", errors)
    return checked[0], checked[1]


def _tidy_lines(typed: str) -> str:
    """Text as people mean it, line by line, without control or invisible signs."""
    lines = (tidy(line) for line in unicodedata.normalize("NFC", typed).splitlines())
    return "\n".join(lines).strip()

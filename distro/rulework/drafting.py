"""What all pages that write rules stand on: who may write and publish, a draft held fast, the catalog's codes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.exceptions import RequestEntityTooLarge

from distro.auth import Role, guard
from distro.db import MOST_STORED
from distro.errors import NotFound, Refusal
from geo import publish, shapes
from geo.models import Ruleset, RulesetStatus
from geo.placewords import Names
from geo.rulefile import LONGEST
from geo.rules import OVERLAY_AREAS, Effect
from inventory.models import Item

DRAFT = f"/<int(max={MOST_STORED}):draft_id>"
WRITERS = (Role.MANAGER, Role.REVIEWER, Role.ADMIN)
PUBLISHERS = (Role.REVIEWER, Role.ADMIN)
MOST_SENT = {"drafts.load": LONGEST + 64_000, "areas.put": shapes.LARGEST + 64_000}  # bytes: a file and its form
TOO_LARGE = "The file is too large. At most %(most)s MB are read, so nothing was stored. Take out what is not needed."
DAY_WRONG = "Type the day as year-month-day, such as 2026-12-01."
NO_RULES_THEN = "No ruleset was in force on that day. Choose a later one."

Errors = dict[str, list[str]]


class ChangedMeanwhile(Refusal):
    """Somebody else changed the rule between looking and sending."""

    sentence = "Someone else changed this rule meanwhile. Nothing was saved. Open it again and look first."


class AreaChangedMeanwhile(Refusal):
    """Somebody else changed or dropped the area between looking and sending."""

    sentence = "Someone else changed this area meanwhile. Nothing was saved. Open it again and look first."


class ChangedSinceRead(Refusal):
    """What would be proposed or published is not what the person had before them."""

    sentence = "It changed since you read it. Look at the changes below again."


class NotAPublisher(Refusal):
    """Managers write and propose; others publish."""

    status = 403
    sentence = "Managers write and propose rules; a reviewer or an admin publishes them. Ask one of them."


def pages(name: str, import_name: str, prefix: str) -> Blueprint:
    """A blueprint for those who write rules. What its form takes for a file may be as large as MOST_SENT says."""
    blueprint = Blueprint(name, import_name, url_prefix=prefix)
    blueprint.url_value_preprocessor(_take_files)
    guard(blueprint, *WRITERS)
    blueprint.register_error_handler(RequestEntityTooLarge, _too_large)
    return blueprint


def _take_files(endpoint: str | None, _values: object) -> None:
    """Let a signed-in person send a file. It stands here because the form is read before any guard is asked."""
    most = MOST_SENT.get(endpoint or "")
    if most and request.method == "POST" and current_user.is_authenticated:
        request.max_content_length = most


def _too_large(_problem: RequestEntityTooLarge) -> ResponseReturnValue:
    most = MOST_SENT.get(request.endpoint or "", 256_000) / 1_000_000
    sentence = TOO_LARGE % {"most": f"{most:.2g}" if most < 1 else f"{most:.0f}"}
    return render_template("refusal.html", title="Too large", sentence=sentence), 413


def locked(session: Session, ruleset_id: int) -> Ruleset:
    """The ruleset as it stands now, and no one else changes it until we commit. Raises NotFound."""
    return publish.hold(session, publish.find(session, ruleset_id))


def asked_for(session: Session) -> Ruleset | None:
    """The ruleset that `?draft=` names; None without it. Raises NotFound."""
    number = request.args.get("draft", type=int)
    if number is None:
        return None
    if not 0 < number <= MOST_STORED:
        raise NotFound(what="ruleset", name=number)
    return publish.find(session, number)


def rule_of(ruleset: Ruleset, key: str) -> dict[str, Any]:
    """The rule of that key as the ruleset keeps it. Raises NotFound."""
    rule = next((rule for rule in ruleset.rules if rule["key"] == key), None)
    if rule is None:
        raise NotFound(what="rule", name=key[:60])
    return rule


def place_name(ruleset: Ruleset, place: str, names: Names) -> str:
    """What people call the place of a rule; an area by its own name."""
    area = next((area for area in ruleset.areas if place == f"area:{area['code']}"), None)
    return f"{area['name']} ({area['kind']})" if area else names.of(place)


def only_tightens(ruleset: Ruleset, rule: Mapping[str, Any]) -> bool:
    """Whether a rule that does not say no can loosen nothing, since no ZIP code lies surely in its area."""
    area = next((area for area in ruleset.areas if rule["place"] == f"area:{area['code']}"), None)
    if area is None or rule["effect"] == Effect.DENY or area["kind"] in OVERLAY_AREAS:
        return False
    return not area.get("inside") and not area.get("counties")


def catalog(session: Session) -> dict[str, str]:
    """Item code -> name, in the catalog's order."""
    return dict(session.execute(select(Item.code, Item.name).order_by(Item.position, Item.id)).all())


def mark(rule: Mapping[str, Any]) -> str:
    """A mark of what a rule says now: another one means that somebody changed it."""
    return hashlib.sha256(json.dumps(rule, sort_keys=True).encode()).hexdigest()[:16]


def shown(ruleset: Ruleset, old: Ruleset | None) -> str:
    """A mark of all that the page of changes shows: the ruleset, its first day, and what it is compared with.

    A draft is compared with `old`; what was proposed, with what was published last when it was proposed.
    """
    draft = ruleset.status == RulesetStatus.DRAFT
    compared = (old.id if old else None) if draft else ruleset.compared_with
    day = "" if draft else str(ruleset.effective_on)
    return mark({"text": ruleset.text, "areas": ruleset.areas, "day": day, "compared": compared})


def require_read(ruleset: Ruleset, old: Ruleset | None, typed: Mapping[str, str]) -> None:
    """Raises ChangedSinceRead unless `seen` is the mark of what would be proposed or published now."""
    if typed.get("seen") != shown(ruleset, old):
        raise ChangedSinceRead


def may_publish() -> bool:
    """Whether the signed-in person's role publishes."""
    return current_user.role in PUBLISHERS

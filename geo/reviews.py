"""Whose review counts: a second look by a member of staff at a rule that they neither wrote nor loaded.

A review is two fields of the rule, so anyone can type it into a file. It counts if its name is a user's, its day has
come, and the user did not write the rule or its area here, nor load the file it came in. What stands unchanged in a
ruleset that two people published before stays as reviewed as it was.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.auth import User
from geo.models import Ruleset

_BOUNDS = ("kind", "zips", "counties", "shape")  # of an area: what its rules bind to
_REVIEW = ("reviewed_by", "reviewed_on")
_LOADED = "%s loaded it"

Rule = Mapping[str, Any]


def faults(session: Session, ruleset: Ruleset, on: date) -> dict[str, str]:
    """Why a rule counts as not reviewed, by rule key, as of a day; the others are left out."""
    staff = set(session.scalars(select(User.username)))
    found = {rule["key"]: why for rule in ruleset.rules if (why := _fault(ruleset, rule, staff, on))}
    doubted = {rule["key"] for rule in ruleset.rules if rule["key"] in found and rule["reviewed_by"]}
    stand = standing(session, ruleset, doubted)
    loaded = {key for key in doubted - stand if found[key].endswith(_LOADED[2:])}
    stand |= standing(session, ruleset, loaded, but=_REVIEW)
    return {key: why for key, why in found.items() if key not in stand}


def wrote(session: Session, ruleset: Ruleset, rule: Rule, who: str) -> bool:
    """Whether someone wrote a rule or its area here, or loaded it: then they do not review it."""
    if who in _editors(ruleset, rule):
        return True
    return who == ruleset.loaded_by and not standing(session, ruleset, {rule["key"]}, but=_REVIEW)


def writers(session: Session, ruleset: Ruleset) -> dict[str, str]:
    """Who wrote each rule here, for a copy to know: its editor, or who loaded what was never published."""
    unedited = {rule["key"] for rule in ruleset.rules} - set(ruleset.editors)
    loaded = unedited - standing(session, ruleset, unedited, but=_REVIEW)
    return {**dict.fromkeys(sorted(loaded), ruleset.loaded_by), **ruleset.editors}


def standing(session: Session, ruleset: Ruleset, keys: Collection[str], *, but: Collection[str] = ()) -> set[str]:
    """Those of the rules that two people published before as they are; `but` names fields that may differ."""
    if not keys:
        return set()
    wanted = _told(ruleset.rules, ruleset.areas, but)
    left, found = set(keys), set()
    query = select(Ruleset.rules, Ruleset.areas).where(
        Ruleset.publication.is_not(None), Ruleset.allow_unreviewed.is_(False)
    )
    with session.execute(query.order_by(Ruleset.publication.desc()).execution_options(yield_per=1)) as published:
        for rules, areas in published:
            before = _told(rules, areas, but)
            found |= {key for key in left if before.get(key) == wanted[key]}
            left -= found
            if not left:
                break
    return found


def bounds(areas: Iterable[Mapping[str, Any]]) -> dict[str, object]:
    """Where each area lies and how it counts, by `area:CODE`: what a review of its rules rests on."""
    return {f"area:{area['code']}": [area.get(name) or None for name in _BOUNDS] for area in areas}


def _told(rules: list[dict[str, Any]], areas: list[dict[str, Any]], but: Collection[str]) -> dict[str, object]:
    """What each rule says, and where the area it names lies, by rule key."""
    lie = bounds(areas)
    return {
        rule["key"]: ({name: value for name, value in rule.items() if name not in but}, lie.get(rule["place"]))
        for rule in rules
    }


def _fault(ruleset: Ruleset, rule: Rule, staff: Collection[str], on: date) -> str:
    who, day = rule["reviewed_by"], rule["reviewed_on"]
    if who is None:
        return "no reviewer"
    if who not in staff:
        return f"{who} is not on the staff"
    if day is None or date.fromisoformat(day) > on:
        return f"reviewed on {day}, which is still to come"
    if who in _editors(ruleset, rule):
        return f"{who} wrote it"
    return _LOADED % who if who == ruleset.loaded_by else ""


def _editors(ruleset: Ruleset, rule: Rule) -> set[str]:
    """Who wrote the rule here, and who drew its area."""
    return {ruleset.editors[name] for name in (rule["key"], rule["place"]) if name in ruleset.editors}

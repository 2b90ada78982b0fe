"""Which rules a person limited to some states may write, review and publish: those that hold nowhere else."""

from collections.abc import Mapping
from typing import Any

from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro.errors import NotFound, Refusal
from geo import diff, places
from geo.models import Ruleset, Zip
from inventory.shelves import own_states


class NotOwnStates(Refusal):
    """A rule or an area reaches beyond the states that someone looks after."""

    status = 403
    sentence = (
        "You look after %(states)s. %(what)s holds elsewhere too, so nothing was changed. "
        "Ask someone who looks after every state."
    )


def require_own_place(session: Session, ruleset: Ruleset, place: str, what: str = "") -> None:
    """Raises NotOwnStates unless a place, as rules name it, lies wholly in the signed-in person's states."""
    mine = own_states(current_user)
    if mine:
        _require(mine, _states_of(session, ruleset, place), what or "That rule")


def require_own_area(session: Session, area: Mapping[str, Any]) -> None:
    """The same for an area with the ZIP codes that were found in it."""
    mine = own_states(current_user)
    if mine:
        _require(mine, _states_in(session, area), f"Area {area['code']}")


def require_own_changes(session: Session, ruleset: Ruleset, old: Ruleset | None) -> None:
    """Raises NotOwnStates if a ruleset adds, changes or drops a rule or an area, against `old`, that holds elsewhere.

    What nobody in these states could see is changed by no one who looks after them alone.
    """
    if not own_states(current_user):
        return
    for before, after in ((old, ruleset), (ruleset, old)):
        rows = diff.rule_changes(before.rules if before else [], after.rules if after else [])
        areas = diff.area_changes(before.areas if before else [], after.areas if after else [])
        for change in rows:
            owner = after if after is not None and change.change is not diff.Change.DROPPED else before
            if owner is not None:
                require_own_place(session, owner, change.entry["place"], f"Rule {change.key}")
        for change in areas:
            require_own_area(session, change.entry)


def _require(mine: frozenset[str], found: frozenset[str], what: str) -> None:
    if not found or not found <= mine:
        raise NotOwnStates(states=", ".join(sorted(mine)), what=what)


def _states_of(session: Session, ruleset: Ruleset, place: str) -> frozenset[str]:
    """The states in which a place lies; none for the nation and whatever else no state holds."""
    sort, _, code = place.partition(":")
    if sort == "county":
        return frozenset({places.state_of(code) or "?"})
    if sort == "zip":
        return frozenset(session.scalar(select(Zip.states).where(Zip.zip == code)) or ())
    if sort == "area":
        area = next((area for area in ruleset.areas if area["code"] == code), None)
        if area is None:
            raise NotFound(what="area", name=code[:40])
        return _states_in(session, area)
    return frozenset({place})


def _states_in(session: Session, area: Mapping[str, Any]) -> frozenset[str]:
    zips = {*(area.get("inside") or ()), *(area.get("partly") or ()), *(area.get("zips") or ())}
    found = {state for states in session.scalars(select(Zip.states).where(Zip.zip.in_(zips))) for state in states}
    return frozenset(found | {places.state_of(fips) or "?" for fips in area.get("counties") or ()})

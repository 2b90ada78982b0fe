"""What the second person reads of a draft's rules: how many are added, changed, dropped, and each new one in full."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from distro.errors import Refusal
from distro.rulework.atlas import effect_words
from geo import diff
from geo.diff import Change, RuleChange
from geo.models import Ruleset

FEW = 10  # rules that may be dropped without a word
PART = 10  # one in so many likewise

_ENDS = {"destination": "where it goes alone", "origin": "where it is sent from alone"}
_LABELS = {
    "ends": "Counts",
    "min_age": "Youngest age",
    "age_channels": "The age counts for",
    "attest": "Statement to agree to",
    "training": "Training first",
    "credentials": "Papers it needs",
    "conditions": "Conditions to check",
    "recorded": "Facts for the record",
    "most_per_order": "Most in one order",
    "most_per_period": "Most over time",
    "enclosures": "Goes into the box",
    "in_person": "Needs someone there for",
    "channels": "Ways it names",
    "origins": "Only from the warehouses",
    "operators": "Only for",
    "not_funds": "Not bought with money that is",
    "citation": "Citation",
    "source": "Source",
    "source_url": "Its address",
    "source_date": "Date of the source",
    "confidence": "Confidence",
    "sentence": "Participants read",
    "sentence_es": "In Spanish",
    "note": "Note for staff",
}


class DropsMany(Refusal):
    """A file that holds only a few rules takes all others out of force."""

    status = 422
    sentence = (
        "It drops %(count)s of the %(all)s rules that are in force. Nothing was done. If that is meant, tick "
        "“I mean to drop %(count)s rules”; if not, start a draft from what is in force and add to it."
    )


def totals(rules: Sequence[RuleChange], areas: Sequence[RuleChange]) -> str:
    """How many there are of each sort: `1 rule added, 306 rules dropped`."""
    told = []
    for noun, changes in (("rule", rules), ("area", areas)):
        counted = Counter(change.change for change in changes)
        told += [f"{counted[sort]} {noun}{'s' * (counted[sort] != 1)} {sort}" for sort in Change if counted[sort]]
    return ", ".join(told) or "no rule and no area differs"


def dropped(old: Ruleset | None, new: Ruleset) -> int:
    """How many rules would be dropped, if they are so many that somebody has to say they mean it; else 0."""
    before = {rule["key"] for rule in old.rules} if old else set()
    gone = len(before - {rule["key"] for rule in new.rules})
    return gone if gone > FEW and gone * PART > len(before) else 0


def require_meant(old: Ruleset | None, new: Ruleset, typed: Mapping[str, str]) -> None:
    """Raises DropsMany unless `drops` says the number that is dropped now."""
    count = dropped(old, new)
    if old is not None and count and typed.get("drops") != str(count):
        raise DropsMany(count=count, all=len(old.rules))


def facts(rule: Mapping[str, Any], items: Mapping[str, str], writer: str, place: str) -> list[tuple[str, str]]:
    """All that a rule says, as pairs of a label and words; what it leaves open is left out."""
    told = [
        ("Place", place),
        ("Items", ", ".join(items.get(item, item) for item in rule["items"])),
        ("Says", effect_words(rule["effect"])),
        ("Days", _days(rule)),
    ]
    for name, label in _LABELS.items():
        value = rule.get(name)
        if value not in (None, "", [], "both"):
            told.append((label, _value(name, value)))
    told.append(("Written by", writer or "not recorded here"))
    by, on = rule["reviewed_by"], rule["reviewed_on"]
    return [*told, ("Reviewed by", f"{by} on {on}" if by else "nobody yet")]


def _value(name: str, value: Any) -> str:
    if name == "ends":
        return _ENDS[value]
    return f"{value[0]} in {value[1]} days" if name == "most_per_period" else diff.words(value)


def _days(rule: Mapping[str, Any]) -> str:
    first, last = rule.get("valid_from"), rule.get("valid_to")
    if first and last:
        return f"from {first} to {last}, both included"
    return f"from {first} on" if first else f"until {last}, that day included" if last else "always"

"""Why a person looks at a request, apart from the law: signs that nobody typed it, that it is for a group, limits.

Intake puts its own signs into `Order.flags`, which the order's proof covers; what triage finds stands among the doubts
of the decision. None of it ever refuses: most such requests are fine, and a person lets them go on.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

from geo.periods import Sent, within
from geo.rules import RuleBook
from inventory.models import Item
from orders.eligibility import Judgement, doubts
from orders.models import Order

ROBOT, FAST, NO_EFFORT = "robot", "fast", "no-effort"  # flags of intake
OFF_LIST = "off-list"  # a flag of one that was asked again, of whose things some cannot be asked for any more
LOST = "lost"  # a flag of what goes in place of a parcel that never came, if it is not the first
GROUP, BULK, MOST, OFTEN, LIMIT, PERIOD = "group", "bulk", "most", "often", "limit", "period"  # what triage finds
QUICKEST = timedelta(seconds=3)  # nobody fills in five pages in less
CLOCKS_DIFFER = timedelta(seconds=10)  # those of two web machines, at most
IN_BULK = "A group asks for supplies in bulk. Read the plan, then approve it, in fewer cases too, or decline it."
FULL_LINES = 3  # items asked for at their limit; fewer is no sign of a group
SAME_DAY = 3  # requests of one home in one day, this one included
SAID = {
    ROBOT: "A field that people do not see was filled in. A program may have sent this.",
    FAST: "It was sent within 3 seconds of opening the first page. A program may have sent this.",
    NO_EFFORT: "The small sum that browsers work out was missing or wrong. Browsers without scripts cannot do it.",
    LOST: (
        "They say that a parcel never came, and this goes in its place. It is not the first one to go again to that "
        "address, or for that request, in five weeks. Perhaps the address is wrong, or mail is taken there."
    ),
    OFF_LIST: "They asked for the same as before. Off our list by now: {items}. Perhaps something replaces it.",
    GROUP: "The name on it reads like an organization. Groups may be better served by a larger parcel.",
    BULK: "It asks for the most of {count} items at once. It may be for a group.",
    MOST: "It asks for {count} of {item}. One request may have {most}.",
    OFTEN: "It is request number {count} to this address on one day.",
    PERIOD: "A rule allows {most} in {days} days. This address gets {units} with this request.",
    LIMIT: "This address got {units} of {item} in the last {days} days, and asks for {more}. The limit is {most}.",
}
# Kept short: each word costs somebody with that name a wait. So what is a surname too (Corp, Hospital, Church, Iglesia)
# counts only in a phrase, and the rest only where organizations have it: last in English, first in Spanish.
_LAST = (
    "inc|incorporated|llc|llp|ltd|corporation|gmbh|clinics?|hospitals|pharmacy|pharmacies|university|departments?|"
    "depts?|coalitions?|foundations?|ministries|nonprofits?|school district"
)
_FIRST = "clinicas?|farmacias?|universidad|fundacion|asociacion|departamento de|municipio de"
_PHRASES = (
    "(?:church|city|county|department|dept|university) of|(?:baptist|catholic|lutheran|methodist) church(?:es)?|"
    "(?:community|county|general|memorial) hospital|salvation army|harm reduction|(?:needle|syringe) exchange|"
    "iglesia (?:de dios|de cristo|bautista|catolica|cristiana|pentecostal)|centros? (?:de salud|comunitarios?)|"
    "hospital general|reduccion de danos|sin fines de lucro"
)
_GROUP = re.compile(rf"\b(?:{_LAST})\W*$|^\W*(?:el |la |los |las )?(?:{_FIRST})\b|\b(?:{_PHRASES})\b")


class Past(NamedTuple):
    """What a home asked for before an order: what left or is on its way, and how many requests came on the same day."""

    sent: tuple[Sent, ...] = ()
    same_day: int = 0
    families: Mapping[str, str] = MappingProxyType({})  # of what was sent: kinds of one thing count as one


class Finding(NamedTuple):
    """Which of the signs above, the doubt by which a release goes, the sentence for whoever decides, and the item it is
    about (none: all of them).
    """

    sign: str
    doubt: str
    sentence: str
    item: str = ""


def flags(*, trap: str, made: datetime, now: datetime, effort: bool | None) -> list[str]:
    """What intake notices: the trap field filled, a form sent too soon, no proof of work (`effort` None: not asked)."""
    fast = timedelta(0) <= now - made < QUICKEST  # before it was made: by another machine's clock, which says nothing
    signs = {ROBOT: bool(trap.strip()), FAST: fast, NO_EFFORT: effort is False}
    return [sign for sign, found in signs.items() if found]


def made_again(now: datetime) -> datetime:
    """The time for a form that takes the place of one that was open too long: whoever read it may send it at once."""
    return now - QUICKEST - CLOCKS_DIFFER


def reads_like_a_group(name: str) -> bool:
    """Whether the name on a label reads like an organization, in English or Spanish, with accents or without."""
    flat = unicodedata.normalize("NFKD", name.casefold())
    return _GROUP.search("".join(sign for sign in flat if sign != "." and not unicodedata.combining(sign))) is not None


def findings(order: Order, name: str, past: Past, today: date) -> list[Finding]:
    """What triage notices once it has opened an order to `name` and looked up what its home asked for before."""
    found = _flagged(order)
    if is_group(order):
        return found  # the other signs, and what one home may get, are for people
    if reads_like_a_group(name):
        found.append(Finding(GROUP, GROUP, SAID[GROUP]))
    full = [line for line in order.lines if line.quantity >= line.item.most_per_request > 1]
    if len(full) >= FULL_LINES:
        found.append(Finding(BULK, BULK, SAID[BULK].format(count=len(full))))
    if past.same_day + 1 >= SAME_DAY:
        found.append(Finding(OFTEN, OFTEN, SAID[OFTEN].format(count=past.same_day + 1)))
    for line in order.lines:
        item = line.item
        alike = [one for one in order.lines if one is line or (item.family and one.item.family == item.family)]
        units = sum(one.quantity for one in alike)
        if units > item.most_per_request:  # the page says so at once, unless the database was away
            sentence = SAID[MOST].format(count=units, item=item.name, most=item.most_per_request)
            found.append(Finding(MOST, f"{MOST} {item.code}", sentence, item.code))
        found += _over_limit(item, units, past, today)
    return found


def is_group(order: Order) -> bool:
    """Whether an organisation asks in bulk. Its proof covers that; its door is not covered."""
    return GROUP in order.flags


def off_list(order: Order) -> list[str]:
    """Names of what an order holds and nobody can ask for any more."""
    return [line.item.name for line in order.lines if not line.item.requestable]


def _flagged(order: Order) -> list[Finding]:
    said = {**SAID, GROUP: IN_BULK}
    if OFF_LIST in order.flags:
        said[OFF_LIST] = said[OFF_LIST].format(items=", ".join(off_list(order)))
    return [Finding(flag, flag, said.get(flag, flag)) for flag in order.flags]


def _over_limit(item: Item, wanted: int, past: Past, today: date) -> list[Finding]:
    if not item.household_most or not item.household_days:
        return []
    days = item.household_days
    alike = {code for code, family in past.families.items() if family and family == item.family} | {item.code}
    got = sum(one.units for one in within(past.sent, days, today) if one.item in alike)
    if got + wanted <= item.household_most:
        return []
    facts = {"units": got, "more": wanted, "item": item.name, "days": days, "most": item.household_most}
    return [Finding(LIMIT, f"{LIMIT} {item.code}", SAID[LIMIT].format(**facts), item.code)]


def over_periods(judgement: Judgement, book: RuleBook, sent: Mapping[str, int]) -> list[Finding]:
    """The numbers behind what a rule's limit over time leaves to a person."""
    found = []
    for code, decision in judgement.by_item.items():
        for reason in decision.reasons:
            rule = book.rule(reason.rule_key)
            if reason.why == PERIOD and rule is not None and rule.most_per_period and rule.key in sent:
                most, days = rule.most_per_period
                [doubt] = doubts(replace(decision, reasons=(reason,)), judgement.ruleset_id) or [PERIOD]
                sentence = SAID[PERIOD].format(most=most, days=days, units=sent[rule.key])
                found.append(Finding(PERIOD, doubt, sentence, code))
    return found


def unseen(order: Order, found: Iterable[Finding]) -> list[Finding]:
    """The findings that nobody has released the order for."""
    return [one for one in found if one.doubt not in order.released_for]


def noted(record: Mapping[str, dict[str, Any]], found: Iterable[Finding]) -> dict[str, dict[str, Any]]:
    """A decision's record with the findings among its doubts, so that a release covers them."""
    kept = {code: dict(decided) for code, decided in record.items()}
    for one in found:
        for code in [one.item] if one.item else kept:
            kept[code]["doubts"] = list(dict.fromkeys([*kept[code].get("doubts", ()), one.doubt]))
            kept[code]["found"] = [*kept[code].get("found", ()), one[:3]]
    return kept


def told(order: Order) -> list[Finding]:
    """What intake and triage noticed about an order that nobody has released it for, each once."""
    flagged = _flagged(order)
    kept = [Finding(*one) for decided in (order.decision or {}).values() for one in decided.get("found", ())]
    return unseen(order, dict.fromkeys([*flagged, *kept]))

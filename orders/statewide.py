"""What the rules of a whole state say to some things, where nothing is known of somebody but their state.

So it is asked where people come back with a code alone. Rules for places within the state are left to triage.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from distro import clock
from geo import places
from geo.rules import Effect, Facts
from orders import authority
from orders.eligibility import Judgement, judge, senders


def judgement(session: Session, state: str, wanted: Mapping[str, int], moment: datetime) -> Judgement:
    """The decisions for units of each item. Raises NoRules while none are in force."""
    place = places.whole(session, state)
    on, facts = clock.day_at(moment, place.zone), Facts(state=state)
    decider = authority.by_rules(session, authority.law(session, on))
    return judge(decider, place, wanted, facts, on, senders=senders(session, place, facts, wanted))


def to_ask(found: Judgement) -> list[str]:
    """Codes of what could go after an answer, a statement or a training that only a new request asks for."""
    learnt = [code for code in found.items(Effect.REVIEW) if found.by_item[code].trainings]
    return [*found.items(Effect.ASK), *learnt]

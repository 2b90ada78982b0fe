"""What the rules say of one place, and what a draft would change: for every place, the open orders, the past months.

Staff and the command line read it. Nothing here opens an address or names an order.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from distro.errors import NotFound, Refusal
from geo import places
from geo.diff import AnswerChange, answer_changes
from geo.explain import best, explain
from geo.models import Ruleset
from geo.places import Place
from geo.referrals import nearest_help
from geo.rules import Facts, Law, Origin, Product
from inventory.models import Site
from orders import authority, chain, outlook
from orders.eligibility import senders
from orders.models import FINAL, Status
from orders.outlook import Moved, WhatIf

OPEN = tuple(status for status in Status if status not in FINAL)


class ItemUnknown(Refusal):
    """Neither the catalog nor a rule knows the item."""

    status = 422
    sentence = "Neither the catalog nor a rule names the item “%(item)s”. Known are: %(known)s."


def explain_for(
    session: Session,
    *,
    zip_text: str,
    item: str,
    on: date,
    state: str | None = None,
    county: str | None = None,
    site: str | None = None,
    age: int | None = None,
    units: int = 1,
    ruleset: Ruleset | None = None,
) -> dict[str, Any]:
    """The decision for one ZIP code and item on a day there, with its chain of rules; see `orders.chain` for the keys.

    `ruleset` is what decides, a draft too; without it what is in force. Without `site` the warehouse with the least
    strict answer counts, the nearest first, of those that send the item there; if none does, the destination alone.
    Raises places.ZipMalformed, ZipUnknown, StateElsewhere, CountyElsewhere, ItemUnknown, NotFound (the site) or
    publish.NoRules.
    """
    law = authority.law(session, on) if ruleset is None else law_if_published(session, ruleset)
    place = places.find(session, zip_text)
    if county and county not in place.counties:
        raise places.CountyElsewhere(zip=place.zip)
    facts, product = Facts(state=state, county=county, age=age), _product(session, law, item)
    able = senders(session, place, facts, {item: 1})[item]
    origin, _ = best(law, place, product, _origins(session, place, able, site), facts, on, units)
    names = chain.names(session)
    found = explain(law, place, product, origin, facts, on, units, names=names)
    helps = nearest_help(session, place, state=state)
    return chain.row(law, place, item, origin, on, found, helps, able=able)


def _product(session: Session, law: Law, item: str) -> Product:
    products = authority.products(session)
    named = {selector.removeprefix("component:") for rule in law.book.rules for selector in rule.items}
    named = {code for code in named if ":" not in code}
    if item not in products and item not in named:
        raise ItemUnknown(item=item[:40], known=", ".join(sorted({*products, *named})))
    return products.get(item) or Product(item)


def _origins(session: Session, place: Place, able: Sequence[str], site: str | None) -> list[Origin]:
    """The warehouse asked for, or those that send the item there, nearest first. Raises NotFound."""
    every = authority.origins(session)
    if site is not None:
        if site not in every:
            raise NotFound(what="warehouse", name=site[:16])
        return [every[site]]
    rows = session.scalars(select(Site).where(Site.code.in_(able)).order_by(Site.id))
    return [every[code] for code in places.nearest(place, [(s.code, s.latitude, s.longitude) for s in rows])]


def before(session: Session, ruleset: Ruleset, on: date) -> Ruleset | None:
    """The ruleset that is or was in force on a day but for this one; None if none is."""
    query = select(Ruleset).where(
        Ruleset.publication.is_not(None), Ruleset.effective_on <= on, Ruleset.id != ruleset.id
    )
    if ruleset.publication is not None:
        query = query.where(Ruleset.publication < ruleset.publication)
    return session.scalar(query.order_by(Ruleset.publication.desc()).limit(1))


def first_day(ruleset: Ruleset, now: datetime) -> date:
    """The day to compare on: today, or the ruleset's first day if that is still to come."""
    return max(now.date(), ruleset.effective_on or date.min)


def law_if_published(session: Session, ruleset: Ruleset) -> Law:
    """What a ruleset would decide: of a draft every rule counts as reviewed, since else it is not published."""
    law = authority.law_of(session, ruleset)
    return law if ruleset.publication else Law(replace(law.book, allow_unreviewed=True), law.held)


def changed_answers(
    session: Session, ruleset: Ruleset, now: datetime, every: Sequence[Place] | None = None
) -> list[AnswerChange]:
    """Whose answers a ruleset changes, for the items and warehouses of the catalog; see `geo.diff`.

    `every` is `places.all_places`, for who has read it already.
    """
    on = first_day(ruleset, now)
    old = before(session, ruleset, on)
    return answer_changes(
        authority.law_of(session, old) if old is not None else None,
        law_if_published(session, ruleset),
        places.all_places(session) if every is None else every,
        authority.products(session).values(),
        tuple(authority.origins(session).values()),
        on,
        sent_from=_sent_from(session),
    )


def _sent_from(session: Session) -> dict[str, list[str]]:
    """Item code -> codes of the warehouses that send it."""
    found: dict[str, list[str]] = {}
    for site in session.scalars(select(Site).options(selectinload(Site.stocked)).order_by(Site.id)):
        for one in site.stocked:
            found.setdefault(one.item.code, []).append(site.code)
    return found


def open_orders(
    session: Session, ruleset: Ruleset, now: datetime, every: Sequence[Place] | None = None
) -> list[WhatIf]:
    """What is open now, told as `what_if` tells the past.

    No address is opened for it: whoever writes drafts could else find out, with a few of them, where someone lives.
    Each order is decided again, from its address, when it is packed, labelled and shipped.
    """
    return _told(session, ruleset, now, outlook.requests(session, statuses=OPEN), every)


def what_if(
    session: Session, ruleset: Ruleset, now: datetime, days: int = 90, every: Sequence[Place] | None = None
) -> list[WhatIf]:
    """The requests of the last days by item, as what is in force answers them and as the ruleset would.

    Both are asked alike, by the state alone (addresses may be erased by now), with the catalog and papers of today,
    so that a draft which changes nothing shows nothing. `every` as in `changed_answers`.
    """
    return _told(session, ruleset, now, outlook.requests(session, since=now.date() - timedelta(days=days)), every)


def _told(
    session: Session, ruleset: Ruleset, now: datetime, rows: list[outlook.Row], every: Sequence[Place] | None
) -> list[WhatIf]:
    if not rows:
        return []
    on = first_day(ruleset, now)
    old, new = before(session, ruleset, on), law_if_published(session, ruleset)
    laws = (authority.law_of(session, old) if old else None, new)
    held, would = outlook.by_state(session, laws, on, rows, places.all_places(session) if every is None else every)
    found: list[WhatIf] = []
    for item in dict.fromkeys(item for item, *_ in rows):
        was, will, moved = Counter[str](), Counter[str](), list[Moved]()
        for _, state, count in (row for row in rows if row[0] == item):
            is_now, then = held[item, state], would[item, state]
            was[is_now] += count
            will[then] += count
            if is_now != then:
                moved.append(Moved(state, is_now, then, count))
        moved.sort(key=lambda one: (-one.requests, one.state))
        found.append(WhatIf(item, was.total(), dict(was), dict(will), tuple(moved)))
    return found

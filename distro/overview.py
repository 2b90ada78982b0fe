"""The manager's first page: which states run out, of what, when; and what is open."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup
from sqlalchemy.orm import Session

from distro import clock, slots
from distro.auth import Role, guard
from distro.config import current_settings
from distro.db import db
from distro.errors import NotFound
from distro.keys import keycheck
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import PublicKeys
from geo import endings, expiry, places, referrals
from geo.maps import Paint, us_map
from geo.places import StateRow
from inventory import alerts, demand, shelves, stock
from inventory.models import Item, Site
from inventory.reorder import Cover
from orders import keyloss, letters, queries, replacement, scope, voices
from orders.models import Door

Pair = tuple[int, int]  # site id, item id
STOPPED_AFTER = timedelta(minutes=5)
LOST_SHOWN = timedelta(days=92)  # three months, as far as they have begun
DOORS = {  # by which way a request came
    Door.WEB: "Web page",
    Door.AGAIN: "Asked again",
    Door.RESEND: "Never came",
    Door.PHONE: "By phone",
    Door.PAPER: "On paper",
    Door.GROUP: "Groups",
}
LONG_DAYS = 730  # beyond this the exact number says nothing

blueprint = Blueprint("overview", __name__, url_prefix="/manage")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True)
class Cell:
    """One item for one state: the pool is every warehouse that may send the item there. Units, and units a day."""

    state: str
    item_id: int
    senders: int
    available: int  # in the pool, sendable today, of funds that allow this state
    asked: int  # from this state in the last twelve weeks
    daily: float  # the pool's demand, from all states it serves
    reorder_days: int  # the longest lead time and reserve in the pool

    @property
    def days(self) -> float:
        """How long the pool lasts; infinite if nothing is asked of it, or nobody sends there."""
        return self.available / self.daily if self.senders and self.daily else inf

    @property
    def level(self) -> str:
        """`none` (nobody sends it there), `out`, `low` (a new order would come too late) or `ok`."""
        if not self.senders:
            return "none"
        if not self.available:
            return "out"
        return "low" if self.days < self.reorder_days else "ok"


@dataclass(frozen=True)
class Row:
    """A state with one cell for each item."""

    state: StateRow
    cells: tuple[Cell, ...]
    here: bool  # a warehouse stands in it

    @property
    def asked(self) -> int:
        """Units of all items asked for."""
        return sum(cell.asked for cell in self.cells)

    @property
    def urgency(self) -> tuple[float, int, str]:
        """Sorts the state that runs out first to the top; among equals, the one that asks for most."""
        wanted = [cell.days for cell in self.cells if cell.asked]
        return min(wanted, default=inf), -self.asked, self.state.name


def state_rows(
    states: Iterable[StateRow],
    items: Sequence[Item],
    sites: Sequence[Site],
    cover: Mapping[Pair, Cover],
    asked: Mapping[tuple[str, int], int],
) -> list[Row]:
    """States by urgency, each with its cells.

    A cell's stock is the sum over every warehouse that may send the item there (see `shelves.senders`), of units
    whose fund allows the state. Its cover is that stock divided by all demand on the same warehouses, since other
    states draw on them too. So two states may share units, and a column must not be added up.
    """
    rows = []
    for state in states:
        cells = []
        for item in items:
            pool = [cover[site.id, item.id] for site in shelves.senders(sites, state.code, item.id)]
            cells.append(
                Cell(
                    state=state.code,
                    item_id=item.id,
                    senders=len(pool),
                    available=sum(each.units_for(frozenset({state.code})) for each in pool),
                    asked=asked.get((state.code, item.id), 0),
                    daily=sum(each.daily_demand for each in pool),
                    reorder_days=max((each.reorder_days for each in pool), default=0),
                )
            )
        rows.append(Row(state, tuple(cells), any(site.state == state.code for site in sites)))
    return sorted(rows, key=lambda row: row.urgency)


@blueprint.get("")
def first() -> ResponseReturnValue:
    """The first page, for `?item=` alone or all requestable items; `?all=1` shows quiet states too."""
    session, today = db.session(), clock.now().date()
    own = shelves.own_site(session, current_user)
    seen = scope.of(session, current_user, unplaced=True)
    sites, mine = shelves.own_sites(session, own), shelves.own_states(current_user)
    states = [state for state in places.states(session) if not mine or state.code in mine]
    items = [item for item in shelves.items(session) if item.requestable]
    item = _chosen(items)
    cover, asked = stock.cover(session, today, {site.id for site in sites}), demand.by_state(session, today)
    rows = state_rows(states, [item] if item else items, sites, cover, asked)
    shown = [row for row in rows if row.asked or row.here or request.args.get("all") == "1"]
    mapped = item or (items[0] if items else None)
    return render_template(
        "overview/first.html",
        alerts=[
            (alert, alerts.sentence(alert))
            for alert in alerts.open_alerts(session)
            if alert.site_id in {site.id for site in sites}
        ],
        items=items,
        columns=[item] if item else items,
        item=item,
        rows=shown,
        folded=len(rows) - len(shown),
        few=demand.WINDOW_WEEKS,
        mapped=mapped,
        map=_map(mapped, state_rows(states, [mapped], sites, cover, asked)) if mapped else "",
        counts=queries.count_by_status(session, seen),
        stopped_since=_stopped_since(session),
        keys_wrong=_keys_wrong(session),
        unchecked=len(referrals.stale(session, today)),
        letters=letters.unread(session, seen),
        voices=voices.unread(session),
        doors=queries.by_door(session, today.replace(day=1), seen),
        door_words=DOORS,
        lost=replacement.lost_by_month(session, seen, since=today - LOST_SHOWN),
        papers=[expiry.line(paper, today) for paper in expiry.ending(session, today)],
        rules_ending=endings.rules_ending(session, today),
    )


def _keys_wrong(session: Session) -> list[str]:
    """What is wrong with the keys, a sentence each."""
    ring, public, today = Keyring.of(current_settings()), PublicKeys.of(current_settings()), clock.today()
    return [*keycheck.problems(ring, public, today), *keyloss.problems(session, ring, public, today)]


def _stopped_since(session: Session) -> datetime | None:
    """When triage last went well, if that is too long ago while something is open; 1970 if it never did."""
    last = slots.last(session, "triage") or datetime.fromtimestamp(0, UTC)
    return last if abs(clock.now() - last) > STOPPED_AFTER and queries.count_by_status(session) else None


def in_words(cell: Cell) -> str:
    """How long the pool of a cell lasts, as the table and the map say it."""
    if cell.level == "none":
        return "not sent here"
    if cell.level == "out":
        return "out of stock"
    if cell.days == inf:
        return "no requests"
    if cell.days > LONG_DAYS:
        return "over 2 years"
    return "1 day" if round(cell.days) == 1 else f"{cell.days:.0f} days"


blueprint.add_app_template_filter(in_words, "cover_in_words")


def _chosen(items: Sequence[Item]) -> Item | None:
    code = request.args.get("item", "")
    item = next((item for item in items if item.code == code), None)
    if code and item is None:
        raise NotFound(what="item", name=code[:40])
    return item


def _map(item: Item, rows: Iterable[Row]) -> Markup:
    paint = {
        row.state.code: Paint(
            css_class=f"map-{row.cells[0].level}",
            title=f"{row.state.name}: {in_words(row.cells[0])}",
            href=url_for("stockroom.listing", item=item.code, state=row.state.code, show="usable"),
        )
        for row in rows
    }
    label = f"Map of the states by days of cover of {item.name}. The table above says the same."
    return us_map([row.state for row in rows], paint, label=label)

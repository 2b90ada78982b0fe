"""The directory of help: programs and helplines, the nearest for a place, and which of them need a new check."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unicodedata import normalize

from sqlalchemy import String, cast, func, or_, select
from sqlalchemy.orm import Session

from distro import audit, outbox, slots
from distro.auth import Role, User
from distro.errors import InvalidInput, Refusal
from geo import referralfile
from geo.models import County, Referral, State
from geo.nearest import ALWAYS, STARTER, Help, areas_of, arrange, shipped
from geo.places import Place
from geo.referralfile import NATION

GOOD_FOR_DAYS = {"helpline": 90, "program": 180}  # a check; our own choice: a dead number costs more than a dead page
WARN_EVERY_S = 7 * 24 * 60 * 60
MOST_IN_A_MAIL = 30
A_DAY_AHEAD = timedelta(days=1)  # the day of whoever checks may have begun before ours, which is UTC's


class NoHelplineLeft(Refusal):
    """Pages for people in need would have no helpline to show them."""

    sentence = (
        "No helpline for the whole nation (US) would be left, and some people would see no number to call. "
        "Add one first. Nothing was changed."
    )


class AlreadyListed(Refusal):
    """The same entry stands in the directory: a form sent twice, most likely."""

    sentence = "“%(name)s” is in the directory already, and says the same. Nothing was added."


def nearest_help(
    session: Session, place: Place | None = None, *, state: str | None = None, limit: int = 6
) -> list[Help]:
    """Help for people at a place, `limit` in all: the lines of ALWAYS, its counties', its states', the nation's.

    `state` narrows a place that may lie in several, or stands alone where no more is known. Help of other states is
    never among it. Where nothing was ever loaded, the list that comes with the software answers.
    """
    listed = cast(Referral.areas, String)  # as JSON writes it: each area in quotes
    serves = [listed.contains(f'"{area}"', autoescape=True) for area in (NATION, *areas_of(place, state))]
    query = select(Referral).where(or_(Referral.code.in_(ALWAYS), *serves), ~Referral.withdrawn)
    rows = session.scalars(query.order_by(Referral.id)).all()
    if not rows and session.scalar(select(Referral.id).limit(1)) is None:
        return arrange(shipped(), place, state=state, limit=limit)
    return arrange([_help(row) for row in rows], place, state=state, limit=limit)


def stale(session: Session, today: date) -> list[Referral]:
    """Entries whose last check is too long ago, oldest first: 90 days for a helpline, 180 for a program."""
    rows = session.scalars(select(Referral).where(~Referral.withdrawn).order_by(Referral.checked_on, Referral.id))
    return [row for row in rows if is_stale(row, today)]


def is_stale(referral: Referral, today: date) -> bool:
    """Whether nobody has checked it for longer than a check is good for."""
    return not referral.withdrawn and (today - referral.checked_on).days > GOOD_FOR_DAYS[referral.kind]


def load(session: Session, source: Path, by: str, at: datetime) -> dict[str, int]:
    """Add what a YAML file names, change what is here under the same code, delete nothing; the counts.

    A later check than the file's stays, unless the file brings another number or address. Raises ReferralsWrong,
    which names line and entry, or NoHelplineLeft; then nothing is changed.
    """
    entries = referralfile.read(source.read_text(encoding="utf-8"), today=at.date() + A_DAY_AHEAD)
    known = {row.code: row for row in session.scalars(select(Referral))}
    referralfile.refuse(
        [f"{entry['code']}: {said}" for entry in entries for said in _unknown_areas(session, entry["areas"])]
    )
    counts = {"added": 0, "changed": 0, "same": 0}
    for entry in entries:
        if entry["code"] not in known:
            session.add(Referral(**entry))
            counts["added"] += 1
        else:
            counts["changed" if _update(known[entry["code"]], entry) else "same"] += 1
    _keep_one(session)
    if counts["added"] or counts["changed"]:
        reason = f"{counts['added']} added, {counts['changed']} changed"
        audit.record(session, actor=by, action="load referrals", subject="REFERRALS", reason=reason, at=at)
    return counts


def seed(session: Session, at: datetime) -> int:
    """Add the starter entries that are not here yet; how many. What staff changed or withdrew stays as it is."""
    known = set(session.scalars(select(Referral.code)))
    entries = referralfile.read(STARTER.read_text(encoding="utf-8"), today=date.max)
    new = [Referral(**entry) for entry in entries if entry["code"] not in known]
    session.add_all(new)
    session.flush()
    if new:
        reason = f"{len(new)} of the starter list added"
        audit.record(session, actor="system", action="load referrals", subject="REFERRALS", reason=reason, at=at)
    return len(new)


def export(session: Session) -> str:
    """The whole directory as a text that `load` reads."""
    names = referralfile.ReferralSchema().fields
    rows = session.scalars(select(Referral).order_by(Referral.id))
    return referralfile.write([{name: getattr(row, name) for name in names} for row in rows])


def add(session: Session, values: Mapping[str, Any], by: str, at: datetime) -> Referral:
    """Add an entry from what `referralfile.read_form` gives; its code comes from its name.

    Raises InvalidInput, NoHelplineLeft, or AlreadyListed if it stands there in full.
    """
    _check_areas(session, values["areas"])
    for other in session.scalars(select(Referral).where(Referral.name == values["name"], ~Referral.withdrawn)):
        if all(getattr(other, name) == value for name, value in values.items()):
            raise AlreadyListed(name=other.name)
    referral = Referral(**values, code=_free_code(session, values["name"]), checked_by=by)
    session.add(referral)
    _keep_one(session)
    _record(session, referral, "add referral", by, at, f"{referral.name}: {_reach(referral)}")
    return referral


def change(session: Session, referral: Referral, values: Mapping[str, Any], by: str, at: datetime) -> bool:
    """Change an entry; False if it says the same already. Raises InvalidInput or NoHelplineLeft."""
    _check_areas(session, values["areas"])
    changed = [name for name, value in values.items() if getattr(referral, name) != value]
    if "checked_on" in changed:
        referral.checked_by = by
    for name in changed:
        setattr(referral, name, values[name])
    if changed:
        _keep_one(session)
        _record(session, referral, "change referral", by, at, f"{', '.join(changed)}: {_reach(referral)}")
    return bool(changed)


def mark_checked(session: Session, referral: Referral, by: str, at: datetime) -> None:
    """Note that somebody called the number or opened the page today, and it is right."""
    referral.checked_on, referral.checked_by = at.date(), by
    _record(session, referral, "check referral", by, at, _reach(referral))


def withdraw(session: Session, referral: Referral, by: str, at: datetime) -> None:
    """Show an entry no more; it stays in the directory. Raises NoHelplineLeft."""
    referral.withdrawn = True
    _keep_one(session)
    _record(session, referral, "withdraw referral", by, at, _reach(referral))


def bring_back(session: Session, referral: Referral, by: str, at: datetime) -> None:
    """Show a withdrawn entry again."""
    referral.withdrawn = False
    _record(session, referral, "bring back referral", by, at, _reach(referral))


def warn(session: Session, at: datetime) -> int:
    """Once a week, mail managers and admins which entries need a check; how many mails were written."""
    old = stale(session, at.date())
    if not old or not slots.claim(session, "referrals", slots.slot_of(at, WARN_EVERY_S)):
        return 0
    lines = [f"- {row.name}: {_reach(row)}, {_since(row)} {row.checked_on}" for row in old[:MOST_IN_A_MAIL]]
    more = [f"and {len(old) - MOST_IN_A_MAIL} more."] if len(old) > MOST_IN_A_MAIL else []
    body = "\n".join(
        ["Please call or open these, then press “Checked today” under Rules, Referrals:", "", *lines, *more, ""]
    )
    subject = f"{len(old)} {'referral needs' if len(old) == 1 else 'referrals need'} checking"
    staff = select(User.email).where(User.role.in_((Role.MANAGER, Role.ADMIN)), User.active, User.email != "")
    addresses = session.scalars(staff.order_by(User.id)).all()
    for address in addresses:
        outbox.post(session, to=address, subject=subject, body=body, at=at)
    return len(addresses)


def _help(row: Referral) -> Help:
    return Help.of({name: getattr(row, name) for name in Help.__slots__})


def _update(row: Referral, entry: dict[str, Any]) -> bool:
    """Set what differs; whether anything did."""
    same_reach = all(getattr(row, name) == entry[name] for name in ("phone", "phone_es", "url"))
    if same_reach and row.checked_on > entry["checked_on"]:
        entry = {name: value for name, value in entry.items() if name not in ("checked_on", "checked_by")}
    changed = {name: value for name, value in entry.items() if getattr(row, name) != value}
    for name, value in changed.items():
        setattr(row, name, value)
    return bool(changed)


def _keep_one(session: Session) -> None:
    session.flush()
    lines = session.scalars(select(Referral).where(~Referral.withdrawn, Referral.kind == "helpline"))
    if not any(NATION in line.areas for line in lines):
        raise NoHelplineLeft


def _check_areas(session: Session, areas: Iterable[str]) -> None:
    """Raises InvalidInput if a state or county is not among the places loaded here."""
    unknown = _unknown_areas(session, areas)
    if unknown:
        raise InvalidInput(field="areas", problem=" ".join(unknown))


def _unknown_areas(session: Session, areas: Iterable[str]) -> list[str]:
    """A sentence for each; none while no places are loaded."""
    if session.scalar(select(func.count()).select_from(State)) == 0:
        return []
    wanted = [area for area in areas if area != NATION]
    states = set(session.scalars(select(State.code).where(State.code.in_(wanted))))
    fips = [area.removeprefix("county:") for area in wanted]
    counties = {f"county:{found}" for found in session.scalars(select(County.fips).where(County.fips.in_(fips)))}
    return [f"There is no place “{area}”." for area in wanted if area not in states | counties]


def _free_code(session: Session, name: str) -> str:
    """A code like the name that nothing has yet: `Harm Reduction Ohio` -> `harm-reduction-ohio`."""
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:35].strip("-") or "referral"
    taken = set(session.scalars(select(Referral.code).where(Referral.code.startswith(stem, autoescape=True))))
    numbered = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(code for code in (stem, *numbered) if code not in taken)


def _since(referral: Referral) -> str:
    return "last checked" if referral.checked_by else "not tried yet, compared with its source on"


def _reach(referral: Referral) -> str:
    return referral.phone or referral.url


def _record(session: Session, referral: Referral, action: str, by: str, at: datetime, reason: str) -> None:
    audit.record(session, actor=by, action=action, subject=f"REFERRAL-{referral.code}", reason=reason, at=at)

"""The papers that let us send: standing orders, county approvals, licences, registrations.

A credential holds from `valid_from` until the day before `expires_on`. Rules ask for one by its kind; nothing that
needs it is sent on a day it does not hold (`geo.rules` decides that, from `held`). When they end: `geo.expiry`.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Unpack

from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit
from distro.auth import User
from distro.errors import InvalidInput, NotFound, Refusal
from geo.credential_form import Fields
from geo.models import County, Credential, State, Zip
from geo.rules import Held


class Withdrawn(Refusal):
    """A withdrawn credential does not change any more."""

    sentence = "This paper was withdrawn on %(day)s, which cannot be undone. If it holds again, record it as a new one."


class AlreadyRecorded(Refusal):
    """The same paper stands in the list: a form sent twice, most likely."""

    sentence = "This paper is recorded already, under id %(id)s. Nothing was added."


class OtherWarehouses(Refusal):
    """Whoever looks after one warehouse has no say in the papers of others."""

    status = 403
    sentence = (
        "%(name)s looks after warehouse %(site)s alone, and this paper is for %(which)s. "
        "Ask someone who looks after all warehouses. Nothing was changed."
    )


def record(session: Session, *, by: str, at: datetime, **fields: Unpack[Fields]) -> Credential:
    """Record a paper.

    Raises InvalidInput if a place is not known, AlreadyRecorded if it stands there in full, OtherWarehouses.
    """
    check_warehouses(session, by, fields["sites"])
    _check_places(session, fields["places"])
    same = select(Credential).where(
        Credential.kind == fields["kind"],
        Credential.title == fields["title"],
        Credential.number == fields["number"],
        Credential.valid_from == fields["valid_from"],
        Credential.withdrawn_on.is_(None),
    )
    for other in session.scalars(same):
        if all(getattr(other, name) == value for name, value in fields.items()):
            raise AlreadyRecorded(id=other.id)
    credential = Credential(**fields, recorded_by=by, recorded_at=at)
    session.add(credential)
    session.flush()
    until = f"through {last_day(credential)}" if fields["expires_on"] else "without an end"
    reason = f"{credential.kind}, {credential.title}, from {credential.valid_from} {until}"
    audit.record(session, actor=by, action="record credential", subject=document(credential), reason=reason, at=at)
    return credential


def change(session: Session, credential: Credential, *, by: str, at: datetime, **fields: Unpack[Fields]) -> list[str]:
    """Correct what a credential says; gives back the names of the fields that changed, in their order.

    A new end means new warnings. Raises Withdrawn, OtherWarehouses for those it had and those it gets, and InvalidInput
    if a place is not known.
    """
    lock(session, credential)
    for sites in (credential.sites, fields["sites"]):
        check_warehouses(session, by, sites)
    _check_places(session, fields["places"])
    was, ended = {name: getattr(credential, name) for name in fields}, last_day(credential)
    changed = [name for name, value in fields.items() if was[name] != value]
    for name in changed:
        setattr(credential, name, fields[name])  # type: ignore[literal-required]
    if "expires_on" in changed:
        credential.warned_days = None
    if changed:
        session.flush()
        said = {name: f"{name} was {_plain(value)}" for name, value in was.items()}
        said |= {"note": "note", "expires_on": f"last day was {_plain(ended)}"}
        reason = "; ".join(said[name] for name in changed)
        audit.record(session, actor=by, action="change credential", subject=document(credential), reason=reason, at=at)
    return changed


def renew(
    session: Session, credential: Credential, *, expires_on: date, number: str, by: str, at: datetime
) -> Credential:
    """Give a credential a later end, and the number of the new paper; warnings begin anew.

    Raises Withdrawn, OtherWarehouses, and InvalidInput unless it ends later than it did, and later than today.
    """
    lock(session, credential)
    check_warehouses(session, by, credential.sites)
    if credential.expires_on is None:
        raise InvalidInput(field="last_day", problem="It has no end to renew. Correct it if it should have one.")
    if expires_on <= credential.expires_on:
        was = f"{last_day(credential):%B %-d, %Y}"
        problem = f"A renewal ends later than {was}, its last day now. To mend a wrong day, correct the paper instead."
        raise InvalidInput(field="last_day", problem=problem)
    if expires_on <= at.date():
        raise InvalidInput(field="last_day", problem="That day is past. Type the last day of the new paper.")
    ended, numbered = last_day(credential), credential.number
    credential.expires_on, credential.number, credential.warned_days = expires_on, number, None
    reason = f"last day {last_day(credential)}, was {ended}; number {number or '-'}, was {numbered or '-'}"
    session.flush()
    audit.record(session, actor=by, action="renew credential", subject=document(credential), reason=reason, at=at)
    return credential


def withdraw(session: Session, credential: Credential, *, on: date, by: str, at: datetime) -> Credential:
    """End a credential at once, for good; `on` is the day it was taken back, today or before.

    Raises Withdrawn if it is already, OtherWarehouses, InvalidInput if `on` is still to come.
    """
    lock(session, credential)
    check_warehouses(session, by, credential.sites)
    if on > at.date():
        problem = "A paper is withdrawn today or was before. If it ends on a later day, correct its end instead."
        raise InvalidInput(field="on", problem=problem)
    credential.withdrawn_on = on
    session.flush()
    reason = f"on {on}: {credential.kind}, {credential.title}"
    audit.record(session, actor=by, action="withdraw credential", subject=document(credential), reason=reason, at=at)
    return credential


def check_warehouses(session: Session, by: str, sites: Sequence[str]) -> None:
    """Raises OtherWarehouses if `by` looks after one warehouse and a paper is not for that one alone (none: any)."""
    site = session.scalar(select(User.site_code).where(User.username == by))
    if site is not None and set(sites) != {site}:
        raise OtherWarehouses(name=by, site=site, which=", ".join(sites) or "any warehouse")


def find(session: Session, credential_id: int) -> Credential:
    """The credential with that number. Raises NotFound."""
    credential = session.get(Credential, credential_id)
    if credential is None:
        raise NotFound(what="credential", name=credential_id)
    return credential


def lock(session: Session, credential: Credential) -> None:
    """See the credential as it stands now, and keep others from changing it. Raises Withdrawn."""
    session.refresh(credential, with_for_update=True)
    if credential.withdrawn_on is not None:
        raise Withdrawn(day=credential.withdrawn_on)


def every(session: Session) -> Sequence[Credential]:
    """All credentials, withdrawn ones too: those that end first on top, those without an end below."""
    order = (Credential.expires_on.is_(None), Credential.expires_on, Credential.kind, Credential.id)
    return session.scalars(select(Credential).order_by(*order)).all()


def held(session: Session) -> tuple[Held, ...]:
    """What decisions and the compiled table see: every credential not withdrawn, oldest record first."""
    rows = session.scalars(select(Credential).where(Credential.withdrawn_on.is_(None)).order_by(Credential.id))
    return tuple(
        Held(
            kind=row.kind,
            sites=frozenset(row.sites),
            places=frozenset(row.places),
            items=frozenset(row.items),
            valid_from=row.valid_from,
            expires_on=row.expires_on,
        )
        for row in rows
    )


def last_day(credential: Credential) -> date | None:
    """The last day it holds, as the paper says it: the one before `expires_on`; None if it does not end."""
    return None if credential.expires_on is None else credential.expires_on - timedelta(days=1)


def document(credential: Credential) -> str:
    """How the audit record names it."""
    return f"CREDENTIAL-{credential.id}"


def _check_places(session: Session, codes: Sequence[str]) -> None:
    """Raises InvalidInput for the first place that is not known. An area is known to its ruleset alone."""
    for code in codes:
        sort, _, name = code.rpartition(":")
        known = (
            code in ("US", "military")
            or sort == "area"
            or (sort == "county" and session.get(County, name) is not None)
            or (sort == "zip" and session.get(Zip, name) is not None)
            or (not sort and session.get(State, name) is not None)
        )
        if not known:
            what = {"county": "county", "zip": "ZIP code"}.get(sort, "state")
            raise InvalidInput(field="places", problem=f"There is no {what} “{name}”. Please check {code}.")


def _plain(value: object) -> str:
    return (", ".join(value) if isinstance(value, list) else str(value or "")) or "empty"

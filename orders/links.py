"""Addresses of ours for partners and campaigns. They count how many requests came by them in a month, and no more.

A code is five signs of Crockford's alphabet that sound unlike one another over the phone and spell no word. Codes are
printed on posters: nothing is secret about them, and what they lead to is the same page as everyone's.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from html import escape

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from distro import audit
from distro.errors import InvalidInput, NotFound
from orders.intake import LINK
from orders.models import Count, Link

LETTERS, DIGITS = "fhjkmqrwxy", "23456789"
SIGNS = LETTERS + DIGITS
LENGTH = 5
NAME_MOST = 80
LINKS_MOST = 2_000
MADE, CLOSED = "make link", "close link"  # actions in the record
STYLE = (
    "display:inline-block;padding:14px 22px;border-radius:12px;background:#0d5f57;color:#ffffff;"
    "font:600 18px/1.3 system-ui,sans-serif;text-decoration:none"
)


def clean(typed: str) -> str:
    """A code as we write it; nothing for what cannot be one."""
    code = typed.strip().lower() if len(typed) <= LENGTH * 4 else ""
    return code if len(code) == LENGTH and all(sign in SIGNS for sign in code) else ""


def open_code(session: Session, typed: str) -> str:
    """The code of an open link, or nothing. Nothing is asked of the database for what cannot be one."""
    code = clean(typed)
    return session.scalar(select(Link.code).where(Link.code == code, Link.closed_on.is_(None))) or "" if code else ""


def make(session: Session, *, name: str, by: str, at: datetime) -> Link:
    """A new link with a random code. Raises InvalidInput if it has no name, or there are too many."""
    called = " ".join(name.split())
    if not called or len(called) > NAME_MOST:
        raise InvalidInput(field="name", problem=f"Give it a name of 1 to {NAME_MOST} letters, such as the partner's.")
    taken = set(session.scalars(select(Link.code)))
    if len(taken) >= LINKS_MOST:
        raise InvalidInput(field="name", problem=f"There are {LINKS_MOST:,} links already.")
    while True:
        link = Link(code=_new_code(), name=called, made_on=at.date())
        try:
            with session.begin_nested():
                session.add(link)
        except IntegrityError:
            continue
        audit.record(session, actor=by, action=MADE, subject=link.code, reason=called, at=at)
        return link


def close(session: Session, link: Link, *, by: str, at: datetime) -> None:
    """Stop counting for it. Its address goes on leading to the first page."""
    if link.closed_on is None:
        link.closed_on = at.date()
        audit.record(session, actor=by, action=CLOSED, subject=link.code, reason=link.name, at=at)


def by_code(session: Session, typed: str) -> Link:
    """The link of a code, open or closed. Raises NotFound."""
    link = session.scalar(select(Link).where(Link.code == clean(typed)))
    if link is None:
        raise NotFound
    return link


def listed(session: Session) -> Sequence[Link]:
    """All of them, the open ones first, then by name."""
    found = session.scalars(select(Link)).all()
    return sorted(found, key=lambda link: (link.closed_on is not None, link.name.casefold(), link.id))


def counted(session: Session, code: str) -> Mapping[date, int]:
    """How many requests came by a link, by month, the latest first."""
    query = select(Count.month, Count.number).where(Count.kind == LINK, Count.key == code).order_by(Count.month.desc())
    return {row.month: row.number for row in session.execute(query)}


def in_month(session: Session, month: date) -> Mapping[str, int]:
    """How many requests came by each link in a month, by code."""
    query = select(Count.key, Count.number).where(Count.kind == LINK, Count.month == month)
    return {row.key: row.number for row in session.execute(query)}


def path(code: str, prefix: str) -> str:
    """The path of a link's page in the language that `prefix` stands for."""
    return f"{prefix}/v/{code}"


def snippet(address: str, words: str, tag: str) -> str:
    """A button in HTML for a partner's page, without script or picture, so that it tells us nothing of its readers."""
    return (
        f'<a href="{escape(address)}" hreflang="{tag}" lang="{tag}" rel="noreferrer noopener" '
        f'style="{STYLE}">{escape(words)}</a>'
    )


def _new_code() -> str:
    """A letter first, so that nobody takes it for a ZIP code."""
    return secrets.choice(LETTERS) + "".join(secrets.choice(SIGNS) for _ in range(LENGTH - 1))

"""Links for partners and campaigns: made, counted, closed; with a button for a page and a QR code for a poster."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import segno
from flask import Blueprint, Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from distro import clock, languages
from distro.auth import Role, guard
from distro.config import Surface, current_settings
from distro.db import db
from distro.errors import InvalidInput
from orders import links, smallcells
from orders.models import Link

blueprint = Blueprint("links", __name__, url_prefix="/links")
guard(blueprint, Role.MANAGER, Role.ADMIN)


@dataclass(frozen=True)
class Button:
    """A link in one language: its address, the words on it, the HTML to copy and a QR code to show."""

    code: str
    tag: str
    language: str
    direction: str
    address: str
    words: str
    snippet: str


@blueprint.get("")
def listing() -> ResponseReturnValue:
    """All the links, and the field for a new one."""
    return _listing()


@blueprint.post("")
def make() -> ResponseReturnValue:
    """Make one."""
    session, name = db.session(), request.form.get("name", "")
    try:
        link = links.make(session, name=name, by=current_user.username, at=clock.now())
    except InvalidInput as refusal:
        session.rollback()
        return _listing(name, str(refusal.facts["problem"])), refusal.status
    session.commit()
    flash(f"Made: the code is {link.code}.", "success")
    return redirect(url_for("links.one", code=link.code), 303)


@blueprint.get("/<code>")
def one(code: str) -> ResponseReturnValue:
    """What a partner needs of one, and how many requests came by it."""
    session = db.session()
    link = links.by_code(session, code)
    counted = {month: smallcells.in_words(number) for month, number in links.counted(session, link.code).items()}
    return render_template(
        "links/one.html", partner=link, buttons=_buttons(link), months=counted, hidden=smallcells.HIDDEN, **_where()
    )


@blueprint.get("/<code>/<language>.svg")
def square(code: str, language: str) -> ResponseReturnValue:
    """The QR code in a file, for whoever makes a poster."""
    link, home = links.by_code(db.session(), code), _home()
    known = {one.code: one for one in languages.spoken_by(current_app)}
    if language not in known or not home:
        abort(404)
    kept = BytesIO()
    address = home + links.path(link.code, known[language].prefix)
    segno.make(address, error="q", micro=False).save(kept, kind="svg", scale=10, border=4, light="#fff", xmldecl=True)
    headers = {"Content-Disposition": f'attachment; filename="{link.code}-{language}.svg"'}
    return Response(kept.getvalue(), mimetype="image/svg+xml", headers=headers)


@blueprint.post("/<code>/close")
def close(code: str) -> ResponseReturnValue:
    """Stop counting for one."""
    session = db.session()
    link = links.by_code(session, code)
    links.close(session, link, by=current_user.username, at=clock.now())
    session.commit()
    flash("Closed. The address still leads to the first page, but nothing is counted any more.", "success")
    return redirect(url_for("links.one", code=link.code), 303)


def _listing(typed: str = "", problem: str = "") -> str:
    session = db.session()
    month = clock.today().replace(day=1)
    counted = links.in_month(session, month)
    rows = [(link, smallcells.in_words(counted.get(link.code, 0))) for link in links.listed(session)]
    return render_template(
        "links/listing.html",
        rows=rows,
        month=month,
        typed={"name": typed},
        errors={"name": [problem]} if problem else {},
        hidden=smallcells.HIDDEN,
        **_where(),
    )


def _where() -> dict[str, Any]:
    """What the addresses begin with, and whether they are good for print: a setting's, and not the demo's."""
    settings = current_settings()
    return {"home": _home(), "is_set": bool(settings.public_url) and not settings.demo}


def _buttons(link: Link) -> list[Button]:
    """One for each language; none where this machine does not know the address of the participants' pages."""
    home, found = _home(), []
    for language in languages.spoken_by(current_app) if home else ():
        with languages.speaking(language.code):
            words = _("Free supplies by mail")
        address = home + links.path(link.code, language.prefix)
        found.append(
            Button(
                code=language.code,
                tag=language.tag,
                language=language.name,
                direction=language.direction,
                address=address,
                words=words,
                snippet=links.snippet(address, words, language.tag),
            )
        )
    return found


def _home() -> str:
    settings = current_settings()
    return settings.public_url or (request.host_url.rstrip("/") if settings.surface is Surface.ALL else "")

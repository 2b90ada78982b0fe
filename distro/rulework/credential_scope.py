"""What a paper may be for, by the catalog and the map: the choices of its form, and reading what was typed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marshmallow import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo import placewords
from geo.credential_form import CredentialForm, Fields, read
from inventory.models import Item, Site

FORMS = {"form:otc": "every over-the-counter medicine", "form:rx": "every prescription medicine"}


@dataclass(frozen=True, slots=True)
class Choices:
    """Code -> name, in the catalog's order: warehouses; items, then classes of items and forms of medicines."""

    sites: Mapping[str, str]
    items: Mapping[str, str]


def choices(session: Session) -> Choices:
    """What our catalog has that a paper can be for."""
    sites = dict(session.execute(select(Site.code, Site.name).order_by(Site.code)).all())
    rows = session.execute(select(Item.code, Item.name, Item.kind).order_by(Item.position, Item.id)).all()
    classes = {f"class:{kind}": f"every item of the class {kind}" for kind in sorted({row.kind for row in rows} - {""})}
    return Choices(sites, {row.code: row.name for row in rows} | classes | FORMS)


def read_paper(session: Session, typed: Mapping[str, Any], form: type[CredentialForm] = CredentialForm) -> Fields:
    """The paper that was typed, its places by name or code, its warehouses and items by codes of the catalog.

    Raises ValidationError with every fault by its field.
    """
    faults, codes, known = {}, [], choices(session)
    for name, what, some in (("sites", "warehouse", known.sites), ("items", "item", known.items)):
        wrong = _unknown(typed.get(name) or (), some)
        if wrong:
            faults[name] = [_no_such(what, wrong, some)]
    places = typed.get("places") or ""
    try:
        text = places if isinstance(places, str) else ";".join(places)
        codes = placewords.read_several(text, placewords.names(session)) if text.strip() else []
    except ValidationError as error:
        faults["places"] = [str(sentence) for sentence in error.messages]
    try:
        values = read({**typed, "places": codes}, form)
    except ValidationError as error:
        raise ValidationError({**error.messages_dict, **faults}) from None
    if faults:
        raise ValidationError(faults)
    return values


def _unknown(typed: str | list[str] | tuple[str, ...], known: Mapping[str, str]) -> str:
    """The first part between commas that holds a code we do not know; empty where there is none."""
    codes = {code.casefold() for code in known}
    texts = [typed] if isinstance(typed, str) else typed
    parts = (part.strip() for text in texts for part in re.split(r"[,;\n]", re.sub(r":\s+", ":", text)))
    return next((part for part in parts if any(word.casefold() not in codes for word in part.split())), "")


def _no_such(what: str, wrong: str, known: Mapping[str, str]) -> str:
    if not known:
        return f"There is no {what} “{wrong[:60]}”: the catalog is empty. Load it first."
    return f"There is no {what} “{wrong[:60]}”. Known: {', '.join(f'{code} ({name})' for code, name in known.items())}."

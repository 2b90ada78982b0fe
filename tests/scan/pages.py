"""What a browser finds on a page: its forms with their fields, and its links."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from distro import clock

TYPED = frozenset({"text", "search", "textarea", "email", "tel", "number", "url", "date", "password", "file"})
PAGES_OF_A_KIND = 2
NOT_FOLLOWED = ("sign_out", "leave")
GUESSES = {
    "zip": "43215",
    "state": "OH",
    "name": "Robin Example",
    "line1": "1 Sample St",
    "city": "Sampleton",
    "email": "robin@example.org",
    "phone": "614-555-0123",
    "quantity": "1",
    "reason": "A made-up reason",
    "url": "https://example.org/help",
    "key": "made-up-rule",
    "code": "made-up-area",
    "phone_es": "614-555-0123",
    "latitude": "39.96",
    "longitude": "-83.0",
    "areas": "OH",
    "places": "OH",
    "states": "OH",
    "username": "robin.example",
    "source_url": "https://example.org/law",
    "place": "",
    "valid_to": "",
    **dict.fromkeys(
        [
            "selectors",
            "min_age",
            "age_channels",
            "attest",
            "attest_es",
            "training",
            "credentials",
            "conditions",
            "recorded",
            "most_per_order",
            "most_units",
            "most_days",
            "enclosures",
            "in_person",
            "channels",
            "operators",
            "not_funds",
        ],
        "",
    ),
}
TICKED = ("item", "items", "sites")  # boxes that a form needs one of; others stay as the page has them


class Answer(Protocol):
    """What an answer has, from the application itself or over HTTP."""

    @property
    def status_code(self) -> int: ...
    @property
    def headers(self) -> Any: ...
    @property
    def text(self) -> str: ...
    @property
    def data(self) -> bytes: ...


class Visitor(Protocol):
    """Somebody who opens pages and sends forms, and is not led on by redirects."""

    def get(self, path: str, **options: Any) -> Answer: ...
    def post(self, path: str, **options: Any) -> Answer: ...


@dataclass
class Field:
    """One name of a form, and what the page would send for it."""

    name: str
    kind: str
    value: str = ""
    sent: bool = True
    choices: list[str] = field(default_factory=list)

    def filled(self) -> str:
        """What stands in it, or something that may be accepted there."""
        if self.choices:
            return self.value or next((choice for choice in self.choices if choice), "")
        if self.value or self.kind == "hidden":
            return self.value
        if self.name in GUESSES:
            return GUESSES[self.name]
        if self.kind == "date" or self.name.endswith("_on"):
            return (clock.today() + timedelta(days=400)).isoformat()
        return "1" if self.kind == "number" else "Sample"


@dataclass
class Form:
    """A form on a page."""

    page: str
    action: str
    method: str
    multipart: bool
    fields: list[Field] = field(default_factory=list)

    def names(self) -> list[str]:
        """Each name once, in the order of the page."""
        return list(dict.fromkeys(one.name for one in self.fields))

    def kind_of(self, name: str) -> str:
        """How a person fills that field."""
        return next(one.kind for one in self.fields if one.name == name)

    def filled(self) -> dict[str, str]:
        """A value for each name: what the page would send, with gaps filled in."""
        values: dict[str, str] = {}
        for one in self.fields:
            if one.kind == "checkbox" and not one.sent and one.name not in TICKED:
                continue
            if one.name not in values or (one.sent and one.kind in ("radio", "checkbox")):
                values[one.name] = one.filled()
        return values


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.page, self.forms, self.links = page, list[Form](), list[str]()
        self._form: Form | None = None
        self._area: Field | None = None
        self._other_doors: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a" and given.get("href", "").startswith("/"):
            self.links.append(given["href"].partition("#")[0])
        if tag == "form":
            action = given.get("action") or self.page
            multipart = given.get("enctype") == "multipart/form-data"
            self._form = Form(self.page, action, given.get("method", "get").lower(), multipart)
            self.forms.append(self._form)
        if self._form is None:
            return
        if tag == "option" and self._form.fields:
            last = self._form.fields[-1]
            last.choices.append(given.get("value", "1"))
            if "selected" in given:
                last.value = last.choices[-1]
        if "formaction" in given:
            self._other_doors.append(given["formaction"])
        name = given.get("name", "")
        if name and tag in ("input", "select", "textarea", "button"):
            kind = given.get("type", "text") if tag == "input" else tag
            ticked = kind not in ("radio", "checkbox") or "checked" in given
            self._form.fields.append(Field(name, kind, given.get("value", ""), ticked))
            self._area = self._form.fields[-1] if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area.value += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        if tag == "form" and self._form is not None:
            self.forms += [replace(self._form, action=door, method="post") for door in self._other_doors]
            self._form, self._other_doors = None, []


def read(page: str, html: str) -> tuple[list[Form], list[str]]:
    """The forms and the local links of a page."""
    reader = _Reader(page)
    reader.feed(html)
    return reader.forms, reader.links


def endpoint(app: Flask, path: str, method: str = "GET") -> str:
    """Which view answers a path; nothing if none does."""
    try:
        return str(app.url_map.bind("localhost").match(urlsplit(path).path, method.upper())[0])
    except (HTTPException, RequestRedirect):
        return ""


def crawl(app: Flask, visitor: Visitor, starts: list[str], *, send: bool = False) -> Iterator[tuple[str, list[Form]]]:
    """Every kind of page that can be reached by links from `starts`, and by forms too if they may be sent: its path
    and its forms. Of one kind no more than two are opened."""
    waiting: list[tuple[str, Form | None]] = [(path, None) for path in starts]
    opened: dict[str, int] = {}
    known: set[str] = set()
    while waiting:
        path, form = waiting.pop(0)
        method = form.method if form else "get"
        kind = f"{method} {endpoint(app, path, method)} {','.join(sorted(form.names())) if form else ''}"
        seen = f"{method} {path} {','.join(form.names()) if form else ''}"
        if seen in known or opened.get(kind, 0) >= PAGES_OF_A_KIND or kind.split(".")[-1].split()[0] in NOT_FOLLOWED:
            continue
        known.add(seen)
        opened[kind] = opened.get(kind, 0) + 1
        answer = visitor.post(path, data=form.filled()) if form and method == "post" else visitor.get(path)
        if answer.status_code in (302, 303):
            waiting.append((answer.headers["Location"], None))
        if answer.status_code != 200 or not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        forms, links = read(path, answer.text)
        yield path, forms
        waiting += [(link, None) for link in links]
        if send:
            waiting += [(one.action, one) for one in forms]

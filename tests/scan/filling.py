"""Hostile text into every field of every form, one field at a time, the others as they would be sent."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from flask import Flask

from tests.scan.inert import faults
from tests.scan.pages import TYPED, Answer, Form, Visitor, crawl, endpoint, read

PUBLIC_STARTS = ["/", "/es/", "/status", "/privacy"]
STAFF_STARTS = [
    "/staff",
    "/manage",
    "/desk",
    "/review",
    "/rules/",
    "/rules/drafts/",
    "/stock",
    "/planning",
    "/users",
    "/record",
    "/account",
]
NEVER_SENT = ("login.sign_out", "account.sign_out_everywhere", "users.end_sessions", "users.disable", "users.reset")
UNTOUCHED = ("csrf_token",)

Strings = Callable[[str, int], Iterable[str]]  # kind of a field and its number -> what to put into it


@dataclass
class Tally:
    """What was done, and what is wrong."""

    sent: int = 0
    taken: int = 0  # answered by a page or a redirect, not by a refusal
    fields: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Count what another did too."""
        self.sent, self.taken = self.sent + other.sent, self.taken + other.taken
        self.fields |= other.fields
        self.wrong += other.wrong

    def judge(self, where: str, answer: Answer, typed: str) -> None:
        """Count an answer, and keep what is wrong with it."""
        self.sent += 1
        self.taken += answer.status_code < 400
        self.wrong += [f"{where} given {typed[:40]!r}: {fault}" for fault in faults(answer, typed)]


def forms_of(app: Flask, visitor: Visitor, *, public: bool) -> list[Form]:
    """One form for each view and set of fields that can be reached."""
    found: dict[tuple[str, ...], Form] = {}
    for _page, forms in crawl(app, visitor, PUBLIC_STARTS if public else STAFF_STARTS, send=public):
        for form in forms:
            view = endpoint(app, form.action, form.method)
            if view and view not in NEVER_SENT:
                found.setdefault((form.method, view, *sorted(set(form.names()))), form)
    return list(found.values())


@dataclass
class Untried:
    """Gives each form to one person only, the first who is shown it: what is behind it is the same for all."""

    app: Flask
    known: set[tuple[str, ...]] = field(default_factory=set)

    def of(self, visitor: Visitor, *, public: bool) -> list[Form]:
        """The forms that nobody before was given."""
        found = []
        for form in forms_of(self.app, visitor, public=public):
            key = (form.method, endpoint(self.app, form.action, form.method), *sorted(set(form.names())))
            if key not in self.known:
                self.known.add(key)
                found.append(form)
        return found


def fill(
    app: Flask, visitor: Visitor, forms: Iterable[Form], strings: Strings, who: str, done: set[str] | None = None
) -> Tally:
    """Send each form once for each of its fields and each string, and follow what it leads to.

    Fields of a view that are in `done` are passed over; those filled are put there.
    """
    tally = Tally()
    for number, form in enumerate(forms):
        view, moved = endpoint(app, form.action, form.method), True
        for place, name in enumerate(name for name in form.names() if name not in UNTOUCHED):
            key = f"{bare(view)}.{name}"
            if done is not None and key in done:
                continue
            if done is not None:
                done.add(key)
            where = f"{who} {view}.{name}"
            tally.fields.add(f"{view}.{name}")
            for text in strings(form.kind_of(name), number + place):
                form = _anew(app, visitor, form, view) if moved else form
                answer = send(visitor, form, {name: text})
                moved = answer.status_code in (302, 303, 404, 409) or view.endswith(".done")
                tally.judge(where, answer, text)
                led = answer.headers.get("Location", "")
                if answer.status_code in (302, 303) and led.startswith("/"):
                    tally.judge(f"{where} -> {led}", visitor.get(led), text)
    return tally


def fill_together(app: Flask, visitor: Visitor, form: Form, strings: list[str], who: str) -> Tally:
    """Send a form with a string in every field that people type in, all at once, until each string was in each."""
    tally, view, moved = Tally(), endpoint(app, form.action, form.method), True
    for turn in range(len(strings)):
        form = _anew(app, visitor, form, view) if moved else form
        changed = {name: strings[(turn + 7 * place) % len(strings)] for place, name in enumerate(typed_names(form))}
        answer = send(visitor, form, changed)
        tally.judge(f"{who} {view} in all fields", answer, "\n".join(changed.values()))
        moved = answer.status_code in (302, 303, 404, 409)
    return tally


def look_around(app: Flask, visitor: Visitor, who: str, *, public: bool = False) -> Tally:
    """Every page as it stands now, after all that was stored."""
    tally = Tally()

    class Watched:
        def get(self, path: str, **options: Any) -> Answer:
            answer = visitor.get(path, **options)
            tally.judge(f"{who} {path}", answer, "")
            return answer

        post = visitor.post

    for _page in crawl(app, Watched(), PUBLIC_STARTS if public else STAFF_STARTS):
        pass
    return tally


def send(visitor: Visitor, form: Form, changed: dict[str, str]) -> Answer:
    """Send a form as its page would, but for what is `changed`."""
    values: dict[str, Any] = {**form.filled(), **changed}
    if form.method == "get":
        return visitor.get(form.action.partition("?")[0], query_string=values)
    if form.multipart:
        for one in form.fields:
            if one.kind == "file":
                content = str(values[one.name]).encode("utf-8", "surrogatepass")
                values[one.name] = (BytesIO(content), "made-up.yaml", "text/yaml")
        return visitor.post(form.action, data=values, content_type="multipart/form-data")
    return visitor.post(form.action, data=values)


def _anew(app: Flask, visitor: Visitor, form: Form, view: str) -> Form:
    """The form as its page shows it now, or one of the same view for another order; the old one if there is none."""
    if view.rpartition(".")[2] == "done":
        fresh = re.search(r'name="form" value="([^"]+)"', visitor.get("/").text)
        for one in form.fields:
            if one.name == "form" and fresh:
                one.value = fresh[1]
        return form
    if not endpoint(app, form.page) or form.method == "get":
        return form
    answer = visitor.get(form.page)
    if answer.status_code != 200:
        return form
    now = [one for one in read(form.page, answer.text)[0] if endpoint(app, one.action, one.method) == view]
    same = [one for one in now if one.action == form.action and set(one.names()) == set(form.names())]
    return (same or [one for one in now if set(one.names()) == set(form.names())] or [form])[0]


def bare(view: str) -> str:
    """A view without its language."""
    return view.removeprefix("en.").removeprefix("es.")


def typed_names(form: Form) -> list[str]:
    """The fields of a form that people write into."""
    return [name for name in form.names() if typed_into(form.kind_of(name))]


def typed_into(kind: str) -> bool:
    """Whether people write into a field of that kind."""
    return kind in TYPED

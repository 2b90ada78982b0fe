"""Too many at once: a few pages are made at a time, a few may wait, and everyone else hears so at once.

This stands before the application in each web worker. A refusal costs a fiftieth of a page, so a crowd cannot slow
down those who were let in. Who sends a request goes before who reads: the last places are kept for them. A refused
form comes back whole on a page that says that nothing was stored. No network has more than half of the places, so that
one client keeps nobody out; which networks are inside is known by a keyed hash, while they are.
"""

import hashlib
import hmac
import html
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from flask import Flask, current_app, json, render_template
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from distro import edge, languages
from distro.config import Settings, Surface
from distro.throttle import network_of
from orders import codes

Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]

CROWDED = _l("Too many people are here at once. Nothing was stored, and nothing you typed is lost.")
STAFF_CROWDED = "Too many pages are being made at once. Nothing was changed. Please try again in half a minute."
TOO_MANY = "Too many requests at once. Nothing was stored or changed."
RETRY_AFTER = 30  # seconds
MOST_BODY = 256 * 1024
MOST_KEPT = 300  # fields of a form that come back
WRITES = "/done"  # with a form of ours; anything else is let in as a reader is
ALWAYS = ("/livez", "/readyz", "/static/", "/bootstrap/")
SECRETS = ("password", "totp", "code")  # a staff form that holds one of these does not come back
_HOLE = "0hole0"

queued = threading.local()  # `.seconds`: how long the connection of this thread's request waited for it


@dataclass
class Gate:
    """Lets in so many who read and so many who write at a time; some of either may wait, for as long as `patience`.

    More at a time would not be quicker: they would share one processor, and the one lock for writing of SQLite.
    """

    readers: int
    writers: int
    readers_waiting: int
    writers_waiting: int
    patience: float  # seconds
    _inside: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})  # by whether they write
    _waiting: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})
    _taken: Counter[tuple[bool, bytes]] = field(default_factory=Counter)  # inside and waiting, by network
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def enter(self, writes: bool, waited: float = 0, network: bytes = b"") -> bool:
        """Whether there is a place, or will be before patience ends. Whoever gets one has to `leave`.

        A `network` gets half of the places at most; where none is known (b""), any. What they `waited` before counts.
        Who waited too long is not let in even if there is a place, so that a backlog melts away instead of slowing
        everyone.
        """
        left = self.patience - waited
        if left <= 0:
            return False
        with self._changed:
            if network and self._taken[writes, network] >= self._half(writes):
                return False
            self._taken[writes, network] += 1
            most_waiting = self.writers_waiting if writes else self.readers_waiting
            if not self._has_room(writes) and self._waiting[writes] < most_waiting:
                self._waiting[writes] += 1
                self._changed.wait_for(lambda: self._has_room(writes), left)
                self._waiting[writes] -= 1
            if not self._has_room(writes):
                self._forget(writes, network)
                return False
            self._inside[writes] += 1
            return True

    def leave(self, writes: bool, network: bytes = b"") -> None:
        """Give the place back."""
        with self._changed:
            self._inside[writes] -= 1
            self._forget(writes, network)
            self._changed.notify_all()

    def _half(self, writes: bool) -> int:
        places = (self.writers + self.writers_waiting) if writes else (self.readers + self.readers_waiting)
        return max(1, places // 2)

    def _forget(self, writes: bool, network: bytes) -> None:
        self._taken[writes, network] -= 1
        if not self._taken[writes, network]:
            del self._taken[writes, network]

    def _has_room(self, writes: bool) -> bool:
        if writes:
            return self._inside[True] < self.writers
        return self._inside[False] < self.readers and not self._waiting[True]  # who sends a request goes first


class Shedding:
    """The application behind two gates: one for participants, one for staff, who know each other and may wait."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.public = Gate(readers=2, writers=2, readers_waiting=4, writers_waiting=4, patience=0.25)
        self.staff = Gate(readers=6, writers=0, readers_waiting=8, writers_waiting=0, patience=5)
        self._pages: dict[tuple[str, str], tuple[str, str]] = {}
        self._key = secrets.token_bytes(32)
        self._settings: Settings = app.config["SETTINGS"]
        self._languages = languages.codes(app)
        self._way: Wsgi = self._answer
        if self._settings.proxies:  # as the application does once more
            self._way = ProxyFix(self._answer, x_for=self._settings.proxies, x_proto=self._settings.proxies)

    def __call__(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        """Answer, or say that there are too many."""
        edge.mark_bad_host(environ)
        return self._way(environ, start_response)

    def _answer(self, environ: Environ, start_response: Start) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(ALWAYS):
            return self.app(environ, start_response)
        body = _read_body(environ)  # before taking a place, so that a slow sender holds none
        public = self._is_public(environ)
        gate = self.public if public else self.staff
        writes = public and languages.of_path(path, self._languages)[1] == WRITES and self._is_our_form(environ, body)
        network = self._network(environ)
        if not gate.enter(writes, getattr(queued, "seconds", 0.0), network):
            return self._refuse(environ, start_response, body, public)
        try:
            return self.app(environ, start_response)
        finally:
            gate.leave(writes, network)

    def _is_our_form(self, environ: Environ, body: bytes) -> bool:
        """Whether someone posts a form that we gave out: junk takes no place from who sends a request."""
        if environ["REQUEST_METHOD"] != "POST":
            return False
        try:
            codes.peek_form(self._settings.secret_key, dict(_fields(environ, body, public=True)).get("form", ""))
        except codes.FormTampered:
            return False
        return True

    def _network(self, environ: Environ) -> bytes:
        found = network_of(environ.get("REMOTE_ADDR") or "")
        return hmac.digest(self._key, found.encode(), hashlib.sha256)[:8] if found else b""

    def _is_public(self, environ: Environ) -> bool:
        try:
            endpoint, _ = self.app.url_map.bind_to_environ(environ).match()
        except HTTPException:  # no such page, or not in this way: the application says so, as it does to strangers
            return True
        return str(endpoint).partition(".")[0] in self._languages

    def _refuse(self, environ: Environ, start_response: Start, body: bytes, public: bool) -> list[bytes]:
        wants_json = environ.get("HTTP_ACCEPT", "").startswith("application/json")
        page = json.dumps({"error": TOO_MANY}).encode() if wants_json else self._page(environ, body, public)
        headers = edge.bare_headers(self._settings.https) | {
            "Content-Type": "application/json" if wants_json else "text/html; charset=utf-8",
            "Content-Length": str(len(page)),
            "Retry-After": str(RETRY_AFTER),
        }
        if not public:
            headers["Content-Security-Policy"] = edge.POLICIES[Surface.STAFF]
        start_response("503 Service Unavailable", list(headers.items()))
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [page]

    def _page(self, environ: Environ, body: bytes, public: bool) -> bytes:
        """The page made once, with this form's address and fields put in."""
        method = "POST" if environ["REQUEST_METHOD"] == "POST" else "GET"
        path = environ.get("PATH_INFO", "").encode("latin-1", "replace").decode("utf-8", "replace")
        language = languages.of_path(path, self._languages)[0]
        root = ("/" if language == languages.SOURCE else f"/{language}/") if public else "staff"
        if (root, method) not in self._pages:
            self._pages[root, method] = self._make(root, method)
        before, after = self._pages[root, method]
        kept = _fields(environ, body, public) if method == "POST" else []
        inputs = "\n".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(text)}">' for name, text in kept
        )
        action = html.escape(environ.get("SCRIPT_NAME", "") + path)
        return f"{before.replace(_HOLE, action)}{inputs}{after.replace(_HOLE, action)}".encode("utf-8", "replace")

    def _make(self, root: str, method: str) -> tuple[str, str]:
        """The page before and after its hidden fields, with a hole for the address it is sent to again."""
        public = root != "staff"
        path = f"{root if public else '/'}{_HOLE}"
        with self.app.test_request_context(path, method=method):
            if public:
                page = render_template("public/again.html", sentence=str(CROWDED), kept=[(_HOLE, "")])
            else:
                facts = {"sentence": STAFF_CROWDED, "title": "Too many at once", "kept": [(_HOLE, "")]}
                page = current_app.jinja_env.get_template("away.html").render(facts)
        page = page.replace(f'action="{path}"', f'action="{_HOLE}"')
        before, _, after = page.partition(f'<input type="hidden" name="{_HOLE}" value="">')
        return before, after


def _read_body(environ: Environ) -> bytes:
    """The whole body, left for the application to read again; nothing of one too long, which it will refuse."""
    length = environ.get("CONTENT_LENGTH")
    if environ["REQUEST_METHOD"] in ("GET", "HEAD") or (length and int(length) > MOST_BODY):
        return b""
    if not length and not environ.get("wsgi.input_terminated"):
        return b""
    body: bytes = environ["wsgi.input"].read(int(length) if length else MOST_BODY + 1)
    environ["wsgi.input"] = BytesIO(body)
    return body


def _fields(environ: Environ, body: bytes, public: bool) -> list[tuple[str, str]]:
    """What a form held; nothing of a file, of something else, or of staff's secrets."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return []
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_KEPT)
    except ValueError:
        return []
    return pairs if public or not any(name in SECRETS for name, _ in pairs) else []

"""The edge of every answer: which host it was asked of, and the headers that say what a browser may do with it."""

import re
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, redirect, request
from flask.globals import request_ctx
from flask_babel import lazy_gettext as _l
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from distro import languages
from distro.config import Settings, Surface, current_settings
from distro.errors import Refusal, SettingWrong

_CLOSED = "default-src 'none'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
POLICIES = {
    Surface.PUBLIC: f"{_CLOSED}; style-src 'self'; img-src 'self' data:; script-src 'self'",
    Surface.STAFF: f"{_CLOSED}; style-src 'self'; img-src 'self' data:; "
    "script-src 'self'; font-src 'self'; connect-src 'self'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex",
}
ONLY_TLS = ("Strict-Transport-Security", "max-age=63072000; includeSubDomains")  # two years
FILES = ("static", "bootstrap.static")  # what is the same for everyone
KEPT = (200, 206, 304)
PUBLIC_BYTES = 128 * 1024  # a request with every field full is a twentieth of it
MOST_FIELDS = 1_000
_HOST = re.compile(  # labels of 63 letters at most (RFC 1035), or an IPv6 address
    r"(?=.{0,260}$)([a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]{2,45}\])?(:[0-9]{0,5})?", re.I
)
_BAD_HOST = "distro.bad_host"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class WrongHost(Refusal):
    """The host that was asked for is none of ours (RFC 9110, 15.5.20)."""

    status = 421
    sentence = _l("This address does not lead here. Please check it.")


class NoForm(Refusal):
    """Something was posted that is no form."""

    status = 415
    sentence = _l("This page could not be read. Please go back and try again.")


@dataclass(frozen=True)
class Hosts:
    """The host names of the surfaces a process serves; "" where a surface answers on any."""

    names: dict[Surface, str]

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The hosts of PUBLIC_URL and STAFF_URL, of the surfaces served. Raises SettingWrong if both are one.

        The demo has one host for all; its PUBLIC_URL only stands in messages.
        """
        urls = {Surface.PUBLIC: settings.public_url, Surface.STAFF: settings.staff_url}
        if settings.demo:
            urls = dict.fromkeys(urls, "")
        names = {surface: _host_of(urlsplit(url).netloc) for surface, url in urls.items()}
        if names[Surface.PUBLIC] and names[Surface.PUBLIC] == names[Surface.STAFF]:
            raise SettingWrong(name="STAFF_URL", problem="use another host than that of PUBLIC_URL")
        return cls({s: name for s, name in names.items() if settings.surface in (s, Surface.ALL)})

    def open_at(self, host: str) -> set[Surface]:
        """The surfaces that a host opens. A surface without a host of its own is open at any that is not another's."""
        taken = set(self.names.values())
        return {surface for surface, name in self.names.items() if name == host or (not name and host not in taken)}


def mark_bad_host(environ: dict[str, Any]) -> None:
    """Put a name that leads nowhere in the place of a host that cannot be one, for `_check_host` to refuse."""
    if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
        environ["HTTP_HOST"], environ[_BAD_HOST] = "host.invalid", True  # RFC 2606


def guard(app: Flask, settings: Settings) -> None:
    """Answer each host with its own pages alone, and let in only forms of a sensible size."""
    app.extensions["hosts"] = Hosts.of(settings)
    app.before_request(_check_host)
    app.before_request(_check_body)


def face() -> Surface:
    """Which surface the answer to this request looks like: the host's, else the page's."""
    hosts: Hosts = current_app.extensions["hosts"]
    here = hosts.open_at(_host_of(request.host)) or set(hosts.names)
    if len(here) == 1:
        return here.pop()
    return Surface.PUBLIC if request.blueprint in (None, *languages.codes()) else Surface.STAFF


def send_headers(response: Response) -> Response:
    """Put the headers on an answer. Only files that are the same for everyone may be kept by a browser."""
    response.headers["Content-Security-Policy"] = POLICIES[face()]
    for name, value in HEADERS.items():
        response.headers[name] = value
    if current_settings().https and not _host_of(request.host).endswith(".onion"):  # an onion host has no certificate
        response.headers[ONLY_TLS[0]] = ONLY_TLS[1]
    if request.endpoint in FILES and response.status_code in KEPT:
        response.cache_control.public = True
    else:
        response.headers["Cache-Control"] = "no-store"
        response.headers.remove("ETag")
        response.headers.remove("Last-Modified")
    return response


def bare_headers(https: bool) -> dict[str, str]:
    """The headers of an answer that is made without the application."""
    only_tls = [ONLY_TLS] if https else []
    policy = {"Content-Security-Policy": POLICIES[Surface.PUBLIC], "Cache-Control": "no-store"}
    return HEADERS | policy | dict(only_tls)


def _check_host() -> Response | None:
    if request.environ.get(_BAD_HOST):
        raise WrongHost
    hosts: Hosts = current_app.extensions["hosts"]
    page = _surface_asked()
    if page is None and request.url_rule is not None:  # health and files, which any host has
        return None
    here = hosts.open_at(_host_of(request.host))
    if not here:
        raise WrongHost
    if page is Surface.PUBLIC and page not in here and request.path == "/":
        return redirect("/staff")
    if page is not None and page not in here:
        abort(404)
    return None


def _surface_asked() -> Surface | None:
    """Whose page the path leads to, whatever the method; None if it is nobody's or everybody's."""
    endpoint = request.endpoint or _endpoint_despite(request.routing_exception)
    blueprint = endpoint.rpartition(".")[0]
    if not endpoint or endpoint in FILES or blueprint == "health":
        return None
    return Surface.PUBLIC if blueprint in languages.codes() else Surface.STAFF


def _endpoint_despite(problem: HTTPException | None) -> str:
    """The page at a path that was asked for in a way it does not answer; "" if there is none."""
    adapter = request_ctx.url_adapter
    try:
        if isinstance(problem, MethodNotAllowed) and adapter and problem.valid_methods:
            return str(adapter.match(method=next(iter(problem.valid_methods)))[0])
        if isinstance(problem, RequestRedirect) and adapter:
            return str(adapter.match(path_info=urlsplit(problem.new_url).path)[0])
    except HTTPException:
        return ""
    return ""


def _check_body() -> None:
    """Refuse what is no form, and too much of one, before a page reads it. There is no door here for anything else."""
    if request.method != "POST" or request.url_rule is None:
        return
    if request.blueprint in languages.codes():
        request.max_content_length = PUBLIC_BYTES
    if request.mimetype not in FORMS and (request.content_length or "Transfer-Encoding" in request.headers):
        raise NoForm
    if sum(1 for _ in request.form.items(multi=True)) > MOST_FIELDS:
        abort(413)


def _host_of(netloc: str) -> str:
    """The name in `name:port`, in lower case; "" if it is none."""
    try:
        return (urlsplit(f"//{netloc}").hostname or "").rstrip(".")
    except ValueError:
        return ""

"""Where wrong tries are counted: passwords, second factors, claim codes, and a provider that does not answer.

A client's address is read here and where places are shared out (`distro.shedding`), and kept nowhere. A request for
supplies is never counted, and a right claim code is never refused for wrong ones. Whoever is refused waits ten minutes
at most.
"""

from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, current_app, request
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from distro import clock, languages
from distro.errors import Refusal
from distro.throttle import Throttle

WRONG_SIGN_INS = 20
WRONG_PASSWORDS = 5  # for one account from one network: a stranger elsewhere locks nobody out
WRONG_CODES = 200  # of an 80-bit code even that is nothing; whole towns may share a network
TIMES_AWAY = 30  # that a provider did not answer, or not as one does
CODE_PAGES = ("status", "cancel", "erase")
SIGN_IN_PAGES = ("login.enter", "login.enter_code")
PROVIDER_PAGES = ("provider.go", "provider.arrive")


class TooMany(Refusal):
    """Too many wrong tries from one network in ten minutes."""

    status = 429
    sentence = _l("There were too many wrong tries just now. Please wait ten minutes, and try again.")


@dataclass(frozen=True)
class _Tries:
    sign_in: Throttle
    account: Throttle
    code: Throttle
    provider: Throttle


def guard(app: Flask) -> None:
    """Refuse more tries than are borne. What signs in counts its wrong ones itself; wrong claim codes are seen here."""
    app.extensions["wrong tries"] = _Tries(*map(Throttle, (WRONG_SIGN_INS, WRONG_PASSWORDS, WRONG_CODES, TIMES_AWAY)))
    app.before_request(_check)
    app.after_request(_count_code)


def may_try(username: str) -> bool:
    """Whether this client's network may go on trying passwords for an account."""
    return _tries().account.allows(_address(), clock.now(), username.casefold())


def count_password(username: str) -> None:
    """Count a password that was refused."""
    _tries().account.count(_address(), clock.now(), username.casefold())
    count_sign_in()


def count_sign_in() -> None:
    """Count a password or a second factor that was refused."""
    _tries().sign_in.count(_address(), clock.now())


def count_away() -> None:
    """Count that a provider was asked in vain, which may have taken seconds."""
    _tries().provider.count(_address(), clock.now())


def _check() -> None:
    throttle = None
    if request.endpoint in SIGN_IN_PAGES and request.method == "POST":
        throttle = _tries().sign_in
    if request.endpoint in PROVIDER_PAGES:
        throttle = _tries().provider
    if throttle and not throttle.allows(_address(), clock.now()):
        raise TooMany(seconds=throttle.retry_after(clock.now()))


def _count_code(response: Response) -> Response:
    """After the code was looked up, so that a right one is answered and each wrong one takes as long as any other."""
    blueprint, _, page = (request.endpoint or "").rpartition(".")
    is_code = request.method == "POST" and blueprint in languages.codes() and page in CODE_PAGES
    if not is_code or response.status_code != HTTPStatus.NOT_FOUND:
        return response
    throttle, now = _tries().code, clock.now()
    if not throttle.allows(_address(), now):
        refusal = TooMany(seconds=throttle.retry_after(now))
        return current_app.make_response(current_app.handle_user_exception(refusal))
    throttle.count(_address(), now)
    return response


def _address() -> str:
    return request.remote_addr or ""


def _tries() -> _Tries:
    tries: _Tries = current_app.extensions["wrong tries"]
    return tries

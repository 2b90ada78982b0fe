"""create_app: the only place that knows every part."""

import gzip
from collections.abc import Iterable
from contextlib import suppress
from http import HTTPStatus
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, current_app, has_request_context, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, gettext
from flask_babel import lazy_gettext as _l
from jinja2 import StrictUndefined
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError, InterfaceError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.wrappers import Response

from distro import databasecheck, edge, health, languages
from distro.accounts import tries
from distro.auth import guard_of, open_to_all
from distro.config import Settings, Surface
from distro.db import db, init_db
from distro.errors import Refusal, where_it_broke
from orders import public

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ROOT = Path(__file__).parent.parent
BROKEN = _l("Something went wrong. Nothing was lost. Please try again.")
BUSY_OR_AWAY = "The database is busy or away. Nothing was changed. Please try again in a minute."
SEND_AGAIN = "The database is busy or away. Nothing was changed. Go back and send the form again."
REFUSED_ON_STAFF = {
    400: "a form of staff without its token, or malformed, was refused",
    403: "a page of staff was refused",
    429: "a sign-in was refused after too many wrong tries",
}
COMPRESS_FROM = 500  # bytes; below it gzip gains nothing

AWAY = (DatabaseError, InterfaceError, PoolExhausted)
OUR_FAULT = (DataError, IntegrityError, ProgrammingError)  # of those, what says nothing about the database


class Unreadable(Refusal):
    """A request holds a NUL character, which no keyboard types and PostgreSQL does not store, or a nameless field."""

    status = 400
    sentence = _l("This page could not be read. Please go back and try again.")


class App(Flask):
    """Flask, but an exception is logged without its message, which may quote what someone typed.

    A host that cannot be one is taken out before anything trips over it.
    """

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        edge.mark_bad_host(environ)
        return super().__call__(environ, start_response)

    def log_exception(self, exc_info: Any) -> None:
        """Log what broke and where."""
        self.logger.error("%s: %s", request.endpoint, where_it_broke(exc_info[1]))


def create_app(settings: Settings) -> Flask:
    """The application for one instance, with the doors its surface opens. Raises SettingWrong."""
    databasecheck.check_way(settings.database_url)
    app = App("distro", root_path=str(ROOT / "distro"), template_folder=str(ROOT / "templates"))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SETTINGS=settings,
        SESSION_COOKIE_NAME="__Host-staff" if settings.https else "staff",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        MAX_FORM_PARTS=100,  # of a form with a file
        BOOTSTRAP_SERVE_LOCAL=True,
        SEND_FILE_MAX_AGE_DEFAULT=600,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guard of each staff blueprint checks it
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # no page sends a referrer; the cookie is SameSite=Strict
        BABEL_TRANSLATION_DIRECTORIES=";".join(map(str, languages.folders(settings.translations))),
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    init_db(app)
    app.extensions["languages"] = languages.spoken(settings.translations)
    app.jinja_env.globals.update(language=languages.current_language, other_languages=languages.others)
    Babel(app, locale_selector=_locale)
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)  # type: ignore[method-assign]
    edge.guard(app, settings)
    app.register_blueprint(health.blueprint)
    if settings.surface is not Surface.STAFF:
        open_to_all(public.blueprint, *languages.codes(app))
        for language in languages.spoken_by(app):
            app.register_blueprint(public.blueprint, name=language.code, url_prefix=language.prefix or None)
    if settings.surface is not Surface.PUBLIC:
        import_module("distro.staff").open_to(app, settings)  # by name: a public process never reads the staff's code
    app.before_request(_refuse_nul)
    app.after_request(edge.send_headers)
    app.after_request(_compress)
    tries.guard(app)  # its answer gets the headers too: what comes last here is done first
    app.register_error_handler(Refusal, _refuse)
    for kind in AWAY:
        app.register_error_handler(kind, _answer_database_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    return app


def routes(app: Flask) -> list[dict[str, object]]:
    """Every address of the app: path, methods, and which roles its guard lets in (`none`: open to all)."""
    return [
        {
            "path": rule.rule,
            "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
            "guard": "none" if rule.endpoint in ("static", "root") else guard_of(rule.endpoint.rpartition(".")[0]),
        }
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    ]


def _locale() -> str:
    return languages.of_path(request.path, languages.codes())[0] if has_request_context() else languages.SOURCE


def _refuse_nul() -> None:
    """Refuse a NUL anywhere in path, query or form, once for all pages."""
    typed = [*request.args.items(multi=True), *request.form.items(multi=True)]
    # The name of a part that has none is None, whatever the types say.
    if any(text is None or "\0" in text for text in (request.path, *(text for pair in typed for text in pair))):
        raise Unreadable


def _compress(response: Response) -> Response:
    """Gzip text. What is got holds no code and nothing typed, so its length tells an onlooker nothing new.

    Answers to posted forms do hold them and are not compressed, lest their length give them away (BREACH).
    """
    if request.method != "GET" or edge.face() is not Surface.PUBLIC:
        return response
    response.vary.add("Accept-Encoding")
    if (
        request.accept_encodings["gzip"] > 0
        and (response.mimetype or "").startswith("text/")
        and response.status_code == HTTPStatus.OK
    ):
        response.direct_passthrough = False
        body = response.get_data()
        if len(body) >= COMPRESS_FROM:
            response.set_data(gzip.compress(body, 6, mtime=0))
            response.headers["Content-Encoding"] = "gzip"
    return response


def _refuse(refusal: Refusal) -> ResponseReturnValue:
    _roll_back()
    _note_refused(refusal.status)
    answer = current_app.make_response(_error_page(str(refusal), refusal.status))
    if isinstance(refusal, tries.TooMany):
        answer.headers["Retry-After"] = str(refusal.facts["seconds"])
    return answer


def _answer_database_error(problem: SQLAlchemyError) -> ResponseReturnValue:
    """The database is away, or refused what we sent: say so on a page that does not need it."""
    current_app.logger.error("%s: %s", request.endpoint, where_it_broke(problem))
    _roll_back()
    if isinstance(problem, OUR_FAULT):
        return _error_page(str(BROKEN), 500)
    return _away_page()


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:  # a redirect
        return error.get_response()
    _roll_back()
    sentences = {
        400: gettext("This page could not be read. Please go back and try again."),
        401: gettext("Please sign in."),
        404: gettext("There is no page here. Please check the address."),
        405: gettext("This page cannot be opened this way. Please start again."),
        413: gettext("That was too much to send at once. Please shorten it."),
    }
    code = error.code or 500
    _note_refused(code)
    if isinstance(getattr(error, "original_exception", None), AWAY):  # no page could be made of another error
        return _away_page()
    answer = current_app.make_response(_error_page(str(sentences.get(code, BROKEN)), code))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))  # RFC 9110, 15.5.6
    return answer


def _note_refused(status: int) -> None:
    """Leave a line where staff's side refused somebody: no role for it, no token of a form, too many tries."""
    if status in REFUSED_ON_STAFF and edge.face() is Surface.STAFF:
        current_app.logger.warning(REFUSED_ON_STAFF[status])


def _roll_back() -> None:
    with suppress(SQLAlchemyError):  # a connection that is gone cannot, and need not, be rolled back
        db.session.rollback()


def _error_page(sentence: str, status: int) -> ResponseReturnValue:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=sentence), status
    staff = edge.face() is Surface.STAFF
    facts = {"sentence": sentence, "title": HTTPStatus(status).phrase}
    if staff and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # Not by render_template, which would first ask the database who is signed in.
        kept = _posted() if status == HTTPStatus.SERVICE_UNAVAILABLE else []
        return current_app.jinja_env.get_template("away.html").render(facts, kept=kept), status
    return render_template("refusal.html" if staff else "public/refusal.html", **facts), status


def _away_page() -> ResponseReturnValue:
    return _error_page(SEND_AGAIN if _posted() else BUSY_OR_AWAY, HTTPStatus.SERVICE_UNAVAILABLE)


def _posted() -> list[tuple[str, str]]:
    """What was posted, for sending it again; nothing where a password or a code of the second factor is among it."""
    return [] if {"password", "code"} & request.form.keys() else list(request.form.items(multi=True))

"""create_app: the only place that knows every part."""

import gzip
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, current_app, has_request_context, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, gettext
from flask_bootstrap import Bootstrap5
from flask_migrate import Migrate
from jinja2 import StrictUndefined
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from distro import health, login, mailbox, overview
from distro.auth import csrf, guard_of, login_manager
from distro.config import Settings, Surface
from distro.db import db, init_db
from distro.errors import Refusal, where_it_broke
from geo import desk as rules_desk
from inventory import planning, stockroom
from orders import desk, public, review

ROOT = Path(__file__).parent.parent
STAFF: tuple[Blueprint, ...] = (
    login.blueprint,
    overview.blueprint,
    rules_desk.blueprint,
    stockroom.blueprint,
    planning.blueprint,
    desk.blueprint,
    review.blueprint,
)
PUBLIC_SECURITY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
STAFF_SECURITY = PUBLIC_SECURITY + "; script-src 'self'; font-src 'self'; connect-src 'self'"
COMPRESS_FROM = 500  # bytes; below it gzip gains nothing
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class App(Flask):
    """Flask, but an exception is logged without its message, which may quote what someone typed."""

    def log_exception(self, exc_info: Any) -> None:
        """Log what broke and where."""
        self.logger.error("%s: %s", request.endpoint, where_it_broke(exc_info[1]))


def create_app(settings: Settings) -> Flask:
    """The application for one instance, with the doors its surface opens."""
    app = App("distro", root_path=str(ROOT / "distro"), template_folder=str(ROOT / "templates"))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SECRET_KEY=settings.secret_key,
        SETTINGS=settings,
        SESSION_COOKIE_NAME="__Host-staff" if settings.https else "staff",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=256 * 1024,
        MAX_FORM_MEMORY_SIZE=256 * 1024,
        BOOTSTRAP_SERVE_LOCAL=True,
        SEND_FILE_MAX_AGE_DEFAULT=600,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guard of each staff blueprint checks it
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # no page sends a referrer; the cookie is SameSite=Strict
        BABEL_TRANSLATION_DIRECTORIES=str(ROOT / "distro" / "translations"),
    )
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    init_db(app)
    Migrate(app, db, directory=str(ROOT / "distro" / "migrations"), render_as_batch=True)
    Babel(app, locale_selector=_locale)
    app.register_blueprint(health.blueprint)
    if settings.surface is not Surface.STAFF:
        app.register_blueprint(public.blueprint, name="en")
        app.register_blueprint(public.blueprint, name="es", url_prefix="/es")
    if settings.surface is not Surface.PUBLIC:
        _open_staff_side(app, settings)
    app.after_request(_send_headers)
    app.register_error_handler(Refusal, _refuse)
    app.register_error_handler(HTTPException, _answer_http_error)
    return app


def routes(app: Flask) -> list[dict[str, object]]:
    """Every address of the app: path, methods, and which roles its guard lets in (`none`: open to all)."""
    return [
        {
            "path": rule.rule,
            "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
            "guard": "none" if rule.endpoint == "static" else guard_of(rule.endpoint.rpartition(".")[0]),
        }
        for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule)
    ]


def _open_staff_side(app: Flask, settings: Settings) -> None:
    csrf.init_app(app)
    login_manager.init_app(app)
    Bootstrap5(app)
    for blueprint in STAFF:
        app.register_blueprint(blueprint)
    if settings.demo:
        app.register_blueprint(mailbox.blueprint)


def _locale() -> str:
    return "es" if has_request_context() and (request.path + "/").startswith("/es/") else "en"


def _send_headers(response: Response) -> Response:
    public = request.blueprint in (None, "en", "es")
    response.headers["Content-Security-Policy"] = PUBLIC_SECURITY if public else STAFF_SECURITY
    response.headers.extend(HEADERS)
    if request.endpoint == "static":
        response.cache_control.public = True
    else:
        response.headers["Cache-Control"] = "no-store"
    if public:
        _compress(response)
    return response


def _compress(response: Response) -> None:
    """Gzip text. Public pages hold no cookie and no secret of ours, so a length tells an onlooker nothing new."""
    response.vary.add("Accept-Encoding")
    if (
        "gzip" in request.accept_encodings.values()
        and (response.mimetype or "").startswith("text/")
        and response.status_code == HTTPStatus.OK
    ):
        response.direct_passthrough = False
        body = response.get_data()
        if len(body) >= COMPRESS_FROM:
            response.set_data(gzip.compress(body, 6, mtime=0))
            response.headers["Content-Encoding"] = "gzip"


def _refuse(refusal: Refusal) -> ResponseReturnValue:
    db.session.rollback()
    return _error_page(str(refusal), refusal.status)


def _answer_http_error(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:  # a redirect
        return error.get_response()
    sentences = {
        400: gettext("This page could not be read. Please go back and try again."),
        401: gettext("Please sign in."),
        404: gettext("There is no page here. Please check the address."),
        405: gettext("This page cannot be opened this way. Please start again."),
        413: gettext("That was too much to send at once. Please shorten it."),
    }
    code = error.code or 500
    return _error_page(sentences.get(code, gettext("Something went wrong. Nothing was lost. Please try again.")), code)


def _error_page(sentence: str, status: int) -> ResponseReturnValue:
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        return jsonify(error=sentence), status
    settings: Settings = current_app.config["SETTINGS"]
    staff = request.blueprint not in (None, "en", "es") or settings.surface is Surface.STAFF
    template = "refusal.html" if staff else "public/refusal.html"
    return render_template(template, sentence=sentence, title=HTTPStatus(status).phrase), status

"""The staff side: every page behind a sign-in. A process that serves only the public never loads it."""

from flask import Blueprint, Flask
from flask_bootstrap import Bootstrap5

from distro import mailbox, overview, record_pages
from distro.accounts import account_pages, join_pages, login, provider_pages, sessions, user_pages
from distro.auth import csrf, login_manager
from distro.config import Settings, Surface
from distro.files import own_secret
from distro.rulework import area_pages, change_pages, credential_desk, draft_pages, rule_editor, rule_map, rule_pages
from geo import referral_desk
from inventory import planning, stockroom
from orders import address_desk, carrier, desk, keyed_desk, letter_desk, link_desk, recall_desk, review, voice_desk

BLUEPRINTS: tuple[Blueprint, ...] = (
    login.blueprint,
    join_pages.blueprint,
    provider_pages.blueprint,
    account_pages.blueprint,
    user_pages.blueprint,
    overview.blueprint,
    record_pages.blueprint,
    rule_pages.blueprint,
    rule_map.blueprint,
    draft_pages.blueprint,
    rule_editor.blueprint,
    area_pages.blueprint,
    change_pages.blueprint,
    credential_desk.blueprint,
    referral_desk.blueprint,
    stockroom.blueprint,
    planning.blueprint,
    desk.blueprint,
    carrier.blueprint,
    review.blueprint,
    address_desk.blueprint,
    recall_desk.blueprint,
    letter_desk.blueprint,
    link_desk.blueprint,
    voice_desk.blueprint,
    keyed_desk.blueprint,
)


def open_to(app: Flask, settings: Settings) -> None:
    """Give an application its staff pages; the mailbox only in a demo."""
    app.config["SECRET_KEY"] = settings.staff_key or own_secret(settings.instance / "staff-secret.key")
    app.config["PERMANENT_SESSION_LIFETIME"] = sessions.ABSOLUTE  # no older cookie is read
    csrf.init_app(app)
    login_manager.init_app(app)
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if settings.demo:
        app.register_blueprint(mailbox.blueprint)
    if settings.surface is Surface.STAFF:
        app.add_url_rule("/", "root", redirect_to="/staff")

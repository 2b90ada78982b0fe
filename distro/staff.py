"""The staff side: every page behind a sign-in. A process that serves only the public never loads it."""

from flask import Blueprint, Flask
from flask_bootstrap import Bootstrap5

from distro import login, mailbox, overview
from distro.auth import csrf, login_manager
from distro.config import Settings, Surface
from distro.rulework import area_pages, change_pages, credential_desk, draft_pages, rule_editor, rule_map, rule_pages
from geo import referral_desk
from inventory import planning, stockroom
from orders import desk, review

BLUEPRINTS: tuple[Blueprint, ...] = (
    login.blueprint,
    overview.blueprint,
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
    review.blueprint,
)


def open_to(app: Flask, settings: Settings) -> None:
    """Give an application its staff pages; the mailbox only in a demo."""
    csrf.init_app(app)
    login_manager.init_app(app)
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if settings.demo:
        app.register_blueprint(mailbox.blueprint)
    if settings.surface is Surface.STAFF:
        app.add_url_rule("/", "root", redirect_to="/staff")

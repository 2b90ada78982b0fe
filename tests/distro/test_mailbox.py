import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

from flask.testing import FlaskClient

from distro import clock
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from tests.depot import TOTP_SECRET, Depot, code_now, sign_in, type_password


@contextmanager
def packer_at(depot: Depot, settings: Settings) -> Iterator[FlaskClient]:
    """A signed-in packer on an app with these settings."""
    depot.session.commit()
    app = create_app(settings)
    client = app.test_client()
    sign_in(client, "packer")
    yield client
    with app.app_context():
        db.engine.dispose()


def test_the_demo_shows_what_its_mail_server_caught(depot: Depot, settings: Settings) -> None:
    with packer_at(depot, replace(settings, demo=True)) as client:
        assert "No message yet" in client.get("/mailbox").text
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "manager@example.org", "Reorder naloxone – Columbus <1>"
        mail.set_content("Order about 40 now.\n")
        settings.mailbox.mkdir(parents=True)
        (settings.mailbox / "1.eml").write_bytes(mail.as_bytes())
        (settings.mailbox / "2.eml").write_bytes(b"\xff\xfe not a mail at all")
        page = client.get("/mailbox").text
    assert "Reorder naloxone – Columbus &lt;1&gt;" in page and "Order about 40 now." in page
    assert "manager@example.org" in page


def test_the_demo_shows_the_codes_of_its_own_accounts(depot: Depot, settings: Settings) -> None:
    accounts = [
        {"username": "packer", "totp_secret": TOTP_SECRET},
        {"username": "someone-invited", "totp_secret": None},
    ]
    (settings.instance / "demo-accounts.json").write_text(json.dumps(accounts))
    demo = replace(settings, demo=True)
    with packer_at(depot, demo) as client, clock.at(datetime(2026, 11, 22, 9, 0, 12, tzinfo=UTC)):
        visitor = client.application.test_client()
        page = visitor.get("/mailbox").text
        assert f">{code_now()}</dd>" in page and "for 18 more seconds" in page
        assert page.count("<dd ") == 1 and TOTP_SECRET not in page
        type_password(visitor, "packer")
        asked = visitor.get("/sign-in/code").text
        assert 'href="/mailbox"' in asked and code_now() not in asked


def test_outside_the_demo_no_page_shows_or_links_to_codes(depot: Depot, settings: Settings) -> None:
    (settings.instance / "demo-accounts.json").write_text(json.dumps([{"username": "x", "totp_secret": TOTP_SECRET}]))
    with packer_at(depot, settings) as client:
        visitor = client.application.test_client()
        assert visitor.get("/mailbox").status_code == 404
        type_password(visitor, "packer")
        assert "mailbox" not in visitor.get("/sign-in/code").text


def test_without_the_demo_there_is_no_mailbox(depot: Depot, settings: Settings) -> None:
    with packer_at(depot, settings) as client:
        assert client.get("/mailbox").status_code == 404

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.message import EmailMessage

from flask.testing import FlaskClient

from distro.app import create_app
from distro.config import Settings
from distro.db import db
from tests.depot import Depot, sign_in


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


def test_without_the_demo_there_is_no_mailbox(depot: Depot, settings: Settings) -> None:
    with packer_at(depot, settings) as client:
        assert client.get("/mailbox").status_code == 404

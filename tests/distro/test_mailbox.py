from dataclasses import replace
from email.message import EmailMessage

from distro.app import create_app
from distro.config import Settings
from tests.depot import Depot, sign_in


def test_the_demo_shows_what_its_mail_server_caught(depot: Depot, settings: Settings) -> None:
    client = create_app(replace(settings, demo=True)).test_client()
    depot.session.commit()
    sign_in(client, "packer")
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
    client = create_app(settings).test_client()
    depot.session.commit()
    sign_in(client, "packer")
    assert client.get("/mailbox").status_code == 404

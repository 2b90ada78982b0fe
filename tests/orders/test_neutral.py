"""P17: what others may see says nothing: titles, addresses, file names, labels, slips, the carrier's file, senders."""

import csv
import re
import subprocess
from dataclasses import replace
from io import StringIO
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock, languages
from distro.outbox import Message
from orders import cards, carrier, labels
from orders.identity import open_words
from orders.intake import Person
from orders.models import Order
from orders.telling import Contact, News, tell
from orders.words import Words
from tests.depot import Depot
from tests.neutral import telling
from tests.orders.forms import filled

ROBIN = Person("Robin Example", "1 Sample St", "Apt 4", "Sampleton", "OH", "43215", language="es")
NAMED = re.compile(r'(?:href|action|formaction|src)="(/[^"]*)"')
TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
STEPS = ("/", "/answer", "/where", "/contact", "/check", "/learn", "/law", "/done")


def seen(text: str) -> list[str]:
    """The telling words in a page's title, icon and own addresses."""
    title = TITLE.search(text)
    assert title, text[:200]
    icons = re.findall(r'<link rel="icon" href="([^"]*)"', text)
    assert icons == ["data:,"]
    return [word for one in (title.group(1), *NAMED.findall(text)) for word in telling(one)]


def test_no_address_of_a_participants_page_says_what_it_is(app: Flask) -> None:
    mine = [rule.rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in languages.codes(app)]
    assert len(mine) > 40
    assert {path: telling(path) for path in mine if telling(path)} == {}
    assert not any(telling(name) for name in cards.deck().cards)


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_no_title_or_link_of_a_page_says_what_it_is(client: FlaskClient, depot: Depot, prefix: str) -> None:
    paths = ["/", "/status", "/privacy", "/safety", "/cards", "/law", "/learn", "/nowhere"]
    paths += ["/told", "/voice", "/v/fhjkm"]
    found = {}
    for path in (*paths, *(f"/cards/{name}" for name in cards.deck().cards)):
        found[path] = seen(client.get(prefix + path).text)
    form = {**filled(client), "todo": "naloxone-basics", "asked": "1"}
    for path in STEPS:
        found[f"POST {path}"] = seen(client.post(prefix + path, data=form).text)
        found[f"POST {path}, wrong"] = seen(client.post(prefix + path, data={}).text)
    code = re.findall(r'id="claim-code">([^<]+)<', client.post(prefix + "/done", data=filled(client)).text)[0]
    for path in ("/status", "/cancel", "/erase"):
        found[f"POST {path}"] = seen(client.post(prefix + path, data={"code": code}).text)
    assert {path: words for path, words in found.items() if words} == {}


def test_no_label_slip_or_file_says_what_it_is(client: FlaskClient, depot: Depot) -> None:
    return_lines = depot.site("OH").return_lines
    pdf = labels.label_and_slip(ROBIN, number="7K3M9QXA", return_lines=return_lines, contents=[("A", 2)])
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    assert telling(done.stdout.decode()) == []
    row = next(csv.DictReader(StringIO(carrier.as_csv([(Order(number="7K3M9QXA"), ROBIN)]))))
    assert telling(" ".join([*row, *row.values()])) == []
    for path in ("/cards.pdf", "/es/cards.pdf"):
        paper = client.get(path)
        info = subprocess.run(["pdfinfo", "-"], input=paper.data, capture_output=True, check=True).stdout.decode()
        assert telling(paper.headers["Content-Disposition"] + info) == [], info


def test_no_message_or_sender_says_what_it_is(app: Flask, depot: Depot) -> None:
    settings = replace(depot.settings, smtp_host="127.0.0.1", sms_provider="twilio", public_url="https://example.org")
    ways = [{"email": "robin@example.org"}, {"phone": "6145550100"}]
    asked = [(way, news, code) for way in ways for news in News for code in ("en", "es")]
    with app.app_context():
        for way, news, code in asked:
            contact = Contact(**way, says=news is News.SHIPPED, language=code)  # the subject never says it
            tell(depot.session, settings, contact, news, uid=uuid4(), at=clock.now())
        boxes = depot.session.scalars(select(Message).where(Message.sealed.is_not(None)).order_by(Message.id)).all()
    assert len(boxes) == len(asked)
    for box, (_, news, _) in zip(boxes, asked, strict=True):
        assert box.uid and box.epoch and box.sealed
        said = open_words(depot.keys, Words(box.uid, box.epoch, box.sealed))
        seen_by_others = [said["subject"], "" if news is News.SHIPPED else said["body"]]
        assert telling(" ".join(seen_by_others)) == []
        assert not re.search(r"suppl(?!ies@)|suministro", " ".join(seen_by_others), re.IGNORECASE)
    assert telling(settings.mail_from) == telling(settings.participant_mail_from) == []


@pytest.mark.parametrize(
    "text",
    [
        "<title>Naloxone</title>",
        '<title>A</title><a href="/kit">x</a>',
        '<title>A</title><form action="/es/sobredosis">',
    ],
)
def test_the_check_finds_what_is_planted(text: str) -> None:
    assert seen('<link rel="icon" href="data:,">' + text)

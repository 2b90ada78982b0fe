"""The sealed box of a request is as long as any other, whatever a browser posts; so its length says nothing."""

import hashlib
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from distro.keys.sealing import BUCKETS, MOST, OVERHEAD
from geo import ruletext
from orders import cards
from orders.eligibility import needed
from orders.identity import open_person
from orders.intake import Person
from orders.models import Order
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import code_in, fields, filled, filled_group

LONG = "\u1e9e"  # a letter that labels take, of 3 bytes
LEARNT = next(iter(cards.deck().trainings))
ASKED = 5  # statements that a request may have to agree to at once, under keys as long as a key may be
WIDEST = {
    **dict.fromkeys(("name", "line1", "line2", "care_of", "urbanization", "organisation"), LONG * 60),
    "city": LONG * 40,
    "contact": "email",
    "email": f"{'a' * 62}@{'.'.join(['b' * 60] * 3)}.com",
    "says": "yes",
    "untracked": "yes",
    "kind": "other",
    "county": "unsure",
    "age": "21-",
    "plan": "\U0001f600" * 1_000,
}
JUNK = ["\x01" * 60, '"' * 60, "\\" * 60, "OH-x.00000000", *(f"OH-{'k' * 55}{place:02}.00000000" for place in range(9))]


def asking(depot: Depot) -> list[str]:
    """Rules that want statements and a training of one item; gives the keys that agreement is kept under."""
    texts = {f"US-{'a' * 55}-{place}": f"I say {place}." for place in range(ASKED)}
    rules = [
        rule("US", "naloxone-nasal", "allow", key=key, attest=text, attest_es="Sí.", training=LEARNT)
        for key, text in texts.items()
    ]
    put_in_force(depot.session, ruletext.new("Rules that ask", "2", rules))
    depot.session.commit()
    return [f"{key}.{hashlib.sha256(text.encode()).hexdigest()[:8]}" for key, text in texts.items()]


def send(client: FlaskClient, path: str, form: dict[str, Any]) -> None:
    """Send it, once its doubts are seen."""
    seen = fields(client.post(f"{path}/check", data=form).text).get("sure", "")
    code_in(client.post(f"{path}/done", data={**form, "sure": seen}))


def newest(depot: Depot) -> tuple[int, Person]:
    """How long the text of the box is made, and who is in it."""
    query = select(Order).order_by(Order.id.desc()).limit(1).options(undefer_group("box"))
    order = depot.session.scalars(query).one()
    return len(order.sealed or b"") - OVERHEAD, open_person(order, depot.keys)


def test_everything_at_its_longest_fits_and_nothing_else_is_kept(client: FlaskClient, depot: Depot) -> None:
    keys, learnt = asking(depot), [cards.mark(LEARNT), "no mark"]
    wide: dict[str, Any] = {**WIDEST, "agree": [*JUNK, *keys], "trained": learnt}
    send(client, "", filled(client, **wide))
    length, person = newest(depot)
    assert (length, person.agreed, person.trained) == (BUCKETS[0], tuple(keys), (LEARNT,))
    assert (person.name, person.email, person.untracked) == (LONG * 60, WIDEST["email"], True)
    send(client, "/groups", filled_group(client, **wide))
    length, person = newest(depot)
    assert (length, person.agreed, len(person.plan)) == (BUCKETS[1], tuple(keys), 1_000)


def test_without_the_rules_what_has_no_room_is_left_to_a_person() -> None:
    """As while the database is away: what a browser posts is cut, and never too long to seal."""
    kept = needed(None, [*JUNK, *(f"OH-{place}.00000000" for place in range(200))], [f"t{'t' * 58}"] * 40)
    assert not set(JUNK[:3]) & set(kept["agreed"]) and JUNK[3] in kept["agreed"]
    texts: dict[str, Any] = dict.fromkeys(("name", "line1", "line2", "care_of", "urbanization"), LONG * 60)
    person = Person(**texts, city=LONG * 40, state="OH", zip="43215", reply_key="f" * 64, **kept)
    text = person.to_text()
    assert MOST[0] - 100 < len(text) <= MOST[0]
    read = Person.from_text(text)
    assert read.agreed == person.agreed[: len(read.agreed)] and read.name == person.name and not read.trained
    assert Person.from_text(Person(**texts, city="", state="OH", zip="").to_text()).agreed == ()


def test_an_e_mail_address_that_takes_twice_its_room_is_asked_for_again(client: FlaskClient, depot: Depot) -> None:
    quoted = '"' + '\\"' * 60 + '"@example.com'
    answer = client.post("/done", data=filled(client, contact="email", email=quoted))
    assert answer.status_code == 422 and "claim-code" not in answer.text

"""The status page while something asked for with a code is not done yet; and the Enter key where it is asked."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from distro import clock
from orders import instructions
from orders.instructions import CANCEL, CORRECT, ERASE, LOST, MESSAGE
from orders.models import Order, Status
from tests.depot import Depot

NONCE = b"0123456789abcdef"
DAY = "or now if you like"
# What is pending -> how far it is, what the page says then, and what it must not say or offer.
READS = {
    CANCEL: (
        Status.RECEIVED,
        ("We are stopping it now", "You can ask again at any time"),
        (
            "Correct the address",
            "Write to us",
            "Cancel my request",
            "We check each request",
            "ships in",
            "It never came",
        ),
    ),
    CORRECT: (
        Status.RECEIVED,
        ("We are changing the address now", "We check the new one as we did the first"),
        ("ships in", "It never came", "It is in the mail"),
    ),
    LOST: (
        Status.SHIPPED,
        ("We look into it now", "If the first package comes after all, keep both", DAY),
        ("It never came", "Mail most often takes", "you can tell us here"),
    ),
    MESSAGE: (Status.SHIPPED, ("We have your message.", "It is in the mail", "It never came", DAY), ("right now",)),
    ERASE: (
        Status.SHIPPED,
        ("We are erasing your address now", "Keep your code: from now on"),
        (DAY, "It never came", "Order again", "Erase my address", "Write to us", "Mail most often", "tell us here"),
    ),
}


def pending(depot: Depot, kind: str, status: Status) -> None:
    order: Order = depot.request(nonce=NONCE)
    order.status = status
    order.closed_on = clock.today() - timedelta(days=12) if status == Status.SHIPPED else None
    instructions.ask(depot.session, order, kind, b"x" * 32, at=clock.now())
    depot.session.commit()


@pytest.mark.parametrize("kind", READS)
def test_what_is_pending_reads_well(client: FlaskClient, depot: Depot, kind: str) -> None:
    status, says, never = READS[kind]
    pending(depot, kind, status)
    page = client.post("/status", data={"code": depot.code_of(NONCE)}).text
    assert [words for words in says if words not in page] == []
    assert [words for words in never if words in page] == []
    spanish = client.post("/es/status", data={"code": depot.code_of(NONCE)}).text
    assert [words for words in (*says, *never) if words in spanish] == []


@pytest.mark.parametrize(
    ("path", "status"), [("/correct", Status.RECEIVED), ("/again", Status.SHIPPED), ("/message", Status.RECEIVED)]
)
def test_the_enter_key_does_what_the_button_does(client: FlaskClient, depot: Depot, path: str, status: Status) -> None:
    """It presses the first button of a form; on a page without one of its own there is none to mimic."""
    order = depot.request(nonce=NONCE)
    order.status, order.closed_on = status, clock.today() if status == Status.SHIPPED else None
    depot.session.commit()
    for prefix in "", "/es":
        page = client.post(f"{prefix}{path}", data={"code": depot.code_of(NONCE)}).text
        first = re.search(r"<button[^>]*>", page)
        own = re.search(r'<button class="go"[^>]*>', page)
        assert first and own and 'name="yes" value="1"' in first[0] and 'name="yes" value="1"' in own[0]
    assert 'name="yes"' not in client.post("/status", data={"code": depot.code_of(NONCE)}).text

from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from distro import clock
from orders import retention, workflow
from orders.lookup import _NEWS, WRONG_CODES_A_MINUTE, Bucket
from orders.models import Status
from tests.depot import Depot

NONCE = b"0123456789abcdef"
WRONG = "7K3M-9QXA-2B4C-5D6E-0"


def test_a_code_shows_how_far_a_request_is_and_nothing_else(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    page = client.post("/status", data={"code": depot.code_of(NONCE).lower().replace("-", " ")})
    assert page.status_code == 200 and "We have your request. We check it next." in page.text and "week of" in page.text
    for secret in ("Robin", "Sample St", "Sampleton", "43215", "Ohio", "aloxone nasal"):
        assert secret not in page.text


def test_every_step_has_its_words() -> None:
    assert set(_NEWS) == set(Status)


def test_every_wrong_code_gets_the_same_answer(client: FlaskClient, depot: Depot) -> None:
    order = depot.request(nonce=NONCE)
    code = depot.code_of(NONCE)
    client.post("/erase", data={"code": code, "yes": "1"})
    depot.session.refresh(order)
    assert order.sealed is None and order.status == "cancelled"
    pages = set()
    for path in ("/status", "/cancel", "/erase"):
        for typed in (code, WRONG, "nonsense", "", "😀", "x" * 10_000):
            answer = client.post(path, data={"code": typed})
            assert answer.status_code == 404 and "Set-Cookie" not in answer.headers
            pages.add(answer.text.replace(f'value="{typed}"', 'value=""'))
    assert len(pages) == 1


def test_many_wrong_codes_are_slowed_down_for_a_while_and_a_right_one_never(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    erased = depot.request(nonce=NONCE[::-1])
    retention.erase(depot.session, erased, at=clock.now())
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with clock.at(start):
        for _ in range(WRONG_CODES_A_MINUTE):
            assert client.post("/status", data={"code": WRONG}).status_code == 404
        for code in (WRONG, "nonsense", depot.code_of(NONCE[::-1])):
            answer = client.post("/status", data={"code": code})
            assert answer.status_code == 429 and "wait a minute" in answer.text
        for path, words in (("/status", "We have your request"), ("/cancel", "Cancel this request?")):
            answer = client.post(path, data={"code": depot.code_of(NONCE)})
            assert answer.status_code == 200 and words in answer.text
        assert client.post("/erase", data={"code": depot.code_of(NONCE), "yes": "1"}).status_code == 200
    with clock.at(start + timedelta(minutes=1)):
        assert client.post("/status", data={"code": WRONG}).status_code == 404


def test_right_codes_are_never_counted(client: FlaskClient, depot: Depot) -> None:
    depot.request(nonce=NONCE)
    for _ in range(WRONG_CODES_A_MINUTE + 5):
        assert client.post("/status", data={"code": depot.code_of(NONCE)}).status_code == 200


def test_the_bucket_never_holds_more_than_its_size() -> None:
    start = datetime(2026, 11, 22, 12, tzinfo=UTC)
    bucket = Bucket(2, 2, start)
    assert [bucket.take(start + timedelta(days=9)) for _ in range(3)] == [True, True, False]
    assert not bucket.take(start)  # a clock that goes back gives nothing
    assert bucket.left == 0


def test_cancelling_asks_first_and_then_stops_the_order(client: FlaskClient, depot: Depot) -> None:
    depot.shelve()
    order = depot.allocated(nonce=NONCE)
    code = depot.code_of(NONCE)
    assert "Cancel this request?" in client.post("/cancel", data={"code": code}).text
    depot.session.refresh(order)
    assert order.status == "allocated"
    assert "Your request is cancelled" in client.post("/cancel", data={"code": code, "yes": "1"}).text
    depot.session.refresh(order)
    assert order.status == "cancelled"
    page = client.post("/status", data={"code": code}).text
    assert "Nothing will be sent" in page and "Cancel my request" not in page and "erased in the week" in page


@pytest.mark.parametrize("path", ["/cancel", "/erase"])
def test_after_the_label_it_is_too_late(client: FlaskClient, depot: Depot, path: str) -> None:
    depot.shelve()
    order = depot.allocated(nonce=NONCE)
    packer = depot.user("packer")
    workflow.claim(depot.session, order, packer)
    workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())
    workflow.note_label(depot.session, order, by="packer", at=clock.now())
    depot.session.commit()
    answer = client.post(path, data={"code": depot.code_of(NONCE), "yes": "1"})
    assert answer.status_code == 409 and "too late" in answer.text and order.number not in answer.text
    depot.session.refresh(order)
    assert order.status == "packed" and order.sealed is not None


def test_the_pages_for_a_code_lead_to_its_field(client: FlaskClient, session: Session) -> None:
    for path in ("/cancel", "/erase"):
        assert client.get(f"/es{path}").headers["Location"] == "/es/status"

from flask.testing import FlaskClient

from distro import audit
from orders.models import Order, Status
from tests.depot import Depot, sign_in
from tests.staff import post, said


def held(depot: Depot) -> Order:
    depot.shelve("syringe-kit", site="MN", lot="SYR")
    order = depot.request({"syringe-kit": 1}, zip="10001", state="NY", name="Canary Quill")
    depot.settle()
    assert order.status == Status.HELD
    return order


def test_the_page_says_what_decides_and_not_who(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    page = client.get("/review").text
    assert order.number in page and "NY" in page and "Syringe kit" in page and order.note in page
    assert "Canary" not in page and "10001" not in page


def test_release_sends_it_on_and_leaves_a_record(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/release", reason="Counsel said yes").location == "/review"
    depot.settle()
    assert order.status == Status.ALLOCATED
    assert audit.count(depot.session, action="release", subject=order.document) == 1


def test_decline_closes_it(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/decline", reason="Not lawful there").status_code == 303
    depot.session.expire_all()
    assert order.status == Status.DECLINED
    assert "Nothing is held" in client.get("/review").text


def test_no_decision_without_a_reason(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    for step in ("release", "decline"):
        answer = post(client, f"/review/{order.number}/{step}", reason="  ")
        assert answer.status_code == 422 and "Say why" in said(answer)[0]
    depot.session.expire_all()
    assert order.status == Status.HELD


def test_two_managers_cannot_both_decide(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    post(client, f"/review/{order.number}/decline", reason="First")
    answer = post(client, f"/review/{order.number}/release", reason="Second")
    assert answer.status_code == 409 and "declined" in said(answer)[0]


def test_packers_do_not_decide(depot: Depot, client: FlaskClient) -> None:
    sign_in(client, "packer")
    assert client.get("/review").status_code == 403

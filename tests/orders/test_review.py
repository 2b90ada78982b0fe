import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import audit
from distro.audit import AuditEntry
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


def test_the_rules_are_said_in_words_and_linked(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    [decided] = (order.decision or {}).values()
    sign_in(client, "manager")
    for rules, said_of_them in (
        (["NY-1"], "Syringe kit: rule NY-1 forbids it."),
        (["NY-1", "US-2", "US-3"], "Syringe kit: rule NY-1 and 2 more forbid it."),
    ):
        order.decision = {"syringe-kit": {**decided, "effect": "deny", "rules": rules}}
        depot.session.commit()
        page = client.get("/review").text
        assert said_of_them in page and all(f"#{rule}" in page for rule in rules)


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
        assert answer.status_code == 422 and "Choose a reason" in said(answer)[0]
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


def test_each_reason_to_look_is_said_in_plain_words_with_the_number_and_no_address(
    depot: Depot, client: FlaskClient
) -> None:
    depot.item("naloxone-nasal").household_limit = {"units": 4, "days": 30}
    depot.shelve(quantity=50)
    for _ in range(2):
        depot.request({"naloxone-nasal": 2}, line1="5 Canary Row")
    for name in ("Canary Quill", "Canary Clinic"):
        depot.request({"naloxone-nasal": 1}, line1="5 canary row", name=name)
    depot.settle()
    sign_in(client, "manager")
    page = client.get("/review").text
    assert page.count("This address got 4 of Naloxone nasal in the last 30 days, and asks for 1. The limit is 4.") == 2
    assert "The name on it reads like an organization." in page and "It is request number 3 to this address" in page
    assert "anary" not in page and "43215" not in page


def test_an_address_that_cannot_be_checked_is_said(depot: Depot, client: FlaskClient) -> None:
    order = depot.request(state="MN")  # its ZIP code lies in Ohio
    depot.settle()
    sign_in(client, "manager")
    page = client.get("/review").text
    assert ">Address</span>" in page and f"/address/{order.number}" in page and "do not count it" not in page


def test_the_reason_chosen_has_to_fit_the_button(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    for step, why, wanted in (("release", "no-limit", "releasing"), ("decline", "yes-fine", "declining")):
        answer = post(client, f"/review/{order.number}/{step}", why=why, reason="A reason")
        assert answer.status_code == 422 and wanted in said(answer)[0]
    for why in ("yes-other", "yes-", ""):
        answer = post(client, f"/review/{order.number}/release", why=why)
        wanted = "Choose again" if why == "yes-" else "in the field beside it"  # no words
        assert answer.status_code == 422 and wanted in said(answer)[0]
    depot.session.expire_all()
    assert order.status == Status.HELD
    assert post(client, f"/review/{order.number}/release", why="yes-fine", reason="Seen").status_code == 303
    entry = depot.session.scalars(select(audit.AuditEntry).where(audit.AuditEntry.action == "release")).one()
    assert entry.reason == "I looked at it, and it is fine. Seen"


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("no-limit", "You can ask again, or call one of the helplines."),
        ("no-address", "We could not be sure that the package would arrive."),
        ("no-group", "This read like a request for a group."),
        ("no-law", "The rules there do not let us."),
        ("no-robot", "You can ask again, or call one of the helplines."),
        ("no-other", "You can ask again, or call one of the helplines."),
    ],
)
def test_who_asked_reads_why_in_kind_words_and_who_else_can_help(
    depot: Depot, client: FlaskClient, why: str, told: str
) -> None:
    nonce = b"0123456789abcdef"
    order = depot.request({"naloxone-nasal": 1}, name="Sample Clinic", nonce=nonce)
    depot.settle()
    sign_in(client, "manager")
    assert post(client, f"/review/{order.number}/decline", why=why, reason="Talked it over").status_code == 303
    page = client.post("/status", data={"code": depot.code_of(nonce)}).text
    assert told in page and "Talked" not in page and 'href="tel:' in page
    assert client.post("/es/status", data={"code": depot.code_of(nonce)}).text.count(told) == 0


def test_a_reason_with_an_address_is_refused_and_kept_nowhere(depot: Depot, client: FlaskClient) -> None:
    order = held(depot)
    sign_in(client, "manager")
    for step, why in (("release", "yes-fine"), ("decline", "no-address")):
        answer = post(client, f"/review/{order.number}/{step}", why=why, reason="moved to 4711 Quiet Ln")
        assert answer.status_code == 422 and "Do not write names, addresses or phone numbers here" in said(answer)[0]
    depot.session.expire_all()
    assert order.status == Status.HELD
    assert not [entry for entry in depot.session.scalars(select(AuditEntry)) if "Quiet" in entry.reason]
    assert post(client, f"/review/{order.number}/decline", why="no-address", reason="moved away").status_code == 303

"""The pages that ask where a package goes and whether we may write: every kind of address, doubts that never block."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from geo.models import Zip
from orders.identity import open_person
from orders.intake import Person
from orders.models import Order
from tests.depot import Depot, sign_in
from tests.orders.forms import fields, filled
from tests.orders.test_address_desk import held, save
from tests.orders.test_carrier import packed
from tests.staff import post


def sent(depot: Depot) -> Person:
    """The newest request, opened."""
    order = depot.session.scalars(select(Order).order_by(Order.id.desc())).first()
    assert order is not None
    return open_person(order, depot.keys)


@pytest.mark.parametrize(
    ("typed", "person"),
    [
        ({"kind": "other", "care_of": "Jordan Sample"}, {"care_of": "Jordan Sample", "line1": "1 Sample St"}),
        ({"kind": "general", "line1": ""}, {"line1": "GENERAL DELIVERY"}),
        ({"kind": "box", "line1": "", "box": "123"}, {"line1": "PO BOX 123"}),
        ({"untracked": "yes"}, {"untracked": True, "says": False, "email": ""}),
        ({"contact": "email", "email": "robin@example.org", "says": "yes"}, {"says": True, "untracked": False}),
        ({"contact": "none", "email": "robin@example.org", "says": "yes"}, {"says": False, "email": ""}),
    ],
)
def test_each_kind_of_address_is_shown_once_more_and_sealed(
    client: FlaskClient, depot: Depot, typed: dict[str, str], person: dict[str, object]
) -> None:
    check = client.post("/check", data=filled(client, **typed))
    assert check.status_code == 200, check.text
    for text in (value for value in person.values() if isinstance(value, str) and value):
        assert text in check.text
    assert ("Without tracking" in check.text) == ("untracked" in typed)
    assert ("It may say what it is about." in check.text) == bool(person.get("says"))
    assert client.post("/done", data=fields(check.text)).status_code == 200
    assert {name: getattr(sent(depot), name) for name in person} == person


def test_a_doubt_is_shown_once_and_a_new_one_again(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/contact", data=filled(client, line1="Green Acres Farm", city="Smapleton"))
    assert page.status_code == 422 and "<title>Please check:" in page.text and "There is no house number" in page.text
    assert "We do not know this town" in page.text and 'id="city-problem"' in page.text
    form = fields(page.text)
    assert (form["line1"], form["city"]) == ("Green Acres Farm", "Smapleton")
    form["city"], form["name"] = "Sampleton", "R."
    page = client.post("/contact", data=form)
    assert "This name is only one letter" in page.text and "There is no house number" not in page.text
    contact = client.post("/contact", data=fields(page.text))
    assert contact.status_code == 200 and "May we contact you?" in contact.text
    check = client.post("/check", data=fields(contact.text))
    assert client.post("/done", data=fields(check.text)).status_code == 200
    assert (sent(depot).name, sent(depot).line1) == ("R.", "Green Acres Farm")


def test_the_city_of_another_zip_code_goes_unless_somebody_typed_it(client: FlaskClient, depot: Depot) -> None:
    def where(form: dict[str, str], zip_code: str) -> dict[str, str]:
        answer = client.post("/where", data={**form, "zip": zip_code, "state": ""})
        assert answer.status_code == 200 and "Who may see that a package comes?" in answer.text
        assert answer.text.index('id="untracked"') < answer.text.index("<details>"), "in no fold"
        return fields(answer.text).to_dict()

    depot.session.execute(update(Zip).where(Zip.zip == "55401").values(city="Otherville"))
    depot.session.commit()
    first = where(fields(client.get("/").text).to_dict() | {"item": "naloxone-nasal"}, "43215")
    back = fields(client.post("/", data=first).text).to_dict() | {"item": "naloxone-nasal"}
    second = where(back, "55401")
    assert first["city"] and second["city"] and second["city"] != first["city"]
    typed = fields(client.post("/", data={**second, "city": "Myville"}).text).to_dict() | {"item": "naloxone-nasal"}
    assert where(typed, "43215")["city"] == "Myville"


def test_what_was_typed_stays_whatever_kind_is_chosen(client: FlaskClient, depot: Depot) -> None:
    typed = {
        "kind": "other",
        "care_of": "Jordan Sample",
        "box": "12",
        "urbanization": "Las Gladiolas",
        "line2": "Apt 4",
    }
    page = client.post("/contact", data=filled(client, **typed, name=""))
    assert page.status_code == 422
    assert {name: fields(page.text)[name] for name in typed} == typed
    contact = client.post("/contact", data=fields(client.post("/contact", data=filled(client, **typed)).text))
    back = client.post("/where", data=fields(contact.text))
    assert {name: fields(back.text)[name] for name in typed} == typed


def test_change_leads_straight_back_and_the_first_request_asks_little(client: FlaskClient, depot: Depot) -> None:
    page = client.post("/where", data={**filled(client), "then": "check"}).text
    assert 'action="/check"' in page
    assert page.count(" required") == 5  # name, street, city, state, ZIP code: two more stand on the first page
    assert page.count('type="radio"') == 5 and 'id="kind-home" checked' in page


def test_the_packer_is_told_how_to_post_it(client: FlaskClient, depot: Depot) -> None:
    order = packed(depot, untracked=True)
    sign_in(client, "packer")
    page = client.get(f"/desk/orders/{order.number}").text
    assert "Does the label say FIRST-CLASS MAIL?" in page and "without tracking" in page


def test_whose_address_it_is_the_urbanization_and_the_post_are_shown_and_corrected(
    depot: Depot, client: FlaskClient
) -> None:
    sign_in(client, "manager")
    takes = ("syringe-kit",)
    order = held(depot, care_of="Jordan Sample", urbanization="Las Gladiolas", untracked=True, substitutes=takes)
    page = post(client, f"/address/{order.number}/show", reason="unclear", task="look").text
    assert "c/o Jordan Sample" in page and "Las Gladiolas" in page and "without tracking" in page
    form = post(client, f"/address/{order.number}/show", reason="unclear", task="edit").text
    assert 'value="Jordan Sample"' in form and 'value="yes" checked' in form
    assert save(client, order, care_of="Casey Sample")[0] == 303
    depot.session.expire_all()
    person = open_person(order, depot.keys)
    assert (person.care_of, person.urbanization, person.untracked, person.substitutes) == (
        "Casey Sample",
        "",
        False,
        takes,
    )

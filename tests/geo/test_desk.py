import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from distro.auth import Role, add_user
from geo import publish
from tests.geo.samples import AT, add_places
from tests.geo.test_rulefile import GOOD, text


def sign_in(client: FlaskClient, session: Session, role: Role) -> None:
    user = add_user(session, username=f"test-{role}", role=role, password="a long test password")
    session.commit()
    with client.session_transaction() as web_session:
        web_session.update({"_user_id": str(user.id), "_fresh": True})


@pytest.fixture
def manager(client: FlaskClient, session: Session) -> FlaskClient:
    add_places(session)
    rules = text(GOOD, {**GOOD, "key": "AZ-syringes", "place": "AZ", "effect": "deny", "sentence": "Not by mail."})
    publish.publish(session, publish.load_rules(session, rules, by="system", at=AT), by="system", at=AT, demo=True)
    sign_in(client, session, Role.MANAGER)
    return client


def test_the_rules_are_listed_with_their_citations(manager: FlaskClient) -> None:
    page = manager.get("/rules/").text
    assert "Demo ruleset, not reviewed by a lawyer" in page
    assert "OH-syringes" in page and "AZ-syringes" in page
    assert "1 X.Y. 2" in page and "A page" in page


def test_the_list_filters_by_place_and_item(manager: FlaskClient) -> None:
    page = manager.get("/rules/?state=OH&item=syringe-kit").text
    assert "OH-syringes" in page and "AZ-syringes" not in page
    assert "No rule says anything here" in manager.get("/rules/?state=UT").text
    assert "No rule says anything here" in manager.get("/rules/?item=nothing").text


def test_an_item_is_drawn_on_the_map_below_its_table(manager: FlaskClient) -> None:
    page = manager.get("/rules/?item=syringe-kit").text
    assert page.index("Answers for syringe-kit") < page.index('<svg class="us-map"')
    assert "map-allow" in page and "map-deny" in page and "map-review" in page
    assert "style=" not in page


def test_a_zip_shows_each_answer_and_its_reasons(manager: FlaskClient) -> None:
    page = manager.get("/rules/place?zip=43215").text
    assert "Can be mailed" in page and "We can mail this." in page and "Franklin, OH" in page
    page = manager.get("/rules/place?zip=86514").text
    assert "Needs one more answer" in page and "Arizona" in page
    page = manager.get("/rules/place?zip=86514&state=AZ").text
    assert "Cannot be mailed" in page and "Not by mail." in page
    assert manager.get("/rules/place").status_code == 200


@pytest.mark.parametrize("zip_text", ["1", "00000", "43215' OR 1=1", "x" * 5_000])
def test_a_wrong_zip_is_a_sentence(manager: FlaskClient, zip_text: str) -> None:
    answer = manager.get("/rules/place", query_string={"zip": zip_text})
    assert answer.status_code == 422
    assert "ZIP code" in answer.text


def test_packers_and_visitors_stay_outside(client: FlaskClient, session: Session) -> None:
    assert client.get("/rules/").status_code == 302
    sign_in(client, session, Role.PACKER)
    assert client.get("/rules/").status_code == 403

"""What the answer page says beyond the rules: our own limits, before anyone says who they are."""

from flask.testing import FlaskClient

from geo import ruletext
from geo.models import County, Zip
from inventory.models import KitComponent
from tests.depot import Depot, put_in_force, rule

NEW_YORK = {"36047": "Birch", "36061": "Aster"}


def test_a_no_of_the_law_is_told_before_a_no_of_ours(client: FlaskClient, depot: Depot) -> None:
    depot.site("MN").ships_to = ["MN"]
    depot.session.commit()
    ohio = client.post("/answer", data={"item": ["syringe-kit"], "zip": "43215"}).text
    assert "About syringe-kit in OH." in ohio and "None of our warehouses" not in ohio
    new_york = client.post("/answer", data={"item": ["syringe-kit"], "zip": "10001"}).text
    assert "None of our warehouses can mail this there yet." in new_york
    assert "This is about the rules there" in ohio and "This is about the rules there" not in new_york


def test_what_no_one_warehouse_sends_together_is_said(client: FlaskClient, depot: Depot) -> None:
    depot.shelve("naloxone-nasal", site="MN")
    for stocked in depot.site("MN").stocked:
        if stocked.item.code == "naloxone-nasal":
            depot.session.delete(stocked)
    depot.session.commit()
    form = {"item": ["naloxone-nasal", "syringe-kit"], "zip": "55401"}
    assert "We cannot mail this together with the rest." in client.post("/answer", data=form).text


def test_more_than_stands_there_is_not_called_ready(client: FlaskClient, depot: Depot) -> None:
    depot.shelve(quantity=1)
    form = {"item": ["naloxone-nasal"], "zip": "43215", "many-naloxone-nasal": "3"}
    assert "Yes, but not all is here now" in client.post("/answer", data=form).text
    assert "Yes, we can send this" in client.post("/answer", data={**form, "many-naloxone-nasal": "1"}).text


def test_of_a_kit_that_cannot_go_the_parts_that_can_are_offered(client: FlaskClient, depot: Depot) -> None:
    kit, part = depot.item("syringe-kit"), depot.item("wound-care-kit")
    depot.session.add(KitComponent(kit_id=kit.id, component_id=part.id, quantity=1))
    depot.session.commit()
    depot.shelve("wound-care-kit")
    page = client.post("/answer", data={"item": ["syringe-kit"], "zip": "43215"}).text
    assert "We can send parts of it: Wound care kit." in page and "Ask for the parts that can go" in page
    part.requestable = False
    depot.session.commit()
    assert "parts of it" not in client.post("/answer", data={"item": ["syringe-kit"], "zip": "43215"}).text


def test_a_county_is_asked_where_the_counties_differ_and_not_knowing_is_the_strictest(
    client: FlaskClient, depot: Depot
) -> None:
    with_counties(depot)
    depot.shelve("syringe-kit", site="MN")
    form = {"item": ["syringe-kit"], "zip": "10001"}
    page = client.post("/answer", data=form).text
    assert "Which county is it in?" in page and "Aster, NY" in page and "I do not know" in page
    chosen = client.post("/answer", data={**form, "county": "36061"}).text
    assert "Yes, we can send this" in chosen and "in Aster, NY" in chosen
    again = chosen.split("Choose again")[0].rpartition("<form")[2]
    assert 'name="county"' not in again and 'value="syringe-kit"' in again
    for county in ("36047", "unsure"):
        assert "We cannot mail this there" in client.post("/answer", data={**form, "county": county}).text
    assert "Which county is it in?" in client.post("/answer", data={**form, "county": "39049"}).text


def test_a_statement_is_asked_for_and_carried_on(client: FlaskClient, depot: Depot) -> None:
    wants = rule("US", "naloxone-nasal", "allow", attest="It is for me.", attest_es="Es para mí.")
    put_in_force(depot.session, ruletext.new("A statement", "2", [wants]))
    depot.session.commit()
    depot.shelve()
    form = {"item": ["naloxone-nasal"], "zip": "43215"}
    page = client.post("/answer", data=form).text
    assert "Do you agree to this?" in page and "It is for me." in page
    assert "Es para mí." in client.post("/es/answer", data=form).text
    key = page.split('name="agree" value="')[1].split('"')[0]
    agreed = client.post("/answer", data={**form, "agree": key}).text
    assert "Yes, we can send this" in agreed and f'name="agree" value="{key}"' in agreed
    put_in_force(depot.session, ruletext.new("Another", "3", [{**wants, "attest": "It is for others."}]))
    depot.session.commit()
    assert "Do you agree to this?" in client.post("/answer", data={**form, "agree": key}).text


def test_more_than_the_law_allows_is_said_with_the_number(client: FlaskClient, depot: Depot) -> None:
    limited = rule("US", "naloxone-nasal", "allow", most_per_order=2)
    put_in_force(depot.session, ruletext.new("A limit", "2", [limited]))
    depot.session.commit()
    depot.shelve()
    form = {"item": ["naloxone-nasal"], "zip": "43215", "many-naloxone-nasal": "3"}
    assert "we can mail at most 2 of these at a time" in client.post("/answer", data=form).text
    assert "Yes, we can send this" in client.post("/answer", data={**form, "many-naloxone-nasal": "2"}).text


def with_counties(depot: Depot) -> None:
    """New York has two made-up counties, of which one allows syringe kits."""
    depot.session.add_all(County(fips=fips, name=name, state="NY") for fips, name in NEW_YORK.items())
    depot.session.get_one(Zip, "10001").counties = list(NEW_YORK)
    rules = [rule("NY", "syringe-kit", "deny"), rule("MN", "syringe-kit", "allow")]
    approved = rule("county:36061", "syringe-kit", "allow", key="NY-aster", scope="county")
    depot.session.flush()
    put_in_force(depot.session, ruletext.new("By county", "2", [*rules, approved]))
    depot.session.commit()

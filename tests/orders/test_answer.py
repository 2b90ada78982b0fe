"""What the answer page says beyond the rules: our own limits, before anyone says who they are."""

import re

from flask.testing import FlaskClient
from sqlalchemy import select

from geo import ruletext
from geo.models import County, Zip
from inventory.models import KitComponent, SiteItem
from orders.identity import open_person
from orders.models import Order
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import fields, filled
from tests.orders.test_substitution import with_kinds, with_strips

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
    assert "We can send parts of it: Wound care kit<" in page and "Ask for the parts that can go" in page
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


def test_what_cannot_go_comes_with_what_can(client: FlaskClient, depot: Depot) -> None:
    depot.shelve("wound-care-kit")
    form = {"item": ["smoking-kit"], "zip": "43215", "many-smoking-kit": "1"}
    page = client.post("/answer", data=form).text
    offered = page.split("What we can send there now")[1]
    assert "Add Wound care kit" in offered and "Add Naloxone nasal" not in offered  # lawful, but none is here
    assert "Add Syringe kit" not in offered  # here or not, the rules say no
    added = fields(offered.replace("<form", '<form id="request"', 1))
    assert added.getlist("item") == ["wound-care-kit"] and added["zip"] == "43215"
    assert "Yes, we can send this" in client.post("/answer", data=added).text
    everything = client.post("/answer", data={"item": ["wound-care-kit"], "zip": "43215"}).text
    assert "What we can send there now" not in everything and "Tell me when" not in everything


def test_another_kind_that_is_here_takes_the_place_of_one_that_is_not(client: FlaskClient, depot: Depot) -> None:
    with_kinds(depot)
    depot.shelve("syringe-kit-30g", site="MN")
    form = {"item": ["syringe-kit"], "many-syringe-kit": "2", "zip": "55401"}
    page = client.post("/answer", data=form).text
    assert "We wait until more comes." in page and "If a close kind is here" not in page
    offered = page.split("What we can send there now")[1]
    assert "Take this kind: Syringe kit 30G" in offered and "29G" not in offered
    taken = fields(offered.replace("<form", '<form id="request"', 1))
    assert (taken.getlist("item"), taken["many-syringe-kit-30g"]) == (["syringe-kit-30g"], "2")
    assert "Yes, this or the closest kind" not in page


def test_the_first_page_offers_the_kinds_there_are_and_takes_one(client: FlaskClient, depot: Depot) -> None:
    with_kinds(depot)
    gone = depot.session.scalars(select(SiteItem).where(SiteItem.item_id == depot.item("syringe-kit-31g").id)).one()
    depot.session.delete(gone)  # no warehouse sends it
    depot.session.add(
        KitComponent(kit_id=depot.item("syringe-kit").id, component_id=depot.item("wound-care-kit").id, quantity=5)
    )
    depot.item("naloxone-nasal").household_limit = {"units": 6, "days": 30}
    depot.session.commit()
    depot.shelve("syringe-kit-29g", site="MN")
    page = client.get("/").text
    assert page.count('name="item" value="syringe-kit') == 1 and "31g" not in page
    kinds = page.split('name="kind-syringe-kit"')[1].split("</select>")[0]
    assert 'value="syringe-kit-29g" selected>29G<' in kinds and "30G · not here now" in kinds
    assert "Up to 3 at a time." in page and "Naloxone nasal: 6 in 30 days" in page
    chosen = {"form": fields(page)["form"], "zip": "55401", "many-syringe-kit": "2"}
    chosen |= {"item": "syringe-kit", "kind-syringe-kit": "syringe-kit"}
    again = client.post("/", data={**chosen, "substitutes": ["syringe-kit", "kits"]}).text
    assert "Inside: 5\xa0×\xa0Wound care kit." in again and 'value="syringe-kit" selected' in again
    assert re.search(r'name="substitutes" value="syringe-kit" id="[\w-]+" checked', again)
    form = fields(
        client.post(
            "/answer", data={**chosen, "kind-syringe-kit": "syringe-kit-29g", "substitutes": "syringe-kit"}
        ).text
    )
    assert (form.getlist("item"), form["many-syringe-kit-29g"]) == (["syringe-kit-29g"], "2")
    assert form.getlist("substitutes") == ["syringe-kit"]
    form.update(
        {"name": "Robin Example", "line1": "1 Sample St", "city": "Sampleton", "state": "MN", "contact": "none"}
    )
    assert client.post("/done", data=form).status_code == 200
    order = depot.session.scalars(select(Order)).one()
    assert order.lines[0].item.code == "syringe-kit-29g" and open_person(order, depot.keys).substitutes == (
        "syringe-kit",
    )
    assert client.post("/answer", data={**chosen, "kind-syringe-kit": "syringe-gold"}).status_code == 422


def test_a_word_about_the_closest_kind_holds_for_its_thing_alone_and_the_page_says_what_triage_does(
    client: FlaskClient, depot: Depot
) -> None:
    with_kinds(depot)
    with_strips(depot)
    depot.shelve(site="MN", lot="N")
    depot.shelve("syringe-kit-30g", site="MN", lot="S")
    form = str(filled(client)["form"])
    need = {"form": form, "item": ["naloxone-nasal", "syringe-kit"], "many-syringe-kit": "2", "zip": "55401"}
    plain = client.post("/answer", data=need).text
    assert "not all is here now" in plain and "Ask only for what can go now" in plain  # control
    page = client.post("/answer", data={**need, "substitutes": ["syringe-kit", "strips"]}).text
    assert "Yes, we can send this" in page and page.count("✓ Yes, this or the closest kind") == 1
    assert "not all is here now" not in page and "Ask only for what can go now" not in page
    assert (
        "Sí, este o el tipo más parecido" in client.post("/es/answer", data={**need, "substitutes": "syringe-kit"}).text
    )
    sent = fields(page)
    assert (sent.getlist("item"), sent.getlist("substitutes")) == (need["item"], ["syringe-kit"])  # no strips, no word
    sent.update({"name": "Robin Example", "line1": "1 Sample St", "city": "Sampleton", "state": "MN"})
    check = client.post("/check", data={**sent.to_dict(flat=False), "contact": "none"}).text
    assert check.split("2 ×")[1].split("</dd>")[0].count("send the closest kind") == 1
    assert "send the closest kind" not in check.split("2 ×")[0]
    done = client.post("/done", data=fields(check)).text
    assert 'id="claim-code"' in done and "some of it is out" not in done
    other = fields(client.post("/check", data={**sent.to_dict(flat=False), "form": filled(client)["form"]}).text)
    other.poplist("substitutes")
    assert "some of it is out" in client.post("/done", data=other).text  # control
    depot.settle()
    order = depot.session.scalars(select(Order).order_by(Order.id)).first()
    assert (
        order
        and order.status == "allocated"
        and {line.item.code for line in order.lines} == {"naloxone-nasal", "syringe-kit-30g"}
    )
    only = {"item": ["naloxone-nasal"], "many-naloxone-nasal": "3", "zip": "55401", "state": "MN", "contact": "none"}
    address = {"name": "Robin Example", "line1": "1 Sample St", "city": "Sampleton"}
    left = client.post("/check", data={**only, **address, "substitutes": "syringe-kit"}).text
    assert "closest kind" not in left and 'name="substitutes"' not in left  # it does not outlive its thing
    many = {**only, "item": ["naloxone-nasal", "fentanyl-strips"], "substitutes": "strips"}
    waits = client.post("/answer", data={**many, "many-naloxone-nasal": "3"}).text
    assert waits.count("If a close kind is here, we send that.") == 1  # of the strips, not of what has one kind
    start = client.post("/", data={**need, "substitutes": "strips"}).text
    assert start.count('name="substitutes"') == 2 and not re.search(r'name="substitutes"[^>]* checked', start)


def test_of_what_is_short_no_kind_goes_that_the_rules_or_our_limits_keep_back(
    client: FlaskClient, depot: Depot
) -> None:
    with_kinds(depot, **{"30G": 1})
    rules = [rule("MN", "syringe-kit", "allow"), rule("MN", "syringe-kit-29g", "review")]
    put_in_force(depot.session, ruletext.new("By kind", "2", rules))
    for code in ("syringe-kit-29g", "syringe-kit-30g"):
        depot.shelve(code, site="MN", lot=code[-3:])
    form = {"item": "syringe-kit", "many-syringe-kit": "2", "zip": "55401", "substitutes": "syringe-kit"}
    page = client.post("/answer", data=form).text
    assert "not all is here now" in page and "If a close kind is here, we send that." in page
    assert "Yes, this or the closest kind" in client.post("/answer", data={**form, "many-syringe-kit": "1"}).text


def test_two_kinds_of_one_thing_are_never_lost_without_a_word(client: FlaskClient, depot: Depot) -> None:
    with_kinds(depot)
    form = {"item": ["syringe-kit-29g", "syringe-kit-30g", "naloxone-nasal"], "zip": "55401", "state": "MN"}
    for path in ("/answer", "/where", "/check", "/done"):
        again = client.post(path, data={**filled(client), **form})
        assert again.status_code == 422 and "Free supplies, sent by mail" in again.text
        assert "You chose: Syringe kit 29G, Syringe kit 30G<" in again.text
    assert "Eligió: Kit de jeringas 29G" in client.post("/es/answer", data=form).text
    assert not depot.session.scalars(select(Order)).all()
    kit = depot.item("wound-care-kit")
    for code in ("syringe-kit-29g", "syringe-kit-30g", "naloxone-nasal"):
        depot.session.add(KitComponent(kit_id=kit.id, component_id=depot.item(code).id, quantity=1))
    rules = [rule("MN", "syringe-kit", "allow"), rule("US", "naloxone-nasal", "allow")]
    put_in_force(depot.session, ruletext.new("No kit", "2", [*rules, rule("US", "wound-care-kit", "deny")]))
    depot.session.commit()
    parts = r"We can send parts of it: ([^<]*)<"
    page = client.post("/answer", data={"item": ["wound-care-kit"], "zip": "55401"}).text
    assert re.findall(parts, page) == ["Syringe kit 29G, Naloxone nasal"]  # in one kind
    page = client.post("/answer", data={"item": ["wound-care-kit", "syringe-kit"], "zip": "55401"}).text
    assert re.findall(parts, page) == ["Naloxone nasal"]  # they ask for a kind of the other already

"""What the answer page says beyond the rules: our own limits, before anyone says who they are."""

from flask.testing import FlaskClient

from tests.depot import Depot


def test_a_no_of_the_law_is_told_before_a_no_of_ours(client: FlaskClient, depot: Depot) -> None:
    depot.site("MN").ships_to = ["MN"]
    depot.session.commit()
    ohio = client.post("/answer", data={"item": ["syringe-kit"], "zip": "43215"}).text
    assert "About syringe-kit in OH." in ohio and "None of our warehouses" not in ohio
    new_york = client.post("/answer", data={"item": ["syringe-kit"], "zip": "10001"}).text
    assert "None of our warehouses can mail this there yet." in new_york


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

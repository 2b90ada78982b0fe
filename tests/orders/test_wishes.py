"""“Tell me when”: left sealed on the public side, granted once by the scheduler, forgotten after two weeks."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import clock, jobs, outbox
from distro.outbox import Message
from geo import ruletext
from orders import wishing
from orders.identity import open_words
from orders.models import Order, Wish
from orders.words import Words
from tests.depot import Depot, put_in_force, rule
from tests.orders.forms import fields

EMAIL = "canary.quill@example.org"


@pytest.fixture
def depot(depot: Depot) -> Depot:
    """With a way to send mail."""
    depot.settings = replace(depot.settings, smtp_host="localhost")
    return depot


def answered(client: FlaskClient, item: str = "fentanyl-strips", zip: str = "43215") -> str:
    form = fields(client.get("/").text)["form"]
    return client.post("/answer", data={"form": form, "item": [item], "zip": zip}).text


def wish(
    client: FlaskClient, item: str = "fentanyl-strips", zip: str = "43215", language: str = "", **typed: str
) -> str:
    """Press the button on the answer page, leave an address, and give back what is said then."""
    form = fields(answered(client, item, zip))
    form = fields(client.post(f"{language}/tell", data={**form.to_dict(), "wish": item}).text)
    typed = {"by": "email", "by-email": EMAIL, **typed}
    return client.post(f"{language}/tell", data=form.to_dict() | typed).text


def said(depot: Depot, one: Wish) -> dict[str, object]:
    return open_words(depot.keys, Words(one.uid, one.epoch, one.sealed))


def wishes(depot: Depot) -> list[Wish]:
    depot.session.expire_all()
    return list(depot.session.scalars(select(Wish).order_by(Wish.id)))


def granted(depot: Depot) -> list[dict[str, object]]:
    """Run the job; what it has posted since the last time, opened."""
    jobs.grant_wishes(depot.session, depot.settings)
    found = depot.session.scalars(select(Message).where(Message.uid.is_not(None))).all()
    boxes = [Words(one.uid, one.epoch, one.sealed) for one in found if one.uid and one.sealed]
    for one in found:
        depot.session.delete(one)
    depot.session.commit()
    return [open_words(depot.keys, box) for box in boxes]


def test_a_wish_is_sealed_granted_once_and_gone(client: FlaskClient, depot: Depot) -> None:
    page = wish(client, language="/es")
    assert "Le avisaremos" in page and EMAIL not in page
    [one] = wishes(depot)
    assert (one.item.code, one.state, one.made_on) == ("fentanyl-strips", "OH", clock.today())
    assert EMAIL.encode() not in one.sealed
    assert said(depot, one) == {"email": EMAIL, "phone": "", "says": False, "language": "es", "zip": "43215"}
    assert granted(depot) == [] and len(wishes(depot)) == 1  # control: none has come
    depot.shelve("fentanyl-strips")
    depot.settings = replace(depot.settings, public_url="https://help.example.org")
    [message] = granted(depot)
    assert message["body"] == "Su pedido: ya puede mirar otra vez. Vea https://help.example.org/es"
    assert message["to"] == EMAIL and "fentan" not in str(message).casefold()
    assert granted(depot) == [] and wishes(depot) == []
    assert not depot.session.scalars(select(Order)).all()


def test_sent_twice_it_is_one_and_another_thing_is_another(client: FlaskClient, depot: Depot) -> None:
    form = fields(answered(client)).to_dict() | {
        "by": "phone",
        "by-phone": "614-555-0123",
        "by-says": "yes",
        "tell": "yes",
    }
    for item in ("fentanyl-strips", "fentanyl-strips", "wound-care-kit"):
        assert "We will tell you" in client.post("/tell", data={**form, "wish": item}).text
    assert [one.item.code for one in wishes(depot)] == ["fentanyl-strips", "wound-care-kit"]
    assert said(depot, wishes(depot)[0]) | {"zip": ""} == {
        **{"email": "", "phone": "6145550123", "says": True, "language": "en", "zip": ""}
    }


def test_what_was_mistyped_is_mended_on_the_same_form_and_both_are_told_each_as_they_said(
    client: FlaskClient, depot: Depot
) -> None:
    form = fields(answered(client)).to_dict() | {"wish": "fentanyl-strips", "tell": "yes", "by": "email"}
    for typed in ("typo@example.org", EMAIL, EMAIL, EMAIL.upper()):
        page = client.post("/tell", data={**form, "by-email": typed, "by-says": "yes"}).text
        assert "We will tell you" in page and "Did you type it wrong?" in page
    client.post("/tell", data={**form, "by-email": EMAIL})  # and it may not say what it is about after all
    assert "¿Lo escribió mal?" in client.post("/es/tell", data={**form, "by-email": "typo@example.org"}).text
    kept = wishes(depot)
    assert len(kept) == 5 and len({one.uid for one in kept}) == 5
    assert not [one for one in kept if b"canary" in one.sealed or b"typo" in one.sealed]
    depot.shelve("fentanyl-strips")
    told = {str(one["to"]).casefold(): str(one["body"]) for one in granted(depot)}
    assert set(told) == {"typo@example.org", EMAIL} and wishes(depot) == []
    assert told[EMAIL].startswith("Your request: you can look again now.")  # the last word counts


def test_one_phone_is_told_once_of_a_thing_and_of_few_things_at_a_time(client: FlaskClient, depot: Depot) -> None:
    things = ("fentanyl-strips", "wound-care-kit", "naloxone-nasal", "smoking-kit")
    phone = {"tell": "yes", "by": "phone", "by-phone": "614-555-0123"}
    depot.settings = replace(depot.settings, sms_provider="http")
    put_in_force(depot.session, ruletext.new("All of it", "2", [rule("US", item, "allow") for item in things]))
    depot.session.commit()
    for item in (*things, *["fentanyl-strips"] * 5):
        client.post("/tell", data={**fields(answered(client, item)).to_dict(), **phone, "wish": item})
    wish(client)  # somebody else
    assert len(wishes(depot)) == len(things) + 6
    for lot, item in enumerate(things):
        depot.shelve(item, lot=str(lot))
    told = [one["to"] for one in granted(depot)]
    assert sorted(map(str, told)) == ["+16145550123"] * wishing.MOST + [EMAIL]
    assert wishes(depot) == [] and granted(depot) == []
    page = client.post("/tell", data={**fields(answered(client)).to_dict(), **phone, "wish": "fentanyl-strips"}).text
    assert "Yes, we can send this" in page and wishes(depot) == []  # it can be asked for: nobody has to be told


def test_the_button_stands_only_where_none_of_it_can_be_asked_for_now(client: FlaskClient, depot: Depot) -> None:
    depot.shelve("naloxone-nasal", 1)
    assert "Tell me when" in answered(client)
    assert "Tell me when" not in answered(client, "smoking-kit"), "the law says no"
    assert "Tell me when" not in answered(client, "naloxone-nasal")
    form = {"item": ["naloxone-nasal"], "many-naloxone-nasal": "3", "zip": "43215"}
    page = client.post("/answer", data=form).text
    assert "not all is here now" in page and "Tell me when" not in page  # one can be asked for now
    assert "Tell me when" not in answered(client, "fentanyl-strips", "42223")  # it asks which state first


def test_without_a_safe_way_nothing_is_kept_and_everything_typed_stays(client: FlaskClient, depot: Depot) -> None:
    assert "Please choose one." in wish(client, by="")
    assert "Please choose one." in wish(client, by="none")
    wrong = wish(client, **{"by-email": "canary", "by-says": "yes"})
    assert "Please check the e-mail address." in wrong and 'value="canary"' in wrong
    assert 'id="by-says-yes" checked' in wrong and 'id="way-email" checked' in wrong
    assert wishes(depot) == []
    mended = fields(wrong)
    assert "We will tell you" in client.post("/tell", data={**mended.to_dict(), "by-email": EMAIL, "by": "email"}).text
    assert len(wishes(depot)) == 1


def test_a_page_that_is_not_ours_leads_to_the_start_and_a_form_that_is_not_ours_is_made_anew(
    client: FlaskClient, depot: Depot
) -> None:
    assert client.get("/es/tell").headers["Location"] == "/es/"
    assert client.post("/tell", data={"wish": "naloxone-gold"}).status_code == 303
    form = {"item": "fentanyl-strips", "zip": "43215", "wish": "fentanyl-strips", "form": "forged", "tell": "yes"}
    page = client.post("/tell", data={**form, "by": "email", "by-email": EMAIL})
    assert page.status_code == 422 and wishes(depot) == []
    assert "We will tell you" in client.post("/tell", data={**fields(page.text).to_dict(), "by": "email"}).text


def test_the_request_goes_on_without_the_address_that_was_left(client: FlaskClient, depot: Depot) -> None:
    form = fields(wish(client))
    assert EMAIL not in form.values() and form["item"] == "fentanyl-strips"
    assert EMAIL not in client.post("/contact", data={**form.to_dict(), "name": "Robin Example"}).text


def test_a_wish_is_for_stock_and_rules_that_changed_since_still_hold(client: FlaskClient, depot: Depot) -> None:
    form = fields(answered(client, "smoking-kit")).to_dict() | {"wish": "smoking-kit", "tell": "yes"}
    refused = client.post("/tell", data={**form, "by": "email", "by-email": EMAIL})
    assert "Not by mail there" in refused.text and wishes(depot) == []  # whoever asks all the same
    put_in_force(depot.session, ruletext.new("Allowed", "2", [rule("US", "smoking-kit", "allow")]))
    depot.session.commit()
    wish(client, "smoking-kit")
    put_in_force(depot.session, ruletext.new("Not any more", "3", [rule("US", "smoking-kit", "deny")]))
    depot.session.commit()
    depot.shelve("smoking-kit")
    assert granted(depot) == [] and len(wishes(depot)) == 1
    put_in_force(depot.session, ruletext.new("Allowed again", "4", [rule("US", "smoking-kit", "allow")]))
    depot.site("OH").ships_to = depot.site("MN").ships_to = ["KY"]
    depot.session.commit()
    assert granted(depot) == []  # nobody sends it there
    depot.site("OH").ships_to = []
    depot.session.commit()
    assert [one["to"] for one in granted(depot)] == [EMAIL] and wishes(depot) == []


def test_after_two_weeks_it_is_forgotten_and_what_nobody_can_read_goes_at_once(
    client: FlaskClient, depot: Depot
) -> None:
    wish(client)
    wish(client)
    first, second = wishes(depot)
    second.sealed = first.sealed  # not its own box
    depot.session.commit()
    depot.shelve("fentanyl-strips")
    assert len(granted(depot)) == 1 and wishes(depot) == []
    wish(client, "wound-care-kit")
    today = clock.today()
    assert wishing.forget_old(depot.session, today + timedelta(days=14)) == 0
    assert wishing.forget_old(depot.session, today + timedelta(days=15)) == 1


def test_where_nothing_can_be_sent_the_wish_stays(client: FlaskClient, depot: Depot) -> None:
    wish(client)
    depot.shelve("fentanyl-strips")
    able, depot.settings = depot.settings, replace(depot.settings, smtp_host="")
    assert granted(depot) == [] and len(wishes(depot)) == 1
    depot.settings = able
    assert len(granted(depot)) == 1
    assert outbox.due(depot.session, clock.now()) == []

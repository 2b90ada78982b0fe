import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from distro.keys.sealing import BUCKETS
from orders.intake import Person
from orders.schemas import AddressSchema, AgeSchema, ContactSchema, NeedSchema, tidy

GOOD = {
    "name": "Robin Example",
    "line1": "1 Sample St",
    "line2": "",
    "city": "Sampleton",
    "state": "OH",
    "zip": "43215",
}
WIDEST = "ỹ"  # a Latin letter of three bytes


@given(st.text())
def test_tidy_text_stays_as_it_is_and_has_no_hidden_signs(typed: str) -> None:
    text = tidy(typed)
    assert tidy(text) == text == text.strip()
    assert "\n" not in text and "\u202e" not in text and "\x00" not in text


@pytest.mark.parametrize("name", ["José Ñáñez", "Nguyễn Văn A", "O’Brien-Smith 3rd", "Łukasz", "Ana\u200b María"])
def test_names_of_many_tongues_can_be_mailed(name: str) -> None:
    assert AddressSchema().load({**GOOD, "name": name})["name"] == tidy(name)


@pytest.mark.parametrize("name", ["Robin 🙂", "Анна", "名前", "Robin\u2028<b>☃"])
def test_signs_no_mail_machine_reads_are_named(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AddressSchema().load({**GOOD, "name": name})
    assert "cannot print" in str(refused.value.messages["name"][0])  # type: ignore[index]


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.text(max_size=80)), st.text(max_size=300))
def test_whatever_is_accepted_fits_into_the_box(typed: dict[str, str], email: str) -> None:
    try:
        address = AddressSchema().load({**GOOD, **typed})
        contact = ContactSchema().load({"contact": "email", "email": email})
    except ValidationError:
        return
    assert len(Person(**address, **contact).to_text()) <= BUCKETS[0] - 2


def test_the_longest_request_fits_into_the_box() -> None:
    address = AddressSchema().load(
        {
            "name": WIDEST * 60,
            "line1": WIDEST * 60,
            "line2": WIDEST * 60,
            "care_of": WIDEST * 60,
            "urbanization": WIDEST * 60,
            "city": '"' * 40,
            "state": "OH",
            "zip": "43215",
        }
    )
    email = f"{'x' * 64}@{'y' * 63}.{'z' * 63}.{'w' * 53}.com"
    person = Person(**address, **ContactSchema().load({"contact": "email", "email": email}), language="es", at_least=21)
    assert len(person.email) > 240
    assert len(person.to_text()) <= BUCKETS[0] - 2
    with pytest.raises(ValidationError):
        AddressSchema().load({**GOOD, "name": "x" * 61})


@pytest.mark.parametrize("typed", ["614-555-0123", "(614) 555 0123", "+1 614.555.0123", "16145550123"])
def test_a_phone_number_is_read_in_every_usual_shape(typed: str) -> None:
    assert ContactSchema().load({"contact": "phone", "phone": typed})["phone"] == "6145550123"


@pytest.mark.parametrize(
    ("typed", "line1"),
    [({"kind": "general", "line1": ""}, "GENERAL DELIVERY"), ({"kind": "box", "line1": "", "box": "7"}, "PO BOX 7")],
)
def test_the_kind_of_address_makes_the_street(typed: dict[str, str], line1: str) -> None:
    address = AddressSchema().load({**GOOD, **typed, "untracked": "yes"})
    assert address["line1"] == line1 and address["untracked"] is True and not {"kind", "box"} & address.keys()
    assert Person(**address).line1 == line1


@pytest.mark.parametrize(("kind", "field"), [("home", "line1"), ("box", "box"), ("", "line1"), ("nonsense", "line1")])
def test_a_missing_street_or_box_is_named_where_it_is_asked(kind: str, field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AddressSchema().load({**GOOD, "kind": kind, "line1": " ", "name": ""})
    assert set(refused.value.normalized_messages()) == {field, "name"}  # type: ignore[no-untyped-call]


def test_contact_keeps_only_the_chosen_way() -> None:
    both = {"email": "robin@example.org", "phone": "614-555-0123"}
    nobody = {"email": "", "phone": "", "says": False}
    assert ContactSchema().load({"contact": "none", "says": "yes", **both}) == nobody
    assert ContactSchema().load({"contact": "email", **both}) == {**nobody, "email": "robin@example.org"}
    assert ContactSchema().load({"contact": "phone", "says": "yes", **both})["says"] is True
    with pytest.raises(ValidationError):
        ContactSchema().load({"contact": "pigeon"})


@given(st.dictionaries(st.text(max_size=50), st.text(max_size=5), max_size=5))
def test_without_the_list_of_items_only_well_shaped_ones_pass(wanted: dict[str, str]) -> None:
    try:
        need = NeedSchema(most=None).load({"wanted": wanted, "zip": "43215"})
    except ValidationError:
        return
    assert need["wanted"] and all(1 <= int(units) <= 99 for units in need["wanted"].values())


@given(st.text(max_size=12))
def test_an_age_is_two_numbers_or_nothing(typed: str) -> None:
    least, below = AgeSchema().load({"age": typed})["age"]
    assert least is None or 0 <= least <= 99
    assert below >= 0

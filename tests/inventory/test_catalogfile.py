from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import clock
from inventory import catalog, catalogfile
from inventory.catalogfile import CatalogWrong
from inventory.models import Item
from tests.inventory.catalogs import refused, small

Change = Callable[[dict[str, Any]], object]


def _set(section: str, place: Any, **values: object) -> Change:
    return lambda data: data[section][place].update(values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("sites", 1, zone="Mars/Olympus"), 'sites[1] "MN": "zone" is not a time zone.'),
        (_set("sites", 1, zone="../etc"), 'sites[1] "MN": "zone" is not a time zone.'),
        (_set("sites", 0, state="Ohio"), 'sites[0] "OH": "state" needs a state as two capital letters.'),
        (_set("sites", 0, ships_to=["OH", "ky"]), 'sites[0] "OH": "ships_to"[1] needs a state as two capital letters.'),
        (_set("sites", 0, ships_to=None), 'sites[0] "OH": "ships_to" is empty.'),
        (_set("sites", 0, latitude=391), 'sites[0] "OH": "latitude" needs degrees from -90 to 90.'),
        (_set("sites", 0, longitude=float("nan")), 'sites[0] "OH": "longitude" needs degrees, such as 39.96.'),
        (_set("sites", 0, bins=[]), 'sites[0] "OH": "bins" needs at least 1.'),
        (_set("sites", 0, bins=["A-01", "A-01"]), 'sites[0] "OH": "bins"[1] A-01 stands there twice.'),
        (_set("sites", 0, bins=[101]), 'sites[0] "OH": "bins"[0] needs text; put it in quotes.'),
        (_set("sites", 0, return_lines=["x"] * 5), 'sites[0] "OH": "return_lines" needs 1 to 4 lines.'),
        (_set("sites", 0, stocks={"rope": {"lead_time_days": 1, "safety_days": 1}}), '"stocks" "rope" is not an item.'),
        (_set("sites", 0, stocks={"spray": {"lead_time_days": 1}}), '"stocks" "spray" "safety_days" is missing.'),
        (_set("sites", 0, stocks={"spray": 14}), '"stocks" "spray" needs names with values under it.'),
        (_set("sites", 1, code="OH"), 'sites[1] "OH": "code" OH is that of sites[0] too.'),
        (_set("items", 0, code="Spray 1"), '"code" needs 1 to 40 small letters, digits and hyphens.'),
        (_set("items", 1, code="spray"), 'items[1] "spray": "code" spray is that of items[0] too.'),
        (_set("items", 1, letter="A"), 'items[1] "spray-kit": "letter" A is that of items[0] too.'),
        (_set("items", 1, gtin="00300000000018"), '"gtin" 00300000000018 is that of items[0] too.'),
        (_set("items", 0, gtin="00300000000019"), '"gtin" has a wrong check digit; read it off the box again.'),
        (_set("items", 0, gtin="300000000018"), '"gtin" needs 14 digits; put zeros in front of a shorter number.'),
        (_set("items", 0, gtin=300000000018), '"gtin" needs its 14 digits in quotes.'),
        (_set("items", 0, letter=True), 'items[0] "spray": "letter" needs text; put it in quotes.'),
        (_set("items", 0, most_per_request=-1), '"most_per_request" needs a whole number from 1 to 1000.'),
        (_set("items", 0, min_life_days=2.5), 'items[0] "spray": "min_life_days" needs a whole number.'),
        (_set("items", 0, requestable="perhaps"), 'items[0] "spray": "requestable" needs true or false.'),
        (_set("items", 0, name="n" * 81), 'items[0] "spray": "name" needs 1 to 80 letters.'),
        (_set("items", 0, name="a\0b"), '"name" has spaces around it, or signs that cannot be printed.'),
        (_set("items", 0, detail="Two doses."), 'items[0] "spray": "detail_es" is missing.'),
        (_set("items", 0, colour="red"), 'items[0] "spray": "colour" is not known here.'),
        (_set("items", 0, family="spray"), 'items[0] "spray": "variant" is missing.'),
        (_set("items", 0, variant="4 mg", variant_es="4 mg"), 'items[0] "spray": "family" is missing.'),
        (_set("items", 0, family="spray", variant="4 mg"), 'items[0] "spray": "variant_es" is missing.'),
        (_set("items", 0, case_units=12), 'items[0] "spray": "cases_most" is missing.'),
        (_set("items", 0, case_units=0, cases_most=1), '"case_units" needs a whole number from 1 to 10000.'),
        (
            lambda data: [one.update(family="spray", variant="4 mg", variant_es="4 mg") for one in data["items"]],
            'items[1] "spray-kit": "variant" 4 mg is that of spray too.',
        ),
        (lambda data: data["items"].append(None), "items[2]: is empty."),
        (lambda data: data["items"][0].pop("unit"), 'items[0] "spray": "unit" is missing.'),
        (_set("kits", "spray-kit", rope=1), 'kits "spray-kit": "rope" is not an item.'),
        (_set("kits", "spray-kit", spray=-2), 'kits "spray-kit": "spray" needs a whole number from 1 to 10000.'),
        (_set("kits", "spray-kit", **{"spray-kit": 1}), 'kits "spray-kit": contains itself.'),
        (lambda data: data["kits"].update(spray={"spray-kit": 1}), 'kits "spray": contains itself.'),
        (lambda data: data["kits"].update(rope={"spray": 1}), 'kits "rope": is not an item.'),
        (lambda data: data["kits"].update(spray={}), 'kits "spray": needs at least one part.'),
        (_set("funds", 0, item_codes=["rope"]), 'funds[0] "OPEN": "item_codes"[0] rope is not an item.'),
        (_set("funds", 0, states=["O"]), 'funds[0] "OPEN": "states"[0] needs a state as two capital letters.'),
        (lambda data: data.update(bundles=[]), 'The file: "bundles" is not known here.'),
        (lambda data: data.update(sites={"OH": 1}), 'The file: "sites" needs a list.'),
        (lambda data: data.update(kits=["spray-kit"]), 'The file: "kits" needs kit codes with parts under each.'),
    ],
)
def test_a_fault_is_named_by_its_place(session: Session, change: Change, said: str) -> None:
    data = small()
    change(data)
    sentence = refused(session, data)
    assert sentence.startswith("The catalog was not loaded. ")
    assert said in sentence
    assert session.scalars(select(Item)).all() == []


def test_ten_faults_are_named_at_once_and_the_rest_counted(session: Session) -> None:
    data = small()
    data["items"] = [{**deepcopy(data["items"][0]), "colour": "red"} for _ in range(5)]
    said = refused(session, data)
    assert said.count('"colour" is not known here.') == 5
    assert said.count(" too.") == 5
    assert said.endswith("And 9 more.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The file needs items, kits, sites or funds."),
        ("- 1", "The file needs items, kits, sites or funds."),
        ("items: ]", "Line 1 is not YAML: "),
        ("items: 2026-13-01", "The file is not YAML: "),
        ("items: [1]", "items[0]: needs names with values under it."),
        ("items: &a [*a]", "Line 1: the mark *a stands for too much."),
        ("kits:\n  k: {a: 1}\n  k: {b: 1}", 'Line 3: "k" stands here for the second time.'),
        ("kits: {1: {2: 3}}", 'kits "1"'),
        ("? [1]\n: 2", "is not YAML"),
        ("items: " + "[" * 100_000, "Line 1: more than 50 lists"),
    ],
)
def test_a_file_that_is_no_catalog_is_refused(session: Session, text: str, said: str) -> None:
    assert said in refused(session, text)


def test_a_file_in_another_encoding_is_refused(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_bytes("items: [ñ]".encode("latin-1"))
    with pytest.raises(CatalogWrong, match="UTF-8"):
        catalog.load(session, path, by="admin", at=clock.now())


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["spray", "OH"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
_places = st.sampled_from(
    [(section, place, name) for section, entries in small().items() if section != "kits"
     for place, entry in enumerate(entries) for name in entry]
    + [("kits", "spray-kit", "spray")]
)  # fmt: skip


@given(place=_places, value=_values)
def test_whatever_stands_in_a_field_is_taken_or_refused_in_words(place: tuple[str, Any, str], value: object) -> None:
    data = small()
    data[place[0]][place[1]][place[2]] = value
    try:
        catalogfile.read(yaml.safe_dump(data))
    except CatalogWrong as refusal:
        assert str(refusal).startswith("The catalog was not loaded. ")


@given(section=st.sampled_from(["items", "kits", "sites", "funds", "other"]), value=_values)
def test_whatever_a_section_holds_is_taken_or_refused_in_words(section: str, value: object) -> None:
    try:
        catalogfile.read(yaml.safe_dump({**small(), section: value}))
    except CatalogWrong as refusal:
        assert str(refusal).startswith("The catalog was not loaded. ")

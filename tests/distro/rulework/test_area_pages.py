import json
import re
from io import BytesIO
from typing import Any

from flask.testing import FlaskClient

from geo.models import Zip
from tests.depot import Depot
from tests.distro.rulework.writers import APPROVED, errors, live, started
from tests.distro.rulework.writers import manager as manager
from tests.distro.rulework.writers import reviewer as reviewer
from tests.distro.rulework.writers import world as world
from tests.staff import post, said


def area_form(shape: object, **fields: str) -> dict[str, Any]:
    typed = {"name": "Old town", "code": "old-town", "kind": "municipality", "source": "A map", "source_date": "2026"}
    return {**typed, **fields, "shape": (BytesIO(json.dumps(shape).encode()), "area.geojson")}


def test_an_area_is_drawn_back_and_what_was_mended_is_said(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    crossed = [[[-83.1, 39.9], [-82.9, 40.1], [-82.9, 39.9], [-83.1, 40.1], [-83.1, 39.9]]]
    answer = post(manager, f"{draft}/areas/", **area_form({"type": "Polygon", "coordinates": crossed}))
    assert answer.status_code == 303, errors(answer)
    page = manager.get(answer.location).text
    assert "was not sound" in page and "area:old-town" in page and "map-area" in page
    view = re.search(r'class="us-map state-map" viewBox="\S+ \S+ (\S+) ', page)
    assert view and float(view[1]) < 20  # of nearly a thousand units of the whole country
    added = post(manager, f"{draft}/rules/new", **APPROVED | {"place": "area:old-town"})
    assert added.location == f"{draft}/rules/OH-old-town-syringe-kit"
    form = manager.get(f"{draft}/areas/?code=old-town").text
    assert 'value="Old town"' in form and "Keep its shape" in form
    seen = re.search(r'name="seen" value="(\w+)"', form)
    assert seen
    change = {"changing": "old-town", "seen": seen[1], "keep_shape": "yes"}
    wrong = area_form({}, name="", **change) | {"shape": (BytesIO(), "")}
    again = post(manager, f"{draft}/areas/", **wrong)
    assert again.status_code == 422 and "Give it a name." in errors(again)
    assert "Change Old town" in again.text and 'value="yes" checked' in again.text and seen[1] in again.text
    moved = post(manager, f"{draft}/areas/", **area_form({}, **change) | {"shape": (BytesIO(), ""), "code": "new"})
    assert moved.status_code == 422 and "Its code stays" in errors(moved)[0]
    taken = post(manager, f"{draft}/areas/", **area_form({}) | {"shape": (BytesIO(), ""), "zips": "43215"})
    assert taken.status_code == 422 and "has an area of that code" in errors(taken)[0]
    kept = area_form({}, name="Older town", **change) | {"shape": (BytesIO(), "")}
    assert "Older town" in manager.get(post(manager, f"{draft}/areas/", **kept).location).text
    late = post(manager, f"{draft}/areas/", **kept | {"shape": (BytesIO(), "")})
    assert late.status_code == 409 and "Someone else changed this area meanwhile" in said(late)[0]
    in_use = post(manager, f"{draft}/areas/old-town/drop")
    assert in_use.status_code == 409 and "is named by OH-old-town-syringe-kit" in said(in_use)[0]
    assert manager.get("/rules/map/OH?item=syringe-kit&draft=" + draft.rpartition("/")[2]).status_code == 200


def test_a_shape_that_cannot_be_is_said_beside_it(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    metres = {"type": "Polygon", "coordinates": [[[1_800_000, 700_000], [1_800_100, 700_000], [1_800_000, 700_100]]]}
    answer = post(manager, f"{draft}/areas/", **area_form(metres))
    assert answer.status_code == 422 and "WGS 84" in errors(answer)[0] and "Old town" in answer.text
    nothing = post(manager, f"{draft}/areas/", name="Old town", code="Old Town")
    assert nothing.status_code == 422 and len(errors(nothing)) >= 3
    whole = post(
        manager,
        f"{draft}/areas/",
        **{**area_form({}), "shape": (BytesIO(), ""), "counties": "Franklin, OH", "kind": "district"},
    )
    assert whole.status_code == 303, errors(whole)


def test_an_area_without_a_sure_zip_code_loosens_nothing_and_says_so(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    small = [[[-83.001, 39.96], [-83.0, 39.96], [-83.0, 39.961], [-83.001, 39.961], [-83.001, 39.96]]]
    area = post(manager, f"{draft}/areas/", **area_form({"type": "Polygon", "coordinates": small})).location
    assert "cannot loosen anything" not in manager.get(area).text
    assert 'value="Old town"' in manager.get(f"{draft}/rules/new?area=old-town").text
    added = post(manager, f"{draft}/rules/new", **APPROVED | {"place": "old town"}).location
    page = manager.get(added).text
    assert "It cannot loosen anything." in page and "municipality" in page
    page = manager.get(area).text
    assert "cannot loosen anything here" in page and "It wins over its county and state." in page


def test_the_county_of_a_draft_names_the_rules_of_areas_over_it(world: Depot, manager: FlaskClient) -> None:
    world.session.get_one(Zip, "43215").counties = ["39049", "39041"]
    world.session.commit()
    draft = started(manager, live(world))
    post(manager, f"{draft}/areas/", **{**area_form({}), "shape": (BytesIO(), ""), "zips": "43215"})
    post(manager, f"{draft}/rules/new", **APPROVED | {"place": "Old town"})
    page = manager.get(f"/rules/map/county/39049?item=syringe-kit&draft={draft.rpartition('/')[2]}").text
    assert "OH-old-town-syringe-kit" in page and "in a part of the county alone" in page and "✓ decides" in page

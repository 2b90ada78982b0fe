import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from distro.rulework.drafting import catalog, mark, rule_of
from geo import ruletext
from geo.models import Ruleset
from geo.rulefile import LONGEST
from tests.depot import Depot, put_in_force, rule
from tests.distro.rulework.writers import APPROVED, KEY, TODAY, errors, live, person, started
from tests.distro.rulework.writers import manager as manager
from tests.distro.rulework.writers import reviewer as reviewer
from tests.distro.rulework.writers import world as world
from tests.staff import post, said


def test_a_rule_is_reviewed_by_other_eyes(world: Depot, reviewer: FlaskClient) -> None:
    draft = started(reviewer, live(world))
    post(reviewer, f"{draft}/rules/new", **APPROVED)
    ruleset = world.session.get_one(Ruleset, int(draft.rpartition("/")[2]))
    answer = post(reviewer, f"{draft}/rules/{KEY}/review", seen=mark(rule_of(ruleset, KEY)))
    assert answer.status_code == 403 and said(answer) == [f"You wrote rule {KEY}, so someone else has to review it."]


def test_a_file_comes_back_byte_for_byte(world: Depot, manager: FlaskClient) -> None:
    text = "# A comment, ñ\n" + ruletext.new("From a file", "1", [rule("OH", "syringe-kit", "deny")]) + "\n\n"
    loaded = post(manager, "/rules/drafts/load", file=(BytesIO(text.encode()), "rules.yaml"))  # type: ignore[arg-type]
    answer = manager.get(f"{loaded.location}/export.yaml")
    assert answer.data == text.encode() and answer.mimetype == "text/yaml"
    assert "attachment" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name: [", "is not YAML"),
        (b"\xff\xfe", "Save it as UTF-8"),
        (b'name: "x"\nversion: "1"\nstrange: 1\nrules: []\n', "strange (line 3)"),
        (None, "Choose a file first."),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    world: Depot, manager: FlaskClient, content: bytes | None, sentence: str
) -> None:
    sent: dict[str, Any] = {} if content is None else {"file": (BytesIO(content), "rules.yaml")}
    answer = post(manager, "/rules/drafts/load", **sent)
    assert answer.status_code == 422 and sentence in errors(answer)[0]
    assert world.session.scalar(select(func.count(Ruleset.id))) == 1


def test_a_file_a_little_too_long_is_read_and_refused(world: Depot, manager: FlaskClient) -> None:
    token = re.search(r'csrf_token" value="([^"]+)"', manager.get("/rules/drafts/").text)
    part = '--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    assert token
    body = part % ("csrf_token", "", token[1]) + part % ("file", '; filename="a"', "a" * (LONGEST + 10)) + "--x--\r\n"
    answer = manager.post("/rules/drafts/load", data=body, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 422 and "letters; at most" in errors(answer)[0]


class Endless(BytesIO):
    """A body that fails the test when anyone reads it."""

    def read(self, size: int | None = -1) -> bytes:
        raise AssertionError("a body that is too large was read")


@pytest.mark.parametrize(("path", "most"), [("/rules/drafts/load", "8 MB"), ("/rules/drafts/1/areas/", "2 MB")])
def test_two_hundred_megabytes_are_refused_unread(world: Depot, manager: FlaskClient, path: str, most: str) -> None:
    body = {"CONTENT_LENGTH": "200000000", "CONTENT_TYPE": "multipart/form-data; boundary=x", "wsgi.input": Endless()}
    answer = manager.post(path, environ_overrides=body)
    assert answer.status_code == 413 and f"At most {most} are read" in said(answer)[0]


def test_only_who_is_signed_in_may_send_a_file(app: Flask, world: Depot) -> None:
    answer = app.test_client().post("/rules/drafts/load", data={"file": (BytesIO(b"x" * 300_000), "rules.yaml")})
    assert answer.status_code == 413


def test_what_was_typed_is_kept_and_each_fault_stands_by_its_field(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    wrong = APPROVED | {"place": "Nowhere, OH", "citation": "", "valid_from": "soon", "note": "Ask the <board>"}
    answer = post(manager, f"{draft}/rules/new", **wrong)
    assert answer.status_code == 422 and len(errors(answer)) == 3
    assert "Nowhere, OH" in answer.text and "Ask the &lt;board&gt;" in answer.text
    assert re.search(r'value="syringe-kit" checked', answer.text)
    unknown = post(manager, f"{draft}/rules/new", **APPROVED | {"selectors": "rockets"})
    assert "“rockets” is not in the catalog" in errors(unknown)[0]
    unknown = post(manager, f"{draft}/rules/new", **APPROVED | {"place": "99999"})
    assert "zip:99999 is not known" in errors(unknown)[0]


def test_a_rule_is_changed_copied_and_dropped(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    address = f"{draft}/rules/OH-syringe-kit"
    form = manager.get(f"{address}/change").text
    assert 'value="Ohio"' in form or 'value="OH"' in form
    seen = re.search(r'name="seen" value="(\w+)"', form)
    assert seen
    changed = APPROVED | {"place": "OH", "effect": "deny", "seen": seen[1]}
    assert post(manager, f"{address}/change", **changed).location == address
    late = post(manager, f"{address}/change", **changed)
    assert late.status_code == 409 and "Someone else changed this rule meanwhile" in said(late)[0]
    copied = manager.get(f"{draft}/rules/new?like=OH-syringe-kit").text
    assert "Made-up resolution 7" not in copied and "We can" not in copied.split("The usual sentences")[0]
    assert post(manager, f"{address}/drop").status_code == 422
    assert post(manager, f"{address}/drop", sure="yes").location == draft
    assert manager.get(address).status_code == 404
    page = manager.get(f"{draft}/changes").text
    assert "− dropped" in page and "syringe-kit" in page


def test_what_is_published_does_not_change(world: Depot, manager: FlaskClient) -> None:
    address = f"/rules/drafts/{live(world).id}"
    assert manager.get(address).status_code == 200
    assert "Add a rule" not in manager.get(address).text
    assert post(manager, f"{address}/rules/new", **APPROVED).status_code == 409
    assert manager.get(f"{address}/rules/new").status_code == 409
    assert post(manager, f"{address}/heading", name="Other", version="1").status_code == 409


def test_packers_and_visitors_stay_outside(app: Flask, world: Depot) -> None:
    packer, visitor = person(app, "packer"), app.test_client()
    for path in ("/rules/", "/rules/map", "/rules/drafts/", "/rules/drafts/1", "/rules/drafts/1/changes"):
        assert packer.get(path).status_code == 403
        assert visitor.get(path).status_code == 302


def test_the_first_rules_are_loaded_where_none_are_in_force(app: Flask, world: Depot, manager: FlaskClient) -> None:
    world.session.delete(live(world))
    world.session.commit()
    assert "No ruleset is in force" in manager.get("/rules/").text
    text = ruletext.new("First", "1", [rule("OH", code, "deny") for code in catalog(world.session)])
    loaded = post(manager, "/rules/drafts/load", file=(BytesIO(text.encode()), "rules.yaml"))  # type: ignore[arg-type]
    assert "Nothing is in force yet" in manager.get(f"{loaded.location}/changes").text


def test_the_list_shows_what_is_asked_for(world: Depot, manager: FlaskClient) -> None:
    put_in_force(world.session, ruletext.new("Other", "2", [rule("OH", "smoking-kit", "deny", reviewed_on=TODAY)]))
    draft = started(manager, live(world))
    post(manager, f"{draft}/rules/new", **APPROVED)
    for asked, here in (
        ("show=unreviewed", True),
        ("show=written", True),
        ("place=KY", False),
        ("item=smoking-kit", False),
    ):
        assert (f'id="{KEY}"' in manager.get(f"{draft}?{asked}").text) is here


def test_two_who_write_at_the_same_moment_lose_nothing(app: Flask, world: Depot, manager: FlaskClient) -> None:
    draft, people = started(manager, live(world)), [person(app, name) for name in ("reviewer", "admin")]
    tokens = [re.search(r'csrf_token" value="([^"]+)"', one.get("/rules/drafts/").text) for one in people]
    start = Barrier(2)

    def send(client: FlaskClient, place: str, token: str) -> int:
        start.wait()
        typed = APPROVED | {"place": place, "csrf_token": token}
        return client.post(f"{draft}/rules/new", data=typed).status_code

    world.session.commit()
    with ThreadPoolExecutor(2) as pool:
        counties = ("Franklin, OH", "Delaware, OH")
        sent = [pool.submit(send, *one) for one in zip(people, counties, [t[1] for t in tokens if t], strict=True)]
        assert [one.result() for one in sent] == [303, 303]
    page = manager.get(draft).text
    assert 'id="OH-franklin-syringe-kit"' in page and 'id="OH-delaware-syringe-kit"' in page


def test_who_wrote_a_rule_is_not_offered_to_review_it(
    world: Depot, manager: FlaskClient, reviewer: FlaskClient
) -> None:
    draft = started(manager, live(world))
    post(manager, f"{draft}/rules/new", **APPROVED)
    button = "I checked it against its source</button>"
    assert button not in manager.get(f"{draft}/rules/{KEY}").text
    assert button in reviewer.get(f"{draft}/rules/{KEY}").text


def test_a_saved_rule_with_a_fault_says_so_at_once(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    contradicts = APPROVED | {"place": "Ohio", "items": "syringe-kit", "key": "OH-other"}
    page = manager.get(post(manager, f"{draft}/rules/new", **contradicts).location).text
    assert "alert-warning" in page and "it cannot be proposed like this" in page
    assert "1 fault to mend" in manager.get(draft).text


def test_a_warehouse_is_ticked_or_refused(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    refused = post(manager, f"{draft}/rules/new", **APPROVED | {"origins": "XX"})
    assert refused.status_code == 422 and "We have no warehouse “XX”" in errors(refused)[0]
    added = post(manager, f"{draft}/rules/new", **APPROVED | {"origins": "OH"})
    assert re.search(r'value="OH" checked', manager.get(f"{added.location}/change").text)


def test_a_draft_is_deleted_if_that_is_meant_and_what_was_published_never(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    assert post(manager, f"{draft}/discard").status_code == 422 and manager.get(draft).status_code == 200
    assert post(manager, f"{draft}/discard", sure="yes").location == "/rules/drafts/"
    assert manager.get(draft).status_code == 404
    kept = f"/rules/drafts/{live(world).id}"
    assert "Delete this draft" not in manager.get(kept).text
    assert post(manager, f"{kept}/discard", sure="yes").status_code == 409


def test_a_fault_in_a_folded_part_unfolds_it(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    assert '<details class="mb-3">' in manager.get(f"{draft}/rules/new").text
    for wrong in ({"legal_status": "x" * 60}, {"scope": "city"}, {"ends": "sideways"}):
        answer = post(manager, f"{draft}/rules/new", **APPROVED | wrong)
        assert answer.status_code == 422 and '<details class="mb-3" open>' in answer.text
    empty = post(manager, f"{draft}/rules/new", place="OH", items="syringe-kit")
    assert "Choose what it says." in errors(empty) and not [told for told in errors(empty) if "Missing" in told]

"""Whoever looks after some states alone writes, reviews and publishes what holds there and nowhere else."""

from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient

from distro import clock
from geo import drafts, publish, ruletext
from geo.models import County, Ruleset
from tests.depot import EFFECTS, Depot, rule
from tests.distro.rulework.writers import APPROVED, KEY, errors, live, person, propose, put_out, started
from tests.distro.rulework.writers import world as world
from tests.staff import post, said


@pytest.fixture
def manager(app: Flask, world: Depot) -> FlaskClient:
    """A manager of Ohio alone."""
    world.user("manager").state_codes = ["OH"]
    return person(app, "manager")


@pytest.fixture
def reviewer(app: Flask, world: Depot) -> FlaskClient:
    """A reviewer of Ohio alone."""
    world.user("reviewer").state_codes = ["OH"]
    return person(app, "reviewer")


def refused(answer: object) -> str:
    return " ".join([*said(answer), *errors(answer)])  # type: ignore[arg-type]


@pytest.mark.parametrize("place", ["KY", "", "Todd, KY", "42223", "10001"])
def test_a_rule_elsewhere_is_not_theirs_to_write(world: Depot, manager: FlaskClient, place: str) -> None:
    world.session.add(County(fips="21219", name="Todd", state="KY", outline="M1 1l2 0 0 2z"))
    draft = started(manager, live(world))
    kind = {"": "nation", "KY": "state", "Todd, KY": "county"}.get(place, "zip")
    answer = post(manager, f"{draft}/rules/new", **APPROVED | {"place": place, "place_kind": kind})
    assert answer.status_code == 403 and "You look after OH" in refused(answer), refused(answer)


def test_a_rule_at_home_is(world: Depot, manager: FlaskClient, reviewer: FlaskClient) -> None:
    draft = started(manager, live(world))
    assert post(manager, f"{draft}/rules/new", **APPROVED).location == f"{draft}/rules/{KEY}"
    page = reviewer.get(f"{draft}/rules/{KEY}").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    assert post(reviewer, f"{draft}/rules/{KEY}/review", seen=seen).status_code == 303
    assert propose(manager, draft, when="now").status_code == 303
    assert put_out(reviewer, draft).location == "/rules/"
    assert live(world).publication == 2


def test_nor_is_one_moved_from_or_to_elsewhere(world: Depot, manager: FlaskClient) -> None:
    draft = started(manager, live(world))
    post(manager, f"{draft}/rules/new", **APPROVED)
    seen = manager.get(f"{draft}/rules/{KEY}/change").text.split('name="seen" value="')[1].split('"')[0]
    moved = APPROVED | {"place": "Minnesota", "place_kind": "state", "seen": seen}
    assert post(manager, f"{draft}/rules/{KEY}/change", **moved).status_code == 403
    assert post(manager, f"{draft}/rules/KY-syringe-kit/drop", sure="yes").status_code == 403
    assert post(manager, f"{draft}/rules/KY-syringe-kit/review").status_code == 403
    assert post(manager, f"{draft}/rules/OH-syringe-kit/drop", sure="yes").status_code == 303


def elsewhere(world: Depot) -> Ruleset:
    """A proposal by the admin, who looks after everything, that says something new about Kentucky."""
    return world_with(world, {"KY-syringe-kit": "review"})


def world_with(world: Depot, effects: dict[str, str]) -> Ruleset:
    draft = drafts.load_rules(world.session, text_with(effects), by="admin", at=clock.now())
    publish.propose(world.session, draft, effective_on=clock.today(), by="admin", at=clock.now())
    world.session.commit()
    return draft


def text_with(effects: dict[str, str]) -> str:
    rows = [rule(place, item, effect) for item, places in EFFECTS.items() for place, effect in places.items()]
    for row in rows:
        if row["key"] in effects:
            row["effect"] = effects[row["key"]]
            row["legal_status"] = {"allow": "allowed", "review": "unclear"}.get(row["effect"], "prohibited")
    return ruletext.new("Test rules", "2", rows)


def test_what_changes_other_states_is_not_theirs_to_publish(world: Depot, reviewer: FlaskClient) -> None:
    draft = elsewhere(world)
    answer = put_out(reviewer, f"/rules/drafts/{draft.id}")
    assert answer.status_code == 403 and "Rule KY-syringe-kit holds elsewhere" in refused(answer)
    assert post(reviewer, f"/rules/drafts/{draft.id}/changes/take-back").status_code == 403
    assert post(reviewer, f"/rules/drafts/{draft.id}/discard", sure="yes").status_code == 403
    assert live(world).publication == 1
    world.user("reviewer").state_codes = []
    assert put_out(reviewer, f"/rules/drafts/{draft.id}").location == "/rules/", "the control"


def test_nor_is_what_lets_go_of_a_rule_elsewhere(world: Depot, manager: FlaskClient) -> None:
    at_home = text_with({"OH-syringe-kit": "review"})
    less = ruletext.drop_rule(at_home, "KY-syringe-kit")
    for text, status in ((at_home, 303), (less, 403), (text_with({"MN-syringe-kit": "deny"}), 403)):
        answer = post(manager, "/rules/drafts/load", file=(BytesIO(text.encode()), "rules.yaml"))  # type: ignore[arg-type]
        assert answer.status_code == status, refused(answer)

"""Laws that protect who calls for help: dated, cited, and shown only where somebody has looked at them."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient

from distro import clock
from geo import drafts, publish, ruletext, samaritan
from tests.depot import Depot, rule

TODAY = date(2026, 11, 22)
NEEDED = ("state", "citation", "text", "text_es", "source", "url")


WEAK = re.compile(r"//[^/]*(paperzz|scribd|docplayer|studylib)\.")  # anybody's uploads


def faults(told: dict[str, Any]) -> list[str]:
    """Entries that lack something, or hold a day that is still to come."""
    found = []
    for one in told["laws"]:
        found += [f"{one.get('state')}: no {name}" for name in NEEDED if not one.get(name)]
        day = one.get("date") or one.get("read")
        found += [] if isinstance(day, date) and day <= TODAY else [f"{one['state']}: no day"]
        found += (
            [] if bool(one.get("reviewed_by")) == bool(one.get("reviewed_on")) else [f"{one['state']}: half a review"]
        )
        found += [f"{one['state']}: {one['url']} answers for nothing"] if WEAK.search(str(one.get("url"))) else []
    states = [one["state"] for one in told["laws"]]
    return found + [f"{state}: twice" for state in states if states.count(state) > 1]


def test_every_entry_has_its_citation_source_and_day() -> None:
    told = yaml.safe_load(samaritan.SHIPPED.read_text(encoding="utf-8"))
    assert faults(told) == [] and len(told["laws"]) >= 15
    assert not any(one.get("reviewed_by") for one in told["laws"]), "no lawyer has: we may not say so"


def test_a_copy_that_anybody_uploaded_is_no_source() -> None:
    told = yaml.safe_load(samaritan.SHIPPED.read_text(encoding="utf-8"))
    told["laws"][0]["url"] = "https://paperzz.com/doc/1/an-act"
    assert faults(told) == ["CA: https://paperzz.com/doc/1/an-act answers for nothing"]


@pytest.mark.parametrize("name", [*NEEDED[1:], "date"])
def test_the_check_finds_what_is_planted(name: str) -> None:
    told = yaml.safe_load(samaritan.SHIPPED.read_text(encoding="utf-8"))
    dated = next(one for one in told["laws"] if "date" in one)
    del dated[name]
    assert faults(told)


def test_what_nobody_has_reviewed_is_shown_in_a_demo_alone(tmp_path: Path) -> None:
    def told(state: str, *, demo: bool = False, today: date = TODAY) -> samaritan.Protection:
        return samaritan.protection(state, instance=tmp_path, demo=demo, today=today)

    assert told("OH").citation == "" and told("").citation == "" and told("KS", demo=True).citation == ""
    assert "2925.11" in told("OH", demo=True).citation
    ours = samaritan.SHIPPED.read_text(encoding="utf-8")
    reviewed = f"    reviewed_by: A. Lawyer\n    reviewed_on: {TODAY}\n  - state: TN\n"
    (tmp_path / samaritan.OWN).write_text(ours.replace("  - state: TN\n", reviewed), encoding="utf-8")
    assert "2925.11" in told("OH").citation and told("TN").citation == ""
    assert told("OH", today=TODAY - timedelta(days=1)).citation == "", "the review is still to come"


def test_the_reader_chooses_the_state_and_a_demo_says_what_it_is(client: FlaskClient, depot: Depot) -> None:
    general, sentence = "Most states have a law", "a small amount of drugs that is found"
    assert general in client.get("/law").text and general in client.post("/law", data={"state": "OH"}).text
    assert "no sentence that was checked" in client.post("/law", data={"state": "OH"}).text
    text = ruletext.new("A demo", "9", [rule("US", "naloxone-nasal", "allow")])
    draft = drafts.load_rules(depot.session, text, by="admin", at=clock.now())
    publish.publish_demo(depot.session, draft, effective_on=clock.today(), by="admin", at=clock.now())
    depot.session.commit()
    page = client.post("/law", data={"state": "OH"}).text
    assert sentence in page and "No lawyer has looked at this" in page and "2925.11" in page
    assert "una pequeña cantidad" in client.post("/es/law", data={"state": "OH"}).text
    assert general in client.post("/law", data={"state": "<x"}).text
    assert "This text is from August 16, 2019." in page and "as it was passed" not in page
    for state, says in (
        ("CA", "This text is from September 17, 2012."),
        ("GA", "This text is from 2020. We read it on November 22, 2026."),
        ("KY", "This text does not say what day it is from. We read it on November 22, 2026."),
    ):
        page = client.post("/law", data={"state": state}).text
        assert says in page and ("It is the law as it was passed then." in page) is (state == "CA"), state
    assert "Este texto es del 17 de septiembre de 2012." in client.post("/es/law", data={"state": "CA"}).text
    assert general in client.post("/law", data={"state": "PA"}).text, "its text stood on a weak copy"

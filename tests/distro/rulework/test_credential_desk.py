"""The pages and commands for papers, and the catalog and places they speak of."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from distro import audit, clock
from distro.accounts import sessions
from distro.auth import Role, User
from distro.cli import main
from distro.config import Settings
from geo import credentials
from geo.credential_form import read
from geo.models import Credential, Ruleset, RulesetStatus
from inventory.models import Item, Site
from tests.geo.samples import AT, TODAY, add_places
from tests.geo.test_credentials import GOOD
from tests.staff import post, said

PAGE = "/rules/credentials"


def add_catalog(session: Session) -> None:
    """Two warehouses, and two items of which one has a class."""
    for code, name in (("OH", "Columbus"), ("MN", "Minneapolis")):
        where = {"state": code, "latitude": 40.0, "longitude": -83.0, "zone": "America/New_York"}
        session.add(Site(code=code, name=name, ships_to=[], return_lines=[], **where))
    for letter, code, name, kind in (
        ("A", "naloxone-nasal", "Nasal naloxone", ""),
        ("E", "syringe-kit", "Syringe kit", "syringes"),
    ):
        texts = {"name": name, "name_es": name, "detail": "", "detail_es": "", "unit": "one"}
        session.add(Item(code=code, letter=letter, kind=kind, **texts))
    session.flush()


def sign_in(client: FlaskClient, session: Session, role: Role) -> None:
    user = User(username=f"test-{role}", role=role, password_hash="")
    session.add(user)
    session.flush()
    token = sessions.begin(session, user, AT)
    session.commit()
    with client.session_transaction() as web_session:
        web_session.update({"_user_id": token, "used": int(AT.timestamp())})


@pytest.fixture
def manager(client: FlaskClient, session: Session) -> Iterator[FlaskClient]:
    add_places(session)
    add_catalog(session)
    sign_in(client, session, Role.MANAGER)
    with clock.at(AT):
        yield client


@pytest.fixture
def paper(manager: FlaskClient, session: Session) -> Credential:
    found = credentials.record(session, by="test-manager", at=AT, **read(GOOD))
    session.commit()
    return found


def publish_rules(session: Session) -> None:
    rules = [
        {"key": "OH-naloxone", "credentials": [["standing-order"], ["program:OH", "license"]], "conditions": []},
        {"key": "AZ-syringes", "credentials": [], "conditions": ["A card goes with it."]},
    ]
    day = TODAY - timedelta(days=1)
    values = {"name": "T", "version": "1", "text": "", "digest": "", "loaded_by": "x", "loaded_at": AT}
    lists = {"rules": rules, "areas": [], "authors": [], "editors": {}}
    session.add(Ruleset(**values, **lists, status=RulesetStatus.PUBLISHED, effective_on=day, publication=1))
    session.commit()


def test_a_paper_is_recorded_and_shown(manager: FlaskClient, session: Session) -> None:
    answer = post(manager, f"{PAGE}/new", **{**GOOD, "places": "Franklin, OH; oh"})
    page = manager.get(answer.location)
    assert said(page, "success") == [
        "Recorded: Standing order for naloxone, 40 days left. The public pages follow within seconds."
    ]
    listing = manager.get(PAGE).text
    for text in (
        "Standing order for naloxone",
        "SO-1",
        "Example Board",
        "Franklin, OH; Ohio",
        "ends soon",
        "40 days left",
    ):
        assert text in page.text or text in listing
    assert "Example Board" in listing and "ends soon" in listing and "Franklin, OH; Ohio" in listing
    recorded = session.scalars(select(Credential)).one()
    assert recorded.places == ["county:39049", "OH"] and recorded.recorded_by == "test-manager"
    assert audit.count(session, action="record credential", subject=f"CREDENTIAL-{recorded.id}") == 1
    again = post(manager, f"{PAGE}/new", **{**GOOD, "places": "county:39049, oh"})
    assert again.status_code == 409 and "recorded already" in said(again)[0]


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({"kind": "Board Order", "title": ""}, ["as rules name it", "what the paper is called"]),
        ({"places": "OH, TX"}, ["There is no state “TX”"]),
        ({"places": "Nowhere, OH", "title": ""}, ["“Nowhere, OH” is not a county we know", "what the paper is called"]),
        ({"sites": "Minneapolis"}, ["no warehouse “Minneapolis”. Known: MN (Minneapolis), OH (Columbus)."]),
        ({"items": "Syringe kit"}, ["no item “Syringe kit”. Known: naloxone-nasal", "class:syringes", "form:rx"]),
        ({"items": "class:pipes", "sites": "XX"}, ["no item “class:pipes”", "no warehouse “XX”"]),
        ({"places": "Franklen, Ohio"}, ["Did you mean Franklin, OH?"]),
        ({"places": "Franklin"}, ["Which state? Franklin is in OH."]),
        ({"last_day": ""}, ["or tick that it does not end"]),
        ({"endless": "yes", "issuer": ""}, ["one of the two", "who issued it"]),
        ({"last_day": "2025-01-01"}, ["cannot be before its first"]),
    ],
)
def test_bad_input_is_said_and_what_was_typed_is_kept(
    manager: FlaskClient, session: Session, changes: dict[str, str], sentences: list[str]
) -> None:
    answer = post(manager, f"{PAGE}/new", **{**GOOD, "note": "In the <red> binder", **changes})
    assert answer.status_code == 422
    assert [sentence for sentence in sentences if sentence not in answer.text] == []
    assert "In the &lt;red&gt; binder" in answer.text and 'value="SO-1"' in answer.text
    assert session.scalar(select(Credential)) is None


def test_it_is_corrected_unless_someone_else_was_quicker(manager: FlaskClient, paper: Credential) -> None:
    address = f"{PAGE}/{paper.id}"
    page = manager.get(f"{address}/change").text
    seen = page.split('name="seen" value="')[1].split('"')[0]
    assert 'value="naloxone-nasal" checked' in page and 'value="syringe-kit">' in page and 'value="2026-12-31"' in page
    answer = post(manager, f"{address}/change", **{**GOOD, "number": "SO-1b", "seen": seen})
    assert said(manager.get(answer.location), "success") == [
        "Corrected: number. The public pages follow within seconds."
    ]
    late = post(manager, f"{address}/change", **{**GOOD, "title": "Mine", "seen": seen})
    assert late.status_code == 409 and "Someone else changed this" in said(late)[0] and 'value="Mine"' in late.text


def test_a_code_that_left_the_catalog_is_marked_and_not_kept(
    manager: FlaskClient, session: Session, paper: Credential
) -> None:
    paper.sites = ["OH", "MINNEAPOLIS"]
    session.commit()
    address = f"{PAGE}/{paper.id}/change"
    page = manager.get(address).text
    assert "<code>MINNEAPOLIS</code> is not in the catalog" in page
    seen = page.split('name="seen" value="')[1].split('"')[0]
    assert post(manager, address, **{**GOOD, "sites": "MINNEAPOLIS", "seen": seen}).status_code == 422
    assert post(manager, address, **{**GOOD, "sites": "OH", "seen": seen}).status_code == 303


def test_the_last_day_is_typed_and_shown_and_the_paper_holds_on_it(manager: FlaskClient, session: Session) -> None:
    answer = post(manager, f"{PAGE}/new", **{**GOOD, "last_day": "2027-06-30"})
    [held] = credentials.held(session)
    assert held.expires_on == date(2027, 7, 1)  # the first day without it
    for page in (manager.get(answer.location).text, manager.get(PAGE).text):
        assert "Last day" in page and "Jun 30, 2027" in page and "Jul 1, 2027" not in page
    assert 'value="2027-06-30"' in manager.get(f"{answer.location}/change").text


def test_it_is_renewed(manager: FlaskClient, session: Session, paper: Credential) -> None:
    address = f"{PAGE}/{paper.id}"
    early = post(manager, f"{address}/renew", last_day="2026-11-30", number="SO-2")
    assert early.status_code == 422 and "ends later than" in early.text and 'value="SO-2"' in early.text
    assert "the last day the new paper holds" in post(manager, f"{address}/renew", number="SO-2").text
    answer = post(manager, f"{address}/renew", last_day="2027-12-31", number="SO-2")
    page = manager.get(answer.location)
    assert said(page, "success") == [
        "Renewed: Standing order for naloxone, 405 days left. The public pages follow within seconds."
    ]
    session.expire_all()
    assert (paper.number, str(paper.expires_on)) == ("SO-2", "2028-01-01")


def test_it_is_withdrawn_by_those_who_mean_it(manager: FlaskClient, session: Session, paper: Credential) -> None:
    address = f"{PAGE}/{paper.id}"
    unsure = post(manager, f"{address}/withdraw")
    assert unsure.status_code == 422 and "Tick the box" in unsure.text
    answer = post(manager, f"{address}/withdraw", sure="yes")
    page = manager.get(answer.location)
    assert "It counts no more" in page.text and "I mean it" not in page.text
    assert credentials.held(session) == ()
    again = post(manager, f"{address}/withdraw", sure="yes")
    assert again.status_code == 409 and "cannot be undone" in said(again)[0]


def test_rules_in_force_that_ask_for_it_are_named(manager: FlaskClient, session: Session, paper: Credential) -> None:
    assert "OH-naloxone" not in manager.get(f"{PAGE}/{paper.id}").text  # no rules yet
    publish_rules(session)
    assert "OH-naloxone" in manager.get(f"{PAGE}/{paper.id}").text
    missing = manager.get(PAGE).text.split("Asked for by the rules")[1]
    papers, conditions = missing.split("<details>")
    assert "program:OH" in papers and "kind=program:OH" in papers and "AZ-syringes" not in papers
    assert "1 rule has conditions" in conditions and "kind=conditions:AZ-syringes" in conditions
    assert "program:OH" in missing and "conditions:AZ-syringes" in missing and "standing-order" not in missing
    assert 'value="program:OH"' in manager.get(f"{PAGE}/new?kind=program:OH").text


def test_the_list_filters_by_kind_and_state(manager: FlaskClient, session: Session, paper: Credential) -> None:
    licence = {**GOOD, "kind": "licence", "title": "A licence", "last_day": ""}
    credentials.record(session, by="test-manager", at=AT, **read(licence))
    session.commit()
    assert "A licence" in manager.get(PAGE).text
    assert "A licence" not in manager.get(f"{PAGE}?kind=standing-order").text
    assert "Standing order for" not in manager.get(f"{PAGE}?state=in+force").text
    assert "No paper under this filter" in manager.get(f"{PAGE}?kind=licence&state=ended").text


def test_what_ends_soon_stands_on_the_first_page(manager: FlaskClient, paper: Credential) -> None:
    page = manager.get("/manage").text
    assert "Papers that end soon" in page and "40 days left" in page and f'href="{PAGE}/{paper.id}"' in page


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.ADMIN])
def test_reviewers_and_admins_see_it(client: FlaskClient, session: Session, role: Role) -> None:
    sign_in(client, session, role)
    with clock.at(AT):
        assert "No paper is recorded yet" in client.get(PAGE).text


def test_packers_and_visitors_stay_outside(client: FlaskClient, session: Session) -> None:
    answer = client.get(PAGE)
    assert answer.status_code == 302 and answer.location.startswith("/sign-in")
    sign_in(client, session, Role.PACKER)
    with clock.at(AT):
        assert client.get(PAGE).status_code == client.get(f"{PAGE}/new").status_code == 403
        assert post(client, f"{PAGE}/new", **GOOD).status_code == 403


def test_papers_of_other_warehouses_are_only_shown(manager: FlaskClient, paper: Credential, session: Session) -> None:
    session.scalars(select(User)).one().site_code = "MN"
    session.commit()
    page, where = manager.get(f"{PAGE}/{paper.id}"), f"{PAGE}/{paper.id}"
    assert "ask someone who looks after all warehouses" in page.text and "I mean it" not in page.text
    seen = re.findall(r'name="seen" value="(.*?)"', manager.get(f"{where}/change").text)[0]
    for path, form in (
        (f"{where}/withdraw", {"sure": "yes"}),
        (f"{where}/renew", {"last_day": "2027-12-31", "number": ""}),
        (f"{where}/change", {**GOOD, "seen": seen, "sites": "MN"}),
        (f"{PAGE}/new", {**GOOD, "number": "SO-2"}),
    ):
        answer = post(manager, path, **form)
        assert answer.status_code == 403 and "this paper is for OH" in said(answer)[0], path
    assert len(session.scalars(select(Credential)).all()) == 1


@pytest.mark.parametrize("path", ["/7", "/7/change", "/99999999999"])
def test_a_paper_that_is_not_there_is_a_page(manager: FlaskClient, path: str) -> None:
    assert manager.get(PAGE + path).status_code == 404


def test_papers_by_command(session: Session, settings: Settings) -> None:
    add_places(session)
    add_catalog(session)
    session.add(User(username="test-manager", role=Role.MANAGER, password_hash=""))
    session.commit()
    env = {"DISTRO_INSTANCE": str(settings.instance), "DATABASE_URL": settings.database_url}

    def cli(*arguments: str) -> Result:  # in this process: a new one for each would take seconds
        return CliRunner(env={**env, "SECRET_KEY": settings.secret_key}).invoke(main, ["credentials", *arguments])

    options = ["--kind", "county-approval", "--title", "Approval", "--issuer", "Example County", "--from", "2026-01-01"]
    options += ["--place", "Franklin County, ohio", "--place", "OH", "--item", "class:syringes"]
    bad = cli("add", *options, "--last-day", "soon", "--kind", "No", "--by", "test-manager")
    assert bad.exit_code == 1 and "--kind: Write" in bad.stderr and "--last-day: Type the day" in bad.stderr
    stranger = cli("add", *options, "--by", "nobody")
    assert stranger.exit_code == 1 and "no member of staff “nobody”" in stranger.stderr
    session.add(User(username="test-packer", role=Role.PACKER, password_hash=""))
    session.commit()
    for command in (["add", *options], ["withdraw", "1"]):
        packer = cli(*command, "--by", "test-packer")
        assert packer.exit_code == 1 and "is no manager or reviewer or admin" in packer.stderr
    told = cli("add", *options, "--by", "test-manager")
    assert told.exit_code == 0 and "does not end" in told.stdout, told.output
    for option, wrong, sentence in (
        ("--site", "Minneapolis", "--site: There is no warehouse “Minneapolis”. Known: MN (Minneapolis), OH"),
        ("--item", "Syringe kit", "--item: There is no item “Syringe kit”. Known: naloxone-nasal (Nasal naloxone)"),
        ("--place", "Franklen, OH", "--place: “Franklen, OH” is not a county we know. Did you mean Franklin, OH?"),
    ):
        unknown = cli("add", *options, option, wrong, "--by", "test-manager")
        assert unknown.exit_code == 1 and sentence in unknown.stderr, unknown.stderr
    [row] = json.loads(cli("list", "--json").stdout)
    assert row["places"] == ["county:39049", "OH"] and row["items"] == ["class:syringes"] and row["sites"] == []
    assert (row["valid_from"], row["expires_on"], row["last_day"], row["days_left"]) == ("2026-01-01", None, None, None)
    assert cli("withdraw", str(row["id"]), "--by", "test-manager").exit_code == 0
    assert cli("withdraw", str(row["id"]), "--by", "test-manager").exit_code == 1
    [row] = json.loads(cli("list", "--json").stdout)
    assert row["state"] == "withdrawn"

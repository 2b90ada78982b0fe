"""`distro rules`: from a file to law by two people, and out again byte for byte."""

import json
import os
import subprocess
import sys
from pathlib import Path

from distro import clock
from geo import publish, ruleschema, ruletext
from tests.conftest import Cli
from tests.depot import Depot, put_in_force, rule
from tests.geo.samples import rules_text
from tests.geo.test_ruletext import HAND_WRITTEN

RULE = """
- key: OH-syringes
  place: OH
  items: [syringe-kit]
  effect: allow
  reviewed_by: admin
"""


def test_from_a_file_to_law_and_out_again(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + rules_text(RULE).replace("\n", "\r\n").encode())
    loaded = cli("rules", "load", str(file), "--by", "manager")
    assert loaded.returncode == 0, loaded.stderr
    number = loaded.stdout.split("draft ")[1].split(":")[0]
    today = str(clock.today())
    early = cli("rules", "publish", number, "--by", "reviewer")
    assert (early.returncode, "is draft" in early.stderr) == (1, True)
    assert cli("rules", "propose", number, "--from", today, "--by", "manager").returncode == 0
    for who, said in (("manager", "is no reviewer or admin"), ("nobody", "There is no member of staff")):
        told = cli("rules", "publish", number, "--by", who)
        assert told.returncode == 1 and said in told.stderr
    assert "in force from" in cli("rules", "publish", number, "--by", "reviewer").stdout
    depot.session.expire_all()
    assert publish.in_force(depot.session, clock.today()).id == int(number)
    copied = cli("rules", "copy", "live", "--by", "admin").stdout
    listed = json.loads(cli("rules", "drafts", "--json").stdout)
    assert [(row["status"], row["loaded_by"], row["published_by"]) for row in listed[:2]] == [
        ("draft", "admin", None),
        ("published", "manager", "reviewer"),
    ]
    assert f"draft {listed[0]['id']}" in copied
    for named in (number, str(listed[0]["id"])):
        assert cli("rules", "export", named).stdout == file.read_bytes().decode().replace("\r\n", "\n")
    program = [Path(sys.executable).with_name("distro"), "rules", "export", "live"]
    own = {"DISTRO_INSTANCE": str(depot.settings.instance), "DATABASE_URL": depot.settings.database_url}
    environment = {"PATH": os.environ["PATH"], "SECRET_KEY": depot.settings.secret_key, **own}
    assert subprocess.run(program, env=environment, capture_output=True, check=True).stdout == file.read_bytes()


def test_nobody_publishes_their_own_draft(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules_text(RULE))
    number = cli("rules", "load", str(file), "--by", "reviewer").stdout.split("draft ")[1].split(":")[0]
    cli("rules", "propose", number, "--from", str(clock.today()), "--by", "manager")
    told = cli("rules", "publish", number, "--by", "reviewer")
    assert told.returncode == 1 and "someone else has to publish it" in told.stderr


def test_lint_names_faults_and_notes(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules_text(RULE + RULE.replace("-syringes", "-other").replace("allow", "deny")))
    told = cli("rules", "lint", str(file))
    assert told.returncode == 1
    assert told.stderr.startswith("OH-syringes (line 4): OH-other says the opposite")
    assert told.stdout.endswith("\n1 faults, 0 notes.\n")
    file.write_text(rules_text(RULE + "  confidence: low\n"))
    told = cli("rules", "lint", str(file))
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[0].startswith("OH-syringes (line 9): confidence: low never allows")
    file.write_text(rules_text(RULE.replace("syringe-kit", "syringes")))
    told = cli("rules", "lint", str(file))
    assert told.returncode == 1 and "“syringes” is not in the catalog" in told.stderr
    file.write_text(HAND_WRITTEN)
    told = cli("rules", "lint", str(file))
    assert told.returncode == 1 and "43216 not known" in told.stderr


def test_a_short_file_does_not_quietly_take_the_place_of_all(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    rules = [rule("US", item, "allow", key=f"US-{n}") for n, item in enumerate(["naloxone-nasal"] * 12)]
    put_in_force(depot.session, ruletext.new("Many", "2", rules))
    depot.session.commit()
    file = tmp_path / "rules.yaml"
    file.write_text(rules_text(RULE))
    assert "The file has 1 rules, and those published last are 12" in cli("rules", "lint", str(file)).stdout
    number = cli("rules", "load", str(file), "--by", "manager").stdout.split("draft ")[1].split(":")[0]
    refused = cli("rules", "propose", number, "--by", "manager")
    assert refused.returncode == 1 and "would drop 12 of the 12 rules" in refused.stderr
    proposed = cli("rules", "propose", number, "--by", "manager", "--drop-rules")
    assert proposed.stdout.startswith("1 rule added, 0 changed, 12 dropped.\nProposed from"), proposed.stderr
    assert "--drop-rules" in cli("rules", "publish", number, "--by", "reviewer").stderr
    published = cli("rules", "publish", number, "--by", "reviewer", "--drop-rules")
    assert published.stdout.startswith("1 rule added, 0 changed, 12 dropped.\nPublished: ")


def test_a_review_typed_into_the_file_by_who_loads_it_does_not_count(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules_text(RULE.replace("admin", "manager")))
    number = cli("rules", "load", str(file), "--by", "manager").stdout.split("draft ")[1].split(":")[0]
    told = cli("rules", "propose", number, "--by", "manager")
    assert told.returncode == 1 and "OH-syringes (manager loaded it)" in told.stderr


def test_who_may_not_sign_in_any_more_does_not_publish(depot: Depot, cli: Cli) -> None:
    draft = cli("rules", "copy", "live", "--by", "manager").stdout.split("draft ")[1].split(":")[0]
    assert cli("rules", "propose", draft, "--by", "manager").returncode == 0
    depot.user("reviewer").active = False
    depot.session.commit()
    told = cli("rules", "publish", draft, "--by", "reviewer")
    assert told.returncode == 1 and "no member of staff" in told.stderr
    assert "Published: Test rules" in cli("rules", "publish", draft, "--by", "admin").stdout


def test_a_packer_writes_no_rules(depot: Depot, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(rules_text(RULE))
    for step in (("load", str(file)), ("copy", "live"), ("propose", "1"), ("discard", "1")):
        told = cli("rules", *step, "--by", "packer")
        assert told.returncode == 1 and "is no manager or reviewer or admin" in told.stderr


def test_a_draft_is_discarded_and_what_was_published_stays(depot: Depot, cli: Cli) -> None:
    draft = cli("rules", "copy", "live", "--by", "manager").stdout.split("draft ")[1].split(":")[0]
    assert cli("rules", "discard", draft, "--by", "manager").stdout == f"Discarded ruleset {draft}.\n"
    assert "There is no ruleset" in cli("rules", "export", draft).stderr
    live = publish.in_force(depot.session, clock.today()).id
    told = cli("rules", "discard", str(live), "--by", "manager")
    assert told.returncode == 1 and "was published, so it stays" in told.stderr


def test_the_schema_is_printed(cli: Cli) -> None:
    assert cli("rules", "schema").stdout == ruleschema.json_text()

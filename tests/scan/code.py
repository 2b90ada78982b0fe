"""bandit and semgrep: our code as it is written. Both read it without running it, in seconds."""

import json
import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.scan import PLANTED, ROOT, TOOLS, Finding, command

OURS = ("distro", "geo", "inventory", "orders", "wsgi.py")
RULES = Path(__file__).parent / "rules"
PLANT = PLANTED / "code"

# What a tool says that is no fault, with the reason; one that no longer occurs is itself a finding.
ALLOWED = {
    ("B101", "distro/accounts/oidc.py"): "tells the type checker what the line before made sure of",
    ("B101", "geo/outlines.py"): "tells the type checker what the line before made sure of",
    ("B105", "distro/auth.py"): "an account without a second factor yet, not a password",
    ("B105", "distro/accounts/join_pages.py"): "the pattern of an address, not a password",
    ("B105", "orders/homewords.py"): "a kind of street, not a password",
    ("B310", "distro/demo.py"): "asks our own server, at an address written there",
    ("B311", "distro/demo_weeks.py"): "a made-up history, alike each time",
    ("B311", "distro/depot.py"): "made-up lots, alike each time",
    ("B606", "distro/serve.py"): "becomes gunicorn by a list of arguments, without a shell",
    ("B704", "distro/accounts/join_pages.py"): "the QR code that segno drew: squares and no text",
    ("B704", "distro/accounts/login.py"): "the QR code that segno drew: squares and no text",
    ("markup-not-constant", "distro/accounts/join_pages.py"): "the QR code that segno drew: squares and no text",
    ("markup-not-constant", "distro/accounts/login.py"): "the QR code that segno drew: squares and no text",
    ("client-address", "distro/shedding.py"): "caps the places of one network; kept as a keyed hash while inside",
    (
        "sql-concatenated",
        "distro/migrations/versions/0003_confidential_by_construction.py",
    ): "names of two tables of ours, written there",
    ("sql-concatenated", "distro/grants.py"): "GRANT binds no values; the names are quoted, and the operator's own",
    ("log-of-what-was-said", "distro/serve.py"): "our Logger.exception, which says type and place alone",
}
# Said of every use of subprocess, whatever is started: that no shell is, B602, B604, B605 and semgrep's `shell` see to.
NOT_ASKED = ("B404", "B603")


def bandit() -> list[Finding]:
    """What bandit finds in our packages."""
    return _unless_allowed(
        [(one["test_id"], one["filename"], one["line_number"], one["issue_text"]) for one in _bandit(ROOT, OURS)],
        {key for key in ALLOWED if re.fullmatch(r"B\d+", key[0])},
    )


def bandit_planted() -> bool:
    """Whether bandit finds the statement that is put together (B608) and the shell (B602)."""
    return {"B602", "B608"} <= {result["test_id"] for result in _bandit(PLANT, (".",))}


def semgrep() -> list[Finding]:
    """What breaks one of our own rules, in code or templates."""
    found = _semgrep(ROOT, (*OURS, "templates"))
    return _unless_allowed(
        [(_rule_of(one), one["path"], one["start"]["line"], one["extra"]["message"]) for one in found],
        {key for key in ALLOWED if not re.fullmatch(r"B\d+", key[0])},
    )


def semgrep_planted() -> bool:
    """Whether every rule finds the fault planted for it."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in RULES.glob("*.yaml"))
    rules = set(re.findall(r"^  - id: (\S+)$", written, re.MULTILINE))
    with TemporaryDirectory() as folder:  # outside of tests, which semgrep would pass over
        shutil.copytree(PLANT, folder, dirs_exist_ok=True)
        return bool(rules) and {_rule_of(result) for result in _semgrep(Path(folder), (".",))} == rules


def _unless_allowed(found: list[tuple[str, str, int, str]], allowed: set[tuple[str, str]]) -> list[Finding]:
    """What was found but is not allowed, and what is allowed in vain."""
    wrong = [f"{name}:{line}: {rule} {said[:110]}" for rule, name, line, said in found if (rule, name) not in allowed]
    stale = allowed - {(rule, name) for rule, name, _, _ in found}
    return wrong + [f"{name}: {rule} no longer occurs; take it out of ALLOWED" for rule, name in sorted(stale)]


def _bandit(folder: Path, targets: tuple[str, ...]) -> list[dict[str, Any]]:
    told = command(
        [TOOLS / "bandit", "--recursive", "--quiet", "--format", "json", "--skip", ",".join(NOT_ASKED), *targets],
        folder=folder,
    )
    report = json.loads(told.stdout)
    if report["errors"] or not report["metrics"]["_totals"]["loc"]:
        raise RuntimeError(f"bandit could not read everything: {report['errors']}")
    return [{**result, "filename": result["filename"].removeprefix("./")} for result in report["results"]]


def _semgrep(folder: Path, targets: tuple[str, ...]) -> list[dict[str, Any]]:
    told = command(
        [
            TOOLS / "semgrep",
            "scan",
            "--config",
            RULES,
            "--json",
            "--quiet",
            "--no-git-ignore",
            "--metrics=off",
            "--disable-version-check",
            *targets,
        ],
        folder=folder,
    )
    report = json.loads(told.stdout)
    if report["errors"] or not report["paths"]["scanned"]:
        raise RuntimeError(f"semgrep could not read everything: {report['errors']} {told.stderr[-300:]}")
    return list(report["results"])


def _rule_of(result: dict[str, Any]) -> str:
    return str(result["check_id"]).rpartition(".")[2]

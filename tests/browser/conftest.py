"""The application in a real server, and Chromium in front of it.

The server runs in a thread of this process, on the test's own database. On SQLite the test's `session` holds the
write lock from its first statement on, so commit it before the browser does anything.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from weakref import WeakSet

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Response, ViewportSize, sync_playwright
from werkzeug.serving import make_server

HERE = Path(__file__).parent
PHONE: ViewportSize = {"width": 320, "height": 640}
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",  # nothing may come from elsewhere
    "--no-first-run",
)

without_script: WeakSet[BrowserContext] = WeakSet()

OpenPage = Callable[..., Page]


class ChromiumMissing(RuntimeError):
    """The browser tests are never skipped; the text says what to install."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("browser")


def chromium() -> str:
    """The path of the Chromium to use. Raises ChromiumMissing."""
    found = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    if not found:
        raise ChromiumMissing("Install Chromium (Debian: apt-get install chromium), or name one in CHROMIUM.")
    return found


@pytest.fixture(scope="package")  # not the session: its event loop would be in the way of tests elsewhere
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def live_server(app: Flask) -> Iterator[str]:
    """The address of the running application, such as `http://127.0.0.1:40123`."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.02,), name="live server")  # seconds until it sees a stop
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def open_page(browser: Browser, live_server: str) -> Iterator[OpenPage]:
    """`open_page("/es/", viewport=PHONE, script=False)`: a visitor of their own, with no cookie, on that page.

    The test fails at its end if a page logged an error, broke its content policy, or missed a file.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def open_page(path: str = "/", *, viewport: ViewportSize = DESKTOP, script: bool = True) -> Page:
        context = browser.new_context(base_url=live_server, viewport=viewport, java_script_enabled=script)
        context.set_default_timeout(10_000)
        contexts.append(context)
        if not script:
            without_script.add(context)
        page = context.new_page()
        watch(page, problems)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems, "\n".join(problems)


@pytest.fixture
def phone(open_page: OpenPage) -> Page:
    """A small phone on the first page."""
    return open_page(viewport=PHONE)


@pytest.fixture
def plain_phone(open_page: OpenPage) -> Page:
    """A small phone whose browser runs no script, on the first page."""
    return open_page(viewport=PHONE, script=False)


@pytest.fixture
def desktop(open_page: OpenPage) -> Page:
    """A desk's screen on the first page."""
    return open_page(viewport=DESKTOP)


def axe(page: Page) -> None:
    """Fail with a readable list unless axe-core finds no accessibility violation on the page as it stands.

    The check is itself a script: look at the page with scripts on, whether or not it uses any.
    """
    assert page.context not in without_script, "axe would wait for ever on a page without scripts"
    page.wait_for_load_state("load")
    results = Axe().run(page)
    assert results.violations_count == 0, f"{page.url}\n{results.generate_report()}"


def fits(page: Page) -> None:
    """Fail if the page is wider than its window, so that a person would have to scroll sideways."""
    page.wait_for_load_state("load")
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} pixels wider than the window"


def watch(page: Page, problems: list[str]) -> None:
    """Write down whatever goes wrong on a page. An answer such as 404 for the page itself is the test's business."""

    def check(response: Response) -> None:
        if response.status >= 400 and response.request.resource_type != "document":
            problems.append(f"{response.status} for {response.url}")

    page.on("response", check)
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda message: (
            problems.append(f"{page.url}: {message.text}")
            if message.type == "error" and not message.text.startswith("Failed to load resource")
            else None
        ),
    )

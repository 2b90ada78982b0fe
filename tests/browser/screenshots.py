"""`make screenshots`: the main pages of a fresh demo as pictures in docs/screenshots/, and all of a participant's."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import demo as demos
from tests.browser import sheet
from tests.browser.conftest import ARGUMENTS, DESKTOP, PHONE, chromium
from tests.browser.demo import Demo

PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"


def main() -> None:
    """Take every picture anew."""
    shutil.rmtree(PICTURES, ignore_errors=True)
    PICTURES.mkdir(parents=True)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with TemporaryDirectory() as folder, demos.running(Path(folder) / "instance") as demo, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=[*ARGUMENTS, *sandbox])
        participants(demo, browser, "", "")
        participants(demo, browser, "es/", "-es")
        packers(demo, browser)
        managers(demo, browser)
        sheet.make(demo, browser, PICTURES)
        browser.close()


def participants(demo: Demo, browser: Browser, start: str, suffix: str) -> None:
    """The request on a phone, page by page."""
    page, take = _page(demo, browser, PHONE, full=True)
    page.goto(f"{demo.url}/{start}")
    take(f"request{suffix}")
    for item in ("naloxone-nasal", "fentanyl-strips", "syringe-kit"):
        page.locator(f"input[name=item][value={item}]").check()
    page.locator("[autocomplete=postal-code]").fill("43215")
    page.locator("button.go").click()
    take(f"answer{suffix}")
    page.locator("button.go").click()
    typed = {"name": "Robin Example", "address-line1": "1 Sample St", "address-level2": "Columbus"}
    for field, text in typed.items():
        page.locator(f"[autocomplete={field}]").fill(text)
    take(f"where{suffix}")
    page.locator("button.go").click()
    take(f"contact{suffix}")
    page.locator("button.go").click()
    take(f"check{suffix}")
    page.locator("button.go").click()
    take(f"done{suffix}")


def packers(demo: Demo, browser: Browser) -> None:
    """The queue, an order half picked, its label and slip, the stock."""
    page, take = _page(demo, browser, DESKTOP)
    demo.sign_in(page, "packer-oh")
    take("queue")
    page.locator("tbody a").first.click()
    pick = page.locator("table.picks button[name=allocation]")
    pick.first.click()
    take("desk")
    while pick.count():
        pick.first.click()
        page.wait_for_load_state("networkidle")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Print label").wait_for()
    action = page.locator("form[action$=label]").get_attribute("action")
    token = page.locator("form[action$=label] input[name=csrf_token]").input_value()
    label = page.request.post(f"{demo.url}{action}", form={"csrf_token": token})
    with TemporaryDirectory() as folder:
        pdf = Path(folder) / "label.pdf"
        pdf.write_bytes(label.body())
        subprocess.run(["pdftoppm", "-png", "-r", "100", pdf, PICTURES / "label"], check=True)
    page.goto(f"{demo.url}/stock")
    take("stock")


def managers(demo: Demo, browser: Browser) -> None:
    """The manager's pages."""
    page, take = _page(demo, browser, DESKTOP, full=True)
    demo.sign_in(page, "manager")
    for name, path in (
        ("manage", "/manage"),
        ("planning", "/planning"),
        ("review", "/review"),
        ("rules", "/rules/map?item=syringe-kit"),
    ):
        page.goto(f"{demo.url}{path}")
        take(name)


def _page(demo: Demo, browser: Browser, viewport: object, full: bool = False) -> tuple[Page, Callable[[str], None]]:
    page = browser.new_context(base_url=demo.url, viewport=viewport).new_page()  # type: ignore[arg-type]

    def take(name: str) -> None:
        page.wait_for_load_state("networkidle")
        page.locator("main").wait_for()
        page.evaluate("scrollTo(0, 0)")
        tall = page.evaluate("document.documentElement.scrollHeight") > 4_000  # a long list: its top says enough
        page.screenshot(path=PICTURES / f"{name}.png", full_page=full and not tall)

    return page, take


if __name__ == "__main__":
    main()

"""What goes over the wire: bytes, requests, other hosts, script and style (P4 to P8)."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from tests.bench import Row
from tests.browser import tour
from tests.measure import World, measure

FIRST_MOST = 14_000  # bytes: less than the first TCP window of 14,600
WHOLE_MOST = 60_000
SCRIPT_MOST, STYLE_MOST = 3_000, 6_000


@dataclass
class Traffic:
    """What a page and its parts cost, as Chromium's network stack counted it: headers and bodies as they were sent."""

    bytes: int = 0
    by_url: dict[str, int] = field(default_factory=dict)
    scripts: dict[str, int] = field(default_factory=dict)  # gzipped
    styles: dict[str, int] = field(default_factory=dict)


def listen(page: Page) -> Traffic:
    """Count all that a page's tab receives from now on."""
    traffic, urls = Traffic(), dict[str, str]()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")

    def began(event: dict[str, Any]) -> None:
        urls[event["requestId"]] = event["request"]["url"]

    def ended(event: dict[str, Any]) -> None:
        url = urls.get(event["requestId"], "")
        if url.startswith("http"):
            traffic.bytes += int(event["encodedDataLength"])
            traffic.by_url[url] = traffic.by_url.get(url, 0) + int(event["encodedDataLength"])

    session.on("Network.requestWillBeSent", began)
    session.on("Network.loadingFinished", ended)
    page.on("response", lambda response: _note_part(traffic, response))
    return traffic


def _note_part(traffic: Traffic, response: Any) -> None:
    kind = response.request.resource_type
    if kind in ("script", "stylesheet") and response.status == 200:
        kept = traffic.scripts if kind == "script" else traffic.styles
        kept[response.url] = len(gzip.compress(response.body(), 6))


@measure
def on_the_wire(world: World) -> Iterator[Row]:
    for language, prefix in (("en", ""), ("es", "/es")):
        page = world.page()
        traffic = listen(page)
        page.goto(f"{prefix}/", wait_until="networkidle")
        yield Row(
            "P4",
            f"bytes of the first page with all its parts and headers, {language}",
            f"<= {FIRST_MOST:,}",
            f"{traffic.bytes:,}",
            0 < traffic.bytes <= FIRST_MOST,
        )
        tour.done(page, world.url, prefix)  # it opens the first page again, which counts too
        page.wait_for_load_state("networkidle")
        yield Row(
            "P5",
            f"bytes of a whole request from an empty cache, {language}",
            f"<= {WHOLE_MOST:,} (stretch 40,000)",
            f"{traffic.bytes:,} in {len(traffic.by_url)} addresses",
            FIRST_MOST / 4 < traffic.bytes <= WHOLE_MOST,
        )
        hosts = {urlsplit(url).netloc for url in traffic.by_url} - {urlsplit(world.url).netloc}
        yield Row("P6", f"other hosts asked during a request, {language}", "0", str(len(hosts)), not hosts)
    script, style = sum(traffic.scripts.values()), sum(traffic.styles.values())
    yield Row("P7", "bytes of script, gzipped", f"<= {SCRIPT_MOST:,}", f"{script:,}", script <= SCRIPT_MOST)
    yield Row("P8", "bytes of CSS, gzipped", f"<= {STYLE_MOST:,}", f"{style:,}", 0 < style <= STYLE_MOST)


@measure
def without_script(world: World) -> Iterator[Row]:
    page = world.page(script=False)
    tour.done(page, world.url, "")
    ok = page.locator("#claim-code").count() == 1
    yield Row("P7", "script needed: a request without it ends with a code", "0 scripts", "code" if ok else "none", ok)

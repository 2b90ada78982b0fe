"""A slow phone network, and many visitors at once (P9, P10)."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode, urlsplit

from tests.bench import Row
from tests.measure import World, measure

SLOW_3G = {"offline": False, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
TIMES = 20
RATE, SECONDS = 50, 10


@measure
def on_slow_3g(world: World) -> Iterator[Row]:
    cold, warm = [], []
    for _ in range(TIMES):
        page = world.page()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_3G)
        began = time.perf_counter()
        page.goto("/")
        cold.append(time.perf_counter() - began)
        page.locator("label[for=item-naloxone-nasal]").click()
        page.fill("#zip", "43215")
        began = time.perf_counter()
        page.locator("#request .go").click()
        page.wait_for_load_state("load")
        warm.append(time.perf_counter() - began)
        page.context.close()
        world.contexts.remove(page.context)
    for what, times, most in (("first page", cold, 2.5), ("next page", warm, 1.0)):
        p95 = sorted(times)[int(0.95 * TIMES) - 1]
        told = f"seconds to the {what} on slow 3G in Chromium, p95 of {TIMES}"
        yield Row("P9", told, f"<= {most}", f"{p95:.2f}", p95 <= most)


@measure
def many_at_once(world: World) -> Iterator[Row]:
    with ThreadPoolExecutor(1) as apart:  # the browser's event loop has this thread
        times, failed = apart.submit(asyncio.run, _visit(world.url)).result()
    p95 = sorted(times)[int(0.95 * len(times))] * 1_000
    what = f"milliseconds to answer at {RATE} a second, one worker, p95 of {len(times)}"
    yield Row("P10", what, "<= 100", f"{p95:.0f}", p95 <= 100)
    yield Row("P10", "of these, not answered with the page", "0", str(failed), failed == 0)


async def _visit(url: str) -> tuple[list[float], int]:
    """First pages and answers in turn, each when its time has come, whatever is answered to the others."""
    host = urlsplit(url)
    need = urlencode({"item": "naloxone-nasal", "many-naloxone-nasal": "1", "zip": "43215"})
    pages = [
        f"GET / HTTP/1.1\r\nHost: {host.netloc}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        f"POST /answer HTTP/1.1\r\nHost: {host.netloc}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(need)}\r\nConnection: close\r\n\r\n{need}",
    ]
    began = time.perf_counter()

    async def one(number: int) -> tuple[float, bool]:
        await asyncio.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        sent = time.perf_counter()
        reader, writer = await asyncio.open_connection(host.hostname, host.port)
        writer.write(pages[number % 2].encode())
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return time.perf_counter() - sent, answer.startswith(b"HTTP/1.1 200")

    for number in range(4):  # warm
        await one(number)
    began = time.perf_counter()
    answers = await asyncio.gather(*(one(number) for number in range(RATE * SECONDS)))
    return [seconds for seconds, _ok in answers], sum(not ok for _seconds, ok in answers)

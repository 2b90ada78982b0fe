"""B9: ten times what the server can take. Who is let in is quick, the others hear so at once, and nothing is lost."""

import asyncio
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from sqlalchemy import select

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from orders import codes, tables
from orders.models import Order
from tests.bench import Row, benchmark
from tests.depot import fill
from tests.served import served

WORKERS = 2
CALM_SECONDS, BURST_SECONDS = 5, 10
AT_ONCE = 6  # clients in turn, to find the capacity
TIMES = 10
MOST_CLIENTS = 900  # connections open at once; more would measure the client
ACKED = re.compile(rb'id="claim-code"[^>]*>([^<]+)<')


@dataclass(frozen=True)
class Answer:
    """What became of one request: seconds from opening the connection to the last byte; status 0 if there was none."""

    seconds: float
    status: int
    code: str
    again: bool  # it holds the form, and says that nothing was stored


@benchmark
def ten_times_too_many() -> Iterator[Row]:
    with TemporaryDirectory(prefix="distro-bench-") as folder:
        settings = _make_instance(Path(folder) / "instance")
        said = Path(folder) / "said"
        with served(settings, said, "--surface", "public", "--workers", str(WORKERS)) as port:
            asyncio.run(_in_turn(port, settings))  # so that both workers are warm
            calm, seconds = asyncio.run(_in_turn(port, settings))
            capacity = len(calm) / seconds
            burst = asyncio.run(_all_at_once(port, settings, capacity * TIMES))
        yield from _rows(settings, capacity, calm, burst)


def _rows(settings: Settings, capacity: float, calm: list[Answer], burst: list[Answer]) -> Iterator[Row]:
    acked = [one for one in burst if one.code]
    shed = [one for one in burst if one.status == 503]
    other = [one for one in burst if not one.code and one.status != 503]
    sent = len(burst) / BURST_SECONDS
    what = f"requests sent in the burst, against {capacity:.0f}/s that fit"
    yield Row("B9", what, f">= {TIMES}x", f"{sent / capacity:.1f}x ({sent:.0f}/s)", sent >= 0.9 * TIMES * capacity)
    p99 = _percentile([one.seconds for one in acked])
    yield Row("B9", f"p99 of the {len(acked)} let in", "<= 1 s", f"{p99:.2f} s", bool(acked) and p99 <= 1)
    still = len(acked) / BURST_SECONDS / capacity
    yield Row("B9", "let in, against the capacity", ">= 0.3x", f"{still:.2f}x", still >= 0.3)
    p99 = _percentile([one.seconds for one in shed])
    what = f"p99 until the {len(shed) / len(burst):.0%} shed were told"
    yield Row("B9", what, "<= 1 s", f"{p99:.2f} s", p99 <= 1)
    honest = sum(one.again for one in shed)
    yield Row(
        "B9", "of these, with the form kept and Retry-After", "all", f"{honest} of {len(shed)}", honest == len(shed)
    )
    yield Row("B9", "without any answer", "none", f"{len(other)} of {len(burst)}", not other)
    lost = _lost(settings, [one.code for one in (*calm, *burst) if one.code])
    yield Row("B9", "codes given out that no order has", "none", str(lost), lost == 0)


def _make_instance(instance: Path) -> Settings:
    """A small depot on SQLite with keys for its week."""
    settings = Settings.from_env({}, instance=instance)
    make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
    app = create_app(settings)
    schema.upgrade(app)
    with app.app_context():
        fill(db.session())
        db.session.commit()
        tables.refresh(db.session(), at=clock.now())  # as the scheduler does
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return settings


async def _in_turn(port: int, settings: Settings) -> tuple[list[Answer], float]:
    """As many as fit: a few clients, each of which sends its next request when the last one is answered."""
    answers: list[Answer] = []
    began = time.perf_counter()

    async def client() -> None:
        while time.perf_counter() - began < CALM_SECONDS:
            answers.append(await _send(port, _request(settings)))

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return [one for one in answers if one.code], time.perf_counter() - began


async def _all_at_once(port: int, settings: Settings, rate: float) -> list[Answer]:
    """So many requests a second for a while, whatever is answered."""
    bodies = [_request(settings) for _ in range(int(rate * BURST_SECONDS))]
    free = asyncio.Semaphore(MOST_CLIENTS)
    began = time.perf_counter()

    async def client(number: int, body: bytes) -> Answer:
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        async with free:
            return await _send(port, body)

    return list(await asyncio.gather(*(client(number, body) for number, body in enumerate(bodies))))


async def _send(port: int, body: bytes) -> Answer:
    began = time.perf_counter()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(body)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
    except (OSError, TimeoutError):
        answer = b""
    seconds = time.perf_counter() - began
    status = int(answer[9:12]) if answer[:5] == b"HTTP/" else 0
    code = ACKED.search(answer)
    again = b"Nothing was stored" in answer and b'value="1 Sample St"' in answer and b"Retry-After: " in answer
    return Answer(seconds, status, code[1].decode() if code else "", again)


def _request(settings: Settings) -> bytes:
    """A whole request on a form of its own, as a browser sends it."""
    form = {
        "form": codes.new_form(settings.secret_key, clock.now()),
        "item": "naloxone-nasal",
        "many-naloxone-nasal": "2",
        "zip": "43215",
        "state": "OH",
        "name": "Robin Example",
        "line1": "1 Sample St",
        "city": "Sampleton",
        "contact": "none",
    }
    body = urlencode(form).encode()
    head = (
        "POST /done HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _lost(settings: Settings, given: list[str]) -> int:
    """Codes that were shown and lead to no order."""
    app = create_app(settings)
    with app.app_context():
        known = set(db.session.scalars(select(Order.code_tag)))
        db.session.remove()
        db.engine.dispose()
    return sum(codes.code_tag(settings.secret_key, codes.clean_code(code)) not in known for code in given)


def _percentile(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98] if len(seconds) > 1 else 0.0

"""B9: what sealing costs intake: the whole last step of a request, sealed, and left as it is."""

import gc
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from flask.testing import FlaskClient

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.keys import keylist, keyring, sealing
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring
from orders import codes, intake, tables
from tests.bench import Row, benchmark
from tests.depot import fill

MOST = 0.10  # of the throughput
ROUNDS = 40  # of each kind, in turn
AT_ONCE = 10  # requests in a round
WARM_UP = 3


@benchmark
def what_sealing_costs() -> Iterator[Row]:
    with TemporaryDirectory(prefix="distro-bench-") as folder:
        settings = Settings.from_env({}, instance=Path(folder) / "instance")
        keyring.make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
        app = create_app(settings)
        schema.upgrade(app)
        with app.app_context():
            fill(db.session())
            db.session.commit()
            tables.refresh(db.session(), at=clock.now())
            db.session.commit()
            db.session.remove()
        client = app.test_client()
        sealed, plain = [], []
        gc.disable()
        for _ in range(WARM_UP + ROUNDS):
            sealed.append(_seconds(client, settings))
            with _unsealed():
                plain.append(_seconds(client, settings))
        gc.enable()
        with app.app_context():
            db.engine.dispose()
    for what, of, unit in (("throughput", 0, "requests/s"), ("processor time", 1, "requests a processor second")):
        # The middle half of the rounds counts: what else the machine does, and each checkpoint, hits either kind alike.
        with_it, without = (_middle([times[of] for times in rounds[WARM_UP:]]) for rounds in (sealed, plain))
        share = 1 - without / with_it
        figure = f"{share:.1%} ({AT_ONCE / with_it:,.0f} {unit}, {AT_ONCE / without:,.0f} unsealed)"
        yield Row("B9", f"sealing's share of intake, {what}", f"<= {MOST:.0%}", figure, share <= MOST)


def _seconds(client: FlaskClient, settings: Settings) -> tuple[float, float]:
    """How long a round of requests takes, each answered with its code: by the clock, and of the processor."""
    forms = [_form(settings, number) for number in range(AT_ONCE)]
    began, worked = time.perf_counter(), time.process_time()
    answers = [client.post("/done", data=form) for form in forms]
    took = time.perf_counter() - began, time.process_time() - worked
    if any('id="claim-code"' not in answer.text for answer in answers):
        raise RuntimeError("a request was not taken")
    return took


def _form(settings: Settings, number: int) -> dict[str, object]:
    return {
        "form": codes.new_form(settings.secret_key, clock.now()),
        "item": ["naloxone-nasal"],
        "many-naloxone-nasal": "1",
        "zip": "43215",
        "state": "OH",
        "name": "Robin Example",
        "line1": f"{number} {secrets.token_hex(4)} Sample St",
        "city": "Sampleton",
        "contact": "none",
    }


@contextmanager
def _unsealed() -> Iterator[None]:
    """Intake without the signed list, the box and the proof that binds them."""
    with ExitStack() as stack:
        stack.enter_context(patch.object(keylist, "today", lambda _public, day: (clock.week_of(day), None)))
        stack.enter_context(patch.object(sealing, "seal", _left_as_it_is))
        stack.enter_context(patch.object(intake, "_proof", lambda *_told: bytes(32)))
        yield


def _left_as_it_is(_public: object, _epoch: str, _order: object, text: bytes) -> bytes:
    """As many bytes as a box has, without sealing."""
    return text.ljust(sealing.BUCKETS[0] + sealing.OVERHEAD, b"\0")


def _middle(times: list[float]) -> float:
    quarter = len(times) // 4
    kept = sorted(times)[quarter:-quarter]
    return sum(kept) / len(kept)

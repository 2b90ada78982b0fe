"""S1: a wrong code, an erased request's and another installation's take the same time to answer.

The codes take turns in one process, so that whatever else the machine does meets all of them alike.
"""

import random
import secrets
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from distro import clock, schema
from distro.app import create_app
from distro.config import Settings
from distro.db import db
from distro.keys.keylist import PublicKeys
from distro.keys.keyring import Keyring, make_keys
from orders import codes, intake, lookup, retention
from orders.intake import Person
from orders.models import Order
from tests.bench import Row, benchmark
from tests.depot import fill

ROUNDS = 400
MOST_APART = 5.0  # percent between the medians
REQUESTS = 200


@benchmark
def answers_to_wrong_codes() -> Iterator[Row]:
    with TemporaryDirectory(prefix="distro-bench-") as folder:
        settings = Settings.from_env({}, instance=Path(folder) / "instance")
        make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
        app = create_app(settings)
        schema.upgrade(app)
        with app.app_context():
            fill(db.session())
            erased = _ask(settings)
            db.session.commit()
            db.session.remove()
        bucket = lookup.Bucket(1e9, 1e9, clock.now())  # nobody is slowed down here
        app.extensions["wrong codes"] = bucket
        kinds = {
            "wrong": lambda: _code(settings.secret_key),
            "erased": lambda: random.choice(erased),
            "foreign": lambda: _code("the secret of another installation"),
            "malformed": lambda: secrets.token_hex(10).upper(),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        client = app.test_client()
        for round_ in range(ROUNDS + 20):
            for kind in random.sample(sorted(kinds), len(kinds)):
                form, network = {"code": kinds[kind]()}, f"10.{round_ // 200}.{round_ % 200}.1"
                began = time.perf_counter()
                answer = client.post("/status", data=form, environ_base={"REMOTE_ADDR": network})
                spent = time.perf_counter() - began
                assert answer.status_code == 404, (answer.status_code, kind)
                if round_ >= 20:
                    times[kind].append(spent)
        with app.app_context():
            db.engine.dispose()
    medians = {kind: statistics.median(spent) * 1000 for kind, spent in times.items()}
    for kind in ("erased", "foreign", "malformed"):
        apart = abs(medians[kind] / medians["wrong"] - 1) * 100
        figure = f"{apart:.1f} % ({medians[kind]:.2f} and {medians['wrong']:.2f} ms)"
        yield Row(
            "S1", f"status of {kind} and wrong codes", f"<= {MOST_APART:.0f} % apart", figure, apart <= MOST_APART
        )


def _ask(settings: Settings) -> list[str]:
    """The codes of some requests whose address is erased, among as many that are not."""
    nonces = [secrets.token_bytes(16) for _ in range(REQUESTS)]
    for nonce in nonces:
        person = Person("Robin Example", "1 Sample St", "", "Sampleton", "OH", "43215")
        request = intake.seal_request(
            settings,
            nonce=nonce,
            wanted={"naloxone-nasal": 1},
            person=person,
            ruleset_id=None,
            decision=None,
            now=clock.now(),
        )
        intake.store(db.session(), request, secret=settings.secret_key)
    db.session.commit()
    for order in db.session.scalars(select(Order)).all()[::2]:
        retention.erase(db.session(), order, at=clock.now())
    gone = set(db.session.scalars(select(Order.code_tag).where(Order.erased_on.is_not(None))))
    every = [codes.claim_code(settings.secret_key, nonce) for nonce in nonces]
    return [code for code in every if codes.code_tag(settings.secret_key, code) in gone]


def _code(secret: str) -> str:
    return codes.claim_code(secret, secrets.token_bytes(16))

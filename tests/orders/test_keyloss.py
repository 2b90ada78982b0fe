"""A key that is lost for good: its open requests are closed, and whoever asks by code is told the truth."""

import json
import secrets
import shutil
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from distro import audit, clock, jobs
from distro.keys import keyring
from distro.keys.keylist import PublicKeys
from distro.keys.keysecret import SecretWrong
from distro.outbox import Message
from orders import keyloss, workflow
from orders.models import KEY_LOST, Order, Status
from tests.conftest import Cli
from tests.depot import Depot, sign_in

DAY = timedelta(days=1)
SAYS = "We lost the key to your request"


def lose(depot: Depot, epoch: str) -> None:
    (depot.settings.keyring / f"{epoch}.key").unlink()


def pack(depot: Depot, order: Order) -> None:
    packer = depot.user("packer")
    workflow.pick(depot.session, order, "LOT1", packer=packer, today=clock.today())
    workflow.pack(depot.session, order, packer=packer, today=clock.today())


def test_open_requests_are_closed_and_their_people_told(depot: Depot, client: FlaskClient, cli: Cli) -> None:
    lot = depot.shelve(quantity=10)
    nonces = [secrets.token_bytes(16) for _ in range(5)]
    orders = [depot.request(nonce=nonce, line1=f"{number} Sample St") for number, nonce in enumerate(nonces[:4])]
    depot.settle()
    received = depot.request(nonce=nonces[4], line1="9 Sample St")
    cancelled, picking, packed, labelled = orders
    workflow.cancel(depot.session, cancelled, by="participant", at=clock.now())
    workflow.claim(depot.session, picking, depot.user("packer"))
    pack(depot, packed)
    pack(depot, labelled)
    workflow.note_label(depot.session, labelled, at=clock.now())
    depot.session.commit()
    epoch = received.epoch
    lose(depot, epoch)
    told = cli("keys", "lost", epoch, "--by", "admin")
    assert told.returncode == 0, told.stderr
    assert f"{epoch} is replaced by {epoch}b" in told.stdout and "3 open requests are closed" in told.stdout
    assert labelled.number in told.stdout
    depot.session.expire_all()
    closed = {received: Status.DECLINED, picking: Status.CANCELLED, packed: Status.CANCELLED}
    assert {order: order.status for order in closed} == closed
    assert {order.why_not for order in closed} == {KEY_LOST}
    assert (cancelled.status, labelled.status) == (Status.CANCELLED, Status.PACKED) and cancelled.why_not == ""
    assert depot.balance(lot).reserved == 1  # what was promised to them is free again
    for order, nonce in zip([*orders, received], nonces, strict=True):
        page = client.post("/status", data={"code": depot.code_of(nonce)}).text
        assert (SAYS in page) == (order in closed), order.status
    assert "Perdimos la clave" in client.post("/es/status", data={"code": depot.code_of(nonces[4])}).text
    assert audit.count(depot.session, action="lost key", subject=epoch) == 1
    assert audit.count(depot.session, action="replace key", subject=epoch) == 1
    assert depot.request().epoch == f"{epoch}b"  # what is asked for from now on can be read


def test_requests_that_came_meanwhile_are_closed_by_running_it_again(depot: Depot, cli: Cli) -> None:
    first, late = depot.request(), depot.request()
    late_epoch, late.epoch = late.epoch, "2020-W01"
    depot.session.commit()
    lose(depot, first.epoch)
    assert "1 open requests" in cli("keys", "lost", first.epoch, "--by", "admin").stdout
    late.epoch = late_epoch  # as from a public machine that still had the old list
    depot.session.commit()
    again = cli("keys", "lost", first.epoch, "--by", "admin")
    assert again.returncode == 0 and "1 open requests" in again.stdout and "replaced" not in again.stdout


@pytest.mark.parametrize(
    ("epoch", "words"),
    [("here", "Nothing is lost, and nothing was changed"), ("2019-W01", "is not in the list of public keys")],
)
def test_nothing_is_given_up_by_a_slip_of_the_hand(depot: Depot, cli: Cli, epoch: str, words: str) -> None:
    order = depot.request()
    told = cli("keys", "lost", order.epoch if epoch == "here" else epoch, "--by", "admin")
    assert told.returncode == 1 and words in told.stderr
    depot.session.expire_all()
    assert order.status == Status.RECEIVED


def test_a_keyring_that_is_merely_away_is_not_lost(depot: Depot) -> None:
    order, public = depot.request(), PublicKeys.of(depot.settings)
    depot.settings.keyring.rename(depot.settings.instance / "away")
    with pytest.raises(keyring.KeyGone):
        keyloss.require_lost(depot.ring, public, order.epoch, clock.today())
    (depot.settings.instance / "away").rename(depot.settings.keyring)
    (depot.settings.instance / "keyring.secret").write_text("another")
    with pytest.raises(SecretWrong):
        keyloss.require_lost(depot.ring, public, order.epoch, clock.today())


def test_when_all_is_lost_one_begins_anew_and_people_are_told(depot: Depot, cli: Cli, client: FlaskClient) -> None:
    """Keyring, secret, list and pin are gone; docs/keys.md, “All is lost”."""
    depot.shelve()
    nonce = secrets.token_bytes(16)
    old = depot.request(nonce=nonce)
    for path in list(depot.settings.instance.iterdir()):
        if path.name.startswith(("keyring", "public-keys.json", "root.pub")):
            path.rename(path.with_name(f"lost-{path.name}"))
    told = cli("keys", "make")
    assert told.returncode == 0 and f"Made 7: {old.epoch}b, " in told.stdout, told.stderr
    new = depot.request(line1="2 Sample St")
    depot.settle()
    assert (old.status, new.status) == (Status.RECEIVED, Status.ALLOCATED)  # it waits: nobody says it was swapped
    assert cli("keys", "lost", old.epoch, "--by", "admin").returncode == 0
    assert SAYS in client.post("/status", data={"code": depot.code_of(nonce)}).text
    assert cli("keys", "check").returncode == 0


def test_a_lost_key_of_a_past_week_is_named_everywhere_until_it_is_given_up(
    depot: Depot, cli: Cli, client: FlaskClient
) -> None:
    order, closed = depot.request(), depot.request(line1="2 Sample St")
    workflow.cancel(depot.session, closed, by="participant", at=clock.now() + 5 * DAY)
    depot.session.commit()
    lose(depot, order.epoch)
    with clock.at(clock.now() + 7 * DAY):
        jobs.keep_house(depot.session, depot.settings)
        says = f"The private key of {order.epoch} is lost or damaged: 2 addresses"
        assert says in depot.session.scalars(select(Message.body)).one()
        told = cli("keys", "check")
        assert told.returncode == 1 and says in told.stdout
        rows = {row["epoch"]: row for row in json.loads(cli("keys", "list", "--json").stdout)}
        assert rows[order.epoch]["private"] == "lost" and not rows[order.epoch]["published"]
        sign_in(client, "manager")
        assert says in client.get("/manage").text
        assert cli("keys", "lost", order.epoch, "--by", "admin").returncode == 0
        assert cli("keys", "check").returncode == 0 and says not in client.get("/manage").text
    assert cli("keys", "check", env={"KEYRING_SECRET": "wrong"}).stdout.count("lost or damaged") == 0


def test_a_restored_database_that_needs_destroyed_keys_is_told_so(depot: Depot, cli: Cli) -> None:
    order = depot.request()
    keyring.destroy(depot.ring, order.epoch)
    audit.record(depot.session, actor="system", action="destroy key", subject=order.epoch, at=clock.now())
    depot.session.commit()
    with clock.at(clock.now() + 21 * DAY):
        told = cli("keys", "check")
    says = f"The key of {order.epoch} was destroyed on {clock.now():%b %-d, %Y}, so 1 address of a restored database"
    assert told.returncode == 1 and says in told.stdout and f"distro keys lost {order.epoch}" in told.stdout


@pytest.mark.parametrize("weeks", [0, 8])
def test_with_the_copy_unplugged_nothing_is_given_up(depot: Depot, cli: Cli, weeks: int) -> None:
    order, copy = depot.request(), depot.settings.instance / "copy"
    shutil.copytree(depot.settings.keyring, copy)
    lose(depot, order.epoch)
    copy.rename(copy.with_name("unplugged"))
    with clock.at(clock.now() + weeks * 7 * DAY):
        told = cli("keys", "lost", order.epoch, "--by", "admin", env={"KEYRING_COPY": str(copy)})
    depot.session.expire_all()
    assert told.returncode == 1 and "cannot be reached" in told.stderr and order.status == Status.RECEIVED


def test_without_the_database_the_keys_that_lie_here_are_checked(depot: Depot, cli: Cli) -> None:
    env = {"DATABASE_URL": f"sqlite:///{depot.settings.instance}/nothing.sqlite3"}
    told = cli("keys", "check", env=env)
    assert told.returncode == 1 and "The database does not answer" in told.stdout
    assert cli("keys", "list", env=env).returncode == 0

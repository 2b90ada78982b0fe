"""The list of public keys: only what the pinned root signed, only the newest, and without a key nothing is taken."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from distro import clock
from distro.config import Settings
from distro.errors import Unavailable
from distro.keys import keylist, keyring
from distro.keys.keyfiles import Keyring
from distro.keys.keylist import KeysReplayed, KeysUntrusted, PublicKeys
from orders.models import Order
from tests.depot import Depot
from tests.orders.forms import filled

TODAY = date(2026, 11, 23)
Harm = Callable[[Settings], None]


def published(path: Path, root: Ed25519PrivateKey, *weeks: str, on: date = TODAY) -> PublicKeys:
    """A signed list of fresh keys, and the pin that fits."""
    keylist.publish(path, root, keys={week: X25519PrivateKey.generate().public_key() for week in weeks}, on=on)
    return PublicKeys(path, keylist.as_text(root.public_key().public_bytes_raw()))


@pytest.fixture
def root() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def public(tmp_path: Path, root: Ed25519PrivateKey) -> PublicKeys:
    return published(tmp_path / "public-keys.json", root, "2026-W48", "2026-W49", "2026-W49b", "2026-W51")


def test_a_day_has_the_newest_key_of_its_week(public: PublicKeys) -> None:
    assert keylist.today(public, TODAY)[0] == "2026-W48"
    assert keylist.today(public, TODAY + timedelta(weeks=1))[0] == "2026-W49b"
    with pytest.raises(Unavailable):
        keylist.today(public, TODAY + timedelta(weeks=2))


def test_weeks_ahead_are_counted_without_a_gap(public: PublicKeys) -> None:
    found = keylist.read(public)
    assert [found.weeks_ahead(TODAY + timedelta(weeks=weeks)) for weeks in range(-1, 4)] == [-1, 1, 0, -1, 0]


def test_the_53rd_week_of_a_year_is_a_week(tmp_path: Path, root: Ed25519PrivateKey) -> None:
    made = published(tmp_path / "list.json", root, "2026-W53", "2027-W01")
    assert keylist.today(made, date(2027, 1, 3))[0] == "2026-W53"
    assert keylist.today(made, date(2027, 1, 4))[0] == "2027-W01"


def test_without_a_list_or_a_pin_there_is_no_key(public: PublicKeys, tmp_path: Path) -> None:
    for wrong in (PublicKeys(tmp_path / "none.json", public.root), replace(public, root=""), replace(public, root="x")):
        with pytest.raises(Unavailable):
            keylist.today(wrong, TODAY)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"7", b"null", b"\xff\xfe", b"[" * 100_000, b'{"list": {}}', b'{"list": 1, "signature": 2}'],
)
def test_a_damaged_list_is_not_trusted(public: PublicKeys, content: bytes) -> None:
    public.path.write_bytes(content)
    with pytest.raises(KeysUntrusted, match=r"public-keys\.json"):
        keylist.read(public)


def test_a_folder_in_its_place_is_not_trusted(public: PublicKeys) -> None:
    public.path.unlink()
    public.path.mkdir()
    with pytest.raises(KeysUntrusted):
        keylist.read(public)


def test_every_byte_of_the_list_counts(public: PublicKeys) -> None:
    """Any change of a letter or digit is refused; only the white space between is nobody's business."""
    whole = public.path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 3):
        if chr(whole[place]).isalnum():
            public.path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(KeysUntrusted):
                keylist.read(public)
            refused += 1
    assert refused > 100
    public.path.write_bytes(whole)
    assert keylist.read(public).keys  # control: unharmed it is read


def test_a_list_of_another_root_is_refused(public: PublicKeys) -> None:
    published(public.path, Ed25519PrivateKey.generate(), "2026-W48")
    with pytest.raises(KeysUntrusted, match="not signed"):
        keylist.read(public)


def test_an_older_list_is_refused_once_a_newer_one_was_seen(public: PublicKeys, root: Ed25519PrivateKey) -> None:
    old, stat = public.path.read_bytes(), public.path.stat()
    first = keylist.read(public)
    published(public.path, root, "2026-W48")
    assert keylist.read(public).serial == first.serial + 1
    put_back(public.path, old, stat)
    with pytest.raises(KeysReplayed, match="old list back"):
        keylist.read(public)
    with pytest.raises(Unavailable):
        keylist.today(public, TODAY)


def test_an_older_list_is_refused_by_the_next_process_too(
    public: PublicKeys, root: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, stat = public.path.read_bytes(), public.path.stat()
    published(public.path, root, "2026-W48")
    new_process(monkeypatch)
    keylist.read(public)
    put_back(public.path, old, stat)
    new_process(monkeypatch)
    with pytest.raises(KeysReplayed):
        keylist.read(public)
    public.path.with_suffix(".serial").unlink()  # control: it is the number beside the list that tells
    new_process(monkeypatch)
    assert keylist.read(public).keys


def test_where_nothing_can_be_written_a_process_remembers_for_itself(
    public: PublicKeys, root: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_args: object, **_kwargs: object) -> None:
        raise PermissionError

    old, stat = public.path.read_bytes(), public.path.stat()
    published(public.path, root, "2026-W48")
    public.path.with_suffix(".serial").unlink()
    new_process(monkeypatch)
    monkeypatch.setattr(keylist, "write_durably", no)
    keylist.read(public)
    put_back(public.path, old, stat)
    with pytest.raises(KeysReplayed):
        keylist.read(public)


@pytest.mark.parametrize("kept", ["", "x", "-1", "9" * 5_000, "²"])
def test_a_damaged_number_beside_the_list_stops_nothing(
    public: PublicKeys, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    public.path.with_suffix(".serial").write_text(kept)
    new_process(monkeypatch)
    assert keylist.read(public).keys


def test_numbers_grow_even_where_the_list_and_its_number_were_lost(
    public: PublicKeys, root: Ed25519PrivateKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keylist.read(public).serial
    public.path.unlink()
    public.path.with_suffix(".serial").unlink()
    new_process(monkeypatch)
    assert keylist.read(published(public.path, root, "2026-W48", on=TODAY + timedelta(days=1))).serial > before


def test_an_unchanged_list_is_not_read_again(public: PublicKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    first = keylist.read(public)
    monkeypatch.setattr(Path, "read_bytes", lambda _self: b"")
    assert keylist.read(public) is first


# -- intake --


def tampered(settings: Settings) -> None:
    signed = json.loads(settings.public_keys.read_bytes())
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    signed["list"]["keys"][clock.week_of(clock.today())] = base64.b64encode(key).decode()
    settings.public_keys.write_text(json.dumps(signed))


def unsigned(settings: Settings) -> None:
    signed = json.loads(settings.public_keys.read_bytes())
    settings.public_keys.write_text(json.dumps(signed["list"]["keys"]))


def no_longer_valid(settings: Settings) -> None:
    settings.public_keys.unlink()
    keyring.make_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today() - timedelta(weeks=3), weeks=2)


def replayed(settings: Settings) -> None:
    old, stat = settings.public_keys.read_bytes(), settings.public_keys.stat()
    keyring.replace_keys(Keyring.of(settings), PublicKeys.of(settings), clock.today())
    put_back(settings.public_keys, old, stat)


HARMS: dict[str, Harm] = {
    "no list": lambda settings: settings.public_keys.unlink(),
    "no pin": lambda settings: settings.root_pub.unlink(),
    "damaged": lambda settings: settings.public_keys.write_bytes(settings.public_keys.read_bytes()[:-40]),
    "unsigned": unsigned,
    "tampered": tampered,
    "another root": lambda settings: settings.root_pub.write_text(base64.b64encode(bytes(32)).decode()),
    "past weeks": no_longer_valid,
    "replayed": replayed,
}


@pytest.mark.parametrize("path", ["/done", "/es/done"])
@pytest.mark.parametrize("harm", HARMS)
def test_without_a_valid_key_nothing_is_taken_and_that_is_said(
    depot: Depot, client: FlaskClient, harm: str, path: str
) -> None:
    form = filled(client)
    HARMS[harm](depot.settings)
    told = client.post(path, data=form)
    assert told.status_code == 503 and 'id="claim-code"' not in told.text
    assert "Nothing was stored" in told.text or "No se guardó nada" in told.text
    assert "Robin Example" in told.text and "1 Sample St" in told.text  # kept, for another try
    assert "tel:" in told.text  # who else can help
    assert stored(depot) == 0
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize("away", [False, True])
def test_without_a_valid_key_nothing_is_spooled_either(
    depot: Depot, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    """The control: with a valid list the same form is taken, to the database or, without one, to the spool."""
    form = filled(client)
    whole = depot.settings.public_keys.read_bytes()
    if away:
        depot.session.commit()
        monkeypatch.setattr("orders.intake.store", broken)
        monkeypatch.setattr("orders.donepage.is_stored", broken)
    depot.settings.public_keys.write_bytes(b"{}")
    assert client.post("/done", data=form).status_code == 503
    assert stored(depot) == 0
    depot.settings.public_keys.write_bytes(whole)
    assert client.post("/done", data=form).status_code == 200
    assert stored(depot) == 1


def test_readiness_says_how_far_the_keys_reach(client: FlaskClient, depot: Depot) -> None:
    assert client.get("/readyz").get_json() == {"status": "ok", "weeks_ahead": keyring.WEEKS_AHEAD}


@pytest.mark.parametrize("away", [False, True])
def test_readiness_tells_since_when_something_is_spooled(
    client: FlaskClient, depot: Depot, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    depot.settings.spool.mkdir()
    for name, when in (("2026-W48.a.json", 1_795_000_000), ("2026-W47.b.json", 1_794_700_000)):
        (depot.settings.spool / name).write_text("{}")
        os.utime(depot.settings.spool / name, (when, when))
    if away:
        depot.session.commit()
        monkeypatch.setattr("distro.health.is_live", broken)
    answer = client.get("/readyz")
    assert answer.status_code == (503 if away else 200)
    assert answer.get_json()["spooled_since"] == "2026-11-14"


def stored(depot: Depot) -> int:
    """Requests in the database and in the spool."""
    rows = depot.session.scalar(select(func.count()).select_from(Order)) or 0
    return rows + len(list(depot.settings.spool.glob("*")))


def broken(*_args: object, **_kwargs: object) -> bool:
    raise OperationalError("", {}, Exception())


def put_back(path: Path, content: bytes, stat: os.stat_result) -> None:
    """An old list, with its old time."""
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what a process knows, as the next one does."""
    monkeypatch.setattr(keylist, "_newest", {})
    keylist._read.cache_clear()

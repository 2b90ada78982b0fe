"""Sealing: only the week's key opens a box, only for its own order, and nothing of it shows outside."""

import base64
import json
import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import date
from itertools import repeat
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from distro import keyring
from distro.errors import Unavailable

TODAY = date(2026, 11, 23)
WEEK = "2026-W48"


@pytest.fixture
def ring(tmp_path: Path) -> tuple[Path, Path]:
    directory, public = tmp_path / "keyring", tmp_path / "public-keys.json"
    keyring.make_keys(directory, public, TODAY)
    return directory, public


def test_it_works(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    order = uuid4()
    box = keyring.seal(public, WEEK, order, b"Robin Example")
    assert keyring.open_box(directory, WEEK, order, box) == b"Robin Example"


def test_keys_are_made_ahead_once_and_kept_private(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    assert len(keyring.published_keys(public)) == keyring.WEEKS_AHEAD + 1
    assert keyring.make_keys(directory, public, TODAY) == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.glob("*.key")} == {0o600}


def test_a_box_opens_for_its_own_order_and_week_only(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    order = uuid4()
    box = keyring.seal(public, WEEK, order, b"Robin Example")
    with pytest.raises(keyring.SealBroken):
        keyring.open_box(directory, WEEK, uuid4(), box)
    with pytest.raises(keyring.SealBroken):
        keyring.open_box(directory, "2026-W49", order, box)


def test_a_changed_or_cut_box_does_not_open(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    order = uuid4()
    box = keyring.seal(public, WEEK, order, b"Robin Example")
    for place in range(0, len(box), 97):
        changed = bytes([*box[:place], box[place] ^ 1, *box[place + 1 :]])
        with pytest.raises(keyring.SealBroken):
            keyring.open_box(directory, WEEK, order, changed)
    for length in (0, 10, 32, len(box) - 1):
        with pytest.raises(keyring.SealBroken):
            keyring.open_box(directory, WEEK, order, box[:length])


@given(text=st.binary(max_size=keyring.BOX_TEXT_BYTES - 2))
def test_every_box_has_one_length(tmp_path_factory: pytest.TempPathFactory, text: bytes) -> None:
    folder = tmp_path_factory.mktemp("ring")
    keyring.make_keys(folder / "keyring", folder / "public.json", TODAY, weeks=0)
    order = uuid4()
    box = keyring.seal(folder / "public.json", WEEK, order, text)
    assert len(box) == keyring.BOX_TEXT_BYTES + 48
    assert keyring.open_box(folder / "keyring", WEEK, order, box) == text


def test_without_a_key_nothing_is_sealed(ring: tuple[Path, Path]) -> None:
    with pytest.raises(Unavailable):
        keyring.seal(ring[1], "2031-W01", uuid4(), b"Robin Example")


def test_a_destroyed_key_opens_nothing(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    order = uuid4()
    box = keyring.seal(public, WEEK, order, b"Robin Example")
    assert keyring.destroy(directory, WEEK)
    assert not keyring.destroy(directory, WEEK)
    with pytest.raises(keyring.KeyGone):
        keyring.open_box(directory, WEEK, order, box)


def test_a_destroyed_key_s_bytes_are_overwritten_where_they_lie(ring: tuple[Path, Path]) -> None:
    directory, _public = ring
    path = directory / f"{WEEK}.key"
    with path.open("rb", buffering=0) as same_blocks:
        length = path.stat().st_size
        keyring.destroy(directory, WEEK)
        assert same_blocks.read() == bytes(length)
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"x", bytes(31), bytes(33)])
def test_a_damaged_key_file_opens_nothing(ring: tuple[Path, Path], content: bytes) -> None:
    directory, public = ring
    order = uuid4()
    box = keyring.seal(public, WEEK, order, b"Robin Example")
    (directory / f"{WEEK}.key").write_bytes(content)
    with pytest.raises(keyring.KeyGone):
        keyring.open_box(directory, WEEK, order, box)


def test_public_halves_that_were_lost_are_made_from_the_private_ones(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    before = keyring.published_keys(public)
    public.unlink()
    assert keyring.make_keys(directory, public, TODAY) == sorted(before)
    assert keyring.published_keys(public) == before


def test_weeks_that_nobody_could_open_are_told(ring: tuple[Path, Path]) -> None:
    directory, public = ring
    assert keyring.lost_weeks(directory, public, TODAY) == []
    (directory / "2026-W48.key").unlink()
    (directory / "2026-W50.key").write_bytes(b"cut")
    (directory / "2026-W51.key").write_bytes((directory / "2026-W52.key").read_bytes())
    keyring.make_keys(directory, public, TODAY)  # a published key is never replaced
    assert keyring.lost_weeks(directory, public, TODAY) == ["2026-W48", "2026-W50", "2026-W51"]
    assert keyring.lost_weeks(directory, public, date(2026, 12, 7)) == ["2026-W50", "2026-W51"]


def test_processes_that_make_keys_at_once_publish_halves_that_fit(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(12)]
    for folder in folders:
        folder.mkdir()
    with ProcessPoolExecutor(4, multiprocessing.get_context("spawn")) as processes:
        list(processes.map(make, [folder for folder in folders for _ in range(4)]))
    for folder in folders:
        published = keyring.published_keys(folder / "public.json")
        assert len(published) == keyring.WEEKS_AHEAD + 1
        assert published == {epoch: public_half(folder / "keyring" / f"{epoch}.key") for epoch in published}


def test_a_file_is_written_whole_by_many_threads_at_once(tmp_path: Path) -> None:
    path, content = tmp_path / "file.json", json.dumps(list(range(5_000))).encode()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(keyring.write_durably, repeat(path, 64), repeat(content)))
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["file.json"]


def make(folder: Path) -> None:
    """Make keys, as each process does in the test above."""
    keyring.make_keys(folder / "keyring", folder / "public.json", TODAY)


def public_half(path: Path) -> str:
    private = X25519PrivateKey.from_private_bytes(path.read_bytes())
    return base64.b64encode(private.public_key().public_bytes_raw()).decode()

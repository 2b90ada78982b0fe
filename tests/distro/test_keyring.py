"""Sealing: only the week's key opens a box, only for its own order, and nothing of it shows outside."""

import stat
from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
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

"""Files are whole or not there, and a secret is made once."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import pytest

from distro import files
from tests.conftest import Cli


def test_a_file_is_written_whole_by_many_threads_at_once(tmp_path: Path) -> None:
    path, content = tmp_path / "file.json", json.dumps(list(range(5_000))).encode()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(files.write_durably, repeat(path, 64), repeat(content)))
    assert path.read_bytes() == content and os.listdir(tmp_path) == ["file.json"]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError("no space")

    path = tmp_path / "file"
    files.write_durably(path, b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        files.write_durably(path, b"after")
    assert path.read_bytes() == b"before" and os.listdir(tmp_path) == ["file"]


def test_a_secret_is_made_once_by_many_who_begin_at_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "secret"
    with ThreadPoolExecutor(8) as threads:
        made = set(threads.map(files.own_secret, repeat(path, 64)))
    assert made == {path.read_text()} and len(made.pop()) == 64
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == ["secret"] and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_folder_and_the_database_of_a_new_instance_are_nobody_else_s(tmp_path: Path, cli: Cli) -> None:
    instance = tmp_path / "new"
    own = {"DISTRO_INSTANCE": str(instance), "DATABASE_URL": f"sqlite:///{instance}/distro.sqlite3"}
    told = cli("migrate", env={**own, "SECRET_KEY": "", "STAFF_SECRET_KEY": ""})
    assert told.returncode == 0, told.stderr
    assert stat.S_IMODE(instance.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in instance.iterdir() if path.is_file()}
    assert "distro.sqlite3" in modes and set(modes.values()) == {0o600}

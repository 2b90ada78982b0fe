"""Backup and restore of a database, as docs/backup.md says."""

import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from tests import postgres


def back_up_database(url: str, path: Path) -> None:
    """`pg_dump`, or SQLite's own backup."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        with sqlite3.connect(str(found.database)) as source, sqlite3.connect(path) as copy:
            source.backup(copy)
        source.close()
        copy.close()
        return
    # Without compression, so that the search of every byte sees what is in it.
    run_postgres("pg_dump", "--format=custom", "--compress=0", f"--file={path}", *whom(url))


def restore_database(path: Path, url: str) -> None:
    """Into an empty database."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite":
        shutil.copyfile(path, str(found.database))
        return
    run_postgres("pg_restore", "--exit-on-error", "--no-owner", *whom(url), str(path))


def whom(url: str) -> list[str]:
    found = make_url(url)
    host = found.query.get("host") or found.host or "localhost"
    return ["-h", str(host), "-U", found.username or "distro", "-d", str(found.database)]


def run_postgres(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [postgres._binaries() / program, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr

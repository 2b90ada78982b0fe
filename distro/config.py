"""Settings, read once from the environment. Any NAME may be given as NAME_FILE, a file that holds it."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flask import current_app

from distro.errors import SettingWrong


class Surface(StrEnum):
    """Which doors a web process opens: the participants', the staff's, or both."""

    PUBLIC = "public"
    STAFF = "staff"
    ALL = "all"


@dataclass(frozen=True)
class Settings:
    """One instance of the service: where its state lies and whom it talks to."""

    instance: Path
    database_url: str
    secret_key: str
    surface: Surface = Surface.ALL
    smtp_host: str = ""
    smtp_port: int = 25
    mail_from: str = "supplies@localhost"
    demo: bool = False
    https: bool = False

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] = os.environ, *, instance: Path | None = None, **overrides: object
    ) -> "Settings":
        """Read DISTRO_INSTANCE, DATABASE_URL, SECRET_KEY, DISTRO_SURFACE, SMTP_HOST, SMTP_PORT, MAIL_FROM,
        DISTRO_DEMO and DISTRO_HTTPS; `instance` and `overrides` win over the environment.

        Raises SettingWrong with the name of the setting that cannot be used.
        """
        instance = (instance or Path(_read(env, "DISTRO_INSTANCE", "instance"))).resolve()
        demo_mark = instance / "demo-accounts.json"
        try:
            surface = Surface(_read(env, "DISTRO_SURFACE", "all"))
        except ValueError:
            raise SettingWrong(name="DISTRO_SURFACE", problem="use public, staff or all") from None
        port = _read(env, "SMTP_PORT", "25")
        if not (port.isdecimal() and len(port) <= 5 and 1 <= int(port) <= 65_535):
            raise SettingWrong(name="SMTP_PORT", problem="use a whole number from 1 to 65535, such as 25")
        values: dict[str, object] = {
            "instance": instance,
            "database_url": _read(env, "DATABASE_URL", f"sqlite:///{instance / 'distro.sqlite3'}"),
            "secret_key": _read(env, "SECRET_KEY", "") or _own_secret(instance / "secret.key"),
            "surface": surface,
            "smtp_host": _read(env, "SMTP_HOST", ""),
            "smtp_port": int(port),
            "mail_from": _read(env, "MAIL_FROM", "supplies@localhost"),
            "demo": _read(env, "DISTRO_DEMO", "1" if demo_mark.exists() else "") == "1",
            "https": _read(env, "DISTRO_HTTPS", "") == "1",
        }
        return cls(**{**values, **overrides})  # type: ignore[arg-type]

    @property
    def keyring(self) -> Path:
        """Private keys of the weeks; only staff processes may read it."""
        return self.instance / "keyring"

    @property
    def public_keys(self) -> Path:
        """The public halves, which intake needs."""
        return self.instance / "public-keys.json"

    @property
    def spool(self) -> Path:
        """Sealed requests taken while the database was away."""
        return self.instance / "spool"

    @property
    def mailbox(self) -> Path:
        """The demo's local mailbox."""
        return self.instance / "mailbox"


def current_settings() -> Settings:
    """The settings of the app in charge."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _read(env: Mapping[str, str], name: str, default: str) -> str:
    path = env.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as problem:
            raise SettingWrong(name=f"{name}_FILE", problem=problem.strerror or "cannot be read") from None
    return env.get(name, default)


def _own_secret(path: Path) -> str:
    """A secret made on first use and kept in the instance, mode 0600; of two processes that begin, one makes it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):
            os.link(mine, path)  # whole, or not at all
        mine.unlink()
    return path.read_text().strip()

"""Settings, read once from the environment. Any NAME may be given as NAME_FILE, a file that holds it."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from flask import current_app

from distro.errors import SettingWrong
from distro.files import own_secret

STAFF_ONLY = (
    *("KEYRING_SECRET", "KEYRING_SECRET_COMMAND", "KEYRING_COPY", "STAFF_SECRET_KEY"),
    *("OIDC_CLIENT_SECRET", "SMS_SECRET"),
)
LOOPBACK = ("127.0.0.1", "::1", "localhost")
OURS = (*STAFF_ONLY, "SECRET_KEY", "SECRET_KEY_OLD", "DATABASE_URL")  # no command that we start needs to know


class Surface(StrEnum):
    """Which doors a web process opens: the participants', the staff's, or both."""

    PUBLIC = "public"
    STAFF = "staff"
    ALL = "all"


@dataclass(frozen=True)
class Settings:
    """One instance of the service: where its state lies and whom it talks to."""

    instance: Path
    database_url: str = field(repr=False)
    secret_key: str = field(repr=False)  # of forms and codes; public and staff machines share it
    secret_key_old: str = field(default="", repr=False)  # the one before it: its codes and proofs are still believed
    surface: Surface = Surface.ALL
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_tls: str = ""  # starttls, tls or none; empty: starttls, but on this machine none
    mail_from: str = "supplies@localhost"
    participant_mail_from: str = ""  # whom participants' mails come from; empty: the bare address of mail_from
    sms_provider: str = ""  # who sends text messages; empty: nobody does
    sms_url: str = "https://api.twilio.com"
    sms_from: str = ""  # our number there, as +16145550100
    sms_account: str = ""
    sms_secret: str = field(default="", repr=False)
    demo: bool = False
    https: bool = False
    public_url: str = ""  # such as https://supplies.example.org; its host answers the participants' pages alone
    staff_url: str = ""  # the same for staff
    proxies: int = 0  # how many reverse proxies stand before us, whose X-Forwarded-For is believed
    keyring_copy: Path | None = None
    keyring_secret: str = field(default="", repr=False)
    keyring_command: str = field(default="", repr=False)
    effort_bits: int = 0  # of the small proof of work on the check page; 0: off
    root_key: str = ""
    leave_url: str = "https://www.weather.gov/"  # where "Leave this site" leads: a page that says nothing of us
    translations: Path | None = None  # catalogs of further languages: docs/translate.md
    staff_key: str = field(default="", repr=False)
    anchor_file: Path | None = None
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = field(default="", repr=False)

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] = os.environ, *, instance: Path | None = None, **overrides: object
    ) -> "Settings":
        """Read the settings that the README lists; `instance` and `overrides` win over the environment.

        What only staff processes need is not read on the public surface, and no secret of theirs is made there.

        Raises SettingWrong with the name of the setting that cannot be used.
        """
        instance = (instance or Path(_read(env, "DISTRO_INSTANCE", "instance"))).resolve()
        demo_mark = instance / "demo-accounts.json"
        try:
            surface = Surface(_read(env, "DISTRO_SURFACE", "all"))
        except ValueError:
            raise SettingWrong(name="DISTRO_SURFACE", problem="use public, staff or all") from None
        values: dict[str, object] = {
            "instance": instance,
            "database_url": _read(env, "DATABASE_URL", f"sqlite:///{instance / 'distro.sqlite3'}"),
            "secret_key": _read(env, "SECRET_KEY", "") or own_secret(instance / "secret.key"),
            "secret_key_old": _read(env, "SECRET_KEY_OLD", ""),
            "surface": surface,
            "smtp_host": _read(env, "SMTP_HOST", ""),
            "smtp_port": _read_number(env, "SMTP_PORT", 25, 1, 65_535),
            "smtp_tls": _read_choice(env, "SMTP_TLS", ("starttls", "tls", "none")),
            "mail_from": _read(env, "MAIL_FROM", "supplies@localhost"),
            "sms_provider": _read_choice(env, "SMS_PROVIDER", ("none", "twilio")).removeprefix("none"),
            "demo": _read(env, "DISTRO_DEMO", "1" if demo_mark.exists() else "") == "1",
            "https": _read(env, "DISTRO_HTTPS", "") == "1",
            "public_url": _read_url(env, "PUBLIC_URL"),
            "staff_url": _read_url(env, "STAFF_URL"),
            "proxies": _read_number(env, "DISTRO_PROXIES", 0, 0, 9),
            "effort_bits": _read_number(env, "EFFORT_BITS", 0, 0, 22),
            "root_key": _read(env, "ROOT_KEY", ""),
            "leave_url": _read_secure_url(env, "LEAVE_URL", "https://www.weather.gov/"),
            "translations": _read_path(env, "TRANSLATIONS"),
        }
        if overrides.get("surface", surface) is not Surface.PUBLIC:
            values |= _read_staff(env, instance)
            values |= _read_messages(env, texts=bool(values["sms_provider"]))
        return cls(**{**values, **overrides})  # type: ignore[arg-type]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets whose codes are believed, the present one first; what is new is made under that."""
        return (self.secret_key, self.secret_key_old) if self.secret_key_old else (self.secret_key,)

    @property
    def can_mail(self) -> bool:
        """Whether participants can get mail, so that pages may offer it."""
        return bool(self.smtp_host)

    @property
    def can_text(self) -> bool:
        """Whether participants can get text messages."""
        return bool(self.sms_provider)

    @property
    def keyring(self) -> Path:
        """Private keys of the weeks; only staff processes may read it."""
        return self.instance / "keyring"

    @property
    def public_keys(self) -> Path:
        """The signed list of public halves, which intake needs."""
        return self.instance / "public-keys.json"

    @property
    def root_pub(self) -> Path:
        """The public half of the root that signs the list, where ROOT_KEY does not pin it."""
        return self.instance / "root.pub"

    @property
    def spool(self) -> Path:
        """Sealed requests taken while the database was away."""
        return self.instance / "spool"

    @property
    def forgotten(self) -> Path:
        """Which orders were cancelled or erased of late, for after a restore."""
        return self.instance / "forgotten.jsonl"

    @property
    def mailbox(self) -> Path:
        """The demo's local mailbox."""
        return self.instance / "mailbox"


def current_settings() -> Settings:
    """The settings of the app in charge."""
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def without_secrets(env: Mapping[str, str], names: Iterable[str] = OURS) -> dict[str, str]:
    """An environment for a child process that must not inherit these settings, nor the files that hold them."""
    hidden = {form for name in names for form in (name, f"{name}_FILE")}
    return {name: value for name, value in env.items() if name not in hidden}


def _read(env: Mapping[str, str], name: str, default: str) -> str:
    path = env.get(f"{name}_FILE")
    if path:
        try:
            return Path(path).read_text().strip()
        except OSError as problem:
            raise SettingWrong(name=f"{name}_FILE", problem=problem.strerror or "cannot be read") from None
    return env.get(name, default)


def _read_path(env: Mapping[str, str], name: str) -> Path | None:
    typed = _read(env, name, "")
    return Path(typed).resolve() if typed else None


def _read_staff(env: Mapping[str, str], instance: Path) -> dict[str, object]:
    """What only staff processes need."""
    return {
        "keyring_copy": _read_path(env, "KEYRING_COPY"),
        "keyring_secret": _read(env, "KEYRING_SECRET", ""),
        "keyring_command": _read(env, "KEYRING_SECRET_COMMAND", ""),
        "staff_key": _read(env, "STAFF_SECRET_KEY", "") or own_secret(instance / "staff-secret.key"),
        "anchor_file": _read_path(env, "AUDIT_ANCHOR_FILE"),
        "oidc_issuer": _read_url(env, "OIDC_ISSUER"),
        "oidc_client_id": _read(env, "OIDC_CLIENT_ID", ""),
        "oidc_client_secret": _read(env, "OIDC_CLIENT_SECRET", ""),
    }


def _read_messages(env: Mapping[str, str], *, texts: bool) -> dict[str, object]:
    """What sends messages to participants. Raises SettingWrong where a provider of texts cannot be used."""
    read = {
        "participant_mail_from": _read(env, "PARTICIPANT_MAIL_FROM", ""),
        "sms_url": _read_url(env, "SMS_URL") or "https://api.twilio.com",
        "sms_from": _read(env, "SMS_FROM", ""),
        "sms_account": _read(env, "SMS_ACCOUNT", ""),
        "sms_secret": _read(env, "SMS_SECRET", ""),
    }
    if texts:
        for name in ("sms_from", "sms_account", "sms_secret"):
            if not read[name]:
                raise SettingWrong(name=name.upper(), problem="SMS_PROVIDER needs it, see docs/messages.md")
        whole = urlsplit(read["sms_url"])
        if whole.scheme != "https" and whole.hostname not in LOOPBACK:
            raise SettingWrong(name="SMS_URL", problem="use https, since numbers go there")
    return dict(read)


def _read_number(env: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    typed = _read(env, name, str(default))
    if not (typed.isdecimal() and len(typed) <= len(str(most)) and least <= int(typed) <= most):
        raise SettingWrong(name=name, problem=f"use a whole number from {least} to {most}, such as {default}")
    return int(typed)


def _read_choice(env: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    typed = _read(env, name, "")
    if typed and typed not in choices:
        raise SettingWrong(name=name, problem=f"use {', '.join(choices[:-1])} or {choices[-1]}")
    return typed


def _read_url(env: Mapping[str, str], name: str) -> str:
    typed = _read(env, name, "").rstrip("/")
    if typed and (urlsplit(typed).scheme not in ("http", "https") or not urlsplit(typed).hostname):
        raise SettingWrong(name=name, problem="use a whole address such as https://supplies.example.org")
    return typed


def _read_secure_url(env: Mapping[str, str], name: str, default: str) -> str:
    typed = _read(env, name, default)
    if urlsplit(typed).scheme != "https" or not urlsplit(typed).hostname or re.search(r"\s", typed):
        raise SettingWrong(name=name, problem=f"use a whole https address, such as {default}")
    return typed

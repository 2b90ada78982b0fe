"""The languages participants may read: English, and each that has a compiled catalog. A catalog is all one needs.

A language's code is the name of its catalog's folder, the first part of its pages' addresses ("/es/status"), and the
name its blueprint is registered under. English, the language of the texts in the code, has its pages at "/".
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from babel import Locale, UnknownLocaleError
from flask import Flask, current_app, has_app_context
from flask_babel import force_locale, get_locale, gettext

from distro.errors import SettingWrong

SOURCE, SPANISH = "en", "es"  # what texts come in where they come in pairs
OURS = Path(__file__).parent / "translations"


@dataclass(frozen=True)
class Language:
    """A language as pages name it: `name` in its own spelling, `direction` "ltr" or "rtl"."""

    code: str
    name: str
    direction: str

    @property
    def tag(self) -> str:
        """What the web calls it (BCP 47), such as `pt-BR`."""
        return self.code.replace("_", "-")

    @property
    def prefix(self) -> str:
        """What the addresses of its pages begin with; nothing for English."""
        return "" if self.code == SOURCE else f"/{self.code}"


def folders(extra: Path | None = None) -> list[Path]:
    """Where catalogs lie. What a later one says wins."""
    return [OURS, extra] if extra else [OURS]


def spoken(extra: Path | None = None) -> tuple[Language, ...]:
    """English, Spanish, and then by code whatever else has a compiled catalog, here or in an operator's folder.

    Raises SettingWrong if that is no folder, or holds a catalog of a language that nobody knows.
    """
    if extra and not extra.is_dir():
        raise SettingWrong(name="TRANSLATIONS", problem="there is no such folder")
    found = {path.parts[-3] for folder in folders(extra) for path in folder.glob("*/LC_MESSAGES/messages.mo")}
    order = sorted({SOURCE, *found}, key=lambda code: (code != SOURCE, code != SPANISH, code))
    return tuple(map(_language, order))


def spoken_by(app: Flask) -> tuple[Language, ...]:
    """The languages of an application."""
    found: tuple[Language, ...] = app.extensions["languages"]
    return found


def codes(app: Flask | None = None) -> list[str]:
    """The codes of the languages of an application, or of the one in charge."""
    return [language.code for language in spoken_by(app or current_app)]


def current() -> str:
    """The code of the language that is spoken now: the page's, or the one of `speaking`. English where none is."""
    locale = get_locale() if has_app_context() else None
    return str(locale) if locale else SOURCE


def current_language() -> Language:
    """The same as a page needs it."""
    code = current()
    return next((language for language in spoken_by(current_app) if language.code == code), _language(code))


def others() -> list[Language]:
    """The languages a page can be changed to."""
    return [language for language in spoken_by(current_app) if language.code != current()]


def pick(english: str, spanish: str) -> str:
    """A text that is written in two languages, in the reader's.

    A third language has it from its catalog, by the English; where that does not have it, it stays English.
    """
    code = current()
    written = spanish if code.partition("_")[0] == SPANISH else english  # es_MX reads Spanish too
    if code in (SOURCE, SPANISH) or not english:
        return written
    found = str(gettext(english))
    return found if found != english else written


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Say what is said in here in a person's language; in English, if it is none of ours (any more)."""
    if not has_app_context():
        yield
        return
    with force_locale(code if code in codes() else SOURCE):
        yield


def of_path(path: str, known: Sequence[str]) -> tuple[str, str]:
    """The language of an address and the rest of it: ("es", "/status") for "/es/status" and ("en", "/") for "/"."""
    first, slash, rest = path.removeprefix("/").partition("/")
    return (first, slash + rest) if first in known and first != SOURCE else (SOURCE, path)


def _language(code: str) -> Language:
    try:
        locale = Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        raise SettingWrong(name="TRANSLATIONS", problem=f"“{code}” is no language that we know") from None
    if str(locale) != code:
        raise SettingWrong(name="TRANSLATIONS", problem=f"call the folder “{code}” “{locale}”")
    name = locale.get_display_name(locale) or code
    return Language(code, name[:1].upper() + name[1:], locale.text_direction)

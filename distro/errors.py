"""The one tree of refusals. Each carries the sentence a person reads, and never anything personal."""

from pathlib import Path
from traceback import extract_tb
from typing import ClassVar

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l


class Refusal(Exception):
    """Something could not be done. `sentence` says what to do instead; `facts` fill its %(name)s places."""

    status: ClassVar[int] = 409
    sentence: ClassVar[str | LazyString] = _l("That could not be done.")

    def __init__(self, **facts: object) -> None:
        super().__init__()
        self.facts = facts

    def __str__(self) -> str:
        return str(self.sentence) % self.facts if self.facts else str(self.sentence)


class SettingWrong(Refusal):
    """A setting in the environment cannot be used."""

    status = 500
    sentence = "%(name)s: %(problem)s."

    def __str__(self) -> str:  # settings are read before any translation is set up
        return "{name}: {problem}.".format(**self.facts)


class NotFound(Refusal):
    """The thing named is not there."""

    status = 404
    sentence = "There is no %(what)s “%(name)s”."


class NotAllowed(Refusal):
    """The signed-in person's role or site does not cover this."""

    status = 403
    sentence = "Your role does not cover this page. Ask an admin if you need it."


class Unavailable(Refusal):
    """The service cannot take this now; nothing was stored."""

    status = 503
    sentence = _l("We could not save your request just now. Nothing was stored. Please try again in a few minutes.")


class InvalidInput(Refusal):
    """A value cannot be used; `field` names it and `problem` says how to mend it."""

    status = 422
    sentence = "%(problem)s"


def where_it_broke(problem: BaseException | None) -> str:
    """The type of an exception and the innermost line it came from, without its message."""
    frames = extract_tb(problem.__traceback__) if problem else None
    line = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "somewhere"
    return f"{type(problem).__name__} at {line}"

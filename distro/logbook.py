"""What a process writes to its log: one line an event, in UTC, without a word that someone typed.

An exception is logged as type, file and line, since its message may quote a form or a row. Control characters are
written as escapes, so that nothing in a log can forge a line or command a terminal (OWASP ASVS 5.0, 16.4.1).
"""

import logging
import sys
import time
import warnings
from types import TracebackType
from typing import TextIO

from distro.errors import where_it_broke

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_Exc = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class PlainFormatter(logging.Formatter):
    """One line for each event."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__(FORM)

    def format(self, record: logging.LogRecord) -> str:
        """The event in one line, whatever is in it."""
        whole = logging.makeLogRecord(record.__dict__ | {"exc_text": None, "stack_info": None})
        return escaped(super().format(whole))

    def formatException(self, ei: _Exc) -> str:
        """What broke and where, without the message."""
        return where_it_broke(ei[1])


def escaped(text: str) -> str:
    """Text with every control, separator and direction character written as an escape; a line break as ` | `."""
    joined = " | ".join(line for line in text.split("\n") if line)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in joined)


def begin() -> None:
    """Write this process's log to standard error, in this form. For processes that run on, not for single commands."""
    handler = logging.StreamHandler()
    handler.setFormatter(PlainFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    warnings.showwarning = _log_warning
    sys.excepthook = _log_end


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Where a library warned, without its words, which may quote a value."""
    logging.getLogger("warnings").warning("%s at %s:%s", category.__name__, filename.rpartition("/")[2], lineno)


def _log_end(_kind: type[BaseException], problem: BaseException, _trace: TracebackType | None) -> None:
    logging.getLogger("distro").critical("stopped: %s", where_it_broke(problem))

"""CSV that a spreadsheet opens without running any of it. Every export of the house goes through `as_csv`."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A heading and rows as CSV (RFC 4180), every cell by `safe_cell`."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(map(safe_cell, columns))
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return text.getvalue()


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula: what could begin one gets an apostrophe before it.

    Spaces before the sign do not help an attacker: some programs drop them. Numbers stay numbers. The list of signs is
    OWASP's: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = "" if value is None else str(value)
    if isinstance(value, int | float):
        return text
    return f"'{text}" if text.startswith(_BEGIN_FORMULAS) or text.lstrip().startswith(_BEGIN_FORMULAS) else text

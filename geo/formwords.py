"""What forms for rules and areas share: the messages of the schemas in plain words, and days as people type them."""

import re
from datetime import date

_PLAIN = (  # what marshmallow says, and what people read
    (r"Missing data for required field\.|Shorter than minimum length 1\.|Field may not be null\.", "This is needed."),
    (r"Must be one of: (.*)\.", r"Choose one of: \1."),
    (r"Longer than maximum length (\d+)\.", r"Write at most \1 letters."),
    (r"Length must be between (\d+) and (\d+)\.", r"Write at most \2 letters."),
    (r"Must be greater than or equal to (\d+) and less than or equal to (\d+)\.", r"Type a number from \1 to \2."),
    (r"String does not match expected pattern\.", "Write it in small letters, without spaces, such as naloxone."),
    (r"Not a valid \w+\.|Invalid value\.", "This cannot be read. Type it anew."),
)


def plain(sentence: str) -> str:
    """A message of the schema in plain words; one that is plain already stays."""
    for pattern, words in _PLAIN:
        if re.fullmatch(pattern, sentence):
            return re.sub(pattern, words, sentence)
    return sentence


def read_day(text: str) -> date:
    """The day that was typed as year-month-day. Raises ValueError for any other way to write one."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise ValueError("not a day")
    return date.fromisoformat(text)

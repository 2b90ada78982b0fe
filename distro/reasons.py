"""Reasons in the words of staff. They stay in the record for good, so nothing of a participant may stand in them."""

import re

from distro.errors import InvalidInput

_HARMLESS = re.compile(r"\bORD-[0-9A-Z]+|\b\d{4}-\d\d-\d\d\b|\b\d{1,2}/\d{1,2}/\d{4}\b", re.IGNORECASE)  # orders, days
_REACH = re.compile(r"\S@\S|(?:\d[ ().+/-]{0,3}){7}")
_STREETS = re.compile(
    r"\b\d+[A-Z]?\s+(?:[\w.'-]+\s+){0,3}"
    r"(?:streets?|str?|avenue|ave?|road|rd|boulevard|blvd|lane|ln|highway|hwy|parkway|pkwy|apartment|apt|suite|ste)\b"
    r"|\b(?:apartment|apt|suite|ste|p\.?\s?o\.?\s?box|apartado|calle|avenida|avda)\.?\s+#?\w*\s?\d",
    re.IGNORECASE,
)
_NAMED_STREETS = re.compile(  # words that mean something else too, so only after a number and a capital
    r"\b\d+\s+(?:[A-Z][\w.'-]*\s+){1,3}(?:Drive|Dr|Court|Ct|Circle|Cir|Place|Pl|Way|Terrace|Ter|Trail|Trl|Square|Sq)\b"
)


def checked(reason: str) -> str:
    """The reason, tidied. Raises InvalidInput if it looks as if it had an address or a way to reach someone.

    A name alone cannot be told from another word.
    """
    read = _HARMLESS.sub(" ", reason)
    if any(pattern.search(read) for pattern in (_REACH, _STREETS, _NAMED_STREETS)):
        raise InvalidInput(
            field="reason",
            problem="Do not write names, addresses or phone numbers here: it stays in the record for good. "
            "Say it without them.",
        )
    return reason.strip()

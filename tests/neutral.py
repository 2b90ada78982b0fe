"""Words that would tell a stranger what this is about, in both languages: for titles, addresses, senders and labels."""

import re

_TELLING = re.compile(
    r"harm|reduc|nalox|narcan|syring|jering|needle|aguja|strip|tira|fentan|xylaz|xilac|drug|droga|overdos|sobredosis|"
    r"\bkit|smok|fumar|health|salud|distro|opioid|medic|wound|herida|sharps|hepat|addic|adicc|recover|inject|inyec",
    re.IGNORECASE,
)


def telling(text: str) -> list[str]:
    """Those words in a text."""
    return [found.group() for found in _TELLING.finditer(text)]

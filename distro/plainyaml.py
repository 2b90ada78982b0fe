"""Whether a YAML text is what a person writes: no traps that cost memory or time before anyone can look at it.

Only the parser's events are walked, one after the other, so nothing here is nested or written out.
"""

import re
from functools import lru_cache

import yaml

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where the C library is there
DEEPEST = 50  # lists and mappings in each other: the C library's reader ends the process at some thousands
LONGEST_PLAIN = 20_000  # letters of a text without quotes
LONGEST_NUMBER = 60
MOST_VALUES = 1_000_000
MOST_REPEATED = 100_000  # letters that marks stand for, all together
_NUMBER = re.compile(r"[-+.]*[0-9][-+0-9a-fA-FxX_:.]*")  # 1:1:1 is one to YAML 1.1, in base 60


@lru_cache(maxsize=1)  # a text is read several times when one rule in it changes
def trap(text: str) -> str | None:
    """What keeps a text from being read, with its line; None if nothing does. Raises yaml.YAMLError or ValueError.

    `<<` and tags (!!) are refused, and marks (& and *) that stand within themselves or for more than a few words.
    """
    marks = _Marks()
    for count, event in enumerate(yaml.parse(text, Loader=Loader)):
        said = marks.wrong(event) or _wrong(event)
        if count > MOST_VALUES:
            said = f"more than {MOST_VALUES:,} values stand before this."
        if said:
            return f"Line {event.start_mark.line + 1 if event.start_mark else 1}: {said}"
    return None


class _Marks:
    """How deep the walk is, and how many letters each mark stands for once all is written out."""

    def __init__(self) -> None:
        self.inside: list[tuple[str | None, int]] = []  # for each open list or mapping: its mark, and `seen` before it
        self.sizes: dict[str, int] = {}
        self.seen = 0  # letters so far, those that marks repeat among them
        self.repeated = 0

    def wrong(self, event: yaml.Event) -> str | None:
        if isinstance(event, yaml.CollectionEndEvent):
            self._keep(*self.inside.pop())
        elif isinstance(event, yaml.CollectionStartEvent):
            self.inside.append((event.anchor, self.seen))
            self.sizes.pop(event.anchor or "", None)
            self.seen += 2
            return f"more than {DEEPEST} lists or mappings stand in each other." if len(self.inside) > DEEPEST else None
        elif isinstance(event, yaml.ScalarEvent):
            self.seen += 2 + len(event.value)
            self._keep(event.anchor, self.seen - 2 - len(event.value))
        elif isinstance(event, yaml.AliasEvent):
            mark = event.anchor or ""
            size = self.sizes.get(mark, MOST_REPEATED + 1)  # not there while its own list is still open
            self.seen += size
            self.repeated += size
            if self.repeated > MOST_REPEATED:
                return f"the mark *{mark[:40]} stands for too much. Write it out."
        return None

    def _keep(self, mark: str | None, before: int) -> None:
        if mark is not None:
            self.sizes[mark] = self.seen - before


def _wrong(event: yaml.Event) -> str | None:
    """What is amiss with one value by itself."""
    if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag:
        return f"the tag {event.tag[:40]} is not read here. Take it out."
    if not isinstance(event, yaml.ScalarEvent) or event.style:  # has quotes, or is a block
        return None
    if event.value == "<<":
        return "<< takes in what stands elsewhere. Write it out."
    if len(event.value) > LONGEST_PLAIN:
        return f"a text of {len(event.value):,} letters. Put it in quotes."
    if len(event.value) > LONGEST_NUMBER and _NUMBER.fullmatch(event.value):
        return f"a number of {len(event.value):,} digits. If it is text, put it in quotes."
    return None

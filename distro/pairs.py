"""The English of texts that stand in two languages in our data, for `pybabel extract -F translate.cfg`.

The code's own texts have their Spanish in the catalog. Names of items and states, helplines and sentences of rules have
it beside the English; a third language has them from its catalog, as `distro.languages.pick` looks them up.
"""

import ast
import csv
from collections.abc import Iterator
from typing import IO, Any

import yaml

Found = tuple[int, str, str, list[str]]  # line, function, text, comments: what pybabel wants of an extractor
NEVER = ("phone",)  # a number is no text


def in_yaml(file: IO[bytes], keywords: object, comment_tags: object, options: object) -> Iterator[Found]:
    """Each `name` that has a `name_es` beside it, at any depth."""
    yield from _found(_pairs(yaml.safe_load(file)))


def in_csv(file: IO[bytes], keywords: object, comment_tags: object, options: object) -> Iterator[Found]:
    """The same of a table with such columns."""
    lines = file.read().decode().splitlines()
    yield from _found(_pairs(list(csv.DictReader(line for line in lines if not line.startswith("#")))))


def in_python(file: IO[bytes], keywords: object, comment_tags: object, options: object) -> Iterator[Found]:
    """The first of each two texts in a pair; not those with holes, which are filled before they are looked up."""
    pairs = (node for node in ast.walk(ast.parse(file.read())) if isinstance(node, ast.Tuple))
    for pair in pairs:
        texts = [str(one.value) for one in pair.elts if isinstance(one, ast.Constant)]
        if len(texts) == 2 and all(" " in text and "{" not in text for text in texts):
            yield pair.lineno, "_", texts[0], []


def _pairs(data: Any) -> Iterator[str]:
    if isinstance(data, list):
        for one in data:
            yield from _pairs(one)
    if isinstance(data, dict):
        for key, value in data.items():
            if f"{key}_es" in data and key not in NEVER and isinstance(value, str) and value:
                yield value
            yield from _pairs(value)


def _found(texts: Iterator[str]) -> Iterator[Found]:
    for text in dict.fromkeys(texts):
        yield 1, "_", text, []

"""The file format of the catalog: YAML with `items`, `kits`, `sites` and `funds`. For operators: docs/catalog.md."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from marshmallow import ValidationError

from distro import plainyaml
from distro.errors import Refusal
from inventory.catalogchecks import Known, clashes, entry
from inventory.catalogschema import CatalogSchema

_FAULTS_NAMED = 10


class CatalogWrong(Refusal):
    """A catalog file cannot be used; `problem` names each fault by its place in the file."""

    status = 422
    sentence = "The catalog was not loaded. %(problem)s"


@dataclass(frozen=True)
class Catalog:
    """A file that holds together: each entry has every field of its schema in `inventory.catalogschema`."""

    items: list[dict[str, Any]] = field(default_factory=list)
    kits: dict[str, dict[str, int]] = field(default_factory=dict)
    sites: list[dict[str, Any]] = field(default_factory=list)
    funds: list[dict[str, Any]] = field(default_factory=list)


def read(text: str, known: Known | None = None) -> Catalog:
    """The catalog in a YAML text; `known` is what was loaded before.

    Raises CatalogWrong, which names the first ten faults by their place in the file.
    """
    raw = _parsed(text)
    faults: list[str] = []
    data: Any = {}
    try:
        data = CatalogSchema().load(raw)
    except ValidationError as problem:
        faults = [_sentence(raw, path, said) for path, said in _leaves(problem.messages_dict)]
    refuse([*faults, *clashes(raw, known or Known())])
    return Catalog(**data)


def refuse(faults: list[str]) -> None:
    """Raise CatalogWrong if there are any faults; the first ten are named."""
    if faults:
        more = f" And {len(faults) - _FAULTS_NAMED} more." if len(faults) > _FAULTS_NAMED else ""
        raise CatalogWrong(problem=" ".join(faults[:_FAULTS_NAMED]) + more)


def _parsed(text: str) -> dict[str, Any]:
    try:
        if trap := plainyaml.trap(text):
            raise CatalogWrong(problem=trap)
        twice = list(_twice(yaml.compose(text, Loader=yaml.SafeLoader), set()))
        data = None if twice else yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:  # a day that no calendar has; brackets without end
        mark = getattr(problem, "problem_mark", None)
        where = f"Line {mark.line + 1}" if mark else "The file"
        raise CatalogWrong(problem=f"{where} is not YAML: {getattr(problem, 'problem', None) or problem}.") from None
    refuse(twice)
    if not isinstance(data, dict) or not data:
        raise CatalogWrong(problem="The file needs items, kits, sites or funds.")
    return data


def _twice(node: yaml.Node | None, seen: set[int]) -> Iterator[str]:
    """A fault for each name that stands twice in one block: YAML would silently keep the last."""
    if isinstance(node, yaml.CollectionNode) and id(node) not in seen:
        seen.add(id(node))
        names = set()
        for part in node.value:
            if isinstance(node, yaml.MappingNode):
                name, part = part
                word = name.value if isinstance(name, yaml.ScalarNode) else None
                if word is not None and word in names:
                    yield f'Line {name.start_mark.line + 1}: "{word}" stands here for the second time.'
                names.add(word)
            yield from _twice(part, seen)


def _leaves(said: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """marshmallow's messages, each with the names and numbers that lead to it; one for a place."""
    if isinstance(said, dict):
        for name, inner in said.items():
            yield from _leaves(inner, path if name == "_schema" else (*path, name))
    else:
        yield path, said if isinstance(said, str) else str(said[0])


def _sentence(raw: dict[str, Any], path: tuple[Any, ...], said: str) -> str:
    if path and path[0] in ("items", "sites", "funds", "kits") and len(path) > 1:
        where, rest = entry(raw, path[0], path[1]), path[2:]
    else:
        where, rest = "The file", path
    names = "".join(f"[{name}]" if isinstance(name, int) else f' "{name}"' for name in rest)
    return f"{where}:{names} {said}."

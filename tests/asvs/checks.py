"""How a check of the ASVS says what it stands for, and how the tests and exceptions it leans on are looked up.

`@check("6.5.1", says=..., by=...)` names every single id and, in `by`, the heavier tests elsewhere that prove it. Each
of those has to exist and to run: a check fails if one is gone, skipped or expected to fail.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, wraps
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "asvs.md"
CODE = ("distro", "geo", "inventory", "orders", "wsgi.py")
# OWASP ASVS 5.0.0: the 47 checks we chose, a line each, with all ids that it stands for.
CHOSEN = """
1.2.1
1.2.4
1.2.5
1.3.7
1.3.3 1.3.10
1.3.11
2.2.1 2.2.2
2.3.1
2.3.3
2.3.4
2.4.1
3.3.1 3.3.2 3.3.3 3.3.4
3.4.1
3.4.3 3.4.6
3.4.4 3.4.5
3.5.1 3.5.3
3.5.4
4.1.1
4.1.3
4.2.1
6.2.1 6.2.2 6.2.3 6.2.4 6.2.5 6.2.6 6.2.7 6.2.8 6.2.9
6.3.1
6.3.3
6.5.1
6.5.2 6.5.3 6.5.4
7.2.3 7.2.4
7.3.1 7.3.2
7.4.1 7.4.2 7.4.3 7.4.5
8.2.1 8.2.2 8.2.3
8.3.1
11.1.1 11.1.2
11.2.1 11.3.1 11.3.2 11.3.3
11.4.2
11.5.1
12.3.1 12.3.3
13.2.2
13.3.1 13.3.2
13.4.1 13.4.2 13.4.3 13.4.4 13.4.5
14.1.1 14.1.2 14.2.4
14.2.1 14.3.2 14.3.3
14.2.7
15.3.1 15.3.3
15.4.2
16.2.1 16.2.2 16.2.3 16.2.4 16.2.5
16.3.1 16.3.2 16.3.3
16.4.1 16.4.2 16.4.3
16.5.1 16.5.2 16.5.3
"""


@dataclass(frozen=True)
class Check:
    """What one test stands for."""

    ids: tuple[str, ...]
    says: str
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unmet:
    """One row of what we do not meet, in docs/asvs.md."""

    id: str
    missing: str
    why: str
    told: str  # `[page.md](page.md): “words that stand there”`


def check(ids: str, *, says: str, by: Sequence[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say what a test stands for, and make sure that the tests it leans on are there before it runs."""

    def mark(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def run(*args: object, **named: object) -> None:
            gone = [fault for name in by if (fault := fault_of(name))]
            if gone:
                pytest.fail("\n".join(gone), pytrace=False)
            test(*args, **named)

        run.asvs = Check(tuple(ids.split()), says, tuple(by))  # type: ignore[attr-defined]
        return run

    return mark


def faults(found: Iterable[tuple[str, Check]], chosen: str = CHOSEN) -> list[str]:
    """What is wrong with the checks, in order, as (name of the test, check)."""
    wanted, there = [tuple(line.split()) for line in chosen.split("\n") if line], list(found)
    named = Counter(id for _, one in there for id in one.ids)
    told = [f"{id} is not named" for line in wanted for id in line if id not in named]
    told += [f"{id} is named {times} times" for id, times in named.items() if times > 1]
    told += [f"{id} was not chosen" for id in named if id not in {id for line in wanted for id in line}]
    told += ["the checks are not in order"] if not told and [one.ids for _, one in there] != wanted else []
    for name, one in there:
        if not name.startswith(f"test_{one.ids[0].replace('.', '_')}_"):
            told.append(f"{name} is not named by {one.ids[0]}")
        if len(one.says.split()) < 5:
            told.append(f"{name} does not say what is checked")
    return told


def fault_of(name: str, root: Path = ROOT) -> str:
    """Why a named test, scanner or rule (`path::name`) proves nothing; "" if it does."""
    path, _, wanted = name.partition("::")
    if not (root / path).is_file():
        return f"{name}: there is no such file"
    if path.endswith(".yaml"):
        is_there = re.search(rf"^  - id: {re.escape(wanted)}$", (root / path).read_text(), re.M)
        return "" if is_there else f"{name}: there is no such rule"
    for node in parsed(root / path).body:
        if isinstance(node, ast.FunctionDef) and node.name == wanted:
            given_up = [part for part in ast.walk(node) if _name(part) in ("skip", "skipif", "xfail", "importorskip")]
            return f"{name}: it may be skipped" if given_up else ""
        if isinstance(node, ast.Assign) and "pytestmark" in ast.unparse(node) and "skip" in ast.unparse(node):
            return f"{name}: its file may be skipped"
    return f"{name}: there is no such test"


def exceptions() -> list[Unmet]:
    """The rows of the table of exceptions."""
    section = DOCUMENT.read_text().split("## What we do not meet")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if re.match(r"\| \d", line)]
    return [Unmet(*row) for row in rows]


def is_excepted(id: str) -> bool:
    """Whether the table of exceptions says what is missing of an id."""
    return any(row.id == id for row in exceptions())


@cache
def parsed(path: Path) -> ast.Module:
    """A file's syntax tree."""
    return ast.parse(path.read_text())


def sources(*folders: str) -> list[Path]:
    """The Python files of our code, or of some of its folders."""
    given = [ROOT / folder for folder in folders or CODE]
    return sorted(file for one in given for file in ([one] if one.is_file() else one.rglob("*.py")))


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call in a file, with the dotted name of what is called."""
    return [(_dotted(node.func), node) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]


@cache
def imports(path: Path) -> frozenset[str]:
    """The full name of everything a file imports."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def _dotted(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return f"{_dotted(called.value)}.{called.attr}"
    return called.id if isinstance(called, ast.Name) else ""


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else ""

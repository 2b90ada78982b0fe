"""The rules of the house that a machine can check."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("distro", "geo", "inventory", "orders")
LONGEST = 300  # lines; a longer file says `Length:` and why in its docstring
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-scan.lock", "requirements-wapiti.lock")
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
# One planted import for each border: (file, line to add).
PLANTED = [
    ("distro/clock.py", "import distro.app"),
    ("geo/places.py", "import inventory.models"),
    ("inventory/models.py", "import geo.models"),
    ("inventory/ledger.py", "import orders.models"),
    ("orders/models.py", "import distro.app"),
    ("geo/rules.py", "import distro.cli"),
    ("orders/codes.py", "import distro.keys.keyring"),
    ("distro/health.py", "import orders.identity"),
]
# Person-first language: what these words say about people, no page, test or comment of ours says.
NEVER = re.compile(
    r"\b(addicts?|junk(?:ie|y|ies)|(?:drug|substance)[ -]abuse(?:rs?)?|abusers?|offenders?|drug[ -]seek(?:er|ers|ing)"
    r"|clean (?:and|or) sober|(?:clean|dirty) (?:people|person|results?|syringes?|needles?)|client numbers?)\b",
    re.IGNORECASE,
)
LOCAL = re.compile(r"(?<![\w/])/(?:work|root|home|Users|opt/(?:pypi|wheels))/\w")
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]*(?:click|change|submit|load|input|key|focus|blur|error)[a-z]*=",
    re.IGNORECASE,
)
BINARY = {".png", ".ico", ".woff2", ".pdf", ".gz", ".mo"}
# Statutes and sources keep their official wording; what looks for a word, or leaves it out, must name it.
QUOTES_OTHERS = re.compile(
    r"geo/data/|orders/codewords\.py$|tests/(test_house|geo/test_starter_rules|orders/test_(public|codewords))\.py$"
)


def _tracked() -> list[Path]:
    """The files git holds or would hold: ours to answer for."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    return _tracked()


@pytest.fixture(scope="module")
def texts(tracked: list[Path]) -> dict[str, str]:
    """What each text file says, by its name."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for path in tracked
        if path.suffix not in BINARY
    }


def test_imports_point_one_way() -> None:
    found = _lint_imports(ROOT)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize(("file", "line"), PLANTED)
def test_an_import_the_wrong_way_is_found(tmp_path: Path, file: str, line: str) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.csv", "static"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / file).open("a") as module:
        module.write(f"\n{line}\n")
    found = _lint_imports(tmp_path)
    assert found.returncode == 1, found.stdout
    assert file.removesuffix(".py").replace("/", ".") in found.stdout


def test_no_file_is_long_without_a_reason(texts: dict[str, str]) -> None:
    long = [name for name, text in texts.items() if name.endswith(".py") and len(text.splitlines()) > LONGEST]
    assert [name for name in long if "Length:" not in (ast.get_docstring(ast.parse(texts[name])) or "")] == []


def test_every_setting_is_in_the_readme(texts: dict[str, str]) -> None:
    settings = re.findall(r'_read\w*\(env, "([A-Z_]+)"', texts["distro/config.py"])
    assert settings
    assert [name for name in settings if name not in texts.get("README.md", "")] == []


def test_every_target_of_make_is_told_and_they_are_few(texts: dict[str, str]) -> None:
    told = re.findall(r"^([a-z]+):.*## ", texts["Makefile"], re.MULTILINE)
    assert 8 <= len(told) <= 14  # one for each thing people do; more would not be read


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_hashes_and_no_address(texts: dict[str, str], name: str) -> None:
    assert "://" not in texts[name]
    entries = re.findall(r"^[a-z0-9].*?(?=^[a-z0-9#]|\Z)", texts[name], re.MULTILINE | re.DOTALL)
    assert len(entries) > 40
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_words_that_hurt_are_nowhere(texts: dict[str, str]) -> None:
    assert _lines_with(NEVER, texts) == []


def test_no_path_of_one_machine_is_anywhere(texts: dict[str, str]) -> None:
    assert _lines_with(LOCAL, texts) == []


def test_templates_carry_no_inline_script_and_no_inline_style(texts: dict[str, str]) -> None:
    templates = {name: text for name, text in texts.items() if name.startswith("templates/")}
    assert _lines_with(INLINE, templates) == []


def _lint_imports(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(LINT_IMPORTS), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True)


def _lines_with(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        if not QUOTES_OTHERS.search(name)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]

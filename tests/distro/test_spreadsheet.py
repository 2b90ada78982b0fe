"""What leaves as CSV is never a formula. Control: the same rows written without care are."""

import ast
import csv
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distro.spreadsheet import as_csv, safe_cell

ROOT = Path(__file__).parents[2]
BEGIN_FORMULAS = set("=+-@\t\r\n＝＋－＠")
FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "＝1",
    '="a"&"b"',
]


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(StringIO(text, newline="")))


def runs(cell: str) -> bool:
    """Whether some spreadsheet would take a cell for a formula."""
    return bool(cell) and (cell[0] in BEGIN_FORMULAS or cell.lstrip()[:1] in BEGIN_FORMULAS)


@pytest.mark.parametrize("typed", FORMULAS)
def test_no_formula_runs(typed: str) -> None:
    [[head], [cell]] = cells(as_csv(["name"], [[typed]]))
    assert head == "name" and cell == f"'{typed}" and not runs(cell)
    careless = StringIO()
    csv.writer(careless).writerow([typed])
    assert runs(cells(careless.getvalue())[0][0])


@given(st.lists(st.lists(st.text(), min_size=2, max_size=2)))
def test_whatever_is_typed_stays_in_its_cell_and_is_no_formula(rows: list[list[str]]) -> None:
    found = cells(as_csv(["a", "b"], rows))
    assert found == [["a", "b"], *([safe_cell(cell) for cell in row] for row in rows)]
    assert not any(runs(cell) for row in found for cell in row)
    assert all(safe_cell(text) in (text, f"'{text}") for row in rows for text in row)


def test_numbers_stay_numbers() -> None:
    assert cells(as_csv(["n"], [[-5], [1.5], [None]])) == [["n"], ["-5"], ["1.5"], [""]]


def writers(source: str) -> list[str]:
    """Calls that write CSV."""
    called = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    names = [ast.unparse(function) for function in called]
    return [name for name in names if name.split(".")[-1] in ("writer", "DictWriter", "to_csv", "to_excel")]


def test_every_export_goes_through_it() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): names
        for package in ("distro", "geo", "inventory", "orders")
        for path in sorted((ROOT / package).rglob("*.py"))
        if (names := writers(path.read_text()))
    }
    assert found == {"distro/spreadsheet.py": ["csv.writer"]}


def test_control_another_writer_is_found() -> None:
    assert writers("import csv\ncsv.DictWriter(file, ['a'])\nframe.to_csv('x')") == ["csv.DictWriter", "frame.to_csv"]

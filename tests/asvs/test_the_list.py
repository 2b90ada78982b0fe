"""The list itself: all 47 checks are there, each id once, and what they lean on is looked up. Controls show it."""

import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.asvs import test_1_to_2, test_3_to_4, test_6_to_8, test_11_to_13, test_14_to_16
from tests.asvs.checks import CHOSEN, DOCUMENT, Check, check, exceptions, fault_of, faults

PARTS = (test_1_to_2, test_3_to_4, test_6_to_8, test_11_to_13, test_14_to_16)
RECORDED = {"11.5.1", "12.2.2", "15.3.4", "16.2.1"}  # deviations that were decided before the code was written


def checks(*parts: ModuleType) -> list[tuple[str, Check]]:
    """The checks of some parts, in order."""
    found = [(name, getattr(test, "asvs", None)) for part in parts for name, test in vars(part).items()]
    return [(name, one) for name, one in found if isinstance(one, Check)]


def test_the_47_checks_name_97_ids_once_and_in_order() -> None:
    found = checks(*PARTS)
    assert faults(found) == []
    assert len(found) == 47 and len({id for _, one in found for id in one.ids}) == 97
    tests = [name for part in PARTS for name in vars(part) if name.startswith("test_")]
    assert len(tests) == 47, "no test here stands for nothing"


def test_what_each_leans_on_is_there() -> None:
    named = [name for _, one in checks(*PARTS) for name in one.by]
    assert [fault for name in named if (fault := fault_of(name))] == []
    assert all(one.by for _, one in checks(*PARTS)) and len(named) > 120


def test_control_a_check_too_few_or_too_many_is_found() -> None:
    found = checks(*PARTS)
    assert faults([one for one in found if "6.5.1" not in one[1].ids]) == ["6.5.1 is not named"]
    assert faults([*found, found[0]]) == ["1.2.1 is named 2 times"]
    assert "9.9.9 was not chosen" in faults([*found, ("test_9_9_9_x", Check(("9.9.9",), "what is checked is this"))])
    assert faults(found[::-1]) == ["the checks are not in order"]
    fewer = [(name, Check(one.ids[:-1], one.says) if "6.2.9" in one.ids else one) for name, one in found]
    assert faults(fewer) == ["6.2.9 is not named"]
    assert faults([("test_1_2_1_x", Check(("1.2.1",), ""))], "1.2.1") == ["test_1_2_1_x does not say what is checked"]


def test_control_a_named_test_that_is_gone_or_skipped_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_planted.py").write_text(
        "import pytest\ndef test_there(): pass\n@pytest.mark.skip\ndef test_skipped(): pass\n"
        "@pytest.mark.xfail(reason='x')\ndef test_fails(): pass\ndef test_gives_up():\n    pytest.skip('x')\n"
    )
    (tmp_path / "rules.yaml").write_text("rules:\n  - id: there\n")
    assert fault_of("test_planted.py::test_there", tmp_path) == "" == fault_of("rules.yaml::there", tmp_path)
    wrong = ("test_planted.py::test_gone", "gone.py::test_there", "rules.yaml::gone")
    assert all("there is no such" in fault_of(name, tmp_path) for name in wrong)
    skipped = ("test_skipped", "test_fails", "test_gives_up")
    assert all("may be skipped" in fault_of(f"test_planted.py::{name}", tmp_path) for name in skipped)


def test_control_a_check_fails_with_what_it_leans_on() -> None:
    @check("1.2.1", says="nothing at all is looked at here", by=("tests/gone.py::test_gone",))
    def test_planted() -> None:
        pass

    with pytest.raises(pytest.fail.Exception, match="there is no such file"):
        test_planted()


def test_what_we_do_not_meet_is_told_with_a_reason() -> None:
    rows = exceptions()
    ids = [row.id for row in rows]
    assert set(ids) >= RECORDED and len(ids) == len(set(ids))
    assert ids == sorted(ids, key=lambda id: [int(part) for part in id.split(".")])
    assert set(ids) <= set(CHOSEN.split()) | RECORDED
    for row in rows:
        assert len(row.missing.split()) > 3 and len(row.why.split()) > 2, row.id
        if row.told != "here":
            link, words = re.fullmatch(r"\[[^]]+\]\(([^)]+)\): “([^”]+)”", row.told).groups()  # type: ignore[union-attr]
            page = " ".join((DOCUMENT.parent / link).resolve().read_text().split())
            assert words in page, (row.id, words)

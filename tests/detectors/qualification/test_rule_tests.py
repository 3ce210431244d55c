"""Rule tests in TOML: expressions, the shipped examples, and failures in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors import RecipeError
from detectors.qualification.rule_tests import check, read_tests, values

EXAMPLES = Path(__file__).resolve().parents[3] / "docs" / "rule-tests" / "campus.toml"


def test_the_shipped_examples_pass() -> None:
    """Every example of the manual holds for the shipped rules."""
    recipe, tests = read_tests(EXAMPLES)
    assert {test.name: check(test, recipe).faults for test in tests} == {test.name: [] for test in tests}


def test_expressions_repeat_add_and_leave_out() -> None:
    """Intervals hold from their item on; a gap takes time."""
    assert values("0.01 x 2, +0.01 x 2 every 5s, null x 2, =-1", 10) == [
        (0, 0.01), (10, 0.01), (15, 0.02), (20, 0.03), (35, -1),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="allowed"):
        values("1 y 2", 10)


def test_a_missing_and_an_unexpected_detection_fail(tmp_path: Path) -> None:
    """The faults name rule, time and level."""
    file = tmp_path / "t.toml"
    file.write_text(
        '[[test]]\nname = "t"\nrules = ["smoke"]\n[[test.series]]\nsensor = "a"\nkind = "smoke"\nmetric = "smoke"\n'
        'values = "0, 1"\n[[test.expect]]\nat_s = 50\nrule = "smoke"\nlevel = 2\n'
    )
    recipe, tests = read_tests(file)
    faults = check(tests[0], recipe).faults
    assert [fault.split(":")[0] for fault in faults] == ["missing", "not expected"]


def test_all_errors_of_a_file_are_reported(tmp_path: Path) -> None:
    """An unknown key and a wrong level are one error."""
    file = tmp_path / "t.toml"
    file.write_text('[[test]]\nname = "t"\nfoo = 1\n[[test.expect]]\nat_s = 1\nrule = "smoke"\nlevel = 9\n')
    with pytest.raises(RecipeError) as caught:
        read_tests(file)
    assert len(caught.value.faults) == 2

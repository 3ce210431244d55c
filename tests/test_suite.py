"""Runner of the suite: sums of the parts, exit status, last line, reserved ports, set-up output."""

from __future__ import annotations

import importlib.util
import os
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests import processes, suite

ROOT = Path(__file__).resolve().parents[1]
REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}" /></testsuites>'


@pytest.fixture(scope="module")
def bootstrap() -> ModuleType:
    """The module of the set-up."""
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["bootstrap"] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def run(monkeypatch: pytest.MonkeyPatch, statuses: dict[str, int], *arguments: str) -> tuple[int, list[str]]:
    """Run the suite with these exit statuses of its steps, 3 passed tests per part; return status and step names."""
    steps: list[str] = []

    def step(name: str, command: Sequence[str], _niceness: int, environment: dict[str, str], *, shown: bool) -> int:
        steps.append(name)
        for option in command:
            if option.startswith("--junit-xml="):
                Path(option.removeprefix("--junit-xml=")).write_text(REPORT.format(3, 0, 0, 0), encoding="utf-8")
        assert shown is bool(arguments)
        assert ("--cov" in command) is ("COVERAGE_FILE" in environment)
        return statuses.get(name, 0)

    monkeypatch.setattr(suite, "step", step)
    return suite.main(list(arguments)), steps


def test_the_last_line_sums_the_parts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Every check and part runs once; four parts with three tests each are twelve passed tests in the summary."""
    status, steps = run(monkeypatch, {})
    assert status == 0
    assert sorted(steps[:-3]) == sorted([*suite.CHECKS, *(f"{part} tests" for part in suite.PARTS if part != "alone")])
    assert steps[-3:] == ["alone tests", "coverage data", "coverage"]
    assert " 12 passed in " in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    "failing", ["format", "types", "parallel tests", "services tests", "reliability tests", "alone tests", "coverage"]
)
def test_any_failed_step_fails_the_run_after_all_steps(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step still runs, and the exit status is 1."""
    whole = run(monkeypatch, {})[1]
    status, steps = run(monkeypatch, {failing: 1})
    assert (status, sorted(steps)) == (1, sorted(whole))


def test_arguments_select_tests_and_leave_out_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part without a selected test passes; the floor holds for the whole suite only."""
    status, steps = run(monkeypatch, {"alone tests": suite.NO_TESTS_COLLECTED}, "-k", "stores")
    assert status == 0
    assert steps == [*suite.CHECKS, *(f"{part} tests" for part in suite.PARTS)]


@pytest.mark.parametrize("shown", [False, True])
def test_a_step_has_the_status_of_its_program(*, shown: bool, capfd: pytest.CaptureFixture[str]) -> None:
    """Its output appears in either way, its niceness and environment reach the program."""
    program = "import os; print(os.environ['GIVEN'], os.nice(0)); raise SystemExit(3)"
    before = os.nice(0)
    assert suite.step("check", ["python", "-c", program], 1, {"GIVEN": "here"}, shown=shown) == 3
    assert f"here {min(before + 1, 19)}" in capfd.readouterr().out


def test_progress_of_a_step_appears_before_its_other_output(capfd: pytest.CaptureFixture[str]) -> None:
    """A line with pytest's percentage stands behind the step's name; the other lines follow at the end."""
    program = "print('first'); print('..  [ 50%]')"
    suite.step("some tests", ["python", "-c", program], 0, {}, shown=False)
    assert capfd.readouterr().out.splitlines()[1:3] == ["some tests: ..  [ 50%]", "first"]


def test_outcomes_count_each_test_once(tmp_path: Path) -> None:
    """Failures, errors and skipped tests are not passed tests."""
    for name, counts in (("a", (10, 1, 2, 3)), ("b", (5, 0, 0, 0))):
        (tmp_path / name).write_text(REPORT.format(*counts), encoding="utf-8")
    found = suite.outcomes([ET.parse(tmp_path / name) for name in "ab"])  # noqa: S314 - written above
    assert found == {"failed": 1, "passed": 9, "skipped": 3, "errors": 2}


def test_failed_tests_are_named_once() -> None:
    """A failure and an error in a fixture name the test; a test with both has one line."""
    cases = "".join(
        f'<testcase classname="tests.a" name="{name}">{"".join(f"<{sign} />" for sign in signs)}</testcase>'
        for name, signs in (("right", ()), ("wrong[x]", ("failure",)), ("both", ("failure", "error")))
    )
    report = ET.ElementTree(ET.fromstring(f"<testsuites><testsuite>{cases}</testsuite></testsuites>"))  # noqa: S314 - as above
    assert suite.failed_tests([report]) == ["tests.a::wrong[x]", "tests.a::both"]


def test_a_port_is_reserved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call returns another port, and the last one is followed by an error."""
    first = processes.free_port()
    monkeypatch.setattr(processes.ports, "PORTS", range(first, first + 1))
    monkeypatch.setattr(processes.ports.random, "SystemRandom", Whole)
    with pytest.raises(OSError, match="no port is free"):
        processes.free_port()


class Whole:
    """A random source whose sample is the whole population."""

    def sample(self, population: range, _size: int) -> list[int]:
        """Return the population."""
        return list(population)


def test_setup_hides_output_of_a_success_and_prints_it_after_a_failure(
    bootstrap: ModuleType, capfd: pytest.CaptureFixture[str]
) -> None:
    """The output of apt and pip is printed whole, and only, after a failure."""
    assert bootstrap._quiet("sh", "-c", "echo detail")
    assert capfd.readouterr() == ("", "")
    assert not bootstrap._quiet("sh", "-c", "echo detail; exit 3")
    output, errors = capfd.readouterr()
    assert "status 3" in output
    assert "detail" in errors


def test_setup_rejects_an_unknown_command(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the value and the commands; the status is 2."""
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "install"])
    assert bootstrap.main() == 2
    assert "unknown command 'install'; the commands are: demo, test" in capsys.readouterr().err

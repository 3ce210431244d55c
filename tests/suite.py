"""Run every check and the whole suite: `.venv/bin/python tests/suite.py [arguments of pytest]`.

The suite has four parts. The tests of `parallel` use the processors alone. The tests of `services` start services and
wait for them; `reliability` disturbs services and measures their recovery. The tests of `alone` measure times, or run
a service faster than time.

Without arguments two tracks run side by side. The first waits much and has priority; the second uses the processor
time that is left. `alone` follows. The first two parts then also measure line and branch coverage, and the run fails
below the floor in pyproject.toml. With arguments the steps run one after another on the terminal.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).resolve().parents[1]
CHECKS = {
    "kernels": ["python", "-c", "from detectors import warm; warm()"],  # else each test that starts a service waits
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "imports": ["lint-imports"],
    "types": ["mypy"],
}
PARTS = {
    "parallel": ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"],
    "services": ["-n", "3", "--dist", "loadfile", "--no-loadscope-reorder"],  # long files of one test come early
    "reliability": ["-n", "2", "--dist", "loadfile"],
    "alone": [],
}
COVERED = ("parallel", "services")
PRIOR = ("kernels", "format", "lint", "imports", "services", "reliability")
REST = ("types", "parallel")
NICENESS = 10
"""Of the second track: a tenth of the processor time beside busy tests of the first, whose time limits hold."""

NO_TESTS_COLLECTED = 5
"""Exit status of pytest when its arguments select no test of a part."""

PROGRESS = re.compile(r"\[ *\d+%\]$")
PRINTING = Lock()


def main(arguments: list[str]) -> int:
    """Run all steps; return 1 if any fails. The last line is the summary of all parts."""
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        run = Run(Path(name), arguments)
        if arguments:
            run.track((*CHECKS, *PARTS))
        else:
            with ThreadPoolExecutor() as pool:
                list(pool.map(run.track, (PRIOR, REST), (0, NICENESS)))
            run.track(("alone",))
            run.coverage()
        reports = [ET.parse(report) for report in run.reports.values() if report.exists()]  # noqa: S314 - by pytest
    counts = outcomes(reports)
    failed = run.failed + ([] if counts.get("passed") else ["no test passed"])
    for test in failed_tests(reports):
        print(f"failed: {test}")
    print(f"failed: {', '.join(failed)}" if failed else "every check and test passed")
    summary = ", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "no tests ran"
    print(f" {summary} in {time.monotonic() - started_s:.2f}s ".center(80, "="))
    return 1 if failed else 0


class Run:
    """One run of the suite with its reports and coverage data in a folder."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        self.reports = {part: folder / f"{part}.xml" for part in PARTS}
        self.failed: list[str] = []
        self._data = {part: folder / f"{part}.coverage" for part in COVERED}
        self._arguments = arguments

    def track(self, names: Iterable[str], niceness: int = 0) -> None:
        """Run these checks and parts one after another."""
        for name in names:
            if name in CHECKS:
                self._step(name, CHECKS[name], niceness)
            else:
                self._part(name, niceness)

    def coverage(self) -> None:
        """Combine the data of both parts, report them and check the floor."""
        data = [str(path) for path in self._data.values() if path.exists()]
        self._step("coverage data", ["coverage", "combine", "--quiet", *data])
        self._step("coverage", ["coverage", "report"])

    def _part(self, part: str, niceness: int) -> None:
        options = [*PARTS[part], f"--part={part}", f"--junit-xml={self.reports[part]}"]
        environment = {}
        if part in COVERED and not self._arguments:
            options += ["--cov", "--cov-report=", "--cov-fail-under=0"]
            environment["COVERAGE_FILE"] = str(self._data[part])
        command = ["pytest", *options, *self._arguments]
        self._step(f"{part} tests", command, niceness, environment, accepted=(0, NO_TESTS_COLLECTED))

    def _step(
        self,
        name: str,
        command: Sequence[str],
        niceness: int = 0,
        environment: dict[str, str] | None = None,
        *,
        accepted: Sequence[int] = (0,),
    ) -> None:
        status = step(name, command, niceness, environment or {}, shown=bool(self._arguments))
        if status not in accepted:
            self.failed.append(name)


def step(name: str, command: Sequence[str], niceness: int, environment: dict[str, str], *, shown: bool) -> int:
    """Run a program of the environment; return its exit status.

    Its output appears at its end unless it is `shown`; lines of pytest's progress appear at once, behind its name.
    """
    started_s = time.monotonic()
    _print(f"suite: {name}")
    program, *arguments = command
    output: list[str] = []
    with subprocess.Popen(
        ["nice", "-n", str(niceness), Path(sys.executable).with_name(program), *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if PROGRESS.search(line):
                _print(f"{name}: {line.rstrip()}")
            else:
                output.append(line)
    spent_s = time.monotonic() - started_s
    _print(f"{''.join(output)}suite: {name} ended with status {process.returncode} after {spent_s:.0f} s")
    return process.returncode


def _print(text: str) -> None:
    with PRINTING:
        print(text, flush=True)


def failed_tests(reports: Sequence[ET.ElementTree]) -> list[str]:
    """Return the failed tests and those with an error in a fixture, each as `module::name`."""
    cases = [case for report in reports for case in report.iter("testcase")]
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    return list(dict.fromkeys(f"{case.get('classname')}::{case.get('name')}" for case in failed))


def outcomes(reports: Sequence[ET.ElementTree]) -> dict[str, int]:
    """Return outcome -> number of tests over JUnit reports, without zeros."""
    counts = dict.fromkeys(("failed", "passed", "skipped", "errors"), 0)
    for report in reports:
        for suite in report.iter("testsuite"):
            tests, failures, errors, skipped = (
                int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
            )
            counts["failed"] += failures
            counts["errors"] += errors
            counts["skipped"] += skipped
            counts["passed"] += tests - failures - errors - skipped
    return {outcome: number for outcome, number in counts.items() if number}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

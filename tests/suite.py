"""Run every check and the whole suite: `.venv/bin/python tests/suite.py [arguments of pytest]`.

The suite has four parts. The tests of `parallel` run side by side. The tests of `services` start services and wait for
them; `reliability` disturbs services and measures their recovery. Both run a few at a time. The tests of `bench`
measure speed and run alone. Without arguments the first two parts also measure line and branch coverage, and the run
fails below the floor in pyproject.toml.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CHECKS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy"],
    "imports": ["lint-imports"],
}
COVERAGE = ["--cov", "--cov-append", "--cov-report=", "--cov-fail-under=0"]
PARTS = {
    "parallel": ["-n", "auto", "--maxprocesses", "4", "--dist", "loadfile"],
    "services": ["-n", "3", "--dist", "loadfile"],
    "reliability": ["-n", "2", "--dist", "loadfile"],
    "bench": [],
}
UNCOVERED = {"reliability", "bench"}
NO_TESTS_COLLECTED = 5
"""Exit status of pytest when its arguments select no test of a part."""


def main(arguments: list[str]) -> int:
    """Run all steps; return 1 if any fails. The last line is the summary of all parts."""
    started_s = time.monotonic()
    failed = [name for name, command in CHECKS.items() if step(name, *command) != 0]
    whole = not arguments
    if whole:
        step("erase coverage of earlier runs", "coverage", "erase")
    with tempfile.TemporaryDirectory() as folder:
        reports = {part: Path(folder, f"{part}.xml") for part in PARTS}
        for part, report in reports.items():
            options = [*PARTS[part], *(COVERAGE if whole and part not in UNCOVERED else [])]
            command = ["pytest", *options, f"--part={part}", f"--junit-xml={report}", *arguments]
            if step(f"{part} tests", *command) not in {0, NO_TESTS_COLLECTED}:
                failed.append(f"{part} tests")
        counts = outcomes([report for report in reports.values() if report.exists()])
    if not counts.get("passed"):
        failed.append("no test passed")
    if whole and step("coverage", "coverage", "report") != 0:
        failed.append("coverage")
    print(f"failed: {', '.join(failed)}" if failed else "every check and test passed")
    summary = ", ".join(f"{number} {outcome}" for outcome, number in counts.items()) or "no tests ran"
    print(f" {summary} in {time.monotonic() - started_s:.2f}s ".center(80, "="))
    return 1 if failed else 0


def step(name: str, program: str, *arguments: str) -> int:
    """Run a program of the environment; return its exit status."""
    print(f"suite: {name}", flush=True)
    return subprocess.run([Path(sys.executable).with_name(program), *arguments], cwd=ROOT, check=False).returncode


def outcomes(reports: Sequence[Path]) -> dict[str, int]:
    """Return outcome -> number of tests over JUnit reports, without zeros."""
    counts = dict.fromkeys(("failed", "passed", "skipped", "errors"), 0)
    for report in reports:
        for suite in ET.parse(report).iter("testsuite"):  # noqa: S314 - pytest wrote it
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

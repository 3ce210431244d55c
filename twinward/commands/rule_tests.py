"""Command `check-rules`: rule tests of a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from detectors import DetectorError
from detectors.qualification.rule_tests import check, read_tests
from twinward.errors import as_cli_errors


def check_rules(path: Path) -> list[dict[str, Any]]:
    """Return name and faults of each test. Raises TwinwardError for a file that cannot be read."""
    with as_cli_errors(DetectorError):
        recipe, tests = read_tests(path)
        outcomes = [check(test, recipe) for test in tests]
    return [{"test": one.name, "ok": not one.faults, "faults": one.faults} for one in outcomes]

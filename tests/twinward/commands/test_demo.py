"""Demo at a higher speed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from detectors import load_recipe
from twinward.commands.demo import faster_recipe


def test_a_fast_demo_calls_readings_late_at_its_own_pace(tmp_path: Path) -> None:
    """The bound of late readings grows with the speed; every rule is the shipped one."""
    found, shipped = load_recipe(faster_recipe(tmp_path, 60.0)), load_recipe()
    assert found.late_s == 60 * shipped.late_s
    assert replace(found, late_s=shipped.late_s) == shipped

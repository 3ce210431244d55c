"""Recordings of the field reports: `detect` finds the alarms that operators expect, and no others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from twinward.commands.detect import detect_file

pytestmark = pytest.mark.shared

EXPECTED = {
    "R41-co-alarm-flag": [("fire", 2)],
    "R43-distance-falls": [("flood", 1), ("flood", 2), ("flood", 3)],
    "R45b-85-twice": [("sensor_fault", 1)],
    "R51-merged-probes-fire": [("fire", 2), ("fire", 3), ("fire", 3)],
    "R52-chip-temperature-alone": [],
}
"""Recording -> hazard and level of its detections, in order."""


@pytest.mark.parametrize("name", EXPECTED)
def test_recording_of_a_report_has_its_detections(name: str, tmp_path: Path, shared_dir: Path) -> None:
    """A carbon monoxide flag, a falling distance, power-on values, two probes under one name, a warm chip."""
    target = tmp_path / "found.csv"
    detect_file(shared_dir / "field-reports" / f"{name}.csv", target)
    with target.open(encoding="utf-8", newline="") as lines:
        found = [(row["hazard"], int(row["level"])) for row in csv.DictReader(lines)]
    assert found == EXPECTED[name]

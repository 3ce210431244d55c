"""Recordings of the field reports: `detect` finds the alarms that operators expect, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.qualification.files import read_alarms
from twinward.commands.detect import detect_file

pytestmark = pytest.mark.shared

EXPECTED = {
    "R41-co-alarm-flag": [("fire", 2)],
    "R43-distance-falls": [("flood", 1), ("flood", 2), ("flood", 3)],  # with forecasts between
    "R45b-85-twice": [("sensor_fault", 1)],
    "R51-merged-probes-fire": [
        ("sensor_fault", 0),
        ("fire", 1),
        ("fire", 3),
    ],  # two probes look like spikes; fire pages
    "R52-chip-temperature-alone": [],
}
"""Recording -> hazard and level of its detections, in order."""


@pytest.mark.parametrize("name", EXPECTED)
def test_recording_of_a_report_has_its_detections(name: str, tmp_path: Path, shared_dir: Path) -> None:
    """A carbon monoxide flag, a falling distance, power-on values, two probes under one name, a warm chip."""
    target = tmp_path / "found.csv"
    detect_file(shared_dir / "field-reports" / f"{name}.csv", target)
    found = [(alarm.hazard, alarm.level) for alarm in read_alarms(target)]
    assert list(dict.fromkeys(found)) == EXPECTED[name]

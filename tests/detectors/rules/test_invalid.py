"""Device faults by invalid readings."""

from __future__ import annotations

import pytest

from detectors import Calendar, Phase, Recipe, build
from detectors.recipes.kinds import Invalid
from ingest import Quality
from tests.detectors.histories import Row, campus, readings

RULE = Invalid(name="invalid", hazard="sensor_fault", levels=(1,), min_count=2)
BAD, GOOD, TEST = int(Quality.FAULT), int(Quality.GOOD), int(Quality.TEST)


def detected(rows: list[Row], rule: Invalid = RULE) -> list[tuple[Phase, int]]:
    """Return phase and sensor of each detection."""
    found = build(Recipe("any", (rule,)), campus(), Calendar()).update(readings(rows))
    return [(Phase(phase), sensor) for phase, sensor in zip(found.phase, found.sensor.tolist(), strict=True)]


def rows_of(*qualities: int, metric: str = "temperature", sensor: int = 1) -> list[Row]:
    """Return readings of one sensor each minute."""
    return [(metric, sensor, at * 60.0, at * 60.0, 85.0, quality) for at, quality in enumerate(qualities)]


def phases(rows: list[Row]) -> list[Phase]:
    """Return the phase of each detection."""
    return [phase for phase, _ in detected(rows)]


@pytest.mark.parametrize(
    ("qualities", "expected"),
    [
        ((GOOD, BAD, GOOD, BAD, GOOD), []),  # single spikes
        ((BAD, BAD), [Phase.RAISE]),
        ((BAD, BAD, BAD, BAD), [Phase.RAISE]),
        ((BAD, BAD, GOOD, BAD), [Phase.RAISE, Phase.CLEAR]),
        ((BAD, TEST, BAD), [Phase.RAISE]),  # a test is no measurement
    ],
)
def test_faults_in_a_row_raise_and_a_good_reading_clears(qualities: tuple[int, ...], expected: list[Phase]) -> None:
    """One spike raises nothing, however often it comes."""
    assert phases(rows_of(*qualities)) == expected


def test_metrics_and_sensors_are_apart() -> None:
    """A good humidity does not clear a faulty temperature."""
    rows = [*rows_of(BAD, BAD), *rows_of(GOOD, metric="humidity"), *rows_of(BAD, sensor=2)]
    assert phases(rows) == [Phase.RAISE]


def test_late_fault_raises_nothing() -> None:
    """Old data describe an old state."""
    rows: list[Row] = [("temperature", 1, at, 5_000.0 + at, 85.0, BAD) for at in (0.0, 60.0)]
    assert phases(rows) == []

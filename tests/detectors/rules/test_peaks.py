"""Highest value of each open detection of a threshold rule, with its event time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors import Calendar, DetectorSet, Phase, Recipe, build
from detectors.recipes.kinds import Rule, Threshold
from tests.detectors.histories import START_NS, Row, campus, readings

CO = Threshold(name="co", hazard="fire", metric="co", limits=(30.0, 60.0), levels=(1, 2), hysteresis=5.0, clear_s=0.0)
VALUES = (20, 35, 70, 90, 80, 50, 40, 20, 33, 20)
PEAKS = [(35, 1), (70, 2), (90, 3), (90, 3), (33, 8), (33, 8)]


def rows(values: tuple[float, ...], sensor: int = 1) -> list[Row]:
    """Return readings every 10 s."""
    return [("co", sensor, at * 10.0, at * 10.0, value, 0) for at, value in enumerate(values)]


def peaks(detector: DetectorSet, parts: list[list[Row]]) -> list[tuple[float, int]]:
    """Return value and number of the highest reading at each detection."""
    found = [one for part in parts for one in detector.update(readings(part)).evidence]
    return [(one["highest"]["value"], (one["highest"]["at_ns"] - START_NS) // 10_000_000_000) for one in found]


def made(rule: Rule) -> DetectorSet:
    """Return a detector of one rule."""
    return build(Recipe("any", (rule,)), campus(), Calendar())


@pytest.mark.parametrize("size", [1, 3, 10])
def test_each_detection_has_the_highest_value_since_it_was_raised(size: int) -> None:
    """Readings between two levels count, in one batch or row by row; a new detection begins anew."""
    every = rows(VALUES)
    assert peaks(made(CO), [every[at : at + size] for at in range(0, len(every), size)]) == PEAKS


def test_a_falling_rule_has_the_lowest_value() -> None:
    """The value keeps its sign."""
    rule = replace(CO, falling=True, limits=(30.0, 10.0))
    assert peaks(made(rule), [rows((40, 25, 12, 8, 20, 50))])[-1] == (8, 3)


def test_sensors_have_values_of_their_own() -> None:
    """The rows of two sensors alternate."""
    mixed = sorted(rows((35, 40, 20), 1) + rows((50, 31, 20), 2), key=lambda row: row[2])
    found = made(CO).update(readings(mixed))
    cleared = [one["highest"]["value"] for at, one in enumerate(found.evidence) if found.phase[at] == Phase.CLEAR]
    assert cleared == [40, 50]


def test_a_snapshot_keeps_the_value() -> None:
    """A restored detector continues as the old one would."""
    first, second = made(CO), made(CO)
    before = peaks(first, [rows(VALUES)[:5]])
    second.restore(first.snapshot())
    assert before + peaks(second, [rows(VALUES)[5:]]) == PEAKS

"""Detectors with rising levels."""

from __future__ import annotations

from dataclasses import replace

from detectors import Calendar, DetectionBatch, Phase, Recipe, build
from detectors.recipes.kinds import Rise, Rule, Stuck, Threshold
from ingest import Catalog, Sensor
from tests.detectors.histories import Row, campus, readings

CO = Threshold(name="co", hazard="fire", metric="co", limits=(30.0, 60.0), levels=(1, 2), hysteresis=5.0, clear_s=60.0)


def detected(rule: Rule, rows: list[Row], catalog: Catalog | None = None) -> DetectionBatch:
    """Return the detections of one rule."""
    return build(Recipe("any", (rule,)), catalog or campus(), Calendar()).update(readings(rows))


def rows_of(metric: str, *values: float, every_s: float = 10.0, sensor: int = 1) -> list[Row]:
    """Return readings of one sensor at even intervals."""
    return [(metric, sensor, at * every_s, at * every_s, value, 0) for at, value in enumerate(values)]


def phases(found: DetectionBatch) -> list[tuple[Phase, int]]:
    """Return phase and level of each detection."""
    return [(Phase(phase), level) for phase, level in zip(found.phase, found.level.tolist(), strict=True)]


def test_levels_rise_and_clear_with_hysteresis() -> None:
    """A value within the hysteresis keeps the level; below it the level clears after clear_s."""
    found = detected(CO, rows_of("co", 20, 35, 70, 58, 58, *[27] * 9, *[20] * 8))
    assert phases(found) == [(Phase.RAISE, 1), (Phase.CHANGE, 2), (Phase.CHANGE, 1), (Phase.CLEAR, 1)]
    assert found.evidence[1]["limit"] == 60.0


def test_falling_rule_raises_on_low_values() -> None:
    """Value and limits in the evidence keep their sign."""
    rule = Threshold(name="low", hazard="leak", metric="pressure", limits=(0.2,), falling=True, clear_s=0.0)
    found = detected(rule, rows_of("pressure", 0.3, 0.1, 0.3))
    assert phases(found) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]
    assert (found.evidence[0]["value"], found.evidence[0]["limit"]) == (0.1, 0.2)


def test_limits_of_a_sensor_replace_those_of_the_rule() -> None:
    """A change in the catalogue applies to the next reading."""
    catalog = campus()
    code = catalog.code("s", "smoke-1", "smoke")
    detector = build(Recipe("any", (CO,)), catalog, Calendar())
    assert len(detector.update(readings(rows_of("co", 20)))) == 0
    catalog.update(Sensor(code, "smoke-1", "s", "smoke", limits={"co": (10.0,)}))
    assert len(detector.update(readings([("co", 1, 20.0, 20.0, 20.0, 0)]))) == 1


def test_rule_scores_only_its_kinds_and_profiles() -> None:
    """The kitchen sensor is excluded by its profile, all sensors by another kind."""
    rows = rows_of("co", 40, sensor=0) + rows_of("co", 40, sensor=1)
    assert len(detected(CO, rows)) == 2
    assert len(detected(replace(CO, not_profiles=("kitchen",)), rows)) == 1
    assert len(detected(replace(CO, profiles=("kitchen",)), rows)) == 1
    assert len(detected(replace(CO, kinds=("water",)), rows)) == 0


def test_superseded_sensor_clears_and_raises_no_more() -> None:
    """A sensor that begins to report the superseding metric has its detection cleared."""
    rule = replace(CO, unless=("smoke_density",), clear_s=0.0)
    rows = [*rows_of("co", 40), ("smoke_density", 1, 15.0, 15.0, 0.0, 0), *rows_of("co", 40, 40, 40)[2:]]
    assert phases(detected(rule, rows)) == [(Phase.RAISE, 1), (Phase.CLEAR, 1)]


def test_one_wrong_reading_is_no_rise() -> None:
    """A rise needs a median of three values above the lowest of the window."""
    rule = Rise(name="rise", hazard="fire", metric="temperature", limits=(5.0,), window_s=60.0)
    assert len(detected(rule, rows_of("temperature", *[20.0] * 5, 90.0, *[20.0] * 5, every_s=5))) == 0
    assert phases(detected(rule, rows_of("temperature", *[20.0] * 5, *[27.0] * 3, every_s=5))) == [(Phase.RAISE, 2)]


def test_stuck_value_clears_with_its_first_change() -> None:
    """The value has to stay within the tolerance for the window and min_count further readings."""
    rule = Stuck(name="stuck", hazard="sensor_stuck", metric="level", window_s=60.0, tolerance=0.01, min_count=2)
    found = detected(rule, rows_of("level", *[1.0] * 9, 1.2, 1.3))
    assert phases(found) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]
    assert found.evidence[0]["value"] == 70.0

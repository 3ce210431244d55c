"""Detectors with rising levels."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detectors import Calendar, DetectionBatch, Phase, Recipe, build, load_recipe
from detectors.recipes.kinds import Rise, Rule, Stuck, Threshold
from ingest import Catalog, Sensor
from tests.detectors.histories import START_NS, Row, campus, readings

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


def test_evidence_carries_the_baseline() -> None:
    """The lowest of a rise's window, and the lowest of the last hours; a plain limit has none."""
    rise = Rise(name="rise", hazard="fire", metric="temperature", limits=(5.0,), window_s=60.0)
    rows = rows_of("temperature", *[20.5] * 5, *[27.0] * 3, every_s=5)
    assert [row["baseline"] for row in detected(rise, rows).evidence] == [20.5]
    lifted = Threshold(name="hot", hazard="fire", metric="temperature", limits=(60.0,), above_low=20.0)
    rows = rows_of("temperature", *[21.0] * 40, 65.0, every_s=60)
    assert [row["baseline"] for row in detected(lifted, rows).evidence] == [21.0]
    assert "baseline" not in detected(CO, rows_of("co", 40)).evidence[0]


def test_stuck_value_clears_with_its_first_change() -> None:
    """The value has to stay within the tolerance for the window and min_count further readings."""
    rule = Stuck(name="stuck", hazard="sensor_stuck", metric="level", window_s=60.0, tolerance=0.01, min_count=2)
    found = detected(rule, rows_of("level", *[1.0] * 9, 1.2, 1.3))
    assert phases(found) == [(Phase.RAISE, 2), (Phase.CLEAR, 2)]
    assert found.evidence[0]["value"] == 70.0


@pytest.mark.parametrize("quiet_first", [True, False])
def test_two_sources_under_one_name_raise_by_the_higher_one(*, quiet_first: bool) -> None:
    """Values of equal times belong to two probes; a quiet one must not hide a fire at the other."""
    rule = replace(CO, counts=(2, 2), durations_s=(10.0, 10.0))
    rows = [
        ("co", 1, at * 10.0, at * 10.0, value, 0)
        for at in range(4)
        for value in ((1.0, 70.0) if quiet_first else (70.0, 1.0))
    ]
    found = detected(rule, rows)
    assert phases(found) == [(Phase.RAISE, 2)]
    assert int(found.first_ns[0]) == START_NS


@pytest.mark.parametrize(("quiet_s", "raised"), [(None, True), (25.0, False), (45.0, True)])
def test_value_between_two_times_ends_a_pending_level(quiet_s: float | None, *, raised: bool) -> None:
    """Only a value of an equal time is another source's."""
    rule = replace(CO, limits=(30.0,), levels=(1,), counts=(3,), durations_s=(0.0,))
    rows = [("co", 1, at, at, 35.0, 0) for at in (10.0, 20.0, 30.0, 40.0)]
    rows += [] if quiet_s is None else [("co", 1, quiet_s, quiet_s, 1.0, 0)]
    found = detected(rule, sorted(rows, key=lambda row: row[2]))
    assert bool(len(found)) == raised


HEAT = next(rule for rule in load_recipe().rules if rule.name == "heat")


@pytest.mark.parametrize(
    ("before", "minutes", "after", "raised"),
    [
        (21.0, 60, 60.0, True),  # a room
        (33.0, 60, 63.0, True),  # a room in a hot summer
        (55.3, 60, 60.6, False),  # a chip under load
        (48.0, 60, 71.0, False),
        (55.3, 60, 85.0, True),
        (55.3, 5, 60.6, True),  # too short to know the surroundings
    ],
)
def test_heat_is_measured_from_the_surroundings(before: float, minutes: int, after: float, *, raised: bool) -> None:
    """A place that is always warm needs a higher temperature, as the classes of EN 54-5 do."""
    values = [before] * minutes + [after] * 3
    found = detected(HEAT, rows_of("temperature", *values, every_s=60.0))
    assert [phase for phase, _ in phases(found)] == ([Phase.RAISE] if raised else [])
    assert all(evidence["value"] == after for evidence in found.evidence)


def test_heat_of_days_ago_is_forgotten() -> None:
    """The lowest value is that of the last half to whole day; a pause of a day starts anew."""
    day = rows_of("temperature", *[21.0] * 24, *[50.0] * 48, *[70.0] * 3, every_s=3600.0)
    assert phases(detected(HEAT, day)) == []
    pause = [*rows_of("temperature", *[50.0] * 3, every_s=3600.0)]
    pause += [("temperature", 1, at, at, 70.0, 0) for at in (400_000.0, 400_060.0)]
    assert phases(detected(HEAT, pause)) == [(Phase.RAISE, 3)]


def test_fall_is_measured_as_a_rise_of_the_opposite() -> None:
    """Value, limit and baseline in the evidence are those of the fall."""
    rule = Rise(
        name="fall", hazard="flood", metric="distance", falling=True, window_s=600.0, limits=(0.15,), levels=(1,)
    )
    found = detected(rule, rows_of("distance", *[2.0] * 10, 1.9, 1.8, 1.7, 1.6, every_s=60.0))
    assert phases(found) == [(Phase.RAISE, 1)]
    evidence = found.evidence[0]
    assert (round(evidence["value"], 3), evidence["limit"], evidence["baseline"]) == (0.2, 0.15, 2.0)
    assert "fell by 0.20 m" in evidence["text"]["en"]
    assert phases(detected(rule, rows_of("distance", *[1.0] * 10, 1.2, 1.4, 1.6, 1.8, every_s=60.0))) == []

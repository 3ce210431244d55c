"""Drift of a sensor against its neighbours, and its separation from hazards of the place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, DetectionBatch, Phase, Plan, Recipe, Spot, build, load_recipe
from ingest import COLUMNS, Catalog, TelemetryBatch, from_columns

HOUR_S, DAYS, SENSORS, DRIFTING = 3600, 60, 4, 2
START_NS, SECOND_NS = 1_790_000_000_000_000_000, 1_000_000_000
RECIPE = load_recipe()
DRIFTS = Recipe("drift", tuple(rule for rule in RECIPE.rules if rule.name in {"temperature_drift", "level_drift"}))
SENSOR_FAULTS = {"sensor_drift", "sensor_fault", "sensor_stuck", "sensor_silent", "detector_lost"}


def cohort(kind: str) -> tuple[Catalog, Plan]:
    """Return sensors of four places of one zone."""
    catalog = Catalog()
    for number in range(SENSORS):
        code = catalog.code("s", f"{kind}-{number}", kind)
        catalog.update(replace(catalog[code], place=f"p{number}", period_s=float(HOUR_S)))
    return catalog, Plan({("s", f"p{number}"): Spot("zone") for number in range(SENSORS)})


def course(metric: str, *, days: int = DAYS) -> NDArray[np.float64]:
    """Return hourly values of the sensors: a common daily course, an offset and noise of each."""
    hours = np.arange(24 * days)
    random = np.random.default_rng(7)
    if metric == "level":
        common, spread, noise = 0.3 * np.sin(hours / 50), 0.2, 0.004
    else:
        common, spread, noise = 21 + 2 * np.sin(hours * np.pi / 12) + np.sin(hours / 90), 0.8, 0.1
    own = random.normal(0, spread, SENSORS)[:, None]
    return common + own + random.normal(0, noise, (SENSORS, len(hours)))


def batch(catalog: Catalog, metric: str, values: NDArray[np.float64]) -> TelemetryBatch:
    """Return the values hour by hour, all sensors each hour."""
    hours = values.shape[1]
    times = START_NS + np.repeat(np.arange(hours), SENSORS) * HOUR_S * SECOND_NS
    codes = [sensor.code for sensor in catalog if sensor.site == "s"]
    columns = {
        "sensor": np.tile(codes, hours),
        "metric": np.full(hours * SENSORS, catalog.metric(metric).code),
        "time_ns": times,
        "arrival_ns": times,
        "value": values.T.ravel(),
        "quality": np.zeros(hours * SENSORS),
    }
    return from_columns({name: columns[name].astype(dtype) for name, dtype in COLUMNS})


def found(recipe: Recipe, kind: str, metric: str, values: NDArray[np.float64]) -> tuple[Catalog, DetectionBatch]:
    """Return the detections of a recipe in these values."""
    catalog, plan = cohort(kind)
    return catalog, build(recipe, catalog, Calendar(), plan=plan).update(batch(catalog, metric, values))


@pytest.mark.parametrize(("kind", "metric", "a_day"), [("env", "temperature", 0.25), ("water", "level", 0.004)])
def test_a_drifting_sensor_is_found_and_its_neighbours_are_not(kind: str, metric: str, a_day: float) -> None:
    """A slow drift of one of four raises a sensor drift of it alone, with baseline and the change that prevents it."""
    values = course(metric)
    begin = 24 * 20
    values[DRIFTING, begin:] += np.arange(values.shape[1] - begin) * a_day / 24
    catalog, detections = found(DRIFTS, kind, metric, values)
    assert {catalog[int(code)].id for code in detections.sensor} == {f"{kind}-{DRIFTING}"}
    assert set(detections.hazard) == {"sensor_drift"}
    assert detections.phase[0] == Phase.RAISE
    evidence, last = detections.evidence[0], int((detections.last_ns[0] - START_NS) / SECOND_NS / HOUR_S)
    assert abs(evidence["baseline"] - values[0, last]) < 5 * abs(values[:, last].std())
    assert evidence["change"]["zh"]
    assert evidence["page"] is False


@pytest.mark.parametrize(("kind", "metric"), [("env", "temperature"), ("water", "level")])
def test_quiet_neighbours_and_their_common_weather_raise_nothing(kind: str, metric: str) -> None:
    """A rise of all sensors for days, as by weather or a flood of the whole water, is no drift."""
    values = course(metric)
    values[:, 24 * 30 : 24 * 40] += 8.0 if metric == "temperature" else 1.5
    assert len(found(DRIFTS, kind, metric, values)[1]) == 0


def test_a_fire_is_no_sensor_fault_and_a_drift_no_fire() -> None:
    """A room at 300 degrees for two hours is a fire alone; a drift of 0.25 K a day is a sensor drift alone."""
    fire, drift = course("temperature"), course("temperature")
    fire[DRIFTING, 24 * 40 : 24 * 40 + 2] = (150.0, 300.0)
    drift[DRIFTING, 24 * 20 :] += np.arange(24 * 40) * 0.25 / 24
    rules = Recipe("all", RECIPE.rules)
    of_fire = set(found(rules, "env", "temperature", fire)[1].hazard)
    assert "fire" in of_fire
    assert not of_fire & SENSOR_FAULTS
    assert set(found(rules, "env", "temperature", drift)[1].hazard) == {"sensor_drift"}


def test_two_sensors_alone_raise_nothing() -> None:
    """With one neighbour it is open which of both drifts."""
    values = course("temperature")
    values[DRIFTING, 24 * 20 :] += np.arange(24 * 40) * 0.25 / 24
    catalog, plan = cohort("env")
    for number in (0, 1):
        catalog.update(replace(catalog[catalog.code("s", f"env-{number}", "env")], place=""))
    detections = build(DRIFTS, catalog, Calendar(), plan=plan).update(batch(catalog, "temperature", values))
    assert len(detections) == 0

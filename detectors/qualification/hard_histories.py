"""Hard input for any rule: gaps, nulls, disordered times, changes of unit and rate, ten years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.recipes.kinds import Rule
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Metric, Quality, Sensor, TelemetryBatch, from_columns

Floats = NDArray[np.float64]
START_NS, SECOND_NS = 1_790_000_000_000_000_000, 1_000_000_000
DECADE_S = 10 * 365 * 86_400.0
DEFECTS = (
    "none", "constant", "null", "equal_times", "reversed_times", "unit", "offset", "huge", "faster", "slower", "decade",
)  # fmt: skip
"""Defects of a part of a series."""
STEPS_S = (0.2, 1.0, 20.0, 420.0, 3600.0)
"""Intervals of the readings; 260 readings at one of 420 s end the learning of every rule over single series."""
TICK = METRIC_BY_NAME["tick"].code
LEARN_ROWS, PART_ROWS, PARTS = 260, 40, 5
_ANY = ("undescribed_1", "undescribed_2", "undescribed_3", "temperature")
"""Metrics for a rule over every metric."""


def hard_history(rule: Rule, seed: int) -> tuple[Catalog, TelemetryBatch]:
    """Return a catalogue and readings of the rule's metrics: an ordinary part, then parts with a defect each."""
    random = np.random.default_rng(seed)
    catalog = Catalog()
    sensors = [_sensor(catalog, rule, number) for number in range(2)]
    names = rule.reads or _ANY
    metrics = [catalog.metric(name) for name in names]
    step_s = float(random.choice(STEPS_S))
    defects = ("none", *random.choice(DEFECTS, PARTS).tolist())
    series = [(sensor, metric) for sensor in sensors for metric in metrics[: 1 if sensor is sensors[1] else None]]
    parts = [_series(sensor, metric, rule, hard_series(defects, random, step_s=step_s)) for sensor, metric in series]
    parts.append(_ticks(np.concatenate([part["arrival_ns"] for part in parts])))
    columns = {name: np.concatenate([part[name] for part in parts]) for name, _ in COLUMNS}
    order = np.argsort(columns["arrival_ns"], kind="stable")
    columns = {name: column[order] for name, column in columns.items()}
    return catalog, from_columns(columns, _attributes(rule, len(order)))


def hard_part(defect: str, random: np.random.Generator, *, rows: int, step_s: float) -> tuple[Floats, Floats]:
    """Return times from 0 on and values around 0 with a deviation of about 1, with one defect.

    >>> times, values = hard_part("constant", np.random.default_rng(1), rows=3, step_s=60.0)
    >>> times.tolist(), len(set(values.tolist()))
    ([0.0, 60.0, 120.0], 1)
    """
    times: Floats = (np.arange(rows) * step_s).astype(np.float64)
    values = np.sin(times / 13_000) + 0.2 * random.normal(size=rows).round(3)
    if defect == "constant":
        values[:] = values[0]
    elif defect == "null":
        values[random.random(rows) < 0.3] = np.nan  # noqa: PLR2004 - share of nulls
    elif defect == "equal_times":
        times = (np.floor(times / (3 * step_s)) * 3 * step_s).astype(np.float64)
    elif defect == "reversed_times":
        times = random.permutation(times)
    elif defect == "unit":
        values *= 1000
    elif defect == "offset":
        values += 273.15
    elif defect == "huge":
        values *= 10.0 ** random.integers(-12, 13, rows)
    elif defect in {"faster", "slower"}:
        times = times / 50 if defect == "faster" else times * 50
    elif defect == "decade":
        times += DECADE_S
    return times, values


def hard_series(defects: Sequence[str], random: np.random.Generator, *, step_s: float) -> tuple[Floats, Floats]:
    """Return event times and values of a part for each defect, one after the other; the first one is longer."""
    times, values, start = [], [], 0.0
    for number, defect in enumerate(defects):
        part, value = hard_part(defect, random, rows=PART_ROWS if number else LEARN_ROWS, step_s=step_s)
        times.append(start + part)
        values.append(value)
        start = float(times[-1].max()) + step_s
    return np.concatenate(times), np.concatenate(values)


def _sensor(catalog: Catalog, rule: Rule, number: int) -> Sensor:
    """Return a sensor of the rule; the first one has limits of its own, as gauges have."""
    kind, profile = (rule.kinds or ("device",))[0], (rule.profiles or ("",))[0]
    code = catalog.code("s", f"{kind}-{number}", kind)
    falling = bool(getattr(rule, "falling", False))
    limits = dict.fromkeys(rule.reads, (1.0, 0.5) if falling else (0.5, 1.0)) if number == 0 else {}
    sensor = replace(catalog[code], profile=profile, place="room-1", period_s=60.0 * (number == 0), limits=limits)
    catalog.update(sensor)
    return sensor


def _series(sensor: Sensor, metric: Metric, rule: Rule, given: tuple[Floats, Floats]) -> dict[str, NDArray[Any]]:
    """Return the columns of a series in the scale of the rule's limits; values beyond the range are faulty."""
    times, values = given
    scale = max((abs(float(limit)) for limit in getattr(rule, "limits", ())), default=1.0)
    values = np.where(values > 0, 1.0, 0.0) if metric.unit == "bool" else values * scale + scale / 2
    time_ns = START_NS + (times * SECOND_NS).astype(np.int64)
    valid = np.isnan(given[1]) | ((values >= metric.low) & (values <= metric.high))
    values[np.isnan(given[1])] = np.nan
    columns = {
        "sensor": np.full(len(times), sensor.code),
        "metric": np.full(len(times), metric.code),
        "time_ns": time_ns,
        "arrival_ns": np.maximum.accumulate(time_ns),
        "value": values,
        "quality": np.where(valid, int(Quality.GOOD), int(Quality.FAULT)),
    }
    return {name: columns[name].astype(dtype) for name, dtype in COLUMNS}


def _ticks(arrivals: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return clock readings of the service at every third arrival, and an hour after the last one."""
    times = np.append(np.unique(arrivals)[::3], arrivals.max() + 3600 * SECOND_NS)
    plain = {"metric": TICK, "value": 1.0, "time_ns": times, "arrival_ns": times}
    return {name: np.broadcast_to(np.asarray(plain.get(name, 0), dtype), times.shape) for name, dtype in COLUMNS}


def _attributes(rule: Rule, rows: int) -> dict[int, dict[str, Any]]:
    """Return labels, zones and tracks for a rule over camera events."""
    labels = getattr(rule, "labels", ())
    if not labels:
        return {}
    zones = list(getattr(rule, "zones", ()))[:2]
    return {
        row: {
            "label": labels[row % len(labels)],
            "score": 0.9,
            "phase": "update",
            "zones": zones,
            "track": str(row % 7),
        }
        for row in range(rows)
    }

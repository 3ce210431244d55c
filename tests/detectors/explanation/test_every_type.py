"""Explanations of every rule type: reason, clearing, baseline, smallest change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, DetectionBatch, Phase, build
from detectors.recipes.types import TYPES
from ingest import COLUMNS, Catalog, Quality, from_columns
from tests.detectors.histories import ALARMING, COURSES, RECIPES, campus, plan_of, readings, two_days

Floats = NDArray[np.float64]
START_NS, SECOND_NS = 1_790_000_000_000_000_000, 1_000_000_000
HOURS = np.arange(24 * 45)
ONE = np.arange(1500)


def noise(count: int, size: float, seed: int = 3) -> Floats:
    """Return noise that is the same in each run."""
    return np.random.default_rng(seed).normal(0, size, count)


def leap(count: int = 1500, at: int = 1400, by: float = 60.0) -> Floats:
    """Return a daily course with noise that leaps."""
    values = 20 + np.sin(np.arange(count) / 30) + noise(count, 0.1)
    values[at:] += by
    return values


def with_spike(values: Floats, at: int, by: float) -> Floats:
    """Return values with one spike."""
    values[at] += by
    return values


NIGHT = 4 + 0.2 * np.cos(HOURS * np.pi / 12) + noise(len(HOURS), 0.004)
RISE = np.concatenate([0.2 + noise(180, 0.002), 0.2 + 0.012 * np.arange(60)])
DRIFT = 21 + np.sin(HOURS * np.pi / 12) + noise(len(HOURS), 0.05)
ORDER = np.concatenate([np.tile([10.0, 12.5, 15.0, 20.0, 15.0, 12.5], 430), [20.0, 10.0, 20.0], np.full(20, 15.0)])
SERIES: Mapping[str, tuple[str, float, Mapping[str, list[Floats]]]] = {
    "burst": ("water", 10.0, {"pressure": [np.concatenate([np.full(200, 4.0), np.full(30, 2.4)])]}),
    "slow_leak": ("water", 3600.0, {"pressure": [np.where(HOURS < 24 * 30, NIGHT, NIGHT * 0.93)]}),
    "gauge_fault": ("water", 1200.0, {"level": [with_spike(1 + np.sin(ONE / 200) + noise(1500, 0.004), 1400, 2.0)]}),
    "time_to_limit": ("water", 60.0, {"level": [RISE]}),
    "neighbour_drift": ("env", 3600.0, {"temperature": [DRIFT, DRIFT + 1, DRIFT + 0.02 * np.maximum(0, HOURS - 480)]}),
    "context": ("env", 420.0, {"vendor_value": [ORDER]}),
    "group": ("device", 1.0, {f"channel_{one}": [leap(by=30.0 * (one == 1))] for one in range(3)}),
    "change_point": ("device", 1.0, {f"channel_{one}": [leap(by=30.0 * (one == 1))] for one in range(3)}),
} | {
    kind: ("env", 420.0, {"vendor_value": [leap(3000, 2900)]})
    for kind in ("unusual", "excess", "dspot", "own_tail", "page_hinkley", "half_space_trees")
}
"""Type -> kind of the sensors, interval in s, and the values of each sensor by metric."""

BASELINES = {
    "rise", "fire_evidence", "unusual_count", "occupancy", "quiet_camera", "tailgating", "zero_drift", *SERIES,
}  # fmt: skip
"""Types with a normal value. The others compare with a limit, a state or a label alone."""

STATES = {"battery", "silence", "threshold"}
"""Types that also report a state which the device has announced: no change of a value prevents it."""


def of_series(kind: str) -> DetectionBatch:
    """Return the detections of the type's rules in its series."""
    sensor_kind, step_s, metrics = SERIES[kind]
    catalog, columns = Catalog(), []
    for metric, series in metrics.items():
        for number, values in enumerate(series):
            code = catalog.code("s", f"{sensor_kind}-{number}", sensor_kind)
            catalog.update(
                replace(catalog[code], place="p", limits={"level": (0.8, 1.0)} if kind == "time_to_limit" else {})
            )
            times = START_NS + (np.arange(len(values)) * step_s * SECOND_NS).astype(np.int64)
            plain: dict[str, Any] = {"sensor": code, "metric": catalog.metric(metric).code, "time_ns": times}
            plain |= {"arrival_ns": times, "value": values, "quality": 0}
            columns.append({name: np.broadcast_to(plain[name], times.shape).astype(dtype) for name, dtype in COLUMNS})
    whole = {name: np.concatenate([one[name] for one in columns]) for name, _ in COLUMNS}
    order = np.argsort(whole["arrival_ns"], kind="stable")
    batch = from_columns({name: column[order] for name, column in whole.items()})
    return build(RECIPES[kind], catalog, Calendar()).update(batch)


def found(kind: str) -> DetectionBatch:
    """Return detections of the type's rules."""
    if kind in SERIES:
        return of_series(kind)
    course: Callable[..., Any] | None = COURSES.get(kind)
    rows = course(alarming=True) if course else two_days(ALARMING)
    quality = int(Quality.FAULT if kind == "invalid" else Quality.GOOD)
    detectors = build(RECIPES[kind], campus(), Calendar(), plan=plan_of(kind))
    return detectors.update(readings([(*row[:5], quality) for row in rows]))


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"trained", "gate_flow"}))
def test_every_type_explains_its_detections(kind: str) -> None:
    """Both languages; a baseline in each detection of a type that has one; the change that would have prevented it."""
    detections = found(kind)
    raised = [one for one, phase in zip(detections.evidence, detections.phase, strict=True) if phase != Phase.CLEAR]
    assert raised
    for evidence in raised:
        for part in ("text", "clears"):
            assert evidence[part]["zh"]
            assert evidence[part]["en"]
        assert evidence["window_s"] is not None
        assert ("baseline" in evidence) >= (kind in BASELINES)
        assert "change" in evidence or kind in STATES
        assert "change" not in evidence or evidence["change"]["zh"] != evidence["change"]["en"]
        assert np.isfinite(evidence.get("baseline", 0.0))

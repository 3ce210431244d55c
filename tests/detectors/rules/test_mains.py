"""Water mains: a burst pages within a minute, a slow leak is found within three days."""

from __future__ import annotations

import numpy as np

from detectors import Calendar, DetectionBatch, Phase, Recipe, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

DAY_S = 86_400


def found(metric: str, seconds: np.ndarray, values: np.ndarray) -> DetectionBatch:
    """Return the detections of the rules for mains over a series of one main."""
    catalog = Catalog()
    rules = tuple(rule for rule in load_recipe().rules if rule.hazard in {"pipe_burst", "pipe_leak"})
    times = 1_790_000_000_000_000_000 + (seconds * 1e9).astype(np.int64)
    columns = {
        "sensor": catalog.code("s", "main", "water"), "metric": METRIC_BY_NAME[metric].code, "time_ns": times,
        "arrival_ns": times, "value": values, "quality": 0,
    }  # fmt: skip
    filled = {name: np.broadcast_to(np.asarray(columns[name], dtype), times.shape).copy() for name, dtype in COLUMNS}
    return build(Recipe("mains", rules), catalog, Calendar()).update(from_columns(filled))


def use(seconds: np.ndarray) -> np.ndarray:
    """Return the use of water: nearly none at night, much by day."""
    return np.clip(np.sin(2 * np.pi * (seconds / DAY_S - 0.25)), 0.1, None)


def test_burst_pages_within_a_minute() -> None:
    """A fall by 30 per cent with a time constant of 8 s pages within 30 s; use by day does not."""
    seconds = np.arange(0, DAY_S, 5.0)
    noise = np.random.default_rng(1).normal(0, 0.001, len(seconds))
    pressure = 0.38 - 0.03 * use(seconds) + noise
    burst = pressure * (0.7 + 0.3 * np.exp(-np.clip(seconds - 50_000, 0, None) / 8))
    assert len(found("pressure", seconds, pressure)) == 0
    paged = found("pressure", seconds, burst)
    assert paged.phase[0] == Phase.RAISE
    assert paged.pages(0)
    assert (paged.decided_ns[0] - 1_790_000_000_000_000_000) / 1e9 - 50_000 < 30


def test_slow_leaks_are_found_within_three_days_by_pressure_and_flow() -> None:
    """A loss of 2 per cent a day is found, and so is a night flow that grows daily; quiet weeks are not."""
    seconds = np.arange(0, 12 * DAY_S, 300.0)
    rng = np.random.default_rng(2)
    days = np.clip(seconds / DAY_S - 7, 0, None)
    pressure = 0.38 - 0.03 * use(seconds) + rng.normal(0, 0.003, len(seconds))
    flow = 0.004 * use(seconds) + np.abs(rng.normal(0, 0.0002, len(seconds)))
    for metric, quiet, leaking in (
        ("pressure", pressure, pressure * (1 - 0.02 * days)),
        ("flow", flow, flow + 0.0002 * days),
    ):
        assert len(found(metric, seconds, quiet)) == 0
        leak = found(metric, seconds, leaking)
        assert set(leak.hazard) == {"pipe_leak"}
        assert 7 < (leak.decided_ns[0] - 1_790_000_000_000_000_000) / 1e9 / DAY_S < 10

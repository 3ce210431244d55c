"""Benchmark of the detectors: batches against single readings of the same recipe."""

from __future__ import annotations

import time

import numpy as np

from detectors import Calendar, DetectorSet, Recipe, build, load_recipe, offline_rules
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, TelemetryBatch, from_columns
from twinward.bench.detect import START_NS, run

READINGS = 1_000
UNCONCERNED_MAX = 1.7
"""Cost of a reading that no rule reads under the whole recipe, over that under the offline rules alone."""


def test_batches_beat_single_readings() -> None:
    """Batches reach at least twenty times the rate of single readings on any machine."""
    steps: list[str] = []
    single, batched = run(seconds=1, progress=steps.append)
    assert batched["ratio_to_row_by_row"] > 20
    assert single["bench"] == batched["bench"] == "detect"
    assert steps == ["detect: one reading at a time", "detect: batches of 4,096"]


def test_rules_that_do_not_concern_a_reading_cost_nothing() -> None:
    """A reading without a rule costs little more under the whole recipe than under the rules that count messages."""
    whole, offline = _cost_s(load_recipe()), _cost_s(offline_rules(load_recipe()))
    assert whole / offline < UNCONCERNED_MAX


def _cost_s(recipe: Recipe) -> float:
    """Return the least CPU time of some readings of a gate's light sensor, one at a time."""
    catalog = Catalog()
    code = catalog.code("school", "gate-1", "gate")
    detector = build(recipe, catalog, Calendar())
    return min(_round_s(detector, code, turn) for turn in range(10))


def _round_s(detector: DetectorSet, code: int, turn: int) -> float:
    rows = [_reading(code, START_NS + (turn * READINGS + at) * 1_000_000_000) for at in range(READINGS)]
    begin_s = time.process_time()
    for row in rows:
        detector.update(row)
    return time.process_time() - begin_s


def _reading(code: int, time_ns: int) -> TelemetryBatch:
    found = {"sensor": code, "metric": METRIC_BY_NAME["illuminance"].code, "time_ns": time_ns, "arrival_ns": time_ns,
             "value": 300.0, "quality": 0}  # fmt: skip
    return from_columns({name: np.array([found[name]], dtype) for name, dtype in COLUMNS})

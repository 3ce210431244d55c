"""Histories of readings over a small campus, for the tests of detectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, DetectorSet, Recipe, build, load_recipe
from detectors.recipes.kinds import Rule, Threshold
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Quality, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
DEFAULT = load_recipe()
RECIPES = {"campus": DEFAULT}
"""One recipe for each rule that differs from the others in more than its metric, and all rules together."""
_ALIKE: set[Rule] = set()
for rule in DEFAULT.rules:
    alike = replace(rule, name="", hazard="fire", **({"metric": ""} if isinstance(rule, Threshold) else {}))
    RECIPES |= {} if alike in _ALIKE else {rule.name: Recipe(rule.name, (rule,))}
    _ALIKE.add(alike)
ALARMING = {
    "smoke": 1, "smoke_density": 0.5, "smoke_concentration": 40, "co": 400, "temperature": 90, "depth": 0.8, "level": 3,
    "leak": 1, "forced": 1, "open": 1, "blind": 1, "battery_low": 1, "battery_voltage": 2.5, "battery": 2, "tamper": 1,
    "fault": 1, "object_present": 1, "online": 0, "tick": 1, "access_granted": 1, "humidity": 50,
    "carbon_monoxide": 1, "gas": 1, "gas_level": 30, "heat": 1, "level_high": 1, "panic": 1, "end_of_life": 1,
    "distance": 0.3, "message_rate": 10_000, "new_names": 5_000, "foreign_messages": 1_000,
}  # fmt: skip
QUIET = {"battery": 90, "battery_voltage": 3, "temperature": 20, "level": 0.5, "online": 1, "tick": 1, "humidity": 40,
         "distance": 2}  # fmt: skip
KIND = {"open": "gate", "forced": "gate", "access_granted": "gate", "object_present": "camera", "level": "water",
        "distance": "water", "level_high": "water"}  # fmt: skip
SENSORS = 3

Row = tuple[str, int, float, float, float, int]  # metric, sensor, event s, arrival s, value, quality


def campus() -> Catalog:
    """Return three sensors of each kind: one smoke sensor in a kitchen, one camera at water, one gauge with limits."""
    catalog = Catalog()
    for kind in ("smoke", "gate", "camera", "water"):
        for number in range(SENSORS):
            catalog.code("s", f"{kind}-{number}", kind)
    for sensor in list(catalog):
        if sensor.id in ("smoke-0", "camera-0", "water-1"):
            profile = {"smoke-0": "kitchen", "camera-0": "waterside"}.get(sensor.id, "")
            changed = {"profile": profile, "period_s": 20.0, "limits": {"level": (1.0, 1.5, 2.0)}}
            catalog.update(type(sensor)(sensor.code, sensor.id, sensor.site, sensor.kind, **changed))
    return catalog


def readings(rows: Sequence[Row]) -> TelemetryBatch:
    """Return a batch of rows; cameras report a person at odd seconds, a fire at even ones."""
    catalog = campus()
    attributes = {
        number: {"label": "person" if int(row[2]) % 2 else "fire", "score": 0.9, "phase": "update", "gateway_ns": 5}
        for number, row in enumerate(rows)
        if row[0] == "object_present"
    }
    codes = [
        0 if metric == "tick" else catalog.code("s", f"{KIND.get(metric, 'smoke')}-{sensor}", "smoke")
        for metric, sensor, *_ in rows
    ]
    found = {
        "sensor": codes,
        "metric": [METRIC_BY_NAME[row[0]].code for row in rows],
        "time_ns": [START_NS + round(row[2] * SECOND_NS) for row in rows],
        "arrival_ns": [START_NS + round(row[3] * SECOND_NS) for row in rows],
        "value": [row[4] for row in rows],
        "quality": [row[5] for row in rows],
    }
    return from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS}, attributes)


@st.composite
def histories(draw: st.DrawFn) -> TelemetryBatch:
    """Readings of all metrics: on time, late, out of order, faulty, as tests; arrivals are non-decreasing."""
    rows: list[Row] = []
    now = 0.0
    for _ in range(draw(st.integers(1, 60))):
        now += draw(st.sampled_from([0, 0.2, 1, 5, 20, 31, 130, 4000, 80_000]))
        metric = draw(st.sampled_from(sorted(ALARMING)))
        behind = draw(st.sampled_from([0, 0, 0, 0, 3, 40, 900, 20_000]))
        value = draw(st.sampled_from([ALARMING[metric], ALARMING[metric], QUIET.get(metric, 0), float("nan")]))
        quality = draw(st.sampled_from([Quality.GOOD] * 5 + list(Quality)))
        when = now if metric == "tick" else now - behind
        rows.append((metric, draw(st.integers(0, SENSORS - 1)), when, now, value, int(quality)))
    return readings(rows)


def joined(parts: Sequence[DetectionBatch]) -> list[tuple[object, ...]]:
    """Return all detections as comparable rows."""
    names = list(DetectionBatch.__slots__)
    return [tuple(str(getattr(part, name)[i]) for name in names) for part in parts for i in range(len(part))]


def make(name: str) -> DetectorSet:
    """Return a new detector of that rule."""
    return build(RECIPES[name], campus(), Calendar())


thorough = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

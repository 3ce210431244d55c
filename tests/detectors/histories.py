"""Histories of readings over a small campus, for the tests of detectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, DetectorSet, Recipe, build, load_recipe
from detectors.plan import Plan, Spot
from detectors.recipes.estimators import SeriesEstimator
from detectors.recipes.types import TYPES
from ingest import COLUMNS, Catalog, Quality, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
DEFAULT = load_recipe()
NAMED_ONLY = tuple(kind for kind, settings in TYPES.items() if issubclass(settings, SeriesEstimator))
"""Types that the shipped recipe does not use; a recipe names them."""
RECIPES = {"campus": DEFAULT} | {
    kind: Recipe(kind, tuple(rule for rule in DEFAULT.rules if type(rule) is settings))
    for kind, settings in TYPES.items()
    if kind not in NAMED_ONLY
}
RECIPES |= {
    kind: Recipe(kind, (TYPES[kind](name=kind, hazard="anomaly", levels=(0,), pages=()),)) for kind in NAMED_ONLY
}
"""The rules of each type, and all rules together."""
ALARMING = {
    "smoke": 1, "smoke_density": 0.5, "smoke_concentration": 40, "co": 400, "temperature": 90, "depth": 0.8, "level": 3,
    "leak": 1, "forced": 1, "open": 1, "blind": 1, "battery_low": 1, "battery_voltage": 2.5, "battery": 2, "tamper": 1,
    "fault": 1, "object_present": 1, "online": 0, "tick": 1, "access_granted": 1, "humidity": 50,
    "carbon_monoxide": 1, "gas": 1, "gas_level": 30, "heat": 1, "level_high": 1, "panic": 1, "end_of_life": 1,
    "distance": 0.3, "co2": 1500, "message_rate": 10_000, "new_names": 5_000, "foreign_messages": 1_000,
    "vendor_value": 77.5, "current": 2, "isolated": 1, "scene_change": 90, "sharpness": 5, "people_in": 40,
    "object_count": 600,
}  # fmt: skip
QUIET = {"battery": 90, "battery_voltage": 3, "temperature": 20, "level": 0.5, "online": 1, "tick": 1, "humidity": 40,
         "distance": 2, "co2": 420, "vendor_value": 20.25,
         "current": 0.1, "scene_change": 3, "sharpness": 90}  # fmt: skip
KIND = {"open": "gate", "forced": "gate", "access_granted": "gate", "object_present": "camera", "level": "water",
        "people_in": "gate", "object_count": "camera", "distance": "water", "level_high": "water"}  # fmt: skip
SENSORS = 3
PLAN = Plan({("s", f"room-{number}"): Spot("z", 1, "", (200.0 * number, 0.0)) for number in range(SENSORS)})
ZONES = ["waterside", "fence", "stairs"]

Row = tuple[str, int, float, float, float, int]  # metric, sensor, event s, arrival s, value, quality


def campus() -> Catalog:
    """Return three sensors of each kind: one smoke sensor in a kitchen, one camera at water, one gauge with limits."""
    catalog = Catalog()
    catalog.metric("vendor_value")  # an undescribed metric
    for kind in ("smoke", "gate", "camera", "water"):
        for number in range(SENSORS):
            catalog.code("s", f"{kind}-{number}", kind)
    for sensor in list(catalog):
        catalog.update(replace(sensor, place=f"room-{sensor.id[-1]}"))
        if sensor.id in ("smoke-0", "camera-0", "camera-2", "water-1"):
            profile = {"smoke-0": "kitchen", "camera-0": "waterside", "camera-2": "stairs"}.get(sensor.id, "")
            changed = {"profile": profile, "period_s": 20.0, "limits": {"level": (1.0, 1.5, 2.0)}}
            catalog.update(replace(catalog[sensor.code], **changed))
    return catalog


def readings(rows: Sequence[Row]) -> TelemetryBatch:
    """Return a batch of rows; cameras report a person at odd seconds, other classes at even ones."""
    catalog = campus()
    attributes = {
        number: {"label": _label(int(row[2])), "score": 0.9, "phase": "update", "zones": ZONES, "gateway_ns": 5}
        for number, row in enumerate(rows)
        if row[0] == "object_present"
    }
    attributes |= {number: {"card": "c"} for number, row in enumerate(rows) if row[0] == "access_granted"}
    codes = [
        0 if metric == "tick" else catalog.code("s", f"{KIND.get(metric, 'smoke')}-{sensor}", "smoke")
        for metric, sensor, *_ in rows
    ]
    found = {
        "sensor": codes,
        "metric": [catalog.metric(row[0]).code for row in rows],
        "time_ns": [START_NS + round(row[2] * SECOND_NS) for row in rows],
        "arrival_ns": [START_NS + round(row[3] * SECOND_NS) for row in rows],
        "value": [row[4] for row in rows],
        "quality": [row[5] for row in rows],
    }
    return from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS}, attributes)


def _label(second: int) -> str:
    """Return a person at odd seconds; at even ones a class that changes every ten minutes."""
    return "person" if second % 2 else ("fire", "backpack", "ebike", "person")[second // 600 % 4]


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


def two_days(values: Mapping[str, float], *, noise: float = 0.0) -> list[Row]:
    """Return QUIET for 10 min, then these values: every 20 s for 1 h, then hourly for two days; noise: relative."""
    moments = [float(second) for second in (*range(0, 3600, 20), *range(3600, 172_800, 3600))]
    return [
        (metric, sensor, second, second, value * (1 + noise * (second // 20 % 7)), 0)
        for second in moments
        for metric, value in (values if second >= 600 else QUIET).items()
        for sensor in range(SENSORS)
    ]


def busy_days(*, alarming: bool) -> list[Row]:
    """Return ten days of half-hourly counts at a gate; alarming: the last afternoon has five times as many."""
    rows: list[Row] = []
    for slot in range(480):
        usual = 20 + 15 * np.sin(slot * np.pi / 24) + slot * 7 % 5
        rows.append(("people_in", 0, slot * 1800.0, slot * 1800.0, usual * 5 if alarming and slot > 470 else usual, 0))
    return rows


def watched_days(*, alarming: bool) -> list[Row]:
    """Return nine days with an object in sight every six minutes; alarming: then two hours without one."""
    rows: list[Row] = [("object_present", 1, t, t, 1, 0) for t in range(0, 777_600, 360)]
    end = 784_800 if alarming else 777_900
    return [*rows, *(("tick", 0, t, t, 1, 0) for t in range(777_600, end, 60))]


def passages(*, alarming: bool) -> list[Row]:
    """Return half an hour of passages at a gate, one grant each; alarming: a second person follows each of the last."""
    rows: list[Row] = []
    for second in range(0, 1800, 15):
        rows += [("access_granted", 0, second, second, 1, 0), ("people_in", 0, second + 1.5, second + 1.5, 1, 0)]
        if alarming and second > 900:
            rows.append(("people_in", 0, second + 2.2, second + 2.2, 1, 0))
    return rows


def dusty_weeks(*, alarming: bool) -> list[Row]:
    """Return three weeks of hourly smoke densities: clean for a week, then with or without dust."""
    hours = range(24 * 21)
    rise = [0.001 * max(0, hour / 24 - 7) if alarming else 0.0 for hour in hours]
    return [
        ("smoke_density", sensor, hour * 3600.0, hour * 3600.0, 0.01 + rise[hour], 0)
        for hour in hours
        for sensor in range(SENSORS)
    ]


def cards(*, alarming: bool) -> list[Row]:
    """Return two grants of one card at gates 200 m apart; alarming: within ten seconds."""
    second = 30.0 if alarming else 20.0 + 600
    return [("access_granted", 0, 20.0, 20.0, 1, 0), ("access_granted", 1, second, second, 1, 0)]


COURSES = {"zero_drift": dusty_weeks, "unusual_count": busy_days, "tailgating": passages, "quiet_camera": watched_days,
           "card_use": cards}  # fmt: skip
"""Rule type -> its own history, for types that need more than two days of equal readings."""


def joined(parts: Sequence[DetectionBatch]) -> list[tuple[object, ...]]:
    """Return all detections as comparable rows."""
    names = list(DetectionBatch.__slots__)
    return [tuple(str(getattr(part, name)[i]) for name in names) for part in parts for i in range(len(part))]


def plan_of(name: str) -> Plan:
    """Return the plan for rules of distances; for all others an empty one: their places are not related."""
    return PLAN if name in ("card_use", "card_in_two_places") else Plan()


def make(name: str) -> DetectorSet:
    """Return a new detector of a recipe, or of the rule with that name."""
    rules = tuple(rule for rule in DEFAULT.rules if rule.name == name)
    return build(RECIPES.get(name) or Recipe(name, rules), campus(), Calendar(), plan=plan_of(name))


thorough = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])

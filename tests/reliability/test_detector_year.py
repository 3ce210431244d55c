"""Memory of the detectors over a simulated year at a compressed rate, with many series."""

from __future__ import annotations

import gc
import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from detectors import Calendar, build, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, TelemetryBatch, from_columns

START_NS, SECOND_NS, DAY_S = 1_790_000_000_000_000_000, 1_000_000_000, 86_400
WEEKS, SETTLED = 52, 13
"""Weeks of the year, and those after which every series is learned and every ring is full."""
STEP_S = 3 * 3600
METRICS = {
    "smoke": ("smoke_density", "temperature", "battery_voltage"),
    "env": ("temperature", "humidity", "co2"),
    "water": ("level", "depth", "flow", "pressure"),
    "gate": ("open", "people_in", "access_granted"),
    "device": ("vendor_a", "vendor_b", "vendor_c"),
    "camera": ("object_count", "sharpness", "scene_change"),
}
"""Kind of a sensor -> metrics that it sends."""
SENSORS = 8
"""Sensors of each kind."""
GROWTH_MAX, GROWTH_MAX_MB = 1.1, 48
"""Growth of the snapshot and of the process after the settled part; the second is above the allocator's noise."""


def campus() -> tuple[Catalog, list[tuple[int, int]]]:
    """Return a catalogue, and the codes of sensor and metric of each series."""
    catalog, series = Catalog(), []
    for kind, metrics in METRICS.items():
        for number in range(SENSORS):
            code = catalog.code("s", f"{kind}-{number}", kind)
            catalog.update(replace(catalog[code], place=f"{kind}-{number // 4}", period_s=float(STEP_S)))
            series += [(code, catalog.metric(metric).code) for metric in metrics]
    return catalog, series


def week(number: int, series: list[tuple[int, int]], random: np.random.Generator) -> TelemetryBatch:
    """Return the readings of a week: daily courses, spikes and pauses; hourly clock readings."""
    steps = np.arange(7 * DAY_S // STEP_S) * STEP_S + number * 7 * DAY_S
    times = np.repeat(steps, len(series)) + np.tile(np.arange(len(series)) / len(series) * 60, len(steps))
    sensors, metrics = (np.tile([one[at] for one in series], len(steps)) for at in (0, 1))
    daily = np.sin(times * 2 * np.pi / DAY_S)
    value = (20 + 5 * daily + random.normal(0, 0.5, len(times))) / (1 + metrics % 7)
    value[random.random(len(times)) < 0.002] *= 40
    value[metrics == METRIC_BY_NAME["open"].code] = random.random() < 0.1
    kept = random.random(len(times)) > 0.02
    clock = np.arange(0, 7 * DAY_S, 3600) + number * 7 * DAY_S
    columns: dict[str, Any] = {
        "sensor": np.concatenate([sensors[kept], np.zeros(len(clock))]),
        "metric": np.concatenate([metrics[kept], np.full(len(clock), METRIC_BY_NAME["tick"].code)]),
        "value": np.concatenate([value[kept].round(3), np.ones(len(clock))]),
    }
    time_ns = START_NS + (np.concatenate([times[kept], clock]) * SECOND_NS).astype(np.int64)
    columns |= {"time_ns": time_ns, "arrival_ns": time_ns, "quality": np.zeros(len(time_ns))}
    order = np.argsort(time_ns, kind="stable")
    return from_columns({name: columns[name].astype(dtype)[order] for name, dtype in COLUMNS})


def resident_mb() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[1])
    return pages * resource.getpagesize() / 1e6


def sizes() -> Iterator[tuple[int, float]]:
    """Yield size of the snapshot and resident memory after each week."""
    catalog, series = campus()
    detectors, random = build(load_recipe(), catalog, Calendar()), np.random.default_rng(11)
    for number in range(WEEKS):
        detectors.update(week(number, series, random))
        gc.collect()
        yield len(detectors.snapshot()), resident_mb()


def test_a_year_of_readings_leaves_snapshot_and_process_as_large_as_a_quarter() -> None:
    """The whole recipe over 152 series: after a quarter neither the state nor the process grows."""
    found = list(sizes())
    settled, end = found[SETTLED], found[-1]
    measured = f"snapshot {settled[0]:,} to {end[0]:,} bytes; process {settled[1]:.0f} to {end[1]:.0f} MB"
    assert end[0] <= settled[0] * GROWTH_MAX, measured
    assert end[1] <= settled[1] + GROWTH_MAX_MB, measured

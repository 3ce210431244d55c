"""Sensor health of rooms on simulated school days: false findings, and found spikes, noise and drift.

Prints false findings per 1,000 sensor-days of rooms without faults, and the share of faults found. Rooms have the
weather, the timetable and the noise of the simulated school; a third of them gets one fault after 30 days: a spike a
day, tenfold noise, or CO2 that drifts by 10 ppm a day.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alerts import read_registry
from detectors import Calendar, Phase, Recipe, build, load_recipe
from ingest import COLUMNS, Catalog, TelemetryBatch, from_columns
from simulators import World, build_campus, campus_toml, load_scenario, plan

RULES = ("room_temperature_fault", "room_humidity_fault", "temperature_drift", "humidity_drift", "co2_drift")
METRICS = ("temperature", "humidity", "co2")
SPIKE = {"temperature": 6.0, "humidity": 20.0}
NOISE = {"temperature": 2.0, "humidity": 8.0}
DAY_MS, DAYS, FAULT_DAY, PERIOD_MS, MS_NS = 86_400_000, 60, 30, 300_000, 1_000_000
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fault:
    """Fault of one room. rule: the one that must find it."""

    rule: str
    metric: str
    kind: str


FAULTS = (
    Fault("room_temperature_fault", "temperature", "spikes"),
    Fault("room_humidity_fault", "humidity", "spikes"),
    Fault("room_temperature_fault", "temperature", "noise"),
    Fault("room_humidity_fault", "humidity", "noise"),
    Fault("co2_drift", "co2", "drift"),
)


def school(seed: int) -> World:
    """Return a quiet term of the rooms alone, with a reading every five minutes."""
    campus = build_campus(seed=seed)
    rooms = tuple(replace(one, period_s=PERIOD_MS / 1000) for one in campus.drawn if one.model == "room")
    scenario = replace(load_scenario("S24"), duration_s=DAYS * DAY_MS / 1000)
    return plan(scenario, replace(campus, drawn=rooms))


def days(
    world: World, faults: dict[int, Fault], seed: int
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.int64], Values]]:
    """Yield metric, devices, times (ms) and values of each day, with the faults of these devices."""
    draw, begin = np.random.default_rng(seed), world.span_ms[0]
    for day in range(DAYS):
        span = begin + day * DAY_MS, begin + (day + 1) * DAY_MS
        for part in world.frames(span):
            for metric in set(METRICS) & set(part.metrics):
                values = part.values[:, part.metrics.index(metric)].copy()
                for device, fault in faults.items() if day >= FAULT_DAY else ():
                    rows = np.flatnonzero(part.device == device)
                    if fault.metric == metric and len(rows):
                        values[rows] = _faulty(fault, values[rows], day - FAULT_DAY, draw)
                yield metric, part.device.astype(np.int64), part.time_ms, values


def _faulty(fault: Fault, values: Values, since_days: int, draw: np.random.Generator) -> Values:
    if fault.kind == "spikes":
        values[draw.integers(len(values))] += SPIKE[fault.metric] * draw.choice([-1.0, 1.0])
        return values
    if fault.kind == "noise":
        return values + draw.normal(0, NOISE[fault.metric], len(values))
    return values + 10.0 * since_days


def measure(seed: int) -> dict[str, tuple[int, float, int, int]]:
    """Return for each rule: false findings, sensor-days without fault, faults found, faults."""
    world = school(seed)
    registry = read_registry(tomllib.loads(campus_toml(world.campus)))
    catalog, devices = Catalog(registry.sensors), world.fleet.devices
    codes = np.array([catalog.code(one.site, one.id, one.kind) for one in devices], np.int64)
    faults = {number: FAULTS[number // 3 % len(FAULTS)] for number in range(0, len(devices), 3)}
    rules = tuple(rule for rule in load_recipe().rules if rule.name in RULES)
    detector = build(Recipe("rooms", rules), catalog, Calendar(), plan=registry.plan())
    found: list[tuple[str, int]] = []
    for metric, device, times, values in days(world, faults, seed):
        batch = detector.update(_batch(catalog, metric, codes[device], times, values))
        raised = batch.phase == Phase.RAISE
        found += zip([str(rule) for rule in np.asarray(batch.rule)[raised]], batch.sensor[raised].tolist(), strict=True)
    by_code = {int(codes[number]): fault for number, fault in faults.items()}
    result = {}
    for rule in rules:
        own = [code for name, code in found if name == rule.name]
        wanted = {code for code, fault in by_code.items() if fault.rule == rule.name}
        false = sum(code not in by_code or by_code[code].metric not in rule.reads for code in own)
        result[rule.name] = false, float(DAYS * (len(devices) - len(wanted))), len(wanted & set(own)), len(wanted)
    return result


def _batch(
    catalog: Catalog, metric: str, sensor: NDArray[np.int64], times: NDArray[np.int64], values: Values
) -> TelemetryBatch:
    order = np.argsort(times, kind="stable")
    columns = {"sensor": sensor[order], "metric": np.full(len(order), catalog.metric(metric).code),
            "time_ns": times[order] * MS_NS, "arrival_ns": times[order] * MS_NS, "value": values[order],
            "quality": np.zeros(len(order))}  # fmt: skip
    return from_columns({name: np.asarray(columns[name], dtype) for name, dtype in COLUMNS})


if __name__ == "__main__":
    seeds = [int(seed) for seed in sys.argv[1:]] or [1]
    runs = [measure(seed) for seed in seeds]
    for rule in runs[0]:
        false, sensor_days, hits, of = (sum(run[rule][at] for run in runs) for at in range(4))
        share = f"{1000 * false / sensor_days:.2f} false findings per 1,000 sensor-days of {sensor_days:.0f}"
        sys.stdout.write(f"{rule}: {share}; {hits} of {of} faults found\n")

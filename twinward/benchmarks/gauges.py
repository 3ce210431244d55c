"""Simulated rivers with labelled gauge faults: spike, stuck value, step, noise, drop to zero.

Rain events pass three equal reservoirs; a daily ripple, noise and the resolution of the gauge are added. The rule's
factors were chosen on other seeds, below 200. Baseline: a change beyond 8 median absolute changes of the last
200 readings. A fault is found by a detection of a sensor fault within it or four readings later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import Row, detections

SEEDS, DAYS, STEPS_S, START_S = range(200, 212), 90, (3_600.0, 900.0), 1_790_000_000.0
FAULTS, KINDS, WEEK_S = 7, ("spike", "stuck", "step", "noise", "zero"), 604_800.0
PATIENCE, BEFORE, FACTOR, PAST = 4, 12, 8.0, 200
GROUP = "river gauge faults"
GOALS = (
    Goal(f"{GROUP}, recall (simulated)", "%", 94, 96, 98, group=GROUP),
    Goal(f"{GROUP}, false per sensor-week (simulated)", "", 0.3, 0.1, 0.05, larger=False, group=GROUP),
)
HAZARDS = ("sensor_fault", "sensor_stuck")
Values = NDArray[np.float64]


class Gauge(NamedTuple):
    """Levels of one gauge every step_s, and its faults: first reading and the one after the last."""

    name: str
    step_s: float
    levels: Values
    faults: list[tuple[int, int]]


def measure() -> Iterator[Measured | Drawing]:
    """Yield recall and false findings of faults, and those of the baseline."""
    gauges = [with_faults(seed, step_s) for seed in SEEDS for step_s in STEPS_S]
    found = detections(
        Row(one.name, "water", "level", START_S + place * one.step_s, float(level))
        for one in gauges
        for place, level in enumerate(one.levels)
    )
    ours = [
        sorted({round((at.time_s - START_S) / one.step_s) for at in found.get(one.name, ()) if at.hazard in HAZARDS})
        for one in gauges
    ]
    mine, other = _figures(gauges, ours), _figures(gauges, [changes(one.levels) for one in gauges])
    cases = FAULTS * len(gauges)
    yield Measured("simulated", GOALS[0], mine[0], other[0], cases, binomial_error(mine[0], cases))
    yield Measured("simulated", GOALS[1], mine[1], other[1], cases)
    yield picked(
        "river-gauges",
        "Simulated river gauges with faults",
        [_example(one, places) for one, places in zip(gauges, ours, strict=True)],
    )


def _example(one: Gauge, places: list[int]) -> Example:
    def at_s(place: float) -> float:
        return START_S + place * one.step_s

    points = [(at_s(place), float(level)) for place, level in enumerate(one.levels)]
    windows = [(at_s(begin), at_s(end)) for begin, end in one.faults]
    return Example(one.name, "m", points, windows, [at_s(at) for at in places], grace_s=BEFORE * one.step_s)


def with_faults(seed: int, step_s: float) -> Gauge:
    """Return a gauge of a river with FAULTS faults after a quarter of the time."""
    draw = np.random.default_rng([seed, int(step_s)])
    clean, resolution, noise = river(draw, int(DAYS * 86_400 / step_s), step_s / 3_600)
    levels, spread, faults = clean.copy(), max(float(np.std(clean)), 0.1), []
    begins = np.linspace(len(clean) // 4, len(clean) - 200, FAULTS + 1).astype(int)
    for low, high in pairwise(begins.tolist()):
        at, kind = int(draw.integers(low + 24, max(low + 25, high - 90))), draw.choice(KINDS)
        long, sign = int(draw.integers(24, 72)), draw.choice([-1, 1])
        end = at + {"spike": int(draw.integers(1, 4)), "zero": long // 3}.get(kind, long)
        changed = {
            "spike": clean[at:end] + sign * draw.uniform(0.8, 4) * spread,
            "stuck": np.full(end - at, clean[at]),
            "step": clean[at:end] + sign * draw.uniform(0.6, 2) * spread,
            "noise": clean[at:end] + draw.normal(0, draw.uniform(10, 30) * noise, end - at),
            "zero": np.zeros(end - at),
        }
        levels[at:end] = changed[kind]
        faults.append((at, end))
    return Gauge(f"river-{seed}-{int(step_s)}", step_s, np.round(levels / resolution) * resolution, faults)


def river(draw: np.random.Generator, size: int, hours: float) -> tuple[Values, float, float]:
    """Return levels in m every `hours`, the resolution, and the size of the noise."""
    flow, at = np.zeros(size), draw.exponential(100 / hours)
    while at < size:
        flow[int(at) : int(at + draw.uniform(2, 12) / hours) + 1] += draw.gamma(1.2)
        at += draw.exponential(draw.uniform(72, 168) / hours)
    share, base_share = 1 / (1 + draw.uniform(3, 18) / hours), hours / draw.uniform(60, 200)
    for _ in range(3):
        flow = reservoir(flow, share)
    flow = 0.15 + flow * draw.uniform(0.5, 1.5) + reservoir(0.6 * flow, base_share)
    ripple = draw.uniform(0, 0.01) * np.sin(2 * np.pi * np.arange(size) * hours / 24)
    resolution, noise = float(draw.choice([0.001, 0.005, 0.01])), float(draw.choice([0.001, 0.002, 0.004]))
    level = draw.uniform(0.3, 2) + draw.uniform(0.3, 1.2) * flow**0.6 + ripple + draw.normal(0, noise, size)
    return np.round(level / resolution) * resolution, resolution, max(noise, resolution / 3)


def reservoir(inflow: Values, share: float) -> Values:
    """Return the outflow of a reservoir that passes this share of its deviation each step."""
    outflow, state = np.empty(len(inflow)), 0.0
    for place, value in enumerate(inflow):
        state += share * (value - state)
        outflow[place] = state
    return outflow


def changes(levels: Values) -> list[int]:
    """Return the readings with a change beyond FACTOR median absolute changes of the PAST readings, once a day."""
    sizes, found = np.abs(np.diff(levels)), list[int]()
    for place in range(PAST, len(sizes)):
        usual = max(float(np.median(sizes[place - PAST : place])), 0.002)
        if sizes[place] > FACTOR * usual and (not found or place - found[-1] > PATIENCE * 2):
            found.append(place + 1)
    return found


def _figures(gauges: list[Gauge], found: list[list[int]]) -> tuple[float, float]:
    """Return recall in per cent, and false findings per sensor-week."""
    hits = false = 0
    for one, places in zip(gauges, found, strict=True):
        hits += sum(any(at <= place <= end + PATIENCE for place in places) for at, end in one.faults)
        false += sum(not any(at - 1 <= place <= end + BEFORE for at, end in one.faults) for place in places)
    weeks = sum(len(one.levels) * one.step_s for one in gauges) / WEEK_S
    return 100 * hits / (FAULTS * len(gauges)), false / weeks

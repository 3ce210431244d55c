"""Simulated nuisances and fires at smoke heads: false pages a sensor-week, and fires paged in time.

A model of our own, seeded: heads with smoke, CO, temperature and humidity see steam, sprays, e-cigarettes, cooking, hot
days, dust and drift. They report every 15 min, and every 10 s around an event. A third has a fire in its last day.
Baseline: smoke of 0.10 dB/m for 20 s in the same rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import Found, Row, detections

SEED = 23
HEADS, WEEKS, TOGETHER = 152, 4, 19
WEEK_S, DAY_S, BEAT_S, STEP_S = 604_800.0, 86_400.0, 900.0, 10.0
START_S = 1_793_700_000.0
FIRE_S = WEEKS * WEEK_S - DAY_S / 2
LIMIT_DB_M, GRACE_S = 0.15, 30.0
PLAIN_DB_M, PLAIN_S = 0.10, 20.0
METRICS = ("smoke_density", "co", "temperature", "humidity")
NOISE = (0.001, 0.3, 0.05, 0.4)
DECIMALS = (4, 1, 2, 1)
FALSE = Goal(
    "simulated nuisances: false fire pages", "a sensor-week", 0.1, 0.02, 0.005, larger=False, group="nuisances"
)
FOUND = Goal("simulated fires paged within 30 s of 0.15 dB/m", "%", 100, 100, 100, group="nuisances")

Floats = NDArray[np.float64]
Course = Callable[[Floats], tuple[Floats, Floats, Floats, Floats]]
"""Seconds since the begin -> changes of smoke, CO, temperature and humidity."""


@dataclass(frozen=True, slots=True)
class Event:
    """One nuisance or fire at a head. lasts_s: time until its air is clean."""

    begin_s: float
    lasts_s: float
    course: Course


@dataclass(frozen=True, slots=True)
class Head:
    """Readings of one head: times, values by metric. fire: begin, and last time at which a page is in time."""

    name: str
    times: Floats
    values: Floats
    fire: tuple[float, float] | None

    def rows(self) -> Iterator[Row]:
        """Yield the readings in order of time."""
        for time_s, values in zip((START_S + self.times).tolist(), self.values.tolist(), strict=True):
            for metric, value in zip(METRICS, values, strict=True):
                yield Row(self.name, "smoke", metric, time_s, value)


def measure() -> Iterator[Measured | Drawing]:
    """Yield the false pages a sensor-week and the share of fires that are paged in time."""
    counts = np.zeros((2, 2))
    fires, examples = 0, list[Example]()
    for first in range(0, HEADS, TOGETHER):
        heads = [simulated(number) for number in range(first, first + TOGETHER)]
        found = detections(row for head in heads for row in head.rows())
        fires += sum(head.fire is not None for head in heads)
        examples += [_example(head, pages(found.get(head.name, ()))) for head in heads]
        counts[0] += np.sum([counted(head, pages(found.get(head.name, ()))) for head in heads], axis=0)
        counts[1] += np.sum([counted(head, plain_pages(head)) for head in heads], axis=0)
    (false, hits), (plain_false, plain_hits) = (counts / (HEADS * WEEKS, fires / 100)).tolist()
    yield Measured("nuisances", FALSE, false, plain_false, HEADS * WEEKS)
    yield Measured("nuisances", FOUND, hits, plain_hits, fires, binomial_error(hits, fires))
    yield picked("nuisances", "Smoke of simulated heads with nuisances, and fires", examples)


def _example(head: Head, times: Sequence[float]) -> Example:
    """Return the smoke of a head in the day of its fire, or else in the one around its first page."""
    middle_s = head.fire[0] if head.fire else (times[0] if times else WEEK_S)
    near = np.abs(head.times - middle_s) < DAY_S / 2
    points = list(zip((START_S + head.times[near]).tolist(), head.values[near, 0].tolist(), strict=True))
    windows = [(START_S + head.fire[0], START_S + head.fire[1])] if head.fire else []
    alarms = [START_S + at_s for at_s in times if abs(at_s - middle_s) < DAY_S / 2]
    return Example(head.name, "dB/m", points, windows, alarms, grace_s=DAY_S)


def pages(found: Sequence[Found]) -> list[float]:
    """Return the times of the pages for a fire, in s since the begin."""
    return [one.time_s - START_S for one in found if one.hazard == "fire" and one.pages]


def plain_pages(head: Head) -> list[float]:
    """Return the times at which the smoke has stayed above the plain limit for its duration, once an episode."""
    times, since, raised = [], None, False
    for time_s, value in zip(head.times.tolist(), head.values[:, 0].tolist(), strict=True):
        if value < PLAIN_DB_M:
            since, raised = None, False
            continue
        since = time_s if since is None else since
        if not raised and time_s - since >= PLAIN_S:
            raised = True
            times.append(time_s)
    return times


def counted(head: Head, times: Sequence[float]) -> tuple[int, int]:
    """Return the pages outside of the fire, and whether the fire is paged in time."""
    begin_s, end_s = head.fire or (np.inf, np.inf)
    return sum(at_s < begin_s for at_s in times), int(any(begin_s <= at_s <= end_s for at_s in times))


def simulated(number: int) -> Head:
    """Return the readings of one head over all weeks."""
    chance = np.random.default_rng((SEED, number))
    events, fire = _nuisances(chance), None
    if number % 3 == 0:
        event, limit_s = _fire(chance, flaming=number % 2 == 0)
        events, fire = [*events, event], (event.begin_s, event.begin_s + limit_s + GRACE_S)
    times = [np.arange(0, WEEKS * WEEK_S, BEAT_S) + chance.uniform(0, BEAT_S)]
    times += [event.begin_s + np.arange(-120, event.lasts_s + 60, STEP_S) + chance.uniform(0, 9) for event in events]
    moments = np.unique(np.concatenate(times).round(1))
    moments = moments[(moments >= 0) & (moments < WEEKS * WEEK_S)]
    values = _quiet(chance, moments)
    for event in events:
        inside = (moments >= event.begin_s - DAY_S / 48) & (moments <= event.begin_s + event.lasts_s + DAY_S / 48)
        values[inside] += np.array(event.course(moments[inside] - event.begin_s)).T
    values += np.array(NOISE) * chance.standard_normal(values.shape)
    values = np.clip(values, (0, 0, -40, 1), (19, 9_000, 900, 99))
    rounded = np.column_stack([column.round(places) for column, places in zip(values.T, DECIMALS, strict=True)])
    return Head(f"head-{number}", moments, rounded, fire)


def _quiet(chance: np.random.Generator, times: Floats) -> Floats:
    """Return the air without events: dust, drift of CO, seasons, hot days with sun on the head."""
    day = 2 * np.pi * times / DAY_S
    dust = chance.uniform(0.003, 0.012) + chance.uniform(0, 0.001) * times / DAY_S
    gas = chance.uniform(0.5, 2) + chance.uniform(-0.5, 2) * times / (WEEKS * WEEK_S) + 0.5 * np.sin(day * 7 + 1)
    swing, sun = chance.uniform(2, 9), chance.uniform(0, 6)
    warm = 23 + swing * np.sin(day) + sun * np.clip(np.sin(day - 1) * 12 - 10, 0, 1)
    damp = 55 - 1.5 * swing * np.sin(day) + 4 * np.sin(day / 3)
    return np.column_stack((dust, np.clip(gas, 0, None), warm, damp))


def _nuisances(chance: np.random.Generator) -> list[Event]:
    """Return the nuisances of a head in order of time, two hours apart at least."""
    makers = (_steam, _spray, _puffs, _cooking)
    free = np.arange(DAY_S, FIRE_S - DAY_S / 4, 7_200.0)
    begins = np.sort(chance.choice(free, size=10 * WEEKS, replace=False))
    return [makers[int(chance.integers(len(makers)))](chance, float(begin)) for begin in begins]


def _cloud(since_s: Floats, rise_s: float, lasts_s: float, decay_s: float) -> Floats:
    up = 1 - np.exp(-np.clip(since_s, 0, lasts_s) / rise_s)
    cloud: Floats = up * np.exp(-np.clip(since_s - lasts_s, 0, None) / decay_s)
    return cloud


def _steam(chance: np.random.Generator, begin_s: float) -> Event:
    peak, damp, warm = chance.uniform(0.05, 0.4), chance.uniform(10, 30), chance.uniform(0, 1.5)
    rise_s, lasts_s, decay_s = chance.uniform(10, 60), chance.uniform(60, 600), chance.uniform(40, 180)

    def course(since_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        cloud = _cloud(since_s, rise_s, lasts_s, decay_s)
        slow = _cloud(since_s, 200, lasts_s, 600)
        return peak * cloud, 0 * cloud, warm * slow, damp * _cloud(since_s, rise_s / 2, lasts_s, 300)

    return Event(begin_s, lasts_s + 5 * decay_s, course)


def _spray(chance: np.random.Generator, begin_s: float) -> Event:
    peak, lasts_s, decay_s = chance.uniform(0.13, 0.97), chance.uniform(10, 60), chance.uniform(2, 20)
    return Event(
        begin_s, lasts_s + 5 * decay_s, lambda since_s: _smoke_only(peak * _cloud(since_s, 2, lasts_s, decay_s))
    )


def _puffs(chance: np.random.Generator, begin_s: float) -> Event:
    starts, peak = np.cumsum(chance.uniform(20, 60, 6)), chance.uniform(0.1, 0.4)
    return Event(
        begin_s,
        float(starts[-1]) + 90,
        lambda since_s: _smoke_only(peak * np.sum([_cloud(since_s - at, 1.5, 5, 12) for at in starts], axis=0)),
    )


def _smoke_only(smoke: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    return smoke, 0 * smoke, 0 * smoke, 0 * smoke


def _cooking(chance: np.random.Generator, begin_s: float) -> Event:
    peak, lasts_s, decay_s = chance.uniform(1, 6), chance.uniform(120, 480), chance.uniform(120, 240)
    gas, warm = chance.uniform(0, 1.5), chance.uniform(0, 1)

    def course(since_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        fume = peak * _cloud(since_s, 40, lasts_s, decay_s)
        flicker = fume * (0.9 + 0.1 * np.sin(since_s))
        slow = _cloud(since_s, 120, lasts_s, 400)
        return -10 * np.log10(1 - flicker / 100), gas * slow, warm * slow, 3 * fume

    return Event(begin_s, lasts_s + 5 * decay_s, course)


def _fire(chance: np.random.Generator, *, flaming: bool) -> tuple[Event, float]:
    """Return a fire and the seconds from its begin to 0.15 dB/m. It starts at 0.05 %/m and grows by e within tau."""
    tau_s = chance.uniform(20, 60) if flaming else chance.uniform(480, 900)
    top = 40.0 if flaming else 15.0
    gas = chance.uniform(15, 45) if flaming else chance.uniform(150, 400)  # ppm per dB/m
    warm, lead_s = (chance.uniform(5, 20), 0.0) if flaming else (chance.uniform(0, 2), chance.uniform(120, 360))
    limit_s = tau_s * log(100 * (1 - 10 ** (-LIMIT_DB_M / 10)) / 0.05)

    def smoke(since_s: Floats) -> Floats:
        thick = np.where(since_s > 0, np.minimum(0.05 * np.exp(np.clip(since_s, 0, 60 * tau_s) / tau_s), top), 0)
        return np.asarray(-10 * np.log10(1 - thick / 100))

    def course(since_s: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        heat = warm * np.clip(since_s / (180 if flaming else 10 * tau_s), 0, 1)
        return smoke(since_s), gas * smoke(since_s + lead_s), heat, -heat

    return Event(FIRE_S + chance.uniform(0, 3_600), limit_s + 300, course), limit_s

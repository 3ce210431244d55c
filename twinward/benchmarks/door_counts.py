"""Simulated door counts of a building: days with events among ordinary ones.

Fifteen weeks of half-hourly counts in and out, like those of an office building with a lecture hall: two daily peaks,
quiet weekends, days of different strength, over-dispersed counts, and about thirty events that fill and empty the
building. Baseline: weekday-slot median, rolling sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .counts import HAZARD, slot_days
from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import Found, Row, detections

SLOT_S, DAY_S, DAY_SLOTS, WEEKS, BUILDINGS = 1_800, 86_400, 48, 15, 12
START_S = 1_122_249_600.0
"""A Monday."""
SEED = 7
RECALL = Goal("door counts, event days found", "%", 75, 85, 92, group="door counts")
PRECISION = Goal("door counts, event days among the days found", "%", 70, 80, 88, group="door counts")
FALSE_DAYS = Goal("door counts, false days a week", "", 0.6, 0.3, 0.2, larger=False, group="door counts")
Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


class Building(NamedTuple):
    """Counts of each half hour, in and out, and the days with an event."""

    coming: Floats
    leaving: Floats
    days: frozenset[int]


def measure() -> Iterator[Measured | Drawing]:
    """Yield recall, precision and false days over all buildings."""
    buildings = [simulated(SEED + number) for number in range(BUILDINGS)]
    rows = [row for number, one in enumerate(buildings) for row in _rows(f"door-{number}", one)]
    found = detections(rows)
    ours, baseline = [], []
    for number, one in enumerate(buildings):
        flagged = {_day(item.time_s - 1) for item in found.get(f"door-{number}", ()) if item.hazard == HAZARD}
        ours.append((flagged, one.days))
        counts = [[(START_S + at * SLOT_S, x) for at, x in enumerate(way)] for way in (one.coming, one.leaving)]
        days = set[int]().union(*(slot_days(way, slot_s=SLOT_S, sum_rows=2) for way in counts))
        baseline.append(({day - int(START_S // DAY_S) for day in days}, one.days))
    events, weeks = sum(len(one.days) for one in buildings), BUILDINGS * WEEKS
    figures = [_figures(pairs, weeks) for pairs in (ours, baseline)]
    for goal, mine, other, cases in zip(
        (RECALL, PRECISION, FALSE_DAYS), *figures, (events, events, weeks), strict=True
    ):
        yield Measured("doors", goal, mine, other, cases, binomial_error(mine, cases) if goal.unit else None)
    examples = [_example(number, one, found.get(f"door-{number}", ())) for number, one in enumerate(buildings)]
    yield picked("door-counts", "Simulated door counts with event days", examples)


def _example(number: int, one: Building, found: Sequence[Found]) -> Example:
    points = [(START_S + at * SLOT_S, float(count)) for at, count in enumerate(one.coming)]
    days = sorted(one.days)
    windows = [(START_S + day * DAY_S, START_S + (day + 1) * DAY_S) for day in days]
    alarms = [item.time_s for item in found if item.hazard == HAZARD]
    return Example(f"building {number}", "in", points, windows, alarms)


def simulated(seed: int) -> Building:
    """Return the counts of one building."""
    random, slots = np.random.default_rng(seed), WEEKS * 7 * DAY_SLOTS
    hour, day = np.arange(slots) % DAY_SLOTS / 2, np.arange(slots) // DAY_SLOTS

    def peak(center_h: float, width_h: float, height: float) -> Floats:
        found: Floats = height * np.exp(-0.5 * ((hour - center_h) / width_h) ** 2)
        return found

    coming = peak(9.2, 1.2, 14) + peak(12.8, 1.0, 12) + peak(16, 3, 5) + 0.2
    leaving = peak(12, 0.8, 12) + peak(17.3, 1.3, 14) + peak(15, 3, 5) + 0.2
    week = random.uniform(0.9, 1.1, 7) * np.where(np.arange(7) >= 5, 0.12, 1.0)  # noqa: PLR2004 - Saturday
    strength = random.gamma(60, 1 / 60, WEEKS * 7) * np.tile(week, WEEKS) * random.uniform(0.6, 1.4)
    strength[random.choice(np.arange(7, WEEKS * 7), 2, replace=False)] *= 0.1  # holidays
    counts = [random.poisson(random.gamma(15, np.maximum(way * strength[day], 1e-9) / 15)) for way in (coming, leaving)]
    days = {_event(random, counts[0], counts[1], hour, day) for _ in range(random.integers(26, 32))}
    return Building(counts[0].astype(float), counts[1].astype(float), frozenset(days))


def _event(
    random: np.random.Generator,
    coming: NDArray[np.int64],
    leaving: NDArray[np.int64],
    hour: Floats,
    day: NDArray[np.int64],
) -> int:
    """Add an event to the counts: guests come around its begin and leave around its end; return its day."""
    date = int(random.integers(3, WEEKS * 7))
    begin_h = random.uniform(8, 17)
    end_h = min(begin_h + random.uniform(1, 7), 22)
    guests, on = random.lognormal(np.log(70), 0.5), day == date
    during = 0.15 * ((hour > begin_h) & (hour < end_h))
    for way, moment_h in ((coming, begin_h - 0.25), (leaving, end_h)):
        share = (np.exp(-0.5 * ((hour - moment_h) / 0.5) ** 2) + during) * on
        np.add(way, random.poisson(guests * share / share.sum()), out=way)
    return date


def _rows(sensor: str, one: Building) -> Iterator[Row]:
    for metric, way in (("people_in", one.coming), ("people_out", one.leaving)):
        for at, count in enumerate(way.tolist()):
            yield Row(sensor, "gate", metric, START_S + at * SLOT_S, count)


def _day(at_s: float) -> int:
    return int((at_s - START_S) // DAY_S)


def _figures(pairs: list[tuple[set[int], frozenset[int]]], weeks: int) -> tuple[float, float, float]:
    hits = sum(len(flagged & days) for flagged, days in pairs)
    flags, events = sum(len(flagged) for flagged, _ in pairs), sum(len(days) for _, days in pairs)
    return 100 * hits / events, 100 * hits / max(1, flags), (flags - hits) / weeks

"""FloodNet street floods: depth at a gauge.

Baseline: a line through the last 10 minutes, 20 minutes ahead.

A crossing counts if it comes 10 minutes or more after the first wet reading. It is warned of in time by a warning 10
minutes or more before it. A warning of an episode without a crossing is false.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .goals import Goal, Measured, binomial_error
from .recordings import Row, detections, first_alarm, seconds, table

INCH_M, LEAD_S, SPAN_S, AHEAD_S = 0.0254, 600.0, 600.0, 1_200.0
GOALS = {
    4: (
        Goal("flood 4 in, crossings warned 10 min ahead", "%", 89, 92, 95, group="flood 4 in"),
        Goal("flood 4 in, false warnings among warnings", "%", 50, 42, 35, larger=False, group="flood 4 in"),
    ),
    12: (
        Goal("flood 12 in, crossings warned 10 min ahead", "%", 83, 88, 92, group="flood 12 in"),
        Goal("flood 12 in, false warnings among warnings", "%", 70, 60, 50, larger=False, group="flood 12 in"),
    ),
}


class Episode(NamedTuple):
    """One flood of a gauge: seconds since its start, and depths in inches; the sensor and its start for `detect`."""

    sensor: str
    start_s: float
    times: list[float]
    depths: list[float]

    def crossing(self, inches: float) -> float | None:
        """Return the first time at or above a depth; None for never."""
        return next((at for at, depth in zip(self.times, self.depths, strict=True) if depth >= inches), None)


def measure(folder: Path) -> Iterator[Measured]:
    """Yield the share of crossings warned in time and the share of false warnings, at both depths."""
    episodes = _episodes(folder)
    found = detections(_rows(episodes))
    ours = [first_alarm(found, [one.sensor], "flood", begin_s=one.start_s) for one in episodes]  # of our own limits
    for inches, goals in GOALS.items():
        baseline = [line_warning(one, inches) for one in episodes]
        cases, *figures = _figures(episodes, inches, (ours, baseline))
        for goal, mine, other in zip(goals, *figures, strict=True):
            yield Measured("floodnet", goal, mine, other, cases, binomial_error(mine, cases))


def line_warning(episode: Episode, inches: float) -> float | None:
    """Return the first time at which a line over 10 minutes reaches the depth within 20; None for never."""
    times, depths = np.array(episode.times), np.array(episode.depths)
    for at in range(1, len(times)):
        if depths[at] >= inches:
            return float(times[at])
        near = (times > times[at] - SPAN_S) & (times <= times[at])
        if np.sum(near) > 1:
            slope, level = np.polyfit(times[near] - times[at], depths[near], 1)
            if level + slope * AHEAD_S >= inches:
                return float(times[at])
    return None


def _episodes(folder: Path) -> list[Episode]:
    """Return the episodes, each as a gauge of its own: a day of dry readings before it would be invented."""
    return [
        Episode(
            f"{row['sensor_id']}/{number}",
            seconds(row["flood_start_time"]),
            [float(at) for at in json.loads(row["flood_profile_time_secs"])],
            [float(depth) for depth in json.loads(row["flood_profile_depth_inches"])],
        )
        for number, row in enumerate(table(folder / "flood-events.csv.gz"))
    ]


def _rows(episodes: Sequence[Episode]) -> Iterator[Row]:
    for one in episodes:
        for at, depth in zip(one.times, one.depths, strict=True):
            yield Row(one.sensor, "water", "depth", one.start_s + at, depth * INCH_M)


def _figures(
    episodes: Sequence[Episode], inches: float, warnings: Sequence[Sequence[float | None]]
) -> tuple[int, *tuple[tuple[float | None, float | None], ...]]:
    """Return the number of counted crossings, and both figures in % of each list of first warnings."""
    crossings = [one.crossing(inches) for one in episodes]
    wet = [next((at for at, depth in zip(one.times, one.depths, strict=True) if depth > 0), 0.0) for one in episodes]
    counted = [at is not None and at - first >= LEAD_S for at, first in zip(crossings, wet, strict=True)]
    results = []
    for warned in warnings:
        in_time = [
            at is not None and at_warning is not None and at - at_warning >= LEAD_S
            for at, at_warning, counts in zip(crossings, warned, counted, strict=True)
            if counts
        ]
        false = [at is None for at, at_warning in zip(crossings, warned, strict=True) if at_warning is not None]
        results.append((_percent(in_time), _percent(false)))
    return (sum(counted), *results)


def _percent(these: Sequence[bool]) -> float | None:
    return 100 * sum(these) / len(these) if these else None

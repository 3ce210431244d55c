"""FloodNet street floods: depth at a gauge.

Baseline: a line through the last 10 minutes, 20 minutes ahead.

The models of street floods are fitted on one half of the sensors, by a hash of their id (`street_fit`); the figures are
of the other half. A warning for 4 inches is the first flood detection of any level, one for 12 inches that of level 2
or more: levels of `water_depth` and its forecast stand for 4, 12 and 24 inches.

A crossing counts if it comes 10 minutes or more after the first wet reading. It is warned of in time by a warning 10
minutes or more before it. A warning of an episode without a crossing is false.
"""

from __future__ import annotations

import json
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twinward.commands.detect import detect_file
from twinward.commands.recording_times import Times
from twinward.commands.side_files import SideFiles

from .drawings import Drawing, Example, picked
from .goals import Goal, Measured, binomial_error
from .recordings import SECOND_NS, Found, Row, detections, seconds, table, write_rows

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


LEVELS = {4: 1, 12: 2}
"""Limit in inches -> level of the detections that warn of it."""
COVERAGE = Goal("forecast interval, distance of its coverage from 80 %", "points", 5, 3, 1.5, larger=False)
WIDTH = Goal("forecast interval, width over that of a linear fit", "", 1, 0.9, 0.8, larger=False)
HORIZON_S, NEAR_S = 600.0, 90.0


class Episode(NamedTuple):
    """One flood of a gauge: seconds since its start, and depths in inches; the sensor and its start for `detect`."""

    sensor: str
    start_s: float
    times: list[float]
    depths: list[float]

    def crossing(self, inches: float) -> float | None:
        """Return the first time at or above a depth; None for never."""
        return next((at for at, depth in zip(self.times, self.depths, strict=True) if depth >= inches), None)

    def depth_at(self, at_s: float) -> float | None:
        """Return the first depth from a time on; None for none within NEAR_S."""
        place = int(np.searchsorted(self.times, at_s - 1))
        return self.depths[place] if place < len(self.times) and self.times[place] - at_s < NEAR_S else None


def measure(folder: Path) -> Iterator[Measured | Drawing]:
    """Yield the shares of crossings warned in time and of false warnings at both depths, and the forecast interval."""
    episodes = held_out(read_episodes(folder))
    found = detections(_rows(episodes))
    for inches, goals in GOALS.items():
        ours = [first_warning(found, one, LEVELS[inches]) for one in episodes]
        baseline = [line_warning(one, inches) for one in episodes]
        cases, *figures = _figures(episodes, inches, (ours, baseline))
        for goal, mine, other in zip(goals, *figures, strict=True):
            yield Measured("floodnet", goal, mine, other, cases, binomial_error(mine, cases))
    examples = [_example(one, first_warning(found, one, LEVELS[4])) for one in episodes]
    yield picked("floods", "Street floods; windows begin at 4 inches", examples)
    covered, width = intervals(episodes)
    if not len(covered):
        return
    share = 100 * float(covered.mean())
    error = binomial_error(share, len(covered))
    yield Measured("floodnet", COVERAGE, abs(share - 80), None, len(covered), error)
    yield Measured("floodnet", WIDTH, width / linear_width(episodes), 1.0, len(covered))


def _example(one: Episode, warning_s: float | None) -> Example:
    """Return an episode from the first reading on; a warning up to two hours ahead finds the crossing."""
    points = [(one.start_s + at, depth) for at, depth in zip(one.times, one.depths, strict=True)]
    crossing = one.crossing(4)
    windows = [] if crossing is None else [(one.start_s + crossing, one.start_s + one.times[-1])]
    alarms = [] if warning_s is None else [one.start_s + warning_s]
    return Example(one.sensor, "in", points, windows, alarms, early_s=7_200)


def held_out(episodes: Sequence[Episode], *, fit: bool = False) -> list[Episode]:
    """Return the episodes of the sensors on which nothing was fitted; fit: those of the other half."""
    return [one for one in episodes if (zlib.crc32(one.sensor.rsplit("/", 1)[0].encode()) & 1 == 1) == fit]


def first_warning(found: Mapping[str, Sequence[Found]], episode: Episode, level: int) -> float | None:
    """Return the seconds to the first flood detection of this level or more; None for none."""
    times = (one.time_s for one in found.get(episode.sensor, ()) if one.hazard == "flood" and one.level >= level)
    return min((at - episode.start_s for at in times), default=None)


def lead_times(folder: Path) -> dict[int, tuple[float, float, int]]:
    """Return median and 10th percentile of the lead times in s, and their number, by inches; of the fitted half.

    The recipe's forecast of depths has these figures (`lead_median_s`, `lead_p10_s`, `lead_count`).
    """
    episodes = held_out(read_episodes(folder), fit=True)
    found, leads = detections(_rows(episodes)), {}
    for inches, level in LEVELS.items():
        pairs = [(one.crossing(inches), first_warning(found, one, level)) for one in episodes]
        own = [max(0.0, at - (at if warned is None else warned)) for at, warned in pairs if at is not None]
        leads[inches] = float(np.median(own)), float(np.quantile(own, 0.1)), len(own)
    return leads


def intervals(episodes: Sequence[Episode]) -> tuple[NDArray[np.bool_], float]:
    """Return whether each interval of `detect --forecasts` held its value, and the mean width in m."""
    known = {one.sensor: one for one in episodes}
    covered, widths = [], []
    with tempfile.TemporaryDirectory() as folder:
        source, target, forecasts = (Path(folder, name) for name in ("in.csv", "out.csv", "forecasts.csv"))
        write_rows(source, _rows(episodes))
        detect_file(source, target, beside=SideFiles(forecasts=forecasts))
        for line in table(forecasts):
            if line["at"]:
                one, at_s = known[line["sensor"]], Times().one(line["at"]) / SECOND_NS
                depth = one.depth_at(at_s - one.start_s)
                if depth is not None:
                    low, high = float(line["low"]), float(line["high"])
                    covered.append(low - 1e-6 <= depth * INCH_M <= high + 1e-6)
                    widths.append(high - low)
    return np.array(covered, np.bool_), float(np.mean(widths)) if widths else 0.0


def linear_width(episodes: Sequence[Episode]) -> float:
    """Return the width in m of the 80 % interval of a line through 10 minutes, 10 minutes ahead: of its own errors."""
    errors = []
    for one in episodes:
        times, depths = np.array(one.times), np.array(one.depths)
        for at in range(2, len(times), 10):
            near = (times > times[at] - SPAN_S) & (times <= times[at])
            then = one.depth_at(times[at] + HORIZON_S)
            if then is not None and np.sum(near) > 1 and depths[at] > 0:
                slope, level = np.polyfit(times[near] - times[at], depths[near], 1)
                errors.append(then - max(level + slope * HORIZON_S, 0.0))
    low, high = np.quantile(errors, [0.1, 0.9])
    return float(high - low) * INCH_M


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


def read_episodes(folder: Path) -> list[Episode]:
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

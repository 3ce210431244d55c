"""Kernel of change points in a group of channels: a fast average against a slow one."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .channels import (
    FAST,
    FLAG,
    FLAGGED,
    GROUP,
    MEMBERS,
    PERIOD,
    RAISED,
    SINCE,
    SLOW,
    WARM,
    drift,
    learn,
    noise,
    passes,
    start,
    warm_up,
)
from .groups import CLEAR, RAISE, report


@njit(cache=True, nogil=True)
def _step(channel, value, settings, ints, floats, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Score a reading of a warm channel. Return its distance, the standard deviation, and whether a change begins."""
    limit, low, smooth, slow_readings, drift_readings = settings
    fast, slow = 2.0 / (smooth + 1.0), 2.0 / (slow_readings + 1.0)
    floats[channel, FAST] += fast * (value - floats[channel, FAST])
    floats[channel, SLOW] += slow * (value - floats[channel, SLOW])
    own = noise(channel, fast / (2.0 - fast) + slow / (2.0 - slow), floats)
    spread = sqrt(own + drift_readings * drift(channel, floats))
    distance = abs(floats[channel, FAST] - floats[channel, SLOW]) / spread
    begins = not ints[channel, FLAG] and distance > limit
    before = ints[channel, FLAG]
    ints[channel, FLAG] = begins or (before and distance >= low)
    groups[ints[channel, GROUP], FLAGGED] += ints[channel, FLAG] - before
    return distance, spread, begins


@njit(cache=True, nogil=True)
def update_changes(  # noqa: PLR0917 - compiled: arrays one by one
    given: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]],
    settings: tuple[float, float, float, float, float],
    counts: tuple[int, int, int, int],
    ints: NDArray[np.int64],
    floats: NDArray[np.float64],
    groups: NDArray[np.int64],
    found: NDArray[np.int64],
    facts: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> int:
    """Update the channels by their readings; write change points of their groups, and a distance for each reading.

    As `update_groups`; settings: limit, low, memory of the fast and of the slow average, readings of normal drift;
    counts: least channels, blocks before the first score, memory in blocks, readings that a detection lasts.
    """
    least, warm_blocks, memory, hold = counts
    count = 0
    for i in range(len(given[0])):
        row, channel, time, value = given[0][i], given[1][i], given[2][i], given[3][i]
        scores[i] = np.nan
        valid = passes(channel, time, ints, floats)
        if valid == 0:
            continue
        if valid > 1:
            start(channel, value, ints, floats, groups)
        distance, spread, begins = 0.0, 0.0, False
        if ints[channel, WARM]:
            distance, spread, begins = _step(channel, value, settings, ints, floats, groups)
            scores[i] = distance
            learn(channel, value, warm_blocks, memory, ints, floats)
        else:
            learn(channel, value, warm_blocks, memory, ints, floats)
            warm_up(channel, value, warm_blocks, ints, floats, groups)
        group = ints[channel, GROUP]
        if group < 0:
            continue
        if groups[group, RAISED] and time - groups[group, SINCE] >= hold * floats[channel, PERIOD]:
            count = report(row, channel, CLEAR, time, distance, spread, ints, floats, groups, found, facts, count)
        if begins and groups[group, RAISED] == 0 and groups[group, MEMBERS] >= least:
            count = report(row, channel, RAISE, time, distance, spread, ints, floats, groups, found, facts, count)
    return count

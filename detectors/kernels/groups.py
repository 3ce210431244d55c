"""Kernel of deviations in a group of channels: local-level filters with gates."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .channels import (
    AGE,
    DIRTY,
    EPOCH,
    FAST,
    FLAG,
    FLAGGED,
    GROUP,
    LASTS,
    MAJOR,
    MEMBERS,
    PEAK,
    PERIOD,
    RAISED,
    SINCE,
    SLOW,
    SPARE,
    WARM,
    drift,
    learn,
    noise,
    passes,
    start,
    warm_up,
)

RAISE, CLEAR = 0, 2
ROW, CHANNEL, PHASE, BEGIN, OTHERS, ALL, ENTRY = range(7)
"""Columns of the integer table: deciding row, channel, Phase, begin, channels that deviate, scored ones."""
BASELINE, SPREAD, DEVIATIONS, FACTS = range(4)
"""Columns of the float table: level, its standard deviation, and the value's distance in standard deviations."""
STEADY, GAIN_MAX = 0.2, 0.2
"""Variance of a settled level, relative to the noise of the compared average; highest gain of its update."""


@njit(cache=True, nogil=True)
def report(row, channel, phase, time, deviation, spread, ints, floats, groups, found, facts, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined
    """Write one raise or clear of a channel's group into the tables; open or end its detection. Return the count."""
    group = ints[channel, GROUP]
    if phase == RAISE:
        groups[group, RAISED], groups[group, SINCE] = channel + 1, time
    named = groups[group, RAISED] - 1
    found[count, ROW], found[count, CHANNEL], found[count, PHASE] = row, named, phase
    found[count, BEGIN] = groups[group, SINCE]
    found[count, OTHERS], found[count, ALL] = groups[group, FLAGGED], groups[group, MEMBERS]
    facts[count, BASELINE], facts[count, SPREAD], facts[count, DEVIATIONS] = floats[named, SLOW], spread, deviation
    if phase == CLEAR:
        groups[group, RAISED] = 0
    return count + 1


@njit(cache=True, nogil=True)
def _gate(channel, distance, settings, ints, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """Return whether the channel deviates after this distance from its level; begin, follow or end the deviation."""
    limit, low, recovered, steady, share = settings
    if not ints[channel, FLAG]:
        ints[channel, LASTS], floats[channel, PEAK] = 0, distance
        return distance > limit
    ints[channel, LASTS] += 1
    floats[channel, PEAK] = max(floats[channel, PEAK], distance)
    if distance < low:
        return False
    if distance < recovered * floats[channel, PEAK]:
        floats[channel, SLOW], floats[channel, SPARE] = floats[channel, FAST], steady + share * limit * limit
        return False
    return True


@njit(cache=True, nogil=True)
def _follow(channel, slow_readings, growth, steady, ints, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Move the level of a channel that does not deviate; let the variance of a deviating one grow by its drift."""
    if ints[channel, FLAG]:
        floats[channel, SPARE] += growth
        ints[channel, DIRTY] = 1
        return
    gain = 1.0 / slow_readings
    if floats[channel, SPARE] > steady:
        gain = min(GAIN_MAX, gain * floats[channel, SPARE] / steady)
    floats[channel, SLOW] += gain * (floats[channel, FAST] - floats[channel, SLOW])
    floats[channel, SPARE] += gain * (steady - floats[channel, SPARE])


@njit(cache=True, nogil=True)
def _step(channel, value, settings, ints, floats, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Score a reading of a warm channel. Return its distance in standard deviations, and the standard deviation."""
    limit, low, smooth, slow_readings, drift_readings, growth, recovered, relearn = settings
    rate = 2.0 / (smooth + 1.0)
    own, walk = noise(channel, rate / (2.0 - rate), floats), drift(channel, floats)
    steady = walk * drift_readings + STEADY * own
    if floats[channel, SPARE] == 0.0:
        floats[channel, SPARE] = steady
    floats[channel, FAST] += rate * (value - floats[channel, FAST])
    spread = sqrt(own + floats[channel, SPARE])
    distance = abs(floats[channel, FAST] - floats[channel, SLOW]) / spread
    before = ints[channel, FLAG]
    ints[channel, FLAG] = _gate(channel, distance, (limit, low, recovered, steady, own), ints, floats)
    groups[ints[channel, GROUP], FLAGGED] += ints[channel, FLAG] - before
    _follow(channel, slow_readings, growth * walk, steady, ints, floats)
    if ints[channel, LASTS] > relearn:
        start(channel, value, ints, floats, groups)
    return distance, spread


@njit(cache=True, nogil=True)
def _regime(channel, time, regime, least, ints, floats, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Begin a new epoch of the group once most of its channels have deviated for `regime` readings."""
    group = ints[channel, GROUP]
    if groups[group, MEMBERS] < least or 2 * groups[group, FLAGGED] <= groups[group, MEMBERS]:
        groups[group, MAJOR] = 0
    elif groups[group, MAJOR] == 0:
        groups[group, MAJOR] = time
    elif time - groups[group, MAJOR] > regime * floats[channel, PERIOD]:
        groups[group, AGE] += 1
        groups[group, MAJOR] = 0


@njit(cache=True, nogil=True)
def update_groups(  # noqa: PLR0917 - compiled: arrays one by one
    given: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.float64]],
    settings: tuple[float, float, float, float, float, float, float, float],
    counts: tuple[int, int, int, int],
    ints: NDArray[np.int64],
    floats: NDArray[np.float64],
    groups: NDArray[np.int64],
    found: NDArray[np.int64],
    facts: NDArray[np.float64],
    scores: NDArray[np.float64],
) -> int:
    """Update the channels by their readings; write raises and clears of their groups, and a distance for each reading.

    given: rows, channels, times, values. settings: limit, low, smoothing, memory of the level, readings of normal
    drift, its growth, share of recovery, readings until a deviating channel is learned anew. counts: least channels of
    a group, blocks before the first score, memory in blocks, readings until a new regime. found, facts: two entries
    for each reading. Returns the number of entries.
    """
    least, warm_blocks, memory, regime = counts
    count = 0
    for i in range(len(given[0])):
        row, channel, time, value = given[0][i], given[1][i], given[2][i], given[3][i]
        scores[i] = np.nan
        valid = passes(channel, time, ints, floats)
        if valid == 0:
            continue
        group = ints[channel, GROUP]
        if valid > 1 or (group >= 0 and ints[channel, EPOCH] != groups[group, AGE]):
            start(channel, value, ints, floats, groups)
        distance, spread = 0.0, 0.0
        if ints[channel, WARM]:
            distance, spread = _step(channel, value, settings, ints, floats, groups)
            scores[i] = distance
            _regime(channel, time, regime, least, ints, floats, groups)
            learn(channel, value, warm_blocks, memory, ints, floats)
        else:
            learn(channel, value, warm_blocks, memory, ints, floats)
            warm_up(channel, value, warm_blocks, ints, floats, groups)
            if ints[channel, WARM] and ints[channel, FLAG]:
                ints[channel, FLAG] = 0
                groups[ints[channel, GROUP], FLAGGED] -= 1
        group = ints[channel, GROUP]
        if group < 0:
            continue
        if groups[group, RAISED] and groups[group, FLAGGED] == 0:
            count = report(row, channel, CLEAR, time, distance, spread, ints, floats, groups, found, facts, count)
        elif groups[group, RAISED] == 0 and ints[channel, FLAG] and groups[group, MEMBERS] >= least:
            count = report(row, channel, RAISE, time, distance, spread, ints, floats, groups, found, facts, count)
    return count

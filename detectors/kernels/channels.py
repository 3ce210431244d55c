"""Kernel state of a continuous channel: learned noise and drift of its block means.

The value is a level plus noise; the level walks. With D(k) the mean squared difference of block means k blocks apart,
D(k) = noise + k x drift. D(1) and D(LAG) give both.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .emission import NONE

BLOCK, LAG = 5, 4
"""Readings of a block, and blocks of the longer difference."""
JUMP, JUMP_BLOCKS = 100.0, 8
"""Multiple of the mean squared difference that ends the first learning, after this number of blocks."""
CLIP = 9.0
"""A squared difference counts at most this multiple of its mean."""
CHANNELS, MEMBERS, FLAGGED, RAISED, SINCE, MAJOR, AGE, GROUP_WIDTH = range(8)
"""Integer columns of a group: channels seen, scored ones, deviating ones, 1 + the channel of the open detection, its
begin, begin of the deviation of most channels, and epoch."""
FLOOR = 1e-12
"""Smallest noise variance, relative to the squared level: below the resolution of a double."""
TURNS_MIN = 0.05
"""Least share of rises, and of falls, among the readings of a continuous channel that is no counter."""
GAP_PERIODS, ODD_MAX = 1_000, 64
"""Pause in periods, and intervals in a row of half or twice the period, after which a channel is learned anew."""
TINY = 1e-6

LAST, SEEN, UPS, DOWNS, ODD, PARTS, BLOCKS, DIRTY, WARM, FLAG, LASTS, OWN, DEVICE, GROUP, EPOCH, WIDTH = range(16)
"""Integer columns: newest time, readings since the start of learning, rises, falls, odd intervals, readings of the
present block, blocks, whether the block has a deviation, whether the channel is scored, whether it deviates, readings
of the deviation; groups of its sensor and of its device, the one it belongs to (-1 before it is scored), its epoch."""
PERIOD, VALUE, SUM, NEAR, FAR, MIDDLE, FAST, SLOW, SPARE, PEAK, HISTORY = range(11)
COLUMNS = HISTORY + LAG
"""Float columns: period in ns, last value, sum of the block, D(1), D(LAG), sum of the later half of the first blocks,
smoothed value, level, variance of the level, largest deviation, and the last LAG block means."""


@njit(cache=True, nogil=True)
def start(channel, value, ints, floats, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Begin learning a channel with a value. Its period, its group and an open deviation stay."""
    group = ints[channel, GROUP]
    if ints[channel, WARM]:
        groups[group, MEMBERS] -= 1
    if group >= 0:
        ints[channel, EPOCH] = groups[group, AGE]
    ints[channel, SEEN : WARM + 1] = 0
    period = floats[channel, PERIOD]
    floats[channel, :] = 0.0
    floats[channel, PERIOD], floats[channel, VALUE] = period, value


@njit(cache=True, nogil=True)
def passes(channel, time, ints, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Take the time of a reading. Return 0 for one out of order, 2 if the channel must be learned anew, else 1."""
    last = ints[channel, LAST]
    if last != NONE and time <= last:
        return 0
    ints[channel, LAST] = time
    if last == NONE:
        return 2
    past, period = float(time - last), floats[channel, PERIOD]
    if period == 0.0:
        floats[channel, PERIOD] = past
        return 1
    if past > GAP_PERIODS * period:
        return 2
    odd = past < 0.5 * period or past > 2 * period
    ints[channel, ODD] = ints[channel, ODD] + 1 if odd else 0
    if ints[channel, ODD] > ODD_MAX:
        floats[channel, PERIOD] = past
        return 2
    floats[channel, PERIOD] += (min(past, 2 * period) - period) / 32
    return 1


@njit(cache=True, nogil=True)
def learn(channel, value, warm_blocks, memory, ints, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined
    """Take a value into its block; at the end of a block without a deviation update noise and drift."""
    before = floats[channel, VALUE]
    ints[channel, SEEN] += 1
    ints[channel, UPS] += value > before
    ints[channel, DOWNS] += value < before
    floats[channel, VALUE] = value
    floats[channel, SUM] += value
    ints[channel, PARTS] += 1
    if ints[channel, PARTS] == BLOCK:
        _close_block(channel, warm_blocks, memory, ints, floats)


@njit(cache=True, nogil=True)
def warm_up(channel, value, warm_blocks, ints, floats, groups):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined
    """Begin to score a channel that has its first blocks; learn it once more if it is not continuous."""
    if ints[channel, BLOCKS] < warm_blocks:
        return
    if not continuous(channel, ints):
        start(channel, value, ints, floats, groups)
        return
    if ints[channel, GROUP] < 0:
        own = ints[channel, OWN]
        ints[channel, GROUP] = own if groups[own, CHANNELS] > 1 else ints[channel, DEVICE]
        ints[channel, EPOCH] = groups[ints[channel, GROUP], AGE]
    ints[channel, WARM] = 1
    groups[ints[channel, GROUP], MEMBERS] += 1


@njit(cache=True, nogil=True)
def _close_block(channel, warm_blocks, memory, ints, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    mean, blocks = floats[channel, SUM] / BLOCK, ints[channel, BLOCKS]
    near = (mean - floats[channel, HISTORY + LAG - 1]) ** 2
    far = (mean - floats[channel, HISTORY]) ** 2
    if blocks < warm_blocks:
        if blocks >= JUMP_BLOCKS and near > JUMP * floats[channel, NEAR] > 0.0:  # another regime: begin anew
            ints[channel, SEEN : BLOCKS + 1] = 0
            floats[channel, SUM : MIDDLE + 1] = 0.0
            return
        if blocks >= 1:
            floats[channel, NEAR] += (near - floats[channel, NEAR]) / blocks
        if blocks >= LAG:
            floats[channel, FAR] += (far - floats[channel, FAR]) / (blocks - LAG + 1)
        if 2 * blocks >= warm_blocks:
            floats[channel, MIDDLE] += mean
        if blocks == warm_blocks - 1:
            floats[channel, SLOW] = floats[channel, MIDDLE] / (warm_blocks - (warm_blocks + 1) // 2)
    elif not ints[channel, DIRTY]:
        floor = FLOOR * (TINY + abs(floats[channel, SLOW])) ** 2
        floats[channel, NEAR] += (min(near, CLIP * floats[channel, NEAR] + floor) - floats[channel, NEAR]) / memory
        floats[channel, FAR] += (min(far, CLIP * floats[channel, FAR] + floor) - floats[channel, FAR]) / memory
    for place in range(HISTORY, HISTORY + LAG - 1):
        floats[channel, place] = floats[channel, place + 1]
    floats[channel, HISTORY + LAG - 1] = mean
    if blocks == warm_blocks - 1:
        floats[channel, FAST] = floats[channel, HISTORY : HISTORY + LAG].mean()
    floats[channel, SUM] = 0.0
    ints[channel, PARTS] = ints[channel, DIRTY] = 0
    ints[channel, BLOCKS] = min(blocks + 1, warm_blocks + 1)


@njit(cache=True, nogil=True)
def noise(channel, share, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Return the variance of the noise of an average that has this share of a reading's."""
    floor = FLOOR * (TINY + abs(floats[channel, SLOW])) ** 2
    return max(0.5 * floats[channel, NEAR] * BLOCK * share, floor)


@njit(cache=True, nogil=True)
def drift(channel, floats):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Return the variance that the level gains with each reading."""
    return max(floats[channel, FAR] - floats[channel, NEAR], 0.0) / ((LAG - 1) * BLOCK)


@njit(cache=True, nogil=True)
def continuous(channel, ints):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined
    """Return whether enough readings rise, and enough fall: no constant, no counter, no state."""
    least = TURNS_MIN * ints[channel, SEEN]
    return ints[channel, UPS] >= least and ints[channel, DOWNS] >= least


FRESH = np.zeros(WIDTH, np.int64)
"""Integers of a new channel."""
FRESH[LAST], FRESH[GROUP] = NONE, -1

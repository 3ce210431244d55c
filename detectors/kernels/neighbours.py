"""Kernel of a sensor's slow offset against the median of its neighbours."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import LIVE, NONE, TIMELINES

MATES = 12
"""Neighbours of a sensor that are compared, those with the earliest first readings."""
YOUNG = 50
"""Readings over which the offset is the mean of all so far."""


BEGIN, LAST, COMPARED, COUNT, INTS = range(5)
"""Integers of a state: times of the first and the newest reading and of the first offset; offsets, up to YOUNG."""
MEAN, ANCHOR, OFFSET, SETTLED, FLOATS = range(5)
"""Floats of a state: mean, mean of the settling time, offset from the neighbours, offset that is normal."""


@njit(cache=True, nogil=True)
def _median(slot, time, fresh_ns, settle_ns, mates, ints, floats, near):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Return the median distance of the settled, fresh neighbours from their anchors, and their number."""
    count = 0
    for k in range(MATES):
        mate = mates[slot, k]
        if mate < 0:
            break
        state = mate * TIMELINES + LIVE
        begin, last = ints[state, BEGIN], ints[state, LAST]
        if last == NONE or time - last > fresh_ns or last - begin < settle_ns:
            continue
        away = floats[state, MEAN] - floats[state, ANCHOR]
        at = count
        while at > 0 and near[at - 1] > away:
            near[at] = near[at - 1]
            at -= 1
        near[at] = away
        count += 1
    if count == 0:
        return np.nan, 0
    return (near[(count - 1) // 2] + near[count // 2]) / 2, count


@njit(cache=True, nogil=True)
def _follow(time, value, smooth_s, settle_s, i, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Add a reading to mean and anchor; return the seconds since the last one. A long pause resets both."""
    seconds = 0.0 if i[LAST] == NONE else (time - i[LAST]) / 1e9
    if i[LAST] == NONE or seconds > settle_s:
        i[BEGIN], i[COMPARED], i[COUNT] = time, NONE, 0
        f[MEAN] = f[ANCHOR] = value
        seconds = 0.0
    since_s = (time - i[BEGIN]) / 1e9
    f[MEAN] += (1.0 - np.exp(-seconds / smooth_s)) * (value - f[MEAN])
    if 0 < since_s < settle_s:
        f[ANCHOR] += seconds / since_s * (value - f[ANCHOR])
    i[LAST] = time
    return seconds


@njit(cache=True, nogil=True)
def neighbour_offset(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    settings: tuple[float, float, float, float, float, int],
    mates: NDArray[np.int32],
    ints: NDArray[np.int64],
    floats: NDArray[np.float64],
    x: NDArray[np.float64],
    base: NDArray[np.float64],
) -> None:
    """Fill x with the change of the offset from the normal one, and base with the value expected from the neighbours.

    Both are NaN while it settles, with fewer settled neighbours than needed, and for late, test and out-of-order rows.
    settings: smoothing of values and of offsets, settling and forgetting in s, greatest deviation, neighbours at least.
    mates: slots of the neighbours of each slot, -1 behind the last. ints, floats: of each state.
    """
    smooth_s, slow_s, settle_s, forget_s, bound, least = settings
    near, fresh_ns, settle_ns = np.empty(MATES), np.int64(4 * smooth_s * 1e9), np.int64(settle_s * 1e9)
    for k in range(len(states)):
        state, time = states[k], times[k]
        x[k] = base[k] = np.nan
        if older[k] or state % TIMELINES != LIVE:
            continue
        i, f = ints[state], floats[state]
        seconds = _follow(time, values[k], smooth_s, settle_s, i, f)
        if time - i[BEGIN] < settle_ns:
            continue
        middle, among = _median(state // TIMELINES, time, fresh_ns, settle_ns, mates, ints, floats, near)
        if among < least:
            continue
        away = f[MEAN] - f[ANCHOR] - middle
        if i[COMPARED] == NONE:
            i[COMPARED], f[OFFSET], f[SETTLED] = time, away, np.nan
        i[COUNT] = min(i[COUNT] + 1, YOUNG)
        weight = 1.0 - np.exp(-seconds / slow_s)
        if i[COUNT] < YOUNG:
            weight = max(weight, 1.0 / i[COUNT])
        f[OFFSET] += weight * min(max(away - f[OFFSET], -bound), bound)
        if (time - i[COMPARED]) / 1e9 < slow_s or i[COUNT] < YOUNG:
            continue
        if np.isnan(f[SETTLED]):
            f[SETTLED] = f[OFFSET]
        f[SETTLED] += (1.0 - np.exp(-seconds / forget_s)) * (f[OFFSET] - f[SETTLED])
        x[k], base[k] = abs(f[OFFSET] - f[SETTLED]), f[ANCHOR] + middle + f[SETTLED]

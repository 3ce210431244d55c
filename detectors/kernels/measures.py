"""Kernels of measures besides the value: its rise within a window, and its time without change."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE

BUCKETS = 13
"""Buckets of a window, plus the current one."""

LEAST = np.finfo(np.float64).min
"""Measure of a value that does not count."""


@njit(cache=True, nogil=True)
def rise(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    width_ns: int,
    before: NDArray[np.float64],
    stamp: NDArray[np.int64],
    highs: NDArray[np.float64],
    lows: NDArray[np.float64],
    x: NDArray[np.float64],
) -> None:
    """Fill x with the rise, the median of the last three values minus the lowest bucket of the window; lows with that.

    One wrong reading does not change a median of three. A bucket counts with its highest value: the end of a short dip
    is no rise. before: (states, 2), the two values before;
    stamp, highs: (states, BUCKETS), bucket number and its maximum; width_ns: of a bucket. NaN for
    out-of-order rows and before the third value.
    """
    for i in range(len(states)):
        state = states[i]
        x[i] = lows[i] = np.nan
        if older[i]:
            continue
        value, one, two = values[i], before[state, 0], before[state, 1]
        before[state, 0], before[state, 1] = value, one
        if np.isnan(two):
            continue
        middle = max(min(value, one), min(max(value, one), two))
        bucket = times[i] // width_ns
        place = bucket % BUCKETS
        if stamp[state, place] != bucket:
            stamp[state, place] = bucket
            highs[state, place] = middle
        highs[state, place] = max(highs[state, place], middle)
        low = middle
        for other in range(BUCKETS):
            if bucket - stamp[state, other] < BUCKETS:
                low = min(low, highs[state, other])
        x[i], lows[i] = middle - low, low


@njit(cache=True, nogil=True)
def lowest(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    span_ns: int,
    settle_ns: int,
    begin: NDArray[np.int64],
    stamp: NDArray[np.int64],
    lows: NDArray[np.float64],
    x: NDArray[np.float64],
) -> None:
    """Fill x with the lowest value of the one to two spans before each reading; -inf within settle_ns of the first.

    begin, stamp: time of the first reading and number of the span; NONE without one. lows: (states, 2), lowest of the
    span before and of the present one, inf without a reading. A pause of more than a span starts anew.
    """
    for i in range(len(states)):
        state, time = states[i], times[i]
        span = time // span_ns
        if not older[i] and span != stamp[state]:
            if stamp[state] == NONE or span > stamp[state] + 1:
                begin[state] = time
                lows[state, 1] = np.inf
            lows[state, 0], lows[state, 1] = lows[state, 1], np.inf
            stamp[state] = span
        low = min(lows[state, 0], lows[state, 1])
        x[i] = low if low < np.inf and time - begin[state] >= settle_ns else -np.inf
        if not older[i]:
            lows[state, 1] = min(lows[state, 1], values[i])


@njit(cache=True, nogil=True)
def lift(  # noqa: PLR0917 - compiled: arrays one by one
    values: NDArray[np.float64],
    low: NDArray[np.float64],
    above: float,
    low_max: float,
    unsettled: float,
    x: NDArray[np.float64],
) -> None:
    """Fill x with the values at least `above` over a lowest one of low_max at most; else far below every limit.

    A value without a lowest one counts up to `unsettled` times low_max.
    """
    for i in range(len(x)):
        lifted = values[i] - low[i] >= above and low[i] <= low_max
        if lifted and low_max < np.inf and not np.isfinite(low[i]):
            lifted = values[i] <= unsettled * low_max
        x[i] = values[i] if lifted else LEAST


@njit(cache=True, nogil=True)
def unchanged(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    tolerance: float,
    mark: NDArray[np.float64],
    since: NDArray[np.int64],
    x: NDArray[np.float64],
) -> None:
    """Fill x with the seconds within `tolerance` of `mark`; NaN for out-of-order rows."""
    for i in range(len(states)):
        state = states[i]
        if older[i]:
            x[i] = np.nan
            continue
        if since[state] == NONE or not abs(values[i] - mark[state]) <= tolerance:
            mark[state] = values[i]
            since[state] = times[i]
        x[i] = (times[i] - since[state]) / 1e9


@njit(cache=True, nogil=True)
def within_band(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    low: float,
    high: float,
    below: NDArray[np.bool_],
    since: NDArray[np.int64],
    x: NDArray[np.float64],
) -> None:
    """Fill `x` with the seconds for which the value has been in low to high, after it was below low; else 0.

    below: the last value was below low; since: begin of the present stay, NONE without one.
    """
    for i in range(len(states)):
        state, value = states[i], values[i]
        if not older[i]:
            if not low <= value <= high:
                since[state] = NONE
            elif since[state] == NONE and below[state]:
                since[state] = times[i]
            below[state] = value < low
        x[i] = 0.0 if since[state] == NONE else max(0.0, (times[i] - since[state]) / 1e9)

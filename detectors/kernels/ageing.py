"""Kernel of a slow rise of a sensor's clean value."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE

YOUNG = 50
"""Readings over which the clean value is the mean of all so far."""


@njit(cache=True, nogil=True)
def zero_rise(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    settings: tuple[float, float, float, float],
    begin: NDArray[np.int64],
    last: NDArray[np.int64],
    count: NDArray[np.int64],
    clean: NDArray[np.float64],
    lowest: NDArray[np.float64],
    x: NDArray[np.float64],
    low: NDArray[np.float64],
) -> None:
    """Fill x with the clean value above its lowest one, and low with that; NaN while it settles and for older rows.

    settings: see `ZeroDrift`: smoothing, settling and forgetting in s, greatest deviation. begin, last: times of the
    first and the last reading of each state; count: readings, up to YOUNG; clean, lowest: values.
    """
    smooth_s, settle_s, forget_s, bound = settings
    for i in range(len(states)):
        state, time = states[i], times[i]
        x[i] = low[i] = np.nan
        if older[i]:
            continue
        if begin[state] == NONE:
            begin[state] = last[state] = time
            clean[state], lowest[state] = values[i], np.inf
        seconds = max(0.0, (time - last[state]) / 1e9)
        last[state] = time
        count[state] = min(count[state] + 1, YOUNG)
        weight = 1.0 - np.exp(-seconds / smooth_s)
        if count[state] < YOUNG:
            weight = max(weight, 1.0 / count[state])
        clean[state] += weight * min(max(values[i] - clean[state], -bound), bound)
        if (time - begin[state]) / 1e9 < settle_s or count[state] < YOUNG:
            continue
        lowest[state] = min(lowest[state], clean[state])
        lowest[state] += (1.0 - np.exp(-seconds / forget_s)) * (clean[state] - lowest[state])
        x[i], low[i] = clean[state] - lowest[state], lowest[state]

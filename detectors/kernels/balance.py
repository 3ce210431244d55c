"""Kernel of the mass balance of a room's air."""

from __future__ import annotations

from math import exp

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE

HOUR_S, DAY_S = 3600.0, 86_400.0
SETTLE = 3.0


@njit(cache=True, nogil=True)
def source(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    settings: tuple[float, float, float, float, float, float],
    begin: NDArray[np.int64],
    last: NDArray[np.int64],
    smooth: NDArray[np.float64],
    slope: NDArray[np.float64],
    clean: NDArray[np.float64],
    x: NDArray[np.float64],
    base: NDArray[np.float64],
) -> None:
    """Fill x with the source per hour: slope + air changes x (smoothed value - clean air), base with the clean air.

    Both are NaN for old rows.

    settings: air changes per hour, smoothing of the value and of the slope in s, longest pause in s, highest clean air,
    its drift per day. begin, last: time of the first reading since a pause and of the newest, NONE without one. The
    clean air is the lowest smoothed value, and rises by the drift. The slope is zero until SETTLE smoothing times after
    a pause.
    """
    changes, smooth_s, slope_s, gap_s, clean_max, drift = settings
    for i in range(len(states)):
        state, value = states[i], values[i]
        if older[i]:
            x[i] = base[i] = np.nan
            continue
        if last[state] == NONE:
            smooth[state], slope[state], clean[state] = value, 0.0, min(value, clean_max)
            begin[state] = times[i]
        elif times[i] > last[state]:
            past_s = (times[i] - last[state]) / 1e9
            before = smooth[state]
            if past_s > gap_s:
                smooth[state], slope[state], begin[state] = value, 0.0, times[i]
            else:
                smooth[state] += (1 - exp(-past_s / smooth_s)) * (value - before)
                rate = (smooth[state] - before) / past_s * HOUR_S
                if times[i] - begin[state] > SETTLE * smooth_s * 1e9:
                    slope[state] += (1 - exp(-past_s / slope_s)) * (rate - slope[state])
            clean[state] = min(clean[state] + min(past_s, DAY_S) * drift / DAY_S, smooth[state], clean_max)
        last[state] = times[i]
        base[i] = clean[state]
        x[i] = slope[state] + changes * (smooth[state] - clean[state])

"""Kernel of the night values of a water main: best hour of a day against the week before."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE

HOURS, NIGHTS = 24, 7
"""Hours of the trailing day, and days of the reference."""

HOUR_NS = 3_600_000_000_000
_FEWEST_HOURS = 6


@njit(cache=True, nogil=True)
def _extreme(values, sign: float) -> float:  # type: ignore[no-untyped-def] # noqa: ANN001 - compiled
    """Return the highest of the values (sign 1) or the lowest (sign -1), without NaN; NaN for none."""
    best = np.nan
    for value in values:
        if not np.isnan(value) and not sign * value <= sign * best:
            best = value
    return float(best)


@njit(cache=True, nogil=True)
def night_change(  # noqa: PLR0917 - compiled: arrays one by one
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    sign: float,
    stamp: NDArray[np.int64],
    now: NDArray[np.float64],
    hours: NDArray[np.float64],
    nights: NDArray[np.float64],
    x: NDArray[np.float64],
    base: NDArray[np.float64],
) -> None:
    """Fill x with the change of the night value against the mean of the days before, and base with that mean.

    Both are NaN without an ended hour.

    sign 1: fall of the highest hourly mean as a share of the reference (pressure); -1: rise of the lowest one as a
    share of the mean of the day (flow). stamp: last hour of each state; now: sum and count of this hour, last change;
    hours, nights: ring of hourly means by hour of the day, and night values by day.
    """
    for i in range(len(states)):
        state, hour = states[i], times[i] // HOUR_NS
        x[i] = base[i] = np.nan
        if older[i]:
            continue
        if stamp[state] != NONE and hour > stamp[state]:
            day = stamp[state] // HOURS
            hours[state, stamp[state] % HOURS] = now[state, 0] / now[state, 1]
            reference = np.nanmean(nights[state])
            best = _extreme(hours[state], sign)
            scale = reference if sign > 0 else np.nanmean(hours[state])
            if not np.isnan(reference) and scale > 0:
                x[i], base[i] = sign * (reference - best) / scale, reference
            if hour // HOURS > day:
                if np.sum(~np.isnan(hours[state])) >= _FEWEST_HOURS:
                    nights[state, day % NIGHTS] = best
                if hour // HOURS > day + NIGHTS:  # a week without readings
                    nights[state, :] = np.nan
            for gone in range(stamp[state] + 1, min(hour, stamp[state] + HOURS) + 1):
                hours[state, gone % HOURS] = np.nan
            now[state, 0], now[state, 1] = 0.0, 0.0
        stamp[state] = hour
        now[state, 0] += values[i]
        now[state, 1] += 1

"""Kernel of forecasts to a limit: rises of the series, forecasters, weights, intervals."""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit

from detectors.recipes.kinds import STEPS

from .buckets import line, parabola, reach_s
from .cascade import cascade
from .street import INCH_M, street_features, weighted

LINE, PARABOLA, FILTER, MODEL, FORECASTERS = 0, 1, 2, 3, 4
"""Forecasters: line, shrunken parabola, alpha-beta-gamma filter, and a model of past rises or of a cascade."""

BINS = 5
BIN_EDGES_S = np.array([600.0, 1200.0, 2400.0, 4800.0])
"""Times to a limit whose intervals adapt apart from each other."""

PREVIOUS, SECOND, NOISE, LOW, LOW_BEFORE, HIGH, WET_S, HIGH_S, ABOVE_S, LAST_S, X, V, A, NUMBERS = range(14)
"""Numbers of a series: two values before, noise, lowest value of this span and of the one before, highest value of the
rise; seconds of its start, highest value, last value above the start, and last reading; filter."""

ISSUED_S, EXPECTED, SCALE, PENDING = FORECASTERS, FORECASTERS + 1, FORECASTERS + 2, FORECASTERS + 3
"""Pending forecast of a value: one column a forecaster, then when, the combined value, and its scale."""

ORIGIN, STAMP, SIZE, BUCKET, RISING, COUNTERS = 0, 1, 2, 3, 4, 5
"""Counters of a series: time of its first reading (ns), number of the span of LOW, number of buckets, bucket of
the last reading, 1 during a rise."""

ISSUED, REACH, SCALED, ISSUE = range(4)
"""Columns of the first forecast of a rise in a bin: when, seconds to the limit, and scale of its interval."""

VALUE_LOW, VALUE_HIGH, HELD, SCORED, POOLED = 2 * BINS, 2 * BINS + 1, 2 * BINS + 2, 2 * BINS + 3, 2 * BINS + 4
"""Pooled over the series: ends of log intervals by bin (low, high), in scales, ends of value intervals, held ones."""

REACH_S, LOW_S, UPPER_S, BELIEF, HELD_OF, OF, USUAL, FACTS = range(8)
"""Facts of a forecast: seconds to the limit, ends of their interval, belief, intervals that held, of so many,
lowest value of the last hours."""

STREET, WIDTH_S, AHEAD_S, WINDOW_S, RISE_M, GAP_S, WITHIN_S, SHARE, CLEAR_S, COUNT, SETTINGS = range(11)
"""Settings: 1 for the model of street floods, bucket, horizon of values, window of the parabola, least rise, pause that
ends a rise, horizon of a finding, share of the intervals, clearing time, forecasts in a row for a finding."""

_LOW_SPAN_S, _DAMPING_S = 43_200.0, 1200.0
_AGREEMENT = 0.1
"""Scale of an interval where all forecasters agree."""
_STREET_ENDS, _LEVEL_ENDS = (0.08, 0.02, 2.5), (0.16, 0.08, 10.0)
"""Step of an interval end after a rise, least and greatest end: in logs of time, in scales (D)."""


@njit(cache=True, nogil=True)
def bin_of(reach: float) -> int:
    """Return the bin of a time to a limit."""
    return int(np.searchsorted(BIN_EDGES_S, reach))


@njit(cache=True, nogil=True)
def smooth(value, number):
    """Return the median of the last three values, and update the noise from their differences."""
    one, two = number[PREVIOUS], number[SECOND]
    number[PREVIOUS], number[SECOND] = value, one
    if np.isnan(two):
        return value
    middle = max(min(value, one), min(max(value, one), two))
    number[NOISE] += 0.05 * (min(abs(value - one), 8 * number[NOISE] + 0.01) / 1.128 - number[NOISE])
    return middle


@njit(cache=True, nogil=True)
def follow(at, value, number, counter):
    """Update the lowest value of the last 12 to 24 h; return it."""
    span = np.int64(at // _LOW_SPAN_S)
    if span != counter[STAMP]:
        number[LOW_BEFORE] = number[LOW] if span == counter[STAMP] + 1 else value
        number[LOW] = value
        counter[STAMP] = span
    number[LOW] = min(number[LOW], value)
    return min(number[LOW], number[LOW_BEFORE])


@njit(cache=True, nogil=True)
def advance(dt, value, number):
    """Advance the critically damped alpha-beta-gamma filter to a reading."""
    if np.isnan(number[X]) or dt <= 0:
        number[X], number[V], number[A] = value, 0.0, 0.0
        return
    theta = np.exp(-dt / _DAMPING_S * 3)
    x = number[X] + dt * number[V] + dt * dt / 2 * number[A]
    v, error = number[V] + dt * number[A], value - x
    number[X] = x + (1 - theta**3) * error
    number[V] = v + 1.5 * (1 - theta) ** 2 * (1 + theta) / dt * error
    number[A] += (1 - theta) ** 3 / (dt * dt) * error


@njit(cache=True, nogil=True)
def values(at, value, number, size, own, features, models, limits, setting, ahead, reach):
    """Fill ahead with the value of each forecaster after the horizon, reach (FORECASTERS, STEPS) with times."""
    span_s, horizon = setting[WINDOW_S], setting[AHEAD_S]
    level, slope, _ = line(at, span_s, 2, size, own)
    ahead[LINE] = level + slope * horizon
    base, first, curve = parabola(at, span_s, 6, size, own)
    ahead[PARABOLA] = base + first * horizon + curve * horizon**2
    ahead[FILTER] = number[X] + number[V] * horizon + number[A] / 2 * horizon**2
    for k in range(STEPS):
        reach[LINE, k] = reach_s(limits[k] - level, slope, 0.0)
        reach[PARABOLA, k] = reach_s(limits[k] - base, first, curve)
        reach[FILTER, k] = reach_s(limits[k] - number[X], number[V], number[A] / 2)
    if setting[STREET]:
        street_features(
            at, value, 12 * INCH_M, at - number[WET_S], number[HIGH], at - number[HIGH_S], size, own, features
        )
        ahead[MODEL] = max(value + weighted(features, models[2]), 0.0)
        ahead[LINE], ahead[PARABOLA] = max(ahead[LINE], 0.0), max(ahead[PARABOLA], 0.0)
        ahead[FILTER] = max(ahead[FILTER], 0.0)
    else:
        ahead[MODEL] = cascade(at, horizon, number[NOISE], limits, size, own, reach[MODEL])


@njit(cache=True, nogil=True)
def combine(ahead, reach, loss, value, limits, times, scales):
    """Return the combined value; fill times with the combined seconds to each limit, inf without a majority.

    scales: filled with the scale of each interval: _AGREEMENT and the spread of the forecasters' log times.
    """
    weight = 1 / (loss * loss + 1e-8)
    for f in range(FORECASTERS):
        if not np.isfinite(ahead[f]):
            weight[f] = 0.0
    total = weight.sum()
    if total <= 0:
        return value
    mean = 0.0
    for f in range(FORECASTERS):
        mean += weight[f] * ahead[f] if weight[f] > 0 else 0.0
    for k in range(STEPS):
        logs, squares, share = 0.0, 0.0, 0.0
        for f in range(FORECASTERS):
            if weight[f] > 0 and np.isfinite(reach[f, k]):
                own = np.log(max(reach[f, k], 1.0))
                share += weight[f]
                logs += weight[f] * own
                squares += weight[f] * own * own
        if share > total / 2 and limits[k] < np.inf:
            times[k] = np.exp(logs / share)
            scales[k] = _AGREEMENT + np.sqrt(max(squares / share - (logs / share) ** 2, 0.0))
        else:
            times[k] = np.inf
    return mean / total


@njit(cache=True, nogil=True)
def learn_value(value, pending, loss, pooled_loss, pooled, setting):
    """Score a pending forecast of a value at its time: losses of the forecasters, and ends of the interval."""
    for f in range(FORECASTERS):
        error = abs(value - pending[f])
        if np.isfinite(error):
            loss[f] += 0.3 * (error - loss[f])
            pooled_loss[f] += 0.02 * (error - pooled_loss[f])
    score = (value - pending[EXPECTED]) / pending[SCALE]
    miss, step = (1 - setting[SHARE]) / 2, 0.05
    pooled[VALUE_LOW] += step * (miss - (score < pooled[VALUE_LOW]))
    pooled[VALUE_HIGH] += step * ((score > pooled[VALUE_HIGH]) - miss)
    pending[ISSUED_S] = np.nan


@njit(cache=True, nogil=True)
def conclude(at, crossed, k, episode, pooled, setting):
    """Score the forecasts to one limit at the end of their rise, one for each bin; see the head of `forecast`.

    episode: shape (STEPS, BINS, ISSUE). A rise without a crossing scores one side: it misses if the high end has
    passed.
    """
    miss = (1 - setting[SHARE]) / 2
    step, least, most = _STREET_ENDS if setting[STREET] else _LEVEL_ENDS
    for b in range(BINS):
        issued, expected = episode[k, b, ISSUED], episode[k, b, REACH]
        if np.isnan(issued):
            continue
        score = np.log(max(at - issued, 1.0) / max(expected, 1.0)) / episode[k, b, SCALED]
        low, high = score < pooled[b], score > pooled[BINS + b]
        if crossed or (high and not setting[STREET]):
            pooled[SCORED] += 1
            pooled[HELD] += not (low or high)
            pooled[BINS + b] = min(max(pooled[BINS + b] + step * (high - miss), least), most)
            pooled[b] = max(min(pooled[b] + step * (miss - (low and crossed)), -least), -most)
        episode[k, b, ISSUED] = np.nan


@njit(cache=True, nogil=True)
def warned(at, value, k, time_s, belief, least, limits, setting, number):
    """Return 1 if a forecast supports a finding, 0 if it keeps one, -1 if it supports none."""
    if value >= limits[k]:
        return 0
    if setting[STREET]:
        return 1 if belief >= least[k] else (0 if belief >= least[k] / 2 else -1)
    if at - number[HIGH_S] > setting[GAP_S] / 2:
        return -1
    return 1 if time_s <= setting[WITHIN_S] else (0 if time_s <= 2 * setting[WITHIN_S] else -1)

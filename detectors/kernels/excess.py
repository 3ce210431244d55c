"""Kernel of excess values: residuals of a forecast beyond a limit with a stated false-alarm rate."""

from __future__ import annotations

import numpy as np
from numba import njit

from .autoregression import FLOATS as AUTOREGRESSION
from .autoregression import residual
from .emission import TIMELINES, emit
from .spot import PEAKS, pareto, quantile_step, tail_limit
from .unusual import FULL, learned_place

QUANTILE, LIMIT, GAP_S, FLOATS = AUTOREGRESSION, AUTOREGRESSION + 1, AUTOREGRESSION + 2, AUTOREGRESSION + 3
"""Floats of a series behind those of its autoregression: tracked quantile, limit, mean interval."""
COUNT, FOUND, OPEN, FIRST, NEWEST, INTS = range(6)
"""Integers of a series: readings, peaks, whether a detection is open, event times of its first and newest excess."""
START, PEAKS_MIN = 100, 32
"""Readings before the first score and peak, and peaks before the first limit."""
GAP_WEIGHT, CLIPPED = 0.02, 3.0
QUANTILE_START = 2.0

BASELINE, BAND_LOW, BAND_HIGH, SCORE, FACTS = range(5)
"""Columns of the facts beside a found entry."""


@njit(cache=True, nogil=True)
def _fit(score, i, f, peaks, rate_s):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Track the quantile; keep a peak and set the limit for one false alarm in rate_s."""
    before = f[QUANTILE]
    f[QUANTILE] = quantile_step(score, before, i[COUNT] - START)
    if score <= before:
        return
    peaks[i[FOUND] % PEAKS] = min(score, CLIPPED * f[LIMIT]) - before
    i[FOUND] += 1
    if i[FOUND] >= PEAKS_MIN:
        shape, scale = pareto(peaks[: min(i[FOUND], PEAKS)])
        f[LIMIT] = tail_limit(f[QUANTILE], shape, scale, f[GAP_S] / rate_s)


@njit(cache=True, nogil=True)
def excess_phase(over, time, own, clear_ns):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Raise, extend or clear the detection of a series; return the phase, -1 for none.

    own: whether a detection is open, event times of its first and newest excess.
    """
    if over:
        own[2] = time
        if own[0]:
            return -1
        own[0], own[1] = 1, time
        return 0
    if own[0] and time - own[2] >= clear_ns:
        own[0] = 0
        return 2
    return -1


@njit(cache=True, nogil=True)
def noted(facts, count, centre, width, limit, score):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Write baseline, band and score of an entry; return the table, doubled when full."""
    if count == len(facts):
        wider = np.empty((2 * count, FACTS), np.float64)
        wider[:count] = facts
        facts = wider
    facts[count, BASELINE], facts[count, SCORE] = centre, score
    facts[count, BAND_LOW], facts[count, BAND_HIGH] = centre - limit * width, centre + limit * width
    return facts


@njit(cache=True, nogil=True)
def update_excess(given, light, series, rate_s, clear_ns, used, more, first, found, values, facts, x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - compiled: arrays one by one
    """Update series by readings from row `first` on; return the row reached, learned series, and the entries.

    given, light, more, x: see `update_unusual`. series: integers, floats and peaks of each.
    """
    rows, numbers, times, readings = given
    newest = light[0]
    ints, floats, peaks = series
    count = 0
    for at in range(first, len(rows)):
        place, used = learned_place(numbers[at], times[at], readings[at], light, used, len(ints), more)
        if place == FULL:
            return at, used, count, found, values, facts
        if place < 0:
            continue
        number, time, value = numbers[at], times[at], readings[at]
        i, f = ints[place], floats[place]
        gap_s = (time - newest[number]) / 1e9
        f[GAP_S] += max(GAP_WEIGHT, 1.0 / (i[COUNT] + 1)) * (
            min(gap_s, 10 * f[GAP_S] + 1e6 * (i[COUNT] == 0)) - f[GAP_S]
        )
        newest[number] = time
        score, centre, width = residual(value, i[COUNT], f)
        limit = f[LIMIT]
        share = score / (score + min(limit, 10 * f[QUANTILE])) if i[COUNT] >= START else 0.0
        if i[COUNT] >= START:
            _fit(score, i, f, peaks[place], rate_s)
        i[COUNT] += 1
        x[at] = share
        phase = excess_phase(score > limit, time, i[OPEN:], clear_ns)
        if phase < 0:
            continue
        entry = (rows[at], number * TIMELINES, phase, 0, i[FIRST], time)
        found, values = emit(found, values, count, entry, value)
        facts = noted(facts, count, centre, width, min(limit, f[LIMIT]), share)
        count += 1
    return len(rows), used, count, found, values, facts

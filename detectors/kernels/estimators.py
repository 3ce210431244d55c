"""Kernel of the estimators over single series: mean and deviation, a score by method, raise and clear."""

from __future__ import annotations

import numpy as np
from numba import njit

from .contexts import CONTEXT_FLOATS, CONTEXT_INTS, LOWEST, REST, SPAN, context_score
from .emission import TIMELINES, emit
from .excess import excess_phase, noted
from .half_space import HALF_SPACE_FLOATS, half_space
from .tails import QUANTILE, QUANTILE_START, TAIL_FLOATS, dspot, own_tail, page_hinkley
from .unusual import FULL, learned_place

DSPOT, OWN_TAIL, PAGE_HINKLEY, HALF_SPACE, CONTEXT = range(5)
"""Methods."""
COUNT, OPEN, FIRST, NEWEST, OWN_INTS = range(5)
"""Integers of a series: readings, whether a detection is open, its first and newest time; then those of its method."""
INTS = OWN_INTS + CONTEXT_INTS
MEAN, DEVIATION, GAP_S, OWN_FLOATS = range(4)
"""Floats of a series: mean, mean deviation, mean interval; then those of its method."""
FLOATS = OWN_FLOATS + max(CONTEXT_FLOATS, HALF_SPACE_FLOATS, TAIL_FLOATS)
CLIP, NORMAL, WARM, WEIGHT, CLEAR_NS, METHOD = 4.0, 3.0, 0, 1, 2, 3
"""Deviations that count as this many, width of the band; places of the settings that all methods have."""


@njit(cache=True, nogil=True)
def _begin(value, i, f, method, margin):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Learn the range of the first readings, for the context model."""
    if method != CONTEXT:
        return
    own = f[OWN_FLOATS:]
    if i[COUNT] == 0:
        own[LOWEST], own[SPAN] = value, 0.0
    high = max(own[LOWEST] + own[SPAN], value)
    own[LOWEST] = min(own[LOWEST], value)
    own[SPAN] = high - own[LOWEST]
    if i[COUNT] == margin[0] - 1:
        own[LOWEST] -= margin[1] * own[SPAN]
        own[SPAN] *= 1 + 2 * margin[1]


@njit(cache=True, nogil=True)
def _learn(value, time_s, i, f, weight):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Learn mean, mean deviation and interval; return the deviation before."""
    if i[COUNT] == 0:
        f[MEAN], f[DEVIATION], f[GAP_S] = value, 0.0, 0.0
    unit = max(f[DEVIATION], 1e-9 * (1.0 + abs(f[MEAN])))
    z = (value - f[MEAN]) / unit
    own = max(weight, 1.0 / (i[COUNT] + 1))
    near = value if i[COUNT] < QUANTILE_FROM else f[MEAN] + unit * max(-CLIP, min(CLIP, z))
    f[MEAN] += own * (near - f[MEAN])
    f[DEVIATION] += own * (abs(near - f[MEAN]) - f[DEVIATION])
    bounded = time_s if i[COUNT] <= 1 else min(time_s, 10.0 * f[GAP_S] + 1e-3)
    f[GAP_S] += max(0.02, 1.0 / (i[COUNT] + 1)) * (bounded - f[GAP_S])
    return z


QUANTILE_FROM = 20
"""Readings whose deviation is not bounded: the mean has not settled."""


@njit(cache=True, nogil=True)
def _scored(z, value, i, f, table, method, settings, warm):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Return the score of a reading over its limit: above 1 is unusual."""
    ints, own = i[OWN_INTS:], f[OWN_FLOATS:]
    seen = i[COUNT] - warm
    if method == DSPOT:
        own[QUANTILE] = QUANTILE_START if seen == 0 else own[QUANTILE]
        return dspot(z, seen, f[GAP_S] / settings[0], own, ints, table.view(np.float32))
    if method == OWN_TAIL:
        own[QUANTILE] = QUANTILE_START if seen == 0 else own[QUANTILE]
        return own_tail(z, seen, settings[0], own) / settings[1]
    if method == PAGE_HINKLEY:
        return page_hinkley(z, settings[0], settings[1], own)
    if method == HALF_SPACE:
        return half_space(z, ints, own, table.view(np.uint8)) / settings[0]
    if seen == 0:
        ints[REST] = warm  # the contexts of a second learning time, in the range of the first one
    return context_score(value, np.int64(settings[2]), settings[0], ints, own, table) / settings[0]


@njit(cache=True, nogil=True)
def update_estimators(given, light, series, counts, settings, used, more, first, found, values, facts, x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - compiled: arrays one by one
    """Update series by readings from row `first` on; return the row reached, learned series, and the entries.

    given, light, more, x: see `update_unusual`. series: integers, floats and the table of each, as 16-bit words.
    counts: first readings, weight of a reading in billionths, ns until a detection clears, method. settings: of the
    method.
    """
    rows, numbers, times, readings = given
    newest = light[0]
    ints, floats, tables = series
    warm, weight, method = counts[WARM], counts[WEIGHT] / 1e9, counts[METHOD]
    count = 0
    for at in range(first, len(rows)):
        place, used = learned_place(numbers[at], times[at], readings[at], light, used, len(ints), more)
        if place == FULL:
            return at, used, count, found, values, facts
        if place < 0:
            continue
        number, time, value = numbers[at], times[at], readings[at]
        i, f = ints[place], floats[place]
        time_s, newest[number] = (time - newest[number]) / 1e9, time
        centre = f[MEAN] if i[COUNT] else value
        if i[COUNT] < warm:
            _begin(value, i, f, method, (warm, settings[1]))
        z, over = _learn(value, time_s, i, f, weight), 0.0
        if i[COUNT] >= warm:
            over = _scored(z, value, i, f, tables[place], method, settings, warm)
        i[COUNT] += 1
        x[at] = over / (over + 1.0)
        phase = excess_phase(over > 1.0, time, i[OPEN:], counts[CLEAR_NS])
        if phase < 0:
            continue
        entry = (rows[at], number * TIMELINES, phase, 0, i[FIRST], time)
        found, values = emit(found, values, count, entry, value)
        facts = noted(facts, count, centre, f[DEVIATION], NORMAL, x[at])
        count += 1
    return len(rows), used, count, found, values, facts

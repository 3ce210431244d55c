"""Kernel of the general recipe: proof of continuous values, learning, alarms and their end."""

from __future__ import annotations

import numpy as np
from numba import njit

from .emission import NONE, TIMELINES, emit
from .sequence import (
    BEGAN,
    CLOCK,
    COUNT,
    FIRST,
    LOW,
    ORIGIN,
    RAISED,
    SIZE,
    SPAN,
    STATE,
    TOP,
    block_value,
    collect,
    learn_block,
    learn_start,
    quantile,
)

RISES, FALLS, MARKS, COUNTS = range(4)
"""Counts of a series before it is learned: rises, falls, and changes to a value that is no code of a state."""
CODE_MAX = 15
"""Whole numbers from 0 to this one are codes of states."""
MARKS_MIN, FALL_SHARE, COUNT_MAX = 2, 8, 60_000
"""Changes that prove continuous values; rises a fall at most, else it is a counter."""

NO_PLACE, FULL = -1, -2
"""Results of `learned_place` without a place."""

BASELINE, BAND_LOW, BAND_HIGH, SCORE, FACTS = range(5)
"""Columns of the facts beside a found entry."""


@njit(cache=True, nogil=True)
def continuous(value, before, counts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Count a value of a series that is not learned; return whether it has proved to be continuous.

    A counter that only rises is none, nor is a state with few whole numbers.
    """
    if value == before or np.isnan(before):
        return False
    counts[RISES if value > before else FALLS] += 1
    if value != np.floor(value) or not 0 <= value <= CODE_MAX:
        counts[MARKS] += 1
    if counts[RISES] >= COUNT_MAX or counts[MARKS] >= COUNT_MAX:
        for at in range(COUNTS):
            counts[at] //= 2
    falls, rises = np.int64(counts[FALLS]), np.int64(counts[RISES])
    return counts[MARKS] >= MARKS_MIN and falls * FALL_SHARE >= rises and rises * FALL_SHARE >= falls


@njit(cache=True, nogil=True)
def learned_place(number, time, value, light, used, room, more):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Return the place of a series and the number of places in use; NO_PLACE for a reading that is not learned.

    A series that proves continuous gets the next of `room` places. FULL: it needs one and there may be more; the
    caller then repeats the reading.
    """
    newest, before, counts, places = light
    if newest[number] != NONE and time < newest[number]:
        return NO_PLACE, used
    if places[number] >= 0:
        return places[number], used
    proved = continuous(value, before[number], counts[number])
    if proved and used == room and more:
        return FULL, used
    newest[number], before[number] = time, value
    if proved and used < room:
        places[number] = used
        used += 1
    return NO_PLACE, used


@njit(cache=True, nogil=True)
def _start(value, time, series, place, limits):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Keep one of the first readings of a series; learn it once it is long enough."""
    ints, floats, boxes, raw, won, hist, window = series
    i, f = ints[place], floats[place]
    if i[COUNT] == 0:
        f[ORIGIN], i[BEGAN] = value, time
    raw[place, i[COUNT]] = value - f[ORIGIN]
    i[COUNT] += 1
    long = i[COUNT] >= limits[0] and time - i[BEGAN] >= limits[2]
    if long or i[COUNT] >= limits[1]:
        first = raw[place, : i[COUNT]].copy()
        learn_start(first, i, f, boxes[place], won[place], hist[place], window[place], limits[3] / 1000)


@njit(cache=True, nogil=True)
def _block(value, time, series, place, margin):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Add a reading of a learned series to its block; return -2, or at the end of a block the score or -1."""
    ints, floats, boxes, _, won, hist, window = series
    i, f = ints[place], floats[place]
    if i[COUNT] == 0:
        i[BEGAN] = time
    collect(value, f)
    i[COUNT] += 1
    if i[COUNT] < i[SIZE]:
        return -2.0
    i[COUNT] = 0
    whole = block_value(f, i[SIZE], f[SPAN] / (1 + 2 * margin))
    return learn_block(whole, i, f, boxes[place], won[place], hist[place], window[place])


@njit(cache=True, nogil=True)
def _phase(score, i, scores, hold):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Raise at the step of a block's score, or clear; return the phase of the detection, -1 for none."""
    step = 0
    for score_min in scores:
        step += score >= score_min
    if i[STATE] == 0 and step > 0:
        i[STATE], i[RAISED], i[FIRST] = step, i[CLOCK], i[BEGAN]
        return 0
    if i[STATE] and i[CLOCK] - i[RAISED] >= hold:
        i[STATE] = 0
        return 2
    return -1


@njit(cache=True, nogil=True)
def _facts(facts, count, score, f, hist):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Write baseline, band and score of an entry; return the table, doubled when full."""
    if count == len(facts):
        wider = np.empty((2 * count, FACTS), np.float64)
        wider[:count] = facts
        facts = wider
    for at, share in ((BASELINE, 0.5), (BAND_LOW, 0.005), (BAND_HIGH, 0.995)):
        facts[count, at] = f[LOW] + f[SPAN] * quantile(hist, share) / TOP
    facts[count, SCORE] = score
    return facts


@njit(cache=True, nogil=True)
def update_unusual(given, light, series, limits, scores, hold, used, more, first, found, values, facts, x):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - compiled: arrays one by one
    """Update series by readings from row `first` on; return the row reached, learned series, and the entries.

    given: rows, numbers of their series, event times, values. light: newest time, value before, counts and place of
    each series. series: see `sequence`. limits: readings at least and at most, ns at least, and margin in thousandths.
    x: filled with the scores. more: whether there may be more
    learned series; if so, the kernel stops at a series that needs a place while all are in use.
    """
    rows, numbers, times, readings = given
    newest = light[0]
    ints, floats, hist = series[0], series[1], series[5]
    count = 0
    for at in range(first, len(rows)):
        place, used = learned_place(numbers[at], times[at], readings[at], light, used, len(ints), more)
        if place == FULL:
            return at, used, count, found, values, facts
        if place < 0:
            continue
        number, time, value = numbers[at], times[at], readings[at]
        newest[number] = time
        i = ints[place]
        if i[SIZE] == 0:
            _start(value, time, series, place, limits)
            continue
        score = _block(value, time, series, place, limits[3] / 1000)
        if score == -2.0:  # noqa: PLR2004 - within a block
            continue
        x[at] = max(0.0, score)
        phase = _phase(score, i, scores, hold)
        if phase < 0:
            continue
        step = max(i[STATE], 1) - 1
        entry = (rows[at], number * TIMELINES, phase, step, i[FIRST], time)
        found, values = emit(found, values, count, entry, value)
        facts = _facts(facts, count, max(0.0, score), floats[place], hist[place])
        count += 1
    return len(rows), used, count, found, values, facts

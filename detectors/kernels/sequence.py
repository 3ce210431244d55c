"""Kernels of one learned series: first readings, blocks, levels, vigilance of its categories.

Each series has one row in the arrays of `SeriesArrays`. First readings are kept as float32 in the room of the
categories until the series is learned.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from .art import ONE, WINDOW, add_category, features, first_vigilance, resonate

TOP = 80
"""Highest level of a series; the lowest is 0."""
BLOCKS = 104
"""Blocks of the first readings, about."""

COUNT, SIZE, CLOCK, USED, ALARM, SINCE, PERIOD, ALARMS, MATCHES, SHORT, BEYOND, STATE, RAISED, FIRST, BEGAN, INTS = (
    range(16)
)
"""Integers of a series: readings of the block or of the start; block size, 0 at the start; blocks so far; categories;
block of the last alarm; blocks since the last adaptation, and until the next; alarms; matches; matches too low; blocks
beyond the range; 1 + step of the open detection, and its block; event times of its begin and of the block's begin."""
ORIGIN, LOW, SPAN, SUM, HIGHEST, LOWEST, MEAN, UPPER, LOWER, TOTAL, LEAST, SHORTFALL, PAST, LAST, FLOATS = range(15)
"""Floats of a series: offset of its first readings; range; sum, highest and lowest of the block; average of blocks;
upper and lower vigilance; sum of matches; least match; shortfall; sum of the matches of alarms; match of the last."""

TRIAL, UPPER_MAX, RISE, SHORT_MIN, SHORT_MAX, FALL_MIN = 0.80, 0.97, 0.19, 0.05, 0.37, 0.01
SMOOTH, DEVIATION, NOISE = 0.5, 0.10, 6
"""Weight of a new block's mean; deviation, in the range of the first readings, that makes a block its extreme value;
levels from the median that are noise."""
MASK_BLOCKS, MASKED = 12, 0.9
"""Blocks after an alarm in which another one needs a match below this share of the last alarm's."""
RANGE_BLOCKS, RANGE_LEVELS = 3, 2
WEIGHTS = (0.35, 0.65, 1.5)
"""Weights of a score: novelty against both vigilances, and the deviation of the newest level."""
HIST_MAX = 60_000


@njit(cache=True, nogil=True)
def level_of(value, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the level of a value, unbounded."""
    return int(np.floor(max(-1e6, min(1e6, (value - f[LOW]) / f[SPAN] * TOP + 0.5))))


@njit(cache=True, nogil=True)
def quantile(hist, share):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return the lowest level with at least this share of the counted blocks at or below it."""
    total = 0
    for level in range(TOP + 1):
        total += hist[level]
    below = 0
    for level in range(TOP + 1):
        below += hist[level]
        if below >= share * total:
            return level
    return TOP


@njit(cache=True, nogil=True)
def _without_noise(level, hist):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Count a level, bounded; return it as a byte, as the median if it is close to that."""
    level = min(TOP, max(0, level))
    hist[level] += 1
    if hist[level] > HIST_MAX:
        for other in range(TOP + 1):
            hist[other] //= 2
    middle = quantile(hist, 0.5)
    chosen = middle if abs(level - middle) < NOISE else level
    return np.uint8((chosen * ONE + TOP // 2) // TOP)


@njit(cache=True, nogil=True)
def block_value(f, size, start):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Return a block's mean, or its farthest value from the average of blocks if that deviates; empty the block.

    start: range of the first readings.
    """
    mean = f[SUM] / size
    if np.isnan(f[MEAN]):
        f[MEAN] = mean
    high = abs(f[HIGHEST] - f[MEAN]) >= abs(f[LOWEST] - f[MEAN])
    far = f[HIGHEST] if high else f[LOWEST]
    f[MEAN] += SMOOTH * (mean - f[MEAN])
    f[SUM], f[HIGHEST], f[LOWEST] = 0.0, -np.inf, np.inf
    return far if abs(far - mean) >= DEVIATION * start else mean


@njit(cache=True, nogil=True)
def collect(value, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201 - inlined loop body
    """Add a reading to the block."""
    f[SUM] += value
    f[HIGHEST] = max(f[HIGHEST], value)
    f[LOWEST] = min(f[LOWEST], value)


@njit(cache=True, nogil=True)
def _first_levels(raw, i, f, hist, margin):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Set range and block size by the first readings; return the levels of their blocks."""
    low, high = float(raw.min()), float(raw.max())
    width = high - low if high > low else max(1e-9, abs(high))
    f[LOW], f[SPAN] = f[ORIGIN] + low - margin * width, (1 + 2 * margin) * width
    size = i[SIZE] = max(1, len(raw) // BLOCKS)
    levels = np.empty(len(raw) // size, np.uint8)
    for block in range(len(levels)):
        for at in range(block * size, (block + 1) * size):
            collect(f[ORIGIN] + raw[at], f)
        value = block_value(f, size, width)
        levels[block] = _without_noise(level_of(value, f), hist)
    return levels


@njit(cache=True, nogil=True)
def learn_start(raw, i, f, boxes, won, hist, window, margin):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Learn a series by its first readings: range, vigilance, categories."""
    levels = _first_levels(raw, i, f, hist, margin)
    count = len(levels) - WINDOW + 1
    windows = np.empty((count, 4 * WINDOW), np.uint8)
    for at in range(count):
        features(levels[at : at + WINDOW], windows[at])
    f[UPPER] = f[LOWER] = first_vigilance(windows, boxes, won, TRIAL, UPPER_MAX)
    used = 0
    for at in range(count):
        best, _, learned = resonate(windows[at], boxes, won, used, at, f[UPPER])
        if not learned:
            used = add_category(windows[at], boxes, won, used, at)
        if at > 0:
            f[TOTAL] += best
    i[MATCHES] = count - 1
    i[COUNT], i[USED], i[CLOCK], i[PERIOD] = 0, used, count, max(1, count // 2)
    window[:] = levels[len(levels) - WINDOW :]


@njit(cache=True, nogil=True)
def _adapt(i, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Adapt both vigilances to the matches since the last adaptation."""
    f[UPPER] = min(UPPER_MAX, f[TOTAL] / i[MATCHES])
    if f[LEAST] > f[LOWER]:
        f[LOWER] += RISE * (f[LEAST] - f[LOWER])
    else:
        f[LOWER] -= max(FALL_MIN, 0.5 * f[SHORTFALL] / i[SHORT] if i[SHORT] else 0.0)
    if i[ALARMS]:
        f[LOWER] = max(f[LOWER], f[PAST] / i[ALARMS])
    f[LOWER] = min(f[LOWER], f[UPPER])
    f[LEAST], f[SHORTFALL] = 2.0, 0.0
    i[SINCE] = i[SHORT] = 0


@njit(cache=True, nogil=True)
def _widen(value, i, f, boxes, hist, window):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Widen the range by half of itself beyond a value; convert the levels of categories, window and median."""
    low, high = f[LOW], f[LOW] + f[SPAN]
    new_low = value - 0.5 * f[SPAN] if value < low else low
    new_high = value + 0.5 * f[SPAN] if value > high else high
    scale, offset = f[SPAN] / (new_high - new_low), (low - new_low) / (new_high - new_low)
    for number in range(i[USED]):
        for at in range(WINDOW, 2 * WINDOW):
            boxes[number, at] = np.uint8(boxes[number, at] * scale + offset * ONE + 0.5)
            top = ONE - boxes[number, at + 2 * WINDOW]
            boxes[number, at + 2 * WINDOW] = ONE - np.uint8(top * scale + offset * ONE + 0.5)
    counts = hist.copy()
    hist[:] = 0
    for level in range(TOP + 1):
        hist[int(level * scale + offset * TOP + 0.5)] += counts[level]
    for at in range(WINDOW):
        window[at] = np.uint8(window[at] * scale + offset * ONE + 0.5)
    f[LOW], f[SPAN] = new_low, new_high - new_low


@njit(cache=True, nogil=True)
def _score(found, newest, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the score of a novel window by its best match and the energy of that."""
    upper, lower = 1 - (1 - f[UPPER]) / (1 - found), 1 - (1 - f[LOWER]) / (1 - found)
    return min(1.0, max(0.0, WEIGHTS[0] * upper + WEIGHTS[1] * lower + WEIGHTS[2] * (1 - newest)))


@njit(cache=True, nogil=True)
def learn_block(value, i, f, boxes, won, hist, window):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, PLR0917 - inlined loop body
    """Learn the value of a block; return its score if it is an alarm, else -1."""
    level = level_of(value, f)
    beyond = level > TOP + RANGE_LEVELS or level < -RANGE_LEVELS
    i[BEYOND] = i[BEYOND] + 1 if beyond else 0
    if i[BEYOND] >= RANGE_BLOCKS:
        _widen(value, i, f, boxes, hist, window)
        level, i[BEYOND] = level_of(value, f), 0
    window[:-1] = window[1:]
    window[-1] = _without_noise(level, hist)
    x = np.empty(4 * WINDOW, np.uint8)
    features(window, x)
    i[CLOCK] += 1
    best, newest, learned = resonate(x, boxes, won, i[USED], i[CLOCK] & 0xFFFF, f[UPPER])
    if not learned:
        i[USED] = add_category(x, boxes, won, i[USED], i[CLOCK] & 0xFFFF)
    return _alarm(best, newest, i, f)


@njit(cache=True, nogil=True)
def _alarm(best, newest, i, f):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Count a match and adapt the vigilances when due; return the score of an alarm, else -1."""
    f[TOTAL] += best
    i[MATCHES] += 1
    i[SINCE] += 1
    f[LEAST] = min(f[LEAST], best)
    if f[LOWER] - best > SHORT_MIN:
        f[SHORTFALL] += min(SHORT_MAX, f[LOWER] - best)
        i[SHORT] += 1
    score = -1.0
    after = i[CLOCK] - i[ALARM] if i[ALARMS] else MASK_BLOCKS + 1
    if best < f[LOWER] and (after > MASK_BLOCKS or best < MASKED * f[LAST]):
        score = _score(best, newest, f)
        i[ALARM], f[LAST], after = i[CLOCK], best, 0
        f[PAST] += best
        i[ALARMS] += 1
    if i[SINCE] >= i[PERIOD] or after == MASK_BLOCKS:
        _adapt(i, f)
    return score

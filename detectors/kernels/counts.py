"""Kernel of counts: half-hourly sums against the rate of the weekday and time, with a two-state chain.

The rate of a slot is a low quantile of the same slot in five weeks, corrected for its bias, shrunk towards the same
time of the last days. A low quantile resists events that were learned as ordinary.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE, TIMELINES, emit

SLOT_NS = 1_800_000_000_000
DAY_SLOTS, WEEK_SLOTS, WEEKS = 48, 336, 5
HISTORY = WEEK_SLOTS * WEEKS
"""Slots of a series, as int16: 0 missing, else 1 + 32 times the root of the count, negative during an event."""

COUNTS, TOTALS, LEVELS = 0, 1, 2
"""Forms of a series: counts since the last message, running totals, numbers present."""

SUM, READINGS, NEWEST_VALUE, PER_SLOT, REGULAR, MEAN, SQUARE, SIZE, SPREAD, ODDS, PROVEN, SPECIAL, RATE, SD, NUMBERS = (
    range(15)
)
"""Columns of floats: sums of the present slot, cadence, level of the series, dispersion, state of the chain."""

SLOT, NEWEST, INTERVAL, BEGIN, STEP, TIMES = range(6)
"""Columns of integers: present slot, newest event time, last interval, begin of the event, levels raised."""

PRIOR, STAY, LEAST, MOST, WIDTH, RELATIVE, SHRINK, QUANTILE, YOUNG, FORGET, SPAN_DAYS = range(11)
"""Parameters: chance of an event, of its lasting; its least and greatest size; width; errors; shrinkage; memory."""

OFFLINE_NS = 2 * 86_400_000_000_000
REGULAR_MIN, OPEN_MIN, OPEN_LEAST = 0.6, 0.4, 1.0
CALM = -2.0
"""Log odds below which an event ends."""


@njit(cache=True, nogil=True)
def _log_density(x, mean, variance):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the log probability of a count by a negative binomial distribution of this mean and variance."""
    size = mean * mean / max(variance - mean, 1e-3 * mean * mean + 1e-6)
    size = min(max(size, 0.3), 500.0)
    return (
        math.lgamma(x + size) - math.lgamma(size) - math.lgamma(x + 1)
        + size * math.log(size / (size + mean)) + x * math.log(mean / (size + mean))
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _count(code):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    return ((abs(code) - 1.0) / 32.0) ** 2


@njit(cache=True, nogil=True)
def _quantile(sample, size, share):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    ordered = np.sort(sample[:size])
    at = share * (size - 1)
    low = int(at)
    return ordered[low] if low + 1 >= size else ordered[low] + (at - low) * (ordered[low + 1] - ordered[low])


@njit(cache=True, nogil=True)
def _center(sample, size, share, spread):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the mean behind a low quantile of a small sample (Blom 1958; normal quantile: Hastings 26.2.22)."""
    value = _quantile(sample, size, share)
    chance = (share * (size - 1) + 0.625) / (size + 0.25)
    u = math.sqrt(-2 * math.log(min(chance, 1 - chance)))
    z = u - (2.30753 + 0.27061 * u) / (1 + 0.99229 * u + 0.04481 * u * u)
    return value + (z if chance < 0.5 else -z) * math.sqrt(spread * max(value, 0.3))  # noqa: PLR2004 - half


@njit(cache=True, nogil=True)
def _expect(history, slot, num, prm):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return mean and variance of an ordinary count in a slot; a mean below 0 without two values."""
    own, other = np.empty(WEEKS), np.empty(32)
    owns, others = 0, 0
    for week in range(1, WEEKS):
        code = history[(slot - week * WEEK_SLOTS) % HISTORY]
        if code > 0:
            own[owns] = _count(code)
            owns += 1
    code = history[slot % HISTORY]  # five weeks ago: not yet overwritten
    if code > 0:
        own[owns] = _count(code)
        owns += 1
    for day in range(1, int(prm[SPAN_DAYS]) + 1):
        code = history[(slot - day * DAY_SLOTS) % HISTORY]
        if day % 7 != 0 and code > 0:
            other[others] = _count(code)
            others += 1
    if owns + others < 2:  # noqa: PLR2004 - one day is no course
        return -1.0, 0.0
    spread, share = num[SPREAD], prm[QUANTILE]
    pooled = _center(other, others, share, spread) if others else 0.0
    scatter = max(_quantile(other, others, 0.84) - pooled, 0.0) ** 2 if others > 1 else 0.0
    noise = spread * max(pooled, 0.3) + (prm[RELATIVE] * pooled) ** 2
    mean, weight = pooled, 1.0
    if owns:
        weight = prm[SHRINK] * noise / (noise + 1.8 * scatter) if others else 0.0
        mean = (owns * _center(own, owns, share, spread) + weight * pooled) / (owns + weight)
    mean = max(mean, 0.3)
    variance = max(spread, 1.0) * mean + (prm[RELATIVE] * mean) ** 2 + (0.0 if owns else 0.6 * scatter)
    known = owns + 0.5 * min(others, 2 * prm[SHRINK])
    return mean, variance + (prm[YOUNG] * mean) ** 2 / known


@njit(cache=True, nogil=True)
def _ratio(x, mean, variance, size, prm):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the likelihood ratio of an event: four sizes between the least and the greatest one."""
    ordinary, total = _log_density(x, mean, variance), 0.0
    for step in range(4):
        extra = size * prm[LEAST] * (prm[MOST] / prm[LEAST]) ** (step / 3.0)
        log = _log_density(x, mean + extra, variance + extra + (extra / prm[WIDTH]) ** 2)
        total += math.exp(min(log - ordinary, 300.0)) / 4
    return min(total, 1.0) if x <= mean else total


@njit(cache=True, nogil=True)
def _proves(history):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return whether the time of day explains a fair share of the variance of the roots of a week's counts or more."""
    sums, counts = np.zeros(DAY_SLOTS), np.zeros(DAY_SLOTS)
    total, square, number = 0.0, 0.0, 0
    for at in range(HISTORY):
        if history[at] != 0:
            root = math.sqrt(_count(history[at]))
            sums[at % DAY_SLOTS] += root
            counts[at % DAY_SLOTS] += 1
            total += root
            square += root * root
            number += 1
    if number < WEEK_SLOTS // 2:
        return False
    mean, between = total / number, 0.0
    for part in range(DAY_SLOTS):
        if counts[part] > 0:
            between += counts[part] * (sums[part] / counts[part] - mean) ** 2
    return between >= OPEN_MIN * (square - number * mean * mean) and mean * mean >= OPEN_LEAST


@njit(cache=True, nogil=True)
def _sum(num, form, offline):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the count of the present slot, below 0 where it is unknown; update the readings of a full slot."""
    readings, full = num[READINGS], num[PER_SLOT]
    x = -1.0
    if form == LEVELS:
        x = num[SUM] / readings if readings else -1.0
    elif num[REGULAR] < REGULAR_MIN:
        x = -1.0 if offline else num[SUM]
    elif readings and readings >= 0.5 * full:
        x = num[SUM] * max(full / readings, 1.0)
    if readings:
        num[PER_SLOT] = max(readings, 0.98 * full)
    return -1.0 if num[SPECIAL] > 0 else x


@njit(cache=True, nogil=True)
def _finish(x, slot, history, num, prm):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Score the count of a finished slot and add it to the history. Update mean, variance and log odds."""
    chance = 1 / (1 + math.exp(-num[ODDS]))
    chance = chance * prm[STAY] + (1 - chance) * prm[PRIOR]
    odds = math.log(chance / (1 - chance))
    num[RATE] = -1.0
    if x >= 0:
        x = float(round(x))
        num[SIZE] += 1
        step = max(1 / num[SIZE], 1 / WEEK_SLOTS)
        num[MEAN] += step * (x - num[MEAN])
        num[SQUARE] += step * (x * x - num[SQUARE])
        mean, variance = _expect(history, slot, num, prm)
        if mean > 0 and num[MEAN] > 0:
            odds += math.log(max(_ratio(x, mean, variance, num[SQUARE] / num[MEAN], prm), 1e-30))
            num[RATE], num[SD] = mean, math.sqrt(variance)
            if odds < 0 and mean > 1:
                num[SPREAD] += prm[FORGET] * (min((x - mean) ** 2 / mean, 4 * num[SPREAD]) - num[SPREAD])
    num[ODDS] = min(max(odds, -20.0), 20.0)
    code = 0 if x < 0 else 1 + round(32 * math.sqrt(min(x, 1e6)))
    history[slot % HISTORY] = -code if odds > 0 else code


@njit(cache=True, nogil=True)
def _read(value, form, num):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the addition of a reading to its slot; a running total that falls has started again."""
    before = num[NEWEST_VALUE]
    num[NEWEST_VALUE] = value
    if form != TOTALS:
        return value
    return 0.0 if math.isnan(before) else value - before if value >= before else value


@njit(cache=True, nogil=True)
def _emit(found, seen, count, entry, x, num):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Write an entry three times: with the count, its usual value and the standard deviation of that."""
    for value in (x, num[RATE], num[SD]):
        found, seen = emit(found, seen, count, entry, value)
        count += 1
    return found, seen, count


@njit(cache=True, nogil=True)
def update_counts(  # noqa: PLR0917 - compiled: arrays one by one
    rows: NDArray[np.int64],
    series: NDArray[np.int64],
    forms: NDArray[np.int8],
    special: NDArray[np.bool_],
    times: NDArray[np.int64],
    values: NDArray[np.float64],
    raises: NDArray[np.float64],
    prm: NDArray[np.float64],
    history: NDArray[np.int16],
    num: NDArray[np.float64],
    at: NDArray[np.int64],
    found: NDArray[np.int64],
    seen: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Add readings to their slots; score each slot that ends. Return three entries for each detection.

    series: index of each row; forms: COUNTS, TOTALS, LEVELS; special: the row is on a day off the weekly course;
    raises: log odds that raise each level. A reading behind its series' newest one is ignored.
    """
    count = 0
    for i in range(len(rows)):
        one, row = series[i], rows[i]
        own, mark = num[one], at[one]
        time = times[row]
        if mark[NEWEST] != NONE and time < mark[NEWEST]:
            continue
        slot = time // SLOT_NS
        if mark[SLOT] == NONE or slot - mark[SLOT] > HISTORY:
            if mark[SLOT] != NONE:
                history[one][:] = 0
            mark[SLOT], own[SUM], own[READINGS], own[SPECIAL] = slot, 0.0, 0.0, 1.0  # a part of a slot does not count
        while mark[SLOT] < slot:
            x = _sum(own, forms[i], time - mark[NEWEST] > OFFLINE_NS)
            _finish(x, mark[SLOT], history[one], own, prm)
            if mark[SLOT] % DAY_SLOTS == 0 and own[PROVEN] == 0 and _proves(history[one]):
                own[PROVEN] = 1.0
            begin, end = mark[SLOT] * SLOT_NS, (mark[SLOT] + 1) * SLOT_NS
            odds, step = own[ODDS], mark[STEP]
            while x >= 0 and own[PROVEN] > 0 and step < len(raises) and odds > raises[step]:
                mark[BEGIN] = begin if step == 0 else mark[BEGIN]
                entry = (row, one * TIMELINES, 0 if step == 0 else 1, step, mark[BEGIN], end)
                found, seen, count = _emit(found, seen, count, entry, x, own)
                step += 1
            if step > 0 and odds < CALM:
                entry = (row, one * TIMELINES, 2, step - 1, mark[BEGIN], end)
                found, seen, count = _emit(found, seen, count, entry, x, own)
                step = 0
            mark[STEP], mark[SLOT] = step, mark[SLOT] + 1
            own[SUM], own[READINGS], own[SPECIAL] = 0.0, 0.0, 0.0
        if mark[NEWEST] != NONE and time > mark[NEWEST]:
            interval = time - mark[NEWEST]
            even = abs(interval - mark[INTERVAL]) <= interval // 10
            own[REGULAR] += 0.05 * ((1.0 if even else 0.0) - own[REGULAR])
            mark[INTERVAL] = interval
        own[SUM] += _read(values[row], forms[i], own)
        own[READINGS] += 1
        own[SPECIAL] = max(own[SPECIAL], 1.0 if special[i] else 0.0)
        mark[NEWEST] = time
    return found, seen, count

"""Kernel of the evidence for a fire: log-likelihood ratios of the channels, and the level.

Source of the sum and of the product of smoke and CO: Gottuk et al., Fire Safety Journal 37 (2002) 381; of smoke, CO and
temperature together: Cestari, Worrell, Milke, Fire Safety Journal 40 (2005) 1. Each ratio is linear in the excess over
the baseline, as for a shift of a Gaussian, and bounded. Cost: about 0.3 us a reading.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .clouds import (
    AFTER_S,
    ALARM,
    BRISK,
    BRISK_RATE,
    BUSY,
    BY_CLOUD,
    BY_HEAT,
    BY_SMOKE,
    BY_SUM,
    CAP,
    CLEAN,
    CLEAR_S,
    COUNTS,
    EARLY,
    FIRST,
    FRESH_NS,
    HEAT_ALARM,
    HEAT_EARLY,
    HELD,
    KITCHEN,
    KITCHEN_FACTOR,
    LATEST,
    LEADING,
    LEAK_S,
    LEVEL,
    LIMIT,
    MATES,
    MISSED,
    ORDINARY,
    RATE,
    REASON,
    RISE_ALARM,
    RISE_SEVERE,
    SINCE,
    UNSCORED,
    WARMEST,
    best_of,
    held_back,
    smoke_of,
    update_smoke,
)
from .emission import LIVE, NONE, TIMELINES, emit
from .fire_channels import (
    BASE,
    CHANNELS,
    CO,
    COUNT,
    DAMP,
    LAST,
    MEAN,
    NET,
    NOISE,
    RISE,
    SEEN,
    SMOKE,
    SUM,
    SWING_S,
    WARM,
    WIDTH,
    YOUNG,
    excess,
    share,
    steady,
    update,
)

SIGNIFICANT, MIXED, STRAIGHT, READINGS = 4.0, 0.3, 0.6, 3
"""Rise in noise units that counts; net change over path of a rise by 5 K, and of a smaller one; least readings."""

BRISK_UNITS = 6.0
"""Noise units of a small rise at the brisk rate."""

CLEAR_GAS, ACTIVE = 2.0, 2.0
"""Ratio of CO from which smoke is no steam; evidence that keeps a detection open."""

LEAST, QUIETEST = np.array((0.004, 1.0, 0.3, 1.5)), np.array((3.0, 2.5, 3.0, 2.0))
"""By channel: least noise unit of the ratio, and units that count as quiet."""

FACT_LAST, FACT_BASE, FACT_RATE, FACT_PART = 0, 4, 8, 12
FACT_SUM, FACT_NOW, FACT_RISE, FACT_MATE, FACT_REASON, FACT_LEADING, FACTS = 16, 17, 18, 19, 20, 21, 22
"""Columns of the facts of an entry: last value, baseline, rate a minute and ratio of each channel; leaky and present
sum of the evidence; rise of the temperature; series that agrees; reason; leading channel."""


@njit(cache=True, nogil=True)
def _ratios(values, times, rows, mates, slot, line, time, fact):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Fill the facts of the channels: values of the sensor, else of its place, and the ratio of each."""
    for channel in range(CHANNELS):
        above, noise, _, row = best_of(values, times, rows, mates, slot, line, channel, time)
        if row < 0:
            fact[FACT_LAST + channel] = fact[FACT_BASE + channel] = fact[FACT_RATE + channel] = np.nan
            fact[FACT_PART + channel] = 0.0
            continue
        at = channel * WIDTH
        fact[FACT_LAST + channel], fact[FACT_BASE + channel] = values[row, at + LAST], values[row, at + BASE]
        fact[FACT_RATE + channel] = values[row, at + LAST] - values[row, at + MEAN]
        units = above / max(LEAST[channel], noise) - QUIETEST[channel]
        fact[FACT_PART + channel] = min(CAP, max(0.0, units))


@njit(cache=True, nogil=True)
def _sum(values, times, rows, mates, slot, line, time, fact):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Return the present evidence: the ratios, the products with smoke, and a share of the other sensors' evidence."""
    _ratios(values, times, rows, mates, slot, line, time, fact)
    smoke, gas, warm = fact[FACT_PART + SMOKE], fact[FACT_PART + CO], fact[FACT_PART + WARM]
    total = smoke + gas + warm + min(smoke, gas) + 0.5 * min(smoke, warm)
    if gas < CLEAR_GAS:
        total -= fact[FACT_PART + DAMP]
    beside, agrees = 0.0, -1
    for mate in mates[slot]:
        if mate < 0:
            break
        row = rows[mate * TIMELINES + line]
        if row < 0 or times[row, LATEST] == NONE or abs(time - times[row, LATEST]) > FRESH_NS:
            continue
        if values[row, SUM] > beside:
            beside, agrees = values[row, SUM], mate
    fact[FACT_MATE] = agrees if beside >= 1.0 else -1
    return max(0.0, total) + (MATES * beside if smoke + gas + warm > 0 else 0.0)


@njit(cache=True, nogil=True)
def _heat(values, times, row, time, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the level of the heat alone: a steady rise by degrees, far above the noise of the sensor."""
    at, seen = WARM * WIDTH, times[row, SEEN + WARM]
    if seen == NONE or time - seen > FRESH_NS or times[row, COUNT + WARM] < READINGS:
        return 0
    if values[row, at + BASE] > settings[WARMEST]:
        return 0
    above, noise, rise = excess(values, row, WARM), values[row, at + NOISE], values[row, RISE]
    straight = steady(values, row)
    if rise >= settings[RISE_ALARM] and rise >= SIGNIFICANT * noise and straight > MIXED:
        return 3 if rise >= settings[RISE_SEVERE] else 2
    rate = values[row, NET] / SWING_S
    if above >= settings[HEAT_EARLY] and above >= SIGNIFICANT * noise and straight >= STRAIGHT:
        return 2 if rate >= settings[RATE] and above >= settings[HEAT_ALARM] else 1
    brisk = times[row, COUNT + WARM] >= YOUNG and rate >= settings[BRISK_RATE] and rise >= BRISK_UNITS * noise
    return int(brisk and rise * straight >= settings[BRISK])


@njit(cache=True, nogil=True)
def _reached(times, row, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return 1 + the highest smoke limit that was passed for long enough and by enough readings; 0 for none."""
    reached = 0
    for step in range(3):
        since = times[row, SINCE + step]
        if since == NONE or times[row, MISSED + step] > 0 or times[row, HELD + step] < settings[COUNTS + step]:
            continue
        if (times[row, SEEN + SMOKE] - since) / 1e9 >= settings[AFTER_S + step]:
            reached = step + 1
    return reached


@njit(cache=True, nogil=True)
def _wanted(values, times, rows, mates, slot, line, time, smoke, where, settings):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Return the level that the readings ask for, and its reason."""
    row = rows[slot * TIMELINES + line]
    level, reason = 0, BY_SMOKE
    if where != KITCHEN:
        level = _reached(times, row, settings)
        if level > 1 and held_back(values, times, rows, mates, slot, line, time, smoke, settings):
            level, reason = 1, BY_CLOUD
    factor = KITCHEN_FACTOR if where == KITCHEN else 1.0
    total, summed = values[row, SUM], 0
    if total >= factor * settings[EARLY]:
        summed = 1
    if total >= factor * settings[ALARM]:
        summed = 3 if smoke >= settings[LIMIT + 2] else 2
    if summed > level:
        level, reason = summed, BY_SUM
    warm = _heat(values, times, row, time, settings) if where == ORDINARY else 0
    if warm > level:
        level, reason = warm, BY_HEAT
    return level, reason


@njit(cache=True, nogil=True)
def _leading(times, row, reason):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return the channel whose metric the detection carries."""
    if reason == BY_HEAT:
        return WARM
    for channel in range(CHANNELS):
        if times[row, SEEN + channel] != NONE:
            return channel
    return SMOKE


@njit(cache=True, nogil=True)
def _rise_to(times, row, level, reason, time):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Set a higher level; return the phase and the begin of the detection."""
    phase = 1
    if times[row, LEVEL] == 0:
        phase = 0
        begin = times[row, SINCE + level - 1] if reason == BY_SMOKE else time
        times[row, FIRST] = begin if begin != NONE else time
        times[row, LEADING] = _leading(times, row, reason)
    times[row, LEVEL], times[row, REASON] = level, reason
    return phase, times[row, FIRST]


@njit(cache=True, nogil=True)
def _report(entry, row, times, values, fact, found, indices, facts, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Write an entry with its facts; return the tables, grown when full."""
    found, indices = emit(found, indices, count, entry, float(count))
    if count == len(facts):
        longer = np.empty((2 * count, FACTS))
        longer[:count] = facts
        facts = longer
    fact[FACT_SUM], fact[FACT_RISE] = values[row, SUM], values[row, RISE]
    fact[FACT_REASON], fact[FACT_LEADING] = times[row, REASON], times[row, LEADING]
    facts[count] = fact
    return found, indices, facts


@njit(cache=True, nogil=True)
def update_evidence(  # noqa: PLR0917 - compiled: arrays one by one
    at_rows: NDArray[np.int64],
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    channels: NDArray[np.int8],
    moments: NDArray[np.int64],
    readings: NDArray[np.float64],
    rises: NDArray[np.float64],
    where: NDArray[np.int8],
    rows: NDArray[np.int32],
    mates: NDArray[np.int32],
    settings: NDArray[np.float64],
    values: NDArray[np.float64],
    times: NDArray[np.int64],
    found: NDArray[np.int64],
    indices: NDArray[np.float64],
    facts: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], int]:
    """Update the states by all readings of a batch, in order; append raises, changes and clears to `found` and `facts`.

    channels, moments, readings, rises: of each reading; channel -1: skipped; rises: rise of the temperature within a
    minute, NaN for others. where: surroundings by series. rows: row of each state in values and times, -1 without one.
    mates: (series, n), other series of its place, -1 after the last one. Out-of-order readings are skipped.
    """
    count, fact = 0, np.zeros(FACTS)
    for i in range(len(at_rows)):
        state, time, channel = states[i], moments[i], channels[i]
        slot, line, row = state // TIMELINES, state % TIMELINES, rows[state]
        if older[i] or channel < 0 or where[slot] == UNSCORED:
            continue
        update(values, times, row, channel, readings[i], time, settings[LIMIT + 2])
        if channel == SMOKE:
            update_smoke(values, times, row, time, settings)
        elif channel == WARM and not np.isnan(rises[i]):
            values[row, RISE] = rises[i]
        smoke = smoke_of(values, times, row, settings)
        seconds = (time - times[row, LATEST]) / 1e9 if times[row, LATEST] != NONE else 0.0
        times[row, LATEST] = time
        fact[FACT_NOW] = _sum(values, times, rows, mates, slot, line, time, fact)
        values[row, SUM] += share(max(0.0, seconds), settings[LEAK_S]) * (fact[FACT_NOW] - values[row, SUM])
        level, reason = _wanted(values, times, rows, mates, slot, line, time, smoke, where[slot], settings)
        if level > 0 or smoke >= CLEAN or values[row, SUM] >= ACTIVE:
            times[row, BUSY] = time
        if level > times[row, LEVEL]:
            phase, begin = _rise_to(times, row, level, reason, time)
            entry = (at_rows[i], state, phase, level, begin, max(time, begin))
            found, indices, facts = _report(entry, row, times, values, fact, found, indices, facts, count)
            count += 1
        if times[row, BUSY] == time:
            continue
        for other in range(state, state + (TIMELINES if line == LIVE else 1)):
            own = rows[other]
            if own < 0 or times[own, LEVEL] == 0 or (time - times[own, BUSY]) / 1e9 < settings[CLEAR_S]:
                continue
            entry = (at_rows[i], other, 2, times[own, LEVEL], times[own, FIRST], max(time, times[own, FIRST]))
            times[own, LEVEL] = 0
            found, indices, facts = _report(entry, own, times, values, fact, found, indices, facts, count)
            count += 1
    return found, indices, facts, count

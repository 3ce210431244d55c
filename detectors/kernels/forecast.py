"""Kernel loop of forecasts to a limit, over the readings of a batch in order.

Intervals are conformal: after each rise the ends of the log interval move by quantile tracking (Angelopoulos et al.,
"Conformal PID control", 2023), once for each bin of times and pooled over all series. Errors of levels are divided by
the spread of the forecasters (normalised conformal prediction), those of street floods are not.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - compiled: arrays one by one, types are inferred
from __future__ import annotations

import numpy as np
from numba import njit

from detectors.recipes.kinds import STEPS

from .buckets import push
from .emission import NONE
from .rises import (
    ABOVE_S,
    AHEAD_S,
    BELIEF,
    BINS,
    BUCKET,
    CLEAR_S,
    COUNT,
    EXPECTED,
    FORECASTERS,
    GAP_S,
    HELD,
    HELD_OF,
    HIGH,
    HIGH_S,
    ISSUED,
    ISSUED_S,
    LAST_S,
    LOW,
    LOW_BEFORE,
    LOW_S,
    NOISE,
    OF,
    ORIGIN,
    PREVIOUS,
    REACH,
    REACH_S,
    RISE_M,
    RISING,
    SCALE,
    SCALED,
    SCORED,
    SECOND,
    SIZE,
    STREET,
    UPPER_S,
    USUAL,
    VALUE_HIGH,
    VALUE_LOW,
    WET_S,
    WIDTH_S,
    X,
    advance,
    bin_of,
    combine,
    conclude,
    follow,
    learn_value,
    smooth,
    values,
    warned,
)  # fmt: skip
from .street import FEATURES, street_features, weighted

VALUE_AT_S, VALUE_FROM, VALUE_TO, VALUES = 0, 1, 2, 3
"""Facts of a value forecast: seconds ahead, ends of the interval."""


@njit(cache=True, nogil=True)
def _end(at, counter, episode, pooled, setting):
    """End a rise without a crossing."""
    for k in range(STEPS):
        conclude(at, False, k, episode, pooled, setting)
    counter[RISING] = 0


@njit(cache=True, nogil=True)
def _course(at, value, number, counter, episode, limits, pooled, setting):
    """Start, continue or end the rise of a series by a reading."""
    low = 0.0 if setting[STREET] else follow(at, value, number, counter)
    least = setting[RISE_M] if setting[STREET] else max(setting[RISE_M], 5 * number[NOISE])
    above = value > low + least
    if above and not counter[RISING]:
        counter[RISING] = 1
        number[WET_S], number[HIGH], number[HIGH_S] = at, value, at
    if not counter[RISING]:
        return
    if above:
        number[ABOVE_S] = at
    if value > number[HIGH]:
        number[HIGH], number[HIGH_S] = value, at
    for k in range(STEPS):
        if value >= limits[k]:
            conclude(at, True, k, episode, pooled, setting)
    recedes = not setting[STREET] and number[HIGH] - value > max(0.3 * (number[HIGH] - low), least)
    if recedes or at - number[ABOVE_S] >= setting[GAP_S] / 2:
        _end(at, counter, episode, pooled, setting)
        number[LOW] = number[LOW_BEFORE] = value


@njit(cache=True, nogil=True)
def _issue(at, expected, ahead, pending, loss, pooled, setting, out):
    """Issue the forecast of a value; fill out with its interval."""
    pending[:FORECASTERS] = ahead
    scale = max(1 / np.sqrt(np.mean(1 / (loss * loss + 1e-8))), 1e-4)
    pending[ISSUED_S], pending[EXPECTED], pending[SCALE] = at, expected, scale
    out[VALUE_AT_S] = setting[AHEAD_S]
    out[VALUE_FROM] = expected + scale * pooled[VALUE_LOW]
    out[VALUE_TO] = expected + scale * pooled[VALUE_HIGH]
    if setting[STREET]:
        out[VALUE_FROM], out[VALUE_TO] = max(out[VALUE_FROM], 0.0), max(out[VALUE_TO], 0.0)


@njit(cache=True, nogil=True)
def _limits_ahead(
    at, value, number, size, own, features, models, limits, least, times, scales, pooled, setting, episode, facts, signs
):
    """Fill facts (STEPS, FACTS) and signs (STEPS,) with the forecasts to each limit; see `warned`."""
    for k in range(STEPS):
        belief, reach, scale = np.nan, times[k], scales[k]
        if limits[k] == np.inf or value >= limits[k]:
            continue
        if setting[STREET]:
            wet_s, high_s = at - number[WET_S], at - number[HIGH_S]
            street_features(at, value, limits[k], wet_s, number[HIGH], high_s, size, own, features)
            belief = 1 / (1 + np.exp(-weighted(features, models[0])))
            reach, scale = np.exp(min(max(weighted(features, models[1]), 0.0), 12.0)), 1.0
        signs[k] = warned(at, value, k, reach, belief, least, limits, setting, number)
        if not np.isfinite(reach):
            continue
        b = bin_of(reach)
        if signs[k] == 1 and np.isnan(episode[k, b, ISSUED]):
            episode[k, b, ISSUED], episode[k, b, REACH], episode[k, b, SCALED] = at, reach, scale
        facts[k, REACH_S], facts[k, BELIEF] = reach, belief
        facts[k, LOW_S] = reach * np.exp(scale * pooled[b])
        facts[k, UPPER_S] = reach * np.exp(scale * pooled[BINS + b])
        facts[k, HELD_OF], facts[k, OF] = pooled[HELD], pooled[SCORED]


@njit(cache=True, nogil=True)
def _switch(at, signs, active, confirmed, off_s, setting):
    """Raise and clear the levels of a series by the signs of its forecasts."""
    for k in range(STEPS):
        if not active[k]:
            confirmed[k] = confirmed[k] + 1 if signs[k] == 1 else 0
            if confirmed[k] >= setting[COUNT]:
                active[k], confirmed[k], off_s[k] = True, 0, np.nan
        elif signs[k] >= 0:
            off_s[k] = np.nan
        elif np.isnan(off_s[k]):
            off_s[k] = at
        elif at - off_s[k] >= setting[CLEAR_S]:
            active[k] = False


@njit(cache=True, nogil=True)
def _top(active):
    """Return 1 + the highest active level, 0 without any."""
    for k in range(STEPS - 1, -1, -1):
        if active[k]:
            return k + 1
    return 0


@njit(cache=True, nogil=True)
def _receive(at, time, value, number, counter, own, pending, episode, pooled, setting):
    """Take a reading into the buckets and the filter; return the smoothed value and whether a bucket began."""
    if at - number[LAST_S] > setting[GAP_S]:
        if counter[RISING]:
            _end(number[LAST_S], counter, episode, pooled, setting)
        counter[SIZE] = 0
        number[PREVIOUS] = number[SECOND] = number[X] = pending[ISSUED_S] = np.nan
    value = value if setting[STREET] else smooth(value, number)
    bucket = time // np.int64(setting[WIDTH_S] * 1e9)
    fresh = bucket != counter[BUCKET]
    keep = counter[RISING] == 1 and not setting[STREET]
    counter[SIZE] = push(at, value, counter[SIZE], fresh, keep, own)
    advance(at - number[LAST_S], value, number)
    counter[BUCKET], number[LAST_S] = bucket, at
    return value, fresh


@njit(cache=True, nogil=True)
def _predict(s, at, value, limits, least, models, setting, state, pools, facts, ahead_row, signs):
    """Forecast a series during a rise: a value, and the times to its limits; fill facts and signs."""
    number, size, own = state[0][s], state[1][s, SIZE], (state[2][s], state[3][s], state[4][s])
    pending, loss, episode = state[5][s], state[6][s], state[7][s]
    pooled, pooled_loss = pools
    features, times, scales = np.empty(FEATURES), np.empty(STEPS), np.ones(STEPS)
    ahead, reach = np.empty(FORECASTERS), np.full((FORECASTERS, STEPS), np.inf)
    for f in range(FORECASTERS):
        loss[f] = pooled_loss[f] if np.isnan(loss[f]) else loss[f]
    values(at, value, number, size, own, features, models, limits, setting, ahead, reach)
    expected = combine(ahead, reach, loss, value, limits, times, scales)
    if np.isnan(pending[ISSUED_S]):
        _issue(at, expected, ahead, pending, loss, pooled, setting, ahead_row)
    _limits_ahead(
        at, value, number, size, own, features, models, limits, least, times, scales, pooled, setting, episode, facts,
        signs,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _verify(at, value, pending, loss, pools, setting):
    """Score the pending forecast of a value once its time has come; without a reading near it, drop it."""
    if at >= pending[ISSUED_S] + setting[AHEAD_S]:
        if at <= pending[ISSUED_S] + 1.5 * setting[AHEAD_S]:
            learn_value(value, pending, loss, pools[1], pools[0], setting)
        pending[ISSUED_S] = np.nan


@njit(cache=True, nogil=True)
def _read(time, reading, s, limits, least, models, setting, state, pools, facts, ahead_row, signs):
    """Update one series by a reading; fill facts and signs. Return whether its levels may change."""
    number, counter, pending, episode = state[0][s], state[1][s], state[5][s], state[7][s]
    if counter[ORIGIN] == NONE:
        counter[ORIGIN] = time
    at = (time - counter[ORIGIN]) / 1e9
    own = state[2][s], state[3][s], state[4][s]
    value, fresh = _receive(at, time, reading, number, counter, own, pending, episode, pools[0], setting)
    _course(at, value, number, counter, episode, limits, pools[0], setting)
    facts[:, USUAL] = 0.0 if setting[STREET] else min(number[LOW], number[LOW_BEFORE])
    _verify(at, value, pending, state[6][s], pools, setting)
    if counter[RISING] and not fresh and not setting[STREET]:
        return False
    if counter[RISING]:
        _predict(s, at, value, limits, least, models, setting, state, pools, facts, ahead_row, signs)
    for k in range(STEPS):
        signs[k] = max(signs[k], 0) if value >= limits[k] else signs[k]
        facts[k, REACH_S] = facts[k, REACH_S] if signs[k] == 1 else np.nan
    return True


@njit(cache=True, nogil=True)
def update_forecasts(
    rows, slots, times, readings, reads, limits, least, models, setting, state, pools, found, facts, ahead_rows
):
    """Update the series by the readings of a batch; return the number of entries.

    state: numbers, counters, bucket times, means, counts, pending, loss, episodes, active, confirmed, off_s, first_ns.
    pools: pooled interval ends, losses. found: (rows, 6): row, slot, phase, step, first time, place in facts. facts:
    (rows, STEPS, FACTS), NaN without a forecast that supports a finding. ahead_rows: (rows, VALUES), NaN without one.
    """
    count = 0
    for i in range(len(rows)):
        s, time = slots[i], times[rows[i]]
        signs = np.full(STEPS, -1)
        if not reads[s]:
            continue
        ahead_row, own_limits = ahead_rows[i], limits[s]
        if not _read(
            time, readings[i], s, own_limits, least, models, setting, state, pools, facts[i], ahead_row, signs
        ):
            continue
        active, firsts = state[8][s], state[11]
        before = _top(active)
        _switch(state[0][s, LAST_S], signs, active, state[9][s], state[10][s], setting)
        now = _top(active)
        if now != before:
            firsts[s] = time if before == 0 else firsts[s]
            found[count, 0], found[count, 1], found[count, 2] = rows[i], s, 0 if before == 0 else (2 if now == 0 else 1)
            found[count, 3], found[count, 4], found[count, 5] = max(now, 1) - 1, firsts[s], i
            count += 1
    return count

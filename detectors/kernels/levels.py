"""Kernel of rising levels: limit, duration, count and hysteresis per level, on event time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.recipes.kinds import STEPS

from .emission import LIVE, NONE, TIMELINES, emit


@njit(cache=True, nogil=True)
def _fall(state, step, time, value, low, clear_ns, active, since, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Clear an active level once the value has stayed at or below `low` for `clear_ns`."""
    if value > low:
        below[state, step] = NONE
        return
    if below[state, step] == NONE:
        below[state, step] = time
    if time - below[state, step] >= clear_ns:
        active[state, step] = False
        since[state, step] = NONE
        below[state, step] = NONE


@njit(cache=True, nogil=True)
def _rise(state, step, time, after_ns, count, active, since, seen, newest, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Count a value at or above the limit; activate the level after `after_ns` and `count` readings."""
    if since[state, step] == NONE:
        since[state, step] = newest[state, step] = time
        seen[state, step] = 0
    since[state, step] = min(since[state, step], time)
    newest[state, step] = max(newest[state, step], time)
    seen[state, step] += 1
    if seen[state, step] >= count and newest[state, step] - since[state, step] >= after_ns:
        active[state, step] = True
        below[state, step] = NONE


@njit(cache=True, nogil=True)
def _resume(state, step, time, since, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """End a pending level that an earlier value below the limit has interrupted; one of this time does not count."""
    if below[state, step] != NONE and below[state, step] < time:
        since[state, step] = NONE
    below[state, step] = NONE


@njit(cache=True, nogil=True)
def _interrupt(state, step, time, since, newest, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Note a value below the limit of a pending level; the next later value ends the level.

    Two values of one time come from two sources under one name. The higher one counts, in either order.
    """
    if newest[state, step] == time:
        return
    if below[state, step] == NONE:
        below[state, step] = time
    elif below[state, step] < time:
        since[state, step] = NONE
        below[state, step] = NONE


@njit(cache=True, nogil=True)
def _step(state, time, value, older, settle, limit, low, after, counts, clear_ns, active, since, seen, newest, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Update all levels of a state by one reading; return whether any is pending or active.

    older: out of order, can only raise; settle: can only clear.
    """
    busy = False
    for step in range(STEPS):
        if active[state, step]:
            if not older:
                _fall(state, step, time, value, low[step], clear_ns, active, since, below)
        elif value >= limit[step] and not settle:
            if not older:
                _resume(state, step, time, since, below)
            _rise(state, step, time, after[step], counts[step], active, since, seen, newest, below)
        elif not older and since[state, step] != NONE:
            _interrupt(state, step, time, since, newest, below)
        busy = busy or since[state, step] != NONE
    return busy


@njit(cache=True, nogil=True)
def _top(state, active):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """Return 1 + the highest active step, 0 without any."""
    for step in range(STEPS - 1, -1, -1):
        if active[state, step]:
            return step + 1
    return 0


@njit(cache=True, nogil=True)
def rising(
    states: NDArray[np.int64], x: NDArray[np.float64], ladder: NDArray[np.int32], limit: NDArray[np.float64]
) -> int:
    """Count the rows that reach the lowest limit of their series: a bound on the states that become active."""
    count = 0
    for i in range(len(states)):
        if x[i] >= limit[ladder[states[i] // TIMELINES], 0]:
            count += 1
    return count


@njit(cache=True, nogil=True)
def update_levels(  # noqa: PLR0917 - compiled: arrays one by one
    rows: NDArray[np.int64],
    states: NDArray[np.int64],
    older: NDArray[np.bool_],
    times: NDArray[np.int64],
    x: NDArray[np.float64],
    ladder: NDArray[np.int32],
    limit: NDArray[np.float64],
    low: NDArray[np.float64],
    after: NDArray[np.int64],
    counts: NDArray[np.int64],
    clear_ns: int,
    place: NDArray[np.int32],
    free: NDArray[np.int32],
    left: NDArray[np.int64],
    active: NDArray[np.bool_],
    since: NDArray[np.int64],
    seen: NDArray[np.int64],
    newest: NDArray[np.int64],
    below: NDArray[np.int64],
    first: NDArray[np.int64],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Update the levels by the measure `x`, one for each of `rows`; append raises, changes and clears to `found`.

    NaN in x: no reading. ladder: row of each series in limit and low, shape (ladders, STEPS): limits to reach, limits
    to clear. A live reading can also clear the late and the drill timeline of its series. place, free, left and the
    columns after them: see `ActiveStates`; at least `rising` rows must be free.
    """
    count = 0
    for i in range(len(rows)):
        value = x[i]
        home = states[i]
        step = ladder[home // TIMELINES]
        timelines = TIMELINES if home % TIMELINES == LIVE else 1
        for timeline in range(timelines):
            state = home + timeline
            if np.isnan(value) or (place[state] < 0 and (timeline > 0 or value < limit[step, 0])):
                continue
            if place[state] < 0:
                left[0] -= 1
                place[state] = free[left[0]]
            at = place[state]
            time = times[rows[i]]
            before = _top(at, active)
            start = first[at]
            busy = _step(
                at, time, value, older[i], timeline > 0, limit[step], low[step], after, counts, clear_ns,
                active, since, seen, newest, below,
            )  # fmt: skip
            now = _top(at, active)
            if now != before:
                if before == 0:
                    start = first[at] = since[at, now - 1]
                phase = 0 if before == 0 else (2 if now == 0 else 1)
                entry = (rows[i], state, phase, max(now, 1) - 1, start, max(time, newest[at, 0]))
                found, values = emit(found, values, count, entry, value)
                count += 1
            if not busy:
                seen[at], newest[at], below[at], first[at] = 0, NONE, NONE, NONE
                place[state] = -1
                free[left[0]] = at
                left[0] += 1
    return found, values, count

"""Rising levels over a value: each level with its limit, duration, count and hysteresis, on event time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from detectors.recipes.kinds import STEPS

from .emission import LANES, LIVE, NONE, emit


@njit(cache=True, nogil=True)
def _fall(cell, step, time, value, low, clear_ns, active, since, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """An active level: over once the value has stayed at or under `low` for `clear_ns`."""
    if value > low:
        below[cell, step] = NONE
        return
    if below[cell, step] == NONE:
        below[cell, step] = time
    if time - below[cell, step] >= clear_ns:
        active[cell, step] = False
        since[cell, step] = NONE
        below[cell, step] = NONE


@njit(cache=True, nogil=True)
def _rise(cell, step, time, after_ns, count, active, since, seen, newest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """A level whose limit is reached: active once that has lasted and was seen often enough."""
    if since[cell, step] == NONE:
        since[cell, step] = newest[cell, step] = time
        seen[cell, step] = 0
    since[cell, step] = min(since[cell, step], time)
    newest[cell, step] = max(newest[cell, step], time)
    seen[cell, step] += 1
    if seen[cell, step] >= count and newest[cell, step] - since[cell, step] >= after_ns:
        active[cell, step] = True


@njit(cache=True, nogil=True)
def _step(cell, time, value, older, settle, limit, low, after, counts, clear_ns, active, since, seen, newest, below):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Move all levels of a cell by one reading; gives whether anything is pending or active.

    older: came out of order, may only add to evidence; settle: may only bring levels down.
    """
    busy = False
    for step in range(STEPS):
        if active[cell, step]:
            if not older:
                _fall(cell, step, time, value, low[step], clear_ns, active, since, below)
        elif value >= limit[step] and not settle:
            _rise(cell, step, time, after[step], counts[step], active, since, seen, newest)
        elif not older:
            since[cell, step] = NONE
        busy = busy or since[cell, step] != NONE
    return busy


@njit(cache=True, nogil=True)
def _top(cell, active):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined loop body
    """1 + the highest active step, 0 when none is."""
    for step in range(STEPS - 1, -1, -1):
        if active[cell, step]:
            return step + 1
    return 0


@njit(cache=True, nogil=True)
def rising(
    cells: NDArray[np.int64], x: NDArray[np.float64], ladder: NDArray[np.int32], limit: NDArray[np.float64]
) -> int:
    """How many of the rows reach the lowest limit of their series: no more cells than these can become busy."""
    count = 0
    for i in range(len(cells)):
        if x[i] >= limit[ladder[cells[i] // LANES], 0]:
            count += 1
    return count


@njit(cache=True, nogil=True)
def judge(  # noqa: PLR0917 - compiled: arrays one by one
    rows: NDArray[np.int64],
    cells: NDArray[np.int64],
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
    """Judge `x` (one for each of `rows`) and write raises, changes and clears to `found`.

    ladder: of each series, its row in limit and low, (ladders, STEPS): limits to reach and limits to fall back to; NaN
    in x is no reading. A live reading also settles the late and the drill lane of its series: what is over live is over
    there. place, free, left and the columns after them: see `BusyCells`; at least `rising` rows must be free.
    """
    count = 0
    for i in range(len(rows)):
        value = x[i]
        home = cells[i]
        step = ladder[home // LANES]
        lanes = LANES if home % LANES == LIVE else 1
        for lane in range(lanes):
            cell = home + lane
            if np.isnan(value) or (place[cell] < 0 and (lane > 0 or value < limit[step, 0])):
                continue
            if place[cell] < 0:
                left[0] -= 1
                place[cell] = free[left[0]]
            at = place[cell]
            time = times[rows[i]]
            before = _top(at, active)
            start = first[at]
            busy = _step(
                at, time, value, older[i], lane > 0, limit[step], low[step], after, counts, clear_ns,
                active, since, seen, newest, below,
            )  # fmt: skip
            now = _top(at, active)
            if now != before:
                if before == 0:
                    start = first[at] = since[at, now - 1]
                phase = 0 if before == 0 else (2 if now == 0 else 1)
                entry = (rows[i], cell, phase, max(now, 1) - 1, start, max(time, newest[at, 0]))
                found, values = emit(found, values, count, entry, value)
                count += 1
            if not busy:
                seen[at], newest[at], below[at], first[at] = 0, NONE, NONE, NONE
                place[cell] = -1
                free[left[0]] = at
                left[0] += 1
    return found, values, count

"""Who has not been heard for too long, by the time for which the service itself was there to hear."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import LANES, NONE, emit

SECOND_NS = 1_000_000_000
FAR = np.iinfo(np.int64).max

CLOCK, ARRIVAL, TICKING, DUE, REGISTERS = 0, 1, 2, 3, 4
"""Registers: time heard so far, newest arrival, 1 once the service's ticks were seen, next deadline."""


@njit(cache=True, nogil=True)
def _scan(row, now, register, limit, ladder, heard, at, step, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Raise what is due; finds the next deadline."""
    due = FAR
    for sensor in range(len(step)):
        if heard[sensor] == NONE or limit[sensor] == FAR:
            continue
        while step[sensor] < len(ladder) and now - heard[sensor] >= limit[sensor] + ladder[step[sensor]]:
            phase = 1 if step[sensor] > 0 else 0
            entry = (row, sensor * LANES, phase, step[sensor], at[sensor], register[ARRIVAL])
            found, values = emit(found, values, count, entry, (now - heard[sensor]) / 1e9)
            count += 1
            step[sensor] += 1
        if step[sensor] < len(ladder):
            due = min(due, heard[sensor] + limit[sensor] + ladder[step[sensor]])
    register[DUE] = due
    return found, values, count


@njit(cache=True, nogil=True)
def listen(  # noqa: C901, PLR0917 - compiled: arrays one by one, one loop
    sensors: NDArray[np.int32],
    arrivals: NDArray[np.int64],
    tick: NDArray[np.bool_],
    offline: NDArray[np.int8],
    limit: NDArray[np.int64],
    ladder: NDArray[np.int64],
    gap_ns: int,
    register: NDArray[np.int64],
    heard: NDArray[np.int64],
    at: NDArray[np.int64],
    step: NDArray[np.int64],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Go through a batch; offline: 1 where a row says that its sensor is gone, else 0.

    heard, at: (sensors,), when it was last heard, on the clock that skips our own downtime and as arrival time;
    limit: silence that is too long (FAR: not watched); ladder: further spans after it, the first 0. A gap of more than
    gap_ns between arrivals is our own downtime once ticks are known, and is not counted. Deadlines are looked at
    on whole seconds only, which bounds the scans.
    """
    count = 0
    for row in range(len(sensors)):
        if register[ARRIVAL] == NONE:
            register[ARRIVAL] = arrivals[row]
        gap = arrivals[row] - register[ARRIVAL]
        if gap > 0:
            register[ARRIVAL] = arrivals[row]
            if not (register[TICKING] and gap > gap_ns):
                register[CLOCK] += gap
        now = register[CLOCK]
        whole = now - now % SECOND_NS
        if whole >= register[DUE]:
            found, values, count = _scan(row, whole, register, limit, ladder, heard, at, step, found, values, count)
        if tick[row]:
            register[TICKING] = 1
            continue
        sensor = sensors[row]
        if limit[sensor] == FAR:
            continue
        was, begun = step[sensor], at[sensor]
        heard[sensor] = now
        at[sensor] = arrivals[row]
        step[sensor] = 0
        register[DUE] = min(register[DUE], now + limit[sensor])
        if offline[row]:
            step[sensor] = max(was, 1)
            if was == 0:
                entry = (row, sensor * LANES, 0, 0, arrivals[row], arrivals[row])
                found, values = emit(found, values, count, entry, 0.0)
                count += 1
        elif was > 0:
            entry = (row, sensor * LANES, 2, was - 1, begun, arrivals[row])
            found, values = emit(found, values, count, entry, 0.0)
            count += 1
    return found, values, count

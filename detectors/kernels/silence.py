"""Who has not been heard for too long, by the time for which the service itself was there to hear.

A sensor that sends at even intervals and whose period nobody told is listened to for a while, and its period taken from
that. When a gateway is gone, it is the one that is silent: what is behind it is neither told nor forgotten.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from .emission import NONE, TIMELINES, emit

SECOND_NS = 1_000_000_000
FAR = np.iinfo(np.int64).max

CLOCK, ARRIVAL, TICKING, DUE, REGISTERS = 0, 1, 2, 3, 4
"""Registers: time heard so far, newest arrival, 1 once the service's ticks were seen, next deadline."""

INTERVALS = 8
"""Intervals between messages from which a period is learned."""

_EVEN, _EVEN_SHARE = 7, 0.15  # so many of the intervals must lie so close to their median: chance does not do that
_MISSED = 1.25  # periods after which a message is missed for sure
_LATE_STEPS = 32  # messages over which a lateness is forgotten
_HOPS = 4  # gateways behind gateways that are followed


@njit(cache=True, nogil=True)
def _fastest(limit, heard, parent, second):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """The second shortest limit among the sensors behind each gateway; FAR where there are fewer than two."""
    first = np.full(len(second), FAR, np.int64)
    second[:] = FAR
    for sensor in range(len(parent)):
        above = parent[sensor]
        if above >= 0 and heard[sensor] != NONE:
            if limit[sensor] < first[above]:
                second[above] = first[above]
                first[above] = limit[sensor]
            elif limit[sensor] < second[above]:
                second[above] = limit[sensor]


@njit(cache=True, nogil=True)
def _through(sensor, now, heard, limit, parent, second, periods):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """The gateway that a silent sensor is silent with, -1 for none.

    Nobody spoke through it since the first message of the sensor that is missed, and others behind it should have.
    """
    above = parent[sensor]
    if above < 0 or second[above] == FAR or heard[above] == NONE:
        return -1
    since = heard[sensor] + np.int64(_MISSED * limit[sensor] / periods)
    if heard[above] > since or now - heard[above] <= _MISSED * second[above] / periods:
        return -1
    for _ in range(_HOPS):
        higher = parent[above]
        if higher < 0 or second[higher] == FAR or heard[higher] == NONE or heard[higher] > since:
            break
        above = higher
    return above


@njit(cache=True, nogil=True)
def _under(sensor, parent, step):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - inlined
    """Whether a gateway above the sensor is known to be silent."""
    above = parent[sensor]
    for _ in range(_HOPS):
        if above < 0:
            break
        if step[above] > 0:
            return True
        above = parent[above]
    return False


@njit(cache=True, nogil=True)
def _scan(row, now, register, periods, ladder, sensors, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Raise what is due; finds the next deadline."""
    limit, heard, at, step, parent, late = sensors
    second = np.empty(len(step), np.int64)
    _fastest(limit, heard, parent, second)
    due = FAR
    for sensor in range(len(step)):
        if heard[sensor] == NONE or limit[sensor] == FAR:
            continue
        while step[sensor] < len(ladder) and now - heard[sensor] >= limit[sensor] + late[sensor] + ladder[step[sensor]]:
            if step[sensor] == 0 and not _under(sensor, parent, step):
                above = _through(sensor, now, heard, limit, parent, second, periods)
                if above >= 0:
                    entry = (row, above * TIMELINES, 0, 0, at[above], register[ARRIVAL])
                    found, values = emit(found, values, count, entry, (now - heard[above]) / 1e9)
                    count += 1
                    step[above] = 1
                    if len(ladder) > 1:
                        due = min(due, heard[above] + limit[above] + ladder[1])
            if step[sensor] == 0 and _under(sensor, parent, step):
                break
            phase = 1 if step[sensor] > 0 else 0
            entry = (row, sensor * TIMELINES, phase, step[sensor], at[sensor], register[ARRIVAL])
            found, values = emit(found, values, count, entry, (now - heard[sensor]) / 1e9)
            count += 1
            step[sensor] += 1
        if step[sensor] < len(ladder) and not (step[sensor] == 0 and _under(sensor, parent, step)):
            due = min(due, heard[sensor] + limit[sensor] + late[sensor] + ladder[step[sensor]])
    register[DUE] = due
    return found, values, count


@njit(cache=True, nogil=True)
def _learn(sensor, interval, periods, floor, limit, unknown, intervals, filled):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """Take an interval in; when enough have come, the limit follows from them, or goes back to that of the unknown."""
    intervals[sensor, filled[sensor]] = min(interval // 1_000_000, np.int64(2**31 - 1))
    filled[sensor] += 1
    if filled[sensor] < INTERVALS:
        return
    filled[sensor] = 0
    last = np.sort(intervals[sensor])
    middle = last[INTERVALS // 2]
    even = np.sum(np.abs(last - middle) <= _EVEN_SHARE * middle)
    told = max(np.int64(periods * middle * 1e6), floor)
    limit[sensor] = min(told, unknown) if even >= _EVEN else unknown


@njit(cache=True, nogil=True)
def _return(above, now, register, parent, heard, step):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined
    """A gateway is back: everything behind it that was not silent by itself gets its whole time anew."""
    register[DUE] = min(register[DUE], now)
    for sensor in range(len(parent)):
        if step[sensor] > 0 or heard[sensor] == NONE:
            continue
        higher = parent[sensor]
        for _ in range(_HOPS):
            if higher < 0:
                break
            if higher == above:
                heard[sensor] = now
                break
            higher = parent[higher]


@njit(cache=True, nogil=True)
def _lift(row, above, now, arrival, register, sensors, found, values, count):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202, PLR0917 - inlined loop body
    """Something was heard through these gateways."""
    heard, at, step, parent = sensors[1], sensors[2], sensors[3], sensors[4]
    for _ in range(_HOPS):
        if above < 0:
            break
        was, begun = step[above], at[above]
        heard[above], at[above], step[above] = now, arrival, 0
        if was > 0:
            entry = (row, above * TIMELINES, 2, was - 1, begun, arrival)
            found, values = emit(found, values, count, entry, 0.0)
            count += 1
            _return(above, now, register, parent, heard, step)
        above = parent[above]
    return found, values, count


@njit(cache=True, nogil=True)
def listen(  # noqa: C901, PLR0912, PLR0917 - compiled: arrays one by one, one loop
    rows: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]],
    spans: tuple[float, int, int, int, int],
    ladder: NDArray[np.int64],
    register: NDArray[np.int64],
    sensors: tuple[
        NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]
    ],
    learning: tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int64]],
    found: NDArray[np.int64],
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64], int]:
    """Go through a batch.

    rows: sensor, event time, arrival, whether it is the service's tick, whether it says that the sensor is gone.
    spans: periods that make a silence, limit of an unknown period, shortest limit learned, longest gap that is not our
    own downtime, longest lateness that is waited for. ladder: further spans after the limit, the first 0.
    sensors: limit (FAR: not watched), when it was last heard on the clock that skips our own downtime, and as arrival
    time, step of the ladder, code of its gateway or -1, how late its messages come, which is waited for too.
    learning: whether a period is to be learned, the last intervals (ms), how many there are.
    A gateway is heard whenever something behind it is. Deadlines are looked at on whole seconds: that bounds the scans.
    """
    codes, times, arrivals, tick, gone = rows
    periods, unknown, floor, gap_ns, late_max = spans
    limit, heard, at, step, parent, late = sensors
    learns, intervals, filled = learning
    count = 0
    for row in range(len(codes)):
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
            found, values, count = _scan(row, whole, register, periods, ladder, sensors, found, values, count)
        if tick[row]:
            register[TICKING] = 1
            continue
        sensor = codes[row]
        if limit[sensor] == FAR:
            continue
        was, begun, above = step[sensor], at[sensor], parent[sensor]
        if learns[sensor] and heard[sensor] != NONE and now - heard[sensor] >= SECOND_NS and not gone[row]:
            _learn(sensor, now - heard[sensor], periods, floor, limit, unknown, intervals, filled)
        behind = arrivals[row] - times[row]
        if SECOND_NS <= behind <= late_max:  # older than that is no delay but a store that is emptied
            late[sensor] = max(late[sensor], behind)
        if arrivals[row] != at[sensor]:  # once a message
            late[sensor] -= late[sensor] // _LATE_STEPS
        heard[sensor] = now
        at[sensor] = arrivals[row]
        if gone[row]:
            if was > 0 or _under(sensor, parent, step):
                continue
            step[sensor] = 1
            entry = (row, sensor * TIMELINES, 0, 0, arrivals[row], arrivals[row])
            found, values = emit(found, values, count, entry, 0.0)
            count += 1
            register[DUE] = min(register[DUE], now + limit[sensor])
            continue
        step[sensor] = 0
        register[DUE] = min(register[DUE], now + limit[sensor])
        if was > 0:
            entry = (row, sensor * TIMELINES, 2, was - 1, begun, arrivals[row])
            found, values = emit(found, values, count, entry, 0.0)
            count += 1
            _return(sensor, now, register, parent, heard, step)
        found, values, count = _lift(row, above, now, arrivals[row], register, sensors, found, values, count)
    return found, values, count
